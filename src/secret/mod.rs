//! Locked, guarded, wiped memory for key bytes.
//!
//! Everything here lies in anonymous pages that are locked into memory (where the system allows), left out of core
//! dumps, fenced by guard pages and wiped on free. [`OnFork::Wipe`] pages read as zeros in a forked child.
//!
//! Nothing here takes a lock, so a fork in another thread's allocation leaves nothing held in the child: runs of
//! slots are found through push-only lists, and slots are claimed and freed by single bits. Pages are never
//! unlocked or unmapped once made; what is freed is used again.

mod pages;
mod place;
mod pool;
mod slab;
mod wipe;

pub(crate) use pages::relock;
pub(crate) use place::Either;
pub(crate) use pool::{Pool, Taken, ZeroValid, zero_valid, zeroed};
pub(crate) use wipe::{scrub_stack, wipe, wipe_words};

use crate::error::{Error, Result};
use slab::Slot;

/// What a forked child finds in a secret's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFork {
    /// Zeros (`MADV_WIPEONFORK`).
    Wipe,
    /// The same bytes; for stores opened with fork=inherit.
    Inherit,
}

/// 32 secret bytes in a slab slot. Never `Debug`, never `Clone`; wiped when dropped.
pub(crate) struct Key32(Slot);

impl Key32 {
    /// A slot filled in place by `fill`; if `fill` fails the slot is wiped and freed.
    pub(crate) fn new_with(on_fork: OnFork, fill: impl FnOnce(&mut [u8; 32]) -> Result<()>) -> Result<Key32> {
        let mut slot = Slot::new(32, on_fork)?;
        fill(slot.as_array_mut())?;
        Ok(Key32(slot))
    }

    /// The bytes. Copies of them must not be made outside this room's memory.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.as_array()
    }

    /// Whether this key's bytes were wiped by a fork: it was made in another process than the one that asks, in
    /// pages that children do not inherit.
    pub(crate) fn lost_to_fork(&self) -> bool {
        self.0.lost_to_fork()
    }
}

/// 1 to 4,096 secret bytes in slab memory (passphrases, data keys for the caller, unwrapped documents).
pub(crate) struct SecretBytes {
    slot: Slot,
    len: usize,
}

impl SecretBytes {
    /// The longest one, in bytes.
    pub(crate) const MAX: usize = 4096;

    /// `len` zero bytes. Errors: TOO_LARGE over [`SecretBytes::MAX`], INVALID_ARGUMENT for none at all.
    pub(crate) fn zeroed(len: usize, on_fork: OnFork) -> Result<SecretBytes> {
        if len == 0 {
            return Err(Error::InvalidArgument { what: "a secret of no bytes" });
        }
        if len > Self::MAX {
            return Err(Error::TooLarge { what: "the secret's size", limit: Self::MAX as u64 });
        }
        Ok(SecretBytes { slot: Slot::new(len, on_fork)?, len })
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.slot.bytes()[..self.len]
    }

    pub(crate) fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.slot.bytes_mut()[..self.len]
    }

    /// Whether a fork wiped these bytes; see [`Key32::lost_to_fork`].
    pub(crate) fn lost_to_fork(&self) -> bool {
        self.slot.lost_to_fork()
    }
}

/// How the secret pages of this process are really protected; shown by `doctor` and over the C ABI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Bytes of secret memory in use by pages.
    pub bytes: u64,
    /// Of these, bytes the system refused to lock (they can reach swap).
    pub unlocked_bytes: u64,
    /// Of these, bytes that could not be kept out of core dumps.
    pub dumpable_bytes: u64,
    /// Of the bytes meant to be wiped in forked children, those the system refused to mark.
    pub not_wiped_bytes: u64,
}

/// The protection of all secret pages of this copy of the library.
pub(crate) fn protection() -> Protection {
    relock();
    pages::protection()
}

#[cfg(test)]
mod tests;
