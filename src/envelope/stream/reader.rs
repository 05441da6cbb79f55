//! Random access: any range of a message, touching only the chunks that hold it.

use super::AllowedKeys;
use crate::context::Context;
use crate::envelope::{DecryptOptions, Opened, Work};
use crate::error::Result;

/// An envelope that can be read at any place, from many threads at once: a file, or an object in a store far away.
pub trait ReadAt: Send + Sync {
    /// Its size in bytes. Asked once.
    ///
    /// # Errors
    /// CALLBACK_FAILED or IO.
    fn size(&self) -> Result<u64>;

    /// Reads into the front of `into` from an offset on; less than asked only at the end.
    ///
    /// # Errors
    /// CALLBACK_FAILED or IO.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize>;
}

/// A message that is read at any place. Any number of threads may use one at once. Memory: the chunks of the calls under
/// way, 1 MiB each at most, and the last chunk read.
pub struct Reader {}

impl Reader {
    /// Reads the head and opens it. The payload is not looked at.
    ///
    /// # Errors
    /// As [`crate::envelope::decrypt_into`], and the source's.
    pub fn open(
        _allowed: &AllowedKeys,
        _source: Box<dyn ReadAt>,
        _context: &Context<'_>,
        _options: &DecryptOptions<'_>,
    ) -> Result<Reader> {
        todo!()
    }

    /// Bytes of the message. Authenticates the last chunk first, once: before that no length can be trusted.
    ///
    /// # Errors
    /// AUTH, FORKED, and the source's.
    pub fn len(&self) -> Result<u64> {
        todo!()
    }

    /// Reads the message from `offset` on into the front of `out`: bytes read. Less than `out` holds only where the message
    /// ends there, and then the last chunk has been authenticated; beyond the end 0.
    ///
    /// # Errors
    /// AUTH for any chunk of the range that is not authentic, FORKED, CANCELLED, and the source's; `out` is then zeroed. The
    /// reader stays usable.
    pub fn pread(&self, _offset: u64, _out: &mut [u8], _work: &Work<'_>) -> Result<usize> {
        todo!()
    }

    /// What opened it; `len` is 0 until [`Reader::len`] has been asked.
    pub fn opened(&self) -> &Opened {
        todo!()
    }
}
