//! A folder and the one that is made from it.

use std::ffi::OsStr;
use std::fs::{File, FileTimes};
use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::exit::{Failure, Result};
use super::super::files::{Folder, failed};
use super::super::sys;
use super::report::Report;
use super::walk::Found;

/// A folder of the target. When nobody works in it any more it gets the time and mode of
/// the folder it stands for, and its names are put on disk.
pub(super) struct Pair<'r> {
    pub(super) target: Arc<Folder>,
    report: &'r Report<'r>,
    /// None for a folder that was there and is the user's.
    like: Option<Metadata>,
    keep_owner: bool,
}

impl<'r> Pair<'r> {
    /// The folder that the user names, made where it is not there.
    pub(super) fn top(
        report: &'r Report<'r>,
        source: &Folder,
        target: &Path,
        keep_owner: bool,
    ) -> Result<Arc<Pair<'r>>> {
        let made = match std::fs::create_dir(target) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
            Err(e) => return Err(failed("making", target, &e)),
        };
        let opened = Folder::open(target).map_err(|e| failed("opening", target, &e))?;
        let like = match made {
            true => Some(source.metadata().map_err(|e| failed("reading", source.path(), &e))?),
            false => None,
        };
        if let Some(like) = &like {
            // Open to its maker until the end, and no more to others than it will be.
            let mode = Permissions::from_mode(like.mode() & 0o777 | 0o700);
            let set = opened.as_file().and_then(|folder| folder.set_permissions(mode));
            set.map_err(|e| failed("making", target, &e))?;
        }
        Ok(Arc::new(Pair { target: Arc::new(opened), report, like, keep_owner }))
    }

    /// The folder of the same name in the target. What is not ours to walk through is refused: a link, a file.
    pub(super) fn child(&self, found: &Found, source: &Folder) -> Result<Arc<Pair<'r>>> {
        let path = self.target.path_of(&found.name);
        let (target, _) = self.target.child_or_new(&found.name).map_err(|e| {
            match self.target.stat(&found.name, false).map(|stat| stat.kind()) {
                Ok(libc::S_IFDIR) | Err(_) => failed("making", &path, &e),
                Ok(kind) => {
                    let what = if kind == libc::S_IFLNK {
                        "a symbolic link, which is not followed"
                    } else {
                        "a file"
                    };
                    Failure::new(
                        crate::Status::Io,
                        format!("{} is {what}; a folder belongs there", path.display()),
                    )
                }
            }
        })?;
        let like = source.metadata().map_err(|e| failed("reading", source.path(), &e))?;
        Ok(Arc::new(Pair {
            target: Arc::new(target),
            report: self.report,
            like: Some(like),
            keep_owner: self.keep_owner,
        }))
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        if sys::cancelled_by().is_some() {
            return;
        }
        let finish = || {
            let folder = self.target.as_file()?;
            if let Some(like) = &self.like {
                keep(&folder, like, self.keep_owner)?;
            }
            folder.sync_all()
        };
        if let Err(e) = finish() {
            let path: PathBuf = self.target.path().into();
            self.report.fail(&path, failed("finishing", &path, &e));
        }
    }
}

/// Gives an open file the mode and time, and the owner if that is asked for, of another. What a mode can do beyond reading,
/// writing and running (set-user-id) does not go over.
pub(super) fn keep(file: &File, like: &Metadata, owner: bool) -> io::Result<()> {
    if owner {
        fchown(file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(like.mode() & 0o777))?;
    file.set_times(FileTimes::new().set_modified(like.modified()?))
}

/// Refuses a target in the source: it would be encrypted into itself.
pub(super) fn outside(source: &Folder, to: &Path) -> Result<()> {
    let reading = |e: std::io::Error| failed("opening", to, &e);
    let id = source.id().map_err(reading)?;
    let existing = match Folder::open(to) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => to.parent().map(Folder::open),
        opened => Some(opened),
    };
    let Some(existing) = existing else { return Ok(()) };
    let mut folder = existing.map_err(reading)?;
    let mut last = None;
    loop {
        let here = folder.id().map_err(reading)?;
        if here == id {
            return Err(Failure::usage(format!(
                "the target {} is the source or lies in it ({})",
                to.display(),
                source.path().display()
            ))
            .hint("name a folder elsewhere with -o"));
        }
        if last == Some(here) {
            return Ok(());
        }
        last = Some(here);
        // What is above may be closed to us; nothing above it is the source then that we could read.
        match folder.child(OsStr::new(".."), false) {
            Ok(above) => folder = above,
            Err(_) => return Ok(()),
        }
    }
}
