#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem::MaybeUninit;
use std::ptr;

/// Writes to a pipe whose reader may be gone, without the signal that would end a host that does not expect it: the
/// answer is an error of kind `BrokenPipe` alone. The thread's signal mask is as it was afterwards.
pub(crate) fn write_quietly(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the sets are filled by the calls before they are read; only this thread's mask is changed, and put back.
    unsafe {
        let (mut pipe, mut pending, mut was) =
            (MaybeUninit::uninit(), MaybeUninit::<libc::sigset_t>::zeroed(), MaybeUninit::zeroed());
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        libc::sigpending(pending.as_mut_ptr());
        let mine = libc::sigismember(pending.as_ptr(), libc::SIGPIPE) != 1;
        libc::pthread_sigmask(libc::SIG_BLOCK, pipe.as_ptr(), was.as_mut_ptr());
        let written = file.write(bytes);
        // A signal that this write raised is taken back; one that somebody else was sent waits for him.
        if mine && written.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            while libc::sigtimedwait(pipe.as_ptr(), ptr::null_mut(), &none) == -1
                && io::Error::last_os_error().kind() == ErrorKind::Interrupted
            {}
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, was.as_ptr(), ptr::null_mut());
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::tests::in_child;

    /// Mutation seen to fail it: a plain write.
    #[test]
    fn a_pipe_without_a_reader_is_an_error_and_no_signal() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let writer = File::from(std::os::fd::OwnedFd::from(writer));
        assert!(in_child(false, || {
            // SAFETY: puts back the action that a host in C has.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            let first = write_quietly(&writer, b"x").unwrap_err().kind();
            let again = write_quietly(&writer, b"x").unwrap_err().kind();
            (first, again) == (ErrorKind::BrokenPipe, ErrorKind::BrokenPipe)
        }));
    }
}
