//! Faults for the test suites; only with the `failpoints` feature, never in the header.

use std::cell::Cell;

thread_local! {
    static PANIC: Cell<bool> = const { Cell::new(false) };
}

/// The next call of this thread panics inside.
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_failpoint_panic() {
    PANIC.set(true);
}

pub(super) fn maybe_panic() {
    if PANIC.replace(false) {
        panic!("failpoint");
    }
}
