//! AES-256-GCM by aws-lc, its context placed in our own memory. `EVP_AEAD_CTX_init` for AES-GCM keeps its whole
//! state inside the context (no heap), and sealing and opening work out of place without a copy.
#![allow(unsafe_code)]

use std::ptr;

use aws_lc_sys as c;

use super::Unauthentic;
use super::aead::TAG_SIZE;
use crate::secret::ZeroValid;

/// A prepared key. Zeros are the empty state, which must not seal or open.
#[repr(C)]
pub(super) struct Context(c::EVP_AEAD_CTX);

const _: () = assert!(size_of::<Context>() <= 592, "aws-lc's context has grown: see AeadKey");

// SAFETY: the context holds integers, bytes and raw pointers, all valid as zeros; for AES-GCM it owns nothing
// outside itself, so forgetting or wiping it leaks nothing.
unsafe impl ZeroValid for Context {}
// SAFETY: sealing and opening only read the context; the functions it points to are static.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// Whether the key could be prepared; aws-lc refuses none of this length.
    pub(super) fn set(&mut self, key: &[u8; 32]) -> bool {
        // SAFETY: `self.0` is writable and zero, `key` has the length given; the method table is static.
        unsafe {
            c::EVP_AEAD_CTX_init(
                &mut self.0,
                c::EVP_aead_aes_256_gcm(),
                key.as_ptr(),
                key.len(),
                TAG_SIZE,
                ptr::null_mut(),
            ) == 1
        }
    }

    /// Encrypts `len` bytes from `input` to `out` and the tag to `tag`; whether it did.
    ///
    /// # Safety
    /// `input` and `out` are valid for `len` bytes and equal or apart; `self` is set.
    unsafe fn seal_raw(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        input: *const u8,
        out: *mut u8,
        len: usize,
        tag: &mut [u8; TAG_SIZE],
    ) -> bool {
        let mut tag_len = 0;
        // SAFETY: the caller's promise; the other pointers come from slices and arrays of the lengths given.
        unsafe {
            c::EVP_AEAD_CTX_seal_scatter(
                &self.0,
                out,
                tag.as_mut_ptr(),
                &mut tag_len,
                TAG_SIZE,
                nonce.as_ptr(),
                nonce.len(),
                input,
                len,
                ptr::null(),
                0,
                aad.as_ptr(),
                aad.len(),
            ) == 1
                && tag_len == TAG_SIZE
        }
    }

    pub(super) fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        plaintext: &[u8],
        out: &mut [u8],
        tag: &mut [u8; TAG_SIZE],
    ) -> bool {
        assert_eq!(plaintext.len(), out.len());
        // SAFETY: both slices have the length given; a shared and an exclusive borrow are apart.
        unsafe { self.seal_raw(nonce, aad, plaintext.as_ptr(), out.as_mut_ptr(), out.len(), tag) }
    }

    pub(super) fn seal_in_place(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
        tag: &mut [u8; TAG_SIZE],
    ) -> bool {
        let at = buf.as_mut_ptr();
        // SAFETY: one buffer of the length given, input and output equal.
        unsafe { self.seal_raw(nonce, aad, at, at, buf.len(), tag) }
    }

    /// Decrypts and verifies; the output is unspecified on failure, callers zero it.
    ///
    /// # Safety
    /// As `seal_raw`.
    unsafe fn open_raw(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        input: *const u8,
        out: *mut u8,
        len: usize,
        tag: &[u8; TAG_SIZE],
    ) -> Result<(), Unauthentic> {
        // SAFETY: as in `seal_raw`.
        let opened = unsafe {
            c::EVP_AEAD_CTX_open_gather(
                &self.0,
                out,
                nonce.as_ptr(),
                nonce.len(),
                input,
                len,
                tag.as_ptr(),
                tag.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        if opened == 1 {
            return Ok(());
        }
        // aws-lc has put an entry on this thread's error queue (which it allocates at a thread's first failure, the
        // one allocation it makes); it is ours, and the host must not find it.
        // SAFETY: takes and touches nothing of ours.
        unsafe { c::ERR_clear_error() };
        Err(Unauthentic)
    }

    pub(super) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_SIZE],
        out: &mut [u8],
    ) -> Result<(), Unauthentic> {
        assert_eq!(ciphertext.len(), out.len());
        // SAFETY: both slices have the length given; a shared and an exclusive borrow are apart.
        unsafe { self.open_raw(nonce, aad, ciphertext.as_ptr(), out.as_mut_ptr(), out.len(), tag) }
    }

    pub(super) fn open_in_place(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
        tag: &[u8; TAG_SIZE],
    ) -> Result<(), Unauthentic> {
        let at = buf.as_mut_ptr();
        // SAFETY: one buffer of the length given, input and output equal.
        unsafe { self.open_raw(nonce, aad, at, at, buf.len(), tag) }
    }
}
