use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sha2::block_api::compress256;
use subtle::ConstantTimeEq;

use crate::secret::{scrub_stack, wipe, wipe_words};

const BLOCK: usize = 64;
/// The first 32 bits of the fractional parts of the square roots of the first 8 primes (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256 (FIPS 180-4) of the parts one after another, into `out`, through the block function. Nothing secret is
/// left on the stack.
#[inline(always)]
pub(crate) fn sha256_into(parts: &[&[u8]], out: &mut [u8; 32]) {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    if total <= SHORT { short(parts, total, out) } else { long(parts, out) }
}

/// What fits into two blocks with its padding.
const SHORT: usize = 2 * BLOCK - 9;

/// One call of the block function for short inputs, which those of the data path are. Inlined, so that parts of a known
/// size are put into their place without a call each.
#[inline(always)]
fn short(parts: &[&[u8]], total: usize, out: &mut [u8; 32]) {
    let mut blocks = [[0_u8; BLOCK]; 2];
    let bytes = blocks.as_flattened_mut();
    let mut filled = 0;
    for part in parts {
        bytes[filled..filled + part.len()].copy_from_slice(part);
        filled += part.len();
    }
    bytes[filled] = 0x80;
    let used = if total + 9 > BLOCK { 2 } else { 1 };
    bytes[used * BLOCK - 8..used * BLOCK].copy_from_slice(&(total as u64 * 8).to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, &blocks[..used]);
    finish(&state, out);
    wipe(blocks.as_flattened_mut());
    wipe_words(&mut state);
}

fn finish(state: &[u32; 8], out: &mut [u8; 32]) {
    for (bytes, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
}

fn long(parts: &[&[u8]], out: &mut [u8; 32]) {
    let mut state = INITIAL;
    let mut block = [0_u8; BLOCK];
    let (mut filled, mut total) = (0, 0_u64);
    for part in parts {
        total += part.len() as u64;
        let mut part = *part;
        if filled > 0 {
            let (head, rest) = part.split_at(part.len().min(BLOCK - filled));
            block[filled..filled + head.len()].copy_from_slice(head);
            filled += head.len();
            part = rest;
            if filled < BLOCK {
                continue;
            }
            compress256(&mut state, std::slice::from_ref(&block));
        }
        let (whole, rest) = part.as_chunks::<BLOCK>();
        if !whole.is_empty() {
            compress256(&mut state, whole);
        }
        block[..rest.len()].copy_from_slice(rest);
        filled = rest.len();
    }
    block[filled] = 0x80;
    block[filled + 1..].fill(0);
    if filled + 1 > BLOCK - 8 {
        compress256(&mut state, std::slice::from_ref(&block));
        block.fill(0);
    }
    block[BLOCK - 8..].copy_from_slice(&(total * 8).to_be_bytes());
    compress256(&mut state, std::slice::from_ref(&block));
    finish(&state, out);
    wipe(&mut block);
    wipe_words(&mut state);
}

/// HMAC-SHA-256 (RFC 2104) of the parts one after another. Callers put lengths before contents.
pub(crate) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mac = mac(key, parts);
    scrub_stack::<2048>();
    mac
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of every length.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any key length is valid");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// HKDF-SHA-256 (RFC 5869), extract then expand; `out` up to 8,160 bytes.
pub(crate) fn hkdf_sha256(salt: &[u8], ikm: &[u8], info: &[u8], out: &mut [u8]) {
    expand(salt, ikm, info, out);
    scrub_stack::<2048>();
}

#[inline(never)]
fn expand(salt: &[u8], ikm: &[u8], info: &[u8], out: &mut [u8]) {
    hkdf::Hkdf::<Sha256>::new(Some(salt), ikm)
        .expand(info, out)
        // Every caller asks for a fixed length far below the limit.
        .expect("HKDF-SHA-256 gives at most 8,160 bytes");
}

/// Whether two byte strings are equal, in time that depends on their lengths only. Differences are gathered word by
/// word, and `subtle` judges them.
pub(crate) fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut difference = 0_u64;
    for (a, b) in a_words.iter().zip(b_words) {
        difference |= u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b);
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        difference |= u64::from(a ^ b);
    }
    difference.ct_eq(&0).into()
}

#[cfg(test)]
#[path = "hash_tests.rs"]
mod tests;
