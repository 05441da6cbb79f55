//! What a handle makes of changes that it did not make itself, and of a store that it cannot look at.

use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::support::{Place, named, with_alias};
use crate::error::Status;
use crate::keystore::OpenOptions;
use crate::keystore::failpoint::fail_once;

/// Mutations seen to fail it: one thread looks, and the others go on with what was known; the time of the last look
/// noted whether it was good or not.
#[test]
fn no_thread_uses_a_key_when_the_store_cannot_be_looked_at() {
    let place = Place::new();
    let refresh = Duration::from_millis(30);
    drop(place.init());
    let store = place.open_with(&OpenOptions { refresh, ..OpenOptions::default() }).unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let (gone, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let (used, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Barrier::new(9);
    let aside = place.folder.path().join("aside");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap();
                begun.wait();
                while !stop.load(Ordering::Acquire) {
                    let late = gone.load(Ordering::Acquire);
                    match key.view(&crate::keystore::Wish::ANY, |_| Ok(())) {
                        Ok(()) => used.fetch_add(usize::from(late), Ordering::Relaxed),
                        Err(error) => {
                            assert_eq!(error.status(), Status::StoreNotFound);
                            refused.fetch_add(usize::from(late), Ordering::Relaxed)
                        }
                    };
                }
            });
        }
        begun.wait();
        fs::rename(&place.path, &aside).unwrap();
        thread::sleep(refresh * 2);
        gone.store(true, Ordering::Release);
        while refused.load(Ordering::Relaxed) < 4_000 {
            thread::yield_now();
        }
        stop.store(true, Ordering::Release);
    });
    fs::rename(&aside, &place.path).unwrap();
    assert_eq!(used.into_inner(), 0);
    key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap();
}

/// As with a file read past its locks that moved meanwhile. Mutations seen to fail it: the epoch noted when a snapshot
/// begins; a handle's state replaced inside it.
#[test]
fn a_snapshot_that_does_not_stand_leaves_no_trace() {
    let place = Place::new();
    drop(place.init());
    let rare = OpenOptions { refresh: Duration::from_secs(3_600), ..OpenOptions::default() };
    let store = place.open_with(&rare).unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap();
    place.elsewhere("rotate", "k");
    let generation = store.inner.seen.generation();
    fail_once("end of reading");
    store.describe_key(&named("k")).unwrap_err();
    assert_eq!(store.inner.seen.generation(), generation);
    store.describe_key(&named("k")).unwrap();
    assert!(store.inner.seen.generation() > generation);
    fail_once("end of reading");
    key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap_err();
    assert_eq!(key.held(), 1);
    key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap();
    assert_eq!(key.held(), 2);
}
