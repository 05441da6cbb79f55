//! The handle table: what C holds is a checked number, never a pointer.
//!
//! A handle's bits: 63 to 48 a tag drawn at random for this loaded copy of the library, in which bit 63 is clear and
//! bits 62 and 55 are set, so that it is no address a program can have on x86-64 or AArch64 and a stray dereference
//! traps; 47 to 32 the slot's generation, masked at random likewise; 31 to 0 the slot. Slots lie in chunks that are
//! never freed, so looking at a stale one reads live memory, and a slot whose generations are used up is retired:
//! what was closed is never valid again.
//!
//! Nothing here locks, so a fork at any moment leaves the child a usable table (at worst some slots are lost to it).

use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU64, AtomicUsize};

use super::readers::Readable;
use super::slots::{Pin, Slots};
use super::streams::Stream;
use super::types::{keyfold_key, keyfold_reader, keyfold_root, keyfold_store, keyfold_stream};
use crate::error::{Error, Result};
use crate::keystore::{Key, Store};
use crate::root::Root;
use crate::sync;

/// What a handle stands for. Each keeps what it needs of its parents alive, so closing has no order.
pub(super) enum Object {
    /// With the fork it belongs to.
    Root(Box<dyn Root>, u64),
    Store(Store),
    Key(Key),
    Stream(Box<Stream>),
    Reader(Box<Readable>),
}

/// A type of the ABI that is a handle.
pub(super) trait Kind {
    type Target;
    /// What a handle that is none of these is.
    const OTHER: &'static str;
    fn of(object: &Object) -> Option<&Self::Target>;
}

impl Kind for keyfold_root {
    type Target = Box<dyn Root>;
    const OTHER: &'static str = "of another kind than a root";
    fn of(object: &Object) -> Option<&Box<dyn Root>> {
        if let Object::Root(root, _) = object { Some(root) } else { None }
    }
}

impl Kind for keyfold_store {
    type Target = Store;
    const OTHER: &'static str = "of another kind than a store";
    fn of(object: &Object) -> Option<&Store> {
        if let Object::Store(store) = object { Some(store) } else { None }
    }
}

impl Kind for keyfold_key {
    type Target = Key;
    const OTHER: &'static str = "of another kind than a key";
    fn of(object: &Object) -> Option<&Key> {
        if let Object::Key(key) = object { Some(key) } else { None }
    }
}

impl Kind for keyfold_stream {
    type Target = Stream;
    const OTHER: &'static str = "of another kind than a stream";
    fn of(object: &Object) -> Option<&Stream> {
        if let Object::Stream(stream) = object { Some(stream) } else { None }
    }
}

impl Kind for keyfold_reader {
    type Target = Readable;
    const OTHER: &'static str = "of another kind than a reader";
    fn of(object: &Object) -> Option<&Readable> {
        if let Object::Reader(reader) = object { Some(reader) } else { None }
    }
}

/// An object that stays alive until the end of a call, whoever closes its handle meanwhile.
pub(super) struct Pinned<K: Kind> {
    pin: Pin<Object>,
    target: *const K::Target,
}

impl<K: Kind> Deref for Pinned<K> {
    type Target = K::Target;

    fn deref(&self) -> &K::Target {
        // SAFETY: it points into the object, which the pin keeps alive and in its place.
        unsafe { &*self.target }
    }
}

/// A root's secret does not cross a fork: in a child its pages read as zeros, and zeros must neither be tried nor
/// wrapped under. A root that is named by a path is free of that, but one rule is easier to keep in mind.
pub(super) fn root(handle: *const keyfold_root) -> Result<Pinned<keyfold_root>> {
    let root = look_up(handle)?;
    match root.pin.object() {
        Object::Root(_, born) if *born != sync::fork_id() => Err(Error::Forked),
        _ => Ok(root),
    }
}

pub(super) fn open_root(root: impl Root + 'static) -> Result<*mut keyfold_root> {
    open(Object::Root(Box::new(root), sync::fork_id()))
}

pub(super) fn store(handle: *const keyfold_store) -> Result<Pinned<keyfold_store>> {
    look_up(handle)
}

#[inline(always)]
pub(super) fn key(handle: *const keyfold_key) -> Result<Pinned<keyfold_key>> {
    look_up(handle)
}

pub(super) fn stream(handle: *const keyfold_stream) -> Result<Pinned<keyfold_stream>> {
    look_up(handle)
}

pub(super) fn reader(handle: *const keyfold_reader) -> Result<Pinned<keyfold_reader>> {
    look_up(handle)
}

pub(super) fn key_or_none(handle: *const keyfold_key) -> Result<Option<Pinned<keyfold_key>>> {
    if handle.is_null() { Ok(None) } else { look_up(handle).map(Some) }
}

/// Up to 32 keys, pinned without allocating.
pub(super) struct Keys {
    pinned: [Option<Pinned<keyfold_key>>; KEYS_LIMIT],
}

const KEYS_LIMIT: usize = 32;

/// # Safety
/// The caller of the ABI promises `len` handles at `at`.
pub(super) unsafe fn keys(at: *const *const keyfold_key, len: usize) -> Result<Keys> {
    if at.is_null() && len > 0 {
        return Err(Error::NullArgument { what: "keys" });
    }
    if len == 0 || len > KEYS_LIMIT {
        return Err(Error::InvalidArgument { what: "the number of keys is not 1 to 32" });
    }
    let mut keys = Keys { pinned: [const { None }; KEYS_LIMIT] };
    for (i, place) in keys.pinned.iter_mut().take(len).enumerate() {
        // SAFETY: within the `len` handles promised, aligned or not.
        *place = Some(key(unsafe { at.add(i).read_unaligned() })?);
    }
    Ok(keys)
}

impl Keys {
    /// The keys, to be held for longer than a call.
    pub(super) fn cloned(&self) -> Vec<Key> {
        self.pinned.iter().flatten().map(|key| Key::clone(key)).collect()
    }

    pub(super) fn with<R>(&self, f: impl FnOnce(&[&Key]) -> Result<R>) -> Result<R> {
        let mut pinned = self.pinned.iter().flatten();
        let Some(first) = pinned.next() else {
            return Err(Error::InvalidArgument { what: "no keys are given" });
        };
        let mut keys: [&Key; KEYS_LIMIT] = [first; KEYS_LIMIT];
        let mut len = 1;
        for (key, place) in pinned.zip(&mut keys[1..]) {
            *place = key;
            len += 1;
        }
        f(&keys[..len])
    }
}

/// The roots of a call that takes several: 1 to 8.
///
/// # Safety
/// The caller of the ABI promises `len` handles at `at`.
pub(super) unsafe fn roots(at: *const *const keyfold_root, len: usize) -> Result<Vec<Pinned<keyfold_root>>> {
    if at.is_null() && len > 0 {
        return Err(Error::NullArgument { what: "roots" });
    }
    if len == 0 || len > ROOTS_LIMIT {
        return Err(Error::InvalidArgument { what: "the number of roots is not 1 to 8" });
    }
    // SAFETY: within the `len` handles promised, aligned or not.
    (0..len).map(|i| root(unsafe { at.add(i).read_unaligned() })).collect()
}

const ROOTS_LIMIT: usize = 8;

/// Gives an object a handle.
pub(super) fn open<K: Kind>(object: Object) -> Result<*mut K> {
    let Some((slot, generation)) = SLOTS.insert(object) else {
        return Err(Error::OutOfMemory { locked: false });
    };
    OPEN.fetch_add(1, Relaxed);
    let bits = base() ^ (u64::from(generation) << 32) ^ u64::from(slot);
    Ok(std::ptr::without_provenance_mut(bits as usize))
}

/// Ends a handle. The object goes once no call uses it any more. NULL is fine.
pub(super) fn close<K: Kind>(handle: *mut K) -> Result<()> {
    close_and(handle, |_| ()).map(|_| ())
}

/// The same, and what is to be known of the object when its handle has ended; None for NULL.
pub(super) fn close_and<K: Kind, R>(handle: *mut K, ask: impl FnOnce(&K::Target) -> R) -> Result<Option<R>> {
    if handle.is_null() {
        return Ok(None);
    }
    let pinned = look_up(handle.cast_const())?;
    // Only one of several threads that close at once gets here a second time.
    if !pinned.pin.close() {
        return Err(CLOSED);
    }
    OPEN.fetch_sub(1, Relaxed);
    Ok(Some(ask(&pinned)))
}

pub(super) fn open_handles() -> usize {
    OPEN.load(Relaxed)
}

#[inline(always)]
fn look_up<K: Kind>(handle: *const K) -> Result<Pinned<K>> {
    if handle.is_null() {
        return Err(Error::InvalidHandle { why: "NULL" });
    }
    let bits = handle.addr() as u64 ^ base();
    if bits >> 48 != 0 {
        return Err(Error::InvalidHandle { why: "not one of this copy of the library" });
    }
    let Some(slot) = SLOTS.slot(bits as u32) else {
        return Err(Error::InvalidHandle { why: "not one of this copy of the library" });
    };
    let Some(pin) = slot.pin((bits >> 32) as u16, sync::thread_index()) else { return Err(CLOSED) };
    let Some(target) = K::of(pin.object()).map(std::ptr::from_ref) else {
        return Err(Error::InvalidHandle { why: K::OTHER });
    };
    Ok(Pinned { pin, target })
}

const CLOSED: Error = Error::InvalidHandle { why: "closed" };

static SLOTS: Slots<Object> = Slots::new();
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// What is exclusive-or'ed into every handle of this copy: the tag, and a mask for generations.
fn base() -> u64 {
    static BASE: AtomicU64 = AtomicU64::new(0);
    match BASE.load(Relaxed) {
        0 => {
            // The standard library's random hash keys: not secret, but different in every copy and process.
            let random = RandomState::new().hash_one(std::process::id());
            let drawn = (random & 0x3F7F_FFFF_0000_0000) | 0x4080_0000_0000_0000;
            BASE.compare_exchange(0, drawn, SeqCst, SeqCst).map_or_else(|first| first, |_| drawn)
        }
        base => base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::KeyFile;

    fn root_handle() -> *mut keyfold_root {
        open_root(KeyFile::new("/nowhere")).unwrap()
    }

    fn why<T>(result: Result<T>) -> &'static str {
        match result {
            Err(Error::InvalidHandle { why }) => why,
            _ => "fine",
        }
    }

    /// Seen to fail with a `base` whose tag is zero.
    #[test]
    fn a_handle_is_no_address_that_a_program_can_have() {
        let handle = root_handle();
        let bits = handle.addr() as u64;
        // x86-64: 48 or 57 bits, sign-extended. AArch64: top byte may be ignored, bit 55 chooses the half, and the
        // bits between must equal it.
        for address_bits in [48, 57] {
            let extended = ((bits << (64 - address_bits)) as i64 >> (64 - address_bits)) as u64;
            assert_ne!(bits, extended, "not canonical");
        }
        assert_eq!(bits >> 63, 0, "positive, for languages that show it as a signed number");
        assert_eq!(bits >> 55 & 1, 1);
        close(handle).unwrap();
    }

    #[test]
    fn null_closed_forged_and_other_kinds_are_told_apart() {
        let handle = root_handle();
        assert_eq!(why(root(std::ptr::null())), "NULL");
        assert_eq!(why(store(handle.cast())), "of another kind than a store");
        assert_eq!(why(key(handle.cast())), "of another kind than a key");
        assert_eq!(why(close(handle.cast::<keyfold_key>())), "of another kind than a key");
        let foreign = "not one of this copy of the library";
        for forged in
            [1, 0xdead_beef, std::ptr::from_ref(&handle).addr(), usize::MAX, handle.addr() ^ 1 << 56]
        {
            assert_eq!(why(root(std::ptr::without_provenance(forged))), foreign);
        }
        assert_eq!(why(root(handle)), "fine");
        assert_eq!(why(close(handle)), "fine");
        assert_eq!(why(root(handle)), "closed");
        assert_eq!(why(close(handle)), "closed");
        assert_eq!(why(close(std::ptr::null_mut::<keyfold_root>())), "fine");
    }

    #[test]
    fn of_many_threads_that_close_one_handle_one_succeeds() {
        for _ in 0..200 {
            let handle = root_handle().addr();
            let closed: usize = std::thread::scope(|scope| {
                let close = move || close(std::ptr::without_provenance_mut::<keyfold_root>(handle)).is_ok();
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(close)).collect();
                threads.into_iter().map(|t| usize::from(t.join().unwrap())).sum()
            });
            assert_eq!(closed, 1);
        }
    }
}
