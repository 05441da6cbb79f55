//! The key derivation of XAES-256-GCM (C2SP, version 1: NIST SP 800-108r1 counter mode over CMAC), and the material
//! id that FORMAT.md takes from the same key.

use aes::Aes256Enc;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};

use crate::secret::{scrub_stack, wipe};

/// Bytes of a nonce that choose the derived key.
pub(super) const PREFIX_SIZE: usize = 12;
pub(super) type Prefix = [u8; PREFIX_SIZE];

/// The key for nonces that begin with `prefix`, into `out`: two CMAC calls of one block, label "X".
pub(super) fn derive_into(key: &[u8; 32], prefix: &Prefix, out: &mut [u8; 32]) {
    let (first, second) = out.split_at_mut(16);
    prf(key, &[message(1, b'X', prefix), message(2, b'X', prefix)], [first, second]);
    scrub_stack::<2048>();
}

/// First 8 bytes of AES-256(key, M ⊕ K1), M = 0x0001 ‖ "I" ‖ 0x00 ‖ "keyfold-kek1" (FORMAT.md "Cell type 0x01").
pub(super) fn material_id(key: &[u8; 32]) -> [u8; 8] {
    let mut id = [0; 8];
    prf(key, &[message(1, b'I', b"keyfold-kek1")], [&mut id]);
    scrub_stack::<2048>();
    id
}

fn message(counter: u8, label: u8, context: &[u8; 12]) -> [u8; 16] {
    let mut m = [0; 16];
    m[..4].copy_from_slice(&[0, counter, label, 0]);
    m[4..].copy_from_slice(context);
    m
}

/// CMAC (NIST SP 800-38B) of messages of exactly one block: AES(M ⊕ K1); the first bytes of each go to `outs`.
#[inline(never)]
fn prf<const N: usize>(key: &[u8; 32], messages: &[[u8; 16]; N], outs: [&mut [u8]; N]) {
    let cipher = Aes256Enc::new(key.into());
    let mut k1 = Block::<Aes256Enc>::default();
    cipher.encrypt_block(&mut k1);
    double(&mut k1.0);
    for (message, out) in messages.iter().zip(outs) {
        let mut block = Block::<Aes256Enc>::default();
        for ((b, m), k) in block.iter_mut().zip(message).zip(&k1.0) {
            *b = m ^ k;
        }
        cipher.encrypt_block(&mut block);
        out.copy_from_slice(&block[..out.len()]);
        wipe(&mut block);
    }
    wipe(&mut k1);
}

/// Doubling in GF(2^128), without a branch on the secret bit.
fn double(block: &mut [u8; 16]) {
    let value = u128::from_be_bytes(*block);
    *block = ((value << 1) ^ (0x87 * (value >> 127))).to_be_bytes();
}
