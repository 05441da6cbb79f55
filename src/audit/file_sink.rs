//! A sink that writes JSON Lines to a file or a pipe (docs/AUDIT.md, "Sinks").

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::note::CHECKPOINT_LINE;
use super::sink::Sink;
use crate::error::{Error, Result};
use crate::sync::write_quietly;

/// A JSON Lines file.
#[derive(Clone, Debug)]
pub struct FileSink {
    /// Mode 0600; opened again when it was moved or deleted. A named pipe is never waited for.
    pub path: PathBuf,
    /// Rotated at the first checkpoint after so many bytes, and at twice as many at the latest; 0 never.
    pub rotate_bytes: u64,
    /// Old files kept, as `PATH.1` (the newest) and so on.
    pub keep: u32,
}

pub(super) struct OpenFile {
    to: FileSink,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    /// Device and inode of `file`.
    id: (u64, u64),
    is_pipe: bool,
    size: u64,
    /// What a new file begins with, and a line that was taken and is not whole in the file yet: written before anything
    /// else.
    head: Vec<u8>,
    half: Vec<u8>,
    /// Bytes of `head` and `half` that are in the file.
    done: usize,
    /// With its line end. Every new file begins with it.
    checkpoint: Option<Vec<u8>>,
}

impl OpenFile {
    /// # Errors
    /// IO, also for what is neither a file nor a pipe. A pipe that nobody reads yet is no error.
    pub(super) fn open(to: &FileSink, checkpoint: Option<String>) -> Result<OpenFile> {
        let checkpoint = checkpoint.map(|line| format!("{line}\n").into_bytes());
        let mut state = State { checkpoint, ..State::default() };
        match state.open(to) {
            Err(error) if !nobody_reads(&error) => Err(told(to, &error)),
            _ => Ok(OpenFile { to: to.clone(), state: Mutex::new(state) }),
        }
    }
}

impl Sink for OpenFile {
    fn describe(&self) -> String {
        format!("file {}", self.to.path.display())
    }

    fn take(&self, lines: &[String]) -> (usize, Option<Error>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = 0;
        while taken < lines.len() {
            // One write for all up to the line after which the file may rotate.
            let rest = &lines[taken..];
            let many = rest
                .iter()
                .position(|line| line.starts_with(CHECKPOINT_LINE))
                .map_or(rest.len(), |at| at + 1);
            match state.write(&self.to, &rest[..many]) {
                Ok(0) => return (taken, None),
                Ok(written) => taken += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (taken, None),
                Err(error) => return (taken, Some(told(&self.to, &error))),
            }
        }
        (taken, None)
    }
}

impl State {
    /// Writes lines, and answers how many of them it has taken: in the file but for the end of the last.
    fn write(&mut self, to: &FileSink, lines: &[String]) -> io::Result<usize> {
        self.look(to)?;
        let Some(file) = &self.file else { return Ok(0) };
        let before = self.head.len() + self.half.len();
        let mut bytes = Vec::with_capacity(before + lines.iter().map(|line| line.len() + 1).sum::<usize>());
        bytes.extend_from_slice(&self.head);
        bytes.extend_from_slice(&self.half);
        for line in lines {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        let (written, error) = write_all_it_takes(file, &bytes[self.done..]);
        self.size += written as u64;
        self.done += written;
        if self.is_pipe && error.as_ref().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            // The next reader gets the line from its beginning.
            self.done = 0;
        }
        if self.done < before {
            return error.map_or(Ok(0), Err);
        }
        let mut rest = self.done - before;
        (self.head, self.half, self.done) = (Vec::new(), Vec::new(), 0);
        let mut taken = 0;
        for line in lines {
            if rest == 0 {
                break;
            }
            taken += 1;
            let ended = [line.as_bytes(), b"\n"].concat();
            if rest < ended.len() {
                (self.half, self.done) = (ended, rest);
                break;
            }
            rest -= ended.len();
            if line.starts_with(CHECKPOINT_LINE) {
                self.checkpoint = Some(ended);
            }
        }
        self.rotate_when_due(to, lines[..taken].last())?;
        match error {
            Some(error) if taken == 0 => Err(error),
            _ => Ok(taken),
        }
    }

    /// Opens the file, also when the one that is open is not at its path any more.
    fn look(&mut self, to: &FileSink) -> io::Result<()> {
        if let Some(file) = &self.file {
            let here = fs::symlink_metadata(&to.path).is_ok_and(|found| identity(&found) == self.id);
            if here && file.metadata()?.nlink() > 0 {
                return Ok(());
            }
            self.file = None;
        }
        self.open(to)
    }

    fn open(&mut self, to: &FileSink) -> io::Result<()> {
        // A device is not even opened, and nothing is made at the end of a link.
        if let Ok(found) = fs::symlink_metadata(&to.path) {
            fit(&found)?;
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NOCTTY);
        let file = options.open(&to.path)?;
        let found = file.metadata()?;
        fit(&found)?;
        self.id = identity(&found);
        self.is_pipe = found.file_type().is_fifo();
        self.size = found.len();
        self.done = 0;
        self.head = match &self.checkpoint {
            _ if self.is_pipe => Vec::new(),
            Some(checkpoint) if self.size == 0 => checkpoint.clone(),
            // A process that ended in the middle of a line.
            _ if self.size > 0 && !ends_in_a_line(to)? => b"\n".to_vec(),
            _ => Vec::new(),
        };
        self.file = Some(file);
        Ok(())
    }

    fn rotate_when_due(&mut self, to: &FileSink, last: Option<&String>) -> io::Result<()> {
        let at_checkpoint = last.is_some_and(|line| line.starts_with(CHECKPOINT_LINE));
        let size = to.rotate_bytes.saturating_mul(if at_checkpoint { 1 } else { 2 });
        let due = size > 0 && self.size >= size && last.is_some();
        if due && self.half.is_empty() && !self.is_pipe { self.rotate(to) } else { Ok(()) }
    }

    fn rotate(&mut self, to: &FileSink) -> io::Result<()> {
        // Another process may have rotated the file just now; then it is opened anew at the next write.
        let here = fs::symlink_metadata(&to.path).is_ok_and(|found| identity(&found) == self.id);
        self.file = None;
        if !here {
            return Ok(());
        }
        let numbered = |number: u32| {
            let mut name = to.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if to.keep == 0 {
            return fs::remove_file(&to.path);
        }
        for number in (1..to.keep).rev() {
            match fs::rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&to.path, numbered(1))
    }
}

/// As many bytes as go in without waiting, and why not more.
fn write_all_it_takes(file: &File, mut bytes: &[u8]) -> (usize, Option<io::Error>) {
    let all = bytes.len();
    while !bytes.is_empty() {
        match write_quietly(file, bytes) {
            Ok(0) => return (all - bytes.len(), Some(ErrorKind::WriteZero.into())),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (all - bytes.len(), Some(error)),
        }
    }
    (all, None)
}

fn ends_in_a_line(to: &FileSink) -> io::Result<bool> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOFOLLOW);
    let mut file = options.open(&to.path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Whether a sink writes to such a thing: a file that not everybody can write, or a pipe.
fn fit(found: &Metadata) -> io::Result<()> {
    let kind = found.file_type();
    if !kind.is_file() && !kind.is_fifo() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is neither a file nor a pipe"));
    }
    if found.mode() & 0o002 != 0 {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "everybody can write to it; chmod o-w it"));
    }
    Ok(())
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// A pipe without a reader.
fn nobody_reads(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENXIO)
}

fn told(to: &FileSink, error: &io::Error) -> Error {
    let path = to.path.display().to_string().into();
    let reason = if nobody_reads(error) { "nobody reads the pipe".into() } else { error.to_string().into() };
    Error::Io { doing: "writing", path, reason }
}
