//! Files: docs/STREAMS.md 4.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::super::chunks::{CHUNK, SEALED};
use super::super::{
    Allowed, DecryptOptions, EncryptOptions, FileOptions, StoredContext, Work, decrypt_file, encrypt_file,
};
use super::{CARD, bytes, context, decrypt, encrypt, new_key, pack, store_and_key};
use crate::crypto::script;
use crate::error::{Error, Result, Status};
use crate::keystore::{Key, KeyId};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file of these bytes, open from its beginning.
    fn file(&self, name: &str, bytes: &[u8]) -> File {
        fs::write(self.path(name), bytes).unwrap();
        OpenOptions::new().read(true).write(true).open(self.path(name)).unwrap()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }
}

const NAMES: FileOptions<'_> = FileOptions { work: ALONE, input: "INPUT", output: "OUTPUT" };
const ALONE: Work<'_> = Work { threads: 1, cancel: None, progress: None };

fn seal(key: &Key, from: &File, to: &File, file: &FileOptions<'_>) -> Result<(u64, u64)> {
    let packed = pack(CARD);
    let (stored, options) = (StoredContext::None, EncryptOptions::default());
    let done = encrypt_file(&[key], from, to, &context(&packed), &stored, &options, file);
    done.map(|done| (done.read, done.written))
}

fn open(key: &Key, from: &File, to: &File, file: &FileOptions<'_>) -> Result<(KeyId, usize, u64, u64)> {
    let packed = pack(CARD);
    let allowed = Allowed::Keys(&[key]);
    let done = decrypt_file(allowed, from, to, &context(&packed), &DecryptOptions::default(), file);
    done.map(|(opened, done)| (opened.key_id, opened.len, done.read, done.written))
}

/// A pipe with a thread that writes all of these bytes into it, in pieces.
fn piped<R>(bytes: &[u8], f: impl FnOnce(&File) -> R) -> R {
    let (reader, mut writer) = pipe().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for piece in bytes.chunks(50_001) {
                // Who reads may have had enough.
                if writer.write_all(piece).is_err() {
                    break;
                }
            }
        });
        f(&File::from(OwnedFd::from(reader)))
    })
}

/// The same for what comes out.
fn collected<R>(f: impl FnOnce(&File) -> R) -> (R, Vec<u8>) {
    let (mut reader, writer) = pipe().unwrap();
    std::thread::scope(|scope| {
        let collect = scope.spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        });
        let writer = File::from(OwnedFd::from(writer));
        let done = f(&writer);
        drop(writer);
        (done, collect.join().unwrap())
    })
}

/// Meant to fail with: a part's position not that of its first chunk; the message's end taken for a part's.
#[test]
fn a_file_becomes_the_envelope_that_one_call_makes_and_back() {
    let (_, key) = store_and_key();
    let folder = Folder::new();
    let random = bytes(99, 56);
    let part = 16 * CHUNK;
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, part - 1, part, part + 1, 3 * part + 5 * CHUNK, 4 << 20] {
        let plain = bytes(size as u64, size);
        script::push(&random);
        let whole = encrypt(&[&key], &plain);
        for threads in [0, 1, 3] {
            let names = FileOptions { work: Work { threads, ..ALONE }, ..NAMES };
            let from = folder.file("plain", &plain);
            let to = folder.file("sealed", &vec![0xEE; size + 9_999]);
            script::push(&random);
            assert_eq!(seal(&key, &from, &to, &names), Ok((size as u64, whole.len() as u64)));
            assert_eq!(script::clear(), 0);
            assert!(folder.read("sealed") == whole, "{size} bytes, {threads} threads");
            let (mut from, mut to) = (to, folder.file("again", b"what was there before"));
            assert_eq!(from.stream_position().unwrap(), whole.len() as u64);
            from.rewind().unwrap();
            let told = open(&key, &from, &to, &names).unwrap();
            assert_eq!(told, (key.id(), size, whole.len() as u64, size as u64));
            assert!(folder.read("again") == plain);
            assert_eq!(to.stream_position().unwrap(), size as u64);
        }
        // In order: the same.
        script::push(&random);
        let (done, out) = collected(|to| piped(&plain, |from| seal(&key, from, to, &NAMES)));
        assert_eq!((done, script::clear()), (Ok((size as u64, whole.len() as u64)), 0));
        assert!(out == whole);
        let (done, out) = collected(|to| piped(&whole, |from| open(&key, from, to, &NAMES)));
        assert_eq!(done, Ok((key.id(), size, whole.len() as u64, size as u64)));
        assert!(out == plain);
    }
}

#[test]
fn files_are_taken_from_where_they_stand_and_appended_to() {
    let (_, key) = store_and_key();
    let folder = Folder::new();
    let plain = bytes(1, 2 * CHUNK + 5);
    let mut from = folder.file("plain", &[b"front", &plain[..]].concat());
    let mut to = folder.file("sealed", b"0123456789");
    from.seek(SeekFrom::Start(5)).unwrap();
    to.seek(SeekFrom::Start(4)).unwrap();
    seal(&key, &from, &to, &NAMES).unwrap();
    let sealed = folder.read("sealed");
    assert_eq!(&sealed[..4], b"0123");
    assert!(decrypt(&key, &sealed[4..]).unwrap() == plain);
    to.seek(SeekFrom::Start(4)).unwrap();
    fs::write(folder.path("log"), "before ").unwrap();
    let log = OpenOptions::new().append(true).open(folder.path("log")).unwrap();
    open(&key, &to, &log, &NAMES).unwrap();
    assert!(folder.read("log") == [b"before ", &plain[..]].concat());
    // A file without a size that has bytes.
    let (done, out) = collected(|to| seal(&key, &File::open("/proc/self/status").unwrap(), to, &NAMES));
    assert!(done.unwrap().0 > 100);
    assert!(decrypt(&key, &out).unwrap().starts_with(b"Name:"));
}

/// T-33, T-36. Meant to fail with: the output left as it was when an error came.
#[test]
fn a_failure_leaves_nothing_in_a_regular_output_and_whole_chunks_in_a_pipe() {
    let (store, key) = store_and_key();
    let folder = Folder::new();
    let plain = bytes(1, 40 * CHUNK + 5);
    let good = encrypt(&[&key], &plain);
    let mut changed = good.clone();
    changed[148 + 33 * SEALED + 5] ^= 1;
    let cut = good[..148 + 20 * SEALED + 100].to_vec();
    let longer = [&good[..], &[7; 30]].concat();
    for (bad, whole_chunks) in [(changed, 33), (cut, 20), (longer, 40)] {
        for threads in [1, 2] {
            let names = FileOptions { work: Work { threads, ..ALONE }, ..NAMES };
            let to = folder.file("out", b"old");
            let failed = open(&key, &folder.file("bad", &bad), &to, &names);
            assert_eq!(failed, Err(Error::Auth));
            assert_eq!(folder.read("out"), b"");
        }
        let (failed, out) = collected(|to| piped(&bad, |from| open(&key, from, to, &NAMES)));
        assert_eq!(failed, Err(Error::Auth));
        assert!(out.len() <= whole_chunks * CHUNK && plain.starts_with(&out));
    }
    let other = new_key(&store);
    let to = folder.file("out", b"old");
    let failed = open(&other, &folder.file("good", &good), &to, &NAMES);
    assert_eq!(failed, Err(Error::KeyNotAllowed));
    assert_eq!(folder.read("out"), b"old", "nothing was begun");
    let same = folder.file("same", &plain);
    let refused = seal(&key, &same, &same.try_clone().unwrap(), &NAMES).unwrap_err();
    assert_eq!(refused.status(), Status::InvalidArgument);
    assert!(folder.read("same") == plain);
}

#[test]
fn errors_of_the_system_name_the_file_that_the_user_gave() {
    let (_, key) = store_and_key();
    let folder = Folder::new();
    folder.file("plain", &bytes(1, 3 * CHUNK));
    let unreadable = OpenOptions::new().write(true).open(folder.path("plain")).unwrap();
    let error = seal(&key, &unreadable, &folder.file("out", b""), &NAMES).unwrap_err();
    assert!(error.to_string().starts_with("reading INPUT failed: "), "{error}");
    let unwritable = File::open(folder.path("plain")).unwrap();
    let error = seal(&key, &folder.file("other", &bytes(1, 9)), &unwritable, &NAMES).unwrap_err();
    assert!(error.to_string().starts_with("writing OUTPUT failed: "), "{error}");
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = seal(&key, &folder.file("other", &bytes(1, 9)), &full, &NAMES).unwrap_err();
    assert_eq!(error.status(), Status::Io);
    // A pipe whose reader is gone: an error, no signal.
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let gone = File::from(OwnedFd::from(writer));
    let error = seal(&key, &folder.file("other", &bytes(1, 9)), &gone, &NAMES).unwrap_err();
    assert!(error.to_string().starts_with("writing OUTPUT failed: "), "{error}");
}

/// Meant to fail with: the flag looked at once, at the beginning.
#[test]
fn long_work_on_a_file_stops_within_a_part_and_says_how_far_it_is() {
    let (_, key) = store_and_key();
    let folder = Folder::new();
    let plain = bytes(1, 5 << 20);
    let sealed = encrypt(&[&key], &plain);
    let (flag, seen) = (AtomicU32::new(0), AtomicU64::new(0));
    let stop = |done: u64, whole: u64| {
        assert!(whole == plain.len() as u64 && done <= whole && done > seen.load(Ordering::SeqCst));
        seen.store(done, Ordering::SeqCst);
        if done > 1 << 20 {
            flag.store(1, Ordering::SeqCst);
        }
        true
    };
    let refuse = |_: u64, _: u64| false;
    let alone = Work { cancel: Some(&flag), progress: Some(&stop), ..ALONE };
    let two = Work { threads: 2, progress: Some(&refuse), ..ALONE };
    for work in [alone, two] {
        let names = FileOptions { work, ..NAMES };
        for (bytes, sealing) in [(&plain, true), (&sealed, false)] {
            flag.store(0, Ordering::SeqCst);
            seen.store(0, Ordering::SeqCst);
            let (from, to) = (folder.file("in", bytes), folder.file("out", b""));
            let failed = match sealing {
                true => seal(&key, &from, &to, &names).err(),
                false => open(&key, &from, &to, &names).err(),
            };
            assert_eq!(failed, Some(Error::Cancelled));
            assert_eq!(folder.read("out"), b"");
            assert!(seen.load(Ordering::SeqCst) < 2 << 20);
        }
    }
    let whole = AtomicU64::new(0);
    let count = |done: u64, _: u64| {
        whole.store(done, Ordering::SeqCst);
        true
    };
    let names = FileOptions { work: Work { threads: 2, cancel: None, progress: Some(&count) }, ..NAMES };
    seal(&key, &folder.file("plain", &plain), &folder.file("out", b""), &names).unwrap();
    assert_eq!(whole.load(Ordering::SeqCst), plain.len() as u64);
    let names = FileOptions { work: Work { progress: Some(&refuse), ..ALONE }, ..NAMES };
    let (failed, _) = collected(|to| piped(&plain, |from| seal(&key, from, to, &names)));
    assert_eq!(failed, Err(Error::Cancelled));
}

/// FORMAT 9.8. Meant to fail with: the first answer taken for the last.
#[test]
fn a_head_that_does_not_open_is_read_again_when_the_rewrap_is_over() {
    let (_, key) = store_and_key();
    let folder = Folder::new();
    let plain = bytes(1, CHUNK);
    let sealed = encrypt(&[&key], &plain);
    let mut torn = sealed.clone();
    torn[44 + 60..44 + 90].fill(0);
    let rewrapping = folder.file("sealed", &torn);
    rewrapping.lock().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            rewrapping.write_all_at(&sealed, 0).unwrap();
            rewrapping.unlock().unwrap();
        });
        let from = File::open(folder.path("sealed")).unwrap();
        open(&key, &from, &folder.file("out", b""), &NAMES).unwrap();
    });
    assert!(folder.read("out") == plain);
    let from = folder.file("torn", &torn);
    assert_eq!(open(&key, &from, &folder.file("out", b""), &NAMES), Err(Error::Auth));
}
