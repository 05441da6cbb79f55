//! Keys: named, versioned key-encryption keys in an authenticated store. `docs/KEYSTORE.md` is the specification.
//!
//! It knows no C and no envelope. The envelope room asks a [`Key`] for the version to wrap under, and for the
//! version a cell names.
//!
//! | file | holds |
//! |---|---|
//! | `open`, `roots`, `unlock` | making and opening a store; what unlocks it |
//! | `manage` | every management call on keys and aliases, read top down |
//! | `handle`, `key_view` | [`Key`] and its views: the data path |
//! | `key_inner`, `key_state`, `key_version`, `kept` | a key as its handles share it, kept up to date |
//! | `change`, `change_rows`, `founding` | the one place where a store is changed; its first state |
//! | `snapshot`, `known` | verified reading: row, bucket, group, manifest; what need not be parsed again |
//! | `document`, `version`, `manifest`, `json` | what stands in rows |
//! | `secrets`, `material` | keys derived from the store secret; wrapped key material |
//! | `backend`, `memory`, `sqlite` | where rows are kept |
//! | `fork`, `epochs` | what a fork and a rolled-back file meet |
//! | `export`, `backup`, `backup_file`, `restore`, `rebuild` | whole keys on their way to another store; whole stores |
//! | `states`, `policy`, `lifecycle`, `destruction`, `rotation`, `import`, `clock` | a key's life: what each state permits, and what changes it |
//! | `mac`, `sealing` | kinds of keys beside those that wrap |
//! | `access`, `constraint`, `grants`, `narrow`, `approvals`, `dry_run` | who may |
//! | `trail`, `usage`, `audit` | events, counts, and the trail as callers see it |
//! | `admin` | stores that only an admin root changes |
//! | `anchor`, `anchor_file` | the memory outside the store against an older file |

mod access;
mod admin;
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
mod anchor;
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
mod anchor_file;
mod approval_document;
mod approvals;
mod audit;
mod backend;
mod backup;
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
mod backup_file;
mod change;
mod change_rows;
mod clock;
mod constraint;
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
mod contents;
mod counters;
mod destruction;
mod document;
mod dry_run;
mod epochs;
mod export;
mod failpoint;
mod fork;
mod founding;
mod grant_document;
mod grants;
mod handle;
mod import;
mod import_token;
mod inner;
mod json;
mod kept;
mod key_inner;
mod key_state;
mod key_version;
mod key_view;
mod known;
mod lifecycle;
mod list;
mod mac;
mod manage;
mod manifest;
mod material;
mod memory;
#[cfg(feature = "sqlite")]
mod mend;
mod names;
mod narrow;
mod open;
mod options;
mod parameters;
#[cfg(any(test, feature = "failpoints", feature = "floor"))]
mod plant;
mod policy;
mod principal;
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
mod rebuild;
#[cfg(feature = "sqlite")]
mod repair;
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
mod reseal;
#[cfg(feature = "sqlite")]
mod restore;
#[cfg(feature = "sqlite")]
mod root_change;
mod roots;
mod rotation;
mod scope;
mod sealing;
mod secrets;
mod settle;
mod snapshot;
#[cfg(feature = "sqlite")]
mod sqlite;
mod states;
mod time;
mod trail;
mod types;
#[cfg(feature = "sqlite")]
mod unlock;
mod usage;
mod version;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use approvals::{Approval, ApprovalRequest, StoreSettings};
pub use audit::{Callback, EventPage};
pub use backup::{BackupReport, RepairReport, RootChangeReport};
pub use destruction::{DestroyReport, Destroyed, RefusedKey};
pub use grants::{CreateGrant, GrantMetadata, GrantPage};
pub use handle::Key;
pub(crate) use handle::Wish;
pub use import::{ImportParameters, ImportType, WrappingAlgorithm};
pub(crate) use key_version::{Served, Version};
pub(crate) use key_view::{KeyView, Named};
#[cfg(test)]
pub(crate) use material::Material;
#[cfg(test)]
pub(crate) use material::opened as materials_opened;
pub use names::{Alias, KeyId, KeyName};
pub use narrow::Narrowing;
pub use options::{AnchorPolicy, ForkPolicy, InitOptions, Location, OpenOptions};
#[cfg(any(test, feature = "failpoints", feature = "floor"))]
pub use plant::Planted;
pub use policy::KeyPolicy;
pub use roots::SlotOptions;
pub use rotation::{RotationPage, RotationStatus};
pub use sealing::SealingKey;
pub(crate) use settle::{Going, Made, Settled};
#[cfg(feature = "cli")]
pub(crate) use time::rfc3339;
pub use types::{
    AliasMetadata, AliasPage, CreateKey, Fingerprint, KeyMetadata, KeyPage, KeySpec, KeyState, KeyUsage,
    Origin, PageRequest, RootSlot, RotationType, StoreInfo, VersionMetadata, VersionState,
};
pub(crate) use usage::VersionUsage;

pub use usage::{KeyLastUsage, VersionCounts};

#[cfg(feature = "cli")]
pub(crate) use approvals::can_be_approved;
#[cfg(feature = "cli")]
pub(crate) use dry_run::is_on_a_key as can_be_tried;
#[cfg(feature = "cli")]
pub(crate) use scope::is_grantable as can_be_granted;

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

/// The time as the store's dates have it: RFC 3339, in UTC.
#[cfg(feature = "cli")]
pub(crate) fn now() -> String {
    time::Time::now().to_string()
}
