//! The heads of files, read without a key.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::files::Folder;
use super::walk::Found;
use crate::envelope::{self, Inspection};

/// Read of a head at first; most fit.
const FRONT: usize = 4 << 10;
/// Every head fits into this.
const MAX_HEAD: usize = 64 << 10;

/// What a file's head says, and when it was last changed; None for what is no envelope by its first bytes.
pub(super) type Read = Option<(crate::Result<Inspection>, i64)>;

pub(super) fn read(found: &Found, follow: bool) -> io::Result<Read> {
    let file = found.folder.file(&found.name, follow)?;
    let metadata = file.metadata()?;
    let mut head = front(&file, FRONT)?;
    if !(head.starts_with(b"KFE") || head.starts_with(b"KFD")) {
        return Ok(None);
    }
    if head.len() == FRONT && envelope::head_len(&head).is_ok_and(|len| len > FRONT) {
        head = front(&file, MAX_HEAD)?;
    }
    Ok(Some((envelope::inspect(&head, Some(metadata.len())), metadata.mtime())))
}

fn front(file: &File, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut len = 0;
    loop {
        match file.read_at(&mut bytes[len..], len as u64) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// A file that the user names, through whatever links.
pub(super) fn named_file(path: &Path) -> io::Result<Found> {
    let path = std::fs::canonicalize(path)?;
    let folder = Arc::new(Folder::open(path.parent().unwrap_or(Path::new("/")))?);
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
    let stat = folder.stat(&name, false)?;
    Ok(Found { folder, relative: PathBuf::from(&name), name, stat })
}
