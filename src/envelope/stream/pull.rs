//! Streams by pulling: what is read comes from a source, sealed or opened.

use super::{Decryptor, Encryptor};
use crate::envelope::chunks::{CHUNK, SEALED};
use crate::envelope::parallel::SEGMENT;
use crate::envelope::{Opened, Work};
use crate::error::{Error, Result};
use crate::secret::wipe;

/// Where a pulled stream's input comes from.
pub trait Source {
    /// Reads some bytes into the front of `into`; 0 only at the end. May be short.
    ///
    /// # Errors
    /// CALLBACK_FAILED or IO; ends the stream.
    fn read(&mut self, into: &mut [u8]) -> Result<usize>;
}

/// A stream that is read. Memory: 1 MiB of input for each thread that works on it, and a chunk. One thread at a time uses
/// it.
pub struct Pull<S> {
    source: S,
    stream: Stream,
    input: Bytes,
    /// What was made and did not fit into what was asked for, from `given` on.
    ready: Bytes,
    given: usize,
    ended: bool,
    failed: Option<Error>,
}

enum Stream {
    Encrypting(Encryptor),
    Decrypting(Decryptor),
}

/// Message bytes between calls; wiped when dropped.
struct Bytes(Vec<u8>);

impl Drop for Bytes {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// What a source gives at once for each thread.
const PIECE: usize = SEGMENT * CHUNK;
/// Threads that a pulled stream has work for.
const THREADS: usize = 16;

impl<S: Source> Pull<S> {
    /// Reads an envelope of what the source gives.
    pub fn encrypting(stream: Encryptor, source: S) -> Pull<S> {
        Pull::of(Stream::Encrypting(stream), source)
    }

    /// Reads the message of an envelope that the source gives.
    pub fn decrypting(stream: Decryptor, source: S) -> Pull<S> {
        Pull::of(Stream::Decrypting(stream), source)
    }

    fn of(stream: Stream, source: S) -> Pull<S> {
        let nothing = || Bytes(Vec::new());
        Pull { source, stream, input: nothing(), ready: nothing(), given: 0, ended: false, failed: None }
    }

    /// Reads into the front of `out`: bytes written. 0 says that the end was reached (or that `out` is empty) and,
    /// decrypting, that it is authentic; it is never said of a message that was cut off. Fills `out` unless the end comes
    /// first.
    ///
    /// # Errors
    /// As `update` and `finish` of the stream, and the source's, with `out` zeroed: what was read into it in the same call is
    /// not told. The same error is answered by every later call.
    pub fn read(&mut self, out: &mut [u8], work: &Work<'_>) -> Result<usize> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        work.check()?;
        self.fill(out, work).inspect_err(|error| {
            out.fill(0);
            wipe(&mut self.ready.0);
            self.ready.0.clear();
            self.failed = Some(error.clone());
        })
    }

    /// What opened it; None when encrypting, or until the head has been read.
    pub fn opened(&self) -> Option<&Opened> {
        match &self.stream {
            Stream::Encrypting(_) => None,
            Stream::Decrypting(stream) => stream.opened(),
        }
    }

    /// Whether the end was reached, and all that was before it read.
    pub fn is_finished(&self) -> bool {
        self.ended && self.given == self.ready.0.len() && self.failed.is_none()
    }

    fn fill(&mut self, out: &mut [u8], work: &Work<'_>) -> Result<usize> {
        let mut at = 0;
        loop {
            let left = &self.ready.0[self.given..];
            let now = left.len().min(out.len() - at);
            out[at..at + now].copy_from_slice(&left[..now]);
            self.given += now;
            at += now;
            if at == out.len() || self.ended {
                return Ok(at);
            }
            at += self.more(&mut out[at..], work)?;
        }
    }

    /// Takes a piece from the source. What comes of it goes into `out` if it fits, and else into what is ready.
    fn more(&mut self, out: &mut [u8], work: &Work<'_>) -> Result<usize> {
        work.go_on()?;
        // As much as fits when it is made; where not even a chunk does, it is put aside.
        let chunks = match &self.stream {
            Stream::Encrypting(stream) => out.len().saturating_sub(stream.update_size(0)?) / SEALED,
            Stream::Decrypting(_) => out.len() / CHUNK,
        };
        let wanted = chunks.max(1).saturating_mul(CHUNK);
        let pieces = work.threads_for(wanted as u64, (wanted.div_ceil(PIECE)) as u64).min(THREADS);
        let wanted = wanted.min(pieces * PIECE);
        let wanted = match self.stream {
            Stream::Encrypting(_) => wanted,
            Stream::Decrypting(_) => wanted / CHUNK * SEALED,
        };
        if self.input.0.len() < wanted {
            self.input = Bytes(vec![0; wanted]);
        }
        let got = self.source.read(&mut self.input.0[..wanted])?;
        let Some(input) = self.input.0.get(..got).filter(|_| got <= wanted) else {
            let code = i32::try_from(got).unwrap_or(i32::MAX);
            return Err(Error::CallbackFailed { what: "source", code });
        };
        let most = match (&self.stream, got) {
            (Stream::Encrypting(stream), 0) => stream.finish_size(),
            (Stream::Decrypting(stream), 0) => stream.finish_size(),
            (Stream::Encrypting(stream), _) => stream.update_size(got)?,
            (Stream::Decrypting(stream), _) => stream.update_size(got),
        };
        let fits = most <= out.len();
        if !fits {
            self.ready.0.clear();
            self.ready.0.resize(most, 0);
            self.given = 0;
        }
        let into = if fits { &mut out[..most] } else { &mut self.ready.0[..] };
        let made = match (&mut self.stream, got) {
            (Stream::Encrypting(stream), 0) => stream.finish(into)?,
            (Stream::Decrypting(stream), 0) => stream.finish(into)?,
            (Stream::Encrypting(stream), _) => stream.update(input, into, work)?,
            (Stream::Decrypting(stream), _) => stream.update(input, into, work)?,
        };
        self.ended = got == 0;
        if fits {
            return Ok(made);
        }
        self.ready.0.truncate(made);
        Ok(0)
    }
}
