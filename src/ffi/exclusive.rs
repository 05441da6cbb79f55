//! What one thread at a time may use: a second one is told BUSY instead of racing.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::error::{Error, Result};
use crate::sync;

/// A value for one user at a time.
pub(super) struct Exclusive<T> {
    /// [`FREE`], [`BROKEN`], or the `fork_id` of the process that uses it.
    used: AtomicU64,
    inside: UnsafeCell<T>,
}

const FREE: u64 = 0;
/// A panic passed through it: what it holds may be half changed.
const BROKEN: u64 = u64::MAX;

// SAFETY: `claim` gives the value to one thread at a time, and hands over what earlier ones wrote.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    pub(super) fn new(inside: T) -> Exclusive<T> {
        Exclusive { used: AtomicU64::new(FREE), inside: UnsafeCell::new(inside) }
    }

    /// Takes it until the end of a call.
    ///
    /// # Errors
    /// BUSY; FORKED, where another thread of the parent was using it when it forked; INTERNAL after a panic.
    pub(super) fn claim(&self) -> Result<Claimed<'_, T>> {
        let me = sync::fork_id();
        match self.used.compare_exchange(FREE, me, Acquire, Relaxed) {
            Ok(_) => Ok(Claimed { of: self }),
            Err(BROKEN) => Err(Error::Internal { what: "an earlier call on this object panicked" }),
            Err(user) if user == me => Err(Error::Busy),
            Err(_) => Err(Error::Forked),
        }
    }
}

/// The right to use it. Given back when dropped.
pub(super) struct Claimed<'a, T> {
    of: &'a Exclusive<T>,
}

impl<T> Deref for Claimed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: claimed, so nobody else has it.
        unsafe { &*self.of.inside.get() }
    }
}

impl<T> DerefMut for Claimed<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: claimed, so nobody else has it.
        unsafe { &mut *self.of.inside.get() }
    }
}

impl<T> Drop for Claimed<'_, T> {
    fn drop(&mut self) {
        let left = if std::thread::panicking() { BROKEN } else { FREE };
        self.of.used.store(left, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_user_is_told_busy_until_the_first_is_done() {
        let one = Exclusive::new(7);
        let mut first = one.claim().unwrap();
        assert_eq!(one.claim().err(), Some(Error::Busy));
        *first = 8;
        drop(first);
        assert_eq!(*one.claim().unwrap(), 8);
    }

    /// Seen to fail with plain loads and stores in place of the compare-exchange.
    #[test]
    fn of_many_threads_one_at_a_time_has_it() {
        let one = Exclusive::new(0u64);
        let done: u64 = std::thread::scope(|scope| {
            let add = || (0..20_000).filter(|_| one.claim().map(|mut it| *it += 1).is_ok()).count() as u64;
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(add)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(*one.claim().unwrap(), done);
    }

    #[test]
    fn after_a_panic_it_is_never_used_again() {
        let one = Exclusive::new(7);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _claimed = one.claim().unwrap();
            panic!("a test's");
        }));
        assert!(panicked.is_err());
        assert!(matches!(one.claim().err(), Some(Error::Internal { .. })));
    }

    #[test]
    fn what_was_in_use_at_a_fork_is_forked_in_the_child() {
        let one = Exclusive::new(7);
        one.used.store(sync::fork_id() ^ 1 << 40, Relaxed); // the parent's
        assert_eq!(one.claim().err(), Some(Error::Forked));
    }
}
