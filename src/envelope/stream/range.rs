//! Which bytes of an envelope hold a range of its message.

use crate::envelope::chunks::{CHUNK, SEALED, plain_len_far};
use crate::envelope::head::{Kind, Sizes};
use crate::error::{Error, Result};

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
/// last chunk, and one that lies beyond it is the last chunk, since only that tells where the end is. Of no bytes there is
/// nothing to fetch. No keys are needed and nothing is authenticated.
///
/// # Errors
/// NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED; AUTH for a length that no envelope has.
pub fn ciphertext_range(head: &[u8], envelope_len: u64, offset: u64, len: u64) -> Result<CiphertextRange> {
    let head = Sizes::parse(head, Some(Kind::Envelope))?.head() as u64;
    let layout = Layout::of(head, envelope_len)?;
    let first = layout.chunk_of(offset);
    let from = layout.chunk_at(first);
    match offset.saturating_add(len).checked_sub(1).filter(|_| len > 0) {
        None => Ok(CiphertextRange { offset: from, len: 0 }),
        Some(end) => Ok(CiphertextRange { offset: from, len: layout.chunk_end(layout.chunk_of(end)) - from }),
    }
}

/// Where the chunks of an envelope lie, if its size is what it should be: nothing of it is authenticated.
#[derive(Clone, Copy)]
pub(in crate::envelope) struct Layout {
    head: u64,
    whole: u64,
    /// Bytes of the message.
    pub(in crate::envelope) plain: u64,
}

impl Layout {
    /// # Errors
    /// MALFORMED for a head that is cut off, AUTH for a length that no envelope has.
    pub(in crate::envelope) fn of(head: u64, whole: u64) -> Result<Layout> {
        let payload = whole.checked_sub(head).ok_or(Error::Malformed { why: "it is cut off" })?;
        let plain = plain_len_far(payload).ok_or(Error::Auth)?;
        Ok(Layout { head, whole, plain })
    }

    /// The number of the last chunk: the one that is not full.
    pub(in crate::envelope) fn last(&self) -> u64 {
        self.plain / CHUNK as u64
    }

    /// The chunk that holds a byte of the message; the last for what lies beyond.
    pub(super) fn chunk_of(&self, offset: u64) -> u64 {
        (offset / CHUNK as u64).min(self.last())
    }

    /// Where a chunk begins.
    pub(in crate::envelope) fn chunk_at(&self, chunk: u64) -> u64 {
        self.head + chunk * SEALED as u64
    }

    /// Where it ends.
    pub(in crate::envelope) fn chunk_end(&self, chunk: u64) -> u64 {
        match chunk == self.last() {
            true => self.whole,
            false => self.chunk_at(chunk + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::envelope::chunks::sealed_len;
    use crate::error::Status;

    fn head() -> Vec<u8> {
        let mut head = vec![0; 44];
        crate::envelope::head::write_preamble(&mut head, Kind::Envelope, 0, 104);
        head
    }

    fn range(plain: usize, offset: u64, len: u64) -> (u64, u64) {
        let whole = 148 + sealed_len(plain).unwrap() as u64;
        let range = ciphertext_range(&head(), whole, offset, len).unwrap();
        (range.offset - 148, range.len)
    }

    #[test]
    fn ranges_are_whole_chunks_and_beyond_the_end_the_last_one() {
        let (chunk, sealed) = (CHUNK as u64, SEALED as u64);
        assert_eq!(range(0, 0, 1), (0, 16));
        assert_eq!(range(100, 0, 100), (0, 116));
        assert_eq!(range(100, 1 << 60, u64::MAX), (0, 116));
        assert_eq!(range(3 * CHUNK, 0, 1), (0, sealed));
        assert_eq!(range(3 * CHUNK, chunk - 1, 2), (0, 2 * sealed));
        assert_eq!(range(3 * CHUNK, chunk, chunk), (sealed, sealed));
        // Up to the end: the empty last chunk is not needed. A byte further it is.
        assert_eq!(range(3 * CHUNK, 2 * chunk, chunk), (2 * sealed, sealed));
        assert_eq!(range(3 * CHUNK, 2 * chunk, chunk + 1), (2 * sealed, sealed + 16));
        assert_eq!(range(3 * CHUNK, 3 * chunk, 1), (3 * sealed, 16));
        assert_eq!(range(3 * CHUNK, 5, 0).1, 0);
        let status = |head: &[u8], whole| ciphertext_range(head, whole, 0, 1).unwrap_err().status();
        assert_eq!(status(&head()[..43], 1000), Status::Malformed);
        assert_eq!(status(&head(), 147), Status::Malformed);
        assert_eq!(status(&head(), 148), Status::Auth);
        assert_eq!(status(&head(), 148 + sealed), Status::Auth);
        assert_eq!(status(b"nonsense, and long enough to be looked at as one", 1000), Status::NotAnEnvelope);
        assert_eq!(status(&head(), u64::MAX), Status::Auth);
    }

    proptest! {
        /// Meant to fail with: the end rounded down to a chunk's beginning.
        #[test]
        fn a_range_holds_its_bytes_and_no_chunk_more(
            plain in 0usize..100_000, offset in 0u64..120_000, len in 1u64..120_000,
        ) {
            let (from, size) = range(plain, offset, len);
            let payload = sealed_len(plain).unwrap() as u64;
            let first = (offset / CHUNK as u64).min(plain as u64 / CHUNK as u64);
            let last = ((offset + len - 1) / CHUNK as u64).min(plain as u64 / CHUNK as u64);
            prop_assert_eq!(from, first * SEALED as u64);
            prop_assert_eq!(from + size, ((last + 1) * SEALED as u64).min(payload));
        }
    }
}
