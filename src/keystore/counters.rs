//! Counts of uses as the store keeps them, merged over processes: `docs/KEYS.md`, "Counters".

use super::inner::Inner;
use super::snapshot::Snapshot;
use super::usage::Counted;
use crate::error::Result;

/// Adds what this process counted to its rows, in the transaction that also writes the aggregated events.
pub(super) fn add(_inner: &Inner, _snapshot: &mut Snapshot<'_>, _counted: &[Counted]) -> Result<()> {
    Ok(())
}
