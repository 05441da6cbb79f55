//! Exact sizes, computed before anything else happens. All arithmetic is checked: lengths come from callers.

use super::cells::{CELL, MAX_CELLS, cell_of, key_cell, sealed_cell};
use super::head::{FIXED, Head, Sizes};
use super::open::Sealed;
use super::{DEK, EncryptOptions, MAX_AREA, MAX_DATA_KEY, MIN_DATA_KEY, chunks};
use crate::error::{Error, Result};
use crate::keystore::{Key, SealingKey};

/// The most free cells a caller may ask for.
const MAX_FREE: u8 = 8;

/// Size of the head (fixed part, stored context, cells) for so many symmetric keys; for keys of any kind,
/// [`head_size_under`].
///
/// # Errors
/// INVALID_ARGUMENT for no key, LIMIT_EXCEEDED for over 32 cells, free ones among them.
#[inline]
pub fn head_size(keys: usize, stored_len: usize, options: &EncryptOptions<'_>) -> Result<usize> {
    if options.free_cells > MAX_FREE {
        return Err(Error::LimitExceeded { what: "the number of free cells", limit: MAX_FREE.into() });
    }
    let cells = cells(keys, options.free_cells.into())?;
    Ok(FIXED + stored_len + cells * CELL)
}

/// Exact size of the envelope for a message of this length under so many symmetric keys: 44 + stored context + cells +
/// 16 a chunk. For keys of any kind, [`encrypted_size_under`].
///
/// # Errors
/// As [`head_size`], and TOO_LARGE for a message that the format or the address space cannot hold.
#[inline]
pub fn encrypted_size(
    plaintext_len: usize,
    keys: usize,
    stored_len: usize,
    options: &EncryptOptions<'_>,
) -> Result<usize> {
    with_payload(head_size(keys, stored_len, options)?, plaintext_len)
}

/// The size of a head and its payload.
pub(super) fn with_payload(head: usize, plaintext_len: usize) -> Result<usize> {
    chunks::sealed_len(plaintext_len)
        .and_then(|payload| payload.checked_add(head))
        .ok_or(Error::TooLarge { what: "the message", limit: chunks::MAX_PLAINTEXT })
}

/// As [`head_size`], under these keys: a sealing key's cell has 114 bytes (X25519) or 1,202 (X-Wing) instead of 104.
///
/// # Errors
/// As [`head_size`], and LIMIT_EXCEEDED for cells of over 32,768 bytes together.
#[inline]
pub fn head_size_under(keys: &[&Key], stored_len: usize, options: &EncryptOptions<'_>) -> Result<usize> {
    // The cells of symmetric keys; what others have beyond that comes on top.
    let least = head_size(keys.len(), stored_len, options)?;
    let more = keys.iter().map(|key| cell_of(key.spec(), DEK) - CELL).sum::<usize>();
    within_area(least + more, stored_len)
}

/// As [`encrypted_size`], under these keys.
///
/// # Errors
/// As [`head_size_under`], and TOO_LARGE.
#[inline]
pub fn encrypted_size_under(
    keys: &[&Key],
    plaintext_len: usize,
    stored_len: usize,
    options: &EncryptOptions<'_>,
) -> Result<usize> {
    with_payload(head_size_under(keys, stored_len, options)?, plaintext_len)
}

/// Size of a head of sealed cells alone.
pub(super) fn sealed_head_size(keys: &[&SealingKey], stored_len: usize) -> Result<usize> {
    cells(keys.len(), 0)?;
    let area = keys.iter().map(|key| sealed_cell(key.kem(), DEK)).sum::<usize>();
    within_area(FIXED + stored_len + area, stored_len)
}

fn within_area(head: usize, stored_len: usize) -> Result<usize> {
    match head - FIXED - stored_len > MAX_AREA {
        true => Err(Error::LimitExceeded { what: "the cells' bytes together", limit: MAX_AREA as u64 }),
        false => Ok(head),
    }
}

/// As [`data_key_blob_size`], under these keys.
///
/// # Errors
/// As [`data_key_blob_size`].
pub fn data_key_blob_size_under(keys: &[&Key], size: usize, stored_len: usize) -> Result<usize> {
    let least = data_key_blob_size(size, keys.len(), stored_len)?;
    let more = keys.iter().map(|key| cell_of(key.spec(), size) - key_cell(size)).sum::<usize>();
    within_area(least + more, stored_len)
}

/// Exact plaintext size of an envelope, from its head and length, without a key. Not authenticated.
///
/// # Errors
/// As for decryption, and AUTH for a length that no envelope has.
pub fn decrypted_size(envelope: &[u8]) -> Result<usize> {
    Sealed::read(envelope).map(|sealed| sealed.plain_len())
}

/// How much of an envelope or blob is head, from its first 44 bytes, so that a reader of a file knows how much to
/// read: at most 41,004 bytes. Not authenticated.
pub fn head_len(first_bytes: &[u8]) -> Result<usize> {
    Ok(Sizes::parse(first_bytes, None)?.head())
}

/// Exact size of a data key blob under so many symmetric keys.
///
/// # Errors
/// INVALID_ARGUMENT for a data key of under 16 or over 1,024 bytes or no key, LIMIT_EXCEEDED for cells that do not
/// fit their area (at 1,024 bytes: over 29).
pub fn data_key_blob_size(size: usize, keys: usize, stored_len: usize) -> Result<usize> {
    if !(MIN_DATA_KEY..=MAX_DATA_KEY).contains(&size) {
        return Err(Error::InvalidArgument { what: "a data key has 16 to 1,024 bytes" });
    }
    let area = cells(keys, 0)? * key_cell(size);
    if area > MAX_AREA {
        return Err(Error::LimitExceeded {
            what: "the number of keys of a data key this large",
            limit: (MAX_AREA / key_cell(size)) as u64,
        });
    }
    Ok(FIXED + stored_len + area)
}

/// Size of the data key in a blob, from its head. Not authenticated.
pub fn data_key_size(blob: &[u8]) -> Result<usize> {
    Head::parse_blob(blob)?.dek.ok_or(Error::NoUsableCell)
}

fn cells(keys: usize, free: usize) -> Result<usize> {
    if keys == 0 {
        return Err(Error::InvalidArgument { what: "encryption needs at least one key" });
    }
    match keys.checked_add(free) {
        Some(cells) if cells <= MAX_CELLS => Ok(cells),
        _ => Err(Error::LimitExceeded { what: "the number of cells", limit: MAX_CELLS as u64 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_format() {
        let options = EncryptOptions::default();
        assert_eq!(encrypted_size(0, 1, 0, &options), Ok(164));
        assert_eq!(encrypted_size(100, 1, 0, &options), Ok(264));
        assert_eq!(encrypted_size(16_383, 1, 0, &options), Ok(16_547));
        assert_eq!(encrypted_size(16_384, 1, 0, &options), Ok(148 + 16_400 + 16));
        assert_eq!(
            encrypted_size(40_000, 3, 37, &EncryptOptions { free_cells: 1, ..Default::default() }),
            Ok(44 + 37 + 416 + 40_048)
        );
        assert_eq!(data_key_blob_size(16, 1, 0), Ok(132));
        assert_eq!(data_key_blob_size(1024, 29, 0), Ok(44 + 29 * 1096));
    }

    #[test]
    fn limits_are_errors_and_nothing_overflows() {
        let options = EncryptOptions::default();
        assert!(encrypted_size(0, 0, 0, &options).is_err());
        assert!(encrypted_size(0, 33, 0, &options).is_err());
        assert!(encrypted_size(0, 32, 0, &EncryptOptions { free_cells: 1, ..Default::default() }).is_err());
        assert!(encrypted_size(0, 1, 0, &EncryptOptions { free_cells: 9, ..Default::default() }).is_err());
        assert!(
            encrypted_size(0, usize::MAX, 0, &EncryptOptions { free_cells: 8, ..Default::default() })
                .is_err()
        );
        assert!(encrypted_size((1 << 52) - 1, 1, 0, &options).is_ok());
        for len in [1 << 52, usize::MAX, usize::MAX - 16] {
            assert!(matches!(encrypted_size(len, 1, 0, &options), Err(Error::TooLarge { .. })), "{len}");
        }
        assert!(data_key_blob_size(15, 1, 0).is_err());
        assert!(data_key_blob_size(1025, 1, 0).is_err());
        assert!(data_key_blob_size(1024, 30, 0).is_err());
    }
}
