//! A walk of a folder: by open folders and names, so that no link that is put in the way leads out of it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use super::super::exit::Failure;
use super::super::files::{Folder, failed};
use super::super::sys;
use super::super::sys::at::Stat;

/// What is passed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Skipped {
    /// A symbolic link that is not to be followed, or leads nowhere.
    Link,
    /// A link that leads to a folder which it lies in.
    Loop,
    /// A queue, a socket, a device.
    Special,
}

/// A name in a folder of the walk.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Found {
    pub(in crate::cli) folder: Arc<Folder>,
    pub(in crate::cli) name: OsString,
    /// From where the walk began.
    pub(in crate::cli) relative: PathBuf,
    pub(in crate::cli) stat: Stat,
}

impl Found {
    /// As people know it.
    pub(in crate::cli) fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }
}

/// Who is told what a walk comes by. All in the walking thread.
pub(in crate::cli) trait Visitor {
    /// What goes with a folder.
    type Of;

    /// A folder, before what is in it; None passes it by.
    fn folder(&self, parent: &Self::Of, found: &Found, opened: &Arc<Folder>) -> Option<Self::Of>;

    /// The names of a folder, before they are looked at.
    fn names(&self, _of: &Self::Of, _folder: &Folder, _names: &[OsString]) {}

    fn file(&self, of: &Self::Of, found: Found);

    fn skipped(&self, what: Skipped, path: &Path);

    fn failed(&self, path: &Path, failure: Failure);
}

struct Level<O> {
    folder: Arc<Folder>,
    of: O,
    relative: PathBuf,
    names: vec::IntoIter<OsString>,
    id: (u64, u64),
}

/// Walks a folder, each folder's names in their order. Ends early when the command is asked to stop. A name that cannot
/// be looked at is a failure of that name.
pub(in crate::cli) fn walk<V: Visitor>(root: &Arc<Folder>, of: V::Of, follow: bool, visitor: &V) {
    let mut levels = Vec::new();
    // The folders on the way down: whoever comes by one of them again goes in circles.
    let mut above = HashSet::new();
    enter(&mut levels, &mut above, root.clone(), of, PathBuf::new(), visitor);
    while let Some(level) = levels.last_mut() {
        if sys::cancelled_by().is_some() {
            return;
        }
        let Some(name) = level.names.next() else {
            above.remove(&level.id);
            levels.pop();
            continue;
        };
        let path = level.folder.path_of(&name);
        let stat = match level.folder.stat(&name, false) {
            Ok(stat) if stat.kind() == libc::S_IFLNK && follow => level.folder.stat(&name, true),
            other => other,
        };
        let stat = match stat {
            Ok(stat) => stat,
            // It was there when the names were read; a link may lead nowhere, or in a ring.
            Err(_) if follow && level.folder.stat(&name, false).is_ok() => {
                visitor.skipped(Skipped::Link, &path);
                continue;
            }
            Err(e) => {
                visitor.failed(&path, failed("reading", &path, &e));
                continue;
            }
        };
        let relative = level.relative.join(&name);
        let found = Found { folder: level.folder.clone(), name, relative, stat };
        match stat.kind() {
            libc::S_IFREG => visitor.file(&level.of, found),
            libc::S_IFLNK => visitor.skipped(Skipped::Link, &path),
            libc::S_IFDIR if above.contains(&stat.id) => visitor.skipped(Skipped::Loop, &path),
            libc::S_IFDIR => match level.folder.child(&found.name, follow) {
                Ok(opened) => {
                    let opened = Arc::new(opened);
                    if let Some(of) = visitor.folder(&level.of, &found, &opened) {
                        enter(&mut levels, &mut above, opened, of, found.relative, visitor);
                    }
                }
                Err(e) => visitor.failed(&path, failed("opening", &path, &e)),
            },
            _ => visitor.skipped(Skipped::Special, &path),
        }
    }
}

fn enter<V: Visitor>(
    levels: &mut Vec<Level<V::Of>>,
    above: &mut HashSet<(u64, u64)>,
    folder: Arc<Folder>,
    of: V::Of,
    relative: PathBuf,
    visitor: &V,
) {
    let read = folder.id().and_then(|id| Ok((id, folder.names()?)));
    match read {
        // A folder may be swapped for one of those above it between two looks.
        Ok((id, _)) if !above.insert(id) => visitor.skipped(Skipped::Loop, folder.path()),
        Ok((id, names)) => {
            visitor.names(&of, &folder, &names);
            levels.push(Level { folder, of, relative, names: names.into_iter(), id });
        }
        Err(e) => visitor.failed(folder.path(), failed("reading", folder.path(), &e)),
    }
}
