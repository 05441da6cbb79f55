//! Which bytes of an envelope hold a range of its message.

use crate::error::Result;

/// Bytes of an envelope: whole chunks, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CiphertextRange {
    /// Where they begin in the envelope.
    pub offset: u64,
    /// How many.
    pub len: u64,
}

/// The bytes of an envelope of `envelope_len` bytes that must be fetched to read `len` bytes of its message from `offset`
/// on: for an HTTP range request. `head` is its first bytes, 44 at least. A range that reaches beyond the message's end ends with the
/// last chunk, and one that lies beyond it is the last chunk, since only that tells where the end is. No keys are needed and
/// nothing is authenticated.
///
/// # Errors
/// NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED; AUTH for a length that no envelope has.
pub fn ciphertext_range(
    _head: &[u8],
    _envelope_len: u64,
    _offset: u64,
    _len: u64,
) -> Result<CiphertextRange> {
    todo!()
}
