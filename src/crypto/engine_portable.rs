//! AES-256-GCM by the `aes-gcm` crate: for builds without a C compiler, and the independent half of the self-test.
//! It verifies before it decrypts, and works between separate buffers.

use aes_gcm::aead::{AeadInOut, KeyInit, inout::InOutBuf};
use aes_gcm::{Aes256Gcm, Nonce, Tag};

use super::Unauthentic;
use super::aead::TAG_SIZE;
use crate::secret::scrub_stack;

/// A prepared key; its parts wipe themselves when dropped.
pub(super) struct Context(Aes256Gcm);

// The key schedule must go when the key does.
const _: fn() = || {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<Aes256Gcm>();
};

impl Context {
    /// Prepares a key and hands it to `put`, then cleans the stack it was made on.
    pub(super) fn make(key: &[u8; 32], put: impl FnOnce(Context)) {
        put(Context(Aes256Gcm::new(key.into())));
        scrub_stack::<4096>();
    }

    pub(super) fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        plaintext: &[u8],
        out: &mut [u8],
        tag: &mut [u8; TAG_SIZE],
    ) -> bool {
        let Ok(buffers) = InOutBuf::new(plaintext, out) else { return false };
        self.seal_buffers(nonce, aad, buffers, tag)
    }

    pub(super) fn seal_in_place(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
        tag: &mut [u8; TAG_SIZE],
    ) -> bool {
        self.seal_buffers(nonce, aad, buf.into(), tag)
    }

    pub(super) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_SIZE],
        out: &mut [u8],
    ) -> Result<(), Unauthentic> {
        let buffers = InOutBuf::new(ciphertext, out).map_err(|_| Unauthentic)?;
        self.open_buffers(nonce, aad, buffers, tag)
    }

    pub(super) fn open_in_place(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
        tag: &[u8; TAG_SIZE],
    ) -> Result<(), Unauthentic> {
        self.open_buffers(nonce, aad, buf.into(), tag)
    }

    fn seal_buffers(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        buffers: InOutBuf<'_, '_, u8>,
        tag: &mut [u8; TAG_SIZE],
    ) -> bool {
        match self.0.encrypt_inout_detached(<&Nonce<_>>::from(nonce), aad, buffers) {
            Ok(made) => {
                tag.copy_from_slice(&made);
                true
            }
            Err(_) => false,
        }
    }

    fn open_buffers(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        buffers: InOutBuf<'_, '_, u8>,
        tag: &[u8; TAG_SIZE],
    ) -> Result<(), Unauthentic> {
        self.0
            .decrypt_inout_detached(<&Nonce<_>>::from(nonce), aad, buffers, <&Tag<_>>::from(tag))
            .map_err(|_| Unauthentic)
    }
}
