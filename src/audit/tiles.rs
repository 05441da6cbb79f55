//! The trail for others: C2SP tlog-tiles in a folder, and the verification of what was exported, without the store.

use std::path::Path;

use super::note::VerifierKey;
use super::verify::{Log, TrailReport};
use crate::error::Result;

/// Writes `checkpoint`, `tile/…` and `tile/entries/…` under a folder; goes on where an earlier export ended. `note` is
/// the signed checkpoint to export up to.
pub(crate) fn export_tiles(_log: &mut dyn Log, _note: &str, _folder: &Path) -> Result<u64> {
    todo!()
}

/// Verifies an exported folder.
///
/// # Errors
/// IO; what is wrong with the trail stands in the report.
pub fn verify_tiles(_folder: &Path, _key: &VerifierKey) -> Result<TrailReport> {
    todo!()
}

/// Verifies JSON Lines files of a sink, in their order, against the checkpoints that stand among their lines.
///
/// # Errors
/// As [`verify_tiles`].
pub fn verify_jsonl(_files: &[&Path], _key: &VerifierKey) -> Result<TrailReport> {
    todo!()
}
