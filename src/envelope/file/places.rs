//! Regular files: parts read, sealed or opened, and written by position, by several threads.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::convert::{Converted, FileOptions};
use crate::envelope::begin::{Begun, Unlocked, Uses};
use crate::envelope::chunks::{self, CHUNK, MAX_PLAINTEXT, Position, SEALED, TAG};
use crate::envelope::parallel::Shared;
use crate::envelope::stream::Layout;
use crate::envelope::{ReadAt, Work};
use crate::error::{Error, Result};
use crate::secret::wipe;
use crate::sync::{appends, beside, preallocate, read_scattered, will_read_in_order, write_gathered};

/// Chunks of a part: what a thread has in hand stays in its processor's cache.
const PART: usize = 32;

/// How a file is converted.
pub(super) enum Ends<'a> {
    /// By position.
    Places(Slice<'a>, Place<'a>),
    InOrder,
}

/// A regular file to be read, from a place on.
pub(super) struct Slice<'a> {
    pub(super) file: &'a File,
    at: u64,
    pub(super) size: u64,
    name: &'a str,
}

/// A regular file to be written, from a place on.
pub(super) struct Place<'a> {
    file: &'a File,
    at: u64,
    name: &'a str,
}

impl<'a> Ends<'a> {
    /// # Errors
    /// INVALID_ARGUMENT for one file at both ends; IO.
    pub(super) fn of(from: &'a File, to: &'a File, names: &FileOptions<'a>) -> Result<Ends<'a>> {
        let source = from.metadata().map_err(|e| names.reading(&e))?;
        let target = to.metadata().map_err(|e| names.writing(&e))?;
        if !source.is_file() || !target.is_file() {
            return Ok(Ends::InOrder);
        }
        if (source.dev(), source.ino()) == (target.dev(), target.ino()) {
            return Err(Error::InvalidArgument {
                what: "input and output are the same file; write to another, and rename it when it is whole",
            });
        }
        will_read_in_order(from);
        // Files of /proc have no size and bytes all the same.
        if source.len() == 0 || appends(to) {
            return Ok(Ends::InOrder);
        }
        let at = |mut file: &File| file.stream_position();
        let (from_at, to_at) =
            (at(from).map_err(|e| names.reading(&e))?, at(to).map_err(|e| names.writing(&e))?);
        let size = source.len().saturating_sub(from_at);
        let from = Slice { file: from, at: from_at, size, name: names.input };
        Ok(Ends::Places(from, Place { file: to, at: to_at, name: names.output }))
    }
}

impl Slice<'_> {
    #[cold]
    fn failed(&self, error: &io::Error) -> Error {
        Error::io("reading", Path::new(self.name), error)
    }

    /// Reads a range that the file had when it was looked at.
    fn read(&self, offset: u64, into: &mut [IoSliceMut<'_>]) -> Result<()> {
        read_scattered(self.file, self.at + offset, into).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Error::Io {
                doing: "reading",
                path: self.name.into(),
                reason: "it became shorter meanwhile".into(),
            },
            _ => self.failed(&error),
        })
    }
}

impl ReadAt for Slice<'_> {
    fn size(&self) -> Result<u64> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        loop {
            match self.file.read_at(into, self.at + offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|e| self.failed(&e)),
            }
        }
    }
}

impl Place<'_> {
    #[cold]
    fn failed(&self, error: &io::Error) -> Error {
        Error::io("writing", Path::new(self.name), error)
    }

    /// Cuts off what lies behind, and sets aside what is to come.
    fn prepare(&self, size: u64) -> Result<()> {
        let prepared = self.file.set_len(self.at).and_then(|()| preallocate(self.file, self.at, size));
        prepared.map_err(|e| self.failed(&e))
    }

    fn write(&self, offset: u64, pieces: &mut [IoSlice<'_>]) -> Result<()> {
        write_gathered(self.file, self.at + offset, pieces).map_err(|e| self.failed(&e))
    }
}

/// Seals all of a file behind its head.
///
/// # Errors
/// TOO_LARGE, IO, CANCELLED; the output is then cut to where it stood.
pub(super) fn seal_parts(
    begun: &Begun,
    from: &Slice<'_>,
    to: &Place<'_>,
    options: &FileOptions<'_>,
) -> Result<Converted> {
    let (head, size) = (begun.head.len() as u64, from.size);
    if size > MAX_PLAINTEXT {
        return Err(Error::TooLarge { what: "the message", limit: MAX_PLAINTEXT });
    }
    let chunks = size / CHUNK as u64 + 1;
    let whole = head + size + TAG as u64 * chunks;
    let job = Job { work: &options.work, bytes: size, chunks };
    let done =
        to.prepare(whole).and_then(|()| to.write(0, &mut [IoSlice::new(&begun.head)])).and_then(|()| {
            begun.key.with(|lane| {
                job.run(|part, buffer, shared| {
                    let place = part.first * CHUNK as u64;
                    let plain = (size - place).min((part.chunks * CHUNK) as u64) as usize;
                    let sealed = &mut buffer[..plain + part.chunks * TAG];
                    // Each where it will stand when it has its tag.
                    let mut pieces: Vec<_> = sealed.chunks_mut(SEALED).map(without_tag).collect();
                    from.read(place, &mut pieces)?;
                    for (k, chunk) in sealed.chunks_mut(SEALED).enumerate() {
                        shared.go_on()?;
                        chunks::seal_one_in_place(&lane.payload, part.position(), k, chunk);
                    }
                    to.write(head + part.first * SEALED as u64, &mut [IoSlice::new(sealed)])?;
                    Ok(plain as u64)
                })
            })
        });
    end(done, &begun.uses, (from, size), (to, whole))
}

/// Opens all of a file behind its head.
///
/// # Errors
/// AUTH, IO, CANCELLED; the output is then cut to where it stood.
pub(super) fn open_parts(
    unlocked: &Unlocked,
    layout: &Layout,
    from: &Slice<'_>,
    to: &Place<'_>,
    options: &FileOptions<'_>,
) -> Result<Converted> {
    let chunks = layout.last() + 1;
    let job = Job { work: &options.work, bytes: layout.plain, chunks };
    let done = to.prepare(layout.plain).and_then(|()| {
        unlocked.key.with(|lane| {
            job.run(|part, buffer, shared| {
                let place = layout.chunk_at(part.first);
                let size = layout.chunk_end(part.first + part.chunks as u64 - 1) - place;
                let sealed = &mut buffer[..size as usize];
                from.read(place, &mut [IoSliceMut::new(sealed)])?;
                for (k, chunk) in sealed.chunks_mut(SEALED).enumerate() {
                    shared.go_on()?;
                    chunks::open_one_in_place(&lane.payload, part.position(), k, chunk)
                        .map_err(|_| Error::Auth)?;
                }
                let mut pieces: Vec<_> =
                    sealed.chunks(SEALED).map(|chunk| IoSlice::new(&chunk[..chunk.len() - TAG])).collect();
                to.write(part.first * CHUNK as u64, &mut pieces)?;
                Ok(size - (part.chunks * TAG) as u64)
            })
        })
    });
    end(done, &unlocked.uses, (from, from.size), (to, layout.plain))
}

/// What becomes of the files and the uses.
fn end(
    done: Result<()>,
    uses: &Uses,
    (from, read): (&Slice<'_>, u64),
    (to, written): (&Place<'_>, u64),
) -> Result<Converted> {
    let moved = done.and_then(|()| {
        let (mut source, mut target) = (from.file, to.file);
        source.seek(SeekFrom::Start(from.at + read)).map_err(|e| from.failed(&e))?;
        target.seek(SeekFrom::Start(to.at + written)).map_err(|e| to.failed(&e))
    });
    match moved {
        Ok(_) => {
            uses.add(read.min(written));
            uses.end();
            Ok(Converted { read, written })
        }
        Err(error) => {
            // It is worth nothing, and where it cannot be cut the caller has the error all the same.
            let _ = to.file.set_len(to.at);
            uses.failed(&error);
            Err(error)
        }
    }
}

/// What threads have to do.
struct Job<'w> {
    work: &'w Work<'w>,
    /// Bytes of the message.
    bytes: u64,
    chunks: u64,
}

/// What one of them does at once.
struct Part {
    first: u64,
    chunks: usize,
}

/// One thread's room for a part, sealed.
struct Buffer(Vec<u8>);

impl Part {
    fn position(&self) -> Position {
        Position { first: self.first, ..Position::START }
    }
}

impl Job<'_> {
    fn run(&self, f: impl Fn(Part, &mut [u8], &Shared<'_>) -> Result<u64> + Sync) -> Result<()> {
        let (shared, next) = (Shared::new(self.work), AtomicU64::new(0));
        let chunks = self.chunks;
        let parts = chunks.div_ceil(PART as u64);
        let most = chunks.min(PART as u64) as usize;
        let room = move || Buffer(vec![0; most * SEALED]);
        let step = |buffer: &mut Buffer| {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts || shared.is_stopped() {
                return None;
            }
            let first = part * PART as u64;
            let part = Part { first, chunks: (chunks - first).min(PART as u64) as usize };
            match f(part, &mut buffer.0, &shared) {
                Ok(bytes) => Some(shared.add(bytes)),
                Err(error) => {
                    shared.fail(error);
                    None
                }
            }
        };
        let other = || {
            let mut buffer = room();
            while step(&mut buffer).is_some() {}
        };
        let threads = self.work.threads_for(self.bytes, parts);
        beside(threads - 1, &other, || {
            let mut buffer = room();
            while let Some(done) = step(&mut buffer) {
                if let Err(error) = self.work.report(done, self.bytes) {
                    return shared.fail(error);
                }
            }
        });
        shared.end()?;
        self.work.report(self.bytes, self.bytes)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // It held plaintext.
        wipe(&mut self.0);
    }
}

fn without_tag(chunk: &mut [u8]) -> IoSliceMut<'_> {
    let len = chunk.len() - TAG;
    IoSliceMut::new(&mut chunk[..len])
}
