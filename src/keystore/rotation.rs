//! Rotation: on demand, by period, by count, at the end of an originator period. `docs/KEYS.md`, "Rotation".

use super::Store;
use super::document::KeyDocument;
use super::handle::KeyInner;
use super::inner::Inner;
use super::names::KeyName;
use super::time::Time;
use super::types::{KeyMetadata, PageRequest, VersionMetadata};
use crate::error::Result;

use serde::Serialize;

/// When a key rotates next by its period.
pub(super) fn next(_key: &KeyDocument) -> Option<Time> {
    None
}

/// Rotates a key that is due; exactly once, whatever other processes do. Answers in how many milliseconds at most it
/// wants to be asked again.
pub(super) fn attend(_inner: &Inner, _key: &KeyInner) -> Result<u64> {
    Ok(60_000)
}

/// How a key's rotation stands.
#[derive(Clone, Debug, Serialize)]
pub struct RotationStatus {
    /// The key.
    pub key_id: String,
    /// Whether it rotates by period.
    pub key_rotation_enabled: bool,
    /// Days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_period_in_days: Option<u32>,
    /// RFC 3339: its next rotation by period, or by the end of its current version's originator period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation_date: Option<String>,
    /// Whether it is due now.
    pub due: bool,
    /// Rotations on demand so far, and how many there may be.
    pub on_demand_rotations: u32,
    #[allow(missing_docs)]
    pub on_demand_limit: u32,
}

/// A page of a key's versions as rotations, the newest first (KMS's ListKeyRotations with ALL_KEY_MATERIAL).
#[derive(Clone, Debug, Serialize)]
pub struct RotationPage {
    /// Versions.
    pub rotations: Vec<VersionMetadata>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl Store {
    /// Whether and when a key rotates.
    pub fn key_rotation_status(&self, _name: &KeyName) -> Result<RotationStatus> {
        todo!()
    }

    /// A key's versions: when, why, by whom.
    pub fn list_key_rotations(&self, _name: &KeyName, _page: &PageRequest) -> Result<RotationPage> {
        todo!()
    }

    /// Rotates every key that is due, many in one transaction; for cron. `progress` is told how many of how many keys
    /// were looked at.
    pub fn rotate_due(&self, _progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<KeyMetadata>> {
        todo!()
    }
}
