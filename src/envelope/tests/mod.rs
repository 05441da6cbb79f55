//! What must hold of envelopes as a whole. Tests of one file's parts are at that file's end.

mod attacks;
mod chunks;
mod cobblestone;
mod files;
mod opening;
mod pulling;
mod pushing;
mod reading;
mod reading_at;
mod reencrypting;
mod rewrapping;
mod sealing;
mod tampering;
mod torn;
mod vectors;
mod vectors_open;

use super::{
    Allowed, Context, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, decrypted_size,
    encrypt_into, encrypted_size,
};
use crate::crypto::Kek;
use crate::error::Result;
use crate::keystore::{CreateKey, Key, KeyId, KeyName, KeyPolicy, Store, Version};
use crate::secret::{Key32, OnFork};

/// A version of a key outside any store.
fn version(key_id: KeyId, number: u32, material: &[u8; 32]) -> Version {
    let material = Key32::new_with(OnFork::Wipe, |out| {
        out.copy_from_slice(material);
        Ok(())
    });
    let kek = Kek::new(material.unwrap()).unwrap();
    Version {
        key_id,
        version: number,
        material_id: kek.material_id(),
        material: crate::keystore::Material::Kek(std::sync::Arc::new(kek)),
        usage: Default::default(),
        seals: true,
    }
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

/// A store in memory and a key of it.
fn store_and_key() -> (Store, Key) {
    let store = Store::in_memory().unwrap();
    let key = new_key(&store);
    (store, key)
}

fn new_key(store: &Store) -> Key {
    let policy = KeyPolicy { on_demand_limit: Some(10_000), ..KeyPolicy::default() };
    let made = store.create_key(&CreateKey { policy, ..CreateKey::default() }).unwrap();
    let key = store.key(&KeyName::Id(made.key_id)).unwrap();
    // What the trail writes at first use draws random bytes too, which are no test's own.
    key.peek(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap();
    key
}

const CARD: &[(&str, &str)] = &[("column", "pan"), ("table", "cards")];

fn pack(pairs: &[(&str, &str)]) -> Vec<u8> {
    Context::pack(pairs).unwrap()
}

fn context(packed: &[u8]) -> Context<'_> {
    Context::unpack(packed).unwrap()
}

fn encrypt_with(
    keys: &[&Key],
    plain: &[u8],
    pairs: &[(&str, &str)],
    stored: StoredContext<'_>,
    free_cells: u8,
) -> Vec<u8> {
    let packed = pack(pairs);
    let context = context(&packed);
    let options = EncryptOptions { free_cells, ..Default::default() };
    let stored_len = stored.size(&context).unwrap();
    let mut out = vec![0xA5; encrypted_size(plain.len(), keys.len(), stored_len, &options).unwrap()];
    let len = encrypt_into(keys, plain, &context, &stored, &options, &mut out).unwrap();
    assert_eq!(len, out.len());
    out
}

fn encrypt(keys: &[&Key], plain: &[u8]) -> Vec<u8> {
    encrypt_with(keys, plain, CARD, StoredContext::None, 0)
}

/// Opens with the right sizes; on failure asserts that the output, which was full of 0xA5, is all zero.
fn decrypt_with(
    allowed: Allowed<'_>,
    envelope: &[u8],
    pairs: &[(&str, &str)],
    accept_stored_context: bool,
) -> Result<Vec<u8>> {
    let packed = pack(pairs);
    // Where the size cannot be told, room for whatever might be written.
    let mut out = vec![0xA5; decrypted_size(envelope).unwrap_or(envelope.len())];
    let options = DecryptOptions { accept_stored_context, ..Default::default() };
    match decrypt_into(allowed, envelope, &context(&packed), &options, &mut out) {
        Ok(opened) => {
            assert_eq!(opened.len, out.len());
            Ok(out)
        }
        Err(e) => {
            assert!(out.iter().all(|byte| *byte == 0), "output after {e:?}");
            Err(e)
        }
    }
}

fn decrypt(key: &Key, envelope: &[u8]) -> Result<Vec<u8>> {
    decrypt_with(Allowed::Keys(&[key]), envelope, CARD, false)
}
