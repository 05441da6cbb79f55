//! Threads that must have an event on disk before they go on share transactions (docs/AUDIT.md).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::support::*;
use super::trail::seal;
use crate::keystore::failpoint::{self, meanwhile};
use crate::keystore::{CreateKey, Key, KeyPolicy, Store};

const THREADS: usize = 7;

fn fail_closed(store: &Store) -> Key {
    let policy = KeyPolicy { audit_fail_closed: true, ..KeyPolicy::default() };
    store.create_key(&CreateKey { policy, ..with_alias("k") }).unwrap();
    let key = store.key(&named("k")).unwrap();
    // The first use begins an interval, which is a transaction of its own.
    seal(&[&key], b"before", &[]).unwrap();
    store.flush_trail().unwrap();
    key
}

/// How many uses the trail tells of; `refused`: those that came to nothing.
fn told(store: &Store, refused: bool) -> usize {
    let rows = store.inner.read(|snapshot| snapshot.rows.events(0, 1_000_000)).unwrap();
    let uses = rows.iter().filter(|row| row.event.contains("\"eventName\":\"Encrypt\""));
    uses.filter(|row| row.event.contains("\"errorCode\"") == refused).count()
}

/// Runs one use in this thread, and while it is at the point of its commit one in each of seven others. Whether each
/// succeeded: this thread's, and those of the others. None of the others is done before the first commit is.
fn one_and_seven(store: &Store, key: &Key, at_the_point: fn()) -> (bool, usize) {
    let (done, well) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let first = thread::scope(|scope| {
        let (held, is_held) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let first = scope.spawn(move || {
            meanwhile("before trail commit", move || {
                held.send(()).unwrap();
                may_go_on.recv().unwrap();
                at_the_point();
            });
            seal(&[key], b"first", &[]).is_ok()
        });
        is_held.recv().unwrap();
        for _ in 0..THREADS {
            scope.spawn(|| {
                well.fetch_add(usize::from(seal(&[key], b"other", &[]).is_ok()), Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        while store.inner.trail.waiting_events() < THREADS as u64 && done.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert_eq!(done.load(Ordering::SeqCst), 0, "a use went on without its event on disk");
        go_on.send(()).unwrap();
        first.join().unwrap()
    });
    (first, well.load(Ordering::SeqCst))
}

/// Mutations seen to fail it: `write_with` that returns without waiting, and a batch of one event.
#[test]
fn one_commit_covers_all_who_waited_for_the_one_before() {
    let store = Store::in_memory().unwrap();
    let key = fail_closed(&store);
    let before = store.trail_transactions();
    assert_eq!(one_and_seven(&store, &key, || {}), (true, THREADS));
    assert_eq!(store.trail_transactions() - before, 2, "one of the first alone, and one of all who waited");
    assert_eq!((told(&store, false), told(&store, true)), (2 + THREADS, 0));
}

/// Mutations seen to fail it: a turn whose end wakes nobody (it hangs then), and `put_back` that answers tickets with
/// success.
#[test]
fn nobody_who_waited_for_a_commit_that_failed_goes_on() {
    let place = Place::new();
    let store = place.init();
    let key = fail_closed(&store);
    assert_eq!(one_and_seven(&store, &key, || failpoint::fail_once("commit")), (false, 0));
    drop((key, store));
    assert_eq!(told(&place.open().unwrap(), false), 1, "the one before");
}
