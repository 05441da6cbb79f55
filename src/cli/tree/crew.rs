//! Several threads that work on what one of them finds.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::super::sys;

/// Has `work` done on each job that `find` gives, by so many threads; returns when all of it is done. Jobs that wait are
/// few, so that open folders are. Signals stay with the calling thread. Where the system gives no thread, the calling
/// one does all.
pub(in crate::cli) fn crew<J: Send>(jobs: usize, work: impl Fn(J) + Sync, find: impl FnOnce(&dyn Fn(J))) {
    let (give, take) = sync_channel::<J>(2 * jobs);
    let take = Mutex::new(take);
    let panicked = Mutex::new(None);
    let one = || {
        sys::block_in_this_thread();
        loop {
            let job = take.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv();
            let Ok(job) = job else { return };
            // Whoever finds jobs waits for somebody to take them, so no worker may go before the end.
            if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| work(job))) {
                panicked.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(panic);
            }
        }
    };
    thread::scope(|scope| {
        let workers = (0..jobs).filter(|_| thread::Builder::new().spawn_scoped(scope, one).is_ok()).count();
        match workers {
            0 => find(&work),
            // The other end lives as long as this function.
            _ => find(&|job| drop(give.send(job))),
        }
        drop(give);
    });
    if let Some(panic) = panicked.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        panic::resume_unwind(panic);
    }
}

/// Threads where none are named: one for each processor.
pub(in crate::cli) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn every_job_is_done_once_and_a_panic_comes_out_at_the_end() {
        let sum = AtomicU64::new(0);
        crew(3, |job| _ = sum.fetch_add(job, Ordering::Relaxed), |give| (1..=1000).for_each(give));
        assert_eq!(sum.load(Ordering::Relaxed), 500_500);

        let done = AtomicU64::new(0);
        let work = |job: u64| {
            assert_ne!(job % 10, 0, "a job that fails so");
            done.fetch_add(1, Ordering::Relaxed);
        };
        let all = panic::catch_unwind(AssertUnwindSafe(|| crew(2, work, |give| (1..=100).for_each(give))));
        assert!(all.is_err());
        assert_eq!(done.load(Ordering::Relaxed), 90, "the others are done all the same");
    }
}
