//! An open store behind its handles: backend, secrets, and what this process knows about both.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::anchor::{self, Anchor};
use super::backend::{Access, Backend, DataVersion};
use super::change::{Change, Deed, change};
use super::clock::Opening;
use super::epochs::{self, Seen};
use super::fork::{self, Guarded};
use super::kept::Kept;
use super::key_inner::KeyInner;
use super::known::Known;
use super::names::{Alias, KeyId, KeyName};
use super::options::{ForkPolicy, OpenOptions};
use super::principal::Actor;
use super::secrets::Secrets;
use super::snapshot::Snapshot;
use super::trail;
use super::trail::Trail;
use crate::error::{Error, Result};
use crate::sync::{ForkLock, coarse_millis, fork_id};

pub(super) struct Inner {
    pub(super) backend: Box<dyn Backend>,
    pub(super) secrets: Secrets,
    pub(super) seen: Arc<Seen>,
    pub(super) options: OpenOptions,
    pub(super) local: Arc<Local>,
    /// Who this handle acts as.
    pub(super) actor: Actor,
    /// The memory outside the store.
    pub(super) anchor: Anchor,
    /// What the trail needs to know between calls.
    pub(super) trail: Trail,
    /// Tells this opening of the store from others.
    pub(super) opening: Opening,
    /// The fork id under which the secrets were made.
    born: u64,
    /// Until when what is known may be used without a look for changes by others: coarse milliseconds, counted from the
    /// beginning of the last look that found everything well. `u64::MAX` where nobody else can reach the store.
    fresh_until: AtomicU64,
    /// Snapshots taken so far.
    #[cfg(test)]
    reads: AtomicU64,
}

/// What handles of one open store share and change. A leaf among the locks.
pub(super) struct Local(ForkLock<Shared>, Arc<Known>);

pub(super) struct Shared {
    pub(super) kept: Kept,
    /// The root slot that opened the store.
    pub(super) slot_in_use: Option<[u8; 16]>,
    last_look: Option<DataVersion>,
}

impl Inner {
    pub(super) fn new(
        backend: Box<dyn Backend>,
        secrets: Secrets,
        seen: Arc<Seen>,
        options: OpenOptions,
        actor: Actor,
        anchor: Anchor,
        slot_in_use: Option<[u8; 16]>,
    ) -> Arc<Inner> {
        let trail = Trail::new(&options, &actor, &secrets);
        let shared = Shared { kept: Kept::default(), slot_in_use, last_look: None };
        let local = Arc::new(Local(ForkLock::new(shared), secrets.known.clone()));
        fork::register(local.clone());
        Arc::new(Inner {
            backend,
            secrets,
            seen,
            options,
            local,
            actor,
            anchor,
            trail,
            opening: Opening::draw(),
            born: fork_id(),
            fresh_until: AtomicU64::new(0),
            #[cfg(test)]
            reads: AtomicU64::new(0),
        })
    }

    /// FORKED in a child that may not use this store, STORE_POISONED after a failed sync.
    #[inline]
    pub(super) fn check_usable(&self) -> Result<()> {
        if fork_id() != self.born && self.options.fork == ForkPolicy::Wipe {
            return Err(Error::Forked);
        }
        self.backend.check_usable()
    }

    /// FORKED in a child that may not use this store, or came to be past the fork handlers: there no lock may be taken.
    pub(super) fn check_forked(&self) -> Result<()> {
        if fork_id() != self.born && self.options.fork == ForkPolicy::Wipe || !fork::is_settled() {
            return Err(Error::Forked);
        }
        Ok(())
    }

    /// Runs `work` on one verified state of the store; again, where the file was read past its locks and moved.
    pub(super) fn read<R>(&self, mut work: impl FnMut(&mut Snapshot<'_>) -> Result<R>) -> Result<R> {
        let deadline = Instant::now() + self.options.busy_timeout;
        loop {
            self.check_usable()?;
            #[cfg(test)]
            self.reads.fetch_add(1, Ordering::Relaxed);
            let mut snapshot = Snapshot::begin(&*self.backend, &self.secrets, &self.seen, Access::Read)?;
            let result = work(&mut snapshot);
            match snapshot.end(&self.seen) {
                Ok(()) => return result,
                Err(Error::StoreBusy) if Instant::now() < deadline => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs `work` in one transaction, as what the deed says.
    pub(super) fn change<R>(&self, deed: Deed, work: impl FnOnce(&mut Change<'_>) -> Result<R>) -> Result<R> {
        let may = match self.options.read_only {
            true => Err(Error::StoreReadOnly),
            false => Ok(()),
        };
        if let Err(error) = self.check_usable().and(may) {
            trail::refused(self, deed, Vec::new(), &error);
            return Err(error);
        }
        change(self, deed, work)
    }

    /// Looks for changes by other processes if it is time to. Costs one clock reading when it is not. Answers the coarse
    /// clock's milliseconds.
    ///
    /// Every call that finds it time looks for itself. A look is two `stat` calls while nothing moves, and whoever went
    /// on while another thread looked would use a key whose store may be gone.
    #[inline]
    pub(super) fn look_if_due(&self) -> Result<u64> {
        let now = coarse_millis();
        // Acquire: who sees that somebody looked sees the generation that was found.
        if now >= self.fresh_until.load(Ordering::Acquire) {
            self.look(now)?;
        }
        Ok(now)
    }

    #[cold]
    fn look(&self, now: u64) -> Result<()> {
        let until = match self.look_now()? {
            true => {
                let interval = u64::try_from(self.options.refresh.as_millis()).unwrap_or(u64::MAX);
                now.saturating_add(interval).min(u64::MAX - 1)
            }
            false => u64::MAX,
        };
        self.fresh_until.fetch_max(until, Ordering::Release);
        anchor::attend(self);
        Ok(())
    }

    /// The manifest is read only where file or log moved since the last look, or might have. False where nobody else
    /// can reach the store.
    fn look_now(&self) -> Result<bool> {
        let Some(version) = self.backend.data_version()? else { return Ok(false) };
        if self.local.0.lock().last_look == Some(version) {
            return Ok(true);
        }
        // Taken before the snapshot, and only trusted when it is old enough to tell the next change apart.
        self.read(|_| Ok(()))?;
        self.local.0.lock().last_look = (!version.young).then_some(version);
        Ok(true)
    }

    /// Whether the next look may find nothing to do by its stamps alone.
    #[cfg(all(test, feature = "sqlite"))]
    pub(super) fn remembers_look(&self) -> bool {
        self.local.0.lock().last_look.is_some()
    }

    /// How many snapshots were taken so far.
    #[cfg(all(test, feature = "sqlite"))]
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// The handle kept for a key, if there is one.
    pub(super) fn kept_handle(&self, id: KeyId) -> Option<Arc<KeyInner>> {
        self.local.0.lock().kept.by_id(id)
    }

    /// The handle kept for the key that an alias leads to. It is valid for one generation of the store: until this
    /// process changes anything in it, or finds in a look (at most a refresh interval apart) that others did.
    pub(super) fn kept_by_alias(&self, alias: &Alias) -> Result<Option<Arc<KeyInner>>> {
        self.look_if_due()?;
        let generation = self.seen.generation();
        Ok(self.local.0.lock().kept.by_alias(alias, generation))
    }

    /// Keeps a handle, read under this name in a snapshot begun at this generation; the one that is kept already wins
    /// over a new one.
    pub(super) fn keep_handle(
        &self,
        name: &KeyName,
        generation: u64,
        handle: Arc<KeyInner>,
    ) -> Arc<KeyInner> {
        let id = handle.id();
        let (kept, let_go) = {
            let mut shared = self.local.0.lock();
            if let KeyName::Alias(alias) = name {
                shared.kept.keep_alias(alias, id, generation);
            }
            shared.kept.keep(id, handle)
        };
        drop(let_go);
        kept
    }

    pub(super) fn with_local<R>(&self, work: impl FnOnce(&mut Shared) -> R) -> R {
        work(&mut self.local.0.lock())
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.backend.path()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        fork::forget(&self.local);
        trail::close(self);
        anchor::close(self);
        if self.path().is_none() && fork::is_settled() {
            epochs::forget(&self.seen);
        }
    }
}

impl Guarded for Local {
    fn hold(&self) {
        self.0.lock().keep_across_fork();
        self.1.hold();
    }
    fn release(&self, _in_child: bool) {
        self.1.release();
        drop(self.0.resume());
    }
}
