//! Whether a trail is whole: every entry in its place, every checkpoint true. Names the first bad entry.

use serde::Serialize;

use super::note::{SignedCheckpoint, VerifierKey};
use super::tree::Hash;
use crate::error::Result;

/// A trail to read. Implemented by the store, by tiles and by JSON Lines.
pub(crate) trait Log {
    /// Entries from `from` on, in order, at most `limit`; each with its sequence number as its place says. Fewer only at
    /// the end.
    fn entries(&mut self, from: u64, limit: usize) -> Result<Vec<(u64, String)>>;
    /// The checkpoints of more than `after` entries (`None`: all), by size, at most `limit`.
    fn checkpoints(&mut self, after: Option<u64>, limit: usize) -> Result<Vec<SignedCheckpoint>>;
    /// Whether the entry is the one that was written there, where the log can tell (a row's MAC). `None`: it cannot.
    fn genuine(&mut self, seq: u64, entry: &str) -> Result<Option<bool>>;
    /// The size and root hash that the log claims, where it does.
    fn head(&mut self) -> Result<Option<(u64, Hash)>>;
}

/// The first entry that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadEntry {
    /// Its sequence number, from 0.
    pub seq: u64,
    /// `changed`, `missing`, `reordered`, `bad checkpoint`, `rolled back`, `malformed`.
    pub kind: &'static str,
    /// For people.
    pub detail: String,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrailReport {
    /// Nothing is wrong.
    pub ok: bool,
    /// Events read.
    pub events: u64,
    /// Checkpoints verified.
    pub checkpoints: u64,
    /// The newest checkpoint that is true of the entries before it: its size.
    pub last_good_checkpoint: Option<u64>,
    /// Events after the newest checkpoint, which only the store's own secret vouches for.
    pub uncovered: u64,
    /// Times at which the clock went back between two events, by sequence number (at most 100).
    pub clock_steps: Vec<u64>,
    /// The first entry that is wrong.
    pub first_bad: Option<BadEntry>,
}

/// Verifies a whole log. `expected` is a checkpoint kept outside it (an anchor, a sink): the log must contain it.
pub(crate) fn verify(
    _log: &mut dyn Log,
    _key: &VerifierKey,
    _expected: Option<&str>,
    _progress: &mut dyn FnMut(u64, u64),
) -> Result<TrailReport> {
    todo!()
}
