//! A key's life beyond enabled and disabled: description, tags, policy, deletion, compromise. `docs/KEYS.md`.

use serde::Serialize;

use super::Store;
use super::names::KeyName;
use super::policy::KeyPolicy;
use super::types::KeyMetadata;
use crate::error::Result;

/// A key that [`Store::destroy_due`] destroyed.
#[derive(Clone, Debug, Serialize)]
pub struct Destroyed {
    /// Its id.
    pub key_id: String,
    /// Its wrapped material is out of the file, its log and its free pages. False: a reader holds old pages; the next
    /// call tries again.
    pub scrubbed: bool,
}

impl Store {
    /// Replaces a key's description.
    pub fn update_key_description(&self, _name: &KeyName, _description: &str) -> Result<KeyMetadata> {
        todo!()
    }

    /// Adds tags to a key, or replaces their values.
    pub fn tag_key(&self, _name: &KeyName, _tags: &[(String, String)]) -> Result<KeyMetadata> {
        todo!()
    }

    /// Removes tags of these names; names that it has not are no error.
    pub fn untag_key(&self, _name: &KeyName, _names: &[String]) -> Result<KeyMetadata> {
        todo!()
    }

    /// Replaces a key's whole policy.
    pub fn set_key_policy(&self, _name: &KeyName, _policy: &KeyPolicy) -> Result<KeyMetadata> {
        todo!()
    }

    /// Puts a key into PendingDeletion; it is destroyed by [`Store::destroy_due`] after `days` (7 to 30; 0 means 30).
    pub fn schedule_key_deletion(&self, _name: &KeyName, _days: u32) -> Result<KeyMetadata> {
        todo!()
    }

    /// Takes a key out of PendingDeletion; it is then Disabled.
    pub fn cancel_key_deletion(&self, _name: &KeyName) -> Result<KeyMetadata> {
        todo!()
    }

    /// Destroys every key whose waiting period is over: overwrites its wrapped material, leaves a tombstone, scrubs file
    /// and log. For cron; `open` does not do it.
    pub fn destroy_due(&self) -> Result<Vec<Destroyed>> {
        todo!()
    }

    /// Marks a key as compromised: it seals nothing more, and opens only for recovery ([`super::OpenOptions::recovery`]).
    /// There is no way back; make a new key and rewrap.
    pub fn mark_key_compromised(&self, _name: &KeyName, _reason: &str) -> Result<KeyMetadata> {
        todo!()
    }
}
