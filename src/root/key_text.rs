//! The text of a key file: one line, 88 bytes and a line feed.
//!
//! ```text
//! keyfold-root-1:<64 hexadecimal digits>:<8 hexadecimal digits>
//! ```
//!
//! The first digits are 32 random bytes; the last are the first 4 bytes of SHA-256("keyfold root file 1" ‖ those 32
//! bytes), so a damaged file is told from another store's file. Lower case only; the line feed may be missing. The
//! digits are turned into bytes and back without branching or indexing on them.

use crate::crypto::{ct_eq, sha256_into};

const PREFIX: &[u8; 15] = b"keyfold-root-1:";
const LABEL: &[u8] = b"keyfold root file 1";
const HEX_AT: usize = PREFIX.len();
const SUM_AT: usize = HEX_AT + 64 + 1;
/// Bytes of the text with its line feed.
pub(super) const SIZE: usize = SUM_AT + 8 + 1;

/// Writes the text of `key`.
pub(super) fn write(key: &[u8; 32], out: &mut [u8; SIZE]) {
    out[..HEX_AT].copy_from_slice(PREFIX);
    for (pair, byte) in out[HEX_AT..].chunks_exact_mut(2).zip(key) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out[SUM_AT - 1] = b':';
    for (pair, byte) in out[SUM_AT..].chunks_exact_mut(2).zip(checksum(key)) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out[SIZE - 1] = b'\n';
}

/// Reads a whole file into `key`; says why it cannot.
pub(super) fn read(text: &[u8], key: &mut [u8; 32]) -> Result<(), &'static str> {
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    if !line.starts_with(PREFIX) {
        return Err("this is not a Keyfold root key file");
    }
    if line.len() != SIZE - 1 || line[SUM_AT - 1] != b':' {
        return Err("the key file is damaged: it is cut or has something added; restore it from its backup");
    }
    let mut bad = hex(&line[HEX_AT..SUM_AT - 1], key);
    let mut sum = [0u8; 4];
    bad |= hex(&line[SUM_AT..], &mut sum);
    if bad != 0 || !ct_eq(&sum, &checksum(key)) {
        return Err("the key file is damaged: its checksum does not agree; restore it from its backup");
    }
    Ok(())
}

fn checksum(key: &[u8; 32]) -> [u8; 4] {
    let mut hash = [0u8; 32];
    sha256_into(&[LABEL, key], &mut hash);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// `0..16` as a lower-case digit, without a branch: 39 is the gap from `9 + 1` to `a`.
fn digit(nibble: u8) -> u8 {
    let letter = 9u8.wrapping_sub(nibble) >> 7; // 1 for 10..16
    b'0' + nibble + letter * 39
}

/// Digits into bytes; not zero if one of them is no lower-case hexadecimal digit.
fn hex(digits: &[u8], out: &mut [u8]) -> u16 {
    let mut bad = 0;
    for (pair, byte) in digits.chunks_exact(2).zip(out) {
        let (high, low) = (nibble(pair[0]), nibble(pair[1]));
        bad |= (high | low) >> 8;
        *byte = (high << 4 | low & 15) as u8;
    }
    bad
}

/// A digit's value, or 0xFF00 and more for everything else; differences and masks, no table, no branch.
fn nibble(c: u8) -> u16 {
    // All ones where `c` lies in `low..=high`.
    let within = |low: u8, high: u8| {
        let outside =
            (u16::from(c).wrapping_sub(u16::from(low)) | u16::from(high).wrapping_sub(u16::from(c))) >> 15;
        outside.wrapping_sub(1)
    };
    let (number, letter) = (within(b'0', b'9'), within(b'a', b'f'));
    let c = u16::from(c);
    (number & c.wrapping_sub(u16::from(b'0')))
        | (letter & c.wrapping_sub(u16::from(b'a') - 10))
        | (!(number | letter) & 0xFF00)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_value_is_a_digit_or_refused() {
        for c in 0..=255u8 {
            match c {
                b'0'..=b'9' => assert_eq!(nibble(c), u16::from(c - b'0')),
                b'a'..=b'f' => assert_eq!(nibble(c), u16::from(c - b'a' + 10)),
                _ => assert_eq!(nibble(c), 0xFF00, "{c}"),
            }
        }
        for n in 0..16u8 {
            assert_eq!(char::from(digit(n)), char::from_digit(u32::from(n), 16).unwrap());
        }
    }

    #[test]
    fn a_key_survives_its_text_with_and_without_the_line_feed() {
        let key: [u8; 32] = std::array::from_fn(|i| (i * 37 + 5) as u8);
        let mut text = [0; SIZE];
        write(&key, &mut text);
        for text in [&text[..], &text[..SIZE - 1]] {
            let mut back = [0; 32];
            assert_eq!(read(text, &mut back), Ok(()));
            assert_eq!(back, key);
        }
    }

    // Seen to fail when the checksum comparison is taken out.
    #[test]
    fn every_changed_byte_and_every_cut_is_damage() {
        let mut text = [0; SIZE];
        write(&[0xA5; 32], &mut text);
        let mut key = [0; 32];
        for i in 0..SIZE - 1 {
            for change in [1, 2, 0x20, 0x80] {
                let mut changed = text;
                changed[i] ^= change;
                assert!(read(&changed, &mut key).is_err(), "byte {i} ^ {change}");
            }
            assert!(read(&text[..i], &mut key).is_err(), "cut at {i}");
        }
        assert!(read(&[&text[..], b"\n"].concat(), &mut key).is_err());
        assert!(read(&[b" ", &text[..]].concat(), &mut key).is_err());
    }
}
