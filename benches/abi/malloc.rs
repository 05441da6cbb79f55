//! Counts every allocation of the process, C's and Rust's: the C library's entry points, defined here, count and go on
//! to the real ones. The linker takes these for everything that is linked in, aws-lc and SQLite included.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Allocations so far.
pub fn count() -> u64 {
    COUNT.load(Relaxed)
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    COUNT.fetch_add(1, Relaxed);
    // SAFETY: the same function under its other name.
    unsafe { __libc_malloc(size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    COUNT.fetch_add(1, Relaxed);
    // SAFETY: as above.
    unsafe { __libc_calloc(count, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    COUNT.fetch_add(1, Relaxed);
    // SAFETY: as above.
    unsafe { __libc_realloc(old, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    COUNT.fetch_add(1, Relaxed);
    // SAFETY: as above.
    unsafe { __libc_memalign(align, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    COUNT.fetch_add(1, Relaxed);
    // SAFETY: `out` is the caller's, by the function's contract.
    unsafe { *out = __libc_memalign(align, size) };
    0
}
