//! Memory to memory at every size, by one thread and by two, whole and as a stream, and ranges of 4 KiB of a file: against
//! the bare engine on the same 16 KiB pieces, in the same run. `make bench` runs it; `benches/report.py` makes the table and the
//! plot. No number makes anything fail.
//!
//! LARGEST sets the largest size in MiB (1,024 when left out).

// Shared; this program needs less of it.
#[allow(dead_code)]
#[path = "../abi/measure.rs"]
mod measure;

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;

use keyfold::Result;
use keyfold::envelope::{
    self, Allowed, AllowedKeys, Context, DecryptOptions, Decryptor, EncryptOptions, Encryptor, ReadAt,
    Reader, StoredContext, Work,
};
use keyfold::floor::Floor;
use keyfold::keystore::{CreateKey, Key, Store};
use serde_json::{Value, json};

use measure::{Pair, pair};

const CHUNK: usize = 16 * 1024;
const SEALED: usize = CHUNK + 16;
/// What a program pushes at once, as one reads files.
const PIECE: usize = 256 * 1024;
const RANGE: usize = 4096;

fn main() -> Result<()> {
    let largest: usize = std::env::var("LARGEST").ok().and_then(|mib| mib.parse().ok()).unwrap_or(1024);
    let store = Store::in_memory()?;
    store.create_key(&CreateKey { alias: Some("bench".parse()?), ..Default::default() })?;
    let key = store.key(&"bench".parse()?)?;
    let sizes = (10..=30).step_by(2).map(|power| 1 << power).filter(|&size: &usize| size <= largest << 20);
    let memory: Vec<Value> = sizes.map(|size| of_size(&key, size)).collect::<Result<_>>()?;
    let report = json!({ "memory": memory, "ranges": ranges(&key, (64 << 20).min(largest << 20))? });
    println!("{}", serde_json::to_string(&report).expect("numbers and names"));
    Ok(())
}

fn by(threads: u32) -> Work<'static> {
    Work { threads, ..Work::default() }
}

fn encrypt(key: &Key, plaintext: &[u8], threads: u32, out: &mut [u8]) -> usize {
    let options = EncryptOptions { work: by(threads), ..EncryptOptions::default() };
    envelope::encrypt_into(&[key], plaintext, &Context::EMPTY, &StoredContext::None, &options, out)
        .expect("room")
}

fn decrypt(key: &Key, sealed: &[u8], threads: u32, out: &mut [u8]) {
    let options = DecryptOptions { work: by(threads), ..DecryptOptions::default() };
    envelope::decrypt_into(Allowed::Keys(&[key]), sealed, &Context::EMPTY, &options, out)
        .expect("what was sealed");
}

/// One size: whole messages by one thread against the engine, by two against one, and as a stream against the engine.
fn of_size(key: &Key, size: usize) -> Result<Value> {
    let rounds = match size {
        0..=0xF_FFFF => 200,
        0x10_0000..=0xFFF_FFFF => 30,
        _ => 7,
    };
    let plaintext = vec![7; size];
    let mut engine = Floor::new()?;
    engine.set_key(&[3; 32]);
    let mut pieces = vec![0; size.div_ceil(CHUNK) * SEALED];
    let mut sealed = vec![0; size + size / 512 + 512];
    let (mut opened, mut bare) = (vec![0; size], vec![0; size]);

    let one = pair(
        rounds,
        || {
            encrypt(key, black_box(&plaintext), 1, &mut sealed);
        },
        || seal_pieces(&engine, black_box(&plaintext), &mut pieces),
    );
    let two = pair(
        rounds,
        || {
            encrypt(key, black_box(&plaintext), 2, &mut sealed);
        },
        || seal_pieces(&engine, black_box(&plaintext), &mut pieces),
    );
    let pushed = pair(
        rounds,
        || push(key, black_box(&plaintext), &mut sealed).expect("room"),
        || seal_pieces(&engine, black_box(&plaintext), &mut pieces),
    );
    let len = encrypt(key, &plaintext, 1, &mut sealed);
    let sealed = &sealed[..len];
    let open_one = pair(
        rounds,
        || decrypt(key, black_box(sealed), 1, &mut opened),
        || open_pieces(&engine, black_box(&pieces), &mut bare),
    );
    let open_two = pair(
        rounds,
        || decrypt(key, black_box(sealed), 2, &mut opened),
        || open_pieces(&engine, black_box(&pieces), &mut bare),
    );
    let open_pushed = pair(
        rounds,
        || push_open(key, black_box(sealed), &mut opened).expect("what was sealed"),
        || open_pieces(&engine, black_box(&pieces), &mut bare),
    );
    assert_eq!(opened, plaintext);
    assert_eq!(bare, plaintext);
    Ok(json!({
        "bytes": size,
        "encrypt": { "one": of(size, &one), "two": of(size, &two), "pushed": of(size, &pushed) },
        "decrypt": { "one": of(size, &open_one), "two": of(size, &open_two), "pushed": of(size, &open_pushed) },
    }))
}

/// Bytes a second of both sides, and how many times as fast as the engine ours is.
fn of(size: usize, pair: &Pair) -> Value {
    let speed = |ns: f64| size as f64 / ns * 1e9;
    json!({ "speed": speed(pair.first_ns), "engine": speed(pair.second_ns), "ratio": 1.0 / pair.ratio })
}

fn push(key: &Key, plaintext: &[u8], out: &mut [u8]) -> Result<()> {
    let mut stream =
        Encryptor::new(&[key], &Context::EMPTY, &StoredContext::None, &EncryptOptions::default())?;
    let mut at = 0;
    for piece in plaintext.chunks(PIECE) {
        at += stream.update(piece, &mut out[at..], &by(1))?;
    }
    stream.finish(&mut out[at..]).map(drop)
}

fn push_open(key: &Key, sealed: &[u8], out: &mut [u8]) -> Result<()> {
    let allowed = AllowedKeys::Keys(vec![key.clone()]);
    let mut stream = Decryptor::new(allowed, &Context::EMPTY, &DecryptOptions::default())?;
    // A piece, and what of a chunk waited before it.
    let mut room = vec![0; PIECE + SEALED];
    let mut at = 0;
    for piece in sealed.chunks(PIECE) {
        let written = stream.update(piece, &mut room, &by(1))?;
        out[at..at + written].copy_from_slice(&room[..written]);
        at += written;
    }
    let written = stream.finish(&mut room)?;
    out[at..at + written].copy_from_slice(&room[..written]);
    Ok(())
}

fn seal_pieces(engine: &Floor, plaintext: &[u8], out: &mut [u8]) {
    for (number, (piece, out)) in plaintext.chunks(CHUNK).zip(out.chunks_mut(SEALED)).enumerate() {
        engine.seal(&nonce(number), piece, &mut out[..piece.len() + 16]);
    }
}

fn open_pieces(engine: &Floor, sealed: &[u8], out: &mut [u8]) {
    for (number, (piece, out)) in sealed.chunks(SEALED).zip(out.chunks_mut(CHUNK)).enumerate() {
        engine.open(&nonce(number), &piece[..out.len() + 16], out).expect("what was sealed");
    }
}

fn nonce(number: usize) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&(number as u64).to_be_bytes());
    nonce
}

struct Opened(File);

impl ReadAt for Opened {
    fn size(&self) -> Result<u64> {
        Ok(self.0.metadata().expect("a file").len())
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        Ok(self.0.read_at(into, offset).expect("a file"))
    }
}

/// Reads of 4 KiB at places spread over a file, against reading and opening the one chunk that holds each with the bare engine.
fn ranges(key: &Key, size: usize) -> Result<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sealed");
    let mut sealed = vec![0; size + size / 512 + 512];
    let len = encrypt(key, &vec![7; size], 1, &mut sealed);
    File::create(&path).and_then(|mut file| file.write_all(&sealed[..len])).expect("room on disk");
    let open = || File::open(&path).expect("a file");
    let allowed = AllowedKeys::Keys(vec![key.clone()]);
    let reader =
        Reader::open(&allowed, Box::new(Opened(open())), &Context::EMPTY, &DecryptOptions::default())?;

    let mut engine = Floor::new()?;
    engine.set_key(&[3; 32]);
    let mut pieces = vec![0; size / CHUNK * SEALED];
    seal_pieces(&engine, &vec![7; size], &mut pieces);
    let bare_path = folder.path().join("bare");
    std::fs::write(&bare_path, &pieces).expect("room on disk");
    let bare = File::open(&bare_path).expect("a file");

    // Never the same chunk twice in a row, and every chunk in the end.
    let chunks = size / CHUNK;
    let place = |n: usize| n * 7919 % chunks;
    let (mut ours, mut theirs) = (0, 0);
    let (mut out, mut bare_out, mut raw, mut plain) = ([0; RANGE], [0; RANGE], [0; SEALED], [0; CHUNK]);
    let read = pair(
        400,
        || {
            ours += 1;
            let offset = place(ours) * CHUNK + 8192;
            let read = reader.pread(offset as u64, &mut out, &by(1)).expect("what was sealed");
            assert_eq!(read, RANGE);
        },
        || {
            theirs += 1;
            let at = place(theirs);
            bare.read_exact_at(&mut raw, (at * SEALED) as u64).expect("a file");
            engine.open(&nonce(at), &raw, &mut plain).expect("what was sealed");
            bare_out.copy_from_slice(&plain[8192..8192 + RANGE]);
        },
    );
    assert_eq!((out, bare_out), ([7; RANGE], [7; RANGE]));
    Ok(json!({ "bytes": RANGE, "a_second": 1e9 / read.first_ns, "ratio": 1.0 / read.ratio }))
}
