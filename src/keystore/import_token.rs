//! Import tokens: the private half of a wrapping key, sealed, with what it may be used for. `docs/KEYS.md`, "Import".

use super::import::WrappingAlgorithm;
use super::names::KeyId;
use super::secrets::Secrets;
use super::time::Time;
use crate::crypto::{Kem, RsaPair, SealingSecret, fill_random, rsa_generate, rsa_open, with_lane};
use crate::error::{Error, Result};
use crate::secret::{Key32, OnFork, SecretBytes};

const MAGIC: [u8; 4] = *b"KFT\x01";
/// Magic (4) ‖ algorithm (1) ‖ zero (1) ‖ key id (16) ‖ imports (4) ‖ expiry (8): authenticated, before the nonce.
const NAMED: usize = 34;
const PRIVATE: usize = NAMED + 24;
const TAG: usize = 16;
const INFO: &[u8] = b"keyfold-import-1";

/// Not sealed by this store, or changed since.
const NOT_OURS: Error =
    Error::InvalidImportToken { why: "is not one that this store gave, or is damaged; get new parameters" };

/// What a token says.
pub(super) struct Token {
    pub(super) algorithm: WrappingAlgorithm,
    pub(super) key_id: KeyId,
    /// How many imports the key had when the token was made: the next one uses it up.
    pub(super) imports: u32,
    pub(super) expires: Time,
}

impl Token {
    fn named(&self) -> [u8; NAMED] {
        let mut out = [0; NAMED];
        out[..4].copy_from_slice(&MAGIC);
        out[4] = match self.algorithm {
            WrappingAlgorithm::RsaOaep3072 => 1,
            WrappingAlgorithm::RsaOaep4096 => 2,
            WrappingAlgorithm::HpkeX25519 => 3,
            WrappingAlgorithm::HpkeXWing => 4,
        };
        out[6..22].copy_from_slice(&self.key_id.0);
        out[22..26].copy_from_slice(&self.imports.to_be_bytes());
        out[26..].copy_from_slice(&self.expires.0.to_be_bytes());
        out
    }

    /// HPKE's info: of no use to RSA.
    pub(super) fn info(&self) -> Vec<u8> {
        match self.algorithm {
            WrappingAlgorithm::RsaOaep3072 | WrappingAlgorithm::RsaOaep4096 => Vec::new(),
            WrappingAlgorithm::HpkeX25519 | WrappingAlgorithm::HpkeXWing => [INFO, &self.key_id.0].concat(),
        }
    }

    /// The token: what it says ‖ nonce (24) ‖ the private half under K_mat.
    pub(super) fn seal(&self, secrets: &Secrets, pair: &WrappingPair) -> Result<Vec<u8>> {
        let (named, private) = (self.named(), pair.private());
        let mut out = vec![0; PRIVATE + private.len() + TAG];
        let aad = [named.as_slice(), &secrets.store_id].concat();
        let mut nonce = [0; 24];
        with_lane(|lane| secrets.material.wrap(lane, &aad, private, &mut nonce, &mut out[PRIVATE..]))?;
        out[..NAMED].copy_from_slice(&named);
        out[NAMED..PRIVATE].copy_from_slice(&nonce);
        Ok(out)
    }

    /// INVALID_IMPORT_TOKEN for everything that this store did not seal.
    pub(super) fn open(bytes: &[u8], secrets: &Secrets) -> Result<(Token, WrappingPair)> {
        let (named, rest) = bytes.split_first_chunk::<NAMED>().ok_or(NOT_OURS)?;
        let (nonce, sealed) = rest.split_first_chunk::<24>().ok_or(NOT_OURS)?;
        let algorithm = match named {
            [b'K', b'F', b'T', 1, 1, 0, ..] => WrappingAlgorithm::RsaOaep3072,
            [b'K', b'F', b'T', 1, 2, 0, ..] => WrappingAlgorithm::RsaOaep4096,
            [b'K', b'F', b'T', 1, 3, 0, ..] => WrappingAlgorithm::HpkeX25519,
            [b'K', b'F', b'T', 1, 4, 0, ..] => WrappingAlgorithm::HpkeXWing,
            _ => return Err(NOT_OURS),
        };
        let len = sealed.len().checked_sub(TAG).filter(|len| (32..=SecretBytes::MAX).contains(len));
        let mut private = SecretBytes::zeroed(len.ok_or(NOT_OURS)?, secrets.on_fork)?;
        let aad = [named.as_slice(), &secrets.store_id].concat();
        with_lane(|lane| {
            let opened = secrets.material.unwrap(lane, nonce, &aad, sealed, private.expose_mut());
            opened.map_err(|_| NOT_OURS)
        })?;
        let mut token = Token { algorithm, key_id: KeyId([0; 16]), imports: 0, expires: Time(0) };
        token.key_id.0.copy_from_slice(&named[6..22]);
        let (mut imports, mut expires) = ([0; 4], [0; 8]);
        imports.copy_from_slice(&named[22..26]);
        expires.copy_from_slice(&named[26..]);
        (token.imports, token.expires) = (u32::from_be_bytes(imports), Time(u64::from_be_bytes(expires)));
        let pair = match kem(algorithm) {
            None => WrappingPair::Rsa(RsaPair { private, public: Vec::new() }),
            Some(kem) => {
                let seed: &[u8; 32] = private.expose().try_into().map_err(|_| NOT_OURS)?;
                let seed = Key32::new_with(secrets.on_fork, |out| {
                    out.copy_from_slice(seed);
                    Ok(())
                })?;
                WrappingPair::Hpke(SealingSecret::new(kem, seed)?)
            }
        };
        Ok((token, pair))
    }
}

fn kem(algorithm: WrappingAlgorithm) -> Option<Kem> {
    match algorithm {
        WrappingAlgorithm::RsaOaep3072 | WrappingAlgorithm::RsaOaep4096 => None,
        WrappingAlgorithm::HpkeX25519 => Some(Kem::X25519),
        WrappingAlgorithm::HpkeXWing => Some(Kem::XWing),
    }
}

/// A wrapping key of one import.
pub(super) enum WrappingPair {
    Rsa(RsaPair),
    Hpke(SealingSecret),
}

impl WrappingPair {
    pub(super) fn draw(algorithm: WrappingAlgorithm, on_fork: OnFork) -> Result<WrappingPair> {
        if let Some(kem) = kem(algorithm) {
            let seed = Key32::new_with(on_fork, |out| fill_random(out))?;
            return SealingSecret::new(kem, seed).map(WrappingPair::Hpke);
        }
        let bits = if algorithm == WrappingAlgorithm::RsaOaep4096 { 4_096 } else { 3_072 };
        rsa_generate(bits).map(WrappingPair::Rsa)
    }

    pub(super) fn public(&self) -> &[u8] {
        match self {
            WrappingPair::Rsa(pair) => &pair.public,
            WrappingPair::Hpke(pair) => pair.public(),
        }
    }

    fn private(&self) -> &[u8] {
        match self {
            WrappingPair::Rsa(pair) => pair.private.expose(),
            WrappingPair::Hpke(pair) => pair.seed().expose(),
        }
    }

    /// What was wrapped: for HPKE the encapsulated key, then the ciphertext. One error for all that does not open.
    pub(super) fn unwrap(&self, token: &Token, wrapped: &[u8], on_fork: OnFork) -> Result<SecretBytes> {
        match self {
            WrappingPair::Rsa(pair) => {
                let mut room = SecretBytes::zeroed(512, on_fork)?;
                let len = rsa_open(pair.private.expose(), wrapped, room.expose_mut())?;
                let mut out = SecretBytes::zeroed(len.max(1), on_fork)?;
                let len = out.expose().len();
                out.expose_mut().copy_from_slice(&room.expose()[..len]);
                Ok(out)
            }
            WrappingPair::Hpke(pair) => {
                let (encapsulated, sealed) =
                    wrapped.split_at_checked(pair.kem().encapsulated_size()).ok_or(Error::Auth)?;
                let len = sealed.len().checked_sub(TAG).filter(|len| (1..=512).contains(len));
                let mut out = SecretBytes::zeroed(len.ok_or(Error::Auth)?, on_fork)?;
                pair.open(&token.info(), &[], encapsulated, sealed, out.expose_mut())
                    .map_err(|_| Error::Auth)?;
                Ok(out)
            }
        }
    }
}
