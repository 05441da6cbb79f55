//! The trail: what it adds to a call, events a second, verification.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use keyfold::audit::Filter;
use keyfold::envelope::{
    Allowed, Context, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, encrypt_into,
};
use keyfold::keystore::{Key, KeyPolicy, OpenOptions};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::measure::{median, pair};
use crate::place::{Place, named, options, quiet, with_policy};

/// Encrypt and decrypt of 100 bytes with the trail on, uses aggregated each second, over the same with it off.
pub fn cost() -> Value {
    let place = Place::new();
    let on = place.open(&quiet(Duration::from_secs(1)));
    on.create_key(&with_policy("k", KeyPolicy::default())).expect("a key");
    let off = place.open(&OpenOptions { trail: false, ..options() });
    let (on, off) = (on.key(&named("k")).expect("it"), off.key(&named("k")).expect("it"));
    let (mut out, mut other) = ([0; 512], [0; 512]);
    let encrypted = pair(
        600,
        || {
            encrypt(&on, &mut out);
        },
        || {
            encrypt(&off, &mut other);
        },
    );
    let len = encrypt(&on, &mut out);
    let decrypted = pair(600, || decrypt(&on, &out[..len]), || decrypt(&off, &out[..len]));
    json!({ "encrypt": encrypted.ratio, "decrypt": decrypted.ratio, "encrypt_ns": encrypted.first_ns })
}

/// Events a second of a fail-closed key (an event on disk before each call returns) from so many threads, and rows a
/// second of bare SQLite: the same rows, as many a transaction as the trail put into one.
pub fn events_a_second(threads: usize) -> Value {
    const EVENTS: usize = 2_000;
    let place = Place::new();
    let store = place.open(&options());
    let policy = KeyPolicy { audit_fail_closed: true, ..KeyPolicy::default() };
    store.create_key(&with_policy("k", policy)).expect("a key");
    let key = store.key(&named("k")).expect("it");
    let rounds = (0..5).map(|_| {
        let before = store.trail_transactions();
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let key = key.clone();
                scope.spawn(move || {
                    let mut out = [0; 512];
                    for _ in 0..EVENTS / threads {
                        encrypt(&key, &mut out);
                    }
                });
            }
        });
        let ours = EVENTS as f64 / start.elapsed().as_secs_f64();
        let transactions = (store.trail_transactions() - before).max(1);
        let batch = (EVENTS as u64).div_ceil(transactions).max(1);
        (ours, bare_inserts(&place, EVENTS, batch as usize), batch)
    });
    let rounds: Vec<(f64, f64, u64)> = rounds.collect();
    json!({
        "threads": threads,
        "events_a_second": median(rounds.iter().map(|round| round.0).collect()),
        "bare_rows_a_second": median(rounds.iter().map(|round| round.1).collect()),
        "ratio": median(rounds.iter().map(|round| round.0 / round.1).collect()),
        "events_a_transaction": median(rounds.iter().map(|round| round.2 as f64).collect()),
    })
}

/// Rows of the same size into a table of the same form, durably, `batch` a transaction; rows a second.
fn bare_inserts(place: &Place, rows: usize, batch: usize) -> f64 {
    let event: String = {
        let db = Connection::open(place.path("store/keys.db")).expect("the file");
        db.query_row("SELECT event FROM events ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
            .expect("an event")
    };
    let db = bare(place, "bare.db");
    db.execute_batch("CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY NOT NULL, mac BLOB NOT NULL, event TEXT NOT NULL) STRICT")
        .expect("a table");
    let start = Instant::now();
    for part in (0..rows).collect::<Vec<_>>().chunks(batch) {
        db.execute_batch("BEGIN IMMEDIATE").expect("begin");
        for _ in part {
            db.prepare_cached("INSERT INTO events (mac, event) VALUES (?1, ?2)")
                .expect("a statement")
                .execute(params![[7u8; 32], event])
                .expect("a row");
        }
        db.execute_batch("COMMIT").expect("commit");
    }
    rows as f64 / start.elapsed().as_secs_f64()
}

/// A database with the store's own settings.
pub fn bare(place: &Place, name: &str) -> Connection {
    let db = Connection::open(place.path(name)).expect("a database");
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
        .expect("settings");
    db
}

/// Events a second that `audit verify` goes through.
pub fn verification() -> Value {
    const EVENTS: u64 = 200_000;
    let place = Place::new();
    let store = place.open(&options());
    let policy = KeyPolicy { audit_each_use: true, ..KeyPolicy::default() };
    store.create_key(&with_policy("k", policy)).expect("a key");
    let key = store.key(&named("k")).expect("it");
    let mut out = [0; 512];
    for _ in 0..EVENTS {
        encrypt(&key, &mut out);
    }
    store.flush_trail().expect("room");
    let rounds: Vec<(f64, f64)> = (0..3)
        .map(|_| {
            let start = Instant::now();
            let report = store.verify_trail(None, &mut |_, _| {}).expect("the trail");
            assert!(report.ok && report.events >= EVENTS, "{report:?}");
            (report.events as f64 / start.elapsed().as_secs_f64(), bare_reading(&place))
        })
        .collect();
    let page = store.read_trail(&Filter::default(), EVENTS / 2, 1).expect("a page");
    let bytes = page.events.first().map_or(0, |event| event.to_string().len());
    json!({
        "events": EVENTS,
        "events_a_second": median(rounds.iter().map(|round| round.0).collect()),
        "floor_a_second": median(rounds.iter().map(|round| round.1).collect()),
        "ratio": median(rounds.iter().map(|round| round.0 / round.1).collect()),
        "bytes_an_event": bytes,
    })
}

/// The floor of a verification on one core: each row read, its leaf and one tree node hashed, a MAC over the leaf. Events
/// a second.
fn bare_reading(place: &Place) -> f64 {
    let db = Connection::open(place.path("store/keys.db")).expect("the file");
    let start = Instant::now();
    let mut select = db.prepare("SELECT seq, mac, event FROM events ORDER BY seq").expect("a statement");
    let mut rows = select.query([]).expect("rows");
    let (mut events, mut node) = (0_u64, [0_u8; 32]);
    while let Some(row) = rows.next().expect("a row") {
        let event = row.get_ref(2).and_then(|event| Ok(event.as_str()?.to_owned())).expect("text");
        let leaf = Sha256::new().chain_update([0]).chain_update(&event).finalize();
        let mac = HmacSha256::new_from_slice(&[7; 32]).expect("a key").chain_update(leaf).finalize();
        node = Sha256::new().chain_update([1]).chain_update(node).chain_update(leaf).finalize().into();
        black_box((mac.into_bytes(), &node));
        events += 1;
    }
    events as f64 / start.elapsed().as_secs_f64()
}

type HmacSha256 = Hmac<Sha256>;

fn encrypt(key: &Key, out: &mut [u8]) -> usize {
    let options = EncryptOptions::default();
    let (context, stored) = (Context::unpack(&CONTEXT).expect("a context"), StoredContext::None);
    encrypt_into(&[key], black_box(&[7; 100]), &context, &stored, &options, out).expect("an envelope")
}

fn decrypt(key: &Key, envelope: &[u8]) {
    let context = Context::unpack(&CONTEXT).expect("a context");
    let mut out = [0; 100];
    let options = DecryptOptions::default();
    decrypt_into(Allowed::Keys(&[key]), black_box(envelope), &context, &options, &mut out).expect("it opens");
}

/// table = cards, tenant = 42.
const CONTEXT: [u8; 28] = *b"\0\x02\0\x05table\0\x05cards\0\x06tenant\0\x0242";
