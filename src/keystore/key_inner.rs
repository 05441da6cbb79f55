//! A key as all its handles on one open store share it: kept up to date, and what is due seen to.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::inner::Inner;
use super::key_state::{Dates, State};
use super::names::KeyId;
use super::types::{KeySpec, KeyState};
use super::{counters, rotation, trail};
use crate::error::{Error, Result};
use crate::sync::Swap;

/// A key as this process holds it; shared by all its handles on one open store.
pub(super) struct KeyInner {
    pub(super) id: KeyId,
    pub(super) spec: KeySpec,
    /// The store's generation that `state` is known to be true for.
    pub(super) generation: AtomicU64,
    /// When something wants to be seen to (a rotation that is due, uses to be written down): coarse milliseconds.
    pub(super) attention: AtomicU64,
    /// The principal's uses may be limited in number by a grant.
    pub(super) limited: AtomicBool,
    /// A limit hangs on the counts of its versions.
    pub(super) rationed: AtomicBool,
    failures: counters::Failures,
    pub(super) state: Swap<State>,
}

impl KeyInner {
    pub(super) fn new(state: State, generation: u64) -> KeyInner {
        KeyInner {
            id: state.id,
            spec: state.spec,
            generation: AtomicU64::new(generation),
            attention: AtomicU64::new(0),
            limited: AtomicBool::new(state.access.is_limited()),
            rationed: AtomicBool::new(state.allowance.is_some()),
            failures: counters::Failures::default(),
            state: Swap::new(Box::new(state)),
        }
    }

    /// Brings the state up to date with the store.
    #[cold]
    pub(super) fn follow(&self, store: &Inner) -> Result<()> {
        self.renew(store, false)
    }

    /// Takes the state anew, because a date has come.
    #[cold]
    pub(super) fn reload(&self, store: &Inner) -> Result<()> {
        self.renew(store, true)
    }

    fn renew(&self, store: &Inner, again: bool) -> Result<()> {
        // Before the snapshot: a change that comes after it will be followed again.
        let generation = store.seen.generation();
        let newer = store.read(|snapshot| {
            let missing = || Error::KeyNotFound { name: self.id.to_string().into() };
            let document = snapshot.key_by_id(self.id)?.ok_or_else(missing)?;
            let (revision, held) = self.state.read(|state| (state.revision, state.versions.clone()));
            match document.revision > revision || again {
                true => State::load(store, snapshot, &document, Some(&held)).map(Some),
                false => Ok(None),
            }
        })?;
        // Only now is it certain that the snapshot stood.
        if let Some(newer) = newer {
            // Threads that read one after the other may come here in another order.
            store.with_local(|_| {
                let revision = self.state.read(|state| state.revision);
                if revision < newer.revision || again && revision == newer.revision {
                    self.limited.store(newer.access.is_limited(), Ordering::Relaxed);
                    self.rationed.store(newer.allowance.is_some(), Ordering::Relaxed);
                    self.attention.store(0, Ordering::Relaxed);
                    self.state.replace(Box::new(newer));
                }
            });
        }
        self.generation.fetch_max(generation, Ordering::Release);
        Ok(())
    }

    /// Sees to what is due.
    #[cold]
    pub(super) fn attend(&self, store: &Inner, now: u64) -> Result<()> {
        // Others go on meanwhile; whoever comes second finds nothing to do.
        self.attention.store(now.saturating_add(1_000), Ordering::Relaxed);
        let wait = rotation::attend(store, self)?.min(trail::attend(store)?);
        self.attention.store(now.saturating_add(wait), Ordering::Relaxed);
        Ok(())
    }

    /// Bytes that a stream turned out to seal under a version, beyond what it was allowed for when it began.
    pub(super) fn owe(&self, version: u32, bytes: u64) {
        self.state.read(|state| {
            if let Some(allowance) = &state.allowance
                && state.versions.last().is_some_and(|current| current.version == version)
            {
                allowance.owe(bytes);
            }
        });
    }

    /// Gives back what a message of so many bytes had reserved, where that is still its version's.
    pub(super) fn give_back(&self, version: u32, bytes: u64) {
        self.state.read(|state| {
            let current = state.versions.last().is_some_and(|current| current.version == version);
            if let Some(allowance) = state.allowance.as_ref().filter(|_| current) {
                allowance.give_back(bytes);
            }
        });
    }

    /// Whether something is reserved under the current version.
    pub(super) fn has_at_hand(&self) -> bool {
        self.state.read(|state| state.allowance.as_ref().is_some_and(|allowance| allowance.has()))
    }

    /// Has room for one more message under a version with a limit: reserved before it is sealed, or the key rotated. Which
    /// version that is, or zero where none has a limit.
    #[cold]
    pub(super) fn allow(&self, store: &Inner, bytes: u64) -> Result<u32> {
        loop {
            let now = self.state.read(|state| {
                let current = state.versions.last()?;
                Some((state.allowance.clone()?, current.version))
            });
            let Some((allowance, version)) = now else { return Ok(0) };
            if allowance.take(bytes) {
                return Ok(version);
            }
            if counters::renew(store, &allowance, self.id, version, bytes)? == counters::Renewed::Full {
                rotation::rotate_now(store, self.id, "limit", version)?;
                self.follow(store)?;
            }
        }
    }

    /// Takes note of a failed decrypt, and stops a key that had too many.
    #[cold]
    pub(super) fn failed(&self, store: &Inner) {
        let Some(stop) = self.state.read(|state| state.stop) else { return };
        if self.failures.note(crate::sync::coarse_millis(), stop) {
            // Where the store cannot be written the key goes on; the trail has the failures.
            let _ = counters::stop(store, self.id);
        }
    }

    /// The id of the key.
    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn dates(&self) -> Dates {
        self.state.read(|state| state.dates)
    }

    pub(super) fn refuse_destroyed(&self) -> Result<()> {
        match self.state.read(|state| state.key_state) {
            KeyState::Destroyed => Err(Error::KeyDestroyed { name: self.id.to_string().into() }),
            _ => Ok(()),
        }
    }
}
