//! What the data path asks of the store while nothing changes: no memory, once it is warm.
#![cfg(feature = "sqlite")]

mod keystore_support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::thread::sleep;
use std::time::{Duration, Instant};

use keyfold::envelope::{Context, EncryptOptions, StoredContext, encrypt_into};
use keyfold::keystore::OpenOptions;
use keystore_support::{Place, named, with_alias};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came; counting touches a cell of this thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller of this function promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller of this function promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Over several looks for changes by others too, once the file's stamp is older than a second. Mutation seen to fail
/// it: `look_now` that does not remember what it saw.
#[test]
fn nothing_is_allocated_while_nothing_changes() {
    let place = Place::new();
    let refresh = Duration::from_millis(20);
    let store = place.init(OpenOptions { refresh, ..OpenOptions::default() });
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let (mut out, options) = (vec![0; 200], EncryptOptions::default());
    let mut call = || {
        let context = Context::from_canonical(&[0, 0]).unwrap();
        encrypt_into(&[&key], b"data", &context, &StoredContext::None, &options, &mut out).unwrap();
    };
    // The first use writes down what waits for the trail, which makes the file's stamp young again.
    call();
    sleep(Duration::from_millis(1_100));
    call();
    sleep(Duration::from_millis(1_100));
    call();
    sleep(refresh * 2);
    call();
    let before = ALLOCATIONS.get();
    let until = Instant::now() + refresh * 10;
    while Instant::now() < until {
        call();
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
