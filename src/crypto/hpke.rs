//! HPKE (RFC 9180) in base mode with HKDF-SHA-256 and AES-256-GCM, one message a key: DHKEM(X25519, HKDF-SHA-256), and
//! X-Wing (draft-connolly-cfrg-xwing-kem, KEM id 0x647A), the hybrid of X25519 and ML-KEM-768.

use std::convert::Infallible;

use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{
    Deserializable, OpModeR, OpModeS, Serializable, single_shot_open_inout_detached,
    single_shot_seal_inout_detached_with_rng,
};
use rand_core::{TryCryptoRng, TryRng};

use super::known_answers::Algorithm;
use super::{Lane, MaterialId, Unauthentic, sha256_into};
use crate::error::{Error, Result};
use crate::secret::{Key32, scrub_stack, wipe};

/// Bytes of the tag behind the ciphertext.
const TAG: usize = 16;
/// What the largest of the computations below leaves on the stack: X-Wing's.
const STACK: usize = 32 << 10;

/// How a secret is encapsulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kem {
    X25519,
    XWing,
}

impl Kem {
    /// Its number in IANA's registry of HPKE KEMs.
    pub(crate) const fn id(self) -> u16 {
        match self {
            Kem::X25519 => 0x0020,
            Kem::XWing => 0x647a,
        }
    }

    /// The KEM of this number.
    pub(crate) const fn of(id: u16) -> Option<Kem> {
        match id {
            0x0020 => Some(Kem::X25519),
            0x647a => Some(Kem::XWing),
            _ => None,
        }
    }

    /// Bytes of a public key.
    pub(crate) const fn public_size(self) -> usize {
        match self {
            Kem::X25519 => 32,
            Kem::XWing => 1_216,
        }
    }

    /// Bytes of an encapsulated key.
    pub(crate) const fn encapsulated_size(self) -> usize {
        match self {
            Kem::X25519 => 32,
            Kem::XWing => 1_120,
        }
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Kem::X25519 => Algorithm::HpkeX25519,
            Kem::XWing => Algorithm::HpkeXWing,
        }
    }

    /// Whether bytes are a public key that may be sealed to: of its size, its X25519 part canonical and of no small
    /// order, its ML-KEM part within the modulus.
    pub(crate) fn is_public_key(self, public: &[u8]) -> bool {
        if public.len() != self.public_size() {
            return false;
        }
        match self {
            Kem::X25519 => is_sound_point(public),
            Kem::XWing => {
                <XWing as hpke::Kem>::PublicKey::from_bytes(public).is_ok()
                    && is_sound_point(&public[public.len() - 32..])
            }
        }
    }

    /// Seals `secret` to a public key: the encapsulated key and the ciphertext, tag last, into exactly their sizes.
    /// Errors: INVALID_KEY_MATERIAL for what is no public key; RANDOM.
    pub(crate) fn seal(
        self,
        lane: &mut Lane,
        public: &[u8],
        info: &[u8],
        aad: &[u8],
        secret: &[u8],
        (encapsulated, out): (&mut [u8], &mut [u8]),
    ) -> Result<()> {
        self.algorithm().self_test()?;
        let mut drawn = Drawn::of(lane)?;
        let sealed = seal_with(self, &mut drawn, public, info, aad, secret, (encapsulated, out));
        scrub_stack::<STACK>();
        match sealed {
            _ if drawn.short => Err(Error::Internal { what: "an encapsulation wants more random bytes" }),
            Some(()) => Ok(()),
            None => Err(Error::InvalidKeyMaterial { why: "it is not a public key of its kind" }),
        }
    }
}

/// The private half of a sealing key: a seed of 32 bytes (for X25519 the scalar), in a slab slot.
pub(crate) struct SealingSecret {
    seed: Key32,
    kem: Kem,
    public: Box<[u8]>,
}

impl SealingSecret {
    pub(crate) fn new(kem: Kem, seed: Key32) -> Result<SealingSecret> {
        kem.algorithm().self_test()?;
        let public = public_of(kem, &seed);
        scrub_stack::<STACK>();
        let public = public.ok_or(Error::Internal { what: "a seed without a public key" })?;
        Ok(SealingSecret { seed, kem, public })
    }

    pub(crate) fn kem(&self) -> Kem {
        self.kem
    }

    pub(crate) fn public(&self) -> &[u8] {
        &self.public
    }

    /// The seed, for wrapping under another key only.
    pub(crate) fn seed(&self) -> &Key32 {
        &self.seed
    }

    /// Names a key pair by its public half: first 8 bytes of a SHA-256.
    pub(crate) fn material_id(spec: u8, public: &[u8]) -> MaterialId {
        let (mut hash, mut id) = ([0; 32], [0; 8]);
        sha256_into(&[b"keyfold/sealing-id/1", &[spec], public], &mut hash);
        id.copy_from_slice(&hash[..8]);
        id
    }

    /// Opens what [`Kem::seal`] sealed, into exactly its size; `out` is zero on failure.
    pub(crate) fn open(
        &self,
        info: &[u8],
        aad: &[u8],
        encapsulated: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), Unauthentic> {
        if self.seed.lost_to_fork() {
            wipe(out);
            return Err(Unauthentic);
        }
        let opened = open_with(self.kem, &self.seed, info, aad, encapsulated, sealed, out);
        scrub_stack::<STACK>();
        opened.ok_or_else(|| {
            wipe(out);
            Unauthentic
        })
    }
}

/// What [`SealingSecret`] and [`Kem::seal`] do, with the randomness given: the public key.
pub(super) fn known_answer(
    kem: Kem,
    seed: &Key32,
    random: [u8; 64],
    info: &[u8],
    aad: &[u8],
    secret: &[u8],
    outs: (&mut [u8], &mut [u8]),
) -> Option<Box<[u8]>> {
    let public = public_of(kem, seed)?;
    let mut drawn = Drawn { bytes: random, used: 0, short: false };
    seal_with(kem, &mut drawn, &public, info, aad, secret, outs)?;
    (!drawn.short).then_some(public)
}

fn seal_with(
    kem: Kem,
    drawn: &mut Drawn,
    public: &[u8],
    info: &[u8],
    aad: &[u8],
    secret: &[u8],
    (encapsulated, out): (&mut [u8], &mut [u8]),
) -> Option<()> {
    match kem {
        Kem::X25519 => seal::<X25519HkdfSha256>(public, info, aad, secret, drawn, encapsulated, out),
        Kem::XWing => seal::<XWing>(public, info, aad, secret, drawn, encapsulated, out),
    }
}

pub(super) fn open_with(
    kem: Kem,
    seed: &Key32,
    info: &[u8],
    aad: &[u8],
    encapsulated: &[u8],
    sealed: &[u8],
    out: &mut [u8],
) -> Option<()> {
    match kem {
        Kem::X25519 => open::<X25519HkdfSha256>(seed, info, aad, encapsulated, sealed, out),
        Kem::XWing => open::<XWing>(seed, info, aad, encapsulated, sealed, out),
    }
}

fn public_of(kem: Kem, seed: &Key32) -> Option<Box<[u8]>> {
    match kem {
        Kem::X25519 => public::<X25519HkdfSha256>(seed),
        Kem::XWing => public::<XWing>(seed),
    }
}

#[inline(never)]
fn seal<K: hpke::Kem>(
    public: &[u8],
    info: &[u8],
    aad: &[u8],
    secret: &[u8],
    drawn: &mut Drawn,
    encapsulated: &mut [u8],
    out: &mut [u8],
) -> Option<()> {
    let public = K::PublicKey::from_bytes(public).ok()?;
    let (body, tag_at) = out.split_at_mut_checked(secret.len())?;
    let buffer = InOutBuf::new(secret, body).ok()?;
    let mode = OpModeS::<K>::Base;
    let (enc, tag) = single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, K>(
        &mode, &public, info, buffer, aad, drawn,
    )
    .ok()?;
    let (enc, tag) = (enc.to_bytes(), tag.to_bytes());
    if enc.len() != encapsulated.len() || tag.len() != tag_at.len() {
        return None;
    }
    encapsulated.copy_from_slice(&enc);
    tag_at.copy_from_slice(&tag);
    Some(())
}

#[inline(never)]
fn open<K: hpke::Kem>(
    seed: &Key32,
    info: &[u8],
    aad: &[u8],
    encapsulated: &[u8],
    sealed: &[u8],
    out: &mut [u8],
) -> Option<()> {
    let private = K::PrivateKey::from_bytes(seed.expose()).ok()?;
    let enc = K::EncappedKey::from_bytes(encapsulated).ok()?;
    let (body, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
    let tag = AeadTag::<AesGcm256>::from_bytes(tag).ok()?;
    let buffer = InOutBuf::new(body, out).ok()?;
    let mode = OpModeR::<K>::Base;
    single_shot_open_inout_detached::<AesGcm256, HkdfSha256, K>(
        &mode, &private, &enc, info, buffer, aad, &tag,
    )
    .ok()
}

#[inline(never)]
fn public<K: hpke::Kem>(seed: &Key32) -> Option<Box<[u8]>> {
    let private = K::PrivateKey::from_bytes(seed.expose()).ok()?;
    Some(K::sk_to_pk(&private).to_bytes().to_vec().into_boxed_slice())
}

/// Random bytes drawn beforehand, because an encapsulation cannot be told that drawing failed.
struct Drawn {
    bytes: [u8; 64],
    used: usize,
    /// More was asked for than was there: what was made with it must not be used.
    short: bool,
}

impl Drawn {
    fn of(lane: &mut Lane) -> Result<Drawn> {
        let mut drawn = Drawn { bytes: [0; 64], used: 0, short: false };
        lane.fill(&mut drawn.bytes)?;
        Ok(drawn)
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        match self.bytes.get(self.used..self.used + out.len()) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                self.used += out.len();
            }
            None => {
                out.fill(0);
                self.short = true;
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

/// Whether 32 bytes are the one encoding of a point of Curve25519 (or its twist) that has no small order. Public.
fn is_sound_point(bytes: &[u8]) -> bool {
    // 2^255 - 19, least significant byte first.
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    let below = bytes.iter().rev().lt(p.iter().rev());
    below && !SMALL_ORDER.iter().any(|small| small == bytes)
}

/// The canonical u-coordinates of small order: 0, 1, two of order 8, and p − 1.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    {
        let mut last = [0xff; 32];
        (last[0], last[31]) = (0xec, 0x7f);
        last
    },
];

#[cfg(test)]
#[path = "hpke_tests.rs"]
mod tests;
