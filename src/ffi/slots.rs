//! Slots with generations and pins, without locks: the half of the handle table that knows nothing of C.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};

/// A table of slots that only grows: chunk `k` holds `FIRST << k` slots and is never freed.
pub(super) struct Slots<T> {
    chunks: [AtomicPtr<Slot<T>>; CHUNKS],
    /// Slots handed out for the first time so far.
    fresh: AtomicU32,
    /// Free slots: index + 1 of the first (0: none) below a count that makes every change of it different.
    free: AtomicU64,
}

const FIRST: u32 = 64;
const CHUNKS: usize = 20;
/// 67 million handles; each takes about 600 bytes.
const LIMIT: u32 = FIRST * ((1 << CHUNKS) - 1);

/// A place for one object at a time. All-zero bytes are a valid slot that is empty.
pub(super) struct Slot<T> {
    state: AtomicU32,
    /// Index + 1 of the next free slot.
    next: AtomicU32,
    /// Which slot of which table this is, once it has had an object.
    index: AtomicU32,
    table: AtomicPtr<Slots<T>>,
    object: UnsafeCell<MaybeUninit<T>>,
    /// Calls that use the object, counted apart by thread: one counter would bounce between cores.
    pins: [Stripe; STRIPES],
}

const STRIPES: usize = 8;

#[repr(align(64))]
struct Stripe(AtomicU64);

// SAFETY: an object is shared between threads by `Pin`, and dropped by whichever ends last.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}
unsafe impl<T: Send + Sync> Sync for Slots<T> {}

/// A slot's state: its generation above, one of these below.
const EMPTY: u32 = 0;
const OPEN: u32 = 1;
const CLOSED: u32 = 2;
const EMPTYING: u32 = 3;

fn state(generation: u16, stage: u32) -> u32 {
    u32::from(generation) << 8 | stage
}

impl<T: Send + Sync> Slots<T> {
    pub(super) const fn new() -> Slots<T> {
        Slots {
            chunks: [const { AtomicPtr::new(null_mut()) }; CHUNKS],
            fresh: AtomicU32::new(0),
            free: AtomicU64::new(0),
        }
    }

    /// Puts an object into a slot: the slot's number and its generation. None when memory is used up.
    pub(super) fn insert(&'static self, object: T) -> Option<(u32, u16)> {
        let index = match self.pop() {
            Some(index) => index,
            None => self.grow()?,
        };
        let slot = self.slot(index)?;
        slot.index.store(index, SeqCst);
        slot.table.store(std::ptr::from_ref(self).cast_mut(), SeqCst);
        let generation = (slot.state.load(SeqCst) >> 8) as u16;
        // SAFETY: the slot is empty and out of the free list, so it is ours alone until it is open.
        unsafe { (*slot.object.get()).write(object) };
        slot.state.store(state(generation, OPEN), SeqCst);
        Some((index, generation))
    }

    /// The slot of this number, if there is one yet.
    #[inline(always)]
    pub(super) fn slot(&'static self, index: u32) -> Option<&'static Slot<T>> {
        let (chunk, at) = place(index)?;
        let slots = self.chunks[chunk].load(SeqCst);
        // SAFETY: a chunk that is there is never freed and has a slot for every place in it.
        (!slots.is_null()).then(|| unsafe { &*slots.add(at) })
    }

    fn grow(&'static self) -> Option<u32> {
        let index = self.fresh.fetch_update(SeqCst, SeqCst, |n| (n < LIMIT).then_some(n + 1)).ok()?;
        let (chunk, _) = place(index)?;
        if self.chunks[chunk].load(SeqCst).is_null() {
            let layout = Layout::array::<Slot<T>>((FIRST as usize) << chunk).ok()?;
            // SAFETY: the layout is not empty.
            let made = unsafe { alloc_zeroed(layout) }.cast::<Slot<T>>();
            if made.is_null() {
                return None;
            }
            if self.chunks[chunk].compare_exchange(null_mut(), made, SeqCst, SeqCst).is_err() {
                // SAFETY: made just now, shown to nobody.
                unsafe { dealloc(made.cast(), layout) };
            }
        }
        Some(index)
    }

    fn pop(&'static self) -> Option<u32> {
        let mut head = self.free.load(SeqCst);
        loop {
            let index = (head as u32).checked_sub(1)?;
            let next = self.slot(index)?.next.load(SeqCst);
            match self.free.compare_exchange(head, after(head, next), SeqCst, SeqCst) {
                Ok(_) => return Some(index),
                Err(now) => head = now,
            }
        }
    }

    fn push(&self, index: u32, slot: &Slot<T>) {
        let mut head = self.free.load(SeqCst);
        loop {
            slot.next.store(head as u32, SeqCst);
            match self.free.compare_exchange(head, after(head, index + 1), SeqCst, SeqCst) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

/// The list's head after a change: a new first slot, and a new count, so that no old head comes back.
fn after(head: u64, first: u32) -> u64 {
    (head >> 32).wrapping_add(1) << 32 | u64::from(first)
}

#[inline]
fn place(index: u32) -> Option<(usize, usize)> {
    let from_one = index.checked_add(FIRST)?;
    let chunk = (from_one / FIRST).ilog2() as usize;
    (chunk < CHUNKS).then(|| (chunk, (from_one - (FIRST << chunk)) as usize))
}

impl<T: Send + Sync> Slot<T> {
    /// Pins the object of this generation. None when it is closed or was never there.
    #[inline(always)]
    pub(super) fn pin(&'static self, generation: u16, thread: usize) -> Option<Pin<T>> {
        let stripe = &self.pins[thread % STRIPES].0;
        // Count first, look afterwards: whoever closes looks at the counters after it has closed, so either it
        // sees this count or this look sees it closed. (All sequentially consistent.)
        stripe.fetch_add(1, SeqCst);
        let pin = Pin { slot: self, stripe };
        // Dropping the pin takes the count back, and frees the object if that is what everybody waited for.
        (pin.slot.state.load(SeqCst) == state(generation, OPEN)).then_some(pin)
    }
}

/// The right to use a slot's object. It stays where it is until this is dropped.
pub(super) struct Pin<T: Send + Sync + 'static> {
    slot: &'static Slot<T>,
    stripe: &'static AtomicU64,
}

impl<T: Send + Sync> Pin<T> {
    pub(super) fn object(&self) -> &T {
        // SAFETY: the slot was open when it was pinned, so the object is there, and it is not dropped while any
        // stripe counts.
        unsafe { (*self.slot.object.get()).assume_init_ref() }
    }

    /// Closes the slot: no pin is given any more. Whether this call did it.
    pub(super) fn close(&self) -> bool {
        let open = self.slot.state.load(SeqCst);
        // While pinned, the generation cannot pass.
        let closed = open & !0xFF | CLOSED;
        open & 0xFF == OPEN && self.slot.state.compare_exchange(open, closed, SeqCst, SeqCst).is_ok()
    }
}

impl<T: Send + Sync> Drop for Pin<T> {
    #[inline]
    fn drop(&mut self) {
        self.stripe.fetch_sub(1, SeqCst);
        let now = self.slot.state.load(SeqCst);
        if now & 0xFF == CLOSED {
            self.empty(now);
        }
    }
}

impl<T: Send + Sync> Pin<T> {
    /// Drops the object if nobody uses it. After the slot was closed no stripe counts a user that was not there
    /// before, so it is enough to have seen each at zero once. Whoever counts down last gets here and sees that.
    #[cold]
    fn empty(&self, closed: u32) {
        let slot = self.slot;
        if slot.pins.iter().any(|stripe| stripe.0.load(SeqCst) != 0) {
            return;
        }
        let emptying = closed & !0xFF | EMPTYING;
        if slot.state.compare_exchange(closed, emptying, SeqCst, SeqCst).is_err() {
            return;
        }
        // SAFETY: closed, unused, and only one thread gets from CLOSED to EMPTYING.
        let object = unsafe { (*slot.object.get()).assume_init_read() };
        let generation = (closed >> 8) as u16;
        if let Some(next) = generation.checked_add(1) {
            slot.state.store(state(next, EMPTY), SeqCst);
            // SAFETY: set when the object was put in; tables are static.
            let table = unsafe { &*slot.table.load(SeqCst) };
            table.push(slot.index.load(SeqCst), slot);
        } // else: retired. It stays EMPTYING for ever, and no handle to it is ever valid again.
        drop(object);
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
