//! What must hold of envelopes as a whole. Tests of one file's parts are at that file's end.

mod chunks;
mod vectors;

use crate::crypto::Kek;
use crate::error::Result;
use crate::keystore::{KeyId, Version};
use crate::secret::{Key32, OnFork};

/// A version of a key outside any store.
fn version(key_id: KeyId, number: u32, material: &[u8; 32]) -> Version {
    let material = Key32::new_with(OnFork::Wipe, |out| {
        out.copy_from_slice(material);
        Ok(())
    });
    let kek = Kek::new(material.unwrap()).unwrap();
    Version { key_id, version: number, material_id: kek.material_id(), kek: std::sync::Arc::new(kek) }
}

/// Bytes that look random and are the same every time.
fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

fn with_lane<R>(f: impl FnOnce(&mut crate::crypto::Lane) -> R) -> R {
    crate::crypto::with_lane(|lane| Ok(f(lane)) as Result<R>).unwrap()
}
