//! A file as the source of a reader.

use std::fs::File;
use std::io::{ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::ReadAt;
use crate::error::{Error, Result};

/// A file that can be read at any place, and what its errors call it. Its position is not moved; that of a device is, and put
/// back, when its size is asked.
#[derive(Debug)]
pub struct FileAt {
    file: File,
    name: PathBuf,
}

impl FileAt {
    /// What the errors call it is its path, or what the user knows it by.
    pub fn new(file: File, name: impl Into<PathBuf>) -> FileAt {
        FileAt { file, name: name.into() }
    }

    #[cold]
    fn failed(&self, doing: &'static str, error: &std::io::Error) -> Error {
        Error::io(doing, &self.name, error)
    }
}

impl ReadAt for FileAt {
    fn size(&self) -> Result<u64> {
        let told = self.file.metadata().map_err(|e| self.failed("looking at", &e))?;
        if told.is_file() {
            return Ok(told.len());
        }
        // A block device tells its size by its end alone; what has none is refused.
        let mut device = &self.file;
        let end = device.stream_position().and_then(|was| {
            let end = device.seek(SeekFrom::End(0));
            device.seek(SeekFrom::Start(was)).and(end)
        });
        end.map_err(|_| Error::InvalidArgument {
            what: "the file cannot be read at any place; open a stream instead",
        })
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < into.len() {
            let Some(at) = offset.checked_add(done as u64) else { break };
            match self.file.read_at(&mut into[done..], at) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(self.failed("reading", &e)),
            }
        }
        Ok(done)
    }
}
