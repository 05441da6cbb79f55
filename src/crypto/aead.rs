use super::Unauthentic;
#[cfg(feature = "aws-lc")]
use super::engine_aws_lc;
use super::engine_portable;
use crate::secret::{Either, wipe, zero_valid};

pub(crate) const TAG_SIZE: usize = 16;
const TAG_PRESENT: &str = "the buffer has no room for a tag";

#[cfg(feature = "aws-lc")]
type Fast = engine_aws_lc::Context;
#[cfg(not(feature = "aws-lc"))]
type Fast = [u8; 0];

/// Who computes AES-256-GCM. The bytes are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    #[cfg(feature = "aws-lc")]
    AwsLc,
    Portable,
}

impl Engine {
    /// The engines of this build, the one in use first.
    pub(crate) const ALL: &[Engine] = &[
        #[cfg(feature = "aws-lc")]
        Engine::AwsLc,
        Engine::Portable,
    ];
}

zero_valid! {
    /// AES-256-GCM (NIST SP 800-38D, 96-bit nonce, 128-bit tag) under one key, ready to use. Lives only in locked
    /// memory (a [`super::Lane`] or a slab); all-zero bytes are its empty state, in which it must not be used.
    /// Outputs are identical under both engines.
    #[repr(C, align(64))]
    pub(crate) struct AeadKey {
        context: Either<Fast, engine_portable::Context>,
    }
}

impl AeadKey {
    /// An empty one outside locked memory: for known keys and tests.
    pub(crate) fn empty() -> AeadKey {
        AeadKey { context: Either::empty() }
    }

    /// Prepares the key in place, with the engine of this build.
    #[inline]
    pub(crate) fn set(&mut self, key: &[u8; 32]) {
        self.set_with(Engine::ALL[0], key);
    }

    /// Prepares the key in place, with a named engine.
    #[inline]
    pub(crate) fn set_with(&mut self, engine: Engine, key: &[u8; 32]) {
        match engine {
            #[cfg(feature = "aws-lc")]
            Engine::AwsLc if self.context.make_a().set(key) => {}
            _ => engine_portable::Context::make(key, |context| self.context.put_b(context)),
        }
    }

    /// Forgets the key and wipes what was derived from it.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.context.clear();
    }

    /// Encrypts `plaintext` into `out` (`plaintext.len() + 16` bytes, tag last), out of place.
    #[inline]
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8], out: &mut [u8]) {
        let (body, tag) = out.split_last_chunk_mut().expect(TAG_PRESENT);
        #[cfg(feature = "aws-lc")]
        if let Some(context) = self.context.a() {
            return sealed(context.seal(nonce, aad, plaintext, body, tag));
        }
        sealed(self.portable().seal(nonce, aad, plaintext, body, tag));
    }

    /// Encrypts the first `buf.len() - 16` bytes of `buf` in place and writes the tag behind them.
    pub(crate) fn seal_in_place(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) {
        let (body, tag) = buf.split_last_chunk_mut().expect(TAG_PRESENT);
        #[cfg(feature = "aws-lc")]
        if let Some(context) = self.context.a() {
            return sealed(context.seal_in_place(nonce, aad, body, tag));
        }
        sealed(self.portable().seal_in_place(nonce, aad, body, tag));
    }

    /// Opens `sealed` (ciphertext, tag last) into `out` (16 bytes shorter). On failure `out` is all zero.
    #[inline]
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), Unauthentic> {
        let result = self.try_open(nonce, aad, sealed, out, false);
        if result.is_err() {
            wipe(out);
        }
        result
    }

    /// As [`AeadKey::open`], of memory that others may write to meanwhile: it is read once, into `out`, so that what is decrypted
    /// is what the tag was checked of. Engines read twice where the processor has no instructions to do better.
    #[inline]
    pub(crate) fn open_once(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), Unauthentic> {
        let result = self.try_open(nonce, aad, sealed, out, true);
        if result.is_err() {
            wipe(out);
        }
        result
    }

    #[inline]
    fn try_open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
        once: bool,
    ) -> Result<(), Unauthentic> {
        let (body, tag) = sealed.split_last_chunk().ok_or(Unauthentic)?;
        if body.len() != out.len() {
            return Err(Unauthentic);
        }
        if once {
            out.copy_from_slice(body);
        }
        #[cfg(feature = "aws-lc")]
        if let Some(context) = self.context.a() {
            return match once {
                true => context.open_in_place(nonce, aad, out, tag),
                false => context.open(nonce, aad, body, tag, out),
            };
        }
        match once {
            true => self.portable().open_in_place(nonce, aad, out, tag),
            false => self.portable().open(nonce, aad, body, tag, out),
        }
    }

    /// Opens in place; the plaintext is `buf[..buf.len() - 16]`. On failure all of `buf` is zero.
    pub(crate) fn open_in_place(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<(), Unauthentic> {
        let result = self.try_open_in_place(nonce, aad, buf);
        if result.is_err() {
            wipe(buf);
        }
        result
    }

    fn try_open_in_place(&self, nonce: &[u8; 12], aad: &[u8], buf: &mut [u8]) -> Result<(), Unauthentic> {
        let (body, tag) = buf.split_last_chunk_mut().ok_or(Unauthentic)?;
        #[cfg(feature = "aws-lc")]
        if let Some(context) = self.context.a() {
            return context.open_in_place(nonce, aad, body, tag);
        }
        self.portable().open_in_place(nonce, aad, body, tag)
    }

    /// Whether no key is set.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.context.a().is_none() && self.context.b().is_none()
    }

    fn portable(&self) -> &engine_portable::Context {
        // Every key of this crate is set before it is used; to go on with an empty one would send plaintext.
        self.context.b().expect("an AEAD key was used before it was set")
    }
}

/// Neither engine refuses lengths below 2^36 bytes, and the callers seal at most a chunk at a time; output that was
/// not encrypted must not leave in any case.
#[inline]
fn sealed(done: bool) {
    assert!(done, "the AEAD engine refused to seal");
}

#[cfg(test)]
#[path = "aead_tests.rs"]
mod tests;
