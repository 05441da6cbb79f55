//! Key handles: what the data path holds. A view of a key takes no lock and allocates nothing unless the store has
//! changed since the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::access::{Access, Limits, denied};
use super::document::KeyDocument;
use super::grants::GrantId;
use super::inner::Inner;
use super::material::Material;
use super::names::{KeyId, KeyName};
use super::snapshot::Snapshot;
use super::time::Time;
use super::types::{KeySpec, KeyState, KeyUsage, VersionState};
use super::usage::{Record, VersionUsage};
use super::version::VersionDocument;
use super::{Store, clock, counters, material, narrow, rotation, states, trail};
use crate::audit::KeyRef;
use crate::context::Context;
use crate::crypto::{Kek, MacSecret, MaterialId, SealingSecret};
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::sync::{Swap, coarse_millis};

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

/// One version of a key as the data path needs it. Borrowed for the length of a call.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) key_id: KeyId,
    pub(crate) version: u32,
    pub(crate) material_id: MaterialId,
    pub(crate) material: Material,
    pub(crate) usage: Arc<VersionUsage>,
    /// May seal, as far as the version's own state and dates go.
    pub(crate) seals: bool,
}

impl Version {
    /// The wrapping key. INVALID_KEY_USAGE for a key of another usage.
    #[inline]
    pub(crate) fn kek(&self) -> Result<&Kek> {
        match &self.material {
            Material::Kek(kek) => Ok(kek),
            other => Err(self.wrong_usage(other)),
        }
    }

    /// The HMAC key. INVALID_KEY_USAGE for a key of another usage.
    pub(crate) fn mac(&self) -> Result<&MacSecret> {
        match &self.material {
            Material::Mac(mac) => Ok(mac),
            other => Err(self.wrong_usage(other)),
        }
    }

    /// The sealing key's private half. INVALID_KEY_USAGE for a key of another usage.
    pub(crate) fn sealing(&self) -> Result<&SealingSecret> {
        match &self.material {
            Material::Sealing(pair) => Ok(pair),
            other => Err(self.wrong_usage(other)),
        }
    }

    #[cold]
    fn wrong_usage(&self, material: &Material) -> Error {
        let usage = match material {
            Material::Kek(_) => KeyUsage::EncryptDecrypt,
            Material::Mac(_) => KeyUsage::GenerateVerifyMac,
            Material::Sealing(_) => KeyUsage::EncapsulateDecapsulate,
        };
        Error::InvalidKeyUsage { name: self.key_id.to_string().into(), usage: usage.name() }
    }

    /// As the trail names it, for [`Made::settle`](super::Made::settle).
    #[inline]
    pub(crate) fn reference(&self) -> Served {
        let about = KeyRef { key_id: self.key_id.0, version: self.version, material_id: self.material_id };
        Served { about, record: self.usage.record() }
    }
}

/// The version that served a use, or was tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) about: KeyRef,
    pub(crate) record: Record,
}

impl Served {
    /// Where no version was tried.
    pub(crate) fn no_version(key: KeyId) -> Served {
        let about = KeyRef { key_id: key.0, version: 0, material_id: [0; 8] };
        Served { about, record: Record::Counted }
    }
}

/// What a cell's name comes to in this key.
pub(crate) enum Named<'a> {
    /// Held and allowed.
    Held(&'a Version),
    /// Of this key, but no such version, or other material under that number.
    Unknown,
    /// Of this key, and not usable: by its dates, or for want of material.
    Barred(&'a Barred),
    /// Not this key's id (nor a former name of one of its versions).
    Foreign,
}

/// A version that opens nothing, and why.
pub(crate) struct Barred {
    key_id: KeyId,
    version: u32,
    material_id: MaterialId,
    why: Why,
}

#[derive(Clone, Copy)]
enum Why {
    /// Its recipient period is over.
    Ended,
    /// Imported material that expired or was deleted.
    NoMaterial,
    Compromised,
    Destroyed,
}

impl Barred {
    #[cold]
    pub(crate) fn error(&self) -> Error {
        let name = self.key_id.to_string().into();
        match self.why {
            Why::Ended => Error::CryptoperiodEnded { name, version: self.version },
            Why::NoMaterial => Error::InvalidKeyState { name, state: KeyState::PendingImport.name() },
            Why::Compromised => Error::InvalidKeyState { name, state: KeyState::Compromised.name() },
            Why::Destroyed => Error::KeyDestroyed { name },
        }
    }
}

/// A consistent view of a key for the length of one call.
pub(crate) struct KeyView<'a> {
    state: &'a State,
    /// The coarse clock's milliseconds when the view began.
    pub(crate) now: u64,
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
        match self.peek(wish, f) {
            Ok(viewed) => Ok(viewed),
            Err(error) => Err(self.refuse(wish, error)),
        }
    }

    /// [`Key::view`] for a look that is no use: without an event.
    #[inline]
    pub(crate) fn peek<R>(&self, wish: &Wish<'_>, f: impl FnOnce(&KeyView<'_>) -> Result<R>) -> Result<R> {
        let now = self.ready(wish)?;
        self.inner.state.read(|state| {
            self.permit(state, wish, now)?;
            f(&KeyView { state, now })
        })
    }

    /// Brings the key up to date and sees to what is due; the coarse clock's milliseconds.
    #[inline]
    fn ready(&self, wish: &Wish<'_>) -> Result<u64> {
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
            self.inner.allow(store, wish.bytes)?;
        }
        Ok(now)
    }

    #[inline]
    fn permit(&self, state: &State, wish: &Wish<'_>, now: u64) -> Result<()> {
        if let Some(narrowed) = &self.narrowed {
            narrowed.permit(self.inner.id, &self.store.inner.actor, wish, now)?;
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
        self.inner.state.read(|state| state.access.exhaust(grant));
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
        if let KeyName::Id(id) = name
            && let Some(kept) = inner.kept_handle(*id)
        {
            kept.refuse_destroyed()?;
            return Ok(Key { store: store.clone(), inner: kept, narrowed: None });
        }
        let generation = inner.seen.generation();
        let state = inner.read(|snapshot| {
            let document = snapshot.key(name)?;
            State::load(inner, snapshot, &document, None)
        })?;
        let id = state.id;
        if state.key_state == KeyState::Destroyed {
            return Err(Error::KeyDestroyed { name: name.to_string().into() });
        }
        let key = KeyInner {
            id,
            spec: state.spec,
            generation: AtomicU64::new(generation),
            attention: AtomicU64::new(0),
            limited: AtomicBool::new(state.access.is_limited()),
            rationed: AtomicBool::new(state.allowance.is_some()),
            failures: counters::Failures::default(),
            state: Swap::new(Box::new(state)),
        };
        Ok(Key { store: store.clone(), inner: inner.keep_handle(id, Arc::new(key)), narrowed: None })
    }
}

impl Store {
    /// Has the event of a use that came to nothing before any key was reached.
    #[cold]
    pub(crate) fn refuse(&self, wish: &Wish<'_>, error: Error) -> Error {
        trail::use_refused(&self.inner, None, wish, &error);
        error
    }
}

impl KeyView<'_> {
    /// The version that new cells are wrapped under.
    ///
    /// # Errors
    /// INVALID_KEY_STATE when there is none that may seal.
    #[inline]
    pub(crate) fn current(&self) -> Result<&Version> {
        match self.state.versions.last() {
            Some(version) if version.seals => Ok(version),
            _ => Err(Error::InvalidKeyState {
                name: self.state.id.to_string().into(),
                state: "without a version that may seal",
            }),
        }
    }

    /// A version of this material, whatever its number.
    pub(super) fn of_material(&self, material_id: MaterialId) -> Option<&Version> {
        self.state.versions.iter().find(|held| held.material_id == material_id)
    }

    /// The versions of this number whose material ids begin so: what a MAC names.
    pub(super) fn begin_with(&self, version: u32, id: [u8; 2]) -> impl Iterator<Item = &Version> {
        let all = self.state.versions.iter();
        all.filter(move |held| held.version == version && held.material_id.starts_with(&id))
    }

    /// Of those, one that serves no use.
    pub(super) fn barred_begin_with(&self, version: u32, id: [u8; 2]) -> Option<&Barred> {
        let mut all = self.state.barred.iter();
        all.find(|barred| barred.version == version && barred.material_id.starts_with(&id))
    }

    /// The version a cell names by key id, number and material id.
    pub(crate) fn named(&self, key_id: KeyId, version: u32, material_id: MaterialId) -> Named<'_> {
        let state = self.state;
        if key_id == state.id {
            let first = state.versions.partition_point(|held| held.version < version);
            let same = state.versions[first..].iter().take_while(|held| held.version == version);
            return match same.into_iter().find(|held| held.material_id == material_id) {
                Some(held) => Named::Held(held),
                None => state.barred(key_id, version, material_id).unwrap_or(Named::Unknown),
            };
        }
        let mut former = state.former.iter().filter(|former| former.key_id == key_id).peekable();
        match former.peek() {
            None => state.barred(key_id, version, material_id).unwrap_or(Named::Foreign),
            Some(_) => former
                .find(|former| former.version == version && former.material_id == material_id)
                .map(Named::Held)
                .or_else(|| state.barred(key_id, version, material_id))
                .unwrap_or(Named::Unknown),
        }
    }
}

/// A key as this process holds it; shared by all its handles on one open store.
pub(super) struct KeyInner {
    id: KeyId,
    spec: KeySpec,
    /// The store's generation that `state` is known to be true for.
    generation: AtomicU64,
    /// When something wants to be seen to (a rotation that is due, uses to be written down): coarse milliseconds.
    attention: AtomicU64,
    /// The principal's uses may be limited in number by a grant.
    limited: AtomicBool,
    /// A limit hangs on the counts of its versions.
    rationed: AtomicBool,
    failures: counters::Failures,
    state: Swap<State>,
}

struct State {
    id: KeyId,
    revision: u64,
    spec: KeySpec,
    key_state: KeyState,
    /// Disabled because of too many failed decrypts.
    stopped: bool,
    /// Failed decrypts that stop the key, and seconds within which.
    stop: Option<(u32, u32)>,
    /// What may still be sealed under the current version, where a limit hangs on it.
    allowance: Option<Arc<counters::Allowance>>,
    access: Access,
    record: Record,
    /// Names of the context whose values stand hashed in the trail.
    redact: Box<[String]>,
    /// In the order of their numbers; the last is the current one. None unless the key is enabled.
    versions: Box<[Version]>,
    /// The same material under the names it sealed by elsewhere.
    former: Box<[Version]>,
    /// Versions that open nothing, under all their names.
    barred: Box<[Barred]>,
    dates: Dates,
}

/// When something comes to a key by time alone.
#[derive(Clone, Copy)]
pub(super) struct Dates {
    /// Its next rotation, and why.
    pub(super) due: Option<(Time, &'static str)>,
    /// The next end of what a version may do.
    pub(super) turns: Option<Time>,
    /// The store's highest time when this was found.
    pub(super) high: Time,
}

impl KeyInner {
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
}

impl KeyInner {
    /// Sees to what is due.
    #[cold]
    fn attend(&self, store: &Inner, now: u64) -> Result<()> {
        // Others go on meanwhile; whoever comes second finds nothing to do.
        self.attention.store(now.saturating_add(1_000), Ordering::Relaxed);
        let wait = rotation::attend(store, self)?.min(trail::attend(store)?);
        self.attention.store(now.saturating_add(wait), Ordering::Relaxed);
        Ok(())
    }

    /// Has room for one more message under a version with a limit: reserved before it is sealed, or the key rotated.
    #[cold]
    fn allow(&self, store: &Inner, bytes: u64) -> Result<()> {
        loop {
            let now = self.state.read(|state| {
                let current = state.versions.last()?;
                Some((state.allowance.clone()?, current.version))
            });
            let Some((allowance, version)) = now else { return Ok(()) };
            if allowance.take(bytes) {
                return Ok(());
            }
            if counters::renew(store, &allowance, self.id, version, bytes)? == counters::Renewed::Full {
                rotation::rotate_now(store, self.id, "limit", version)?;
                self.follow(store)?;
            }
        }
    }

    /// Takes note of a failed decrypt, and stops a key that had too many.
    #[cold]
    fn failed(&self, store: &Inner) {
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

    fn refuse_destroyed(&self) -> Result<()> {
        match self.state.read(|state| state.key_state) {
            KeyState::Destroyed => Err(Error::KeyDestroyed { name: self.id.to_string().into() }),
            _ => Ok(()),
        }
    }
}

impl State {
    #[cold]
    fn barred(&self, key_id: KeyId, version: u32, material_id: MaterialId) -> Option<Named<'_>> {
        let is = |barred: &&Barred| {
            (barred.key_id, barred.version, barred.material_id) == (key_id, version, material_id)
        };
        self.barred.iter().find(is).map(Named::Barred)
    }

    /// Unwraps a key's versions, but for those that are held already. A key that may not be used has none in memory.
    fn load(
        store: &Inner,
        snapshot: &mut Snapshot<'_>,
        document: &KeyDocument,
        held: Option<&[Version]>,
    ) -> Result<State> {
        let mut versions = Vec::new();
        let mut former = Vec::new();
        let mut barred = Vec::new();
        let mut turns = Vec::new();
        let recovery = store.options.recovery;
        let now = clock::now(snapshot);
        let access = Access::compile(document, &store.actor, now);
        // Who may not use a key has none of it in memory.
        let usable = access.may_use()
            && match document.state {
                KeyState::Enabled => true,
                KeyState::Compromised => recovery,
                _ => false,
            };
        let record = match &document.policy {
            policy if policy.audit_fail_closed => Record::Closed,
            policy if policy.audit_each_use => Record::Each,
            _ => Record::Counted,
        };
        let stored = if usable { snapshot.versions(document)? } else { Vec::new() };
        let none = stored.is_empty();
        for version in stored {
            let ends = [
                document.policy.originator_end(version.created),
                document.policy.recipient_end(version.created),
                version.valid_to,
            ];
            turns.extend(ends.into_iter().flatten().filter(|end| *end > now));
            let [originator_over, recipient_over, expired] =
                ends.map(|end| end.is_some_and(|end| end <= now));
            let why = match version.state {
                VersionState::Destroyed => Some(Why::Destroyed),
                VersionState::PendingImport => Some(Why::NoMaterial),
                _ if expired => Some(Why::NoMaterial),
                VersionState::Compromised => Some(Why::Compromised).filter(|_| !recovery),
                VersionState::Current | VersionState::NonCurrent => {
                    Some(Why::Ended).filter(|_| recipient_over && !recovery)
                }
            };
            if let Some(why) = why {
                let names = version.former.iter().copied().chain([(document.id, version.version)]);
                let material_id = version.material_id;
                barred.extend(names.map(|(key_id, version)| Barred { key_id, version, material_id, why }));
                continue;
            }
            let ready = held.and_then(|held| find(held, &version));
            let about =
                KeyRef { key_id: document.id.0, version: version.version, material_id: version.material_id };
            let recovered = recipient_over || version.state == VersionState::Compromised;
            let record = match record {
                // For recovery alone: every such use is an event.
                Record::Counted if recovered => Record::Each,
                record => record,
            };
            let usage = match ready {
                Some(ready) if ready.usage.record() == record => ready.usage.clone(),
                _ => Arc::new(VersionUsage::new(about, record, store.trail.register())),
            };
            let material = match ready {
                Some(ready) => ready.material.clone(),
                None => material::open(&store.secrets, document.id, document.spec, &version)?,
            };
            let one = Version {
                key_id: document.id,
                version: version.version,
                material_id: version.material_id,
                material,
                usage,
                seals: version.state == VersionState::Current && !originator_over,
            };
            for (key_id, version) in version.former {
                former.push(Version { key_id, version, ..one.clone() });
            }
            versions.push(one);
        }
        store.options.check_locked()?;
        if usable && none && document.state == KeyState::Enabled
            || versions.windows(2).any(|pair| pair[0].version > pair[1].version)
        {
            return Err(Error::StoreIntegrity {
                what: format!("keys row {}: its versions do not fit together", document.id).into(),
            });
        }
        Ok(State {
            id: document.id,
            revision: document.revision,
            spec: document.spec,
            key_state: document.state,
            stopped: document.state == KeyState::Disabled
                && document.state_reason.as_deref() == Some(counters::STOPPED),
            stop: counters::stop_of(&document.policy),
            allowance: counters::Allowance::of(&document.policy).map(Arc::new),
            access,
            record,
            redact: document.policy.audit_redact.clone().into(),
            barred: barred.into(),
            dates: Dates {
                due: rotation::next(document).filter(|_| document.state == KeyState::Enabled),
                turns: turns.into_iter().min(),
                high: snapshot.manifest.time(),
            },
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
