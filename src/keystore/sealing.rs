//! Sealing keys: the public half leaves the store, and whoever has it can encrypt and not decrypt. `docs/KEYS.md`,
//! "Sealing keys"; the cell is type 0x02 of docs/FORMAT.md.

use super::handle::Key;
use super::names::KeyId;
use super::types::KeySpec;
use crate::crypto::MaterialId;
use crate::error::Result;

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
    /// As [`SealingKey::to_bytes`] wrote it; checked as far as a public key can be.
    ///
    /// # Errors
    /// INVALID_KEY_MATERIAL.
    pub fn from_bytes(_bytes: &[u8]) -> Result<SealingKey> {
        todo!()
    }

    /// For a file or a configuration: not secret, and not authenticated by itself; get it over a channel you trust.
    pub fn to_bytes(&self) -> Vec<u8> {
        todo!()
    }
}

impl Key {
    /// The public half of the current version.
    ///
    /// # Errors
    /// INVALID_KEY_USAGE; the key's refusals.
    pub fn public_key(&self) -> Result<SealingKey> {
        todo!()
    }
}
