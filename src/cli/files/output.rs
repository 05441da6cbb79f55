//! Where a command's data goes: to a file that appears whole or not at all, or to a stream as it comes.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::exit::{Failure, Result};
use super::super::output;
use super::folder::{Folder, failed};
use super::{Input, Temporary};
use crate::Status;

/// Who may read a new file: its maker alone (plaintext), or whoever the umask lets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Privacy {
    Secret,
    Ordinary,
}

/// Where a command's data goes. Checked before any work is done.
pub(in crate::cli) enum Output {
    Stdout,
    /// Standard output that a person reads: text, or nothing.
    Terminal,
    /// Replaced in one step.
    File {
        /// As the user named it.
        path: PathBuf,
        /// Where that leads.
        target: PathBuf,
        privacy: Privacy,
    },
    /// A device or pipe: written as it is.
    Special(PathBuf),
}

impl Output {
    /// `path` is `-o`: none is standard output unless that is a terminal, `-` is standard output in any case.
    pub(in crate::cli) fn new(
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
        match std::fs::metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                Ok(Output::File { path: path.into(), target: path.into(), privacy })
            }
            Err(e) => Err(failed("writing", path, &e)),
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
            Ok(_) => {
                let target = path.canonicalize().map_err(|e| failed("writing", path, &e))?;
                Ok(Output::File { path: path.into(), target, privacy })
            }
        }
    }

    /// For data that is never text: refuses the terminal before any work is done.
    pub(in crate::cli) fn binary(self) -> Result<Output> {
        if matches!(self, Output::Terminal) { Err(refused_by_terminal()) } else { Ok(self) }
    }

    pub(in crate::cli) fn name(&self) -> String {
        match self {
            Output::Stdout | Output::Terminal => "-".into(),
            Output::File { path, .. } | Output::Special(path) => path.display().to_string(),
        }
    }

    /// Writes all of it, durably where it is a file.
    pub(in crate::cli) fn write(&self, bytes: &[u8]) -> Result<()> {
        match self {
            Output::Stdout => output::write_stdout(bytes),
            Output::Terminal if output::is_text(bytes) => output::write_stdout(bytes),
            Output::Terminal => Err(refused_by_terminal()),
            Output::File { .. } | Output::Special(_) => {
                let mut sink = self.begin()?;
                sink.write(bytes)?;
                sink.finish()
            }
        }
    }

    /// Opens it, to be written piece by piece.
    pub(in crate::cli) fn begin(&self) -> Result<Sink> {
        match self {
            Output::Stdout | Output::Terminal => {
                let stdout = io::stdout().as_fd().try_clone_to_owned();
                let stdout = stdout.map_err(|e| output::stdout_failure(&e))?;
                Ok(Sink { to: Target::Stream(stdout.into()), path: None })
            }
            Output::Special(path) => {
                let file = OpenOptions::new().write(true).open(path);
                let file = file.map_err(|e| failed("writing", path, &e))?;
                Ok(Sink { to: Target::Stream(file), path: Some(path.clone()) })
            }
            Output::File { path, target, privacy } => {
                let mode = if *privacy == Privacy::Secret { 0o600 } else { 0o666 };
                let temporary = Folder::open(target.parent().unwrap_or(Path::new("/")))
                    .and_then(|folder| Temporary::within(&Arc::new(folder), mode));
                let temporary = temporary.map_err(|e| failed("writing", path, &e))?;
                Ok(Sink { to: Target::File(temporary, target.clone()), path: Some(path.clone()) })
            }
        }
    }
}

/// An output that is open. Dropped before [`Sink::finish`], a file is as it was.
pub(in crate::cli) struct Sink {
    to: Target,
    /// None for standard output.
    path: Option<PathBuf>,
}

enum Target {
    File(Temporary, PathBuf),
    Stream(File),
}

impl Sink {
    pub(in crate::cli) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut file = self.file();
        file.write_all(bytes).map_err(|e| self.failed(&e))
    }

    pub(in crate::cli) fn file(&self) -> &File {
        match &self.to {
            Target::File(temporary, _) => temporary.file(),
            Target::Stream(file) => file,
        }
    }

    /// Whether what has been written is seen by others before the end.
    pub(in crate::cli) fn is_stream(&self) -> bool {
        matches!(self.to, Target::Stream(_))
    }

    pub(in crate::cli) fn failed(&self, error: &io::Error) -> Failure {
        match &self.path {
            Some(path) => failed("writing", path, error),
            None => output::stdout_failure(error),
        }
    }

    /// Puts a file in its place: contents, then name, then the folder's record of the name, each on disk before the
    /// next. A file that was there keeps its mode.
    pub(in crate::cli) fn finish(self) -> Result<()> {
        let (Target::File(temporary, target), Some(path)) = (self.to, self.path) else { return Ok(()) };
        let publish = || {
            if let Ok(old) = std::fs::metadata(&target) {
                temporary.file().set_permissions(Permissions::from_mode(old.mode() & 0o777))?;
            }
            let folder = temporary.folder();
            temporary.publish(target.file_name().ok_or(ErrorKind::IsADirectory)?, true)?;
            folder.sync()
        };
        publish().map_err(|e| failed("writing", &path, &e))
    }
}

fn refused_by_terminal() -> Failure {
    Failure::usage("refusing to write binary data to the terminal").hint("use -o FILE, or -o - to force it")
}
