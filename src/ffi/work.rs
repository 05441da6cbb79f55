//! How a caller wants long work done, and what it is told of it.

use std::ffi::c_void;
use std::sync::atomic::AtomicU32;

use super::options;
use super::types::{KEYFOLD_CALLBACK_OK, keyfold_progress_callback, keyfold_work};
use crate::envelope::Work;
use crate::error::{Error, Result};

/// A caller's `keyfold_work`, read once.
pub(super) struct Given<'a> {
    threads: u32,
    cancel: Option<&'a AtomicU32>,
    progress: keyfold_progress_callback,
    user_data: *mut c_void,
}

impl<'a> Given<'a> {
    /// # Safety
    /// The caller of the ABI promises that the struct, and what it points to, stay for the length of the call.
    #[inline(always)]
    pub(super) unsafe fn read(at: *const keyfold_work) -> Result<Given<'a>> {
        if at.is_null() {
            return Ok(Given { threads: 0, cancel: None, progress: None, user_data: std::ptr::null_mut() });
        }
        unsafe { Given::of(at) }
    }

    unsafe fn of(at: *const keyfold_work) -> Result<Given<'a>> {
        let work = unsafe { options::read(at)? };
        if work.reserved != 0 {
            return Err(Error::UnsupportedOption { what: "work.reserved" });
        }
        if work.threads > THREADS_LIMIT {
            return Err(Error::InvalidArgument { what: "work.threads is over 1,024" });
        }
        if !work.cancel.is_aligned() {
            return Err(Error::InvalidArgument { what: "work.cancel is not aligned as a uint32_t is" });
        }
        Ok(Given {
            threads: work.threads,
            // SAFETY: NULL or a uint32_t of the caller's, aligned, that stays for the call. Others change it by atomic
            // stores alone, as the header says.
            cancel: unsafe { work.cancel.cast::<AtomicU32>().as_ref() },
            progress: work.progress,
            user_data: work.user_data,
        })
    }

    /// Runs the work of a call.
    #[inline(always)]
    pub(super) fn with<R>(&self, f: impl FnOnce(Work<'_>) -> R) -> R {
        if self.progress.is_none() {
            return f(Work { threads: self.threads, cancel: self.cancel, progress: None });
        }
        f(Work {
            threads: self.threads,
            cancel: self.cancel,
            progress: Some(&|done, total| self.tell(done, total)),
        })
    }

    /// The same, where another flag stops it too.
    pub(super) fn with_flag<R>(&self, also: Option<&AtomicU32>, f: impl FnOnce(&Work<'_>) -> R) -> R {
        use std::sync::atomic::Ordering::Relaxed;
        let on = |done, total| self.tell(done, total) && also.is_none_or(|flag| flag.load(Relaxed) == 0);
        let on: &dyn Fn(u64, u64) -> bool = &on;
        f(&Work {
            threads: self.threads,
            // Where there are two flags, the second is looked at between the steps of progress.
            cancel: self.cancel.or(also),
            progress: (self.progress.is_some() || (self.cancel.is_some() && also.is_some())).then_some(on),
        })
    }

    fn tell(&self, done: u64, total: u64) -> bool {
        let Some(progress) = self.progress else { return true };
        // SAFETY: the caller gave a function of this type, and what it needs stays for the call.
        unsafe { progress(self.user_data, done, total) == KEYFOLD_CALLBACK_OK }
    }
}

const THREADS_LIMIT: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::ffi::types::KEYFOLD_LARGE;

    fn blank() -> keyfold_work {
        keyfold_work {
            size: size_of::<keyfold_work>() as u32,
            flags: 0,
            threads: 0,
            reserved: 0,
            cancel: std::ptr::null(),
            progress: None,
            user_data: std::ptr::null_mut(),
        }
    }

    fn status(work: &keyfold_work) -> Status {
        unsafe { Given::read(work) }.err().map_or(Status::Ok, |e| e.status())
    }

    #[test]
    fn what_is_not_known_of_work_is_refused() {
        assert_eq!(status(&blank()), Status::Ok);
        assert_eq!(status(&keyfold_work { threads: 1024, ..blank() }), Status::Ok);
        assert_eq!(status(&keyfold_work { threads: 1025, ..blank() }), Status::InvalidArgument);
        assert_eq!(status(&keyfold_work { flags: 1, ..blank() }), Status::UnsupportedOption);
        assert_eq!(status(&keyfold_work { reserved: 1, ..blank() }), Status::UnsupportedOption);
        let odd = std::ptr::without_provenance(0x1002);
        assert_eq!(status(&keyfold_work { cancel: odd, ..blank() }), Status::InvalidArgument);
        assert_eq!(status(&keyfold_work { size: 39, ..blank() }), Status::InvalidArgument);
    }

    #[test]
    fn only_the_one_answer_goes_on() {
        unsafe extern "C" fn as_told(user_data: *mut c_void, _: u64, _: u64) -> i32 {
            user_data.addr() as i32
        }
        for answer in [0usize, 1, 2, usize::MAX] {
            let user_data = std::ptr::without_provenance_mut(answer);
            let work = keyfold_work { progress: Some(as_told), user_data, ..blank() };
            let given = unsafe { Given::read(&work) }.unwrap();
            given.with(|work| assert_eq!((work.progress.unwrap())(1, 2), answer == 1));
        }
    }

    #[test]
    fn either_flag_stops_the_work() {
        use std::sync::atomic::Ordering::Relaxed;
        let (own, also) = (AtomicU32::new(0), AtomicU32::new(0));
        let work = keyfold_work { cancel: own.as_ptr(), ..blank() };
        let given = unsafe { Given::read(&work) }.unwrap();
        given.with_flag(Some(&also), |work| {
            assert!((work.progress.unwrap())(0, 0));
            also.store(1, Relaxed);
            assert!(!(work.progress.unwrap())(0, 0));
            own.store(7, Relaxed);
            assert_eq!(work.cancel.unwrap().load(Relaxed), 7);
        });
        let work = blank();
        let given = unsafe { Given::read(&work) }.unwrap();
        given.with_flag(Some(&also), |work| assert_eq!(work.cancel.unwrap().load(Relaxed), 1));
    }

    #[test]
    fn the_size_told_to_callers_is_that_of_the_code() {
        assert_eq!(KEYFOLD_LARGE as usize, Work::LARGE);
    }
}
