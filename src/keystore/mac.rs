//! HMAC keys: GenerateMac and VerifyMac. `docs/KEYS.md`, "MAC".

use super::handle::{Key, Wish};
use super::types::KeyUsage;
use crate::audit::KeyRef;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Version (4), and the first two bytes of its material id.
const NAME: usize = 6;

impl Key {
    /// The HMAC of a message under the key's current version, into the front of `out`: 6 bytes of name (version, and
    /// two of the material id), then 32, 48 or 64 bytes. Returns the size.
    ///
    /// # Errors
    /// INVALID_KEY_USAGE, BUFFER_TOO_SMALL (with `out` untouched); the key's refusals, with `out` zero.
    pub fn generate_mac(&self, message: &[u8], out: &mut [u8]) -> Result<usize> {
        let wish = Wish { operation: Operation::GenerateMac, context: None, bytes: message.len() as u64 };
        let made = self.view(&wish, |view| {
            let version = view.current()?;
            let mac = version.mac()?;
            let needed = NAME + mac.size();
            let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;
            let (name, code) = out.split_at_mut(NAME);
            mac.make(message, code)?;
            name[..4].copy_from_slice(&version.version.to_be_bytes());
            name[4..].copy_from_slice(&version.material_id[..2]);
            version.usage.count(wish.operation, wish.bytes, view.now);
            Ok((needed, version.reference()))
        });
        let given = made.and_then(|(size, version)| self.settle(&wish, version, Ok(())).map(|()| size));
        if !matches!(given, Ok(_) | Err(Error::BufferTooSmall { .. })) {
            out.fill(0);
        }
        given
    }

    /// Whether a MAC is that of the message, under the version it names. In constant time.
    ///
    /// # Errors
    /// INVALID_MAC, whatever is wrong with it; INVALID_KEY_USAGE; the key's refusals.
    pub fn verify_mac(&self, message: &[u8], mac: &[u8]) -> Result<()> {
        let wish = Wish { operation: Operation::VerifyMac, context: None, bytes: message.len() as u64 };
        let (agrees, version) = self.view(&wish, |view| {
            if self.spec().usage() != KeyUsage::GenerateVerifyMac {
                let name = self.id().to_string().into();
                return Err(Error::InvalidKeyUsage { name, usage: self.spec().usage().name() });
            }
            let nothing = KeyRef { key_id: self.id().0, version: 0, material_id: [0; 8] };
            let Some((name, code)) = mac.split_first_chunk::<NAME>() else { return Ok((false, nothing)) };
            let [a, b, c, d, id @ ..] = *name;
            let mut tried = nothing;
            for version in view.begin_with(u32::from_be_bytes([a, b, c, d]), id) {
                tried = version.reference();
                if version.mac()?.verify(message, code)? {
                    version.usage.count(wish.operation, wish.bytes, view.now);
                    return Ok((true, tried));
                }
                version.usage.count_failure(wish.operation, view.now);
            }
            Ok((false, tried))
        })?;
        match agrees {
            true => self.settle(&wish, version, Ok(())),
            false => {
                self.settle(&wish, version, Err(&Error::InvalidMac))?;
                Err(Error::InvalidMac)
            }
        }
    }
}
