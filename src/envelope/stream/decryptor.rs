//! Decryption of a stream by pushing.

use super::AllowedKeys;
use super::state::State;
use crate::context::Context;
use crate::envelope::begin::{PayloadKey, Unlocked, Uses, begin_open};
use crate::envelope::chunks::{self, CHUNK, MAX_PLAINTEXT, Position, SEALED, TAG};
use crate::envelope::head::{FIXED, Head, Kind, Sizes};
use crate::envelope::parallel::{self, Memory, Told};
use crate::envelope::{DecryptOptions, Opened, Work};
use crate::error::{Error, Result};
use crate::operation::Operation;

/// An envelope that is being opened. Plaintext is given out only of chunks whose tags have verified; that the message has
/// ended is known only when [`Decryptor::finish`] says so. Memory: one chunk (16 KiB) and, until it is read, the head
/// (41,004 bytes at most). One thread at a time uses it.
pub struct Decryptor {
    part: Part,
    state: State,
}

enum Part {
    Head(Beginning),
    Payload(Box<Payload>),
}

/// What is needed until the head is whole.
struct Beginning {
    allowed: AllowedKeys,
    context: Vec<u8>,
    accept_stored_context: bool,
    /// The head's bytes so far.
    head: Vec<u8>,
}

struct Payload {
    key: PayloadKey,
    uses: Uses,
    opened: Opened,
    /// The front of the next chunk, sealed, not full. A full chunk is no message's last, and needs no look at what follows.
    waiting: [u8; SEALED],
    filled: usize,
    /// Chunks opened so far.
    done: u64,
}

impl Decryptor {
    /// Begins to open an envelope. Keys are looked at when the head is whole. Of the options' `work` nothing is used: each
    /// call has its own.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for no keys.
    pub fn new(
        allowed: AllowedKeys,
        context: &Context<'_>,
        options: &DecryptOptions<'_>,
    ) -> Result<Decryptor> {
        if let AllowedKeys::Keys(keys) = &allowed
            && keys.is_empty()
        {
            return Err(Error::InvalidArgument { what: "decryption needs at least one key" });
        }
        let part = Part::Head(Beginning {
            allowed,
            context: context.as_bytes().to_vec(),
            accept_stored_context: options.accept_stored_context,
            head: Vec::new(),
        });
        Ok(Decryptor { part, state: State::Open })
    }

    /// No less than what [`Decryptor::update`] gives for an input of this size.
    pub fn update_size(&self, input: usize) -> usize {
        let waiting = match &self.part {
            // What was taken of the head is no part of a chunk.
            Part::Head(_) => 0,
            Part::Payload(payload) => payload.filled,
        };
        // Less than the input and what waits, which are in memory.
        waiting.saturating_add(input) / SEALED * CHUNK
    }

    /// Takes more of the envelope and gives what has been authenticated of the message: bytes written.
    ///
    /// # Errors
    /// BUFFER_TOO_SMALL (against [`Decryptor::update_size`]) and INVALID_ARGUMENT, with nothing taken and nothing changed.
    /// As [`crate::envelope::decrypt_into`] otherwise; STREAM_ENDED after [`Decryptor::finish`] or a failure; CANCELLED.
    /// All these end the stream, with `out` zeroed; what was given before was authentic, and is the front of a message at
    /// most. FORKED leaves it to the process that made it.
    pub fn update(&mut self, sealed: &[u8], out: &mut [u8], work: &Work<'_>) -> Result<usize> {
        self.check()?;
        work.check()?;
        let most = self.update_size(sealed.len());
        let out = out.get_mut(..most).ok_or(Error::BufferTooSmall { needed: most })?;
        match work.go_on().and_then(|()| self.take(sealed, out, work)) {
            Ok(given) => Ok(given),
            Err(error) => Err(self.fail(error, out)),
        }
    }

    /// No less than what [`Decryptor::finish`] gives: under 16,384.
    pub fn finish_size(&self) -> usize {
        match &self.part {
            Part::Head(_) => 0,
            Part::Payload(payload) => payload.filled.saturating_sub(TAG),
        }
    }

    /// Says that the envelope has ended, and gives the rest of the message: bytes written. Only when this succeeds has
    /// the whole message been read.
    ///
    /// # Errors
    /// AUTH where it was cut off, changed, or appended to; MALFORMED or NOT_AN_ENVELOPE where not even the head was whole;
    /// else as [`Decryptor::update`].
    pub fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        self.check()?;
        let size = self.finish_size();
        let out = out.get_mut(..size).ok_or(Error::BufferTooSmall { needed: size })?;
        let finished = match &mut self.part {
            Part::Head(beginning) => Err(beginning.cut_off()),
            Part::Payload(payload) => payload.finish(out),
        };
        match finished {
            Ok(()) => {
                self.state = State::Finished;
                Ok(size)
            }
            Err(error) => Err(self.fail(error, out)),
        }
    }

    /// What opened it; None until the head has been read. `len` is the bytes of the message given so far.
    pub fn opened(&self) -> Option<&Opened> {
        match &self.part {
            Part::Head(_) => None,
            Part::Payload(payload) => Some(&payload.opened),
        }
    }

    /// Whether the message is whole: [`Decryptor::finish`] has succeeded.
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// # Errors
    /// STREAM_ENDED, FORKED.
    fn check(&self) -> Result<()> {
        self.state.check()?;
        match &self.part {
            Part::Head(_) => Ok(()),
            Part::Payload(payload) => payload.key.check(),
        }
    }

    fn take(&mut self, mut sealed: &[u8], out: &mut [u8], work: &Work<'_>) -> Result<usize> {
        if let Part::Head(beginning) = &mut self.part {
            let (taken, unlocked) = beginning.take(sealed)?;
            let Some(unlocked) = unlocked else { return Ok(0) };
            sealed = &sealed[taken..];
            self.part = Part::Payload(Payload::of(unlocked));
        }
        match &mut self.part {
            Part::Head(_) => Ok(0),
            Part::Payload(payload) => payload.take(sealed, out, work),
        }
    }

    #[cold]
    fn fail(&mut self, error: Error, out: &mut [u8]) -> Error {
        out.fill(0);
        self.state = State::after(&error);
        if let Part::Payload(payload) = &mut self.part {
            payload.uses.failed(&error);
            payload.uses.end();
        }
        error
    }
}

impl Beginning {
    /// Takes what belongs to the head of what comes: how much that is, and the key once the head is whole.
    fn take(&mut self, sealed: &[u8]) -> Result<(usize, Option<Unlocked>)> {
        let before = self.head.len();
        self.fill(sealed, FIXED);
        if self.head.len() < FIXED {
            return Ok((sealed.len(), None));
        }
        let size = match Sizes::parse(&self.head, Some(Kind::Envelope)) {
            // At most 41,004 bytes.
            Ok(sizes) => sizes.head(),
            Err(error) => return Err(self.refuse(error)),
        };
        self.fill(&sealed[self.head.len() - before..], size);
        let taken = self.head.len() - before;
        if self.head.len() < size {
            return Ok((taken, None));
        }
        let context = Context::trusted(&self.context);
        let options =
            DecryptOptions { accept_stored_context: self.accept_stored_context, ..Default::default() };
        let open =
            |allowed: crate::envelope::Allowed<'_>| begin_open(&allowed, &self.head, &context, &options, 0);
        self.allowed.with(open).map(|unlocked| (taken, Some(unlocked)))
    }

    fn fill(&mut self, from: &[u8], to: usize) {
        let missing = to.saturating_sub(self.head.len()).min(from.len());
        self.head.extend_from_slice(&from[..missing]);
    }

    /// The answer to an end within the head.
    fn cut_off(&self) -> Error {
        match Head::parse(&self.head, Some(Kind::Envelope)) {
            Err(error) => self.refuse(error),
            Ok(_) => Error::Internal { what: "a whole head that was not opened" },
        }
    }

    fn refuse(&self, error: Error) -> Error {
        let context = Context::trusted(&self.context);
        let told = |allowed: crate::envelope::Allowed<'_>| {
            allowed.read(Operation::Decrypt, &context, Err::<(), Error>(error.clone()))
        };
        self.allowed.with(told).err().unwrap_or(error.clone())
    }
}

impl Payload {
    fn of(unlocked: Unlocked) -> Box<Payload> {
        let Unlocked { opened, key, uses } = unlocked;
        Box::new(Payload { key, uses, opened, waiting: [0; SEALED], filled: 0, done: 0 })
    }

    fn take(&mut self, sealed: &[u8], out: &mut [u8], work: &Work<'_>) -> Result<usize> {
        let full = (self.filled + sealed.len()) / SEALED;
        let mut rest = sealed;
        let given = full * CHUNK;
        if full > 0 {
            if full as u64 > MAX_PLAINTEXT / CHUNK as u64 - self.done {
                // No message has so many chunks.
                return Err(Error::Auth);
            }
            let mut at = Position { first: self.done, ..Position::START };
            let mut out = &mut out[..given];
            let Payload { key, waiting, filled, .. } = self;
            key.with(|lane| {
                if *filled > 0 {
                    let (front, behind) = rest.split_at(SEALED - *filled);
                    waiting[*filled..].copy_from_slice(front);
                    let (chunk, others) = out.split_at_mut(CHUNK);
                    chunks::open_one(&lane.payload, at, 0, waiting, chunk).map_err(|_| Error::Auth)?;
                    (rest, out, at.first) = (behind, others, at.first + 1);
                }
                let (run, behind) = rest.split_at(rest.len() - rest.len() % SEALED);
                rest = behind;
                let told = Told { before: at.first * CHUNK as u64, whole: 0 };
                parallel::open(&lane.payload, at, (run, Memory::Callers), out, work, told)
            })?;
            self.filled = 0;
            self.gave(full as u64, given);
        }
        self.waiting[self.filled..self.filled + rest.len()].copy_from_slice(rest);
        self.filled += rest.len();
        Ok(given)
    }

    /// Opens the last chunk into exactly its size.
    fn finish(&mut self, out: &mut [u8]) -> Result<()> {
        let at = Position { first: self.done, ..Position::START };
        let last = &self.waiting[..self.filled];
        self.key.with(|lane| chunks::open_one(&lane.payload, at, 0, last, out).map_err(|_| Error::Auth))?;
        self.gave(1, out.len());
        self.uses.end();
        Ok(())
    }

    fn gave(&mut self, chunks: u64, bytes: usize) {
        self.done += chunks;
        self.opened.len = self.opened.len.saturating_add(bytes);
        self.uses.add(bytes as u64);
    }
}
