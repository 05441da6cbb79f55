//! Key handles: what the data path holds. A view of a key takes no lock and allocates nothing unless the store has
//! changed since the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::document::KeyDocument;
use super::inner::Inner;
use super::names::{KeyId, KeyName};
use super::snapshot::Snapshot;
use super::types::KeyState;
use super::version::VersionDocument;
use super::{Store, material};
use crate::crypto::{Kek, MaterialId};
use crate::error::{Error, Result};
use crate::sync::Swap;

/// A key, ready to use. Cheap to clone; many threads may use one at once. Follows changes by this process at once,
/// by others within the store's refresh interval. Keeps its store open.
#[derive(Clone)]
pub struct Key {
    store: Store,
    inner: Arc<KeyInner>,
}

/// One version of a key as the data path needs it. Borrowed for the length of a call.
#[derive(Clone)]
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
    state: &'a State,
}

impl Key {
    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.inner.id
    }

    /// The store it belongs to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Runs `f` on the key as it stands now. FORKED, KEY_DISABLED, STORE_POISONED… when it may not be used. Takes no
    /// lock and allocates nothing unless the store has changed. `f` may fork or call the store again.
    pub(crate) fn view<R>(&self, f: impl FnOnce(&KeyView<'_>) -> Result<R>) -> Result<R> {
        let store = &*self.store.inner;
        store.check_usable()?;
        store.look_if_due()?;
        if self.inner.generation.load(Ordering::Acquire) != store.seen.generation() {
            self.inner.follow(store)?;
        }
        self.inner.state.read(|state| match state.key_state {
            KeyState::Enabled => f(&KeyView { state }),
            KeyState::Disabled => Err(Error::KeyDisabled { name: self.inner.id.to_string().into() }),
        })
    }

    /// How many versions are unwrapped in memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.inner.state.read(|state| state.versions.len())
    }

    /// The key of this name in one verified state of the store.
    pub(super) fn open(store: &Store, name: &KeyName) -> Result<Key> {
        let inner = &*store.inner;
        inner.check_usable()?;
        if let KeyName::Id(id) = name
            && let Some(kept) = inner.kept_handle(*id)
        {
            return Ok(Key { store: store.clone(), inner: kept });
        }
        let generation = inner.seen.generation();
        let state = inner.read(|snapshot| {
            let document = snapshot.key(name)?;
            State::load(inner, snapshot, &document, None)
        })?;
        let id = state.id;
        let key = KeyInner { id, generation: AtomicU64::new(generation), state: Swap::new(Box::new(state)) };
        Ok(Key { store: store.clone(), inner: inner.keep_handle(id, Arc::new(key)) })
    }
}

impl KeyView<'_> {
    /// The version that new cells are wrapped under.
    pub(crate) fn current(&self) -> &Version {
        // There is a view of an enabled key alone, and `State::load` refuses one without versions.
        &self.state.versions[self.state.versions.len() - 1]
    }

    /// A version of this material, whatever its number.
    pub(super) fn of_material(&self, material_id: MaterialId) -> Option<&Version> {
        self.state.versions.iter().find(|held| held.material_id == material_id)
    }

    /// The version a cell names by key id, number and material id.
    pub(crate) fn named(&self, key_id: KeyId, version: u32, material_id: MaterialId) -> Named<'_> {
        let state = self.state;
        if key_id == state.id {
            let first = state.versions.partition_point(|held| held.version < version);
            let same = state.versions[first..].iter().take_while(|held| held.version == version);
            return match same.into_iter().find(|held| held.material_id == material_id) {
                Some(held) => Named::Held(held),
                None => Named::Unknown,
            };
        }
        let mut former = state.former.iter().filter(|former| former.key_id == key_id).peekable();
        match former.peek() {
            None => Named::Foreign,
            Some(_) => former
                .find(|former| former.version == version && former.material_id == material_id)
                .map_or(Named::Unknown, Named::Held),
        }
    }
}

/// A key as this process holds it; shared by all its handles on one open store.
pub(super) struct KeyInner {
    id: KeyId,
    /// The store's generation that `state` is known to be true for.
    generation: AtomicU64,
    state: Swap<State>,
}

struct State {
    id: KeyId,
    revision: u64,
    key_state: KeyState,
    /// In the order of their numbers; the last is the current one. None unless the key is enabled.
    versions: Box<[Version]>,
    /// The same material under the names it sealed by elsewhere.
    former: Box<[Version]>,
}

impl KeyInner {
    /// Brings the state up to date with the store.
    #[cold]
    pub(super) fn follow(&self, store: &Inner) -> Result<()> {
        // Before the snapshot: a change that comes after it will be followed again.
        let generation = store.seen.generation();
        let newer = store.read(|snapshot| {
            let missing = || Error::KeyNotFound { name: self.id.to_string().into() };
            let document = snapshot.key_by_id(self.id)?.ok_or_else(missing)?;
            let (revision, held) = self.state.read(|state| (state.revision, state.versions.clone()));
            match document.revision > revision {
                true => State::load(store, snapshot, &document, Some(&held)).map(Some),
                false => Ok(None),
            }
        })?;
        // Only now is it certain that the snapshot stood.
        if let Some(newer) = newer {
            // Threads that read one after the other may come here in another order.
            store.with_local(|_| {
                if self.state.read(|state| state.revision) < newer.revision {
                    self.state.replace(Box::new(newer));
                }
            });
        }
        self.generation.fetch_max(generation, Ordering::Release);
        Ok(())
    }
}

impl State {
    /// Unwraps a key's versions, but for those that are held already. A key that may not be used has none in memory.
    fn load(
        store: &Inner,
        snapshot: &mut Snapshot<'_>,
        document: &KeyDocument,
        held: Option<&[Version]>,
    ) -> Result<State> {
        let mut versions = Vec::new();
        let mut former = Vec::new();
        let usable = document.state == KeyState::Enabled;
        let stored = if usable { snapshot.versions(document)? } else { Vec::new() };
        for version in stored {
            let ready = held.and_then(|held| find(held, &version));
            let kek = match ready {
                Some(ready) => ready.kek.clone(),
                None => Arc::new(material::open(&store.secrets, document.id, &version)?),
            };
            let material_id = version.material_id;
            for (key_id, version) in version.former {
                former.push(Version { key_id, version, material_id, kek: kek.clone() });
            }
            versions.push(Version { key_id: document.id, version: version.version, material_id, kek });
        }
        store.options.check_locked()?;
        if usable && versions.is_empty() || versions.windows(2).any(|pair| pair[0].version > pair[1].version)
        {
            return Err(Error::StoreIntegrity {
                what: format!("keys row {}: its versions do not fit together", document.id).into(),
            });
        }
        Ok(State {
            id: document.id,
            revision: document.revision,
            key_state: document.state,
            versions: versions.into(),
            former: former.into(),
        })
    }
}

fn find<'a>(held: &'a [Version], version: &VersionDocument) -> Option<&'a Version> {
    let first = held.partition_point(|held| held.version < version.version);
    held[first..]
        .iter()
        .take_while(|held| held.version == version.version)
        .find(|held| held.material_id == version.material_id)
}
