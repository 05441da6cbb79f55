#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::panic::resume_unwind;
use std::ptr;
use std::thread::{Builder, scope};

/// Room for a chunk and what seals it.
const STACK: usize = 256 << 10;

/// Runs `other` on up to `more` threads beside this one, which runs `own`; all have ended when this returns. A thread
/// that the system does not give is done without. They take no signals: a host's handlers run on the host's threads.
pub(crate) fn beside<R>(more: usize, other: &(dyn Fn() + Sync), own: impl FnOnce() -> R) -> R {
    if more == 0 {
        return own();
    }
    scope(|scope| {
        let threads: Vec<_> = without_signals(|| {
            let begin =
                || Builder::new().name("keyfold".into()).stack_size(STACK).spawn_scoped(scope, other).ok();
            (0..more).map_while(|_| begin()).collect()
        });
        let answer = own();
        for thread in threads {
            // The scope waits for what a thread computes; this waits for the thread itself to be gone.
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
        answer
    })
}

/// Runs `f` with every signal blocked, which threads that it begins inherit.
fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    let (mut all, mut was) = (MaybeUninit::uninit(), MaybeUninit::zeroed());
    // SAFETY: the first call fills the set that the second reads; `was` has room for another. Only this thread's mask is
    // changed.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), was.as_mut_ptr());
    }
    let answer = f();
    // SAFETY: `was` holds the mask that the call above found; zeros, an empty set, if it failed.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, was.as_ptr(), ptr::null_mut()) };
    answer
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn blocked() -> bool {
        let mut mask = MaybeUninit::zeroed();
        // SAFETY: asks for the mask, changes none.
        unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr());
            libc::sigismember(mask.as_ptr(), libc::SIGINT) == 1
                && libc::sigismember(mask.as_ptr(), libc::SIGPROF) == 1
        }
    }

    /// Meant to fail with: threads begun outside `without_signals`.
    #[test]
    fn threads_beside_take_no_signals_and_are_gone_afterwards() {
        let (ran, deaf) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let other = || {
            ran.fetch_add(1, Ordering::SeqCst);
            deaf.fetch_add(usize::from(blocked()), Ordering::SeqCst);
        };
        assert_eq!(beside(3, &other, || 7), 7);
        assert_eq!((ran.load(Ordering::SeqCst), deaf.load(Ordering::SeqCst)), (3, 3));
        assert!(!blocked(), "the caller's own mask is as it was");
        assert_eq!(beside(0, &other, || 8), 8);
        assert_eq!(ran.load(Ordering::SeqCst), 3);
    }
}
