//! Key handles: what the data path holds. A view of a key takes no lock and allocates nothing unless the store has
//! changed since the last one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::access::{Limits, denied};
use super::grants::GrantId;
use super::key_inner::KeyInner;
use super::key_state::State;
use super::key_view::KeyView;
use super::names::{KeyId, KeyName};
use super::types::{KeySpec, KeyState};
use super::usage::Record;
use super::{Store, counters, narrow, states, trail};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::secret::OnFork;
use crate::sync::coarse_millis;

/// A key, ready to use. Cheap to clone; many threads may use one at once. Follows changes by this process at once,
/// by others within the store's refresh interval. Keeps its store open.
#[derive(Clone)]
pub struct Key {
    store: Store,
    inner: Arc<KeyInner>,
    /// What this handle was narrowed to.
    narrowed: Option<Arc<narrow::Narrowed>>,
}

/// What a caller wants to do with a key, for the decision whether it may.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) operation: Operation,
    /// `None` where there is none to look at (a rewrap): then a grant with a constraint does not permit it.
    pub(crate) context: Option<Context<'a>>,
    /// Bytes of the message, for the counters.
    pub(crate) bytes: u64,
}

impl<'a> Wish<'a> {
    pub(crate) fn new(operation: Operation, context: &Context<'a>, bytes: usize) -> Wish<'a> {
        Wish { operation, context: Some(*context), bytes: bytes as u64 }
    }

    /// For tests of what has nothing to do with the wish.
    #[cfg(test)]
    pub(crate) const ANY: Wish<'static> = Wish { operation: Operation::Encrypt, context: None, bytes: 0 };

    pub(crate) fn without_context(operation: Operation) -> Wish<'static> {
        Wish { operation, context: None, bytes: 0 }
    }
}

impl Key {
    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.inner.id
    }

    /// What its material is. A key's never changes.
    pub fn spec(&self) -> KeySpec {
        self.inner.spec
    }

    /// The store it belongs to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn narrowed(&self) -> Option<&Arc<narrow::Narrowed>> {
        self.narrowed.as_ref()
    }

    /// The same key through another narrowing.
    pub(super) fn with_narrowed(&self, narrowed: Arc<narrow::Narrowed>) -> Key {
        Key { narrowed: Some(narrowed), ..self.clone() }
    }

    /// Runs `f` on the key as it stands now, if the wish is permitted: by the store's state, by the handle's narrowing, by
    /// the key's state, and by its grants. FORKED, ACCESS_DENIED, KEY_DISABLED, STORE_POISONED… when it is not. Takes no
    /// lock and allocates nothing unless the store has changed or something is due. `f` may fork or call the store again.
    ///
    /// Every error that this answers, be it of the permission or of `f`, has its event in the trail. What `f` answers
    /// well is settled by the caller ([`Made::settle`](super::Made::settle)) when the outcome of the whole call is known: once for each key
    /// and call, also where the outcome is an error then.
    pub(crate) fn view<R>(&self, wish: &Wish<'_>, f: impl FnOnce(&KeyView<'_>) -> Result<R>) -> Result<R> {
        let mut took = 0;
        let viewed = self.ready(wish).and_then(|(now, reserved)| {
            took = reserved;
            self.look(wish, now, f)
        });
        match viewed {
            Ok(viewed) => Ok(viewed),
            Err(error) => {
                if took > 0 {
                    self.give_back_reserved(wish, took);
                }
                Err(self.refuse(wish, error))
            }
        }
    }

    /// [`Key::view`] for a look that is no use: without an event.
    #[inline]
    pub(crate) fn peek<R>(&self, wish: &Wish<'_>, f: impl FnOnce(&KeyView<'_>) -> Result<R>) -> Result<R> {
        let (now, _) = self.ready(wish)?;
        self.look(wish, now, f)
    }

    #[inline]
    fn look<R>(&self, wish: &Wish<'_>, now: u64, f: impl FnOnce(&KeyView<'_>) -> Result<R>) -> Result<R> {
        self.inner.state.read(|state| {
            self.permit(state, wish, now)?;
            f(&KeyView { state, now })
        })
    }

    /// Brings the key up to date and sees to what is due; the coarse clock's milliseconds, and the version of whose limit a
    /// message was reserved, or zero.
    #[inline]
    fn ready(&self, wish: &Wish<'_>) -> Result<(u64, u32)> {
        let store = &*self.store.inner;
        store.check_usable()?;
        let now = store.look_if_due()?;
        if self.inner.generation.load(Ordering::Acquire) != store.seen.generation() {
            self.inner.follow(store)?;
        }
        if now >= self.inner.attention.load(Ordering::Relaxed) {
            self.inner.attend(store, now)?;
        }
        if self.inner.rationed.load(Ordering::Relaxed)
            && counters::seals(wish.operation)
            && self.inner.state.read(|state| self.permit(state, wish, now)).is_ok()
        {
            return Ok((now, self.inner.allow(store, wish.bytes)?));
        }
        Ok((now, 0))
    }

    #[inline]
    fn permit(&self, state: &State, wish: &Wish<'_>, now: u64) -> Result<()> {
        if let Some(narrowed) = &self.narrowed {
            narrowed.permit(self.inner.id, wish, now)?;
        }
        state.access.permit(wish, now)?;
        match state.key_state {
            KeyState::Enabled if state.record == Record::Closed => {
                self.store.inner.trail.check_open(&self.store.inner)
            }
            KeyState::Enabled => Ok(()),
            _ => self.permit_state(state, wish),
        }
    }

    /// Has the event of a use that came to nothing before any version was tried.
    #[cold]
    fn permit_state(&self, state: &State, wish: &Wish<'_>) -> Result<()> {
        let name = || self.inner.id.to_string().into();
        if state.stopped {
            return Err(Error::KeyStopped { name: name() });
        }
        states::permit_state(wish.operation, state.key_state, self.store.inner.options.recovery, name)
    }

    #[cold]
    pub(crate) fn refuse(&self, wish: &Wish<'_>, error: Error) -> Error {
        trail::use_refused(&self.store.inner, Some(self), wish, &error);
        error
    }

    /// Whether uses of this handle may be limited in number.
    #[inline]
    pub(super) fn is_counted(&self) -> bool {
        self.narrowed.is_some() || self.inner.limited.load(Ordering::Relaxed)
    }

    /// What limits the number of such uses.
    pub(super) fn limits(&self, wish: &Wish<'_>) -> Limits {
        self.inner.state.read(|state| state.access.limits(wish))
    }

    /// A grant has no use left.
    pub(super) fn exhaust(&self, grant: GrantId) {
        self.inner.state.read(|state| state.access.exhaust(grant, true));
    }

    /// A grant has one again.
    pub(super) fn unexhaust(&self, grant: GrantId) {
        self.inner.state.read(|state| state.access.exhaust(grant, false));
    }

    /// Gives back what a message that did not come about had reserved of a limit.
    #[cold]
    pub(super) fn give_back_reserved(&self, wish: &Wish<'_>, version: u32) {
        if counters::seals(wish.operation) {
            self.inner.give_back(version, wish.bytes);
        }
    }

    /// See [`KeyInner::owe`].
    pub(super) fn owe(&self, operation: Operation, version: u32, bytes: u64) {
        if counters::seals(operation) && bytes > 0 {
            self.inner.owe(version, bytes);
        }
    }

    /// Takes note of a use that did not authenticate.
    pub(super) fn note_failure(&self) {
        self.inner.failed(&self.store.inner);
    }

    /// Names of the context whose values stand hashed in the trail.
    pub(super) fn redacted<R>(&self, f: impl FnOnce(&[String]) -> R) -> R {
        self.inner.state.read(|state| f(&state.redact))
    }

    /// Whether data that may be opened with this key under a context may be sealed anew under `target`, beside the right to
    /// do both. The right to rewrap is not the right to read: who may not decrypt moves data only between keys of one owner.
    ///
    /// # Errors
    /// ACCESS_DENIED.
    pub(crate) fn permit_move(&self, target: &Key, context: &Context<'_>) -> Result<()> {
        for key in [self, target] {
            let store = &*key.store.inner;
            store.look_if_due()?;
            if key.inner.generation.load(Ordering::Acquire) != store.seen.generation() {
                key.inner.follow(store)?;
            }
        }
        let owner: Box<str> = target.inner.state.read(|state| state.access.owner().into());
        let may = |state: &State, operation| {
            self.permit(state, &Wish::new(operation, context, 0), coarse_millis()).is_ok()
        };
        let moves = |state: &State| {
            state.access.owner() == &*owner
                || may(state, Operation::Decrypt)
                || !may(state, Operation::ReEncryptFrom)
        };
        if self.inner.state.read(moves) {
            return Ok(());
        }
        let wish = Wish::new(Operation::ReEncryptTo, context, 0);
        let principal = &self.store.inner.actor.principal;
        Err(target.refuse(&wish, denied(principal, wish.operation, &target.id().to_string())))
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
        let kept = match name {
            KeyName::Id(id) => inner.kept_handle(*id),
            KeyName::Alias(alias) => inner.kept_by_alias(alias)?,
        };
        if let Some(kept) = kept {
            if kept.generation.load(Ordering::Acquire) != inner.seen.generation() {
                kept.follow(inner)?;
            }
            kept.refuse_destroyed()?;
            return Ok(Key { store: store.clone(), inner: kept, narrowed: None });
        }
        let generation = inner.seen.generation();
        let state = inner.read(|snapshot| {
            let document = snapshot.key(name)?;
            State::load(inner, snapshot, &document, None)
        })?;
        if state.key_state == KeyState::Destroyed {
            return Err(Error::KeyDestroyed { name: name.to_string().into() });
        }
        let key = inner.keep_handle(name, generation, Arc::new(KeyInner::new(state, generation)));
        Ok(Key { store: store.clone(), inner: key, narrowed: None })
    }
}

impl Store {
    /// What forked children find in secrets that serve this store.
    pub(crate) fn on_fork(&self) -> OnFork {
        super::open::on_fork(&self.inner.options)
    }

    /// Has the event of a use that came to nothing before any key was reached.
    #[cold]
    pub(crate) fn refuse(&self, wish: &Wish<'_>, error: Error) -> Error {
        trail::use_refused(&self.inner, None, wish, &error);
        error
    }
}
