//! Signed notes and checkpoints: C2SP signed-note and tlog-checkpoint, Ed25519 (type 01).

use super::tree::Hash;
use crate::error::Result;
use crate::secret::Key32;

/// A checkpoint's text, verified or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: `keyfold.dev/store/` and the store id.
    pub origin: String,
    /// Events it covers.
    pub size: u64,
    /// RFC 6962 root hash.
    pub root: [u8; 32],
}

/// A name and an Ed25519 public key, as C2SP signed-note writes them: `NAME+HASH+BASE64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// The key's name; the checkpoint's origin.
    pub name: String,
    /// Ed25519.
    pub public: [u8; 32],
}

/// The seed that signs checkpoints, in locked memory. Never Debug.
pub(crate) struct SigningKey {
    name: String,
    seed: Key32,
}

impl std::str::FromStr for VerifierKey {
    type Err = crate::error::Error;
    fn from_str(_text: &str) -> Result<VerifierKey> {
        todo!()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

impl SigningKey {
    /// `seed` is 32 random bytes.
    pub(crate) fn new(name: String, seed: Key32) -> SigningKey {
        SigningKey { name, seed }
    }

    pub(crate) fn verifier(&self) -> VerifierKey {
        let _ = (&self.name, &self.seed);
        todo!()
    }
}

/// The signed note of a checkpoint.
pub(crate) fn sign(_key: &SigningKey, _size: u64, _root: &Hash) -> Result<String> {
    todo!()
}

/// A signed checkpoint of this log, its signature verified.
///
/// # Errors
/// TRAIL_INVALID.
pub(crate) fn parse_signed(_note: &str, _key: &VerifierKey) -> Result<Checkpoint> {
    todo!()
}
