//! Locked, guarded, wiped memory for key bytes.
//!
//! Everything here lies in anonymous pages that are locked into memory (where the system allows), left out of core
//! dumps, fenced by guard pages and wiped on free. [`OnFork::Wipe`] pages read as zeros in a forked child.

use crate::error::Result;

/// What a forked child finds in a secret's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFork {
    /// Zeros (`MADV_WIPEONFORK`).
    Wipe,
    /// The same bytes; for stores opened with fork=inherit.
    Inherit,
}

/// 32 secret bytes in a slab slot. Never `Debug`, never `Clone`; wiped when dropped.
pub(crate) struct Key32 {
    _todo: (),
}

impl Key32 {
    /// A slot filled in place by `fill`; if `fill` fails the slot is wiped and freed.
    pub(crate) fn new_with(
        _on_fork: OnFork,
        _fill: impl FnOnce(&mut [u8; 32]) -> Result<()>,
    ) -> Result<Key32> {
        todo!()
    }

    /// The bytes. Copies of them must not be made outside this room's memory.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        todo!()
    }
}

/// 1 to 4,096 secret bytes in slab memory (passphrases, data keys for the caller, unwrapped documents).
pub(crate) struct SecretBytes {
    _todo: (),
}

impl SecretBytes {
    pub(crate) fn zeroed(_len: usize, _on_fork: OnFork) -> Result<SecretBytes> {
        todo!()
    }
    pub(crate) fn expose(&self) -> &[u8] {
        todo!()
    }
    pub(crate) fn expose_mut(&mut self) -> &mut [u8] {
        todo!()
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
    todo!()
}
