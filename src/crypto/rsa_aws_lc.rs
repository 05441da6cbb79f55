//! RSA by aws-lc. Its numbers lie in aws-lc's own heap for the length of a call, which wipes what it frees; between
//! calls a private key is ours, sealed. Randomness for a key's primes is aws-lc's generator, which knows forks.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use aws_lc_sys as c;

use super::Unauthentic;
use super::rsa::{RsaPair, failed};
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
        let key = pkey(&rsa)?;
        let mut at = ptr::null_mut();
        let len = usize::try_from(c::i2d_PUBKEY(key.get(), &mut at)).ok().filter(|len| *len > 0)?;
        let public = std::slice::from_raw_parts(at, len).to_vec();
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
    // SAFETY: pointers and lengths are those of the slices; aws-lc refuses an output shorter than the key's modulus.
    unsafe {
        let rsa = c::RSA_private_key_from_bytes(private.as_ptr(), private.len());
        let key = pkey(&Owned::new(rsa, c::RSA_free)?)?;
        let ctx = Owned::new(c::EVP_PKEY_CTX_new(key.get(), ptr::null_mut()), c::EVP_PKEY_CTX_free)?;
        let mut len = out.len();
        let done = c::EVP_PKEY_decrypt_init(ctx.get()) == 1
            && oaep_sha256(&ctx)
            && c::EVP_PKEY_decrypt(ctx.get(), out.as_mut_ptr(), &mut len, sealed.as_ptr(), sealed.len()) == 1;
        (done && len <= out.len()).then_some(len)
    }
}

/// A key object that holds a reference to `rsa`.
fn pkey(rsa: &Owned<c::RSA>) -> Option<Owned<c::EVP_PKEY>> {
    // SAFETY: both pointers are aws-lc's and checked; `set1` takes a reference of its own.
    unsafe {
        let key = Owned::new(c::EVP_PKEY_new(), c::EVP_PKEY_free)?;
        (c::EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1).then_some(key)
    }
}

/// OAEP with SHA-256 for both hashes, and no label.
fn oaep_sha256(ctx: &Owned<c::EVP_PKEY_CTX>) -> bool {
    // SAFETY: the context is aws-lc's and was initialised; the digests are static.
    unsafe {
        c::EVP_PKEY_CTX_set_rsa_padding(ctx.get(), c::RSA_PKCS1_OAEP_PADDING) == 1
            && c::EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), c::EVP_sha256()) == 1
            && c::EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), c::EVP_sha256()) == 1
    }
}

/// What someone who brings material does: for tests.
#[cfg(test)]
pub(crate) fn seal(public: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let _quiet = Quiet;
    // SAFETY: as in `decrypt`; the encoding's pointer is advanced within `public`.
    unsafe {
        let mut at = public.as_ptr();
        let key = c::d2i_PUBKEY(ptr::null_mut(), &mut at, public.len().try_into().ok()?);
        let key = Owned::new(key, c::EVP_PKEY_free)?;
        let ctx = Owned::new(c::EVP_PKEY_CTX_new(key.get(), ptr::null_mut()), c::EVP_PKEY_CTX_free)?;
        let (mut out, mut len) = (vec![0; 512], 512);
        let done = c::EVP_PKEY_encrypt_init(ctx.get()) == 1
            && oaep_sha256(&ctx)
            && c::EVP_PKEY_encrypt(ctx.get(), out.as_mut_ptr(), &mut len, secret.as_ptr(), secret.len()) == 1;
        out.truncate(len);
        done.then_some(out)
    }
}
