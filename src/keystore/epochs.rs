//! What this process has seen of each store: the highest epoch, and a count of the changes it knows of.
//!
//! Kept for the life of the process, per store id, and shared by all handles on one store; so an older state is
//! refused even after everything was closed, and a change made through one handle is seen by all at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::backend::Mac;
use crate::crypto::ct_eq;
use crate::error::{Error, Result};
use crate::sync::ForkLock;

/// The highest manifest seen, by epoch.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    epoch: u64,
    mac: Mac,
}

pub(super) struct Seen {
    store_id: [u8; 16],
    mark: ForkLock<Mark>,
    /// Moves with every change of the store that this process knows of; handles compare it before each use.
    generation: AtomicU64,
}

// A leaf among the locks: nothing else is taken while it or a mark is held.
static SEEN: ForkLock<Vec<Arc<Seen>>> = ForkLock::new(Vec::new());

/// The process's memory of the store with this id.
pub(super) fn of(store_id: [u8; 16]) -> Arc<Seen> {
    let mut all = SEEN.lock();
    if let Some(seen) = all.iter().find(|seen| seen.store_id == store_id) {
        return seen.clone();
    }
    let seen =
        Arc::new(Seen { store_id, mark: ForkLock::new(Mark::default()), generation: AtomicU64::new(1) });
    all.push(seen.clone());
    seen
}

/// Forgets a store that lived in memory and is gone.
pub(super) fn forget(seen: &Arc<Seen>) {
    SEEN.lock().retain(|other| !Arc::ptr_eq(other, seen));
}

pub(super) fn hold() {
    let all = SEEN.lock();
    all.iter().for_each(|seen| seen.mark.lock().keep_across_fork());
    all.keep_across_fork();
}

pub(super) fn release() {
    if let Some(all) = SEEN.resume() {
        all.iter().for_each(|seen| drop(seen.mark.resume()));
    }
}

impl Seen {
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// To be taken before a snapshot begins: whatever that shows must not be older.
    pub(super) fn mark(&self) -> Mark {
        *self.mark.lock()
    }

    /// Whether a verified manifest may follow, that was read in a snapshot begun after `before` was taken.
    pub(super) fn check(&self, before: Mark, epoch: u64, mac: &Mac) -> Result<()> {
        if epoch < before.epoch {
            return Err(Error::StoreRolledBack { seen: before.epoch, found: epoch });
        }
        if epoch == before.epoch && !ct_eq(mac, &before.mac) {
            return Err(Error::StoreIntegrity {
                what: format!("manifest: epoch {epoch} was another state before").into(),
            });
        }
        Ok(())
    }

    /// Takes note of a state that is committed, or of the one a snapshot showed that stood to its end; handles look again before their next use.
    pub(super) fn note(&self, epoch: u64, mac: &Mac) {
        let mut mark = self.mark.lock();
        if epoch > mark.epoch {
            *mark = Mark { epoch, mac: *mac };
            self.generation.fetch_add(1, Ordering::Release);
        }
    }
}
