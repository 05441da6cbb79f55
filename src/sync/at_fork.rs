//! Orderly forks: handlers around `fork`, and a lock that can be held across one.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};

/// Has `prepare` run in the forking thread before every later `fork`, then `parent` and `child` on either side
/// (`pthread_atfork`). Not run by raw `clone`, `vfork` or `posix_spawn`. False when the system has no memory for it.
pub(crate) fn at_fork(prepare: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) -> bool {
    // SAFETY: the handlers are `extern "C"` functions without arguments that live as long as this library; it is
    // linked so that it is never unloaded.
    unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) == 0 }
}

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody may be asleep waiting for it.
const AWAITED: u32 = 2;

/// A mutex for what must be found unlocked in a forked child. Unlike `std`'s it can be held from a fork handler to
/// its counterpart ([`ForkGuard::keep_across_fork`], [`ForkLock::resume`]), and a panic under it does not poison it.
pub(crate) struct ForkLock<T> {
    word: AtomicU32,
    /// 1 while a guard is put by for a fork; whoever takes it back to 0 has the guard.
    kept: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a guard alone, and `word` lets one guard exist at a time.
unsafe impl<T: Send> Sync for ForkLock<T> {}

impl<T: Default> Default for ForkLock<T> {
    fn default() -> ForkLock<T> {
        ForkLock::new(T::default())
    }
}

pub(crate) struct ForkGuard<'a, T> {
    lock: &'a ForkLock<T>,
}

impl<T> ForkLock<T> {
    pub(crate) const fn new(value: T) -> ForkLock<T> {
        ForkLock { word: AtomicU32::new(FREE), kept: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> ForkGuard<'_, T> {
        self.acquire();
        ForkGuard { lock: self }
    }

    pub(crate) fn try_lock(&self) -> Option<ForkGuard<'_, T>> {
        let free = self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok();
        free.then(|| ForkGuard { lock: self })
    }

    /// The guard that [`ForkGuard::keep_across_fork`] put by, on either side of the fork; `None` when there is none.
    pub(crate) fn resume(&self) -> Option<ForkGuard<'_, T>> {
        (self.kept.swap(0, Ordering::Acquire) == 1).then(|| ForkGuard { lock: self })
    }

    fn acquire(&self) {
        if self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return;
        }
        while self.word.swap(AWAITED, Ordering::Acquire) != FREE {
            sleep_while(&self.word, AWAITED);
        }
    }

    fn free(&self) {
        if self.word.swap(FREE, Ordering::Release) == AWAITED {
            wake(&self.word, 1);
        }
    }
}

impl<T> ForkGuard<'_, T> {
    /// Leaves the lock locked, until [`ForkLock::resume`] by the same thread or its copy in the child.
    pub(crate) fn keep_across_fork(self) {
        let lock = self.lock;
        std::mem::forget(self);
        lock.kept.store(1, Ordering::Release);
    }
}

impl<T> Deref for ForkGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: this guard exists, so no other does.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for ForkGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard exists, so no other does, and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for ForkGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.free();
    }
}

/// What threads wait for that hold nothing: it rings, and all who slept look again. A fork finds nothing locked, and in a
/// child nobody sleeps.
#[derive(Default)]
pub(crate) struct Bell {
    rings: AtomicU32,
    sleepers: AtomicU32,
}

impl Bell {
    /// To be taken before the look that may lead to [`Bell::wait`].
    pub(crate) fn heard(&self) -> u32 {
        self.rings.load(Ordering::SeqCst)
    }

    /// Sleeps until it has rung since it was `heard`.
    pub(crate) fn wait(&self, heard: u32) {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while self.rings.load(Ordering::SeqCst) == heard {
            sleep_while(&self.rings, heard);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn ring(&self) {
        self.rings.fetch_add(1, Ordering::SeqCst);
        // Who counts itself later finds that it rang.
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            wake(&self.rings, i32::MAX);
        }
    }
}

#[cfg(target_os = "linux")]
fn sleep_while(word: &AtomicU32, value: u32) {
    // SAFETY: `word` outlives the call; FUTEX_WAIT reads it and sleeps only while it holds `value`. Every return,
    // spurious ones too, is followed by another look at the word.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            value,
            std::ptr::null::<libc::timespec>(),
        );
    }
}

#[cfg(target_os = "linux")]
fn wake(word: &AtomicU32, sleepers: i32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: FUTEX_WAKE uses the address as a name only; it is never read or written through.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, sleepers) };
}

#[cfg(not(target_os = "linux"))]
fn sleep_while(_word: &AtomicU32, _value: u32) {
    std::thread::sleep(std::time::Duration::from_micros(200));
}

#[cfg(not(target_os = "linux"))]
fn wake(_word: &AtomicU32, _sleepers: i32) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutation seen to fail it: `acquire` that returns after its first `swap`.
    #[test]
    fn one_thread_at_a_time_holds_it() {
        let lock = ForkLock::new(0u64);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let mut value = lock.lock();
                        let was = *value;
                        // Whoever could come in meanwhile does.
                        std::thread::yield_now();
                        *value = was + 1;
                    }
                });
            }
        });
        assert_eq!(*lock.lock(), 16_000);
    }

    #[test]
    fn all_who_wait_for_a_bell_hear_it_ring() {
        let bell = Bell::default();
        let heard = bell.heard();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| bell.wait(heard));
            }
            while bell.sleepers.load(Ordering::SeqCst) < 4 {
                std::thread::yield_now();
            }
            bell.ring();
        });
        bell.wait(heard);
        assert_eq!(bell.sleepers.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_kept_guard_comes_back_once() {
        let lock = ForkLock::new(());
        let guard = lock.lock();
        assert!(lock.resume().is_none(), "a guard in use cannot be had twice");
        guard.keep_across_fork();
        assert!(lock.try_lock().is_none());
        let guard = lock.resume();
        assert!(guard.is_some() && lock.resume().is_none());
        drop(guard);
        assert!(lock.try_lock().is_some());
    }
}
