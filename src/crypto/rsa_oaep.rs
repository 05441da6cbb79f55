//! What stands between an RSA private-key operation and a message: EME-OAEP (RFC 8017, 7.1.2) with SHA-256 for both
//! hashes and no label; and the encoding of a public key that others read (RFC 5280). Only plain RSA is taken from
//! aws-lc, whose own functions for both bring every curve and signature scheme that it knows into what is linked.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::hash::sha256_into;
use crate::secret::wipe;

const HASH: usize = 32;
/// SHA-256 of no bytes: the label's hash.
const NO_LABEL: [u8; HASH] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Takes the padding off an encoded message of the modulus's size, which it overwrites: the message, at its end. Time
/// depends on sizes alone until it is known that the padding is right, and all that is wrong is one answer (Manger's
/// attack needs to tell them apart).
pub(super) fn unpad(encoded: &mut [u8]) -> Option<&[u8]> {
    if encoded.len() < 2 * HASH + 2 {
        return None;
    }
    let (first, masked) = encoded.split_first_mut()?;
    let (seed, data) = masked.split_at_mut(HASH);
    mask(seed, data);
    mask(data, seed);
    let (hash, rest) = data.split_at(HASH);

    let mut right = first.ct_eq(&0) & hash.ct_eq(&NO_LABEL);
    let (mut ended, mut end) = (Choice::from(0), 0_u32);
    for (byte, i) in rest.iter().zip(0_u32..) {
        let one = byte.ct_eq(&1);
        right &= ended | one | byte.ct_eq(&0);
        end.conditional_assign(&i, one & !ended);
        ended |= one;
    }
    right &= ended;
    if bool::from(right) { rest.get(end as usize + 1..) } else { None }
}

/// MGF1 (RFC 8017, B.2.1) of `seed`, mixed into `bytes`.
fn mask(bytes: &mut [u8], seed: &[u8]) {
    let mut block = [0; HASH];
    for (bytes, counter) in bytes.chunks_mut(HASH).zip(0_u32..) {
        sha256_into(&[seed, &counter.to_be_bytes()], &mut block);
        bytes.iter_mut().zip(block).for_each(|(byte, mask)| *byte ^= mask);
    }
    wipe(&mut block);
}

/// SubjectPublicKeyInfo around an RSAPublicKey, both in DER.
pub(super) fn subject_public_key_info(key: &[u8]) -> Vec<u8> {
    // SEQUENCE of rsaEncryption and NULL (RFC 3279, 2.3.1).
    const ALGORITHM: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    element(SEQUENCE, &[&ALGORITHM, &element(BIT_STRING, &[&[0], key])])
}

/// Tag, length in as few bytes as it takes, contents.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let digits = len.to_be_bytes();
    let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
    let mut bytes = vec![tag];
    match len {
        // A length below 128 is its one digit; zero has none above.
        0..0x80 => bytes.push(len as u8),
        _ => {
            bytes.push(0x80 | digits.len() as u8);
            bytes.extend_from_slice(digits);
        }
    }
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An encoded message for a modulus of `size` bytes; `change` sees the data block before it is masked.
    fn encoded(size: usize, message: &[u8], change: impl Fn(&mut [u8])) -> Vec<u8> {
        let mut bytes = vec![0; size];
        let (seed, data) = bytes[1..].split_at_mut(HASH);
        seed.fill(0x77);
        data[..HASH].copy_from_slice(&NO_LABEL);
        let at = data.len() - message.len();
        data[at - 1] = 1;
        data[at..].copy_from_slice(message);
        change(data);
        mask(data, seed);
        mask(seed, data);
        bytes
    }

    #[test]
    fn every_length_of_message_comes_out_and_no_longer_one_fits() {
        let longest = 384 - 2 * HASH - 2;
        for len in [0, 1, 31, 32, 64, longest - 1, longest] {
            let message = vec![1; len];
            assert_eq!(unpad(&mut encoded(384, &message, |_| ())), Some(&message[..]), "{len}");
        }
        assert_eq!(unpad(&mut [0; 2 * HASH + 1]), None);
        assert_eq!(unpad(&mut []), None);
    }

    /// Mutations seen to fail: each of the four conditions of `right` left out.
    #[test]
    fn padding_that_is_wrong_anywhere_is_refused() {
        let message = [0x5a; 32];
        let place = |at: usize| encoded(384, &message, |data| data[at] ^= 2);
        let end = 384 - 1 - HASH - message.len() - 1;
        for at in (0..HASH).chain([HASH, HASH + 1, end - 1, end]) {
            assert_eq!(unpad(&mut place(at)), None, "byte {at} of the data");
        }
        assert!(unpad(&mut place(end + 1)).is_some(), "a byte of the message");
        let mut first = encoded(384, &message, |_| ());
        first[0] = 1;
        assert_eq!(unpad(&mut first), None, "the first byte");
        let none = encoded(384, &[], |data| data[HASH..].fill(0));
        assert_eq!(unpad(&mut none.clone()), None, "a padding without an end");
    }

    #[test]
    fn lengths_take_as_few_bytes_as_they_can() {
        for (len, head) in [
            (0, &[4, 0][..]),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (255, &[4, 0x81, 255]),
            (256, &[4, 0x82, 1, 0]),
        ] {
            let made = element(4, &[&vec![9; len]]);
            assert_eq!(&made[..head.len()], head);
            assert_eq!(made.len(), head.len() + len);
        }
    }
}
