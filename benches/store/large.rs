//! A store of a million keys, and rotations many at a time.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use keyfold::keystore::{KeyPolicy, OpenOptions, PageRequest, Store};
use rusqlite::params;
use serde_json::{Value, json};

use crate::measure::median;
use crate::place::{self, Place, named, options, with_policy};
use crate::trail::bare;

/// Opening, looking up, listing; each the median of some tries on a store of so many keys with an alias each.
pub fn store_of(keys: u64) -> Value {
    let place = Place::new();
    let started = Instant::now();
    place.open(&options()).plant_keys(keys, "k").expect("room for them");
    let made = started.elapsed().as_secs_f64();
    let small = Place::new();
    small.open(&options()).plant_keys(1_000.min(keys), "k").expect("room for them");
    let quiet = OpenOptions { refresh: Duration::from_secs(3_600), ..options() };
    let opening = (0..20).map(|_| micros(|| drop(place.open(&quiet))) / 1e3);
    let opening_ms = median(opening.collect());
    let store = place.open(&quiet);
    let nth = |i: u64| named(&format!("k{}", i * 7_919 % keys));
    let mut i = 0;
    let mut cold = |look: &mut dyn FnMut(u64)| {
        median(
            (0..400)
                .map(|_| {
                    i += 1;
                    micros(|| look(i))
                })
                .collect(),
        )
    };
    let by_alias = cold(&mut |i| drop(store.key(&nth(i)).expect("it")));
    let ids: Vec<_> = (0..400).map(|i| store.describe_key(&nth(10_000 + i)).expect("it").key_id).collect();
    let by_id = cold(&mut |i| {
        drop(store.key(&keyfold::keystore::KeyName::Id(ids[(i % 400) as usize])).expect("it"));
    });
    let described = cold(&mut |i| drop(store.describe_key(&nth(20_000 + i)).expect("it")));
    let cached_alias = repeated(&store, &nth(1));
    let cached_id = repeated(&store, &keyfold::keystore::KeyName::Id(ids[0]));
    let (first, last) = pages(&store);
    json!({
        "keys": keys,
        "seconds_to_make": made,
        "open_ms": opening_ms,
        "cold_by_alias_us": by_alias,
        "cold_by_id_us": by_id,
        "describe_us": described,
        "cached_by_alias_us": cached_alias,
        "cached_by_id_us": cached_id,
        "first_page_us": first,
        "late_page_us": last,
        "peak_memory_kib": peak_memory(place.folder()),
        "peak_memory_of_1000_kib": peak_memory(small.folder()),
    })
}

fn repeated(store: &Store, name: &keyfold::keystore::KeyName) -> f64 {
    let _held = store.key(name).expect("it");
    median(
        (0..50)
            .map(|_| micros(|| (0..100).for_each(|_| drop(store.key(name).expect("it")))) / 100.0)
            .collect(),
    )
}

/// The first page of 100 keys, and one behind some hundreds of others.
fn pages(store: &Store) -> (f64, f64) {
    let page = |after: Option<String>| {
        let mut next = None;
        let taken = median(
            (0..9)
                .map(|_| {
                    micros(|| {
                        let request = PageRequest { after: after.clone(), limit: 100 };
                        next = store.list_keys(&request).expect("a page").next;
                    })
                })
                .collect(),
        );
        (taken, next)
    };
    let (first, mut next) = page(None);
    let mut last = first;
    for _ in 0..100 {
        let request = PageRequest { after: next.clone(), limit: 1_000 };
        let Some(after) = store.list_keys(&request).expect("a page").next else { break };
        next = Some(after);
    }
    if next.is_some() {
        last = page(next).0;
    }
    (first, last)
}

fn micros(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / 1e3
}

/// The most memory that a process takes which opens the store, opens a thousand keys, and walks ten thousand.
fn peak_memory(folder: &Path) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).arg("peak-memory").arg(folder).output().expect("a child");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

/// The child of [`peak_memory`].
pub fn tell_peak_memory(folder: &Path) {
    let store = place::open(folder, &options());
    for i in 0..1_000 {
        let _ = store.key(&named(&format!("k{i}")));
    }
    let mut after = None;
    for _ in 0..10 {
        let page = store.list_keys(&PageRequest { after, limit: 1_000 }).expect("a page");
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("the system's word");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a peak");
    println!("{}", line.split_whitespace().nth(1).expect("a number"));
}

/// Rotations a second of keys that are due, many in a transaction, over bare SQLite's updates of rows of that size in
/// transactions of as many.
pub fn rotations() -> Value {
    const KEYS: u64 = 2_048;
    const BATCH: usize = 256;
    let place = Place::new();
    let store = place.open(&options());
    let policy = KeyPolicy { rotation_period_days: Some(90), ..KeyPolicy::default() };
    store.create_key(&with_policy("first", policy)).expect("a key");
    store.plant_due_keys(KEYS, "k").expect("room for them");
    let start = Instant::now();
    let rotated = store.rotate_due(&mut |_, _| {}).expect("rotations").len();
    let ours = rotated as f64 / start.elapsed().as_secs_f64();
    let size = document_size(&place);
    let bare = bare_updates(&place, rotated.max(1), BATCH, size);
    json!({ "rotated": rotated, "rotations_a_second": ours, "bare_updates_a_second": bare, "ratio": ours / bare, "row_bytes": size })
}

fn document_size(place: &Place) -> usize {
    let db = rusqlite::Connection::open(place.path("store/keys.db")).expect("the file");
    db.query_row("SELECT length(document) FROM keys LIMIT 1", [], |row| row.get::<_, i64>(0)).expect("a key")
        as usize
}

fn bare_updates(place: &Place, rows: usize, batch: usize, size: usize) -> f64 {
    let db = bare(place, "updates.db");
    db.execute_batch(
        "CREATE TABLE keys (id BLOB PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, mac BLOB NOT NULL, document TEXT NOT NULL) STRICT;
         CREATE INDEX keys_entries ON keys (id, revision, mac); BEGIN",
    )
    .expect("a table");
    let id = |i: usize| (i as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    let document = "d".repeat(size);
    for i in 0..rows {
        db.prepare_cached("INSERT INTO keys VALUES (?1, 1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![id(i), [7u8; 32], document]))
            .expect("a row");
    }
    db.execute_batch("COMMIT").expect("commit");
    let start = Instant::now();
    for part in (0..rows).collect::<Vec<_>>().chunks(batch) {
        db.execute_batch("BEGIN IMMEDIATE").expect("begin");
        for &i in part {
            db.prepare_cached(
                "UPDATE keys SET revision = 2, mac = ?2, document = ?3 WHERE id = ?1 AND revision = 1",
            )
            .and_then(|mut update| update.execute(params![id(i), [8u8; 32], document]))
            .expect("a row");
        }
        db.execute_batch("COMMIT").expect("commit");
    }
    rows as f64 / start.elapsed().as_secs_f64()
}
