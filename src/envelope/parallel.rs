//! Runs of chunks, sealed and opened by as many threads as a call may take.
//!
//! Work is dealt out in segments of 64 chunks (1 MiB of message) under a lock that is held for two slices' split. Every
//! chunk is looked at before it is begun: whether the caller cancelled, or another thread failed.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::chunks::{self, CHUNK, Position, SEALED, TAG};
use super::work::{Work, is_set};
use crate::crypto::AeadKey;
use crate::error::{Error, Result};
use crate::sync::beside;

/// Chunks that a thread takes at once.
pub(super) const SEGMENT: usize = 64;

/// What a call says of its progress: the bytes that were done before it, and the whole's.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) before: u64,
    pub(super) whole: u64,
}

/// Seals a run of chunks, out of place: `out` has a tag more for each, and says by its size whether the last is short.
///
/// # Errors
/// CANCELLED, with `out` in any state.
pub(super) fn seal(
    key: &AeadKey,
    at: Position,
    plain: &[u8],
    out: &mut [u8],
    work: &Work<'_>,
    told: Told,
) -> Result<()> {
    let bytes = plain.len() as u64;
    let run = Run { work, told, bytes, units: (SEGMENT * CHUNK, SEGMENT * SEALED) };
    run.over(plain, out, at.first, |first, plain, out, run| {
        let at = Position { first, ..at };
        for (k, out) in out.chunks_mut(SEALED).enumerate() {
            run.go_on()?;
            let message = &plain[k * CHUNK..k * CHUNK + out.len() - TAG];
            chunks::seal_one(key, at, k, message, out);
        }
        Ok(plain.len())
    })
}

/// Whose memory a payload lies in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// The caller's: another process may write to it meanwhile.
    Callers,
    /// Ours.
    Private,
}

/// Opens a run of chunks, out of place: `out` has a tag less for each.
///
/// # Errors
/// AUTH, CANCELLED, with `out` in any state.
pub(super) fn open(
    key: &AeadKey,
    at: Position,
    (sealed, memory): (&[u8], Memory),
    out: &mut [u8],
    work: &Work<'_>,
    told: Told,
) -> Result<()> {
    let bytes = out.len() as u64;
    let run = Run { work, told, bytes, units: (SEGMENT * SEALED, SEGMENT * CHUNK) };
    run.over(sealed, out, at.first, |first, sealed, out, run| {
        let at = Position { first, ..at };
        let mut private = [0; SEALED];
        for (k, sealed) in sealed.chunks(SEALED).enumerate() {
            run.go_on()?;
            let out = &mut out[k * CHUNK..k * CHUNK + sealed.len() - TAG];
            let opened = match memory {
                Memory::Callers => chunks::open_copied(key, at, k, sealed, &mut private, out),
                Memory::Private => chunks::open_one(key, at, k, sealed, out),
            };
            opened.map_err(|_| Error::Auth)?;
        }
        Ok(out.len())
    })
}

/// A run that threads share.
struct Run<'w> {
    work: &'w Work<'w>,
    told: Told,
    /// Bytes of the message.
    bytes: u64,
    /// Bytes of a segment, as it comes and as it goes.
    units: (usize, usize),
}

/// What threads know of each other.
pub(super) struct Shared<'w> {
    cancel: Option<&'w AtomicU32>,
    stop: AtomicBool,
    done: AtomicU64,
    failed: Mutex<Option<Error>>,
}

impl Shared<'_> {
    pub(super) fn new<'w>(work: &Work<'w>) -> Shared<'w> {
        Shared {
            cancel: work.cancel,
            stop: AtomicBool::new(false),
            done: AtomicU64::new(0),
            failed: Mutex::new(None),
        }
    }

    /// # Errors
    /// CANCELLED, also where another thread failed, whose error then stands first.
    #[inline]
    pub(super) fn go_on(&self) -> Result<()> {
        match self.stop.load(Ordering::Relaxed) || is_set(self.cancel) {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }

    pub(super) fn add(&self, bytes: u64) -> u64 {
        self.done.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The first error is the call's, and stops the others.
    pub(super) fn fail(&self, error: Error) {
        if !self.stop.swap(true, Ordering::SeqCst) {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    pub(super) fn end(self) -> Result<()> {
        match self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Run<'_> {
    /// Deals out the segments; `f` gets the number of a segment's first chunk and its two slices, and tells how many bytes
    /// of the message it did.
    fn over(
        &self,
        input: &[u8],
        out: &mut [u8],
        first: u64,
        f: impl Fn(u64, &[u8], &mut [u8], &Shared<'_>) -> Result<usize> + Sync,
    ) -> Result<()> {
        let shared = Shared::new(self.work);
        let parts = input.len().div_ceil(self.units.0).max(out.len().div_ceil(self.units.1)) as u64;
        let units = self.units;
        let left = Mutex::new((input, out, first));
        let next = || {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            let (input, out, first) = &mut *left;
            if (input.is_empty() && out.is_empty()) || shared.is_stopped() {
                return None;
            }
            let (mine, rest) = input.split_at(input.len().min(units.0));
            let cut = out.len().min(units.1);
            let (my_out, rest_out) = mem::take(out).split_at_mut(cut);
            let at = *first;
            (*input, *out, *first) = (rest, rest_out, at + SEGMENT as u64);
            Some((at, mine, my_out))
        };
        let step = |(at, input, out): (u64, &[u8], &mut [u8])| match f(at, input, out, &shared) {
            Ok(bytes) => Some(shared.add(bytes as u64)),
            Err(error) => {
                shared.fail(error);
                None
            }
        };
        let other = || while next().and_then(step).is_some() {};
        beside(self.work.threads_for(self.bytes, parts) - 1, &other, || {
            while let Some(done) = next().and_then(step) {
                if let Err(error) = self.report(done) {
                    return shared.fail(error);
                }
            }
        });
        shared.end()?;
        self.report(self.bytes)
    }

    fn report(&self, done: u64) -> Result<()> {
        self.work.report(self.told.before + done, self.told.whole)
    }
}
