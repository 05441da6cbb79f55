//! A file that is there whole, in the old or the new state, whatever happens.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::crypto::fill_random;
use crate::error::{Error, Result};

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Its maker alone (plaintext).
    Secret,
    /// Whoever the umask lets.
    Ordinary,
}

/// A file under a hidden name in the target's folder, which takes the target's place when it is whole. Dropped before that it is
/// removed again.
#[derive(Debug)]
pub struct Replacement {
    target: PathBuf,
    path: PathBuf,
    file: File,
    published: bool,
}

impl Replacement {
    /// Begins to replace (or make) the file at `target`; a symbolic link there is followed. The mode of an old file is kept.
    ///
    /// # Errors
    /// IO; INVALID_ARGUMENT where a folder or a special file is there.
    pub fn beside(target: &Path, privacy: Privacy) -> Result<Replacement> {
        Replacement::beside_noting(target, privacy, &mut |_| {})
    }

    /// The same; `note` is told the hidden name before a file of that name is made, so that a signal handler can remove it.
    ///
    /// # Errors
    /// As [`Replacement::beside`].
    pub fn beside_noting(
        target: &Path,
        privacy: Privacy,
        note: &mut dyn FnMut(&Path),
    ) -> Result<Replacement> {
        let io = |doing| move |e: io::Error| Error::io(doing, target, &e);
        let target = match fs::metadata(target) {
            Err(e) if e.kind() == ErrorKind::NotFound => target.to_owned(),
            Err(e) => return Err(io("writing")(e)),
            Ok(old) if old.is_file() => target.canonicalize().map_err(io("writing"))?,
            Ok(_) => {
                return Err(Error::InvalidArgument {
                    what: "a folder or special file cannot be replaced; name a regular file",
                });
            }
        };
        let path = hidden(&target)?;
        note(&path);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(if privacy == Privacy::Secret { 0o600 } else { 0o666 })
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(io("creating a file beside"))?;
        Ok(Replacement { target, path, file, published: false })
    }

    /// Where to write.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The hidden name, in the target's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that is replaced: what a symbolic link led to.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts it in the target's place: contents on disk, then the name, then the folder's record of the name.
    ///
    /// # Errors
    /// IO; the old file is then as it was, but where the record of the name could not be synced: then the new one is there, and may be
    /// gone after a loss of power.
    pub fn publish(mut self) -> Result<()> {
        let io = |doing| {
            let target = self.target.clone();
            move |e: io::Error| Error::io(doing, &target, &e)
        };
        if let Ok(old) = fs::metadata(&self.target) {
            let kept = self.file.set_permissions(Permissions::from_mode(old.mode() & 0o777));
            kept.map_err(io("keeping the mode of"))?;
        }
        self.file.sync_all().map_err(io("syncing a file beside"))?;
        #[cfg(feature = "failpoints")]
        if std::env::var_os("KEYFOLD_PAUSE_BEFORE_RENAME").is_some() {
            // For a test that interrupts here; a signal ends it.
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        fs::rename(&self.path, &self.target).map_err(io("renaming a file over"))?;
        self.published = true;
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(io("syncing the folder of"))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A name beside the target's, of 16 random digits.
fn hidden(target: &Path) -> Result<PathBuf> {
    let mut tail = [0; 8];
    fill_random(&mut tail)?;
    let mut name = OsString::from(".");
    // A name may have 255 bytes; ours is longer than the target's.
    name.push(target.file_name().filter(|name| name.len() < 200).unwrap_or("output".as_ref()));
    name.push(format!(".{:016x}.tmp", u64::from_be_bytes(tail)));
    Ok(target.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::error::Status;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Meant to fail with: `published` never set, and so the new file removed again.
    #[test]
    fn a_file_is_replaced_whole_or_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        symlink("target", &link).unwrap();

        let mut noted = None;
        let new = Replacement::beside_noting(&link, Privacy::Secret, &mut |path| {
            assert!(!path.exists());
            noted = Some(path.to_owned());
        })
        .unwrap();
        assert_eq!(noted.as_deref(), Some(new.path()));
        assert_eq!(fs::metadata(new.path()).unwrap().mode() & 0o777, 0o600);
        new.file().write_all(b"half").unwrap();
        drop(new);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["link", "target"]);

        let new = Replacement::beside(&link, Privacy::Secret).unwrap();
        new.file().write_all(b"whole").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        new.publish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(fs::metadata(&target).unwrap().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(folder.path()), ["link", "target"]);
    }

    #[test]
    fn folders_and_special_files_are_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/null")] {
            let status = Replacement::beside(path, Privacy::Ordinary).unwrap_err().status();
            assert_eq!(status, Status::InvalidArgument);
        }
        let nowhere = folder.path().join("no/such/folder");
        assert_eq!(Replacement::beside(&nowhere, Privacy::Ordinary).unwrap_err().status(), Status::Io);
        let new = Replacement::beside(&folder.path().join("new"), Privacy::Ordinary).unwrap();
        new.publish().unwrap();
        assert_eq!(names(folder.path()), ["new"]);
    }
}
