//! Where a store's file may lie, who else has it open in this process, and putting a new one in its place.
//!
//! A store's file is looked at by `stat` alone: opening and closing it by other means than our SQLite would drop the
//! POSIX locks that this process holds on it.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::crypto::fill_random;
use crate::error::{Error, Result};
use crate::keystore::backend::DataVersion;
use crate::keystore::json::hex;
use crate::keystore::options::OpenOptions;
use crate::sync::{ForkLock, effective_user, fork_id};

/// File systems without locks or shared memory that SQLite's log can rely on.
const NETWORK: [&str; 15] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "coda",
    "gpfs",
    "virtiofs",
    "vboxsf",
    "prl_fs",
];

pub(super) type Inode = (u64, u64);

pub(super) fn inode_of(metadata: &Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

/// The file of a store that is to be opened: where it really lies, and which one it is. STORE_NOT_FOUND, NOT_A_STORE.
pub(super) fn existing(path: &Path) -> Result<(PathBuf, Inode)> {
    let found = fs::canonicalize(path).map_err(|error| not_there(path, &error))?;
    let metadata = fs::metadata(&found).map_err(|error| not_there(path, &error))?;
    let not_a_store = |why| Err(Error::NotAStore { path: path.to_string_lossy().into(), why });
    if !metadata.is_file() {
        return not_a_store("it is not a file");
    }
    if metadata.len() == 0 {
        return not_a_store("the file is empty; a store that was here has lost its contents");
    }
    Ok((found, inode_of(&metadata)))
}

/// STORE_UNSAFE where others can read or replace the file, or where locks do not work.
pub(super) fn check_place(store: &Path, options: &OpenOptions) -> Result<()> {
    let metadata = fs::metadata(store).map_err(|error| not_there(store, &error))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(unsafe_place(format!(
            "others may read or write the key store {}; mend it with: chmod 600 {}",
            store.display(),
            store.display()
        )));
    }
    check_folder(store, options)
}

/// The place for a new store: its folder is there and safe, and nothing has its name.
pub(super) fn vacant(path: &Path, options: &OpenOptions) -> Result<PathBuf> {
    let name = path.file_name().ok_or(Error::InvalidArgument { what: "the store's path names no file" })?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| Error::io("looking for", folder, &error))?;
    let place = folder.join(name);
    if fs::symlink_metadata(&place).is_ok() {
        return Err(Error::StoreExists { path: path.to_string_lossy().into() });
    }
    check_folder(&place, options)?;
    Ok(place)
}

/// STORE_UNSAFE where others can put another file in the store's place, or where locks do not work.
fn check_folder(store: &Path, options: &OpenOptions) -> Result<()> {
    let folder = store.parent().unwrap_or(Path::new("/"));
    let metadata = fs::metadata(folder).map_err(|error| Error::io("looking at", folder, &error))?;
    let (user, mode) = (effective_user(), metadata.mode());
    let sticky = mode & 0o1000 != 0;
    // A group of the same number as the user is the user's own.
    let own_group = metadata.gid() == user && metadata.uid() == user;
    if !sticky && (mode & 0o002 != 0 || mode & 0o020 != 0 && !own_group) {
        return Err(unsafe_place(format!(
            "others may write in {}, the key store's folder; mend it with: chmod go-w {}",
            folder.display(),
            folder.display()
        )));
    }
    if user != 0 && metadata.uid() != user && metadata.uid() != 0 {
        return Err(unsafe_place(format!(
            "the key store's folder {} belongs to another user; keep the store in a folder of your own",
            folder.display()
        )));
    }
    // Where there is no such list (other systems, no /proc) nothing can be said.
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    match network_file_system(&mounts, folder) {
        Some(kind) if !options.allow_network_file_system => Err(unsafe_place(format!(
            "the key store lies on a network file system ({kind}), where locks between hosts do not hold; keep it on \
             a local one, or set allow_network_file_system if one host alone uses it"
        ))),
        _ => Ok(()),
    }
}

/// The type of the file system that `folder` (absolute, without links) lies on, if it is a network one. Of the mounts
/// above it the deepest counts, of several on one place the last.
fn network_file_system<'a>(mountinfo: &'a str, folder: &Path) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mountinfo.lines() {
        let (front, back) = line.split_once(" - ")?;
        let (point, kind) = (unescape(front.split(' ').nth(4)?), back.split(' ').next()?);
        let depth = Path::new(&point).components().count();
        if folder.starts_with(&point) && best.is_none_or(|(deepest, _)| depth >= deepest) {
            best = Some((depth, kind));
        }
    }
    let (_, kind) = best?;
    (NETWORK.contains(&kind) || kind == "fuse" || kind.starts_with("fuse.")).then_some(kind)
}

/// Mount points have blanks, tabs, newlines and backslashes as three octal digits after a backslash.
fn unescape(field: &str) -> OsString {
    let (mut out, mut rest) = (Vec::new(), field.as_bytes());
    while let [first, tail @ ..] = rest {
        let octal = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok());
        out.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    std::os::unix::ffi::OsStringExt::from_vec(out)
}

/// Changes when anybody writes to the store: change times and sizes of file and log.
pub(super) fn data_version(path: &Path, log: &Path) -> Result<DataVersion> {
    let file = fs::metadata(path).map_err(|error| not_there(path, &error))?;
    let mut stamp = [0; 8];
    let mut newest = stamp_of(&file, &mut stamp[..4]);
    if let Ok(log) = fs::metadata(log) {
        newest = newest.max(stamp_of(&log, &mut stamp[4..]));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    // File systems stamp by a coarse clock: what was written within a second may be followed by more that looks
    // the same. A stamp of the future proves nothing either.
    let young = u128::from(newest) + 1_000_000_000 > now;
    Ok(DataVersion { stamp, young })
}

/// By the change time, which nobody can set.
fn stamp_of(metadata: &Metadata, stamp: &mut [u64]) -> u64 {
    let nanos = metadata.ctime().max(0) as u64 * 1_000_000_000 + metadata.ctime_nsec().max(0) as u64;
    stamp.copy_from_slice(&[metadata.dev(), metadata.ino(), nanos, metadata.size()]);
    nanos
}

/// `path` with something added to its name: `-wal`, `-shm`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A new empty file in the folder of `place`, readable by its owner alone.
pub(super) fn temporary(place: &Path) -> Result<PathBuf> {
    let mut random = [0; 8];
    fill_random(&mut random)?;
    let mut name = OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(format!(".init-{}", hex(&random)));
    let path = place.with_file_name(name);
    let made = File::options().write(true).create_new(true).mode(0o600).open(&path);
    made.map_err(|error| Error::io("making", &path, &error))?;
    Ok(path)
}

/// Gives a finished file its name, unless something has it, and has the folder remember both.
pub(super) fn publish(temporary: &Path, place: &Path) -> Result<()> {
    let taken = || Error::StoreExists { path: place.to_string_lossy().into() };
    let failed = |error: &std::io::Error| Error::io("naming", place, error);
    sync(temporary)?;
    match fs::hard_link(temporary, place) {
        Ok(()) => remove(temporary),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(taken()),
        // No links here: the name is taken by an empty file first, which then becomes the store.
        Err(_) => {
            match File::options().write(true).create_new(true).mode(0o600).open(place) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(taken()),
                Err(error) => return Err(failed(&error)),
            }
            fs::rename(temporary, place).map_err(|error| failed(&error))?;
        }
    }
    sync(place.parent().unwrap_or(Path::new("/")))
}

/// Puts a finished file in the place of a store that nobody has open, and answers the name that the store's file has
/// then. At every moment there is a whole file at `place`, and the other one keeps a name.
pub(super) fn replace(finished: &Path, place: &Path) -> Result<PathBuf> {
    refuse_open(place)?;
    let failed = |error: &std::io::Error| Error::io("naming", place, error);
    let mut number = 1_u32;
    let kept = loop {
        let kept = beside(place, &format!(".damaged-{number}"));
        match fs::hard_link(place, &kept) {
            Ok(()) => break kept,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(failed(&error)),
        }
    };
    let folder = place.parent().unwrap_or(Path::new("/"));
    sync(folder)?;
    fs::rename(finished, place).map_err(|error| failed(&error))?;
    sync(folder)?;
    Ok(kept)
}

/// The same, for a file that keeps no name: nothing opens it any more.
pub(super) fn supplant(finished: &Path, place: &Path) -> Result<()> {
    refuse_open(place)?;
    fs::rename(finished, place).map_err(|error| Error::io("naming", place, &error))?;
    sync(place.parent().unwrap_or(Path::new("/")))
}

/// STORE_BUSY for a file that somebody has open. SQLite takes what it laid beside away when the last one closes the file;
/// a new file must not get an old one's.
fn refuse_open(place: &Path) -> Result<()> {
    match ["-wal", "-shm", "-journal"].iter().any(|suffix| beside(place, suffix).exists()) {
        true => Err(Error::StoreBusy),
        false => Ok(()),
    }
}

/// Removes a file that did not become a store, with what SQLite laid beside it.
pub(super) fn remove(temporary: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(temporary, suffix));
    }
}

fn sync(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| Error::io("syncing", path, &error))
}

/// `path` as SQLite's URI, with what it is to know after the question mark.
pub(super) fn uri(path: &Path, query: &str) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => uri.push(byte.into()),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{uri}?{query}")
}

fn not_there(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::StoreNotFound { path: path.to_string_lossy().into() },
        _ => Error::io("looking for", path, error),
    }
}

fn unsafe_place(what: String) -> Error {
    Error::StoreUnsafe { what: what.into() }
}

/// Descriptors of store files that our SQLite holds, by inode. The last lock to be taken, after a store's own.
static OPEN: ForkLock<Vec<Ours>> = ForkLock::new(Vec::new());

struct Ours {
    inode: Inode,
    descriptors: Vec<u32>,
    fork_id: u64,
}

/// Runs `open`, which makes a connection, unless someone else in this process has the file open: another copy of
/// SQLite or of this library, whose close would drop our locks. FORKED where connections of a parent came along.
pub(super) fn opening<T>(inode: Inode, open: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut all = OPEN.lock();
    let at = match all.iter().position(|ours| ours.inode == inode) {
        Some(at) => at,
        None => {
            all.push(Ours { inode, descriptors: Vec::new(), fork_id: fork_id() });
            all.len() - 1
        }
    };
    let ours = &mut all[at];
    let now = descriptors(inode);
    ours.descriptors.retain(|descriptor| now.contains(descriptor));
    if !ours.descriptors.is_empty() && ours.fork_id != fork_id() {
        return Err(Error::Forked);
    }
    ours.fork_id = fork_id();
    if now.iter().any(|descriptor| !ours.descriptors.contains(descriptor)) {
        return Err(unsafe_place(
            "another copy of SQLite, or other code, has the key store's file open in this process, and closing it \
             there would drop the locks here; use the store through one library, and copy its file from another \
             process"
                .into(),
        ));
    }
    let opened = open();
    ours.descriptors = descriptors(inode);
    opened
}

/// Runs `close`, which ends a connection.
pub(super) fn closing(inode: Inode, close: impl FnOnce()) {
    let mut all = OPEN.lock();
    close();
    let now = descriptors(inode);
    if let Some(ours) = all.iter_mut().find(|ours| ours.inode == inode) {
        ours.descriptors.retain(|descriptor| now.contains(descriptor));
    }
    all.retain(|ours| !ours.descriptors.is_empty());
}

pub(in crate::keystore) fn hold() {
    OPEN.lock().keep_across_fork();
}

pub(in crate::keystore) fn release() {
    drop(OPEN.resume());
}

/// This process's descriptors of a file; none where the system does not tell.
fn descriptors(inode: Inode) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = fs::metadata(entry.path()).ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            (inode_of(&metadata) == inode).then_some(number)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw - nfs4 host:/srv rw
31 30 8:2 / /srv/local rw - xfs /dev/sdb rw
32 22 0:41 / /mnt/a\\040b rw - fuse.sshfs a: rw
33 22 0:42 / /mnt/over rw - ext4 /dev/sdc rw
34 22 0:43 / /mnt/over rw - cifs //a/b rw
";

    /// Mutations seen to fail it: the first mount instead of the deepest; no look at `fuse.`; no `unescape`.
    #[test]
    fn network_file_systems_are_known_by_their_mounts() {
        let kind = |path: &str| network_file_system(MOUNTS, Path::new(path));
        assert_eq!(kind("/home/me"), None);
        assert_eq!(kind("/srv/keys"), Some("nfs4"));
        assert_eq!(kind("/srv/local/keys"), None);
        assert_eq!(kind("/srvother"), None);
        assert_eq!(kind("/mnt/a b/keys"), Some("fuse.sshfs"));
        assert_eq!(kind("/mnt/over"), Some("cifs"));
        assert_eq!(network_file_system("nonsense", Path::new("/")), None);
    }

    #[test]
    fn paths_become_uris_that_mean_them() {
        let odd = Path::new("/a b/c?d#e%f&\u{e4}");
        assert_eq!(uri(odd, "mode=ro"), "file:/a%20b/c%3Fd%23e%25f%26%C3%A4?mode=ro");
    }
}
