//! The fork word: a number in a page that the kernel wipes in every forked child, however the child was made.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

/// How a forked child is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForkDetection {
    /// By a page that the kernel wipes in children (`MADV_WIPEONFORK`).
    WipedPage,
    /// By process id and a fork handler: a raw clone() that is given an ancestor's process id is not seen. Random
    /// bytes then come from the kernel for every draw.
    ProcessId,
}

/// Where the word lies; null until first asked for.
static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// The last number given, in ordinary memory: children inherit it, so no descendant is given a number again.
static LAST: AtomicU64 = AtomicU64::new(0);
/// The word where no page can be wiped, and the process it was given to.
static FALLBACK: AtomicU64 = AtomicU64::new(0);
static FALLBACK_PID: AtomicI32 = AtomicI32::new(0);
/// What `WORD` holds where the kernel refused to mark the page: never dereferenced.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// A number that changes in every forked child (by whatever call it was made) and never comes back in a process's
/// descent; never zero. Handles remember it at birth; one load of a wipe-on-fork word when nothing changed.
#[inline]
pub(crate) fn fork_id() -> u64 {
    let word = WORD.load(Ordering::Acquire);
    if !word.is_null() && !ptr::eq(word, &REFUSED) {
        // SAFETY: `word` points into a page that `map` made and that is never unmapped.
        let id = unsafe { &*word }.load(Ordering::Relaxed);
        if id != 0 {
            return id;
        }
    }
    fork_id_slow()
}

/// How this process knows a fork.
pub(crate) fn fork_detection() -> ForkDetection {
    fork_id();
    if ptr::eq(WORD.load(Ordering::Acquire), &REFUSED) {
        ForkDetection::ProcessId
    } else {
        ForkDetection::WipedPage
    }
}

#[cold]
fn fork_id_slow() -> u64 {
    let mut word = WORD.load(Ordering::Acquire);
    if word.is_null() {
        let mine = map().unwrap_or_else(|| {
            // SAFETY: the handler only stores to an atomic, which is allowed in a forked child.
            unsafe { libc::pthread_atfork(None, None, Some(forget_number)) };
            ptr::from_ref(&REFUSED).cast_mut()
        });
        word = match WORD.compare_exchange(ptr::null_mut(), mine, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => mine,
            Err(theirs) => {
                if !ptr::eq(mine, &REFUSED) {
                    // SAFETY: `mine` is the page mapped above, which no one else has seen.
                    unsafe { libc::munmap(mine.cast(), page_size()) };
                }
                theirs
            }
        };
    }
    if ptr::eq(word, &REFUSED) {
        return fallback_id();
    }
    // SAFETY: as in `fork_id`.
    number(unsafe { &*word })
}

/// Gives `word` a number if it has none. Threads that race here agree on the first one stored.
fn number(word: &AtomicU64) -> u64 {
    let current = word.load(Ordering::Acquire);
    if current != 0 {
        return current;
    }
    let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    word.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire).map_or_else(|theirs| theirs, |_| new)
}

fn fallback_id() -> u64 {
    // SAFETY: takes and touches nothing.
    let pid = unsafe { libc::getpid() };
    if FALLBACK_PID.load(Ordering::Acquire) != pid {
        FALLBACK.store(0, Ordering::Release);
        let id = number(&FALLBACK);
        FALLBACK_PID.store(pid, Ordering::Release);
        return id;
    }
    number(&FALLBACK)
}

extern "C" fn forget_number() {
    FALLBACK.store(0, Ordering::Release);
}

/// A page that children find wiped; `None` where the kernel does not do that.
fn map() -> Option<*mut AtomicU64> {
    #[cfg(test)]
    if REFUSE.load(Ordering::Relaxed) {
        return None;
    }
    // SAFETY: a fresh anonymous mapping; nothing of ours is touched.
    let page = unsafe {
        libc::mmap(
            ptr::null_mut(),
            page_size(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: `page` is the mapping made above.
    if unsafe { libc::madvise(page, page_size(), libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: likewise; no one else has seen it.
        unsafe { libc::munmap(page, page_size()) };
        return None;
    }
    Some(page.cast())
}

fn page_size() -> usize {
    // SAFETY: takes a number, touches nothing.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Makes `map` refuse, as a kernel without `MADV_WIPEONFORK` does. For forked children of tests.
#[cfg(test)]
static REFUSE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Makes this process one whose kernel does not wipe pages, for the rest of its life: for children of tests.
    pub(crate) fn refuse_wiped_pages() {
        REFUSE.store(true, Ordering::Relaxed);
        WORD.store(ptr::null_mut(), Ordering::Release);
    }

    /// Zeroed memory that children write and parents read.
    pub(crate) struct Shared<T>(*mut T);

    impl<T: Copy, const N: usize> Shared<[T; N]> {
        pub(crate) fn new() -> Shared<[T; N]> {
            // SAFETY: a fresh mapping; zeros are valid for the plain bytes that tests share.
            let at = unsafe {
                libc::mmap(
                    ptr::null_mut(),
                    size_of::<[T; N]>(),
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                )
            };
            assert_ne!(at, libc::MAP_FAILED);
            Shared(at.cast())
        }

        pub(crate) fn get(&self) -> &[std::cell::Cell<T>] {
            // SAFETY: mapped for the life of the process; a child that writes has ended before its parent reads.
            unsafe { std::slice::from_raw_parts(self.0.cast(), N) }
        }
    }

    /// Whether `f` returned true in a child.
    pub(crate) fn in_child(raw: bool, f: impl FnOnce() -> bool) -> bool {
        let status = run_child(raw, f);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }

    /// Runs `f` in a child made by fork(), or by a raw clone system call that no fork handler sees; the wait status,
    /// exit code 0 if `f` returned true.
    pub(crate) fn run_child(raw: bool, f: impl FnOnce() -> bool) -> libc::c_int {
        // SAFETY: the child runs `f` and leaves by _exit; `f` must not need another thread of this process.
        unsafe {
            let pid = if raw {
                libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t
            } else {
                libc::fork()
            };
            assert!(pid >= 0);
            if pid == 0 {
                let ok = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
                libc::_exit(i32::from(!matches!(ok, Ok(true))));
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
            status
        }
    }

    /// Mutation seen to fail: returning the old number for a zero word.
    #[test]
    fn children_and_grandchildren_have_numbers_that_never_come_back() {
        let mine = fork_id();
        assert_ne!(mine, 0);
        for raw in [false, true] {
            assert!(in_child(raw, || {
                let child = fork_id();
                child > mine
                    && fork_id() == child
                    && in_child(raw, || fork_id() > child)
                    && fork_id() == child
            }));
        }
        assert_eq!(fork_id(), mine);
        assert_eq!(fork_detection(), ForkDetection::WipedPage);
    }

    #[test]
    fn without_wiped_pages_children_are_still_told_apart_and_the_status_says_so() {
        assert!(in_child(false, || {
            refuse_wiped_pages();
            let mine = fork_id();
            fork_detection() == ForkDetection::ProcessId
                && in_child(false, || fork_id() > mine)
                && in_child(true, || fork_id() > mine && in_child(true, || fork_id() > mine + 1))
                && fork_id() == mine
        }));
    }

    #[test]
    fn threads_that_ask_at_once_are_told_the_same() {
        assert!(in_child(false, || {
            let ids: Vec<u64> = std::thread::scope(|s| {
                let threads: Vec<_> = (0..8).map(|_| s.spawn(fork_id)).collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            ids.iter().all(|id| *id == ids[0])
        }));
    }
}
