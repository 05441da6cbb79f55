//! What a command reads.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::exit::{Failure, Result, reason};
use crate::Status;

/// Most bytes that one command takes into memory: 2 GiB.
pub(in crate::cli) const MAX_INPUT: u64 = 2 << 30;
/// The same as an envelope: with a head and with a tag for each 16 KiB.
pub(in crate::cli) const MAX_ENVELOPE: u64 = MAX_INPUT + (4 << 20);

/// A named input, or standard input for none and `-`.
pub(in crate::cli) struct Input {
    file: Option<File>,
    path: Option<PathBuf>,
}

impl Input {
    pub(in crate::cli) fn open(path: Option<&Path>) -> Result<Input> {
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
    pub(in crate::cli) fn again(&self) -> Option<Input> {
        let path = self.path.as_deref().filter(|_| self.len().is_some())?;
        Input::open(Some(path)).ok()
    }

    /// With a shared lock, which waits for a rewrap that is under way. File systems without locks do without.
    pub(in crate::cli) fn locked(mut self) -> Result<Input> {
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

    pub(in crate::cli) fn is_stdin(&self) -> bool {
        self.file.is_none()
    }

    /// The name for messages.
    pub(in crate::cli) fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard input".into(), |p| p.display().to_string())
    }

    /// The name for a command line.
    pub(in crate::cli) fn argument(&self) -> String {
        self.path.as_ref().map_or_else(|| "-".into(), |p| p.display().to_string())
    }

    /// All of it behind `offset` zero bytes, with room for `extra` more. Refused beyond `limit` bytes.
    pub(in crate::cli) fn read(mut self, offset: usize, extra: usize, limit: u64) -> Result<Vec<u8>> {
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
    pub(in crate::cli) fn read_head(self, most: u64) -> Result<(Vec<u8>, Option<u64>)> {
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
    pub(in crate::cli) fn len(&self) -> Option<u64> {
        let metadata = self.file.as_ref()?.metadata().ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// It, to be read in order or, where it is a regular file, anywhere.
    pub(in crate::cli) fn source(&self) -> Result<File> {
        let file = match &self.file {
            Some(file) => file.try_clone(),
            None => io::stdin().as_fd().try_clone_to_owned().map(File::from),
        };
        file.map_err(|e| self.failed(&e))
    }

    /// A failure to read it.
    pub(in crate::cli) fn failed(&self, error: &io::Error) -> Failure {
        Failure::new(Status::Io, format!("reading {} failed: {}", self.name(), reason(error)))
    }

    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        let metadata = self.file.as_ref()?.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some((metadata.dev(), metadata.ino()))
    }
}
