//! How long work is done: by how many threads, whether it is to stop, and what of it is done.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result};
use crate::sync::processors;

/// How a call that may take long goes about it. All left out: the library chooses the threads, and nothing stops it.
#[derive(Clone, Copy, Default)]
pub struct Work<'a> {
    /// Threads that seal or open chunks, the calling one among them: 1 is the calling thread only, 0 lets the library
    /// choose (the calling thread only below [`Work::LARGE`], then one for each processor, 8 at most). 1,024 at most. All
    /// are joined when the call returns; where the system gives no thread the others do its work.
    pub threads: u32,
    /// Anything but 0 here stops the call within one chunk, with CANCELLED. Any thread or signal handler may set it.
    pub cancel: Option<&'a AtomicU32>,
    /// Called on the calling thread, about once a MiB, with the bytes of the message done and those of the whole (0 where
    /// it is not known). True goes on, false stops with CANCELLED. It must not fork.
    pub progress: Option<&'a dyn Fn(u64, u64) -> bool>,
}

/// The most threads that a caller may ask for.
const MOST: u32 = 1_024;
/// The most that the library takes by itself.
const CHOSEN: usize = 8;

impl Work<'_> {
    /// From this many bytes on more than one thread works where none are named.
    pub const LARGE: usize = 4 << 20;

    /// # Errors
    /// INVALID_ARGUMENT for too many threads.
    #[inline]
    pub(super) fn check(&self) -> Result<()> {
        match self.threads > MOST {
            true => Err(Error::InvalidArgument { what: "work takes 0 to 1,024 threads" }),
            false => Ok(()),
        }
    }

    /// # Errors
    /// CANCELLED, where the flag is set.
    #[inline]
    pub(super) fn go_on(&self) -> Result<()> {
        match is_set(self.cancel) {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }

    /// How many threads a message of so many bytes gets, where it falls into so many parts.
    pub(super) fn threads_for(&self, bytes: u64, parts: u64) -> usize {
        let wanted = match self.threads {
            0 if bytes < Self::LARGE as u64 => 1,
            0 => processors().min(CHOSEN),
            named => named as usize,
        };
        wanted.min(usize::try_from(parts).unwrap_or(usize::MAX)).max(1)
    }

    /// Whether nobody looks at how it goes.
    #[inline]
    pub(super) fn is_unwatched(&self) -> bool {
        self.cancel.is_none() && self.progress.is_none()
    }

    /// # Errors
    /// CANCELLED, where the caller does not want to go on.
    pub(super) fn report(&self, done: u64, whole: u64) -> Result<()> {
        match self.progress {
            Some(progress) if !progress(done, whole) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
}

/// Whether a cancellation flag says to stop.
#[inline]
pub(super) fn is_set(cancel: Option<&AtomicU32>) -> bool {
    cancel.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0)
}

impl fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("threads", &self.threads).finish_non_exhaustive()
    }
}
