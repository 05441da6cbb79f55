//! Random access: any range of a message, touching only the chunks that hold it.

use std::sync::{Mutex, OnceLock, TryLockError};

use super::AllowedKeys;
use super::range::Layout;
use crate::context::Context;
use crate::envelope::begin::{PayloadKey, Unlocked, Uses, begin_open};
use crate::envelope::chunks::{self, CHUNK, Position, SEALED, TAG};
use crate::envelope::head::{FIXED, Kind, Sizes};
use crate::envelope::parallel::{self, Memory, SEGMENT, Told};
use crate::envelope::{DecryptOptions, Opened, Work};
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::secret::wipe;

/// An envelope that can be read at any place, from many threads at once: a file, or an object in a store far away.
pub trait ReadAt: Send + Sync {
    /// Its size in bytes. Asked once.
    ///
    /// # Errors
    /// CALLBACK_FAILED or IO.
    fn size(&self) -> Result<u64>;

    /// Reads into the front of `into` from an offset on; may be short, 0 only at the end.
    ///
    /// # Errors
    /// CALLBACK_FAILED or IO.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize>;
}

/// A message that is read at any place. Any number of threads may use one at once. Memory: the chunks of the calls under
/// way, 1 MiB at most for each thread, and the last chunk read.
pub struct Reader {
    source: Box<dyn ReadAt>,
    layout: Layout,
    key: PayloadKey,
    uses: Uses,
    opened: Opened,
    /// The same with the message's size, once the last chunk is authenticated.
    known: OnceLock<Opened>,
    /// Never waited for: who finds it taken reads the chunk for himself.
    cache: Mutex<Cached>,
}

/// The chunk that was read last, for many small reads in a row.
struct Cached {
    chunk: Option<u64>,
    plain: Vec<u8>,
}

impl Drop for Cached {
    fn drop(&mut self) {
        wipe(&mut self.plain);
    }
}

/// Most heads are smaller; one read then has them.
const FIRST: usize = 1_024;

impl Reader {
    /// Reads the head and opens it. The payload is not looked at.
    ///
    /// # Errors
    /// As [`crate::envelope::decrypt_into`], and the source's.
    pub fn open(
        allowed: &AllowedKeys,
        source: Box<dyn ReadAt>,
        context: &Context<'_>,
        options: &DecryptOptions<'_>,
    ) -> Result<Reader> {
        let whole = source.size()?;
        let head = read_head(&*source, whole)?;
        let (layout, unlocked) = allowed.with(|allowed| {
            // For the parser to refuse where it is none.
            let len = Sizes::parse(&head, Some(Kind::Envelope)).map_or(0, |sizes| sizes.head());
            let layout = match len > 0 && len <= head.len() {
                true => Some(Layout::of(len as u64, whole)),
                false => None,
            };
            let layout = layout.transpose();
            let layout = allowed.read(Operation::Decrypt, context, layout)?;
            let unlocked = begin_open(&allowed, &head, context, options, 0)?;
            let layout = layout.ok_or(Error::Internal { what: "a head opened that was cut off" })?;
            Ok((layout, unlocked))
        })?;
        let Unlocked { opened, key, uses } = unlocked;
        let cache = Mutex::new(Cached { chunk: None, plain: Vec::new() });
        Ok(Reader { source, layout, key, uses, opened, known: OnceLock::new(), cache })
    }

    /// Bytes of the message. Authenticates the last chunk first, once: before that no length can be trusted.
    ///
    /// # Errors
    /// AUTH, FORKED, and the source's.
    #[allow(clippy::len_without_is_empty)] // a length is asked of the source, and may fail
    pub fn len(&self) -> Result<u64> {
        self.key.check()?;
        if self.known.get().is_none() {
            self.told(self.authenticate_end())?;
        }
        Ok(self.layout.plain)
    }

    /// Reads the message from `offset` on into the front of `out`: bytes read. Less than `out` holds only where the message
    /// ends there, and then the last chunk has been authenticated; beyond the end 0.
    ///
    /// # Errors
    /// AUTH for any chunk of the range that is not authentic, FORKED, CANCELLED, and the source's; `out` is then zeroed. The
    /// reader stays usable.
    pub fn pread(&self, offset: u64, out: &mut [u8], work: &Work<'_>) -> Result<usize> {
        self.key.check()?;
        work.check()?;
        if out.is_empty() {
            return Ok(0);
        }
        let read = self.told(work.go_on().and_then(|()| self.read(offset, out, work)));
        match &read {
            Ok(bytes) => self.uses.add(*bytes as u64),
            Err(_) => out.fill(0),
        }
        read
    }

    /// What opened it; `len` is 0 until the message's end was authenticated, as by [`Reader::len`].
    pub fn opened(&self) -> &Opened {
        self.known.get().unwrap_or(&self.opened)
    }

    /// A failure after the head opened is a failed use.
    fn told<T>(&self, done: Result<T>) -> Result<T> {
        done.inspect_err(|error| self.uses.failed(error))
    }

    fn authenticate_end(&self) -> Result<()> {
        self.with_chunk(self.layout.last(), |_| ())?;
        let len = usize::try_from(self.layout.plain).unwrap_or(usize::MAX);
        // Whoever came first knew the same.
        let _ = self.known.set(Opened { len, ..self.opened.clone() });
        Ok(())
    }

    fn read(&self, offset: u64, out: &mut [u8], work: &Work<'_>) -> Result<usize> {
        let chunk = CHUNK as u64;
        if offset.saturating_add(out.len() as u64) > self.layout.last() * chunk && self.known.get().is_none()
        {
            self.authenticate_end()?;
        }
        let left = self.layout.plain.saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        let out = &mut out[..len];
        let mut at = offset;
        let mut rest = &mut out[..];
        while !rest.is_empty() {
            work.go_on()?;
            let (number, within) = (at / chunk, (at % chunk) as usize);
            let taken = if within == 0 && rest.len() >= CHUNK {
                let whole = rest.len() / CHUNK;
                self.read_chunks(number, &mut rest[..whole * CHUNK], (at - offset, len as u64), work)?;
                whole * CHUNK
            } else {
                self.with_chunk(number, |plain| {
                    let part = plain.get(within..).unwrap_or_default();
                    let part = &part[..part.len().min(rest.len())];
                    rest[..part.len()].copy_from_slice(part);
                    part.len()
                })?
            };
            if taken == 0 {
                return Err(Error::Internal { what: "a chunk that ends before its message" });
            }
            (rest, at) = (&mut rest[taken..], at + taken as u64);
        }
        Ok(len)
    }

    /// Opens a run of full chunks into exactly their room, a part of them at a time.
    fn read_chunks(
        &self,
        first: u64,
        out: &mut [u8],
        (before, whole): (u64, u64),
        work: &Work<'_>,
    ) -> Result<()> {
        let parts = out.len().div_ceil(SEGMENT * CHUNK);
        let at_once = SEGMENT * work.threads_for(out.len() as u64, parts as u64).min(parts);
        let mut sealed = vec![0; SEALED * at_once.min(out.len() / CHUNK)];
        for (k, out) in out.chunks_mut(at_once * CHUNK).enumerate() {
            work.go_on()?;
            let first = first + (k * at_once) as u64;
            let sealed = &mut sealed[..out.len() / CHUNK * SEALED];
            self.fetch(self.layout.chunk_at(first), sealed)?;
            let at = Position { first, ..Position::START };
            let told = Told { before: before + (k * at_once * CHUNK) as u64, whole };
            self.key
                .with(|lane| parallel::open(&lane.payload, at, (sealed, Memory::Private), out, work, told))?;
        }
        Ok(())
    }

    /// Runs `f` on one chunk's plaintext.
    fn with_chunk<R>(&self, chunk: u64, f: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let mut own;
        let mut shared;
        let cached = match self.cache.try_lock() {
            Ok(guard) => {
                shared = guard;
                &mut *shared
            }
            Err(TryLockError::Poisoned(poisoned)) => {
                shared = poisoned.into_inner();
                &mut *shared
            }
            Err(TryLockError::WouldBlock) => {
                own = Cached { chunk: None, plain: Vec::new() };
                &mut own
            }
        };
        if cached.chunk != Some(chunk) {
            self.load(chunk, cached)?;
        }
        Ok(f(&cached.plain))
    }

    fn load(&self, chunk: u64, into: &mut Cached) -> Result<()> {
        into.chunk = None;
        let from = self.layout.chunk_at(chunk);
        let size = usize::try_from(self.layout.chunk_end(chunk) - from).unwrap_or(SEALED).min(SEALED);
        let mut sealed = [0; SEALED];
        let sealed = &mut sealed[..size];
        self.fetch(from, sealed)?;
        if into.plain.capacity() == 0 {
            // Once, so that no copy is left behind by growing.
            into.plain.reserve_exact(CHUNK);
        }
        into.plain.resize(size.saturating_sub(TAG), 0);
        let at = Position { first: chunk, ..Position::START };
        self.key.with(|lane| {
            chunks::open_one(&lane.payload, at, 0, sealed, &mut into.plain).map_err(|_| Error::Auth)
        })?;
        into.chunk = Some(chunk);
        Ok(())
    }

    /// Reads a range of the envelope. What is not there any more was cut off: AUTH.
    fn fetch(&self, from: u64, into: &mut [u8]) -> Result<()> {
        match fetch(&*self.source, from, into)? == into.len() {
            true => Ok(()),
            false => Err(Error::Auth),
        }
    }
}

/// Reads until `into` is full or the end comes: bytes read.
fn fetch(source: &dyn ReadAt, from: u64, into: &mut [u8]) -> Result<usize> {
    let mut at = 0;
    while at < into.len() {
        let room = into.len() - at;
        match source.read_at(from + at as u64, &mut into[at..])? {
            0 => break,
            got if got > room => {
                let code = i32::try_from(got).unwrap_or(i32::MAX);
                return Err(Error::CallbackFailed { what: "source", code });
            }
            got => at += got,
        }
    }
    Ok(at)
}

/// The head, or what there is where it is none.
pub(in crate::envelope) fn read_head(source: &dyn ReadAt, whole: u64) -> Result<Vec<u8>> {
    let most = |len: usize| usize::try_from(whole).unwrap_or(usize::MAX).min(len);
    let mut head = vec![0; most(FIRST)];
    let got = fetch(source, 0, &mut head)?;
    head.truncate(got);
    if let Some(fixed) = head.get(..FIXED)
        && let Ok(sizes) = Sizes::parse(fixed, Some(Kind::Envelope))
        && sizes.head() > head.len()
        && got == most(FIRST)
    {
        // At most 41,004 bytes.
        head.resize(most(sizes.head()), 0);
        let more = fetch(source, got as u64, &mut head[got..])?;
        head.truncate(got + more);
    }
    Ok(head)
}
