//! Encryption of a stream by pushing: update as often as wanted, then finish.

use super::state::State;
use crate::context::Context;
use crate::envelope::begin::{Begun, begin, begin_public};
use crate::envelope::chunks::{self, CHUNK, MAX_PLAINTEXT, Position, SEALED, TAG};
use crate::envelope::parallel::{self, Told};
use crate::envelope::{EncryptOptions, StoredContext, Work};
use crate::error::{Error, Result};
use crate::keystore::{Key, SealingKey};
use crate::secret::wipe;

/// An envelope that is being made. The bytes that come out do not depend on how the input is split. Memory: one chunk
/// (16 KiB) and the head until it is out. One thread at a time uses it.
pub struct Encryptor {
    begun: Begun,
    /// The front of the next chunk, not full.
    waiting: Waiting,
    filled: usize,
    /// Chunks sealed so far.
    sealed: u64,
    state: State,
}

/// Plaintext between calls; wiped when dropped.
struct Waiting(Box<[u8; CHUNK]>);

impl Drop for Waiting {
    fn drop(&mut self) {
        wipe(&mut self.0[..]);
    }
}

impl Encryptor {
    /// Begins an envelope under one or more keys. The keys are used here, and not needed afterwards: a stream goes on
    /// when its key is disabled meanwhile. Of the options' `work` nothing is used: each call has its own.
    ///
    /// # Errors
    /// As [`crate::envelope::encrypt_into`], without those of sizes.
    pub fn new(
        keys: &[&Key],
        context: &Context<'_>,
        stored: &StoredContext<'_>,
        options: &EncryptOptions<'_>,
    ) -> Result<Encryptor> {
        begin(keys, context, stored, options, 0).map(Encryptor::of)
    }

    /// As [`Encryptor::new`], to the public halves of sealing keys, without a store.
    ///
    /// # Errors
    /// As [`crate::envelope::seal_into`], without those of sizes.
    pub fn to_public(
        keys: &[&SealingKey],
        context: &Context<'_>,
        stored: &StoredContext<'_>,
    ) -> Result<Encryptor> {
        begin_public(keys, context, stored).map(Encryptor::of)
    }

    pub(in crate::envelope) fn of(begun: Begun) -> Encryptor {
        let waiting = Waiting(Box::new([0; CHUNK]));
        Encryptor { begun, waiting, filled: 0, sealed: 0, state: State::Open }
    }

    /// Exactly how many bytes [`Encryptor::update`] gives for an input of this size, the head among them at first.
    ///
    /// # Errors
    /// TOO_LARGE, where the message would become longer than the format allows.
    pub fn update_size(&self, input: usize) -> Result<usize> {
        let too_large = Error::TooLarge { what: "the message", limit: MAX_PLAINTEXT };
        if input as u64 > MAX_PLAINTEXT - self.plaintext_len() {
            return Err(too_large);
        }
        let full = self.filled.checked_add(input).map(|waiting| waiting / CHUNK);
        full.and_then(|full| full.checked_mul(SEALED))
            .and_then(|sealed| sealed.checked_add(self.begun.head.len()))
            .ok_or(too_large)
    }

    /// Takes more of the message and gives what is ready of the envelope: bytes written.
    ///
    /// # Errors
    /// BUFFER_TOO_SMALL, TOO_LARGE and INVALID_ARGUMENT, with nothing taken and nothing changed; STREAM_ENDED after
    /// [`Encryptor::finish`] or a failure; FORKED; CANCELLED, which ends the stream, with `out` zeroed.
    pub fn update(&mut self, plaintext: &[u8], out: &mut [u8], work: &Work<'_>) -> Result<usize> {
        self.check()?;
        work.check()?;
        let size = self.update_size(plaintext.len())?;
        let out = out.get_mut(..size).ok_or(Error::BufferTooSmall { needed: size })?;
        match work.go_on().and_then(|()| self.take(plaintext, out, work)) {
            Ok(()) => Ok(size),
            Err(error) => Err(self.fail(error, out)),
        }
    }

    /// Exactly how many bytes [`Encryptor::finish`] gives.
    pub fn finish_size(&self) -> usize {
        self.begun.head.len() + self.filled + TAG
    }

    /// Gives the rest of the envelope, and ends the stream: bytes written. What was given before is worth nothing without it.
    ///
    /// # Errors
    /// As [`Encryptor::update`].
    pub fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        self.check()?;
        let size = self.finish_size();
        let out = out.get_mut(..size).ok_or(Error::BufferTooSmall { needed: size })?;
        let (head, chunk) = out.split_at_mut(self.begun.head.len());
        head.copy_from_slice(&self.begun.head);
        let (at, last) = (self.position(), &self.waiting.0[..self.filled]);
        let sealed = self.begun.key.with(|lane| {
            chunks::seal_one(&lane.payload, at, 0, last, chunk);
            Ok(())
        });
        if let Err(error) = sealed {
            return Err(self.fail(error, out));
        }
        self.begun.uses.add(self.filled as u64);
        self.begun.uses.end();
        self.state = State::Finished;
        Ok(size)
    }

    /// Whether the envelope is whole: [`Encryptor::finish`] has succeeded.
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// Bytes of the message so far.
    pub fn plaintext_len(&self) -> u64 {
        self.sealed * CHUNK as u64 + self.filled as u64
    }

    /// # Errors
    /// STREAM_ENDED, FORKED.
    fn check(&self) -> Result<()> {
        self.state.check()?;
        self.begun.key.check()
    }

    fn position(&self) -> Position {
        Position { first: self.sealed, ..Position::START }
    }

    fn take(&mut self, plaintext: &[u8], out: &mut [u8], work: &Work<'_>) -> Result<()> {
        let (head, mut out) = out.split_at_mut(self.begun.head.len());
        head.copy_from_slice(&self.begun.head);
        let mut rest = plaintext;
        if !out.is_empty() {
            let at = self.position();
            let Encryptor { begun, waiting, filled, .. } = self;
            let bytes = begun.key.with(|lane| {
                let mut at = at;
                if *filled > 0 {
                    let (front, behind) = rest.split_at(CHUNK - *filled);
                    waiting.0[*filled..].copy_from_slice(front);
                    let (chunk, others) = out.split_at_mut(SEALED);
                    chunks::seal_one(&lane.payload, at, 0, &waiting.0[..], chunk);
                    (rest, out, at.first) = (behind, others, at.first + 1);
                }
                let (full, behind) = rest.split_at(rest.len() - rest.len() % CHUNK);
                rest = behind;
                let told = Told { before: at.first * CHUNK as u64, whole: 0 };
                parallel::seal(&lane.payload, at, full, out, work, told)?;
                at.first += (full.len() / CHUNK) as u64;
                Ok(at.first)
            })?;
            begun.uses.add((bytes - self.sealed) * CHUNK as u64);
            (self.sealed, self.filled) = (bytes, 0);
        }
        self.waiting.0[self.filled..self.filled + rest.len()].copy_from_slice(rest);
        self.filled += rest.len();
        self.begun.head.clear();
        Ok(())
    }

    #[cold]
    fn fail(&mut self, error: Error, out: &mut [u8]) -> Error {
        out.fill(0);
        self.state = State::after(&error);
        self.begun.uses.end();
        error
    }
}
