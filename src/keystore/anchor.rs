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
use crate::audit::KeyRef;
use crate::error::Result;
use crate::operation::Operation;
use crate::sync::coarse_millis;

/// What is not confirmed at once is anchored after so many epochs …
const EPOCHS: u64 = 100;
/// … or so many milliseconds.
const MILLIS: u64 = 1_000;

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
}

impl Anchor {
    pub(super) fn none() -> Anchor {
        let (epoch, at) = (AtomicU64::new(0), AtomicU64::new(0));
        Anchor { path: None, required: false, state: AtomicU8::new(NONE), epoch, at }
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
        let (state, epoch) = match anchor_file::load(file, secrets) {
            Ok(Some(anchored)) => {
                seen.note(anchored.mark());
                (FRESH, anchored.epoch)
            }
            Ok(None) => (MISSING, 0),
            // One of another user's, say; one that can be read and was changed is refused whoever named it.
            Err(_) if !required && std::fs::File::open(file).is_err() => (UNWRITABLE, 0),
            Err(error) => return Err(error),
        };
        let (epoch, at) = (AtomicU64::new(epoch), AtomicU64::new(coarse_millis()));
        Ok(Anchor { path, required, state: AtomicU8::new(state), epoch, at })
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
fn automatic(store: &std::path::Path, store_id: &[u8; 16]) -> Option<PathBuf> {
    anchor_file::automatic(store, store_id, |name| std::env::var_os(name))
}

/// Test builds leave no anchors in anybody's home: they have an automatic one only where XDG_STATE_HOME says so.
#[cfg(any(test, feature = "failpoints"))]
fn automatic(store: &std::path::Path, store_id: &[u8; 16]) -> Option<PathBuf> {
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
    if behind > 0 && (behind >= EPOCHS || since >= MILLIS) {
        // A lazy one may fail: it is tried again, and `info` tells.
        let _ = record(inner, &[], Duration::ZERO);
    }
}

/// The last time, when a store is closed: whatever this process has seen.
pub(super) fn close(inner: &Inner) {
    let anchor = &inner.anchor;
    if anchor.path.is_some() && inner.seen.mark().epoch > anchor.epoch.load(Ordering::Relaxed) {
        let _ = record(inner, &[], Duration::ZERO);
    }
}

fn record(inner: &Inner, destroyed: &[KeyId], wait: Duration) -> Result<()> {
    let anchor = &inner.anchor;
    let Some(path) = &anchor.path else { return Ok(()) };
    anchor.at.store(coarse_millis(), Ordering::Relaxed);
    let state = inner.read(|snapshot| {
        let manifest = &snapshot.manifest;
        Ok(Anchored {
            incarnation: manifest.incarnation,
            life: manifest.life,
            epoch: manifest.epoch,
            manifest: manifest.mac,
            admin: manifest.admin_public,
            destroyed: destroyed.iter().map(|id| id.0).collect(),
        })
    })?;
    let epoch = state.epoch;
    super::failpoint::hit("before anchor");
    match anchor_file::raise(path, &inner.secrets, state, wait) {
        Ok(_) => {
            anchor.epoch.fetch_max(epoch, Ordering::Relaxed);
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
