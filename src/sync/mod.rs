//! What keeps threads and forks apart without a lock on the data path: a small number per thread, the fork word,
//! coarse clocks, and a cell that is read far more often than it is replaced.

mod process;
mod swap;

pub(crate) use process::effective_user;
pub(crate) use swap::Swap;

/// A small number for the calling thread, to spread threads over lanes and counters. Two threads may share one.
pub(crate) fn thread_index() -> usize {
    todo!()
}

/// A number that changes in every forked child (by whatever call it was made) and never comes back in a process's
/// descent. Handles remember it at birth; one load of a wipe-on-fork word when nothing changed.
pub(crate) fn fork_id() -> u64 {
    todo!()
}

/// Milliseconds of a coarse monotonic clock (vDSO, no system call).
pub(crate) fn coarse_millis() -> u64 {
    todo!()
}
