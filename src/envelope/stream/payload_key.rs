//! The payload key of a stream, between its calls.

use crate::crypto::Lane;
use crate::error::Result;
use crate::secret::{Key32, OnFork};

/// K (FORMAT.md 6.2), in a slot of secret memory.
pub(super) struct PayloadKey(Key32);

impl PayloadKey {
    /// Takes the key that a lane has made ready.
    pub(super) fn of(lane: &Lane, on_fork: OnFork) -> Result<PayloadKey> {
        Key32::new_with(on_fork, |slot| {
            slot.copy_from_slice(&lane.payload_key);
            Ok(())
        })
        .map(PayloadKey)
    }

    /// Makes it ready in a lane.
    ///
    /// # Errors
    /// FORKED, where it was wiped by a fork.
    pub(super) fn make_ready(&self, _lane: &mut Lane) -> Result<()> {
        todo!()
    }
}
