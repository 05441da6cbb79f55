//! Changed, cut, extended and mixed data: refused, with nothing in the output.

use proptest::prelude::*;

use super::super::{
    Allowed, DecryptOptions, EncryptOptions, StoredContext, data_key_blob_size, decrypt_data_key_into,
    decrypt_in_place, decrypt_into, encrypt_into, generate_data_key,
};
use super::{
    CARD, bytes, context, decrypt, decrypt_with, encrypt, encrypt_with, new_key, pack, store_and_key,
};
use crate::error::{Error, Status};
use crate::keystore::{Key, Store};

/// Every way of reading refuses this, with zeros as output (which `decrypt_with` asserts).
fn refused(store: &Store, key: &Key, envelope: &[u8], pairs: &[(&str, &str)]) -> Status {
    let refused = decrypt_with(Allowed::Keys(&[key]), envelope, pairs, false).unwrap_err();
    let any = decrypt_with(Allowed::AnyKeyOf(store), envelope, pairs, false).unwrap_err();
    assert_eq!(refused.status(), any.status());
    let mut buffer = envelope.to_vec();
    let packed = pack(pairs);
    let in_place =
        decrypt_in_place(Allowed::Keys(&[key]), &mut buffer, &context(&packed), &DecryptOptions::default());
    assert_eq!(in_place.unwrap_err(), refused);
    // Zeros from the first chunk on; before it, the caller still has what may be its only copy.
    assert!(buffer == envelope || buffer.iter().all(|byte| *byte == 0));
    refused.status()
}

/// Fails when wraps authenticate nothing of the head and the commitment is not compared either.
#[test]
fn every_byte_of_a_one_cell_head_matters() {
    let (store, key) = store_and_key();
    for (form, head) in [(StoredContext::None, 148), (StoredContext::Names, 169), (StoredContext::All, 177)] {
        let envelope = encrypt_with(&[&key], b"4111 1111 1111 1111", CARD, form, 0);
        for at in 0..head {
            for change in [1, 0x80, 0xFF] {
                let mut changed = envelope.clone();
                changed[at] ^= change;
                let status = refused(&store, &key, &changed, CARD);
                // Within C, the wrap nonce and the wrapped DEK there is one answer.
                if (12..44).contains(&at) || at >= head - 72 {
                    assert_eq!(status, Status::Auth, "byte {at}");
                }
            }
        }
    }
}

#[test]
fn every_truncation_is_refused_and_so_is_every_byte_more() {
    let (store, key) = store_and_key();
    let envelope = encrypt_with(&[&key], b"4111 1111 1111 1111", CARD, StoredContext::All, 1);
    for len in 0..envelope.len() {
        refused(&store, &key, &envelope[..len], CARD);
    }
    for more in [1, 15, 16, 17, 16_400] {
        let longer = [&envelope[..], &vec![0; more]].concat();
        assert_eq!(refused(&store, &key, &longer, CARD), Status::Auth);
    }
}

/// T-01. Fails when neither the chunk code nor the call wipes what earlier chunks gave.
#[test]
fn nothing_of_a_message_is_left_when_a_later_chunk_fails() {
    let (store, key) = store_and_key();
    let plain = bytes(9, 40_000);
    let envelope = encrypt(&[&key], &plain);
    for at in [148, 148 + 16_399, 148 + 16_400, 148 + 32_800, envelope.len() - 1] {
        let mut changed = envelope.clone();
        changed[at] ^= 1;
        assert_eq!(refused(&store, &key, &changed, CARD), Status::Auth);
    }
}

#[test]
fn chunks_are_bound_to_their_place() {
    let (store, key) = store_and_key();
    let chunk = 16_400;
    let plain = bytes(10, 3 * 16_384 + 500);
    let envelope = encrypt(&[&key], &plain);
    let (head, payload) = envelope.split_at(148);
    let at = |k: usize| &payload[k * chunk..payload.len().min((k + 1) * chunk)];
    let other = encrypt(&[&key], &plain);
    for parts in [
        vec![at(1), at(0), at(2), at(3)],
        vec![at(0), at(2), at(3)],
        vec![at(0), at(0), at(1), at(2), at(3)],
        vec![at(0), at(1), at(2)],
        vec![at(0), at(1), at(2), &at(3)[..16]],
        vec![at(0), at(1), at(2), at(3), &[0; 16]],
        vec![&other[148..]],
        vec![&at(0)[..16_383], &at(0)[16_384..]],
    ] {
        let changed = [&[head], &parts[..]].concat().concat();
        assert_eq!(refused(&store, &key, &changed, CARD), Status::Auth);
    }
}

#[test]
fn a_context_that_differs_in_anything_is_refused() {
    let (store, key) = store_and_key();
    for form in [StoredContext::None, StoredContext::Names, StoredContext::All] {
        let envelope = encrypt_with(&[&key], b"x", CARD, form, 0);
        for pairs in [
            &[][..],
            &CARD[..1],
            &CARD[1..],
            &[("column", "cards"), ("table", "pan")],
            &[("column", "pan"), ("table", "cards"), ("row", "")],
            &[("Column", "pan"), ("table", "cards")],
            &[("column", "pan\0"), ("table", "cards")],
            &[("column", "pantable"), ("cards", "")],
        ] {
            assert_eq!(refused(&store, &key, &envelope, pairs), Status::Auth, "{form:?} {pairs:?}");
        }
    }
}

/// T-46: one error, one text, whatever of the secret part was changed.
#[test]
fn refusals_cannot_be_told_apart() {
    let (_, key) = store_and_key();
    let envelope = encrypt(&[&key], &bytes(11, 300));
    for i in 0..2000 {
        let mut changed = envelope.clone();
        // C, nonce, wrapped DEK, payload.
        let places = (12..44).chain(76..envelope.len()).collect::<Vec<_>>();
        changed[places[i * 7919 % places.len()]] ^= 1 << (i % 8);
        assert_eq!(decrypt(&key, &changed), Err(Error::Auth));
    }
}

/// T-14. Fails when wraps authenticate nothing of the head and the commitment is not compared either.
#[test]
fn no_cell_opens_another_envelope_or_blob() {
    let (store, key) = store_and_key();
    let packed = pack(CARD);
    let context = context(&packed);
    let envelopes: Vec<_> = (0..50).map(|i| encrypt(&[&key], &bytes(i, 20))).collect();
    let blobs: Vec<_> = (0..50)
        .map(|_| {
            let mut blob = vec![0; data_key_blob_size(32, 1, 0).unwrap()];
            generate_data_key(&[&key], 32, &context, &StoredContext::None, None, &mut blob).unwrap();
            blob
        })
        .collect();
    let all: Vec<&Vec<u8>> = envelopes.iter().chain(&blobs).collect();
    let options = DecryptOptions::default();
    let mut opened = 0;
    for (i, target) in all.iter().enumerate() {
        for (j, source) in all.iter().enumerate() {
            let mut pasted = target.to_vec();
            pasted[44..148].copy_from_slice(&source[44..148]);
            let mut out = [0xA5; 32];
            let result = match i < 50 {
                true => decrypt_into(Allowed::Keys(&[&key]), &pasted, &context, &options, &mut out),
                false => {
                    decrypt_data_key_into(Allowed::AnyKeyOf(&store), &pasted, &context, &options, &mut out)
                }
            };
            match result {
                Ok(_) => {
                    assert_eq!(i, j);
                    opened += 1;
                }
                Err(e) => {
                    assert_eq!(e, Error::Auth);
                    assert_eq!(out, [0; 32]);
                }
            }
        }
    }
    assert_eq!(opened, 100);
}

/// T-10. Every size field with values that break careless arithmetic, over a whole envelope: refused at once, and nothing
/// is allocated on this path at all (`benches` counts that).
#[test]
fn hostile_sizes_are_refused_through_the_public_call() {
    let (store, key) = store_and_key();
    let envelope = encrypt_with(&[&key], &bytes(1, 50), CARD, StoredContext::All, 2);
    let area = 44 + 29;
    for at in [6, 8, 44, 46, 54, area + 2, area + 104 + 2, area + 208 + 2] {
        for value in [0u16, 1, 3, 0x7FFF, 0x8000, 0x8001, 0xFFFF] {
            let mut changed = envelope.clone();
            changed[at..at + 2].copy_from_slice(&value.to_be_bytes());
            if changed == envelope {
                continue;
            }
            assert_eq!(refused(&store, &key, &changed, CARD), Status::Malformed, "{value:#x} at {at}");
        }
    }
}

#[test]
fn a_failed_seal_leaves_nothing_in_the_output() {
    let (_, key) = store_and_key();
    let packed = pack(CARD);
    let mut out = [0xA5; 400];
    // Randomness that ends in the middle: the DEK is drawn, the wrap's nonce is not.
    crate::crypto::script::push(&[1; 40]);
    let failed = encrypt_into(
        &[&key],
        b"4111",
        &context(&packed),
        &StoredContext::None,
        &EncryptOptions::default(),
        &mut out,
    );
    crate::crypto::script::clear();
    assert_eq!(failed, Err(Error::Random));
    assert_eq!(out, [0; 400]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A changed byte anywhere is refused: only what a free cell holds means nothing.
    #[test]
    fn a_changed_byte_anywhere_is_refused(
        len in prop_oneof![0usize..64, 16_300usize..16_500], keys in 1usize..3, free in 0u8..2,
        all in any::<bool>(), place in any::<prop::sample::Index>(), change in 1u8..=255,
    ) {
        let (store, one) = store_and_key();
        let two = new_key(&store);
        let handles = [&one, &two];
        let form = if all { StoredContext::All } else { StoredContext::None };
        let mut envelope = encrypt_with(&handles[..keys], &bytes(3, len), CARD, form, free);
        let fixed = if all { 44 + 29 } else { 44 };
        let at = place.index(envelope.len());
        envelope[at] ^= change;
        // The other key's cell may change, and a free cell's body: neither is the opener's.
        let others = fixed + 104..fixed + 104 * (keys + usize::from(free));
        let structure = [0, 1, 2, 3].map(|i| (0..4).map(move |cell| fixed + cell * 104 + i));
        let structural = structure.into_iter().flatten().any(|byte| byte == at);
        prop_assume!(!others.contains(&at) || (structural && change != 0x7E));
        prop_assume!(!(others.contains(&at) && (at - fixed) % 104 == 0));
        prop_assert!(decrypt(&one, &envelope).is_err());
    }
}
