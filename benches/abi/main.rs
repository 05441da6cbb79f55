//! What a call through the C ABI costs, as ratios to what it cannot do without, in the same run and process.
//!
//! `make bench` runs it and reports beside it what C++, Python and Go add. Prints one JSON object; `benches/report.py`
//! makes the table and the plot of it. Nothing here is a test: no number makes anything fail.

mod abi;
mod malloc;
mod measure;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use keyfold::floor::{DRAW, Floor};
use serde_json::{Value, json};

use abi::Key;
use measure::{median, pair, single};

const CHUNK: usize = 16 * 1024;
const TAG: usize = 16;

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the store");
    Key::make(folder.path());
    let key = Key::open(folder.path());
    let mut report = BTreeMap::new();
    report.insert("engine", json!(abi::engine()));
    report.insert("context_bytes", json!(key.context_len()));
    report.insert("small", against_floor(&key, 100, 400));
    report.insert("chunk", against_floor(&key, CHUNK, 400));
    // Whose last chunk is not an empty one beside it.
    report.insert("below_chunk", against_floor(&key, CHUNK - 1, 400));
    report.insert("large", against_engine(&key, 1 << 20, 200));
    report.insert("threads", two_threads(&key, 60));
    report.insert("allocations", allocations(&key));
    report.insert("random", random());
    report.insert("curve", curve(&key));
    report.insert("overhead_bytes", json!(key.encrypt(&[0; 100], &mut [0; 512]) - 100));
    key.close();
    report.insert("open", opening(folder.path()));
    println!("{}", serde_json::to_string(&report).expect("numbers and names"));
}

/// Encrypt and decrypt of `size` bytes against a draw of 44 bytes, one key set-up, one wrap and one seal of as many.
/// Decryption needs no random bytes, so it is measured against a floor without the draw, and one with it.
fn against_floor(key: &Key, size: usize, rounds: usize) -> Value {
    let plaintext = vec![7; size];
    let mut floor = Floor::new().expect("a generator");
    let mut floor_sealed = vec![0; 12 + 48 + size + TAG];
    let mut sealed = vec![0; size + 512];
    let encrypt = pair(
        rounds,
        || {
            key.encrypt(black_box(&plaintext), &mut sealed);
        },
        || floor.encrypt(black_box(&plaintext), &mut floor_sealed).expect("randomness"),
    );
    let len = key.encrypt(&plaintext, &mut sealed);
    let (mut opened, mut floor_opened) = (vec![0; size], vec![0; size]);
    let decrypt = pair(
        rounds,
        || {
            key.decrypt(black_box(&sealed[..len]), &mut opened);
        },
        || floor.decrypt(black_box(&floor_sealed), &mut floor_opened).expect("what it sealed"),
    );
    let drawing = pair(
        rounds,
        || {
            key.decrypt(black_box(&sealed[..len]), &mut opened);
        },
        || {
            floor.draw(black_box(&mut [0; DRAW])).expect("randomness");
            floor.decrypt(black_box(&floor_sealed), &mut floor_opened).expect("what it sealed");
        },
    );
    assert_eq!(opened, plaintext);
    assert_eq!(floor_opened, plaintext);
    json!({
        "bytes": size, "encrypt": of(&encrypt), "decrypt": of(&decrypt), "decrypt_against_drawing": of(&drawing),
    })
}

/// Encrypt and decrypt of `size` bytes against the bare engine on the same 16 KiB pieces under a ready key.
fn against_engine(key: &Key, size: usize, rounds: usize) -> Value {
    let plaintext = vec![7; size];
    let mut floor = Floor::new().expect("a generator");
    floor.set_key(&[3; 32]);
    let mut pieces = vec![0; size / CHUNK * (CHUNK + TAG)];
    let mut sealed = vec![0; size + size / 256 + 512];
    let encrypt = pair(
        rounds,
        || {
            key.encrypt(black_box(&plaintext), &mut sealed);
        },
        || seal_pieces(&floor, black_box(&plaintext), &mut pieces),
    );
    let len = key.encrypt(&plaintext, &mut sealed);
    let (mut opened, mut bare) = (vec![0; size], vec![0; size]);
    let decrypt = pair(
        rounds,
        || {
            key.decrypt(black_box(&sealed[..len]), &mut opened);
        },
        || open_pieces(&floor, black_box(&pieces), &mut bare),
    );
    assert_eq!(opened, plaintext);
    assert_eq!(bare, plaintext);
    json!({ "bytes": size, "encrypt": of(&encrypt), "decrypt": of(&decrypt) })
}

fn seal_pieces(floor: &Floor, plaintext: &[u8], out: &mut [u8]) {
    for (number, (piece, out)) in plaintext.chunks(CHUNK).zip(out.chunks_mut(CHUNK + TAG)).enumerate() {
        floor.seal(&nonce(number), piece, &mut out[..piece.len() + TAG]);
    }
}

fn open_pieces(floor: &Floor, sealed: &[u8], out: &mut [u8]) {
    for (number, (piece, out)) in sealed.chunks(CHUNK + TAG).zip(out.chunks_mut(CHUNK)).enumerate() {
        floor.open(&nonce(number), piece, &mut out[..piece.len() - TAG]).expect("what was sealed");
    }
}

fn nonce(number: usize) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&(number as u64).to_be_bytes());
    nonce
}

fn of(pair: &measure::Pair) -> Value {
    json!({ "ns": pair.first_ns, "reference_ns": pair.second_ns, "ratio": pair.ratio })
}

/// Calls a second of two threads on one key handle over those of one, for 100 bytes; rounds of one and two in turns.
fn two_threads(key: &Key, rounds: usize) -> Value {
    const CALLS: usize = 20_000;
    let work = |key: Key| {
        let (plaintext, mut out) = ([7; 100], [0; 512]);
        for _ in 0..CALLS {
            key.encrypt(black_box(&plaintext), &mut out);
        }
    };
    let timed = |threads: usize| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let key = key.clone();
                scope.spawn(move || work(key));
            }
        });
        (threads * CALLS) as f64 / start.elapsed().as_secs_f64()
    };
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let one = timed(1);
        ratios.push(timed(2) / one);
    }
    json!({ "speed_up": median(ratios), "cores": std::thread::available_parallelism().map_or(1, usize::from) })
}

/// Allocations, C's and Rust's together, of 10,000 calls each after the first.
fn allocations(key: &Key) -> Value {
    let (plaintext, mut sealed, mut opened) = (vec![7; 20_000], vec![0; 32_768], vec![0; 20_000]);
    let len = key.encrypt(&plaintext, &mut sealed);
    key.decrypt(&sealed[..len], &mut opened);
    let before = malloc::count();
    black_box(vec![0u8; black_box(64)]);
    let counted = malloc::count() > before;
    let before = malloc::count();
    for _ in 0..10_000 {
        let len = key.encrypt(&plaintext, &mut sealed);
        key.decrypt(&sealed[..len], &mut opened);
    }
    // Before the report, which allocates, is begun.
    let made = malloc::count() - before;
    json!({ "calls": 20_000, "allocations": made, "counter_works": counted })
}

/// A million draws of 44 bytes through the ABI, and by the system call.
fn random() -> Value {
    const DRAWS: u32 = 1_000_000;
    let mut out = [0; DRAW];
    let timed = |draw: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..DRAWS {
            draw();
        }
        start.elapsed().as_nanos() as f64 / f64::from(DRAWS)
    };
    let ours = timed(&mut || abi::random(&mut out));
    let mut out = [0u8; DRAW];
    // SAFETY: the buffer is as long as is said; the call itself, not the C library's function, which may use the vDSO.
    let system = timed(&mut || unsafe {
        libc::syscall(libc::SYS_getrandom, out.as_mut_ptr(), out.len(), 0);
    });
    let mut floor = Floor::new().expect("a generator");
    let mut out = [0; DRAW];
    let bare = timed(&mut || floor.draw(&mut out).expect("randomness"));
    json!({ "draws": DRAWS, "bytes": DRAW, "abi_ns": ours, "system_call_ns": system, "generator_ns": bare })
}

/// Bytes a second over the size of the message, ours and the bare engine's.
fn curve(key: &Key) -> Value {
    let mut floor = Floor::new().expect("a generator");
    floor.set_key(&[3; 32]);
    let mut points = Vec::new();
    for power in (4..=24).step_by(1) {
        let size = 1usize << power;
        let rounds = if power > 20 { 15 } else { 40 };
        let plaintext = vec![7; size];
        let (mut sealed, mut opened) = (vec![0; size + size / 256 + 512], vec![0; size]);
        let mut pieces = vec![0; size.div_ceil(CHUNK) * (CHUNK + TAG)];
        let encrypt = single(rounds, || {
            key.encrypt(black_box(&plaintext), &mut sealed);
        });
        let len = key.encrypt(&plaintext, &mut sealed);
        let decrypt = single(rounds, || {
            key.decrypt(black_box(&sealed[..len]), &mut opened);
        });
        let bare = single(rounds, || seal_pieces(&floor, black_box(&plaintext), &mut pieces));
        let speed = |ns: f64| size as f64 / ns * 1e9;
        points.push(json!({
            "bytes": size, "encrypt": speed(encrypt), "decrypt": speed(decrypt), "engine": speed(bare),
        }));
    }
    json!(points)
}

/// Opening a store by a key file, opening a key and decrypting once; the root's part is reading a file of a few lines.
fn opening(folder: &Path) -> Value {
    let mut sealed = [0; 512];
    let key = Key::open(folder);
    let len = key.encrypt(&[7; 100], &mut sealed);
    key.close();
    let times = (0..50).map(|_| {
        let start = Instant::now();
        let key = Key::open(folder);
        key.decrypt(&sealed[..len], &mut [0; 100]);
        let taken = start.elapsed().as_secs_f64() * 1e3;
        key.close();
        taken
    });
    json!({ "milliseconds": median(times.collect()) })
}
