//! Making and opening a store.

use super::Store;
use super::anchor::Anchor;
use super::epochs;
use super::fork;
use super::founding::found;
use super::inner::Inner;
use super::manifest::Settings;
use super::memory::Memory;
use super::options::{ForkPolicy, InitOptions, Location, OpenOptions};
use super::principal::Actor;
use super::roots::draw_store;
use super::secrets::Secrets;
use super::trail;
use crate::crypto::self_test;
use crate::error::{Error, Result};
#[cfg(feature = "sqlite")]
use crate::operation::Operation;
use crate::root::Root;
use crate::secret::OnFork;

#[cfg(feature = "sqlite")]
use super::{
    admin, anchor,
    backend::{Access, Backend, Table},
    change::{Deed, refuse},
    roots::Slot,
    snapshot::{ROOTS_LIMIT, Snapshot, claimed_manifest},
    sqlite::Sqlite,
    unlock::{confirm, unlock},
};

#[cfg(feature = "sqlite")]
impl Store {
    /// Makes a store. Refuses a path that exists. The root wraps the new store secret, and is asked to unwrap it again
    /// before anything is written. The file gets its name when it is whole and on disk.
    pub fn init(location: &Location, root: &dyn Root, options: &InitOptions) -> Result<Store> {
        start()?;
        if location.fingerprint.is_some() {
            return Err(Error::InvalidArgument {
                what: "a store that is to be made has no fingerprint yet; give its path alone",
            });
        }
        let actor = Actor::through(&options.open, options.slot.principal.as_deref())?;
        let place = Sqlite::vacant(&location.path, &options.open)?;
        root.check(Some(&place))?;
        let (secret, store_id, incarnation) = draw_store(on_fork(&options.open), options.slot.admin)?;
        let slot = Slot::make(root, &store_id, &secret, &options.slot)?;
        let secrets = Secrets::derive(secret, store_id, on_fork(&options.open))?;
        options.open.check_locked()?;
        let settings = Settings::new(options.development, &actor.principal);
        let seen = epochs::of(store_id);
        let backend = Sqlite::make(&place, &options.open, |backend| {
            let first = Some((&slot.id, slot.write()));
            let source = trail::source(&options.open, &actor, &secrets);
            found(backend, &secrets, &seen, incarnation, &settings.write(), first, &source)
        })?;
        let open = options.open.clone();
        let anchor = Anchor::open(&secrets, &seen, &place, &open)?;
        let inner = Inner::new(Box::new(backend), secrets, seen, open, actor, anchor, Some(slot.id));
        anchor::begin(&inner);
        Ok(Store { inner })
    }

    /// Opens a store; never makes one. The root unwraps the store secret outside any transaction; then manifest,
    /// settings and root slots are verified under it. Keys are read when they are asked for.
    pub fn open(location: &Location, root: &dyn Root, options: &OpenOptions) -> Result<Store> {
        start()?;
        let backend = Sqlite::open(&location.path, options)?;
        root.check(backend.path())?;
        let (store_id, slots) = claimed_slots(&backend)?;
        Actor::of(options)?;
        let (secret, slot) = unlock(root, &store_id, &slots, on_fork(options))?;
        let secrets = Secrets::derive(secret, store_id, on_fork(options))?;
        options.check_locked()?;
        let found = secrets.fingerprint();
        if location.fingerprint.is_some_and(|pinned| pinned != found) {
            return Err(Error::FingerprintMismatch { found: found.to_string().into() });
        }
        let seen = epochs::of(store_id);
        // Before the snapshot, which then must not be older.
        let anchor = Anchor::open(&secrets, &seen, backend.path().unwrap_or(&location.path), options)?;
        {
            let mut snapshot = Snapshot::begin(&backend, &secrets, &seen, Access::Read)?;
            confirm(&mut snapshot)?;
            snapshot.settings()?;
            // Who only reads may look at what became of it.
            if !options.read_only {
                anchor.check_trail(&mut snapshot)?;
            }
            let signed = snapshot.manifest.admin_public.is_some();
            if slot.admin && !(signed && admin::may_change(&snapshot.manifest, &secrets)) {
                return Err(Error::StoreIntegrity {
                    what: "manifest: it is not signed by the store's admin root".into(),
                });
            }
            snapshot.end(&seen)?;
        }
        let borne = slot.principal.as_deref();
        let (actor, refused) = match Actor::through(options, borne) {
            Ok(actor) => (actor, None),
            // Whose root it is is known, and that it was to be somebody else's.
            Err(error) => match borne {
                Some(borne) => (Actor { principal: borne.to_owned(), verified: true }, Some(error)),
                None => return Err(error),
            },
        };
        let slot = Some(slot.id);
        let inner = Inner::new(Box::new(backend), secrets, seen, options.clone(), actor, anchor, slot);
        if let Some(error) = refused {
            let asked = options.principal.as_deref().unwrap_or_default();
            return Err(refuse(&inner, Deed::new(Operation::OpenStore).with("principal", asked), error));
        }
        anchor::begin(&inner);
        Ok(Store { inner })
    }
}

/// A root slot's id and row, unverified.
#[cfg(feature = "sqlite")]
type ClaimedSlot = (Vec<u8>, super::backend::Row);

/// Who the store says it is and its root slots, before anything can be verified.
#[cfg(feature = "sqlite")]
pub(super) fn claimed_slots(backend: &dyn Backend) -> Result<([u8; 16], Vec<ClaimedSlot>)> {
    let mut rows = backend.begin(Access::Read)?;
    let store_id = claimed_manifest(&mut *rows, None)?.store_id;
    let mut slots = Vec::new();
    for entry in rows.index(Table::Roots, &[], ROOTS_LIMIT)? {
        if let Some(row) = rows.get(Table::Roots, &entry.place)? {
            slots.push((entry.place, row));
        }
    }
    rows.commit()?;
    match slots.is_empty() {
        true => Err(Error::StoreIntegrity { what: "roots: there is no root slot".into() }),
        false => Ok((store_id, slots)),
    }
}

impl Store {
    /// A store in memory with the same API, for tests; gone when its last clone and key handle are.
    pub fn in_memory() -> Result<Store> {
        start()?;
        let options = OpenOptions::default();
        let actor = Actor::of(&options)?;
        let settings = Settings::new(true, &actor.principal);
        let (secret, store_id, incarnation) = draw_store(on_fork(&options), false)?;
        let secrets = Secrets::derive(secret, store_id, on_fork(&options))?;
        let (backend, seen) = (Box::new(Memory::new()), epochs::of(store_id));
        let source = trail::source(&options, &actor, &secrets);
        found(&*backend, &secrets, &seen, incarnation, &settings.write(), None, &source)?;
        Ok(Store { inner: Inner::new(backend, secrets, seen, options, actor, Anchor::none(), None) })
    }
}

#[cfg(not(feature = "sqlite"))]
impl Store {
    /// In a build without SQLite: an error; only [`Store::in_memory`] makes one.
    pub fn init(_location: &Location, _root: &dyn Root, _options: &InitOptions) -> Result<Store> {
        Err(NO_SQLITE)
    }

    /// In a build without SQLite: an error; only [`Store::in_memory`] makes one.
    pub fn open(_location: &Location, _root: &dyn Root, _options: &OpenOptions) -> Result<Store> {
        Err(NO_SQLITE)
    }
}

#[cfg(not(feature = "sqlite"))]
const NO_SQLITE: Error = Error::InvalidArgument { what: "this build has no SQLite; use a store in memory" };

/// What every store begins with: a library that computes rightly, and a process that can be known by its forks.
pub(super) fn start() -> Result<()> {
    // First: whatever the self-test waits for may be held by a thread that does not exist here.
    if !fork::is_settled() {
        return Err(Error::Forked);
    }
    self_test()
}

pub(super) fn on_fork(options: &OpenOptions) -> OnFork {
    match options.fork {
        ForkPolicy::Wipe => OnFork::Wipe,
        ForkPolicy::Inherit => OnFork::Inherit,
    }
}
