//! Rewrap in memory.

use super::super::cells::TYPE_FREE;
use super::super::{
    Allowed, DecryptOptions, Rewrapped, StoredContext, data_key_blob_size, decrypt_data_key_into,
    generate_data_key, rewrap,
};
use super::{CARD, bytes, context, decrypt, encrypt, encrypt_with, new_key, pack, store_and_key};
use crate::error::Error;
use crate::keystore::{Key, KeyName};

fn rotate(key: &Key) {
    key.store().rotate_key(&KeyName::Id(key.id())).unwrap();
}

fn did(rewrapped: u32, current: u32, skipped: u32, freed: u32) -> Rewrapped {
    Rewrapped {
        cells_rewrapped: rewrapped,
        cells_current: current,
        cells_skipped: skipped,
        cells_freed: freed,
    }
}

#[test]
fn a_rewrap_changes_cells_and_nothing_else() {
    let (_, key) = store_and_key();
    let before = encrypt_with(&[&key], b"message", CARD, StoredContext::Names, 1);
    let mut after = before.clone();
    assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut after, None), Ok(did(0, 1, 0, 0)));
    assert_eq!(after, before);
    rotate(&key);
    assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut after, None), Ok(did(1, 0, 0, 0)));
    let area = 44 + 21;
    assert_eq!(after[..area], before[..area]);
    assert_eq!(after[area + 104..], before[area + 104..]);
    assert_eq!(after[area + 20..area + 24], 2u32.to_be_bytes());
    assert_eq!(decrypt(&key, &after).as_deref(), Ok(&b"message"[..]));
    assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut after, None), Ok(did(0, 1, 0, 0)));
    // The head alone will do.
    let mut head = before[..area + 208].to_vec();
    assert_eq!(rewrap(Allowed::AnyKeyOf(key.store()), &mut head, None), Ok(did(1, 0, 0, 0)));
}

#[test]
fn only_cells_of_the_allowed_keys_are_rewrapped() {
    let (store, one) = store_and_key();
    let two = new_key(&store);
    let foreign = store_and_key().1;
    let before = encrypt(&[&one, &two, &foreign], b"message");
    for key in [&one, &two, &foreign] {
        rotate(key);
    }
    let mut after = before.clone();
    assert_eq!(rewrap(Allowed::Keys(&[&two]), &mut after, None), Ok(did(1, 0, 2, 0)));
    assert_eq!(rewrap(Allowed::AnyKeyOf(&store), &mut after, None), Ok(did(1, 1, 1, 0)));
    assert_eq!(after[44 + 208..], before[44 + 208..]);
    for key in [&one, &two, &foreign] {
        assert_eq!(decrypt(key, &after).as_deref(), Ok(&b"message"[..]));
    }
    let stranger = store_and_key().1;
    let kept = after.clone();
    assert_eq!(rewrap(Allowed::Keys(&[&stranger]), &mut after, None), Err(Error::NoUsableCell));
    assert_eq!(rewrap(Allowed::Keys(&[&new_key(&store)]), &mut after, None), Err(Error::KeyNotAllowed));
    assert_eq!(after, kept);
}

#[test]
fn a_cell_that_does_not_authenticate_is_left_alone() {
    let (_, key) = store_and_key();
    let mut envelope = encrypt(&[&key, &key], b"message");
    envelope[44 + 100] ^= 1;
    rotate(&key);
    let broken = envelope[44..148].to_vec();
    assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut envelope, None), Ok(did(1, 0, 1, 0)));
    assert_eq!(envelope[44..148], broken);
    assert_eq!(decrypt(&key, &envelope).as_deref(), Ok(&b"message"[..]));
    let mut alone = encrypt(&[&key], b"message");
    rotate(&key);
    alone[100] ^= 1;
    let kept = alone.clone();
    assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut alone, None), Err(Error::Auth));
    assert_eq!(alone, kept);
}

/// With the context a cell must commit; without it each cell keeps its own DEK. Fails when the context is not looked at.
#[test]
fn the_context_is_checked_where_it_is_given() {
    let (_, key) = store_and_key();
    let packed = pack(CARD);
    let wrong = pack(&CARD[..1]);
    for form in [StoredContext::None, StoredContext::All] {
        let mut envelope = encrypt_with(&[&key], b"message", CARD, form, 0);
        rotate(&key);
        let kept = envelope.clone();
        let refused = rewrap(Allowed::Keys(&[&key]), &mut envelope, Some(&context(&wrong)));
        assert_eq!(refused, Err(Error::Auth));
        assert_eq!(envelope, kept);
        assert_eq!(
            rewrap(Allowed::Keys(&[&key]), &mut envelope, Some(&context(&packed))),
            Ok(did(1, 0, 0, 0))
        );
        // A current cell is checked, too.
        let refused = rewrap(Allowed::Keys(&[&key]), &mut envelope, Some(&context(&wrong)));
        assert_eq!(refused, Err(Error::Auth));
        assert_eq!(decrypt(&key, &envelope).as_deref(), Ok(&b"message"[..]));
    }
}

/// Two cells of one key with one DEK, as a crash leaves them: one stays. Fails when the twin is not looked for.
#[test]
fn a_rewrap_that_was_interrupted_is_finished_and_not_begun_again() {
    let (_, key) = store_and_key();
    let old = encrypt_with(&[&key], b"message", CARD, StoredContext::None, 1);
    rotate(&key);
    let mut both = old.clone();
    rewrap(Allowed::Keys(&[&key]), &mut both, None).unwrap();
    let current = both[44..148].to_vec();
    both[44..148].copy_from_slice(&old[44..148]);
    both[148..252].copy_from_slice(&current);
    assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut both, None), Ok(did(0, 1, 0, 1)));
    assert_eq!((both[44], &both[148..252]), (TYPE_FREE, &current[..]));
    assert!(both[48..148].iter().all(|byte| *byte == 0));
    assert_eq!(decrypt(&key, &both).as_deref(), Ok(&b"message"[..]));
    // A current cell of another DEK is no reason to set the old one free.
    let mut alien = old.clone();
    let mut other = encrypt_with(&[&key], b"another", CARD, StoredContext::None, 1);
    rewrap(Allowed::Keys(&[&key]), &mut other, None).unwrap();
    alien[148..252].copy_from_slice(&other[44..148]);
    rewrap(Allowed::Keys(&[&key]), &mut alien, None).unwrap();
    assert_eq!(decrypt(&key, &alien).as_deref(), Ok(&b"message"[..]));
}

#[test]
fn cells_under_two_old_versions_become_one() {
    let (_, key) = store_and_key();
    let mut envelope = encrypt(&[&key, &key], b"message");
    rotate(&key);
    let first = envelope[44..148].to_vec();
    rewrap(Allowed::Keys(&[&key]), &mut envelope, None).unwrap();
    envelope[148..252].copy_from_slice(&first);
    rotate(&key);
    // Version 2 in front, version 1 behind it, version 3 is current.
    assert_eq!((envelope[67], envelope[67 + 104]), (2, 1));
    assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut envelope, None), Ok(did(1, 0, 0, 1)));
    assert_eq!((envelope[67], envelope[148]), (3, TYPE_FREE));
    assert_eq!(decrypt(&key, &envelope).as_deref(), Ok(&b"message"[..]));
}

#[test]
fn blobs_are_rewrapped_as_envelopes_are() {
    let (_, key) = store_and_key();
    let packed = pack(CARD);
    let context = context(&packed);
    for size in [16, 32, 1024] {
        let mut plain = vec![0; size];
        let mut blob = vec![0; data_key_blob_size(size, 1, 0).unwrap()];
        generate_data_key(&[&key], size, &context, &StoredContext::None, Some(&mut plain), &mut blob)
            .unwrap();
        rotate(&key);
        assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut blob, Some(&context)), Ok(did(1, 0, 0, 0)));
        let mut out = vec![0; size];
        let options = DecryptOptions::default();
        let opened =
            decrypt_data_key_into(Allowed::Keys(&[&key]), &blob, &context, &options, &mut out).unwrap();
        assert_eq!(
            opened.version,
            key.view(&crate::keystore::Wish::ANY, |view| Ok(view.current().unwrap().version)).unwrap()
        );
        assert_eq!(out, plain);
        blob.push(0);
        assert!(matches!(rewrap(Allowed::Keys(&[&key]), &mut blob, None), Err(Error::Malformed { .. })));
    }
}

/// T-18: an old cell that someone kept opens while its version lives; a rewrap does not claim otherwise.
#[test]
fn an_old_cell_put_back_opens_and_is_rewrapped_again() {
    let (_, key) = store_and_key();
    let old = encrypt(&[&key], &bytes(1, 9));
    rotate(&key);
    let mut envelope = old.clone();
    rewrap(Allowed::Keys(&[&key]), &mut envelope, None).unwrap();
    envelope[44..148].copy_from_slice(&old[44..148]);
    assert_eq!(decrypt(&key, &envelope), Ok(bytes(1, 9)));
    assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut envelope, None), Ok(did(1, 0, 0, 0)));
}
