//! The anchor: a file outside the store that remembers the highest epoch, so that a whole older store is refused after a
//! restart too. `docs/KEYSTORE.md`, "Freshness".
//!
//! What it says is taken into the process's memory ([`super::epochs`]) before a store is opened, which then refuses
//! what is older. Nothing is locked and no transaction is open while it is written.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use super::anchor_file::{self, Anchored};
use super::inner::Inner;
use super::names::KeyId;
use super::options::{AnchorPolicy, OpenOptions};
use super::secrets::Secrets;
#[cfg(feature = "sqlite")]
use super::snapshot::Snapshot;
use crate::audit::KeyRef;
#[cfg(feature = "sqlite")]
use crate::crypto::ct_eq;
#[cfg(feature = "sqlite")]
use crate::error::Error;
use crate::error::Result;
use crate::operation::Operation;
use crate::sync::coarse_millis;

/// What is not confirmed at once is anchored after so many epochs …
const EPOCHS: u64 = 100;
/// … or so many milliseconds.
const MILLIS: u64 = 1_000;
/// … the trail by itself after so many events and so many milliseconds; and with every checkpoint that is asked for.
const EVENTS: u64 = 1_024;

const NONE: u8 = 0;
const FRESH: u8 = 1;
/// There was none when the store was opened: the first use here, or it was lost.
const MISSING: u8 = 2;
const UNWRITABLE: u8 = 3;

/// An open store's anchor.
pub(super) struct Anchor {
    path: Option<PathBuf>,
    /// The caller named the file: what must wait for it fails without it.
    required: bool,
    state: AtomicU8,
    /// The epoch that is known to be anchored, and when that was last seen to: coarse milliseconds.
    epoch: AtomicU64,
    at: AtomicU64,
    /// Events of the trail that are known to be anchored.
    events: AtomicU64,
    /// What it knew of the trail when the store was opened, and of which life.
    trail: Option<(u64, u64, [u8; 32])>,
}

impl Anchor {
    pub(super) fn none() -> Anchor {
        let (epoch, at, events) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Anchor { path: None, required: false, state: AtomicU8::new(NONE), epoch, at, events, trail: None }
    }

    /// Finds the anchor of a store, and takes what it knows into the process's memory of it. To be called before the
    /// first snapshot.
    ///
    /// # Errors
    /// FINGERPRINT_MISMATCH where the anchor is another store's; ANCHOR_UNAVAILABLE where it was changed, or where the
    /// caller named one that cannot be read.
    pub(super) fn open(
        secrets: &Secrets,
        seen: &super::epochs::Seen,
        store: &std::path::Path,
        options: &OpenOptions,
    ) -> Result<Anchor> {
        let (path, required) = match &options.anchor {
            AnchorPolicy::Off => (None, false),
            AnchorPolicy::File(path) => (Some(path.clone()), true),
            AnchorPolicy::Automatic => (automatic(store, &secrets.store_id), false),
        };
        let Some(file) = &path else { return Ok(Anchor::none()) };
        let (state, epoch, trail) = match anchor_file::load(file, secrets) {
            Ok(Some(anchored)) => {
                seen.note(anchored.mark());
                let trail = anchored.trail.map(|(size, root)| (anchored.life, size, root));
                (FRESH, anchored.epoch, trail)
            }
            Ok(None) => (MISSING, 0, None),
            // One of another user's, say; one that can be read and was changed is refused whoever named it.
            Err(_) if !required && std::fs::File::open(file).is_err() => (UNWRITABLE, 0, None),
            Err(error) => return Err(error),
        };
        let (epoch, at) = (AtomicU64::new(epoch), AtomicU64::new(coarse_millis()));
        let events = AtomicU64::new(trail.map_or(0, |(_, size, _)| size));
        Ok(Anchor { path, required, state: AtomicU8::new(state), epoch, at, events, trail })
    }

    /// Holds the trail that a store has when it is opened against what the anchor knew of it.
    ///
    /// # Errors
    /// TRAIL_INVALID, for a trail that has lost events since.
    #[cfg(feature = "sqlite")]
    pub(super) fn check_trail(&self, snapshot: &mut Snapshot<'_>) -> Result<()> {
        match self.trail {
            Some((life, size, root)) if life == snapshot.manifest.life => {
                let edge = super::trail::Head::read(snapshot)?.edge;
                let what = match edge.size() {
                    found if found < size => {
                        let anchor = self.path.clone().unwrap_or_default();
                        let anchor = anchor.display();
                        format!(
                            "it has {found} events, and the anchor {anchor} knows of {size}: this is an older copy of the store, or events were taken away; a copy is opened with an anchor of its own, or with none"
                        )
                    }
                    found if found == size && !ct_eq(&edge.root(), &root) => {
                        format!("its {size} events are not those that the anchor knows")
                    }
                    _ => return Ok(()),
                };
                Err(Error::TrailInvalid { what: what.into() })
            }
            _ => Ok(()),
        }
    }

    /// The events that the anchor knew of when the store was opened, if they are of this life.
    pub(super) fn knew_events(&self, of: u64) -> u64 {
        self.trail.map_or(0, |(life, size, _)| if life == of { size } else { 0 })
    }

    /// As [`super::StoreInfo`] says it.
    pub(super) fn describe(&self) -> String {
        let state = match self.state.load(Ordering::Relaxed) {
            NONE => return "none".into(),
            FRESH => "fresh",
            MISSING => "missing",
            _ => "unwritable",
        };
        match &self.path {
            Some(path) => format!("{state} {}", path.to_string_lossy()),
            None => state.into(),
        }
    }

    /// Whether there was one when the store was opened.
    pub(super) fn is_there(&self) -> bool {
        self.state.load(Ordering::Relaxed) == FRESH
    }

    /// Lays what it is to know of the store under its next secrets beside it, before the store gets them: opening the store
    /// then finds it. False where there is no anchor.
    ///
    /// # Errors
    /// ANCHOR_UNAVAILABLE, where there is one or the caller named one.
    #[cfg(feature = "sqlite")]
    pub(super) fn succeed(&self, next: &Secrets, state: &Anchored) -> Result<bool> {
        let Some(path) = &self.path else { return Ok(false) };
        match anchor_file::succeed(path, next, state) {
            Ok(()) => Ok(true),
            Err(error) if self.required || self.is_there() => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Takes that back: the store keeps the secrets it has.
    #[cfg(feature = "sqlite")]
    pub(super) fn stay(&self) {
        self.path.iter().for_each(|path| anchor_file::stay(path));
    }

    /// What the file knows now.
    pub(super) fn load(&self, secrets: &Secrets) -> Result<Option<Anchored>> {
        self.path.as_ref().map_or(Ok(None), |path| anchor_file::load(path, secrets))
    }
}

#[cfg(not(any(test, feature = "failpoints")))]
pub(super) fn automatic(store: &std::path::Path, store_id: &[u8; 16]) -> Option<PathBuf> {
    anchor_file::automatic(store, store_id, |name| std::env::var_os(name))
}

/// Test builds leave no anchors in anybody's home: they have an automatic one only where XDG_STATE_HOME says so.
#[cfg(any(test, feature = "failpoints"))]
pub(super) fn automatic(store: &std::path::Path, store_id: &[u8; 16]) -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|_| !cfg!(test))?;
    anchor_file::automatic(store, store_id, |name| (name == "XDG_STATE_HOME").then(|| state.clone()))
}

/// The first time, when a store was opened.
#[cfg(feature = "sqlite")]
pub(super) fn begin(inner: &Inner) {
    close(inner);
}

/// Puts the store's state on the anchor, on disk, before a lowering operation is acknowledged, with the keys it destroyed.
///
/// # Errors
/// ANCHOR_UNAVAILABLE, where the caller named an anchor: the change is made, but must not be relied on; it may be tried
/// again.
pub(super) fn confirm(inner: &Inner, operation: Operation, about: &[KeyRef]) -> Result<()> {
    let about = if operation == Operation::DestroyKey { about } else { &[] };
    let ids: Vec<KeyId> = about.iter().map(|key| KeyId(key.key_id)).collect();
    destroyed(inner, &ids)
}

/// Puts the store's state on the anchor, on disk, with these keys, which were destroyed now or before.
///
/// # Errors
/// As [`confirm`].
pub(super) fn destroyed(inner: &Inner, ids: &[KeyId]) -> Result<()> {
    let done = record(inner, ids, inner.options.busy_timeout);
    if inner.anchor.required { done } else { Ok(()) }
}

/// Puts the state on the anchor some time: within a second of use, or 100 epochs.
pub(super) fn later(inner: &Inner) {
    attend(inner);
}

/// Brings the anchor up to what this process has seen, if it is time to. Called after every change, and by every look for
/// changes by others.
pub(super) fn attend(inner: &Inner) {
    let anchor = &inner.anchor;
    if anchor.path.is_none() {
        return;
    }
    let behind = inner.seen.mark().epoch.saturating_sub(anchor.epoch.load(Ordering::Relaxed));
    let since = coarse_millis().saturating_sub(anchor.at.load(Ordering::Relaxed));
    // Uses of keys grow the trail, which no epoch tells.
    let grown = inner.trail.events_seen().saturating_sub(anchor.events.load(Ordering::Relaxed)) >= EVENTS;
    if behind >= EPOCHS || (behind > 0 || grown) && since >= MILLIS {
        // A lazy one may fail: it is tried again, and `info` tells.
        let _ = record(inner, &[], Duration::ZERO);
    }
}

/// The last time, when a store is closed: whatever this process has seen.
pub(super) fn close(inner: &Inner) {
    let anchor = &inner.anchor;
    let behind = inner.seen.mark().epoch > anchor.epoch.load(Ordering::Relaxed);
    let grown = inner.trail.events_seen() > anchor.events.load(Ordering::Relaxed);
    if anchor.path.is_some() && (behind || grown) {
        let _ = record(inner, &[], Duration::ZERO);
    }
}

fn record(inner: &Inner, destroyed: &[KeyId], wait: Duration) -> Result<()> {
    let anchor = &inner.anchor;
    let Some(path) = &anchor.path else { return Ok(()) };
    anchor.at.store(coarse_millis(), Ordering::Relaxed);
    let state = inner.read(|snapshot| {
        // One that is not whole is told by everything that appends to it; what is anchored of it stays.
        let trail = super::trail::Head::read(snapshot).ok().map(|head| (head.edge.size(), head.edge.root()));
        let manifest = &snapshot.manifest;
        Ok(Anchored {
            incarnation: manifest.incarnation,
            life: manifest.life,
            epoch: manifest.epoch,
            manifest: manifest.mac,
            admin: manifest.admin_public,
            trail,
            destroyed: destroyed.iter().map(|id| id.0).collect(),
        })
    })?;
    let (epoch, events) = (state.epoch, state.trail.map_or(0, |(size, _)| size));
    super::failpoint::hit("before anchor");
    match anchor_file::raise(path, &inner.secrets, state, wait) {
        Ok(_) => {
            anchor.epoch.fetch_max(epoch, Ordering::Relaxed);
            anchor.events.fetch_max(events, Ordering::Relaxed);
            // One that was missing is told so until the store is opened again.
            let _ = anchor.state.compare_exchange(UNWRITABLE, FRESH, Ordering::Relaxed, Ordering::Relaxed);
            Ok(())
        }
        Err(error) => {
            anchor.state.store(UNWRITABLE, Ordering::Relaxed);
            Err(error)
        }
    }
}
