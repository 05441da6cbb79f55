use super::{Lane, Unauthentic};
use crate::error::Result;
use crate::secret::Key32;

/// Names a key version's bytes without telling them: FORMAT.md "Cell type 0x01".
pub type MaterialId = [u8; 8];
pub(crate) const WRAP_NONCE_SIZE: usize = 24;
pub(crate) type WrapNonce = [u8; WRAP_NONCE_SIZE];

/// A 32-byte wrapping key under XAES-256-GCM (C2SP): a key version's material, or a store's K_mat. Holds the raw
/// bytes in a slab slot; ready AEAD contexts for recent nonce prefixes live in the lanes' bounded caches and are
/// forgotten when this is dropped.
pub(crate) struct Kek {
    _todo: (),
}

impl Kek {
    pub(crate) fn new(_material: Key32) -> Result<Kek> {
        todo!()
    }
    /// The material, for export under another key only.
    pub(crate) fn material(&self) -> &Key32 {
        todo!()
    }
    pub(crate) fn material_id(&self) -> MaterialId {
        todo!()
    }
    /// Wraps `secret` (16 to 1,088 bytes) under a fresh nonce (sticky prefix, FORMAT.md), tag last:
    /// `out.len() == secret.len() + 16`. One GCM call when the lane's prefix for this key is ready.
    pub(crate) fn wrap(
        &self,
        _lane: &mut Lane,
        _aad: &[u8],
        _secret: &[u8],
        _nonce: &mut WrapNonce,
        _out: &mut [u8],
    ) -> Result<()> {
        todo!()
    }
    /// Wraps under the nonce given. For vectors and scripted tests: a repeated nonce under one key is fatal.
    pub(crate) fn wrap_with_nonce(
        &self,
        _lane: &mut Lane,
        _nonce: &WrapNonce,
        _aad: &[u8],
        _secret: &[u8],
        _out: &mut [u8],
    ) {
        todo!()
    }
    /// Unwraps; `out` is zero on failure. Prefixes enter the lane's cache only after a tag has verified.
    pub(crate) fn unwrap(
        &self,
        _lane: &mut Lane,
        _nonce: &WrapNonce,
        _aad: &[u8],
        _wrapped: &[u8],
        _out: &mut [u8],
    ) -> Result<(), Unauthentic> {
        todo!()
    }
}
