//! Keys: named, versioned key-encryption keys in an authenticated store. `docs/KEYSTORE.md` is the specification.
//!
//! It knows no C and no envelope. The envelope room asks a [`Key`] for the version to wrap under, and for the
//! version a cell names.

mod names;
mod options;
mod types;

use std::sync::Arc;

pub use names::{Alias, KeyId, KeyName};
pub use options::{ForkPolicy, InitOptions, Location, OpenOptions};
pub use types::{
    AliasMetadata, AliasPage, CreateKey, Fingerprint, KeyMetadata, KeyPage, KeyState, Origin, PageRequest,
    RootSlot, StoreInfo, VersionMetadata, VersionState,
};

use crate::crypto::{Kek, MaterialId};
use crate::error::Result;
use crate::root::Root;

/// An open key store. Cheap to clone; may be used by many threads at once.
#[derive(Clone)]
pub struct Store {
    _todo: Arc<()>,
}

impl Store {
    /// Makes a store. Refuses a path that exists. The root wraps the new store secret.
    pub fn init(_location: &Location, _root: &dyn Root, _options: &InitOptions) -> Result<Store> {
        todo!()
    }
    /// Opens a store; never makes one.
    pub fn open(_location: &Location, _root: &dyn Root, _options: &OpenOptions) -> Result<Store> {
        todo!()
    }
    /// A store in memory with the same API, for tests; gone when its last clone and key handle are.
    pub fn in_memory() -> Result<Store> {
        todo!()
    }
    /// Identity and state of the store.
    pub fn info(&self) -> Result<StoreInfo> {
        todo!()
    }
    /// Reads everything and verifies it: every document, page, bucket, alias. The number of keys checked.
    pub fn verify(&self, _progress: &mut dyn FnMut(u64, u64)) -> Result<u64> {
        todo!()
    }

    /// Makes a key with its first version.
    pub fn create_key(&self, _request: &CreateKey) -> Result<KeyMetadata> {
        todo!()
    }
    /// A key by id or alias, verified.
    pub fn describe_key(&self, _name: &KeyName) -> Result<KeyMetadata> {
        todo!()
    }
    /// Keys in the order of their ids, a page at a time.
    pub fn list_keys(&self, _page: &PageRequest) -> Result<KeyPage> {
        todo!()
    }
    /// Aliases in the order of their names, a page at a time.
    pub fn list_aliases(&self, _page: &PageRequest) -> Result<AliasPage> {
        todo!()
    }
    /// Adds an alias to a key. ALREADY_EXISTS where it is taken.
    pub fn create_alias(&self, _alias: &Alias, _key: &KeyName) -> Result<KeyMetadata> {
        todo!()
    }
    /// Moves an alias to another key, in one transaction.
    pub fn move_alias(&self, _alias: &Alias, _key: &KeyName) -> Result<KeyMetadata> {
        todo!()
    }
    /// Removes an alias; its key stays.
    pub fn delete_alias(&self, _alias: &Alias) -> Result<()> {
        todo!()
    }
    /// Lets a key be used again.
    pub fn enable_key(&self, _name: &KeyName) -> Result<KeyMetadata> {
        todo!()
    }
    /// Stops every use of a key until it is enabled.
    pub fn disable_key(&self, _name: &KeyName) -> Result<KeyMetadata> {
        todo!()
    }
    /// Adds a version, which new envelopes use at once; older versions go on opening what they sealed.
    pub fn rotate_key(&self, _name: &KeyName) -> Result<KeyMetadata> {
        todo!()
    }
    /// Makes a key of exactly 32 bytes of the caller's own material (refused when all bytes are equal).
    pub fn import_key_material(&self, _request: &CreateKey, _material: &[u8]) -> Result<KeyMetadata> {
        todo!()
    }
    /// The whole key (all versions, names, state), wrapped under another key of this store.
    pub fn export_key(&self, _name: &KeyName, _under: &KeyName) -> Result<Vec<u8>> {
        todo!()
    }
    /// Takes a key that [`Store::export_key`] made; the wrapping key must be in this store. Id, version numbers and
    /// material ids are kept, and refused where they are taken.
    pub fn import_key(&self, _exported: &[u8]) -> Result<KeyMetadata> {
        todo!()
    }

    /// The root slots.
    pub fn roots(&self) -> Result<Vec<RootSlot>> {
        todo!()
    }
    /// Adds a root beside those there are.
    pub fn add_root(&self, _root: &dyn Root) -> Result<RootSlot> {
        todo!()
    }
    /// Removes a root slot; never the last (LAST_ROOT).
    pub fn remove_root(&self, _slot_id: &str) -> Result<()> {
        todo!()
    }
    /// Puts `new` in the place of the slot that opened this store (or the slot named), in one transaction.
    pub fn change_root(&self, _slot_id: Option<&str>, _new: &dyn Root) -> Result<RootSlot> {
        todo!()
    }

    /// A handle for the data path: resolved once, verified, its current version ready.
    pub fn key(&self, _name: &KeyName) -> Result<Key> {
        todo!()
    }
    /// The key of this id, for envelopes that may be under any key of the store. Handles are cached (bounded).
    pub fn key_by_id(&self, _id: KeyId) -> Result<Key> {
        todo!()
    }
}

/// A key, ready to use. Cheap to clone; many threads may use one at once. Follows changes by this process at once,
/// by others within the store's refresh interval.
#[derive(Clone)]
pub struct Key {
    _todo: Arc<()>,
}

/// One version of a key as the data path needs it. Borrowed for the length of a call.
pub(crate) struct Version {
    pub(crate) key_id: KeyId,
    pub(crate) version: u32,
    pub(crate) material_id: MaterialId,
    pub(crate) kek: Arc<Kek>,
}

/// What a cell's name comes to in this key.
pub(crate) enum Named<'a> {
    /// Held and allowed.
    Held(&'a Version),
    /// Of this key, but no such version, or other material under that number.
    Unknown,
    /// Not this key's id (nor a former name of one of its versions).
    Foreign,
}

/// A consistent view of a key for the length of one call.
pub(crate) struct KeyView<'a> {
    _todo: std::marker::PhantomData<&'a ()>,
}

impl KeyView<'_> {
    /// The version that new cells are wrapped under.
    pub(crate) fn current(&self) -> &Version {
        todo!()
    }
    /// The version a cell names by key id, number and material id.
    pub(crate) fn named(&self, _key_id: KeyId, _version: u32, _material_id: MaterialId) -> Named<'_> {
        todo!()
    }
}

impl Key {
    /// The key's id.
    pub fn id(&self) -> KeyId {
        todo!()
    }
    /// The store it belongs to.
    pub fn store(&self) -> &Store {
        todo!()
    }
    /// Runs `f` on the key as it stands now. FORKED, KEY_DISABLED, STORE_POISONED… when it may not be used. Takes no lock
    /// and allocates nothing unless the store has changed.
    pub(crate) fn view<R>(&self, _f: impl FnOnce(&KeyView<'_>) -> Result<R>) -> Result<R> {
        todo!()
    }
}
