//! An open folder. Everything in it is named from here, so that nobody can move it away underneath.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::exit::{Failure, reason};
use super::super::sys;
use super::super::sys::at::{self, Stat};
use crate::Status;

#[derive(Debug)]
pub(in crate::cli) struct Folder {
    fd: OwnedFd,
    /// As people know it.
    path: PathBuf,
}

impl Folder {
    /// The folder that the user names, through whatever links.
    pub(in crate::cli) fn open(path: &Path) -> io::Result<Folder> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let file = File::open(path)?;
        match file.metadata()?.is_dir() {
            true => Ok(Folder { fd: file.into(), path: path.into() }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The folder of a name in this one. A link is an error unless it is to be followed.
    pub(in crate::cli) fn child(&self, name: &OsStr, follow: bool) -> io::Result<Folder> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | if follow { 0 } else { libc::O_NOFOLLOW };
        Ok(Folder { fd: at::open(&self.fd, name, flags, 0)?, path: self.path_of(name) })
    }

    /// The folder of a name in this one, made where there is none, closed to others; whether it was made.
    pub(in crate::cli) fn child_or_new(&self, name: &OsStr) -> io::Result<(Folder, bool)> {
        let made = match at::make_folder(&self.fd, name, 0o700) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
            Err(e) => return Err(e),
        };
        Ok((self.child(name, false)?, made))
    }

    /// A regular file to be read. Nothing else is opened for long: a queue must not make the command wait, nor a
    /// device do something.
    pub(in crate::cli) fn file(&self, name: &OsStr, follow: bool) -> io::Result<File> {
        let link = if follow { 0 } else { libc::O_NOFOLLOW };
        let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY | link;
        let file = File::from(at::open(&self.fd, name, flags, 0)?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("it is no regular file any more")),
        }
    }

    pub(in crate::cli) fn names(&self) -> io::Result<Vec<OsString>> {
        at::names(&self.fd)
    }

    pub(in crate::cli) fn stat(&self, name: &OsStr, follow: bool) -> io::Result<Stat> {
        at::stat(&self.fd, name, follow)
    }

    /// What it is, wherever it is moved.
    pub(in crate::cli) fn id(&self) -> io::Result<(u64, u64)> {
        let metadata = self.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    pub(in crate::cli) fn metadata(&self) -> io::Result<Metadata> {
        self.as_file()?.metadata()
    }

    /// Another descriptor of it.
    pub(in crate::cli) fn as_file(&self) -> io::Result<File> {
        Ok(self.fd.try_clone()?.into())
    }

    /// Puts the names on disk.
    pub(in crate::cli) fn sync(&self) -> io::Result<()> {
        self.as_file()?.sync_all()
    }

    pub(in crate::cli) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    pub(in crate::cli) fn raw_fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// A name in it, as people know it.
    pub(in crate::cli) fn path_of(&self, name: &OsStr) -> PathBuf {
        match self.path == Path::new(".") {
            true => name.into(),
            false => self.path.join(name),
        }
    }
}

/// A failed system call on a path.
pub(in crate::cli) fn failed(doing: &str, path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::Interrupted && sys::cancelled_by().is_some() {
        return Failure::new(Status::Cancelled, "interrupted");
    }
    let words = match error.raw_os_error() {
        Some(libc::ELOOP) => "a symbolic link is there, which is not followed".to_owned(),
        _ => reason(error),
    };
    Failure::new(Status::Io, format!("{doing} {} failed: {words}", path.display()))
}
