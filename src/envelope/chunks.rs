//! The payload's chunks: C2SP chunked-encryption with AES-256-GCM, FORMAT.md 6.4.
//!
//! Everything here takes a base nonce and the index of the first chunk, so that a stream or a reader by position
//! can use it for a part of a payload. Envelopes pass a base nonce of zero.

use crate::crypto::{AeadKey, Unauthentic};

/// Plaintext bytes of every chunk but the last.
pub(super) const CHUNK: usize = 16_384;
pub(super) const TAG: usize = 16;
/// A full chunk as it lies in the payload.
pub(super) const SEALED: usize = CHUNK + TAG;
const MAX_CHUNKS: u64 = 1 << 38;
/// The longest message: the last chunk is never full.
pub(super) const MAX_PLAINTEXT: u64 = MAX_CHUNKS * CHUNK as u64 - 1;

/// Where a run of chunks lies in its message.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) base: [u8; 12],
    pub(super) first: u64,
}

impl Position {
    /// The beginning of an envelope's payload.
    pub(super) const START: Position = Position { base: [0; 12], first: 0 };

    /// The nonce of the chunk `k` after the first: base nonce XOR its index as 12 bytes.
    fn nonce(&self, k: usize) -> [u8; 12] {
        let mut nonce = self.base;
        let index = (self.first + k as u64).to_be_bytes();
        for (byte, other) in nonce[4..].iter_mut().zip(index) {
            *byte ^= other;
        }
        nonce
    }
}

/// Size of the payload for a message; None over the format's limit.
pub(super) fn sealed_len(plain: usize) -> Option<usize> {
    if plain as u64 > MAX_PLAINTEXT {
        return None;
    }
    plain.checked_add(TAG * (plain / CHUNK + 1))
}

/// Size of the message in a payload; None for a size that no payload has.
pub(super) fn plain_len(sealed: usize) -> Option<usize> {
    let plain = (sealed / SEALED).checked_mul(CHUNK)? + (sealed % SEALED).checked_sub(TAG)?;
    (plain as u64 <= MAX_PLAINTEXT).then_some(plain)
}

/// The same for a payload that need not fit into memory.
pub(super) fn plain_len_far(sealed: u64) -> Option<u64> {
    let rest = (sealed % SEALED as u64).checked_sub(TAG as u64)?;
    let plain = (sealed / SEALED as u64) * CHUNK as u64 + rest;
    (plain <= MAX_PLAINTEXT).then_some(plain)
}

/// Seals the chunk `k` after the first, out of place.
#[inline]
pub(super) fn seal_one(key: &AeadKey, at: Position, k: usize, plain: &[u8], out: &mut [u8]) {
    key.seal(&at.nonce(k), &[], plain, out);
}

/// Opens the chunk `k` after the first, out of place, from memory that nobody else writes to.
///
/// # Errors
/// [`Unauthentic`], also for less than a tag; `out` is then zero.
#[inline]
pub(super) fn open_one(
    key: &AeadKey,
    at: Position,
    k: usize,
    sealed: &[u8],
    out: &mut [u8],
) -> Result<(), Unauthentic> {
    key.open(&at.nonce(k), &[], sealed, out)
}

/// Opens the chunk `k` after the first by way of a private copy: what its tag is checked of is what is decrypted, whoever
/// else writes to the caller's memory meanwhile.
///
/// # Errors
/// [`Unauthentic`], also for less than a tag; `out` is then zero.
#[inline]
pub(super) fn open_copied(
    key: &AeadKey,
    at: Position,
    k: usize,
    sealed: &[u8],
    private: &mut [u8; SEALED],
    out: &mut [u8],
) -> Result<(), Unauthentic> {
    let private = private.get_mut(..sealed.len()).ok_or(Unauthentic)?;
    private.copy_from_slice(sealed);
    open_one(key, at, k, private, out)
}

/// Seals the chunk `k` after the first where it lies; `buffer` has room for its tag behind it.
#[inline]
pub(super) fn seal_one_in_place(key: &AeadKey, at: Position, k: usize, buffer: &mut [u8]) {
    key.seal_in_place(&at.nonce(k), &[], buffer);
}

/// Opens the chunk `k` after the first where it lies, in memory that nobody else writes to; its message is then in front of
/// its tag's room.
///
/// # Errors
/// [`Unauthentic`], also for less than a tag; `buffer` is then zero.
#[inline]
pub(super) fn open_one_in_place(
    key: &AeadKey,
    at: Position,
    k: usize,
    buffer: &mut [u8],
) -> Result<(), Unauthentic> {
    key.open_in_place(&at.nonce(k), &[], buffer)
}

/// Seals a whole message, out of place. `out` has exactly [`sealed_len`] bytes.
pub(super) fn seal(key: &AeadKey, at: Position, plain: &[u8], out: &mut [u8]) {
    let full = plain.len() / CHUNK;
    for k in 0..=full {
        let message = &plain[k * CHUNK..plain.len().min((k + 1) * CHUNK)];
        key.seal(&at.nonce(k), &[], message, &mut out[k * SEALED..k * SEALED + message.len() + TAG]);
    }
}

/// Opens a whole payload, out of place, each chunk after its tag, whoever else writes to `sealed` meanwhile. `sealed` has a
/// size that [`plain_len`] takes, `out` exactly the size it gives. On failure `out` is all zero.
pub(super) fn open(key: &AeadKey, at: Position, sealed: &[u8], out: &mut [u8]) -> Result<(), Unauthentic> {
    let opened = match sealed.len() <= SEALED {
        // No copy is worth clearing room for.
        true => key.open_once(&at.nonce(0), &[], sealed, out),
        // A copy in room that is warm: one into `out` would have gone past the caches before it is opened there.
        false => {
            let mut private = [0; SEALED];
            sealed.chunks(SEALED).enumerate().try_for_each(|(k, chunk)| {
                let end = k * CHUNK + chunk.len() - TAG;
                open_copied(key, at, k, chunk, &mut private, &mut out[k * CHUNK..end])
            })
        }
    };
    if opened.is_err() {
        out.fill(0);
    }
    opened
}

/// Seals a message that lies in `buffer[from..from + len]`; its payload then begins at `to`, which is at most `from`.
///
/// Chunks grow by their tags, so payload and message move past each other: while the gap still holds the tags so
/// far, chunks move to the front in order; the others are taken from the last to the first. Either way no chunk is
/// written over one that has not been read.
pub(super) fn seal_in_place(
    key: &AeadKey,
    at: Position,
    buffer: &mut [u8],
    from: usize,
    len: usize,
    to: usize,
) {
    let full = len / CHUNK;
    let forward = ((from - to) / TAG).min(full + 1);
    for k in (0..forward).chain((forward..=full).rev()) {
        let source = from + k * CHUNK;
        let size = (len - k * CHUNK).min(CHUNK);
        let target = to + k * SEALED;
        if source != target {
            buffer.copy_within(source..source + size, target);
        }
        key.seal_in_place(&at.nonce(k), &[], &mut buffer[target..target + size + TAG]);
    }
}

/// Opens the payload `buffer[from..]`, whose size [`plain_len`] takes; the message then lies at the front. On failure
/// the whole buffer is zero.
pub(super) fn open_in_place(
    key: &AeadKey,
    at: Position,
    buffer: &mut [u8],
    from: usize,
) -> Result<(), Unauthentic> {
    let chunks = (buffer.len() - from) / SEALED + 1;
    for k in 0..chunks {
        let start = from + k * SEALED;
        let end = buffer.len().min(start + SEALED);
        if let Err(e) = key.open_in_place(&at.nonce(k), &[], &mut buffer[start..end]) {
            buffer.fill(0);
            return Err(e);
        }
        buffer.copy_within(start..end - TAG, k * CHUNK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_length_has_one_payload_length() {
        let mut before = 0;
        for plain in (0..3 * CHUNK + 40).filter(|n| n % CHUNK < 20 || n % CHUNK > CHUNK - 20) {
            let sealed = sealed_len(plain).unwrap();
            assert!(sealed > before);
            assert_eq!(plain_len(sealed), Some(plain));
            assert_eq!(plain_len_far(sealed as u64), Some(plain as u64));
            before = sealed;
        }
        for sealed in (0..16).chain(SEALED..SEALED + 16).chain([2 * SEALED]) {
            assert_eq!(plain_len(sealed), None, "{sealed}");
            assert_eq!(plain_len_far(sealed as u64), None, "{sealed}");
        }
        assert_eq!(sealed_len(usize::MAX), None);
        assert_eq!(plain_len_far(u64::MAX - 100), None);
        assert_eq!(plain_len_far(MAX_CHUNKS * SEALED as u64 - 1), Some(MAX_PLAINTEXT));
        assert_eq!(plain_len_far(MAX_CHUNKS * SEALED as u64 + 16), None);
        assert_eq!(plain_len(usize::MAX - usize::MAX % SEALED - SEALED + 16), None);
    }

    #[test]
    fn nonces_count_from_the_base_by_exclusive_or() {
        let at = Position { base: [0xFF; 12], first: 0x0102_0304_0506_0708 };
        assert_eq!(at.nonce(1), [0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF9, 0xF8, 0xF6]);
        assert_eq!(Position::START.nonce(258), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    }
}
