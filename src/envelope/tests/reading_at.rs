//! Random access: docs/STREAMS.md 3.
#![allow(clippy::single_range_in_vec_init)] // what was asked of an object is a list of ranges

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::super::chunks::{CHUNK, MAX_PLAINTEXT, Position, SEALED, seal_one};
use super::super::{AllowedKeys, DecryptOptions, Encryptor, ReadAt, Reader, Work, ciphertext_range};
use super::pushing::encryptor;
use super::{CARD, bytes, context, encrypt, new_key, pack, store_and_key, with_lane};
use crate::crypto::script;
use crate::error::{Error, Result, Status};
use crate::keystore::Key;

/// Bytes in memory that note what was asked for, and can be told how to answer.
#[derive(Clone, Default)]
pub(super) struct Object(Arc<Shared>);

#[derive(Default)]
struct Shared {
    bytes: Vec<u8>,
    asked: Mutex<Vec<Range<u64>>>,
    /// Bytes answered at most; 0 as many as asked for.
    short: AtomicU32,
    fails: AtomicBool,
    lies: AtomicBool,
}

impl Object {
    pub(super) fn new(bytes: Vec<u8>) -> Object {
        Object(Arc::new(Shared { bytes, ..Shared::default() }))
    }

    fn asked(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut self.0.asked.lock().unwrap())
    }
}

impl ReadAt for Object {
    fn size(&self) -> Result<u64> {
        Ok(self.0.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        self.0.asked.lock().unwrap().push(offset..offset + into.len() as u64);
        if self.0.fails.load(Ordering::SeqCst) {
            return Err(Error::CallbackFailed { what: "pread", code: -5 });
        }
        if self.0.lies.load(Ordering::SeqCst) {
            return Ok(into.len() + 1);
        }
        let rest = self.0.bytes.get(offset as usize..).unwrap_or_default();
        let most = match self.0.short.load(Ordering::SeqCst) {
            0 => usize::MAX,
            short => short as usize,
        };
        let got = rest.len().min(into.len()).min(most);
        into[..got].copy_from_slice(&rest[..got]);
        Ok(got)
    }
}

fn open(key: &Key, object: &Object) -> Result<Reader> {
    let packed = pack(CARD);
    let allowed = AllowedKeys::Keys(vec![key.clone()]);
    Reader::open(&allowed, Box::new(object.clone()), &context(&packed), &DecryptOptions::default())
}

const ALONE: Work<'_> = Work { threads: 1, cancel: None, progress: None };

/// Reads a range as an array would give it.
fn same(reader: &Reader, plain: &[u8], offset: usize, len: usize, work: &Work<'_>) {
    let mut out = vec![0xA5; len];
    let got = reader.pread(offset as u64, &mut out, work).unwrap();
    let expected = plain.get(offset..).unwrap_or_default();
    let expected = &expected[..expected.len().min(len)];
    assert!(out[..got] == *expected, "{offset} {len}: {got} bytes");
    assert!(out[got..].iter().all(|byte| *byte == 0xA5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// T-32. Meant to fail with: the cache not told which chunk it holds; a full chunk at the end of a range read at
    /// the index of the first.
    #[test]
    fn any_range_is_what_an_array_gives_from_eight_threads_at_once(
        size in prop_oneof![0usize..40, (0usize..9, 0usize..3).prop_map(|(k, d)| (k * CHUNK + d).saturating_sub(1))],
        ranges in prop::collection::vec((0usize..160_000, 0usize..90_000), 40), threads in 0u32..4,
        short in prop_oneof![Just(0u32), 1_000u32..30_000],
    ) {
        let (_, key) = store_and_key();
        let plain = bytes(size as u64, size);
        let object = Object::new(encrypt(&[&key], &plain));
        object.0.short.store(short, Ordering::SeqCst);
        let reader = open(&key, &object).unwrap();
        let work = Work { threads, ..ALONE };
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (reader, plain, ranges) = (&reader, &plain, &ranges);
                scope.spawn(move || {
                    let work = Work { threads, ..ALONE };
                    for (offset, len) in ranges.iter().skip(thread).step_by(3) {
                        same(reader, plain, *offset, *len, &work);
                        same(reader, plain, offset % (size + 2), len % 5_000, &work);
                    }
                });
            }
        });
        same(&reader, &plain, 0, size, &work);
        prop_assert_eq!(reader.len(), Ok(size as u64));
        prop_assert_eq!(reader.opened().len, size);
    }
}

/// The ranges asked for are those that `ciphertext_range` tells, and no chunk twice. Meant to fail with: every read
/// begun with `len`.
#[test]
fn only_the_chunks_that_are_needed_are_touched() {
    let (_, key) = store_and_key();
    let plain = bytes(1, 20 * CHUNK + 5);
    let envelope = encrypt(&[&key], &plain);
    let whole = envelope.len() as u64;
    let object = Object::new(envelope.clone());
    let reader = open(&key, &object).unwrap();
    assert_eq!(object.asked(), [0..1_024], "the head");
    let mut out = vec![0; 3 * CHUNK];
    for (offset, len) in [(5 * CHUNK, 100), (7 * CHUNK, 3 * CHUNK), (12 * CHUNK - 1, CHUNK + 2)] {
        assert_eq!(reader.pread(offset as u64, &mut out[..len], &ALONE), Ok(len));
        let told = ciphertext_range(&envelope[..44], whole, offset as u64, len as u64).unwrap();
        let asked = object.asked();
        assert_eq!(asked.first().unwrap().start, told.offset);
        assert_eq!(asked.last().unwrap().end, told.offset + told.len);
        assert!(asked.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
    // A chunk that was just read is not fetched again.
    same(&reader, &plain, 3 * CHUNK + 1, 100, &ALONE);
    same(&reader, &plain, 3 * CHUNK + 4_000, 4_096, &ALONE);
    assert_eq!(object.asked().len(), 1);
    // The size costs the last chunk, once.
    let last = 148 + 20 * SEALED as u64;
    assert_eq!(reader.opened().len, 0);
    assert_eq!(reader.len(), Ok(plain.len() as u64));
    assert_eq!(object.asked(), [last..whole]);
    assert_eq!(reader.pread(1 << 40, &mut out, &ALONE), Ok(0));
    assert_eq!(reader.len(), Ok(plain.len() as u64));
    assert_eq!(object.asked(), []);
}

/// Meant to fail with: `authenticate_end` left out of `read`.
#[test]
fn a_shortened_or_lengthened_object_fails_at_its_end_and_for_its_size() {
    let (_, key) = store_and_key();
    let plain = bytes(1, 3 * CHUNK + 500);
    let good = encrypt(&[&key], &plain);
    let cut_to = |len: usize| good[..len].to_vec();
    let mut longer = good.clone();
    longer.extend_from_slice(&good[148 + SEALED..148 + 2 * SEALED]);
    for (object, what) in [
        (cut_to(148 + 2 * SEALED + 300), "the third chunk is the last"),
        (cut_to(148 + 3 * SEALED + 100), "the last chunk is cut"),
        (cut_to(148 + 3 * SEALED + 16), "the last chunk is empty"),
        (longer, "a genuine chunk behind the last"),
        (
            [&good[..148 + 3 * SEALED], &good[148..148 + SEALED], &good[148 + 3 * SEALED..]].concat(),
            "one between",
        ),
    ] {
        let object = Object::new(object);
        let reader = open(&key, &object).unwrap();
        // Wholly before the end, nothing is wrong.
        same(&reader, &plain, CHUNK + 5, CHUNK / 2, &ALONE);
        assert_eq!(reader.len(), Err(Error::Auth), "{what}");
        let claimed = object.0.bytes.len() as u64;
        for (offset, len) in [(claimed - 400, 300), (0, 200_000), (1 << 50, 1), (u64::MAX, 9)] {
            let mut out = vec![0xA5; len];
            assert_eq!(reader.pread(offset, &mut out, &ALONE), Err(Error::Auth), "{what} at {offset}");
            assert!(out.iter().all(|byte| *byte == 0));
        }
        assert_eq!(reader.opened().len, 0);
        same(&reader, &plain, 0, CHUNK, &ALONE);
    }
    // Of a length that no envelope has.
    for len in [148, 163, 148 + SEALED, 148 + 2 * SEALED + 3] {
        assert_eq!(open(&key, &Object::new(cut_to(len))).err(), Some(Error::Auth));
    }
    for len in [0, 3, 43, 44, 147] {
        let status = open(&key, &Object::new(cut_to(len))).err().unwrap().status();
        assert_eq!(status, if len < 4 { Status::NotAnEnvelope } else { Status::Malformed }, "{len}");
    }
}

#[test]
fn a_changed_chunk_fails_alone_and_a_foreign_one_too() {
    let (_, key) = store_and_key();
    let plain = bytes(1, 5 * CHUNK + 5);
    let mut bad = encrypt(&[&key], &plain);
    bad[148 + 2 * SEALED + 77] ^= 1;
    let other = encrypt(&[&key], &plain);
    bad[148 + 4 * SEALED..148 + 5 * SEALED].copy_from_slice(&other[148 + 4 * SEALED..148 + 5 * SEALED]);
    let reader = open(&key, &Object::new(bad)).unwrap();
    same(&reader, &plain, 0, 2 * CHUNK, &ALONE);
    same(&reader, &plain, 3 * CHUNK, CHUNK, &ALONE);
    same(&reader, &plain, 5 * CHUNK, 900, &ALONE);
    for (offset, len) in
        [(0, 2 * CHUNK + 1), (2 * CHUNK, CHUNK), (3 * CHUNK - 1, 2), (4 * CHUNK + 3, 5), (0, 6 * CHUNK)]
    {
        let mut out = vec![0xA5; len];
        assert_eq!(reader.pread(offset as u64, &mut out, &ALONE), Err(Error::Auth));
        assert!(out.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_source_that_fails_lies_or_ends_early_is_told_and_the_reader_goes_on() {
    let (_, key) = store_and_key();
    let plain = bytes(1, 3 * CHUNK);
    let object = Object::new(encrypt(&[&key], &plain));
    let reader = open(&key, &object).unwrap();
    let mut out = vec![0xA5; CHUNK];
    object.0.fails.store(true, Ordering::SeqCst);
    let failed = Error::CallbackFailed { what: "pread", code: -5 };
    assert_eq!(reader.pread(0, &mut out, &ALONE), Err(failed.clone()));
    assert_eq!(reader.len(), Err(failed.clone()));
    assert_eq!(open(&key, &object).err(), Some(failed));
    object.0.fails.store(false, Ordering::SeqCst);
    object.0.lies.store(true, Ordering::SeqCst);
    assert_eq!(reader.pread(5, &mut out, &ALONE).unwrap_err().status(), Status::CallbackFailed);
    object.0.lies.store(false, Ordering::SeqCst);
    same(&reader, &plain, 5, 4_000, &ALONE);

    /// Says that it is whole and gives nothing behind its first 20,000 bytes.
    struct Shrunk(Vec<u8>);
    impl ReadAt for Shrunk {
        fn size(&self) -> Result<u64> {
            Ok(self.0.len() as u64)
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
            let rest = self.0[..20_000].get(offset as usize..).unwrap_or_default();
            let got = rest.len().min(into.len());
            into[..got].copy_from_slice(&rest[..got]);
            Ok(got)
        }
    }
    let packed = pack(CARD);
    let allowed = AllowedKeys::Keys(vec![key.clone()]);
    let source = Box::new(Shrunk(object.0.bytes.clone()));
    let reader = Reader::open(&allowed, source, &context(&packed), &DecryptOptions::default()).unwrap();
    same(&reader, &plain, 0, CHUNK, &ALONE);
    assert_eq!(reader.pread(CHUNK as u64, &mut out, &ALONE), Err(Error::Auth));
    assert_eq!(reader.len(), Err(Error::Auth));
}

#[test]
fn a_reader_is_refused_and_cancelled_as_other_calls_are() {
    let (store, key) = store_and_key();
    let plain = bytes(1, 4 * CHUNK);
    let object = Object::new(encrypt(&[&key], &plain));
    assert_eq!(open(&new_key(&store), &object).err(), Some(Error::KeyNotAllowed));
    let allowed = AllowedKeys::AnyKeyOf(store.clone());
    let none = pack(&[]);
    let refused =
        Reader::open(&allowed, Box::new(object.clone()), &context(&none), &DecryptOptions::default());
    assert_eq!(refused.err(), Some(Error::Auth));
    let reader = open(&key, &object).unwrap();
    assert_eq!(reader.opened().key_id, key.id());
    let set = AtomicU32::new(1);
    let mut out = vec![0xA5; 2 * CHUNK];
    let work = Work { cancel: Some(&set), ..ALONE };
    assert_eq!(reader.pread(0, &mut out, &work), Err(Error::Cancelled));
    assert!(out.iter().all(|byte| *byte == 0));
    same(&reader, &plain, 0, 2 * CHUNK, &ALONE);
    let refuse = |_: u64, _: u64| false;
    let work = Work { progress: Some(&refuse), ..ALONE };
    assert_eq!(reader.pread(0, &mut out, &work), Err(Error::Cancelled));
}

/// An envelope of 5 TiB that is nowhere: its chunks are sealed when they are asked for.
struct Far {
    head: Vec<u8>,
    key: [u8; 32],
    plain: u64,
}

impl Far {
    /// Chunk k of its message: k and then zeros.
    fn chunk(&self, k: u64) -> Vec<u8> {
        let len = (self.plain - k * CHUNK as u64).min(CHUNK as u64) as usize;
        let mut plain = vec![0; len];
        plain.iter_mut().zip(k.to_be_bytes()).for_each(|(to, from)| *to = from);
        let mut sealed = vec![0; len + 16];
        with_lane(|lane| {
            lane.payload.set(&self.key);
            seal_one(&lane.payload, Position { first: k, ..Position::START }, 0, &plain, &mut sealed);
        });
        sealed
    }
}

impl ReadAt for Far {
    fn size(&self) -> Result<u64> {
        Ok(self.head.len() as u64 + self.plain + 16 * (self.plain / CHUNK as u64 + 1))
    }

    /// Short at the end of every chunk.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let from = match offset.checked_sub(self.head.len() as u64) {
            None => self.head[offset as usize..].to_vec(),
            Some(at) => self.chunk(at / SEALED as u64)[(at % SEALED as u64) as usize..].to_vec(),
        };
        let got = from.len().min(into.len());
        into[..got].copy_from_slice(&from[..got]);
        Ok(got)
    }
}

/// Indices over 2^32 and offsets over 4 GiB.
#[test]
fn an_envelope_of_terabytes_is_read_at_any_place() {
    let (_, key) = store_and_key();
    let dek = bytes(5, 32);
    script::push(&dek);
    script::push(&[7; 24]);
    let mut stream: Encryptor = encryptor(&[&key]);
    assert_eq!(script::clear(), 0);
    let mut head = vec![0; 148];
    assert_eq!(stream.update(&[], &mut head, &ALONE), Ok(148));
    let mut payload_key = [0; 32];
    crate::crypto::sha256_into(&[&[0, 32], &dek, b"KFEK", &[1]], &mut payload_key);
    for plain in [5 << 40, (4 << 30) + CHUNK as u64 + 3, MAX_PLAINTEXT] {
        let far = Far { head: head.clone(), key: payload_key, plain };
        let packed = pack(CARD);
        let allowed = AllowedKeys::Keys(vec![key.clone()]);
        let reader =
            Reader::open(&allowed, Box::new(far), &context(&packed), &DecryptOptions::default()).unwrap();
        assert_eq!(reader.len(), Ok(plain));
        for k in [0, 1, 262_143, 262_144, plain / CHUNK as u64 - 1] {
            let mut out = [0xA5; 20];
            let at = k * CHUNK as u64;
            assert_eq!(reader.pread(at, &mut out, &ALONE), Ok(20));
            assert_eq!(out[..8], k.to_be_bytes());
            assert_eq!(out[8..], [0; 12]);
            let mut two = vec![0; 2 * CHUNK];
            let got = reader.pread(at, &mut two, &ALONE).unwrap() as u64;
            assert_eq!(got, (plain - at).min(2 * CHUNK as u64));
            assert_eq!(two[..8], k.to_be_bytes());
        }
        assert_eq!(reader.pread(plain - 1, &mut [0; 9], &ALONE), Ok(1));
        assert_eq!(reader.pread(plain, &mut [0; 9], &ALONE), Ok(0));
        assert_eq!(reader.pread(u64::MAX, &mut [0; 9], &ALONE), Ok(0));
    }
}
