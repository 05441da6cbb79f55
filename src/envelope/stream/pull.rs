//! Streams by pulling: what is read comes from a source, sealed or opened.

use super::{Decryptor, Encryptor};
use crate::envelope::{Opened, Work};
use crate::error::Result;

/// Where a pulled stream's input comes from.
pub trait Source {
    /// Reads some bytes into the front of `into`; 0 only at the end. May be short.
    ///
    /// # Errors
    /// CALLBACK_FAILED or IO; ends the stream.
    fn read(&mut self, into: &mut [u8]) -> Result<usize>;
}

/// A stream that is read. Memory: 1 MiB of input, and one chunk.
pub struct Pull<S> {
    _source: S,
}

impl<S: Source> Pull<S> {
    /// Reads an envelope of what the source gives.
    pub fn encrypting(_stream: Encryptor, _source: S) -> Pull<S> {
        todo!()
    }

    /// Reads the message of an envelope that the source gives.
    pub fn decrypting(_stream: Decryptor, _source: S) -> Pull<S> {
        todo!()
    }

    /// Reads into the front of `out`: bytes written. 0 says that the end was reached and, decrypting, that it is authentic; it
    /// is never said of a message that was cut off. Fills `out` unless the end comes first.
    ///
    /// # Errors
    /// As `update` and `finish` of the stream, and the source's. The same error is answered by every later call.
    pub fn read(&mut self, _out: &mut [u8], _work: &Work<'_>) -> Result<usize> {
        todo!()
    }

    /// What opened it; None when encrypting, or until the head has been read.
    pub fn opened(&self) -> Option<&Opened> {
        todo!()
    }

    /// Whether the end was reached.
    pub fn is_finished(&self) -> bool {
        todo!()
    }
}
