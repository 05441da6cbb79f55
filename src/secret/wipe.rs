#![allow(unsafe_code)]

use std::ptr;

/// Zeroes bytes in a way the compiler may not leave out, at the speed of a plain fill. (`Zeroize` for bytes writes
/// them one at a time, which the data path would feel; the barrier is `zeroize`'s own.)
#[inline]
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    zeroize::optimization_barrier(bytes);
}

/// [`wipe`] for words.
#[inline]
pub(crate) fn wipe_words(words: &mut [u32]) {
    words.fill(0);
    zeroize::optimization_barrier(words);
}

/// Zeroes `N` bytes of stack below the caller, where a function that was just called kept its locals. For calls
/// into code that takes or returns keys by value.
#[inline(never)]
pub(crate) fn scrub_stack<const N: usize>() {
    let mut below = [0xff_u8; N];
    wipe(&mut below);
}

/// Zeroes `len` bytes at `at`.
///
/// # Safety
/// The bytes must be writable and borrowed by no one.
pub(super) unsafe fn wipe_raw(at: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { ptr::write_bytes(at, 0, len) };
    zeroize::optimization_barrier(&at);
}
