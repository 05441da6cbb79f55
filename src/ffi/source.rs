//! A host's callbacks that give bytes: to a stream in order, to a reader from any place.

use std::ffi::c_void;

use super::types::{
    KEYFOLD_CALLBACK_OK, keyfold_pread_callback, keyfold_source_callback, keyfold_source_release,
};
use crate::envelope::{ReadAt, Source};
use crate::error::{Error, Result};

/// What a callback needs, given back when this goes.
struct Lent {
    user_data: *mut c_void,
    release: keyfold_source_release,
}

// SAFETY: the caller's contract is that the callback and the release may be called from any thread; the pointer is
// only handed on to them.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the caller gave a function of this type; this is dropped once.
            unsafe { release(self.user_data) }
        }
    }
}

/// The source of a stream.
pub(super) struct Host {
    callback: unsafe extern "C" fn(*mut c_void, *mut u8, usize, *mut usize) -> i32,
    lent: Lent,
}

impl Host {
    /// None, where the caller pushes; what was lent is given back at once then.
    pub(super) fn new(
        callback: keyfold_source_callback,
        user_data: *mut c_void,
        release: keyfold_source_release,
    ) -> Option<Host> {
        let lent = Lent { user_data, release };
        callback.map(|callback| Host { callback, lent })
    }
}

impl Source for Host {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let mut given = NOT_TOLD;
        // SAFETY: the caller gave a function of this type, which may write to all of `into`.
        let code =
            unsafe { (self.callback)(self.lent.user_data, into.as_mut_ptr(), into.len(), &raw mut given) };
        told("source", code, given, into.len())
    }
}

/// The envelope of a reader.
pub(super) struct Pread {
    callback: unsafe extern "C" fn(*mut c_void, u64, *mut u8, usize, *mut usize) -> i32,
    size: u64,
    lent: Lent,
}

impl Pread {
    /// # Errors
    /// NULL_ARGUMENT; what was lent is given back then.
    pub(super) fn new(
        callback: keyfold_pread_callback,
        size: u64,
        user_data: *mut c_void,
        release: keyfold_source_release,
    ) -> Result<Pread> {
        let lent = Lent { user_data, release };
        let callback = callback.ok_or(Error::NullArgument { what: "pread" })?;
        Ok(Pread { callback, size, lent })
    }
}

impl ReadAt for Pread {
    fn size(&self) -> Result<u64> {
        Ok(self.size)
    }

    /// Asks again after a short answer, so that only the end makes it short.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < into.len() {
            let rest = &mut into[done..];
            let Some(at) = offset.checked_add(done as u64) else { break };
            let mut given = NOT_TOLD;
            // SAFETY: the caller gave a function of this type, which may write to all of `rest`.
            let code = unsafe {
                (self.callback)(self.lent.user_data, at, rest.as_mut_ptr(), rest.len(), &raw mut given)
            };
            match told("pread", code, given, rest.len())? {
                0 => break,
                n => done += n,
            }
        }
        Ok(done)
    }
}

/// No length that a callback could be asked for: one that does not set its length has not given bytes.
const NOT_TOLD: usize = usize::MAX;

fn told(what: &'static str, code: i32, given: usize, asked: usize) -> Result<usize> {
    match code {
        KEYFOLD_CALLBACK_OK if given <= asked => Ok(given),
        KEYFOLD_CALLBACK_OK => Err(Error::CallbackLied { what }),
        code => Err(Error::CallbackFailed { what, code }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    /// What a callback does: code, the length it tells, and how many bytes it writes.
    struct Script(i32, Option<usize>, usize);

    unsafe extern "C" fn scripted(data: *mut c_void, into: *mut u8, cap: usize, len: *mut usize) -> i32 {
        let Script(code, told, written) = unsafe { &*data.cast::<Script>() };
        unsafe { into.write_bytes(7, (*written).min(cap)) };
        if let Some(told) = told {
            unsafe { *len = *told };
        }
        *code
    }

    fn read(script: Script) -> Result<usize> {
        let data = (&raw const script).cast_mut().cast();
        Host::new(Some(scripted), data, None).unwrap().read(&mut [0; 10])
    }

    /// Seen to fail with `NOT_TOLD` of 0: a callback that an exception ended was the end of the input.
    #[test]
    fn a_callback_that_fails_or_lies_is_never_the_end() {
        let lied = Err(Error::CallbackLied { what: "source" });
        assert_eq!(read(Script(1, Some(10), 10)), Ok(10));
        assert_eq!(read(Script(1, Some(0), 0)), Ok(0));
        assert_eq!(read(Script(1, Some(11), 10)), lied);
        assert_eq!(read(Script(1, None, 10)), lied);
        for code in [0, -1, 2, i32::MAX, i32::MIN] {
            let failed = Err(Error::CallbackFailed { what: "source", code });
            assert_eq!(read(Script(code, Some(0), 0)), failed);
        }
    }

    #[test]
    fn what_was_lent_is_given_back_once() {
        static BACK: AtomicUsize = AtomicUsize::new(0);
        unsafe extern "C" fn back(_: *mut c_void) {
            BACK.fetch_add(1, SeqCst);
        }
        drop(Host::new(Some(scripted), std::ptr::null_mut(), Some(back)));
        assert_eq!(BACK.swap(0, SeqCst), 1);
        assert!(Host::new(None, std::ptr::null_mut(), Some(back)).is_none());
        assert_eq!(BACK.swap(0, SeqCst), 1);
        assert!(Pread::new(None, 5, std::ptr::null_mut(), Some(back)).is_err());
        assert_eq!(BACK.swap(0, SeqCst), 1);
    }

    #[test]
    fn a_short_answer_is_asked_again_and_only_the_end_is_short() {
        unsafe extern "C" fn three(
            _: *mut c_void,
            offset: u64,
            into: *mut u8,
            cap: usize,
            len: *mut usize,
        ) -> i32 {
            let n = cap.min(3).min(20usize.saturating_sub(offset as usize));
            unsafe {
                into.write_bytes(offset as u8, n);
                *len = n;
            }
            1
        }
        let object = Pread::new(Some(three), 20, std::ptr::null_mut(), None).unwrap();
        let mut into = [0u8; 8];
        assert_eq!(object.read_at(4, &mut into), Ok(8));
        assert_eq!(into, [4, 4, 4, 7, 7, 7, 10, 10]);
        assert_eq!(object.read_at(17, &mut into), Ok(3));
        assert_eq!(object.read_at(20, &mut into), Ok(0));
        assert_eq!(object.read_at(u64::MAX - 2, &mut into), Ok(0));
    }
}
