//! No use is lost for want of room: it is counted, or a gap says how many are not. Test builds have room for 64 versions
//! and as many with failures.

use serde_json::Value;

use super::support::*;
use super::trail::{open, seal};
use crate::envelope::Allowed;
use crate::keystore::{Key, Store};

const ROOM: usize = 64;

fn keys(store: &Store, count: usize) -> Vec<Key> {
    let key = |n| {
        let alias = format!("k{n}");
        store.create_key(&with_alias(&alias)).unwrap();
        store.key(&named(&alias)).unwrap()
    };
    (0..count).map(key).collect()
}

fn events(store: &Store) -> Vec<Value> {
    store.flush_trail().unwrap();
    let rows = store.inner.read(|snapshot| snapshot.rows.events(0, 1_000_000)).unwrap();
    rows.iter().map(|row| serde_json::from_str(&row.event).unwrap()).collect()
}

/// What the gaps say.
fn uncounted(events: &[Value]) -> u64 {
    let gaps = events.iter().filter(|event| event["eventName"] == "TrailGap");
    gaps.map(|gap| gap["serviceEventDetails"]["uncounted"].as_u64().unwrap()).sum()
}

/// Mutation seen to fail it: `begin` that does not say what it could not count.
#[test]
fn uses_of_more_versions_than_there_is_room_for_are_told_as_a_gap() {
    let store = Store::in_memory().unwrap();
    let keys = keys(&store, ROOM + 10);
    for key in keys.iter().chain(&keys) {
        seal(&[key], b"message", &[]).unwrap();
    }
    let events = events(&store);
    let told = events.iter().filter(|event| event["eventName"] == "Encrypt");
    let told: u64 = told.map(|event| event["additionalEventData"]["count"].as_u64().unwrap()).sum();
    assert_eq!((told, uncounted(&events)), (2 * ROOM as u64, 20));
}

/// Mutation seen to fail it: `failure` that passes over known versions where there is no room for others.
#[test]
fn failures_are_counted_where_they_were_before_and_told_as_a_gap_where_not() {
    let store = Store::in_memory().unwrap();
    let keys = keys(&store, ROOM + 1);
    let sealed: Vec<_> = keys.iter().map(|key| seal(&[key], b"message", &[]).unwrap()).collect();
    store.flush_trail().unwrap();
    for n in (0..ROOM).chain([0, ROOM]) {
        assert!(open(Allowed::Keys(&[&keys[n]]), &sealed[n], &[("a", "b")]).is_err());
    }
    let gap = uncounted(&events(&store)) - 1;
    let failures = |n: usize| store.key_usage(&named(&format!("k{n}"))).unwrap()[0].failures;
    assert_eq!((failures(0), failures(1), gap), (2, 1, 1), "one more of the 65th version's encryption");
}
