//! What keeps threads and forks apart without a lock on the data path: a small number per thread, the fork word,
//! coarse clocks, and a cell that is read far more often than it is replaced.

mod at_fork;
mod beside;
mod clock;
mod entropy;
mod file;
mod fork;
mod process;
mod quiet;
mod swap;
mod thread;

pub(crate) use at_fork::{Bell, ForkGuard, ForkLock, at_fork};
pub(crate) use beside::beside;
pub(crate) use clock::{clocks_ahead, coarse_millis, ticks};
pub(crate) use entropy::kernel_random;
pub(crate) use file::{appends, preallocate, read_scattered, will_read_in_order, write_gathered};
pub(crate) use fork::{ForkDetection, fork_detection, fork_id};
pub(crate) use process::{effective_user, processors};
pub(crate) use quiet::write_quietly;
pub(crate) use swap::Swap;
pub(crate) use thread::thread_index;

#[cfg(test)]
pub(crate) use fork::tests;
