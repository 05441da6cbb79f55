//! Round trips, buffers and the choice of keys.

use proptest::prelude::*;

use super::super::chunks::CHUNK;
use super::super::{
    Allowed, Context, DecryptOptions, EncryptOptions, StoredContext, authenticated_context,
    data_key_blob_size, data_key_size, decrypt_data_key_into, decrypt_in_place, decrypt_into,
    encrypt_in_place, encrypt_into, encrypted_size, generate_data_key, head_size,
};
use super::{
    CARD, bytes, context, decrypt, decrypt_with, encrypt, encrypt_with, new_key, pack, store_and_key,
};
use crate::crypto::script;
use crate::error::{Error, Status};
use crate::keystore::{KeyId, KeyName, Planted, Store, materials_opened};

#[test]
fn a_message_comes_back_from_each_of_its_keys() {
    let (store, one) = store_and_key();
    let two = new_key(&store);
    let elsewhere = store_and_key().1;
    let keys = [&one, &two, &elsewhere];
    for len in [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 40_000] {
        let plain = bytes(len as u64, len);
        let envelope = encrypt_with(&keys, &plain, CARD, StoredContext::None, 1);
        for key in keys {
            assert_eq!(decrypt(key, &envelope).as_deref(), Ok(&plain[..]));
        }
        assert_eq!(
            decrypt_with(Allowed::AnyKeyOf(&store), &envelope, CARD, false).as_deref(),
            Ok(&plain[..])
        );
    }
}

#[test]
fn no_two_envelopes_of_one_message_share_a_dek_nonce_or_payload() {
    let (_, key) = store_and_key();
    let plain = bytes(1, 64);
    let envelopes: Vec<_> = (0..50).map(|_| encrypt(&[&key], &plain)).collect();
    let part = |from: usize, to: usize| {
        let mut parts: Vec<_> = envelopes.iter().map(|envelope| &envelope[from..to]).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.len()
    };
    assert_eq!(part(12, 44), 50, "commitments");
    assert_eq!(part(76, 100), 50, "wrap nonces");
    assert_eq!(part(148, 212), 50, "payloads");
}

/// T-16: nothing of the message but its length shows in the head.
#[test]
fn heads_of_two_messages_of_one_length_are_equal_under_equal_randomness() {
    let (_, key) = store_and_key();
    let head = |plain: &[u8]| {
        script::push(&[7; 32 + 24]);
        let envelope = encrypt(&[&key], plain);
        assert_eq!(script::clear(), 0);
        envelope[..148].to_vec()
    };
    assert_eq!(head(&[1; 500]), head(&bytes(3, 500)));
}

#[test]
fn sealing_in_place_and_out_of_place_give_the_same_bytes() {
    let (store, one) = store_and_key();
    let two = new_key(&store);
    let packed = pack(CARD);
    let context = context(&packed);
    let stored = StoredContext::Names;
    let options = EncryptOptions { free_cells: 1, ..Default::default() };
    let randomness = bytes(5, 32 + 48);
    let head = head_size(2, stored.size(&context).unwrap(), &options).unwrap();
    for len in [0, 1, 100, CHUNK - 1, CHUNK, 3 * CHUNK + 9] {
        let plain = bytes(len as u64, len);
        script::push(&randomness);
        let expected = encrypt_with(&[&one, &two], &plain, CARD, stored, 1);
        for offset in [head, head + 7, head + 16, head + 100] {
            let mut buffer = vec![0xEE; expected.len() + 100];
            buffer[offset..offset + len].copy_from_slice(&plain);
            script::push(&randomness);
            let size = encrypt_in_place(&[&one, &two], &mut buffer, offset, len, &context, &stored, &options)
                .unwrap();
            assert_eq!(&buffer[..size], expected, "len {len}, offset {offset}");
        }
        assert_eq!(script::clear(), 0);
        let mut buffer = expected.clone();
        let opened =
            decrypt_in_place(Allowed::Keys(&[&two]), &mut buffer, &context, &DecryptOptions::default())
                .unwrap();
        assert_eq!(&buffer[..opened.len], plain);
        assert_eq!(opened.key_id, two.id());
    }
    let mut buffer = vec![0; head + 500];
    for (offset, len) in [(head - 1, 10), (head, 501), (head, usize::MAX), (usize::MAX, 1)] {
        let refused = encrypt_in_place(&[&one, &two], &mut buffer, offset, len, &context, &stored, &options);
        assert!(
            matches!(refused, Err(Error::InvalidArgument { .. } | Error::TooLarge { .. })),
            "{offset} {len}"
        );
    }
}

/// T-56: a buffer that is too small is untouched, and the size told is the size needed.
#[test]
fn short_buffers_are_left_alone_and_longer_ones_are_welcome() {
    let (_, key) = store_and_key();
    let packed = pack(CARD);
    let context = context(&packed);
    let plain = bytes(2, 100);
    let (stored, options) = (StoredContext::None, EncryptOptions::default());
    let mut short = [0xA5; 263];
    let refused = encrypt_into(&[&key], &plain, &context, &stored, &options, &mut short);
    assert_eq!(refused, Err(Error::BufferTooSmall { needed: 264 }));
    assert_eq!(short, [0xA5; 263]);
    let mut long = [0xA5; 300];
    assert_eq!(encrypt_into(&[&key], &plain, &context, &stored, &options, &mut long), Ok(264));
    assert_eq!(long[264..], [0xA5; 36]);

    let mut short = [0xA5; 99];
    let options = DecryptOptions::default();
    let refused =
        decrypt_into(Allowed::Keys(&[&key]), &long[..264], &context, &options, &mut short).unwrap_err();
    assert_eq!(refused, Error::BufferTooSmall { needed: 100 });
    assert_eq!(short, [0xA5; 99]);
    let mut out = [0xA5; 120];
    assert_eq!(
        decrypt_into(Allowed::Keys(&[&key]), &long[..264], &context, &options, &mut out).unwrap().len,
        100
    );
    assert_eq!(out[..100], plain);
    assert_eq!(out[100..], [0xA5; 20]);
}

/// T-15. Fails when `Allowed::Keys` looks other keys up in the store.
#[test]
fn a_handle_opens_only_its_own_keys_cells() {
    let (store, one) = store_and_key();
    let two = new_key(&store);
    let foreign = store_and_key().1;
    let plain = bytes(3, 10);
    let under_two = encrypt(&[&two], &plain);
    assert_eq!(decrypt(&one, &under_two), Err(Error::KeyNotAllowed));
    assert_eq!(decrypt(&foreign, &under_two), Err(Error::NoUsableCell));
    assert_eq!(decrypt(&one, &encrypt(&[&foreign], &plain)), Err(Error::NoUsableCell));
    assert_eq!(decrypt_with(Allowed::Keys(&[&one, &two]), &under_two, CARD, false), Ok(plain.clone()));
    assert_eq!(decrypt_with(Allowed::Keys(&[]), &under_two, CARD, false), Err(Error::NoUsableCell));
    // Any key of the store, spelled out; and the answer tells which it was.
    let packed = pack(CARD);
    let mut out = [0; 10];
    let options = DecryptOptions::default();
    let opened =
        decrypt_into(Allowed::AnyKeyOf(&store), &under_two, &context(&packed), &options, &mut out).unwrap();
    assert_eq!((opened.key_id, opened.version), (two.id(), 1));
    assert_eq!(
        decrypt_with(Allowed::AnyKeyOf(&store), &encrypt(&[&foreign], &plain), CARD, false),
        Err(Error::NoUsableCell)
    );
}

/// Every Kek of a stored version comes from one function, which counts. Seen to fail (with 64 more) when
/// `Misses::answer` asked `Store::key_by_id`, which unwraps all versions of what it finds and keeps the handle.
#[test]
fn a_refusal_unwraps_no_material_of_keys_that_only_the_envelope_names() {
    let id = KeyId([7; 16]);
    let versions: Vec<Planted> = (1..=64)
        .map(|n| Planted { version: n, material: std::array::from_fn(|i| n as u8 ^ i as u8), former: vec![] })
        .collect();
    let (elsewhere, store) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
    let a = new_key(&store);
    elsewhere.plant(id, &versions).unwrap();
    let under_b = encrypt(&[&elsewhere.key_by_id(id).unwrap()], b"of key B");
    store.plant(id, &versions).unwrap();
    let before = materials_opened();
    for _ in 0..3 {
        assert_eq!(decrypt(&a, &under_b), Err(Error::KeyNotAllowed));
    }
    assert_eq!(materials_opened(), before);
    // The counter counts: whoever names the key gets its material.
    assert_eq!(
        decrypt_with(Allowed::AnyKeyOf(&store), &under_b, CARD, false).as_deref(),
        Ok(&b"of key B"[..])
    );
    assert_eq!(materials_opened(), before + 64);
}

/// Seen to fail when either call zeroed the buffer for every error.
#[test]
fn in_place_calls_that_fail_before_the_first_chunk_leave_the_only_copy() {
    let (store, key) = store_and_key();
    let (packed, wrong) = (pack(CARD), pack(&[("column", "cvv")]));
    let (context, wrong) = (context(&packed), context(&wrong));
    let plain = bytes(8, CHUNK + 100);
    let envelope = encrypt(&[&key], &plain);
    let open = |context: &Context<'_>, buffer: &mut [u8]| {
        decrypt_in_place(Allowed::Keys(&[&key]), buffer, context, &DecryptOptions::default())
            .map(|opened| opened.len)
            .map_err(|e| e.status())
    };
    let mut buffer = envelope.clone();
    assert_eq!(open(&wrong, &mut buffer), Err(Status::Auth));
    assert_eq!(buffer, envelope, "a wrong context is found before the first chunk");
    let mut changed = envelope.clone();
    changed[100] ^= 1;
    let cell = changed.clone();
    assert_eq!(open(&context, &mut changed), Err(Status::Auth));
    assert_eq!(changed, cell, "so is a changed cell");
    store.disable_key(&KeyName::Id(key.id())).unwrap();
    assert_eq!(open(&context, &mut buffer), Err(Status::KeyDisabled));
    assert_eq!(buffer, envelope);

    let (stored, options) = (StoredContext::None, EncryptOptions::default());
    let head = head_size(1, 0, &options).unwrap();
    let mut message = vec![0xA5; envelope.len()];
    message[head..head + plain.len()].copy_from_slice(&plain);
    let refused = encrypt_in_place(&[&key], &mut message, head, plain.len(), &context, &stored, &options);
    assert_eq!(refused.unwrap_err().status(), Status::KeyDisabled);
    assert_eq!(message[head..head + plain.len()], plain);
    assert!(message[..head].iter().all(|byte| *byte == 0));

    store.enable_key(&KeyName::Id(key.id())).unwrap();
    for last in [head + 50, envelope.len() - 1] {
        let mut changed = envelope.clone();
        changed[last] ^= 1;
        assert_eq!(open(&context, &mut changed), Err(Status::Auth));
        assert!(changed.iter().all(|byte| *byte == 0), "from the first chunk on, byte {last}");
    }
    assert_eq!(open(&context, &mut buffer), Ok(plain.len()));
    assert_eq!(buffer[..plain.len()], plain);
}

#[test]
fn a_disabled_key_neither_seals_nor_opens_and_another_cell_still_does() {
    let (store, one) = store_and_key();
    let two = new_key(&store);
    let plain = bytes(4, 33);
    let both = encrypt(&[&one, &two], &plain);
    store.disable_key(&KeyName::Id(one.id())).unwrap();
    assert!(matches!(decrypt(&one, &both), Err(Error::KeyDisabled { .. })));
    assert_eq!(decrypt(&two, &both).as_deref(), Ok(&plain[..]));
    assert_eq!(decrypt_with(Allowed::Keys(&[&one, &two]), &both, CARD, false).as_deref(), Ok(&plain[..]));
    assert_eq!(decrypt_with(Allowed::AnyKeyOf(&store), &both, CARD, false).as_deref(), Ok(&plain[..]));
    let alone = {
        store.enable_key(&KeyName::Id(one.id())).unwrap();
        let alone = encrypt(&[&one], &plain);
        store.disable_key(&KeyName::Id(one.id())).unwrap();
        alone
    };
    let refused = decrypt_with(Allowed::AnyKeyOf(&store), &alone, CARD, false).unwrap_err();
    assert_eq!(refused.status(), Status::KeyDisabled);
    // Sealing fails on any disabled key, and leaves nothing in the output.
    let packed = pack(CARD);
    let mut out = [0xA5; 400];
    let options = EncryptOptions::default();
    let refused =
        encrypt_into(&[&two, &one], &plain, &context(&packed), &StoredContext::None, &options, &mut out);
    assert!(matches!(refused, Err(Error::KeyDisabled { .. })));
    assert_eq!(out, [0; 400]);
}

#[test]
fn versions_before_a_rotation_go_on_opening() {
    let (store, key) = store_and_key();
    let mut envelopes = Vec::new();
    for version in 1..6 {
        let envelope = encrypt(&[&key], &bytes(version, 20));
        assert_eq!(u64::from(envelope[67]), version);
        envelopes.push(envelope);
        store.rotate_key(&KeyName::Id(key.id())).unwrap();
    }
    for (version, envelope) in (1..).zip(&envelopes) {
        assert_eq!(decrypt(&key, envelope), Ok(bytes(version, 20)));
    }
}

#[test]
fn data_keys_come_back_from_their_blobs_and_only_as_such() {
    let (store, key) = store_and_key();
    let other = new_key(&store);
    let packed = pack(CARD);
    let context = context(&packed);
    let options = DecryptOptions::default();
    for size in [16, 32, 33, 64, 1024] {
        let mut plain = vec![0; size];
        let mut blob = vec![0; data_key_blob_size(size, 2, 0).unwrap()];
        let stored = StoredContext::None;
        generate_data_key(&[&key, &other], size, &context, &stored, Some(&mut plain), &mut blob).unwrap();
        assert!(plain.iter().any(|byte| *byte != 0));
        assert_eq!(data_key_size(&blob), Ok(size));
        let mut out = vec![0xA5; size];
        let opened =
            decrypt_data_key_into(Allowed::Keys(&[&other]), &blob, &context, &options, &mut out).unwrap();
        assert_eq!((opened.len, opened.key_id), (size, other.id()));
        assert_eq!(out, plain);
        // Without plaintext, and never the same key twice.
        let mut second = blob.clone();
        generate_data_key(&[&key, &other], size, &context, &stored, None, &mut second).unwrap();
        assert_ne!(second[12..44], blob[12..44]);
        // T-14: another kind's head.
        let refused = decrypt_into(Allowed::Keys(&[&key]), &blob, &context, &options, &mut out).unwrap_err();
        assert_eq!(refused, Error::NotAnEnvelope);
        assert!(out.iter().all(|byte| *byte == 0));
    }
    let mut small = [0xA5; 31];
    let mut blob = [0xA5; 148];
    let short = generate_data_key(&[&key], 32, &context, &StoredContext::None, Some(&mut small), &mut blob);
    assert_eq!(short, Err(Error::BufferTooSmall { needed: 32 }));
    assert_eq!((small, blob), ([0xA5; 31], [0xA5; 148]));
}

/// T-178 through the public call.
#[test]
fn stored_values_count_only_where_accepted_and_are_then_told() {
    let (_, key) = store_and_key();
    let plain = bytes(6, 12);
    let envelope = encrypt_with(&[&key], &plain, CARD, StoredContext::All, 0);
    assert_eq!(decrypt_with(Allowed::Keys(&[&key]), &envelope, &[], false), Err(Error::Auth));
    assert_eq!(decrypt_with(Allowed::Keys(&[&key]), &envelope, &CARD[..1], false), Err(Error::Auth));
    assert_eq!(decrypt_with(Allowed::Keys(&[&key]), &envelope, &[], true).as_deref(), Ok(&plain[..]));
    let packed = pack(&CARD[..1]);
    let mut out = [0; 12];
    let options = DecryptOptions { accept_stored_context: true, ..Default::default() };
    let allowed = Allowed::Keys(&[&key]);
    let opened = decrypt_into(allowed, &envelope, &context(&packed), &options, &mut out).unwrap();
    assert_eq!(opened.context, Some(pack(CARD)));
    assert_eq!(authenticated_context(allowed, &envelope, &context(&packed), &options), Ok(pack(CARD)));
}

#[test]
fn keys_of_two_stores_share_an_envelope() {
    let (here, there) = (store_and_key(), store_and_key());
    let envelope = encrypt(&[&here.1, &there.1], b"both");
    for store in [&here.0, &there.0] {
        assert_eq!(
            decrypt_with(Allowed::AnyKeyOf(store), &envelope, CARD, false).as_deref(),
            Ok(&b"both"[..])
        );
    }
    let nobody = Store::in_memory().unwrap();
    assert_eq!(decrypt_with(Allowed::AnyKeyOf(&nobody), &envelope, CARD, false), Err(Error::NoUsableCell));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_is_sealed_opens_with_its_context_and_with_no_other(
        len in prop_oneof![0usize..300, CHUNK - 2..CHUNK + 3, 0usize..70_000],
        keys in 1usize..5, free in 0u8..3, form in 0usize..4, seed in any::<u64>(),
        pairs in prop::collection::btree_map("[a-d]{1,2}", "[xyz]{0,3}", 0..5),
        other in prop::collection::btree_map("[a-d]{1,2}", "[xyz]{0,3}", 0..5),
    ) {
        let (store, first) = store_and_key();
        let more: Vec<_> = (1..keys).map(|_| new_key(&store)).collect();
        let handles: Vec<_> = std::iter::once(&first).chain(&more).collect();
        let listed = |map: &std::collections::BTreeMap<String, String>| -> Vec<(String, String)> {
            map.iter().map(|(n, v)| (n.clone(), v.clone())).collect()
        };
        let (ours, theirs) = (listed(&pairs), listed(&other));
        let ours: Vec<_> = ours.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let theirs: Vec<_> = theirs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let some: Vec<&str> = ours.iter().step_by(2).map(|(name, _)| *name).collect();
        let stored = [StoredContext::None, StoredContext::Names, StoredContext::All, StoredContext::ValuesOf(&some)][form];
        let plain = bytes(seed, len);
        let envelope = encrypt_with(&handles, &plain, &ours, stored, free);
        let packed = pack(&ours);
        let stored_len = stored.size(&context(&packed)).unwrap();
        prop_assert_eq!(envelope.len(), encrypted_size(len, keys, stored_len, &EncryptOptions { free_cells: free, ..Default::default() }).unwrap());
        let key = handles[seed as usize % keys];
        prop_assert_eq!(decrypt_with(Allowed::Keys(&[key]), &envelope, &ours, false), Ok(plain));
        if ours != theirs {
            prop_assert_eq!(decrypt_with(Allowed::Keys(&[key]), &envelope, &theirs, false), Err(Error::Auth));
        }
    }
}
