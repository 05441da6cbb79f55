use super::Unauthentic;

/// AES-256-GCM under one key, ready to use. Lives only in locked memory (a [`super::Lane`] or a slab); all-zero
/// bytes are its empty state. Outputs are identical under both engines.
#[repr(C, align(64))]
pub(crate) struct AeadKey {
    _todo: [u8; 640],
}

impl AeadKey {
    /// Prepares the key in place, with the engine of this build.
    pub(crate) fn set(&mut self, _key: &[u8; 32]) {
        todo!()
    }
    /// Encrypts `plaintext` into `out` (`plaintext.len() + 16` bytes, tag last), out of place.
    pub(crate) fn seal(&self, _nonce: &[u8; 12], _aad: &[u8], _plaintext: &[u8], _out: &mut [u8]) {
        todo!()
    }
    /// Encrypts the first `buf.len() - 16` bytes of `buf` in place and writes the tag behind them.
    pub(crate) fn seal_in_place(&self, _nonce: &[u8; 12], _aad: &[u8], _buf: &mut [u8]) {
        todo!()
    }
    /// Opens `sealed` (ciphertext, tag last) into `out` (16 bytes shorter). On failure `out` is all zero.
    pub(crate) fn open(
        &self,
        _nonce: &[u8; 12],
        _aad: &[u8],
        _sealed: &[u8],
        _out: &mut [u8],
    ) -> Result<(), Unauthentic> {
        todo!()
    }
    /// Opens in place; the plaintext is `buf[..buf.len() - 16]`. On failure all of `buf` is zero.
    pub(crate) fn open_in_place(
        &self,
        _nonce: &[u8; 12],
        _aad: &[u8],
        _buf: &mut [u8],
    ) -> Result<(), Unauthentic> {
        todo!()
    }
}
