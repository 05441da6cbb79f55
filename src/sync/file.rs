#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Has the system set the blocks of a file's range aside, and the file as long as that: a disk that is too small is told
/// before anything is written. File systems that cannot do that are left alone.
///
/// # Errors
/// Those of the system, ENOSPC above all; none for a file system that cannot.
pub(crate) fn preallocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let (Ok(offset), Ok(len)) = (libc::off_t::try_from(offset), libc::off_t::try_from(len)) else {
        return Ok(());
    };
    if len == 0 {
        return Ok(());
    }
    loop {
        // SAFETY: a descriptor that is open, and numbers.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, offset, len) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG | libc::EIO) => return Err(error),
            _ => return Ok(()),
        }
    }
}

/// Tells the system that a file will be read from front to back.
pub(crate) fn will_read_in_order(file: &File) {
    // SAFETY: a descriptor that is open, and numbers. Advice: its failure changes nothing.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_SEQUENTIAL) };
}

/// Whether all that is written goes to a file's end, wherever it was meant to go.
pub(crate) fn appends(file: &File) -> bool {
    // SAFETY: asks for the flags of a descriptor that is open.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    flags >= 0 && flags & libc::O_APPEND != 0
}
