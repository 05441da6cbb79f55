//! A file that has no name, or a hidden one, until it is whole.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::sys::{self, Remembered, at};
use super::Folder;

/// Hidden names are older than this when they are taken for leftovers.
const LEFT_FOR: Duration = Duration::from_secs(60);

/// A file in the making. Where the file system can, it has no name at all, and even a killed process leaves nothing;
/// elsewhere it has a hidden one and a lock, and is removed when this is dropped, by the signal handler, or by a later
/// [`sweep`].
pub(in crate::cli) struct Temporary {
    folder: Arc<Folder>,
    file: File,
    hidden: Option<Hidden>,
}

struct Hidden {
    name: OsString,
    _remembered: Option<Remembered>,
}

impl Temporary {
    pub(in crate::cli) fn within(folder: &Arc<Folder>, mode: u32) -> io::Result<Temporary> {
        if let Some(file) = nameless(folder, mode)? {
            return Ok(Temporary { folder: folder.clone(), file, hidden: None });
        }
        let hidden = Hidden::new(folder)?;
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let file = File::from(at::open(folder.fd(), &hidden.name, flags, mode)?);
        // Without locks on this file system nobody sweeps there either.
        let _ = file.try_lock();
        Ok(Temporary { folder: folder.clone(), file, hidden: Some(hidden) })
    }

    pub(in crate::cli) fn file(&self) -> &File {
        &self.file
    }

    pub(in crate::cli) fn folder(&self) -> Arc<Folder> {
        self.folder.clone()
    }

    /// Gives it its name, once its contents are on disk. `replace` takes the place of what is there, in one step;
    /// without it a taken name is an error. The folder's record of the name is not synced.
    pub(in crate::cli) fn publish(mut self, name: &OsStr, replace: bool) -> io::Result<()> {
        self.file.sync_all()?;
        pause_for_tests();
        go_on()?;
        let folder = self.folder.clone();
        let fd = folder.fd();
        if self.hidden.is_none() {
            match at::name_open_file(&self.file, fd, name) {
                Err(e) if replace && e.kind() == ErrorKind::AlreadyExists => {}
                named => return named,
            }
            // Nothing renames a file without a name.
            let hidden = Hidden::new(&folder)?;
            at::name_open_file(&self.file, fd, &hidden.name)?;
            self.hidden = Some(hidden);
            pause_for_tests();
            go_on()?;
        }
        let Some(hidden) = &self.hidden else { return Ok(()) };
        if replace {
            at::rename(fd, &hidden.name, name)?;
            self.hidden = None;
            return Ok(());
        }
        // Dropped, it removes the hidden name.
        match at::link(fd, &hidden.name, name) {
            Err(e) if no_links(&e) => match at::stat(fd, name, false) {
                Err(missing) if missing.kind() == ErrorKind::NotFound => {
                    at::rename(fd, &hidden.name, name)?;
                    self.hidden = None;
                    Ok(())
                }
                Err(e) => Err(e),
                Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            },
            linked => linked,
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            let _ = at::unlink(self.folder.fd(), &hidden.name);
        }
    }
}

impl Hidden {
    fn new(folder: &Folder) -> io::Result<Hidden> {
        let mut random = [0; 8];
        crate::crypto::fill_random(&mut random).map_err(io::Error::other)?;
        let name = OsString::from(format!(".keyfold-{:016x}.tmp", u64::from_be_bytes(random)));
        let remembered = Remembered::new(folder.raw_fd(), &name);
        Ok(Hidden { name, _remembered: remembered })
    }
}

/// A file without a name, or None where that, or naming it later, is not to be had.
fn nameless(folder: &Folder, mode: u32) -> io::Result<Option<File>> {
    #[cfg(feature = "failpoints")]
    if std::env::var_os("KEYFOLD_NAMED_TEMPORARIES").is_some() {
        return Ok(None);
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        match at::open(folder.fd(), OsStr::new("."), libc::O_TMPFILE | libc::O_RDWR, mode) {
            Ok(file) => {
                let nameable = std::path::PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
                Ok(nameable.symlink_metadata().is_ok().then(|| file.into()))
            }
            Err(e)
                if matches!(
                    e.raw_os_error(),
                    Some(libc::EOPNOTSUPP | libc::EISDIR | libc::ENOENT | libc::EINVAL)
                ) =>
            {
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (folder, mode);
        Ok(None)
    }
}

fn no_links(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EOPNOTSUPP | libc::EMLINK | libc::ENOSYS))
}

/// For tests that interrupt here; a signal ends it, unless it is to be deaf.
fn pause_for_tests() {
    #[cfg(feature = "failpoints")]
    if let Some(how) = std::env::var_os("KEYFOLD_PAUSE_BEFORE_RENAME") {
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while std::time::Instant::now() < until && (how == "deaf" || sys::cancelled_by().is_none()) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A command that was asked to stop puts nothing in its place any more.
fn go_on() -> io::Result<()> {
    if sys::cancelled_by().is_some() { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
}

/// Whether this is a hidden name of ours.
pub(in crate::cli) fn is_hidden_name(name: &OsStr) -> bool {
    let hex = name.to_str().and_then(|name| name.strip_prefix(".keyfold-")?.strip_suffix(".tmp"));
    hex.is_some_and(|hex| hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Removes what a killed command left in a folder: hidden names of ours that nobody has a lock on, untouched for a
/// minute. How many.
pub(in crate::cli) fn sweep(folder: &Folder, names: &[OsString]) -> u64 {
    let leftover = |name: &&OsString| -> bool {
        let Ok(file) = folder.file(name, false) else { return false };
        let old = file
            .metadata()
            .and_then(|m| m.modified())
            .is_ok_and(|modified| SystemTime::now().duration_since(modified).is_ok_and(|age| age > LEFT_FOR));
        old && file.try_lock().is_ok() && at::unlink(folder.fd(), name).is_ok()
    };
    names.iter().filter(|name| is_hidden_name(name)).filter(leftover).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_command_are_swept() {
        for (name, ours) in [
            (".keyfold-0123456789abcdef.tmp", true),
            (".keyfold-0123456789abcde.tmp", false),
            (".keyfold-0123456789abcdeg.tmp", false),
            ("keyfold-0123456789abcdef.tmp", false),
            (".keyfold-0123456789abcdef.tmp.kfe", false),
        ] {
            assert_eq!(is_hidden_name(OsStr::new(name)), ours, "{name}");
        }
    }
}
