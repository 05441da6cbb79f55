//! Input read whole, and output that is there whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::exit::{Failure, Result, reason};
use super::{output, sys};
use crate::Status;

/// Most bytes that one command takes into memory: 2 GiB.
pub(super) const MAX_INPUT: u64 = 2 << 30;
/// The same as an envelope: with a head and with a tag for each 16 KiB.
pub(super) const MAX_ENVELOPE: u64 = MAX_INPUT + (4 << 20);

/// A named input, or standard input for none and `-`.
pub(super) struct Input {
    file: Option<File>,
    path: Option<PathBuf>,
}

impl Input {
    pub(super) fn open(path: Option<&Path>) -> Result<Input> {
        let Some(path) = path.filter(|p| *p != Path::new("-")) else {
            return Ok(Input { file: None, path: None });
        };
        let failed = |e: io::Error| {
            Failure::new(Status::Io, format!("reading {} failed: {}", path.display(), reason(&e)))
        };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(Failure::new(Status::Io, format!("{} is a folder", path.display())));
        }
        Ok(Input { file: Some(file), path: Some(path.into()) })
    }

    /// The same regular file, to be read once more.
    pub(super) fn again(&self) -> Option<Input> {
        let path = self.path.as_deref().filter(|_| self.len().is_some())?;
        Input::open(Some(path)).ok()
    }

    /// With a shared lock, which waits for a rewrap that is under way. File systems without locks do without.
    pub(super) fn locked(mut self) -> Result<Input> {
        loop {
            let _ = self.file.as_ref().map(File::lock_shared);
            let now = Input::open(self.path.as_deref())?;
            if now.identity() == self.identity() {
                return Ok(self);
            }
            // It put another file in this one's place.
            self = now;
        }
    }

    pub(super) fn is_stdin(&self) -> bool {
        self.file.is_none()
    }

    /// The name for messages.
    pub(super) fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard input".into(), |p| p.display().to_string())
    }

    /// The name for a command line.
    pub(super) fn argument(&self) -> String {
        self.path.as_ref().map_or_else(|| "-".into(), |p| p.display().to_string())
    }

    /// All of it behind `offset` zero bytes, with room for `extra` more. Refused beyond `limit` bytes.
    pub(super) fn read(mut self, offset: usize, extra: usize, limit: u64) -> Result<Vec<u8>> {
        let name = self.name();
        let too_large = |limit: u64| {
            let bound = match limit {
                MAX_INPUT.. => "2 GiB".to_owned(),
                smaller => format!("{smaller} bytes"),
            };
            Failure::new(Status::TooLarge, format!("{name} is over {bound}, the most this command takes"))
        };
        let expected = self.len().unwrap_or(0);
        if expected > limit {
            return Err(too_large(limit));
        }
        let no_memory =
            |_| Failure::new(Status::OutOfMemory, format!("there is not enough memory to read {name}"));
        let expected = usize::try_from(expected).unwrap_or(0);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(offset + expected + extra + 1).map_err(no_memory)?;
        bytes.resize(offset, 0);
        let failed =
            |e: io::Error| Failure::new(Status::Io, format!("reading {name} failed: {}", reason(&e)));
        let source: &mut dyn Read = match &mut self.file {
            Some(file) => file,
            None => &mut io::stdin().lock(),
        };
        source.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
        if (bytes.len() - offset) as u64 > limit {
            return Err(too_large(limit));
        }
        bytes.try_reserve_exact(extra).map_err(no_memory)?;
        Ok(bytes)
    }

    /// The first `most` bytes and, where it is known without reading on, the size of the whole.
    pub(super) fn read_head(self, most: u64) -> Result<(Vec<u8>, Option<u64>)> {
        let (name, len) = (self.name(), self.len());
        let mut bytes = Vec::new();
        let read = match self.file {
            Some(file) => file.take(most + 1).read_to_end(&mut bytes),
            None => io::stdin().lock().take(most + 1).read_to_end(&mut bytes),
        };
        read.map_err(|e| Failure::new(Status::Io, format!("reading {name} failed: {}", reason(&e))))?;
        let whole = bytes.len() as u64 <= most;
        let total = if whole { Some(bytes.len() as u64) } else { len };
        bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok((bytes, total))
    }

    /// Its size, if it is a regular file.
    pub(super) fn len(&self) -> Option<u64> {
        let metadata = self.file.as_ref()?.metadata().ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    fn identity(&self) -> Option<(u64, u64)> {
        let metadata = self.file.as_ref()?.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some((metadata.dev(), metadata.ino()))
    }
}

/// Who may read a new file: its maker alone (plaintext), or whoever the umask lets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Privacy {
    Secret,
    Ordinary,
}

/// Where a command's data goes. Checked before any work is done.
pub(super) enum Output {
    Stdout,
    /// Standard output that a person reads: text, or nothing.
    Terminal,
    /// Replaced in one step.
    File {
        path: PathBuf,
        privacy: Privacy,
    },
    /// A device or pipe: written as it is.
    Special(PathBuf),
}

impl Output {
    /// `path` is `-o`: none is standard output unless that is a terminal, `-` is standard output in any case.
    pub(super) fn new(
        path: Option<&Path>,
        privacy: Privacy,
        json: bool,
        input: Option<&Input>,
    ) -> Result<Output> {
        let to_stdout = path.is_none_or(|p| p == Path::new("-"));
        if to_stdout && json {
            return Err(Failure::usage("with --json the result goes to standard output")
                .hint("send the data to a file with -o FILE"));
        }
        let path = match path {
            None if io::stdout().is_terminal() => return Ok(Output::Terminal),
            None => return Ok(Output::Stdout),
            Some(p) if p == Path::new("-") => return Ok(Output::Stdout),
            Some(p) => p,
        };
        let failed = |e: io::Error| {
            Failure::new(Status::Io, format!("writing {} failed: {}", path.display(), reason(&e)))
        };
        match std::fs::metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Output::File { path: path.into(), privacy }),
            Err(e) => Err(failed(e)),
            Ok(m) if m.is_dir() => Err(Failure::new(Status::Io, format!("{} is a folder", path.display()))),
            Ok(m)
                if m.file_type().is_char_device()
                    || m.file_type().is_fifo()
                    || m.file_type().is_block_device() =>
            {
                Ok(Output::Special(path.into()))
            }
            Ok(m) if input.and_then(Input::identity) == Some((m.dev(), m.ino())) => {
                Err(Failure::usage(format!("input and output are the same file ({})", path.display()))
                    .hint("write to another name, and rename it when it is right"))
            }
            // Through a symbolic link, the file it leads to is replaced and not the link.
            Ok(_) => Ok(Output::File { path: path.canonicalize().map_err(failed)?, privacy }),
        }
    }

    /// For data that is never text: refuses the terminal before any work is done.
    pub(super) fn binary(self) -> Result<Output> {
        if matches!(self, Output::Terminal) { Err(refused_by_terminal()) } else { Ok(self) }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Output::Stdout | Output::Terminal => "-".into(),
            Output::File { path, .. } | Output::Special(path) => path.display().to_string(),
        }
    }

    /// Writes all of it, durably where it is a file.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<()> {
        let failed = |path: &Path, e: io::Error| {
            Failure::new(Status::Io, format!("writing {} failed: {}", path.display(), reason(&e)))
        };
        match self {
            Output::Stdout => output::write_stdout(bytes),
            Output::Terminal if output::is_text(bytes) => output::write_stdout(bytes),
            Output::Terminal => Err(refused_by_terminal()),
            Output::Special(path) => {
                let file = OpenOptions::new().write(true).open(path);
                file.and_then(|mut f| f.write_all(bytes)).map_err(|e| failed(path, e))
            }
            Output::File { path, privacy } => Temporary::beside(path, *privacy)
                .and_then(|t| t.publish(bytes, path))
                .map_err(|e| failed(path, e)),
        }
    }
}

/// A file under a name of its own in the target's folder; removed again unless it is published.
struct Temporary {
    path: PathBuf,
    file: File,
    slot: Option<usize>,
    published: bool,
}

impl Temporary {
    fn beside(target: &Path, privacy: Privacy) -> io::Result<Temporary> {
        let mut tail = [0; 8];
        crate::crypto::fill_random(&mut tail).map_err(io::Error::other)?;
        let mut name = std::ffi::OsString::from(".");
        // A name may have 255 bytes; ours is longer than the target's.
        name.push(target.file_name().filter(|n| n.len() < 200).unwrap_or("output".as_ref()));
        name.push(format!(".{:016x}.tmp", u64::from_be_bytes(tail)));
        let path = target.with_file_name(name);
        let slot = sys::remember_temporary(&path);
        let mode = if privacy == Privacy::Secret { 0o600 } else { 0o666 };
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path);
        match file {
            Ok(file) => Ok(Temporary { path, file, slot, published: false }),
            Err(e) => {
                forget(slot);
                Err(e)
            }
        }
    }

    /// Contents, then name, then the folder's record of the name: each on disk before the next.
    fn publish(mut self, bytes: &[u8], target: &Path) -> io::Result<()> {
        self.file.write_all(bytes)?;
        if let Ok(old) = std::fs::metadata(target) {
            self.file.set_permissions(Permissions::from_mode(old.mode() & 0o777))?;
        }
        self.file.sync_all()?;
        #[cfg(feature = "failpoints")]
        if std::env::var_os("KEYFOLD_PAUSE_BEFORE_RENAME").is_some() {
            // For a test that interrupts here; a signal ends it.
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        std::fs::rename(&self.path, target)?;
        self.published = true;
        let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.published {
            let _ = std::fs::remove_file(&self.path);
        }
        forget(self.slot);
    }
}

fn forget(slot: Option<usize>) {
    if let Some(slot) = slot {
        sys::forget_temporary(slot);
    }
}

fn refused_by_terminal() -> Failure {
    Failure::usage("refusing to write binary data to the terminal").hint("use -o FILE, or -o - to force it")
}
