#![allow(unsafe_code)]

/// Fills `out` (at most 256 bytes) by getrandom(2), which waits until the kernel's generator is ready; whether it
/// did. A short or interrupted answer is no answer.
pub(crate) fn kernel_random(out: &mut [u8]) -> bool {
    // SAFETY: the pointer and length are those of `out`.
    let got = unsafe { libc::getrandom(out.as_mut_ptr().cast(), out.len(), 0) };
    usize::try_from(got) == Ok(out.len())
}
