//! Sealing keys: the public half leaves the store, and whoever has it can encrypt and not decrypt. `docs/KEYS.md`,
//! "Sealing keys"; the cell is type 0x02 of docs/FORMAT.md, and the public half's bytes are its section 7B.

use super::handle::{Key, Wish};
use super::key_version::Version;
use super::material::spec_byte;
use super::names::KeyId;
use super::settle::Made;
use super::types::KeySpec;
use crate::crypto::{Kem, MaterialId, SealingSecret, ct_eq};
use crate::error::{Error, Result};
use crate::operation::Operation;

const MAGIC: [u8; 4] = *b"KFP\x01";
/// Magic (4) ‖ key id (16) ‖ version (4) ‖ material id (8) ‖ spec (1) ‖ zero (1).
const HEAD: usize = 34;

/// The public half of one version of a sealing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKey {
    pub(crate) key_id: KeyId,
    pub(crate) version: u32,
    pub(crate) material_id: MaterialId,
    pub(crate) spec: KeySpec,
    pub(crate) public: Vec<u8>,
}

impl SealingKey {
    /// As [`SealingKey::to_bytes`] wrote it; checked as far as a public key can be: its size, its material id, and that
    /// it is a point, and an ML-KEM key, that may be sealed to.
    ///
    /// # Errors
    /// INVALID_KEY_MATERIAL; UNSUPPORTED_FORMAT for one of a later version.
    pub fn from_bytes(bytes: &[u8]) -> Result<SealingKey> {
        let bad = |why| Err(Error::InvalidKeyMaterial { why });
        let Some((head, public)) = bytes.split_first_chunk::<HEAD>() else {
            return bad("it is not the public half of a sealing key");
        };
        match head {
            [b'K', b'F', b'P', 1, ..] => {}
            [b'K', b'F', b'P', found, ..] if *found > 1 => {
                return Err(Error::UnsupportedFormat { found: *found });
            }
            _ => return bad("it is not the public half of a sealing key"),
        }
        let mut key = SealingKey {
            key_id: KeyId([0; 16]),
            version: 0,
            material_id: [0; 8],
            spec: KeySpec::X25519,
            public: public.to_vec(),
        };
        key.key_id.0.copy_from_slice(&head[4..20]);
        let mut version = [0; 4];
        version.copy_from_slice(&head[20..24]);
        key.version = u32::from_be_bytes(version);
        key.material_id.copy_from_slice(&head[24..32]);
        let sealing = [KeySpec::X25519, KeySpec::XWing];
        match sealing.into_iter().find(|spec| spec_byte(*spec) == head[32]) {
            Some(spec) => key.spec = spec,
            None => return bad("it is of a kind that this version of the library does not know"),
        }
        if head[33] != 0 || key.version == 0 {
            return bad("it is not the public half of a sealing key");
        }
        if !ct_eq(&SealingSecret::material_id(head[32], public), &key.material_id) {
            return bad("it was changed, or cut off: its material id does not agree");
        }
        match key.kem().is_public_key(public) {
            true => Ok(key),
            false => bad("it is not a public key of its kind"),
        }
    }

    /// For a file or a configuration: not secret, and not authenticated by itself; get it over a channel you trust.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + self.public.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.key_id.0);
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.material_id);
        out.extend_from_slice(&[spec_byte(self.spec), 0]);
        out.extend_from_slice(&self.public);
        out
    }

    /// The key it is the public half of.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// That key's version.
    pub fn version(&self) -> u32 {
        self.version
    }

    pub(crate) fn kem(&self) -> Kem {
        match self.spec {
            KeySpec::XWing => Kem::XWing,
            _ => Kem::X25519,
        }
    }
}

impl KeySpec {
    /// How cells of such a key encapsulate; `None` for keys that do not.
    pub(crate) fn kem(self) -> Option<Kem> {
        match self {
            KeySpec::X25519 => Some(Kem::X25519),
            KeySpec::XWing => Some(Kem::XWing),
            _ => None,
        }
    }
}

impl Key {
    /// The public half of the current version.
    ///
    /// # Errors
    /// INVALID_KEY_USAGE; the key's refusals.
    pub fn public_key(&self) -> Result<SealingKey> {
        let wish = Wish::without_context(Operation::GetPublicKey);
        self.view(&wish, |view| {
            let version = view.current()?;
            let key = public_half(self.spec(), version)?;
            Ok(Made::of(self, &wish, version, view.now).settle().map(|()| key))
        })
        .flatten()
    }
}

fn public_half(spec: KeySpec, version: &Version) -> Result<SealingKey> {
    Ok(SealingKey {
        key_id: version.key_id,
        version: version.version,
        material_id: version.material_id,
        spec,
        public: version.sealing()?.public().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::keystore::{CreateKey, Store};

    pub(crate) fn sealing_key(store: &Store, spec: KeySpec) -> Key {
        let made = store.create_key(&CreateKey { spec, ..CreateKey::default() }).unwrap();
        store.key_by_id(made.key_id).unwrap()
    }

    /// T-175. Mutations seen to fail it: no comparison of the material id; no look at the public key.
    #[test]
    fn a_public_half_reads_back_and_nothing_else_is_taken_for_one() {
        let store = Store::in_memory().unwrap();
        for (spec, size) in [(KeySpec::X25519, 66), (KeySpec::XWing, 1_250)] {
            let key = sealing_key(&store, spec).public_key().unwrap();
            let bytes = key.to_bytes();
            assert_eq!(bytes.len(), size);
            assert_eq!(SealingKey::from_bytes(&bytes), Ok(key.clone()));
            for at in (0..bytes.len()).filter(|at| !(4..24).contains(at)) {
                let mut changed = bytes.clone();
                changed[at] ^= 0x40;
                assert!(SealingKey::from_bytes(&changed).is_err(), "{spec:?} changed at {at}");
            }
            for len in (0..size).step_by(7) {
                assert!(SealingKey::from_bytes(&bytes[..len]).is_err());
            }
            // Of small order, with the material id that goes with it.
            let mut small = key.clone();
            let len = small.public.len();
            small.public[len - 32..].fill(0);
            small.material_id = SealingSecret::material_id(spec_byte(spec), &small.public);
            assert!(SealingKey::from_bytes(&small.to_bytes()).is_err());
            let mut later = bytes;
            later[3] = 2;
            assert_eq!(SealingKey::from_bytes(&later).unwrap_err().status(), Status::UnsupportedFormat);
        }
        let other = sealing_key(&store, KeySpec::Symmetric);
        assert_eq!(other.public_key().unwrap_err().status(), Status::InvalidKeyUsage);
    }
}
