//! Host callbacks as sinks of a store's trail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::support::*;
use crate::keystore::Store;

/// Mutation seen to fail it: a callback called without `catch_unwind`.
#[test]
fn a_callback_that_panicked_hears_the_rest_and_so_do_others() {
    let store = Store::in_memory().unwrap();
    let (one, other) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let heard = one.clone();
    store
        .add_callback_sink(Box::new(move |line| {
            let mut heard = heard.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            heard.push(line.to_owned());
            assert!(heard.len() > 1, "the first call of all");
            true
        }))
        .unwrap();
    let heard = other.clone();
    store
        .add_callback_sink(Box::new(move |line| {
            heard.lock().unwrap().push(line.to_owned());
            true
        }))
        .unwrap();
    store.create_key(&with_alias("first")).unwrap();
    store.create_key(&with_alias("second")).unwrap();
    let count = |lines: &Mutex<Vec<String>>| {
        let lines = lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        lines.iter().filter(|line| line.contains("\"eventName\":\"CreateKey\"")).count()
    };
    // A sink that failed is left alone for a while.
    while count(&one) < 3 {
        store.flush_trail().unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!((count(&one), count(&other)), (3, 2), "the call that panicked was made again");
    assert!(store.sinks().unwrap().iter().all(|sink| sink.waiting == 0));
}
