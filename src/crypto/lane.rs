use super::AeadKey;
use crate::error::Result;

/// One call's workbench: generator, ready wrapping contexts and scratch for secrets, in locked wipe-on-fork pages.
/// A call takes one with a single compare-exchange; threads spread over lanes by `sync::thread_index`. All-zero
/// memory is the valid empty state, so a forked child finds every lane free, unseeded and empty.
pub(crate) struct Lane {
    /// Scratch for the call's own use; wiped by `with_lane` when the call is over (only what was marked used).
    pub(crate) dek: [u8; 1024],
    pub(crate) payload_key: [u8; 32],
    pub(crate) payload: AeadKey,
}

impl Lane {
    /// Fresh random bytes from this lane's generator (FORMAT.md "Randomness").
    pub(crate) fn fill(&mut self, _out: &mut [u8]) -> Result<()> {
        todo!()
    }
}

/// Runs `f` with a lane; no allocation after the lane's first use. `f` must not call `with_lane` again on its
/// path more than once deep (a nested call takes another lane).
pub(crate) fn with_lane<R>(_f: impl FnOnce(&mut Lane) -> Result<R>) -> Result<R> {
    todo!()
}

/// Fresh random bytes, outside a lane.
pub(crate) fn fill_random(_out: &mut [u8]) -> Result<()> {
    todo!()
}
