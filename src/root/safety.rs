//! Whether a key file lies where nobody else gets at it.
//!
//! The rules, all on what `fstat` and `stat` say at the moment of use:
//! - the file has no permission bit for group or others (an ACL shows as group bits, so it is seen too);
//! - it belongs to the process's user or to root; a process of root accepts any owner, since it may act for a service;
//! - its folder is not readable or writable by group or others, sticky or not (passing through, x, is harmless);
//! - its folder is not the folder of the key store or below it, whatever path leads there: what is copied or shown
//!   together with the store would be opened by it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sync::effective_user;

const READ: u32 = 0o4;
const WRITE: u32 = 0o2;

/// Refuses a key file open to others.
pub(super) fn check_file(path: &Path, file: &Metadata) -> Result<()> {
    let user = effective_user();
    if user != 0 && file.uid() != user && file.uid() != 0 {
        return Err(unsafe_root(format!(
            "root key file {} belongs to user {}; make a copy that is yours, or set allow_readable_root if that user is trusted",
            path.display(),
            name_of("/etc/passwd", file.uid()),
        )));
    }
    match exposure(file, 0o7) {
        None => Ok(()),
        Some((who, how)) => Err(unsafe_root(format!(
            "root key file {0} can be {how} by {who}; chmod 600 {0}, or set allow_readable_root if {1}",
            path.display(),
            trusted(&who),
        ))),
    }
}

/// Refuses a folder that others can list or change.
pub(super) fn check_folder(path: &Path) -> Result<()> {
    let folder = folder(path);
    let metadata = folder.metadata().map_err(|e| Error::io("looking at", folder, &e))?;
    match exposure(&metadata, READ | WRITE) {
        None => Ok(()),
        Some((who, how)) => Err(unsafe_root(format!(
            "the folder of root key file {0} can be {how} by {who}; chmod 700 {1}, or set allow_readable_root if {2}",
            path.display(),
            folder.display(),
            trusted(&who),
        ))),
    }
}

/// Refuses a key file in the store's folder or below it.
pub(super) fn check_apart(path: &Path, store: &Path) -> Result<()> {
    let (root, store) = (absolute(folder(path)), folder(store));
    let inside = match store.metadata() {
        Ok(store) => root
            .ancestors()
            .filter_map(|folder| folder.metadata().ok())
            .any(|folder| (folder.dev(), folder.ino()) == (store.dev(), store.ino())),
        Err(_) => root.starts_with(absolute(store)),
    };
    match inside {
        false => Ok(()),
        true => Err(unsafe_root(format!(
            "the root must not lie in the key store's folder ({}) or below it; move it elsewhere, or set allow_root_beside_store to accept the risk",
            absolute(store).display(),
        ))),
    }
}

/// The refusal of a symbolic link in the file's place.
pub(super) fn symbolic_link(path: &Path) -> Error {
    let target =
        path.canonicalize().map_or_else(|_| "the file it leads to".into(), |p| p.display().to_string());
    unsafe_root(format!("root key file {} is a symbolic link; name {target} itself", path.display()))
}

/// The folder that holds `path`.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        Some(_) => Path::new("."),
        None => path,
    }
}

/// Without links and `..` as far as it exists; its last part need not.
fn absolute(path: &Path) -> PathBuf {
    let above = || folder(path).canonicalize().map(|above| above.join(path.file_name().unwrap_or_default()));
    path.canonicalize()
        .or_else(|_| above())
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.into())
}

/// Who beside the owner may do any of `bits`, and what.
fn exposure(metadata: &Metadata, bits: u32) -> Option<(String, &'static str)> {
    let mode = metadata.mode();
    let how = |bits: u32| {
        if bits & READ != 0 {
            "read"
        } else if bits & WRITE != 0 {
            "changed"
        } else {
            "run"
        }
    };
    if mode & bits != 0 {
        return Some(("everyone".into(), how(mode & bits)));
    }
    let group = mode >> 3 & bits;
    (group != 0).then(|| (format!("group \"{}\"", name_of("/etc/group", metadata.gid())), how(group)))
}

fn trusted(who: &str) -> &'static str {
    if who == "everyone" { "everyone on this machine is trusted" } else { "the group is trusted" }
}

/// A user's or group's name by its number from a file of `name:x:number:…` lines, else the number.
fn name_of(table: &str, id: u32) -> String {
    let text = std::fs::read_to_string(table).unwrap_or_default();
    let name = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| id.to_string())
}

fn unsafe_root(what: String) -> Error {
    Error::RootUnsafe { what: what.into() }
}
