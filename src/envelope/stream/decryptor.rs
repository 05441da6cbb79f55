//! Decryption of a stream by pushing.

use super::AllowedKeys;
use crate::context::Context;
use crate::envelope::{DecryptOptions, Opened, Work};
use crate::error::Result;

/// An envelope that is being opened. Plaintext is given out only of chunks whose tags have verified; that the message has
/// ended is known only when [`Decryptor::finish`] says so. Memory: one chunk (16 KiB) and the head (41,004 bytes at most).
pub struct Decryptor {}

impl Decryptor {
    /// Begins to open an envelope. Keys are looked at when the head is whole.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for no keys.
    pub fn new(
        _allowed: AllowedKeys,
        _context: &Context<'_>,
        _options: &DecryptOptions<'_>,
    ) -> Result<Decryptor> {
        todo!()
    }

    /// No less than what [`Decryptor::update`] gives for an input of this size.
    pub fn update_size(&self, _input: usize) -> usize {
        todo!()
    }

    /// Takes more of the envelope and gives what has been authenticated of the message: bytes written.
    ///
    /// # Errors
    /// BUFFER_TOO_SMALL (against [`Decryptor::update_size`]), with nothing taken and nothing changed. As
    /// [`crate::envelope::decrypt_into`] otherwise; STREAM_ENDED after [`Decryptor::finish`] or a failure; CANCELLED. All these
    /// end the stream, with `out` zeroed; what was given before was authentic, and is the front of a message at most.
    pub fn update(&mut self, _sealed: &[u8], _out: &mut [u8], _work: &Work<'_>) -> Result<usize> {
        todo!()
    }

    /// No less than what [`Decryptor::finish`] gives: under 16,384.
    pub fn finish_size(&self) -> usize {
        todo!()
    }

    /// Says that the envelope has ended, and gives the rest of the message: bytes written. Only when this succeeds has
    /// the whole message been read.
    ///
    /// # Errors
    /// AUTH where it was cut off, changed, or appended to; MALFORMED or NOT_AN_ENVELOPE where not even the head was whole;
    /// else as [`Decryptor::update`].
    pub fn finish(&mut self, _out: &mut [u8]) -> Result<usize> {
        todo!()
    }

    /// What opened it; None until the head has been read. `len` is the bytes of the message given so far.
    pub fn opened(&self) -> Option<&Opened> {
        todo!()
    }

    /// Whether the message is whole: [`Decryptor::finish`] has succeeded.
    pub fn is_finished(&self) -> bool {
        todo!()
    }
}
