//! Names in an open folder: openat(2) and its kin, so that nobody can put a link in the way of a path.

use std::ffi::{CStr, CString, OsStr, OsString, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What is at a name.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Stat {
    /// Type and permissions.
    pub(in crate::cli) mode: u32,
    pub(in crate::cli) size: u64,
    /// Device and number: what it is, whatever it is called.
    pub(in crate::cli) id: (u64, u64),
    pub(in crate::cli) links: u64,
    /// Seconds and nanoseconds since 1970.
    pub(in crate::cli) modified: (i64, i64),
}

impl Stat {
    pub(in crate::cli) fn kind(&self) -> u32 {
        self.mode & libc::S_IFMT
    }
}

pub(in crate::cli) fn open(folder: &OwnedFd, name: &OsStr, flags: c_int, mode: u32) -> io::Result<OwnedFd> {
    let name = c_name(name)?;
    loop {
        // SAFETY: a valid descriptor and a NUL-terminated name.
        let fd = unsafe { libc::openat(folder.as_raw_fd(), name.as_ptr(), flags | libc::O_CLOEXEC, mode) };
        match checked(fd) {
            // SAFETY: a descriptor that was just made and belongs to nobody else.
            Ok(()) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// What is at a name: of a link, the link itself unless it is to be followed.
pub(in crate::cli) fn stat(folder: &OwnedFd, name: &OsStr, follow: bool) -> io::Result<Stat> {
    let name = c_name(name)?;
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a valid descriptor, a NUL-terminated name, and room for one stat, which is filled when it returns 0.
    let stat = unsafe {
        checked(libc::fstatat(folder.as_raw_fd(), name.as_ptr(), stat.as_mut_ptr(), flags))?;
        stat.assume_init()
    };
    // The types differ from system to system; none of these is negative or larger.
    #[allow(clippy::unnecessary_cast)]
    Ok(Stat {
        mode: stat.st_mode as u32,
        size: stat.st_size as u64,
        id: (stat.st_dev as u64, stat.st_ino as u64),
        links: stat.st_nlink as u64,
        modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
    })
}

pub(in crate::cli) fn make_folder(folder: &OwnedFd, name: &OsStr, mode: u32) -> io::Result<()> {
    let name = c_name(name)?;
    // SAFETY: a valid descriptor and a NUL-terminated name.
    checked(unsafe { libc::mkdirat(folder.as_raw_fd(), name.as_ptr(), mode as libc::mode_t) })
}

/// Gives a file the place of another name in the same folder, whatever is there.
pub(in crate::cli) fn rename(folder: &OwnedFd, from: &OsStr, to: &OsStr) -> io::Result<()> {
    let (from, to, fd) = (c_name(from)?, c_name(to)?, folder.as_raw_fd());
    // SAFETY: valid descriptors and NUL-terminated names.
    checked(unsafe { libc::renameat(fd, from.as_ptr(), fd, to.as_ptr()) })
}

/// Gives a file another name in the same folder; refused where the name is taken.
pub(in crate::cli) fn link(folder: &OwnedFd, from: &OsStr, to: &OsStr) -> io::Result<()> {
    let (from, to, fd) = (c_name(from)?, c_name(to)?, folder.as_raw_fd());
    // SAFETY: valid descriptors and NUL-terminated names.
    checked(unsafe { libc::linkat(fd, from.as_ptr(), fd, to.as_ptr(), 0) })
}

/// Gives an open file that has no name yet (`O_TMPFILE`) one; refused where the name is taken.
pub(in crate::cli) fn name_open_file(file: &impl AsRawFd, folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let name = c_name(name)?;
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    // SAFETY: valid descriptors and NUL-terminated names.
    checked(unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            path.as_ptr(),
            folder.as_raw_fd(),
            name.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    })
}

pub(in crate::cli) fn unlink(folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let name = c_name(name)?;
    // SAFETY: a valid descriptor and a NUL-terminated name.
    checked(unsafe { libc::unlinkat(folder.as_raw_fd(), name.as_ptr(), 0) })
}

/// The names in an open folder, sorted.
pub(in crate::cli) fn names(folder: &OwnedFd) -> io::Result<Vec<OsString>> {
    // A description of its own, since reading moves it.
    let own = open(folder, OsStr::new("."), libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
    let mut names = Vec::new();
    // SAFETY: fdopendir takes the descriptor over, unless it fails; readdir's entry is valid until the next call, and
    // its name NUL-terminated; closedir ends the stream once.
    unsafe {
        let stream = libc::fdopendir(own.as_raw_fd());
        if stream.is_null() {
            return Err(io::Error::last_os_error());
        }
        std::mem::forget(own);
        let failure = loop {
            *errno() = 0;
            let entry = libc::readdir(stream);
            if entry.is_null() {
                break io::Error::last_os_error();
            }
            let name = CStr::from_ptr((*entry).d_name.as_ptr()).to_bytes();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name.to_vec()));
            }
        };
        libc::closedir(stream);
        if failure.raw_os_error() != Some(0) {
            return Err(failure);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn errno() -> *mut c_int {
    // SAFETY: always valid for the calling thread.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::__errno_location()
    }
    // SAFETY: as above.
    #[cfg(not(target_os = "linux"))]
    unsafe {
        libc::__error()
    }
}

fn c_name(name: &OsStr) -> io::Result<CString> {
    CString::new(name.as_bytes()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

fn checked(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
