#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
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

/// Reads a range of a file into pieces that lie apart, all of them full.
///
/// # Errors
/// `UnexpectedEof` where the file ends before that, and those of the system.
pub(crate) fn read_scattered(
    file: &File,
    mut offset: u64,
    mut pieces: &mut [IoSliceMut<'_>],
) -> io::Result<()> {
    IoSliceMut::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        let (count, at) = (most(pieces.len()), place(offset)?);
        // SAFETY: an `IoSliceMut` is an iovec, valid for writes; the descriptor is open.
        let got = unsafe { libc::preadv(file.as_raw_fd(), pieces.as_mut_ptr().cast(), count, at) };
        match done(got)? {
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Some(got) => {
                offset += got as u64;
                IoSliceMut::advance_slices(&mut pieces, got);
            }
            None => {}
        }
    }
    Ok(())
}

/// Writes pieces that lie apart to a range of a file.
///
/// # Errors
/// Those of the system.
pub(crate) fn write_gathered(file: &File, mut offset: u64, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        let (count, at) = (most(pieces.len()), place(offset)?);
        // SAFETY: an `IoSlice` is an iovec, valid for reads; the descriptor is open.
        let put = unsafe { libc::pwritev(file.as_raw_fd(), pieces.as_ptr().cast(), count, at) };
        match done(put)? {
            Some(0) => return Err(ErrorKind::WriteZero.into()),
            Some(put) => {
                offset += put as u64;
                IoSlice::advance_slices(&mut pieces, put);
            }
            None => {}
        }
    }
    Ok(())
}

/// As many pieces as one call takes (IOV_MAX).
fn most(pieces: usize) -> libc::c_int {
    pieces.min(1_024) as libc::c_int
}

fn place(offset: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(offset).map_err(|_| ErrorKind::FileTooLarge.into())
}

/// What a call came to; None if a signal came first.
fn done(answer: isize) -> io::Result<Option<usize>> {
    match usize::try_from(answer) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == ErrorKind::Interrupted => Ok(None),
            error => Err(error),
        },
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// More pieces than one call takes, empty ones among them.
    #[test]
    fn pieces_that_lie_apart_are_written_and_read_whole_and_in_order() {
        let file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..9_001u32).map(|i| (i % 251) as u8).collect();
        let mut pieces: Vec<_> = bytes.chunks(3).flat_map(|p| [IoSlice::new(p), IoSlice::new(&[])]).collect();
        write_gathered(&file, 5, &mut pieces).unwrap();
        let mut all = Vec::new();
        (&file).read_to_end(&mut all).unwrap();
        assert_eq!(all[..5], [0; 5]);
        assert_eq!(all[5..], bytes);

        let mut back = vec![0; bytes.len()];
        let mut pieces: Vec<_> = back.chunks_mut(2).map(IoSliceMut::new).collect();
        read_scattered(&file, 5, &mut pieces).unwrap();
        assert!(back == bytes);
        let mut pieces: Vec<_> = back.chunks_mut(2).map(IoSliceMut::new).collect();
        let error = read_scattered(&file, 6, &mut pieces).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}
