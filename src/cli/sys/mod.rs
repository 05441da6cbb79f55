//! The few system calls that the standard library has no safe form of: reading a descriptor by its number, a
//! terminal's echo, names in an open folder, and leaving nothing behind when a signal ends the process.
#![allow(unsafe_code)]

pub(super) mod at;
mod signals;
mod terminal;

use std::io;

pub(super) use signals::{
    Patience, Remembered, block_in_this_thread, cancel_flag, cancelled_by, end_by, tidy_up_on_signals,
};
pub(super) use terminal::EchoOff;

/// `read(2)` on a descriptor that the caller of the command opened for us.
pub(super) fn read_fd(fd: i32, out: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `out` is valid for `out.len()` writes; the kernel checks the descriptor.
    let n = unsafe { libc::read(fd, out.as_mut_ptr().cast(), out.len()) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// Lets the process have as many open files as it may: a tree takes two a level.
pub(super) fn raise_open_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid structure for both calls. Where they fail the limit stays as it was.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

/// Whether the process may give files to any owner.
pub(super) fn is_superuser() -> bool {
    // SAFETY: geteuid cannot fail.
    unsafe { libc::geteuid() == 0 }
}
