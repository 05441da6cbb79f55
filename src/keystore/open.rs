//! Making and opening a store.

use super::Store;
use super::change::found;
use super::epochs;
use super::inner::Inner;
use super::manifest::Settings;
use super::memory::Memory;
use super::options::{ForkPolicy, InitOptions, Location, OpenOptions};
use super::roots::draw_store;
use super::secrets::Secrets;
use crate::crypto::self_test;
use crate::error::Result;
use crate::root::Root;
use crate::secret::OnFork;

impl Store {
    /// A store in memory with the same API, for tests; gone when its last clone and key handle are.
    pub fn in_memory() -> Result<Store> {
        self_test()?;
        let (options, settings) = (OpenOptions::default(), Settings::new(true));
        let (secret, store_id, incarnation) = draw_store(on_fork(&options))?;
        let secrets = Secrets::derive(secret, store_id, on_fork(&options))?;
        let (backend, seen) = (Box::new(Memory::new()), epochs::of(store_id));
        found(&*backend, &secrets, &seen, incarnation, &settings.write(), None)?;
        Ok(Store { inner: Inner::new(backend, secrets, seen, settings, options, None) })
    }

    /// Makes a store. Refuses a path that exists. The root wraps the new store secret.
    pub fn init(_location: &Location, _root: &dyn Root, _options: &InitOptions) -> Result<Store> {
        Err(NO_SQLITE)
    }

    /// Opens a store; never makes one.
    pub fn open(_location: &Location, _root: &dyn Root, _options: &OpenOptions) -> Result<Store> {
        Err(NO_SQLITE)
    }
}

const NO_SQLITE: crate::error::Error =
    crate::error::Error::InvalidArgument { what: "this build has no SQLite; use a store in memory" };

pub(super) fn on_fork(options: &OpenOptions) -> OnFork {
    match options.fork {
        ForkPolicy::Wipe => OnFork::Wipe,
        ForkPolicy::Inherit => OnFork::Inherit,
    }
}
