//! Encryption of a stream by pushing: update as often as wanted, then finish.

use crate::context::Context;
use crate::envelope::{EncryptOptions, StoredContext, Work};
use crate::error::Result;
use crate::keystore::{Key, SealingKey};

/// An envelope that is being made. The bytes that come out do not depend on how the input is split. Memory: one chunk
/// (16 KiB) and the head.
pub struct Encryptor {}

impl Encryptor {
    /// Begins an envelope under one or more keys. The keys are used here, and not needed afterwards: a stream goes on
    /// when its key is disabled meanwhile.
    ///
    /// # Errors
    /// As [`crate::envelope::encrypt_into`], without those of sizes.
    pub fn new(
        _keys: &[&Key],
        _context: &Context<'_>,
        _stored: &StoredContext<'_>,
        _options: &EncryptOptions<'_>,
    ) -> Result<Encryptor> {
        todo!()
    }

    /// As [`Encryptor::new`], to the public halves of sealing keys, without a store.
    ///
    /// # Errors
    /// As [`crate::envelope::seal_into`], without those of sizes.
    pub fn to_public(
        _keys: &[&SealingKey],
        _context: &Context<'_>,
        _stored: &StoredContext<'_>,
    ) -> Result<Encryptor> {
        todo!()
    }

    /// Exactly how many bytes [`Encryptor::update`] gives for an input of this size, the head among them at first.
    ///
    /// # Errors
    /// TOO_LARGE, where the message would become longer than the format allows.
    pub fn update_size(&self, _input: usize) -> Result<usize> {
        todo!()
    }

    /// Takes more of the message and gives what is ready of the envelope: bytes written.
    ///
    /// # Errors
    /// BUFFER_TOO_SMALL, with nothing taken and nothing changed; TOO_LARGE likewise; STREAM_ENDED after
    /// [`Encryptor::finish`] or a failure; FORKED; CANCELLED, which ends the stream, with `out` zeroed.
    pub fn update(&mut self, _plaintext: &[u8], _out: &mut [u8], _work: &Work<'_>) -> Result<usize> {
        todo!()
    }

    /// Exactly how many bytes [`Encryptor::finish`] gives.
    pub fn finish_size(&self) -> usize {
        todo!()
    }

    /// Gives the rest of the envelope, and ends the stream: bytes written. What was given before is worth nothing without it.
    ///
    /// # Errors
    /// As [`Encryptor::update`].
    pub fn finish(&mut self, _out: &mut [u8]) -> Result<usize> {
        todo!()
    }

    /// Whether the envelope is whole: [`Encryptor::finish`] has succeeded.
    pub fn is_finished(&self) -> bool {
        todo!()
    }

    /// Bytes of the message so far.
    pub fn plaintext_len(&self) -> u64 {
        todo!()
    }
}
