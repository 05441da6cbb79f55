//! How long work is done: by how many threads, whether it is to stop, and what of it is done.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result};

/// How a call that may take long goes about it. All left out: the library chooses the threads, and nothing stops it.
#[derive(Clone, Copy, Default)]
pub struct Work<'a> {
    /// Threads that seal or open chunks, the calling one among them: 1 is the calling thread only, 0 lets the library
    /// choose (the calling thread only below [`Work::LARGE`], then one for each processor, 8 at most). 1,024 at most. All
    /// are joined when the call returns; where the system gives no thread the others do its work.
    pub threads: u32,
    /// Anything but 0 here stops the call within one chunk, with CANCELLED. Any thread or signal handler may set it.
    pub cancel: Option<&'a AtomicU32>,
    /// Called on the calling thread, about once a MiB, with the bytes done and those of the whole (0 where it is not
    /// known). True goes on, false stops with CANCELLED.
    pub progress: Option<&'a dyn Fn(u64, u64) -> bool>,
}

impl Work<'_> {
    /// From this many bytes on more than one thread works where none are named.
    pub const LARGE: usize = 4 << 20;

    /// # Errors
    /// CANCELLED, where the flag is set.
    #[inline]
    pub(super) fn go_on(&self) -> Result<()> {
        match self.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) != 0 => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("threads", &self.threads).finish_non_exhaustive()
    }
}
