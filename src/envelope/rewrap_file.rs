//! Rewrap in place on a file, so that every state in which it can stop opens: FORMAT.md 11.5 to 11.7.

use std::fs::{self, File, FileTimes, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::cells::{Cells, PREFIX, TYPE_FREE};
use super::head::{FIXED, Kind, Sizes};
use super::rewrap::{Rewrapped, Step, parse, plan};
use super::{Allowed, Work};
use crate::context::Context;
use crate::crypto::{fill_random, with_lane};
use crate::error::{Error, Result, Status};
use crate::operation::Operation;

/// Bytes of a payload that are copied between two looks at the cancel flag.
const COPIED_AT_ONCE: u64 = 1 << 20;

/// Rewraps a file in place, crash-safe, under an exclusive lock (`flock`); where no cell is free the file is written
/// anew in its folder, with its mode and owner, synced and renamed over the old one (a symbolic link is followed; a
/// file with other hard links is refused then, since those would keep the old cells). The payload is never touched.
///
/// # Errors
/// As [`super::rewrap`], and IO.
pub fn rewrap_file(allowed: Allowed<'_>, path: &Path, context: Option<&Context<'_>>) -> Result<Rewrapped> {
    rewrap_file_with(allowed, path, context, &RewrapFile::default())
}

/// How a file is rewrapped. All left out: as [`rewrap_file`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RewrapFile<'a> {
    /// Device and number of the file that is meant: any other at this path is refused, so that nobody can lead a walk of
    /// a tree out of it.
    pub expected: Option<(u64, u64)>,
    /// Leaves the time of its last change as it was. Whoever copies files by size and time does not see the rewrap then.
    pub keep_times: bool,
    /// Stops the copying of a payload; a head is always finished.
    pub work: Work<'a>,
}

/// As [`rewrap_file`].
///
/// # Errors
/// As [`rewrap_file`], and CANCELLED; the file is as before then.
pub fn rewrap_file_with(
    allowed: Allowed<'_>,
    path: &Path,
    context: Option<&Context<'_>>,
    how: &RewrapFile<'_>,
) -> Result<Rewrapped> {
    let path = &fs::canonicalize(path).map_err(|e| Error::io("opening", path, &e))?;
    if !fs::metadata(path).map_err(|e| Error::io("opening", path, &e))?.is_file() {
        return Err(Error::InvalidArgument { what: "a rewrap in place works on regular files only" });
    }
    loop {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|e| Error::io("opening", path, &e))?;
        file.lock().map_err(|e| Error::io("locking", path, &e))?;
        // Whoever held the lock may have renamed another file over this one.
        if is_at(&file, path)? {
            let metadata = file.metadata().map_err(|e| Error::io("reading", path, &e))?;
            if how.expected.is_some_and(|id| id != (metadata.dev(), metadata.ino())) {
                return Err(Error::Io {
                    doing: "opening",
                    path: path.to_string_lossy().into(),
                    reason: "it became another file while it was being looked at; try again".into(),
                });
            }
            return rewrap_locked(&allowed, file, path, context, how);
        }
    }
}

/// Runs `f` on a whole file's bytes. Where `f` finds no envelope that opens, the file is read once more under a
/// shared lock, since a rewrap in place may have been under way (FORMAT.md 9.8).
///
/// # Errors
/// Those of `f`, and IO.
pub fn read_file<R>(path: &Path, mut f: impl FnMut(&[u8]) -> Result<R>) -> Result<R> {
    let io = |e| Error::io("reading", path, &e);
    let first = fs::read(path).map_err(io)?;
    let answer = f(&first);
    let unsettled =
        [Status::Malformed, Status::Auth, Status::KeyNotFound, Status::KeyNotAllowed, Status::KeyDisabled];
    match &answer {
        Err(e) if unsettled.contains(&e.status()) => {}
        _ => return answer,
    }
    let mut file = File::open(path).map_err(io)?;
    if file.lock_shared().is_err() {
        return answer;
    }
    let mut again = Vec::new();
    file.read_to_end(&mut again).map_err(io)?;
    if again == first { answer } else { f(&again) }
}

fn rewrap_locked(
    allowed: &Allowed<'_>,
    file: File,
    path: &Path,
    context: Option<&Context<'_>>,
    how: &RewrapFile<'_>,
) -> Result<Rewrapped> {
    let io = |e| Error::io("reading", path, &e);
    let times = FileTimes::new().set_modified(file.metadata().and_then(|m| m.modified()).map_err(io)?);
    let mut head = read_head(&file).map_err(|e| Error::io("reading", path, &e))?;
    let told = *context.unwrap_or(&Context::EMPTY);
    let parsed = allowed.read(Operation::ReEncryptFrom, &told, parse(&head))?;
    let area_at = parsed.whole_fixed().len();
    let plan = with_lane(|lane| plan(lane, allowed, &parsed, context))?;
    let mut disk = Disk { file: &file, path };
    let done = in_place(&mut disk, &mut head, area_at, &plan.steps)?;
    if done < plan.steps.len() {
        for step in &plan.steps[done..] {
            step.apply(&mut head[area_at..]);
        }
        replace(&file, path, &head, how.keep_times.then_some(times), &how.work)?;
    } else if how.keep_times && done > 0 {
        file.set_times(times).map_err(|e| Error::io("keeping the times of", path, &e))?;
    }
    Ok(plan.report)
}

/// What the procedure needs of a file. The tests have one that stops anywhere.
pub(super) trait Medium {
    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<()>;
    fn sync(&mut self) -> Result<()>;
    /// The first bytes, as someone who opens the file now reads them.
    fn reread(&mut self, len: usize) -> Result<Vec<u8>>;
}

/// Does steps in place, in order, until one needs a free cell and there is none; how many are done. `head` follows
/// what is on the medium.
pub(super) fn in_place(
    medium: &mut dyn Medium,
    head: &mut [u8],
    area_at: usize,
    steps: &[Step],
) -> Result<usize> {
    for (done, step) in steps.iter().enumerate() {
        if let Some(new) = &step.new {
            let free = Cells::of(&head[area_at..])
                .find(|cell| cell.tag() == TYPE_FREE && cell.bytes.len() == step.size)
                .map(|cell| area_at + cell.offset);
            let Some(at) = free else { return Ok(done) };
            medium.write(at + PREFIX, &new[PREFIX..])?;
            medium.sync()?;
            // Now the body is there whatever happens, the cell may count.
            medium.write(at, &new[..1])?;
            medium.sync()?;
            head[at..at + step.size].copy_from_slice(new);
            // What opens on the disk is trusted with the old cell's life, not what we believe to have written.
            if medium.reread(head.len())? != head {
                return Err(Error::Io {
                    doing: "verifying",
                    path: "the envelope".into(),
                    reason: "it does not read back as written; the old cell was kept".into(),
                });
            }
        }
        let old = area_at + step.old;
        medium.write(old, &[TYPE_FREE])?;
        medium.sync()?;
        medium.write(old + PREFIX, &vec![0; step.size - PREFIX])?;
        medium.sync()?;
        Step { new: None, ..*step }.apply(&mut head[area_at..]);
    }
    Ok(steps.len())
}

struct Disk<'a> {
    file: &'a File,
    path: &'a Path,
}

impl Medium for Disk<'_> {
    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, at as u64).map_err(|e| Error::io("writing", self.path, &e))
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::io("syncing", self.path, &e))
    }

    fn reread(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        File::open(self.path)
            .and_then(|file| file.read_exact_at(&mut bytes, 0))
            .map_err(|e| Error::io("verifying", self.path, &e))?;
        Ok(bytes)
    }
}

/// The head of an open file; of a data key blob, a byte more than its head if there is one, so that parsing sees it.
fn read_head(file: &File) -> io::Result<Vec<u8>> {
    let read = |len: u64| {
        let mut bytes = Vec::new();
        let mut file = file;
        file.seek(SeekFrom::Start(0))?;
        file.take(len).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    let first = read(FIXED as u64)?;
    match Sizes::parse(&first, None) {
        // At most 41,005 bytes.
        Ok(sizes) => read(sizes.head() as u64 + u64::from(sizes.kind == Kind::DataKey)),
        // For the parser to refuse.
        Err(_) => Ok(first),
    }
}

/// Whether this open file is the one that the path leads to now.
fn is_at(file: &File, path: &Path) -> Result<bool> {
    let id = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let ours = file.metadata().map_err(|e| Error::io("opening", path, &e))?;
    match fs::metadata(path) {
        Ok(there) => Ok(id(there) == id(ours)),
        Err(e) => Err(Error::io("opening", path, &e)),
    }
}

/// Writes a file anew with another head of the same size, and renames it over the old one.
fn replace(old: &File, path: &Path, head: &[u8], times: Option<FileTimes>, work: &Work<'_>) -> Result<()> {
    let io = |doing| move |e: io::Error| Error::io(doing, path, &e);
    let metadata = old.metadata().map_err(io("reading"))?;
    if metadata.nlink() > 1 {
        return Err(Error::Io {
            doing: "rewriting",
            path: path.to_string_lossy().into(),
            reason: "it has no free cell and other hard links, which would keep the old cells; \
                     re-encrypt it to a new file"
                .into(),
        });
    }
    let temporary = Temporary::beside(path)?;
    let mut new = temporary.create().map_err(io("creating a file beside"))?;
    // Says to others that somebody is at it, and that it is no leftover. Without locks nobody asks.
    let _ = new.try_lock();
    new.write_all(head).map_err(io("writing a file beside"))?;
    let mut payload: &File = old;
    payload.seek(SeekFrom::Start(head.len() as u64)).map_err(io("reading"))?;
    // By the system where it can, so that nothing comes to lie in memory.
    while io::copy(&mut payload.take(COPIED_AT_ONCE), &mut new).map_err(io("copying"))? > 0 {
        work.go_on()?;
    }
    let owner = new.metadata().map_err(io("reading"))?;
    if (owner.uid(), owner.gid()) != (metadata.uid(), metadata.gid()) {
        fchown(&new, Some(metadata.uid()), Some(metadata.gid())).map_err(io("keeping the owner of"))?;
    }
    new.set_permissions(metadata.permissions()).map_err(io("keeping the mode of"))?;
    if let Some(times) = times {
        new.set_times(times).map_err(io("keeping the times of"))?;
    }
    new.sync_all().map_err(io("syncing a file beside"))?;
    temporary.rename(path).map_err(io("renaming a file over"))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing the folder of"))
}

/// A file of a random name in another file's folder; removed when dropped, unless it was renamed.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    fn beside(path: &Path) -> Result<Temporary> {
        let mut random = [0; 8];
        fill_random(&mut random)?;
        let name = format!(".keyfold-{:016x}.tmp", u64::from_be_bytes(random));
        Ok(Temporary { path: path.with_file_name(name), renamed: false })
    }

    fn create(&self) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)
    }

    fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Where it was never made there is nothing to remove.
            let _ = fs::remove_file(&self.path);
        }
    }
}
