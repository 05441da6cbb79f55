//! The bare steps of an envelope, for benchmarks: what a call cannot do without, with neither format, derivation nor
//! commitment. Exists only under the feature `floor`; its keys lie in ordinary memory and must be worthless.

use super::AeadKey;
use super::generator::Generator;
use crate::error::{Error, Result};
use crate::secret::zeroed;

/// Random bytes that one encryption cannot do without: a DEK and a nonce.
pub const DRAW: usize = 44;
/// A wrapped DEK.
pub const WRAPPED: usize = 48;

/// A generator, a wrapping key that is ready and room for a payload key; by one thread at a time.
pub struct Floor {
    generator: Box<Generator>,
    ready: Box<AeadKey>,
    payload: Box<AeadKey>,
}

impl Floor {
    /// A ready wrapping key of fixed bytes, and a generator seeded by the kernel. Errors: RANDOM.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Result<Floor> {
        let mut generator: Box<Generator> = Box::new(zeroed());
        generator.seeded()?;
        let mut ready = Box::new(AeadKey::empty());
        ready.set(&[0x42; 32]);
        Ok(Floor { generator, ready, payload: Box::new(AeadKey::empty()) })
    }

    /// 44 random bytes, as a lane draws them.
    pub fn draw(&mut self, out: &mut [u8; DRAW]) -> Result<()> {
        self.generator.seeded()?.step([out, &mut []]);
        Ok(())
    }

    /// Sets up a payload key.
    pub fn set_key(&mut self, key: &[u8; 32]) {
        self.payload.set(key);
    }

    /// Wraps 32 bytes under the ready key.
    pub fn wrap(&self, nonce: &[u8; 12], dek: &[u8; 32], out: &mut [u8; WRAPPED]) {
        self.ready.seal(nonce, &[], dek, out);
    }

    /// Unwraps 32 bytes under the ready key. Errors: AUTH.
    pub fn unwrap(&self, nonce: &[u8; 12], wrapped: &[u8; WRAPPED], dek: &mut [u8; 32]) -> Result<()> {
        self.ready.open(nonce, &[], wrapped, dek).map_err(|_| Error::Auth)
    }

    /// Seals under the payload key, out of place; `out` is 16 bytes longer.
    pub fn seal(&self, nonce: &[u8; 12], plaintext: &[u8], out: &mut [u8]) {
        self.payload.seal(nonce, &[], plaintext, out);
    }

    /// Opens under the payload key, out of place; `out` is 16 bytes shorter. Errors: AUTH.
    pub fn open(&self, nonce: &[u8; 12], sealed: &[u8], out: &mut [u8]) -> Result<()> {
        self.payload.open(nonce, &[], sealed, out).map_err(|_| Error::Auth)
    }

    /// The floor of an encryption: a draw, one key set-up, a wrap and a seal of all of `plaintext`. `out` is the
    /// nonce (12), the wrapped DEK (48) and what is sealed (16 more than `plaintext`).
    pub fn encrypt(&mut self, plaintext: &[u8], out: &mut [u8]) -> Result<()> {
        let mut random = [0; DRAW];
        self.draw(&mut random)?;
        let (dek, nonce) = (split::<32>(&random[..32])?, split::<12>(&random[32..])?);
        self.set_key(dek);
        let (head, sealed) = out.split_at_mut(12 + WRAPPED);
        head[..12].copy_from_slice(nonce);
        self.ready.seal(nonce, &[], dek, &mut head[12..]);
        self.seal(&[0; 12], plaintext, sealed);
        Ok(())
    }

    /// The floor of a decryption of what `encrypt` made: an unwrap, one key set-up and an open. Errors: AUTH.
    pub fn decrypt(&mut self, data: &[u8], out: &mut [u8]) -> Result<()> {
        let (head, sealed) = data.split_at_checked(12 + WRAPPED).ok_or(Error::Auth)?;
        let mut dek = [0; 32];
        self.unwrap(split(&head[..12])?, split(&head[12..])?, &mut dek)?;
        self.set_key(&dek);
        self.open(&[0; 12], sealed, out)
    }
}

fn split<const N: usize>(bytes: &[u8]) -> Result<&[u8; N]> {
    bytes.try_into().map_err(|_| Error::Auth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_opens_what_it_sealed_and_refuses_what_was_changed() {
        let mut floor = Floor::new().unwrap();
        let mut data = [0; 12 + WRAPPED + 100 + 16];
        floor.encrypt(&[7; 100], &mut data).unwrap();
        let mut out = [0; 100];
        floor.decrypt(&data, &mut out).unwrap();
        assert_eq!(out, [7; 100]);
        for at in [0, 20, 90, 175] {
            data[at] ^= 1;
            assert_eq!(floor.decrypt(&data, &mut out), Err(Error::Auth));
            data[at] ^= 1;
        }
    }
}
