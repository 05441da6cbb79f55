//! RSA by aws-lc. Its numbers lie in aws-lc's own heap for the length of a call, which wipes what it frees; between
//! calls a private key is ours, sealed. Randomness for a key's primes is aws-lc's generator, which knows forks.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use aws_lc_sys as c;

use super::Unauthentic;
use super::rsa::{RsaPair, failed};
use super::rsa_oaep::{subject_public_key_info, unpad};
use crate::error::Result;
use crate::secret::{OnFork, SecretBytes, wipe};

/// Something of aws-lc's, freed when dropped.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    fn new(made: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Owned<T>> {
        NonNull::new(made).map(|made| Owned(made, free))
    }

    fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from aws-lc, is owned by this value alone, and `1` is the function that frees it.
        unsafe { (self.1)(self.get()) }
    }
}

/// Leaves no entry of ours on this thread's error queue.
struct Quiet;

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: takes and touches nothing of ours.
        unsafe { c::ERR_clear_error() }
    }
}

pub(super) fn generate(bits: u32) -> Result<RsaPair> {
    let _quiet = Quiet;
    make(bits).ok_or_else(failed)
}

fn make(bits: u32) -> Option<RsaPair> {
    // SAFETY: every pointer given was made by aws-lc and checked, or is the address of a local; what it allocates for
    // the two encodings is copied out within its length, then wiped or not secret, and freed.
    unsafe {
        let rsa = Owned::new(c::RSA_new(), c::RSA_free)?;
        let e = Owned::new(c::BN_new(), c::BN_free)?;
        let made = c::BN_set_word(e.get(), c::RSA_F4 as _) == 1
            && c::RSA_generate_key_ex(rsa.get(), i32::try_from(bits).ok()?, e.get(), ptr::null_mut()) == 1;
        if !made {
            return None;
        }
        let (mut at, mut len) = (ptr::null_mut(), 0);
        if c::RSA_private_key_to_bytes(&mut at, &mut len, rsa.get()) != 1 {
            return None;
        }
        let der = std::slice::from_raw_parts_mut(at, len);
        let private = SecretBytes::zeroed(len, OnFork::Wipe).map(|mut private| {
            private.expose_mut().copy_from_slice(der);
            private
        });
        wipe(der);
        c::OPENSSL_free(at.cast());
        let (mut at, mut len) = (ptr::null_mut(), 0);
        if c::RSA_public_key_to_bytes(&mut at, &mut len, rsa.get()) != 1 {
            return None;
        }
        let public = subject_public_key_info(std::slice::from_raw_parts(at, len));
        c::OPENSSL_free(at.cast());
        Some(RsaPair { private: private.ok()?, public })
    }
}

pub(super) fn open(private: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<usize, Unauthentic> {
    let _quiet = Quiet;
    let opened = decrypt(private, sealed, out);
    match opened {
        Some(len) => out[len..].fill(0),
        None => wipe(out),
    }
    opened.ok_or(Unauthentic)
}

fn decrypt(private: &[u8], sealed: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut encoded = Encoded([0; MODULUS]);
    // SAFETY: pointers and lengths are those of the slices; aws-lc writes no more than the room it is told.
    let len = unsafe {
        let rsa = Owned::new(c::RSA_private_key_from_bytes(private.as_ptr(), private.len()), c::RSA_free)?;
        let (at, mut len) = (encoded.0.as_mut_ptr(), 0);
        let done = c::RSA_decrypt(
            rsa.get(),
            &mut len,
            at,
            MODULUS,
            sealed.as_ptr(),
            sealed.len(),
            c::RSA_NO_PADDING,
        );
        (done == 1).then_some(len)?
    };
    let message = unpad(encoded.0.get_mut(..len)?)?;
    out.get_mut(..message.len())?.copy_from_slice(message);
    Some(message.len())
}

/// Bytes of the largest modulus that we make: 4,096 bits.
const MODULUS: usize = 512;

/// An encoded message, and then the message; wiped when dropped.
struct Encoded([u8; MODULUS]);

impl Drop for Encoded {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// What someone who brings material does: for tests.
#[cfg(test)]
pub(crate) fn seal(public: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let _quiet = Quiet;
    // SAFETY: pointers and lengths are those of the slices, what is made is checked; the encoding's pointer is advanced within `public`.
    unsafe {
        let mut at = public.as_ptr();
        let key = c::d2i_PUBKEY(ptr::null_mut(), &mut at, public.len().try_into().ok()?);
        let key = Owned::new(key, c::EVP_PKEY_free)?;
        let ctx = Owned::new(c::EVP_PKEY_CTX_new(key.get(), ptr::null_mut()), c::EVP_PKEY_CTX_free)?;
        let (mut out, mut len) = (vec![0; 512], 512);
        let done = c::EVP_PKEY_encrypt_init(ctx.get()) == 1
            && c::EVP_PKEY_CTX_set_rsa_padding(ctx.get(), c::RSA_PKCS1_OAEP_PADDING) == 1
            && c::EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), c::EVP_sha256()) == 1
            && c::EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), c::EVP_sha256()) == 1
            && c::EVP_PKEY_encrypt(ctx.get(), out.as_mut_ptr(), &mut len, secret.as_ptr(), secret.len()) == 1;
        out.truncate(len);
        done.then_some(out)
    }
}
