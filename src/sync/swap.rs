#![allow(unsafe_code)]

use std::hint;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::{fork_id, thread_index};

/// How many counters readers are spread over; also the width of a retired value's mask.
const STRIPES: usize = 16;
/// How often a writer looks again before it leaves an old value to later readers.
const LOOKS: usize = 200;

/// A value that many threads read without a lock and few replace. Readers are counted in striped counters; a
/// replaced value is dropped once every stripe has been seen empty after the replacement, by the writer or by a
/// later reader on its way out. A reader lost to a fork only delays that for ever (a leak), it can block nobody.
///
/// Reading takes two atomic additions on a cache line of the thread's own. Any number of threads may read and
/// replace at once; a reader may replace the value it is reading.
pub(crate) struct Swap<T: Send + Sync> {
    current: AtomicPtr<T>,
    stripes: [Stripe; STRIPES],
    /// Replaced values that some stripe may still read, newest first.
    retired: AtomicPtr<Retired<T>>,
    /// The fork id of the thread that goes through `retired`, or zero. A holder of another process does not exist.
    collecting: AtomicU64,
}

#[repr(align(64))]
struct Stripe(AtomicUsize);

struct Retired<T> {
    value: *mut T,
    /// The stripes that have not been seen empty since the value was replaced.
    unseen: u32,
    next: *mut Retired<T>,
}

// SAFETY: a Swap owns its values and hands out only `&T` across threads, so `T: Send + Sync` is what both need; the
// lists of raw pointers are reached through atomics and owned by whoever took them out.
unsafe impl<T: Send + Sync> Send for Swap<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Swap<T> {}

impl<T: Send + Sync> Swap<T> {
    pub(crate) fn new(value: Box<T>) -> Swap<T> {
        Swap {
            current: AtomicPtr::new(Box::into_raw(value)),
            stripes: [const { Stripe(AtomicUsize::new(0)) }; STRIPES],
            retired: AtomicPtr::new(ptr::null_mut()),
            collecting: AtomicU64::new(0),
        }
    }

    /// Runs `f` on the current value, which stays alive until `f` returns even if it is replaced meanwhile.
    pub(crate) fn read<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        let reader = Reader::enter(self);
        // SAFETY: the pointer came from a Box and is dropped only after this reader's stripe was seen empty after
        // the value was replaced. The stripe was raised before the load (both SeqCst), so a collector that saw it
        // empty did so before, and this load then finds the newer value; otherwise it waits for `reader` to leave.
        let value = unsafe { &*reader.swap.current.load(Ordering::SeqCst) };
        f(value)
    }

    /// Puts a new value in place; later readers see it at once. The old one is dropped when no reader holds it.
    pub(crate) fn replace(&self, value: Box<T>) {
        let retired = Box::into_raw(Box::new(Retired {
            value: ptr::null_mut(),
            unseen: (1 << STRIPES) - 1,
            next: ptr::null_mut(),
        }));
        let old = self.current.swap(Box::into_raw(value), Ordering::SeqCst);
        // SAFETY: `retired` was made above and no one else has seen it.
        unsafe { (*retired).value = old };
        self.push(retired, retired);
        for _ in 0..LOOKS {
            self.collect();
            if self.retired.load(Ordering::SeqCst).is_null() {
                return;
            }
            hint::spin_loop();
        }
    }

    /// Drops every retired value whose readers are gone; what others hold stays on the list.
    fn collect(&self) {
        let me = fork_id();
        let holder = self.collecting.load(Ordering::Relaxed);
        if holder == me
            || self.collecting.compare_exchange(holder, me, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            return;
        }
        let mut list = self.retired.swap(ptr::null_mut(), Ordering::SeqCst);
        let mut done: *mut Retired<T> = ptr::null_mut();
        let mut first: *mut Retired<T> = ptr::null_mut();
        let mut last: *mut Retired<T> = ptr::null_mut();
        while !list.is_null() {
            // SAFETY: the list was taken whole out of `retired`, so this thread alone owns its members.
            let node = unsafe { &mut *list };
            let this = std::mem::replace(&mut list, node.next);
            for (i, stripe) in self.stripes.iter().enumerate() {
                if node.unseen & (1 << i) != 0 && stripe.0.load(Ordering::SeqCst) == 0 {
                    node.unseen &= !(1 << i);
                }
            }
            if node.unseen == 0 {
                node.next = done;
                done = this;
            } else {
                node.next = first;
                first = this;
                if last.is_null() {
                    last = this;
                }
            }
        }
        if !first.is_null() {
            self.push(first, last);
        }
        self.collecting.store(0, Ordering::Release);
        // Values are dropped after the hold is given up: their drops may take a while, or read another Swap.
        drop_list(done);
    }

    /// Puts the chain from `first` to `last` at the head of the retired list.
    fn push(&self, first: *mut Retired<T>, last: *mut Retired<T>) {
        let mut head = self.retired.load(Ordering::Relaxed);
        loop {
            // SAFETY: the caller owns the chain until the exchange below publishes it.
            unsafe { (*last).next = head };
            match self.retired.compare_exchange_weak(head, first, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

impl<T: Send + Sync> Drop for Swap<T> {
    fn drop(&mut self) {
        drop_list(*self.retired.get_mut());
        // SAFETY: `&mut self` says that no reader is left; the pointer came from a Box.
        drop(unsafe { Box::from_raw(*self.current.get_mut()) });
    }
}

fn drop_list<T>(mut list: *mut Retired<T>) {
    while !list.is_null() {
        // SAFETY: the caller owns the list, whose nodes and values came from Boxes and have no reader left.
        let node = unsafe { Box::from_raw(list) };
        list = node.next;
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(node.value) });
    }
}

/// One reader, counted while it lives; leaves in a panic too.
struct Reader<'a, T: Send + Sync> {
    swap: &'a Swap<T>,
    stripe: &'a AtomicUsize,
}

impl<'a, T: Send + Sync> Reader<'a, T> {
    fn enter(swap: &'a Swap<T>) -> Reader<'a, T> {
        let stripe = &swap.stripes[thread_index() % STRIPES].0;
        stripe.fetch_add(1, Ordering::SeqCst);
        Reader { swap, stripe }
    }
}

impl<T: Send + Sync> Drop for Reader<'_, T> {
    fn drop(&mut self) {
        self.stripe.fetch_sub(1, Ordering::SeqCst);
        if !self.swap.retired.load(Ordering::Relaxed).is_null() {
            self.swap.collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Counts its drops and knows whether it is alive.
    struct Counted {
        drops: Arc<AtomicUsize>,
        alive: AtomicBool,
        numbers: [u64; 2],
    }

    impl Counted {
        fn boxed(drops: &Arc<AtomicUsize>, n: u64) -> Box<Counted> {
            Box::new(Counted { drops: drops.clone(), alive: AtomicBool::new(true), numbers: [n, !n] })
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            assert!(self.alive.swap(false, Ordering::SeqCst), "dropped twice");
            self.drops.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_replaced_value_is_dropped_at_once_when_nobody_reads() {
        let drops = Arc::new(AtomicUsize::new(0));
        let swap = Swap::new(Counted::boxed(&drops, 1));
        swap.replace(Counted::boxed(&drops, 2));
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        assert_eq!(swap.read(|v| v.numbers[0]), 2);
        drop(swap);
        assert_eq!(drops.load(Ordering::SeqCst), 2);
    }

    /// Mutation seen to fail: dropping the old value in `replace` without looking at the stripes.
    #[test]
    fn a_reader_keeps_its_value_over_its_own_replacement_and_then_lets_it_go() {
        let drops = Arc::new(AtomicUsize::new(0));
        let swap = Swap::new(Counted::boxed(&drops, 1));
        swap.read(|old| {
            swap.replace(Counted::boxed(&drops, 2));
            assert!(old.alive.load(Ordering::SeqCst));
            assert_eq!(drops.load(Ordering::SeqCst), 0);
            assert_eq!(swap.read(|new| new.numbers[0]), 2);
        });
        assert_eq!(drops.load(Ordering::SeqCst), 1, "the last reader collects");
    }

    #[test]
    fn a_reader_that_panics_has_left() {
        let drops = Arc::new(AtomicUsize::new(0));
        let swap = Swap::new(Counted::boxed(&drops, 1));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            swap.read(|_| std::panic::resume_unwind(Box::new(())));
        }));
        assert!(caught.is_err());
        swap.replace(Counted::boxed(&drops, 2));
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn under_hammering_every_value_is_seen_whole_and_dropped_exactly_once() {
        const REPLACEMENTS: u64 = 2_000;
        let drops = Arc::new(AtomicUsize::new(0));
        let swap = Swap::new(Counted::boxed(&drops, 0));
        let stop = AtomicBool::new(false);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    let mut newest = 0;
                    while !stop.load(Ordering::Relaxed) {
                        swap.read(|v| {
                            assert!(v.alive.load(Ordering::SeqCst));
                            assert_eq!(v.numbers[0], !v.numbers[1]);
                            newest = newest.max(v.numbers[0]);
                        });
                    }
                    newest
                });
            }
            let writers: Vec<_> = (0..2)
                .map(|w| {
                    let (swap, drops) = (&swap, &drops);
                    s.spawn(move || {
                        for i in 0..REPLACEMENTS / 2 {
                            swap.replace(Counted::boxed(drops, i * 2 + w));
                        }
                    })
                })
                .collect();
            for writer in writers {
                writer.join().unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        swap.read(|_| ());
        assert_eq!(drops.load(Ordering::SeqCst) as u64, REPLACEMENTS, "all but the current one");
        drop(swap);
        assert_eq!(drops.load(Ordering::SeqCst) as u64, REPLACEMENTS + 1);
    }

    #[test]
    fn a_child_of_a_fork_in_mid_collection_is_not_blocked() {
        let drops = Arc::new(AtomicUsize::new(0));
        let swap = Swap::new(Counted::boxed(&drops, 1));
        swap.collecting.store(fork_id(), Ordering::SeqCst);
        assert!(crate::sync::fork::tests::in_child(false, || {
            swap.replace(Counted::boxed(&drops, 2));
            drops.load(Ordering::SeqCst) == 1
        }));
    }
}
