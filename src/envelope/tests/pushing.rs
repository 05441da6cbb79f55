//! Streams that are pushed: docs/STREAMS.md 1.

use std::sync::atomic::AtomicU32;

use proptest::prelude::*;

use super::super::chunks::{CHUNK, MAX_PLAINTEXT, SEALED, TAG};
use super::super::{
    AllowedKeys, DecryptOptions, Decryptor, EncryptOptions, Encryptor, Opened, StoredContext, Work,
};
use super::{
    CARD, bytes, context, decrypt, decrypt_with, encrypt, encrypt_with, new_key, pack, store_and_key,
};
use crate::crypto::script;
use crate::error::{Error, Result, Status};
use crate::keystore::{CreateKey, Key, KeyName, KeySpec, SealingKey};

pub(super) fn encryptor(keys: &[&Key]) -> Encryptor {
    let packed = pack(CARD);
    Encryptor::new(keys, &context(&packed), &StoredContext::None, &EncryptOptions::default()).unwrap()
}

pub(super) fn decryptor(key: &Key) -> Decryptor {
    let packed = pack(CARD);
    let allowed = AllowedKeys::Keys(vec![key.clone()]);
    Decryptor::new(allowed, &context(&packed), &DecryptOptions::default()).unwrap()
}

/// Lengths that together make `whole`, from cuts anywhere.
pub(super) fn split(whole: usize, cuts: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (whole + 1)).chain([whole]).collect();
    ends.sort_unstable();
    let mut from = 0;
    ends.into_iter().map(|end| std::mem::replace(&mut from, end)..end).collect()
}

/// Pushes a message in pieces; every size must be as it was foretold.
pub(super) fn push(stream: &mut Encryptor, plain: &[u8], cuts: &[usize], work: &Work<'_>) -> Vec<u8> {
    let mut envelope = Vec::new();
    for piece in split(plain.len(), cuts) {
        let size = stream.update_size(piece.len()).unwrap();
        let mut out = vec![0xA5; size + 3];
        assert_eq!(stream.update(&plain[piece], &mut out, work), Ok(size));
        assert_eq!(out[size..], [0xA5; 3]);
        envelope.extend_from_slice(&out[..size]);
    }
    let mut out = vec![0; stream.finish_size()];
    assert_eq!(stream.finish(&mut out), Ok(out.len()));
    assert!(stream.is_finished());
    assert_eq!(stream.plaintext_len(), plain.len() as u64);
    envelope.extend_from_slice(&out);
    envelope
}

/// Pushes an envelope in pieces; all that was given, and how it ended.
pub(super) fn pull_apart(
    stream: &mut Decryptor,
    envelope: &[u8],
    cuts: &[usize],
    work: &Work<'_>,
) -> (Vec<u8>, Result<()>) {
    let mut plain = Vec::new();
    for piece in split(envelope.len(), cuts) {
        let mut out = vec![0xA5; stream.update_size(piece.len())];
        match stream.update(&envelope[piece], &mut out, work) {
            Ok(given) => plain.extend_from_slice(&out[..given]),
            Err(error) => {
                assert!(out.iter().all(|byte| *byte == 0), "output after {error:?}");
                return (plain, Err(error));
            }
        }
    }
    let mut out = vec![0xA5; stream.finish_size()];
    let finished = stream.finish(&mut out).map(|given| {
        assert_eq!(given, out.len());
        plain.extend_from_slice(&out);
    });
    assert_eq!(stream.is_finished(), finished.is_ok());
    (plain, finished)
}

const ALONE: Work<'_> = Work { threads: 1, cancel: None, progress: None };
const SIZES: [usize; 11] = [
    0,
    1,
    100,
    CHUNK - 1,
    CHUNK,
    CHUNK + 1,
    2 * CHUNK - 1,
    2 * CHUNK,
    2 * CHUNK + 1,
    5 * CHUNK,
    5 * CHUNK + 777,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Meant to fail with: `sealed` not moved on behind the chunk that was waiting; what is left of the input put at
    /// the front of what waits in place of behind it.
    #[test]
    fn any_split_gives_the_bytes_that_one_call_gives(
        size in prop::sample::select(&SIZES[..]), more in 0usize..3,
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        opening in prop::collection::vec(any::<usize>(), 0..12), threads in 0u32..4,
    ) {
        let (_, key) = store_and_key();
        let plain = bytes(size as u64, size + more);
        let random = bytes(99, 56);
        script::push(&random);
        let whole = encrypt(&[&key], &plain);
        prop_assert_eq!(script::clear(), 0);
        script::push(&random);
        let mut stream = encryptor(&[&key]);
        prop_assert_eq!(script::clear(), 0);
        let work = Work { threads, ..ALONE };
        prop_assert!(push(&mut stream, &plain, &cuts, &work) == whole);
        let mut stream = decryptor(&key);
        let (opened, ended) = pull_apart(&mut stream, &whole, &opening, &work);
        prop_assert_eq!(ended, Ok(()));
        prop_assert!(opened == plain);
        let told = stream.opened().unwrap();
        prop_assert_eq!((told.len, told.key_id, told.version), (plain.len(), key.id(), 1));
    }

    /// T-29: whatever byte is changed, and wherever the envelope is cut or lengthened, what comes out is the front of the
    /// message up to a chunk's end, and finish fails. Meant to fail with: `finish` that takes an empty rest.
    #[test]
    fn what_comes_out_of_a_changed_envelope_is_whole_chunks_and_an_error(
        size in prop::sample::select(&SIZES[..]), change in 0usize..5, at in any::<usize>(),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let (_, key) = store_and_key();
        let plain = bytes(3, size);
        let good = encrypt(&[&key], &plain);
        let mut bad = good.clone();
        let chunks = good[148..].chunks(SEALED).count();
        match change {
            0 => {
                let at = at % bad.len();
                bad[at] ^= 0x10;
            }
            1 => bad.truncate(at % good.len()),
            2 => bad.extend_from_slice(&bytes(7, 1 + at % (2 * SEALED))),
            // A chunk twice, and a chunk left out.
            3 => {
                let from = 148 + at % chunks * SEALED;
                let end = good.len().min(from + SEALED);
                bad.splice(end..end, good[from..end].iter().copied());
            }
            _ => {
                let from = 148 + at % chunks * SEALED;
                bad.drain(from..good.len().min(from + SEALED));
            }
        }
        let mut stream = decryptor(&key);
        let (out, ended) = pull_apart(&mut stream, &bad, &cuts, &ALONE);
        prop_assert!(ended.is_err());
        prop_assert_eq!(out.len() % CHUNK, 0);
        prop_assert!(plain.starts_with(&out));
        if change > 0 && bad.len() >= 148 {
            prop_assert_eq!(ended, Err(Error::Auth));
        }
    }
}

/// T-30, at every edge: each cut of a message of three chunks is told by finish, and by nothing before it.
#[test]
fn an_end_that_is_missing_is_found_by_finish_alone() {
    let (_, key) = store_and_key();
    let plain = bytes(1, 3 * CHUNK);
    let good = encrypt(&[&key], &plain);
    for chunk in 0..=3 {
        for edge in [-17_i64, -16, -1, 0, 1, 15, 16, 17] {
            let cut = 148 + chunk * SEALED as i64 + edge;
            if !(148..good.len() as i64).contains(&cut) {
                continue;
            }
            let mut stream = decryptor(&key);
            let mut out = vec![0; 4 * CHUNK];
            let given = stream.update(&good[..cut as usize], &mut out, &ALONE).unwrap();
            assert_eq!(given, (cut as usize - 148) / SEALED * CHUNK);
            assert!(out[..given] == plain[..given]);
            assert_eq!(stream.finish(&mut out), Err(Error::Auth), "cut at {cut}");
            assert!(!stream.is_finished());
        }
    }
}

#[test]
fn two_chunks_that_changed_places_stop_the_stream_at_the_first() {
    let (_, key) = store_and_key();
    let plain = bytes(1, 4 * CHUNK + 9);
    let good = encrypt(&[&key], &plain);
    let mut bad = good.clone();
    let (one, two) = (148 + SEALED, 148 + 2 * SEALED);
    bad[one..two].copy_from_slice(&good[two..two + SEALED]);
    bad[two..two + SEALED].copy_from_slice(&good[one..two]);
    for cuts in [vec![], vec![one], vec![one + 5, two + 5]] {
        let (out, ended) = pull_apart(&mut decryptor(&key), &bad, &cuts, &ALONE);
        assert_eq!(ended, Err(Error::Auth));
        assert!(out.len() <= CHUNK && plain.starts_with(&out));
    }
}

/// Meant to fail with: a `check` that looks at no state.
#[test]
fn nothing_comes_after_the_end_and_nothing_after_an_error() {
    let (_, key) = store_and_key();
    let ended = |error: Error| assert_eq!(error.status(), Status::StreamEnded);
    let mut stream = encryptor(&[&key]);
    let envelope = push(&mut stream, b"message", &[], &ALONE);
    let mut out = vec![0; 400];
    ended(stream.update(b"", &mut out, &ALONE).unwrap_err());
    ended(stream.finish(&mut out).unwrap_err());

    let mut stream = decryptor(&key);
    assert_eq!(pull_apart(&mut stream, &envelope, &[], &ALONE), (b"message".to_vec(), Ok(())));
    ended(stream.update(&[0; 20], &mut out, &ALONE).unwrap_err());
    ended(stream.finish(&mut out).unwrap_err());

    let mut bad = encrypt(&[&key], &bytes(1, 2 * CHUNK));
    bad[160] ^= 1;
    let mut stream = decryptor(&key);
    assert_eq!(stream.update(&bad[..148 + SEALED], &mut vec![0; CHUNK], &ALONE), Err(Error::Auth));
    ended(stream.update(&bad[148 + SEALED..], &mut vec![0; 2 * CHUNK], &ALONE).unwrap_err());
    ended(stream.finish(&mut out).unwrap_err());
    assert!(out.iter().all(|byte| *byte == 0));
}

/// Meant to fail with: the head cleared before the output's size is looked at.
#[test]
fn a_buffer_that_is_too_small_changes_nothing() {
    let (_, key) = store_and_key();
    let plain = bytes(5, CHUNK + 5);
    let mut stream = encryptor(&[&key]);
    let needed = stream.update_size(plain.len()).unwrap();
    assert_eq!(needed, 148 + SEALED);
    let mut out = vec![0xA5; needed];
    let small = stream.update(&plain, &mut out[..needed - 1], &ALONE);
    assert_eq!(small, Err(Error::BufferTooSmall { needed }));
    assert!(out.iter().all(|byte| *byte == 0xA5));
    assert_eq!(stream.update(&plain, &mut out, &ALONE), Ok(needed));
    let mut rest = vec![0xA5; stream.finish_size()];
    let needed = rest.len();
    assert_eq!(stream.finish(&mut rest[..needed - 1]), Err(Error::BufferTooSmall { needed }));
    assert_eq!(stream.finish(&mut rest), Ok(5 + TAG));
    let envelope = [out, rest].concat();
    assert!(decrypt(&key, &envelope).unwrap() == plain);

    let mut stream = decryptor(&key);
    let small = stream.update(&envelope, &mut vec![0; CHUNK - 1], &ALONE);
    assert_eq!(small, Err(Error::BufferTooSmall { needed: CHUNK }));
    assert!(stream.opened().is_none());
    let mut out = vec![0; CHUNK];
    assert_eq!(stream.update(&envelope, &mut out, &ALONE), Ok(CHUNK));
    assert_eq!(stream.finish_size(), 5);
    assert_eq!(stream.finish(&mut out[..4]), Err(Error::BufferTooSmall { needed: 5 }));
    assert_eq!(stream.finish(&mut out), Ok(5));
    assert_eq!(out[..5], plain[CHUNK..]);
}

#[test]
fn a_message_beyond_the_formats_limit_is_refused_before_it_is_taken() {
    let (_, key) = store_and_key();
    let mut stream = encryptor(&[&key]);
    stream.update(&[0; 7], &mut [0; 200], &ALONE).unwrap();
    assert_eq!(MAX_PLAINTEXT, (1 << 52) - 1);
    let too_large = |input: usize| stream.update_size(input).unwrap_err().status() == Status::TooLarge;
    assert!(too_large(MAX_PLAINTEXT as usize - 6) && too_large(usize::MAX));
    assert!(stream.update_size(MAX_PLAINTEXT as usize - 7).is_ok());
    let allowed = AllowedKeys::Keys(Vec::new());
    let refused = Decryptor::new(allowed, &super::Context::EMPTY, &DecryptOptions::default());
    assert_eq!(refused.err().map(|error| error.status()), Some(Status::InvalidArgument));
}

#[test]
fn heads_that_are_not_whole_or_not_ours_are_told_as_such() {
    let (_, key) = store_and_key();
    let envelope = encrypt(&[&key], b"message");
    for (bytes, expected) in [
        (&envelope[..0], Status::NotAnEnvelope),
        (&envelope[..3], Status::NotAnEnvelope),
        (&envelope[..43], Status::Malformed),
        (&envelope[..147], Status::Malformed),
        (&envelope[..148], Status::Auth),
        (&[b'x'; 200][..], Status::NotAnEnvelope),
        (b"KFD\x01", Status::NotAnEnvelope),
    ] {
        for cuts in [vec![], (0..bytes.len()).collect()] {
            let (out, ended) = pull_apart(&mut decryptor(&key), bytes, &cuts, &ALONE);
            assert_eq!((out.len(), ended.unwrap_err().status()), (0, expected), "{} bytes", bytes.len());
        }
    }
}

#[test]
fn other_keys_contexts_and_stored_values_are_treated_as_in_one_call() {
    let (store, key) = store_and_key();
    let other = new_key(&store);
    let plain = bytes(8, CHUNK + 1);
    let stored = encrypt_with(&[&other, &key], &plain, CARD, StoredContext::All, 1);
    let none = pack(&[]);
    let run = |allowed, packed: &[u8], accept_stored_context| -> (Result<()>, Option<Opened>, Vec<u8>) {
        let options = DecryptOptions { accept_stored_context, ..Default::default() };
        let mut stream = Decryptor::new(allowed, &context(packed), &options).unwrap();
        let (out, ended) = pull_apart(&mut stream, &stored, &[30, 200], &ALONE);
        (ended, stream.opened().cloned(), out)
    };
    let keys = || AllowedKeys::Keys(vec![key.clone()]);
    assert_eq!(run(keys(), &none, false).0, Err(Error::Auth));
    let (ended, opened, out) = run(keys(), &none, true);
    assert_eq!(ended, Ok(()));
    assert!(out == plain);
    let opened = opened.unwrap();
    assert_eq!((opened.key_id, opened.len), (key.id(), plain.len()));
    assert_eq!(opened.context, Some(pack(CARD)));
    assert_eq!(run(AllowedKeys::AnyKeyOf(store.clone()), &pack(CARD), false).1.unwrap().key_id, other.id());
    assert_eq!(run(keys(), &pack(&CARD[..1]), true).0, Ok(()));
    assert_eq!(run(keys(), &pack(&[("column", "x"), ("table", "cards")]), true).0, Err(Error::Auth));
    let third = AllowedKeys::Keys(vec![new_key(&store)]);
    assert_eq!(run(third, &pack(CARD), false).0, Err(Error::KeyNotAllowed));
    // Made by a stream: several keys, stored names, a free cell.
    let packed = pack(CARD);
    let options = EncryptOptions { free_cells: 1, ..Default::default() };
    let mut stream =
        Encryptor::new(&[&key, &other], &context(&packed), &StoredContext::Names, &options).unwrap();
    let envelope = push(&mut stream, &plain, &[9], &ALONE);
    for key in [&key, &other] {
        let opened = decrypt_with(super::Allowed::Keys(&[key]), &envelope, CARD, false);
        assert!(opened.unwrap() == plain);
    }
}

#[test]
fn streams_are_sealed_to_public_halves_without_a_store() {
    let (store, _) = store_and_key();
    let plain = bytes(4, 2 * CHUNK + 2);
    let made: Vec<(Key, SealingKey)> = [KeySpec::X25519, KeySpec::XWing]
        .into_iter()
        .map(|spec| {
            let made = store.create_key(&CreateKey { spec, ..CreateKey::default() }).unwrap();
            let key = store.key(&KeyName::Id(made.key_id)).unwrap();
            let public = key.public_key().unwrap();
            (key, public)
        })
        .collect();
    let public: Vec<&SealingKey> = made.iter().map(|(_, public)| public).collect();
    let packed = pack(CARD);
    let mut stream = Encryptor::to_public(&public, &context(&packed), &StoredContext::All).unwrap();
    let envelope = push(&mut stream, &plain, &[1000, 20_000], &ALONE);
    for (key, _) in &made {
        assert!(decrypt(key, &envelope).unwrap() == plain);
        let (out, ended) = pull_apart(&mut decryptor(key), &envelope, &[50], &ALONE);
        assert_eq!(ended, Ok(()));
        assert!(out == plain);
    }
}

/// Meant to fail with: `go_on` left out of `update`; a failed `update` that leaves the stream open.
#[test]
fn a_flag_or_a_refusing_callback_cancels_and_ends_the_stream() {
    let (_, key) = store_and_key();
    let plain = bytes(6, 3 << 20);
    let envelope = encrypt(&[&key], &plain);
    let set = AtomicU32::new(1);
    let refuse = |_: u64, _: u64| false;
    for threads in [1, 2] {
        for work in [
            Work { threads, cancel: Some(&set), progress: None },
            Work { threads, cancel: None, progress: Some(&refuse) },
        ] {
            let mut stream = encryptor(&[&key]);
            let mut out = vec![0xA5; stream.update_size(plain.len()).unwrap()];
            assert_eq!(stream.update(&plain, &mut out, &work), Err(Error::Cancelled));
            assert!(out.iter().all(|byte| *byte == 0));
            assert_eq!(stream.finish(&mut out).unwrap_err().status(), Status::StreamEnded);
            let mut stream = decryptor(&key);
            let mut out = vec![0xA5; stream.update_size(envelope.len())];
            assert_eq!(stream.update(&envelope, &mut out, &work), Err(Error::Cancelled));
            assert!(out.iter().all(|byte| *byte == 0));
            assert_eq!(stream.finish(&mut out).unwrap_err().status(), Status::StreamEnded);
        }
    }
    let many = Work { threads: 1_025, ..ALONE };
    let refused = encryptor(&[&key]).update(b"", &mut [0; 200], &many).unwrap_err();
    assert_eq!(refused.status(), Status::InvalidArgument);
}
