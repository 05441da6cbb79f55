//! HMAC keys: GenerateMac and VerifyMac. `docs/KEYS.md`, "MAC".

use super::handle::Key;
use crate::error::Result;

impl Key {
    /// The HMAC of a message under the key's current version, into the front of `out`: 6 bytes of name (version, and
    /// two of the material id), then 32, 48 or 64 bytes. Returns the size.
    ///
    /// # Errors
    /// INVALID_KEY_USAGE, BUFFER_TOO_SMALL; the key's refusals.
    pub fn generate_mac(&self, _message: &[u8], _out: &mut [u8]) -> Result<usize> {
        todo!()
    }

    /// Whether a MAC is that of the message, under the version it names. In constant time.
    ///
    /// # Errors
    /// INVALID_MAC; INVALID_KEY_USAGE; the key's refusals.
    pub fn verify_mac(&self, _message: &[u8], _mac: &[u8]) -> Result<()> {
        todo!()
    }
}
