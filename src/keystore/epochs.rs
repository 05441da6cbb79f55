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
    /// Which incarnation: a restore begins the next one.
    pub(super) life: u64,
    pub(super) epoch: u64,
    pub(super) mac: Mac,
    /// The admin root's public key, where there is one: it stays.
    pub(super) admin: Option<[u8; 32]>,
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

/// A memory for a store that is being made and has not its name yet: nobody else knows of it.
#[cfg(feature = "sqlite")]
pub(super) fn apart(store_id: [u8; 16]) -> Arc<Seen> {
    let (mark, generation) = (ForkLock::new(Mark::default()), AtomicU64::new(1));
    Arc::new(Seen { store_id, mark, generation })
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
    ///
    /// # Errors
    /// STORE_ROLLED_BACK for an earlier state, STORE_FORKED for another one of the same epoch.
    pub(super) fn check(&self, before: Mark, found: Mark) -> Result<()> {
        let (was, is) = ((before.life, before.epoch), (found.life, found.epoch));
        if is < was {
            return Err(Error::StoreRolledBack { seen: before.epoch, found: found.epoch });
        }
        if is == was && !ct_eq(&found.mac, &before.mac) {
            return Err(Error::StoreForked { epoch: found.epoch });
        }
        if before.admin.is_some() && before.admin != found.admin {
            return Err(Error::StoreIntegrity {
                what: "manifest: it is not signed by the store's admin root".into(),
            });
        }
        Ok(())
    }

    /// Takes note of a state that is committed, or of the one a snapshot showed that stood to its end; handles look again
    /// before their next use.
    pub(super) fn note(&self, seen: Mark) {
        let mut mark = self.mark.lock();
        if (seen.life, seen.epoch) > (mark.life, mark.epoch) {
            *mark = seen;
            self.generation.fetch_add(1, Ordering::Release);
        }
    }
}
