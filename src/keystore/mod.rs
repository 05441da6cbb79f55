//! Keys: named, versioned key-encryption keys in an authenticated store. `docs/KEYSTORE.md` is the specification.
//!
//! It knows no C and no envelope. The envelope room asks a [`Key`] for the version to wrap under, and for the
//! version a cell names.
//!
//! | file | holds |
//! |---|---|
//! | `open`, `roots`, `unlock` | making and opening a store; what unlocks it |
//! | `manage` | every management call on keys and aliases, read top down |
//! | `handle` | [`Key`] and its views: the data path |
//! | `change` | the one place where a store is changed |
//! | `snapshot` | verified reading: row, bucket, group, manifest |
//! | `document`, `version`, `manifest`, `json` | what stands in rows |
//! | `secrets`, `material` | keys derived from the store secret; wrapped key material |
//! | `backend`, `memory`, `sqlite` | where rows are kept |
//! | `fork`, `epochs` | what a fork and a rolled-back file meet |
//! | `export` | whole keys on their way to another store |

mod backend;
mod change;
mod document;
mod epochs;
mod export;
mod failpoint;
mod fork;
mod handle;
mod inner;
mod json;
mod list;
mod manage;
mod manifest;
mod material;
mod memory;
mod names;
mod open;
mod options;
#[cfg(any(test, feature = "failpoints"))]
mod plant;
mod roots;
mod secrets;
mod snapshot;
#[cfg(feature = "sqlite")]
mod sqlite;
mod time;
mod types;
#[cfg(feature = "sqlite")]
mod unlock;
mod version;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use handle::Key;
pub(crate) use handle::{KeyView, Named, Version};
#[cfg(test)]
pub(crate) use material::opened as materials_opened;
pub use names::{Alias, KeyId, KeyName};
pub use options::{ForkPolicy, InitOptions, Location, OpenOptions};
#[cfg(any(test, feature = "failpoints"))]
pub use plant::Planted;
pub use types::{
    AliasMetadata, AliasPage, CreateKey, Fingerprint, KeyMetadata, KeyPage, KeyState, Origin, PageRequest,
    RootSlot, StoreInfo, VersionMetadata, VersionState,
};

use crate::error::Result;

/// An open key store. Cheap to clone; may be used by many threads at once. It is closed when its last clone and the
/// last key handle of it are gone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<inner::Inner>,
}

impl Store {
    /// A handle for the data path: resolved once, verified, its current version ready. Handles on one key share
    /// their state.
    pub fn key(&self, name: &KeyName) -> Result<Key> {
        Key::open(self, name)
    }

    /// The key of this id, for envelopes that may be under any key of the store. Handles are cached (bounded).
    pub fn key_by_id(&self, id: KeyId) -> Result<Key> {
        Key::open(self, &KeyName::Id(id))
    }

    /// Whether the store has a key of one of these ids, in one verified state. No version is read, no material
    /// unwrapped, no handle kept.
    pub(crate) fn holds_any(&self, ids: impl Iterator<Item = KeyId> + Clone) -> Result<bool> {
        self.inner.read(|snapshot| {
            for id in ids.clone() {
                if snapshot.key_by_id(id)?.is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}
