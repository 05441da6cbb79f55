//! HMAC keys: GenerateMac and VerifyMac. `docs/KEYS.md`, "MAC".

use super::handle::{Key, Wish};
use super::key_version::{Barred, Served};
use super::settle::Made;
use super::types::KeyUsage;
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
            Ok(Made::of(self, &wish, version, view.now).settle().map(|()| needed))
        });
        let given = made.flatten();
        if !matches!(given, Ok(_) | Err(Error::BufferTooSmall { .. })) {
            out.fill(0);
        }
        given
    }

    /// Whether a MAC is that of the message, under the version it names. In constant time.
    ///
    /// # Errors
    /// INVALID_MAC, whatever is wrong with it; INVALID_KEY_USAGE; the key's refusals, those of the version it names included.
    pub fn verify_mac(&self, message: &[u8], mac: &[u8]) -> Result<()> {
        let wish = Wish { operation: Operation::VerifyMac, context: None, bytes: message.len() as u64 };
        let failed = self.view(&wish, |view| {
            if self.spec().usage() != KeyUsage::GenerateVerifyMac {
                let name = self.id().to_string().into();
                return Err(Error::InvalidKeyUsage { name, usage: self.spec().usage().name() });
            }
            let mut tried = Served::no_version(self.id());
            let Some((name, code)) = mac.split_first_chunk::<NAME>() else {
                return Ok(Ok(Some((Error::InvalidMac, tried))));
            };
            let [a, b, c, d, id @ ..] = *name;
            let number = u32::from_be_bytes([a, b, c, d]);
            for version in view.begin_with(number, id) {
                tried = version.reference();
                if version.mac()?.verify(message, code)? {
                    return Ok(Made::of(self, &wish, version, view.now).settle().map(|()| None));
                }
            }
            let barred = view.barred_begin_with(number, id).map(Barred::error);
            Ok(Ok(Some((barred.unwrap_or(Error::InvalidMac), tried))))
        })?;
        match failed? {
            None => Ok(()),
            Some((error, tried)) => self.settle_failed(&wish, tried, &error).and(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::keystore::{CreateKey, KeyName, KeySpec, Store};

    const SPECS: [(KeySpec, usize); 3] =
        [(KeySpec::Hmac256, 32), (KeySpec::Hmac384, 48), (KeySpec::Hmac512, 64)];

    fn key_of(store: &Store, spec: KeySpec) -> Key {
        let made = store.create_key(&CreateKey { spec, ..CreateKey::default() }).unwrap();
        store.key_by_id(made.key_id).unwrap()
    }

    fn status(result: Result<impl Sized>) -> Option<Status> {
        result.err().map(|error| error.status())
    }

    /// Mutations seen to fail it: `begin_with` that ignores the number; `verify` that answers true for a prefix.
    #[test]
    fn a_mac_verifies_under_its_version_and_nothing_else_does() {
        let store = Store::in_memory().unwrap();
        for (spec, size) in SPECS {
            let key = key_of(&store, spec);
            let mut mac = vec![0xa5; 6 + size];
            assert_eq!(key.generate_mac(b"message", &mut mac), Ok(6 + size));
            key.verify_mac(b"message", &mac).unwrap();
            assert_eq!(mac[..4], [0, 0, 0, 1]);
            for at in 0..mac.len() {
                let mut changed = mac.clone();
                changed[at] ^= 1;
                assert_eq!(status(key.verify_mac(b"message", &changed)), Some(Status::InvalidMac), "{at}");
            }
            for len in 0..mac.len() {
                assert_eq!(
                    status(key.verify_mac(b"message", &mac[..len])),
                    Some(Status::InvalidMac),
                    "{len}"
                );
            }
            mac.push(0);
            assert_eq!(status(key.verify_mac(b"message", &mac)), Some(Status::InvalidMac));
            mac.pop();
            assert_eq!(status(key.verify_mac(b"Message", &mac)), Some(Status::InvalidMac));
            assert_eq!(status(key_of(&store, spec).verify_mac(b"message", &mac)), Some(Status::InvalidMac));
            // Older versions go on verifying what they made.
            store.rotate_key(&KeyName::Id(key.id())).unwrap();
            key.verify_mac(b"message", &mac).unwrap();
            let mut newer = vec![0; 6 + size];
            key.generate_mac(b"message", &mut newer).unwrap();
            assert!(newer[3] == 2 && newer[6..] != mac[6..]);
            key.verify_mac(b"message", &newer).unwrap();
            // The code of one under the name of the other.
            newer[..6].copy_from_slice(&mac[..6]);
            assert_eq!(status(key.verify_mac(b"message", &newer)), Some(Status::InvalidMac));
        }
    }

    #[test]
    fn outputs_of_refused_calls_hold_nothing() {
        let store = Store::in_memory().unwrap();
        let key = key_of(&store, KeySpec::Hmac512);
        let mut out = [0xa5; 69];
        assert_eq!(key.generate_mac(b"m", &mut out), Err(Error::BufferTooSmall { needed: 70 }));
        assert_eq!(out, [0xa5; 69]);
        let wrapping = key_of(&store, KeySpec::Symmetric);
        let mut out = [0xa5; 70];
        assert_eq!(status(wrapping.generate_mac(b"m", &mut out)), Some(Status::InvalidKeyUsage));
        assert_eq!(out, [0; 70]);
        assert_eq!(status(wrapping.verify_mac(b"m", &out)), Some(Status::InvalidKeyUsage));
        assert_eq!(status(wrapping.verify_mac(b"m", b"")), Some(Status::InvalidKeyUsage));
        store.disable_key(&KeyName::Id(key.id())).unwrap();
        assert_eq!(status(key.generate_mac(b"m", &mut out)), Some(Status::KeyDisabled));
    }

    /// A key of known bytes, for those who compute HMACs elsewhere: RFC 2104 over the message alone.
    #[test]
    fn imported_keys_make_the_macs_that_other_implementations_make() {
        let store = Store::in_memory().unwrap();
        for (spec, size) in SPECS {
            let material: Vec<u8> = (0..size).map(|i| i as u8).collect();
            let request = CreateKey { spec, ..CreateKey::default() };
            let made = store.import_key_material(&request, &material).unwrap();
            let mut mac = vec![0; 6 + size];
            let key = store.key_by_id(made.key_id).unwrap();
            key.generate_mac(b"message", &mut mac).unwrap();
            assert_eq!(mac[4..6], made.versions[0].material_id[..2]);
            assert!(store.import_key_material(&request, &material[1..]).is_err());
            assert_eq!(hex(&mac[6..]), EXPECTED[size / 16 - 2], "{spec:?}");
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// By Python's hmac, of "message" under 00 01 02 …
    const EXPECTED: [&str; 3] = [
        "6297b77508a1a30ea4dfadd8f847c31b49aba45de10a79daf721d3f7ec112a24",
        "8b7f34511d243c9bacaa953d67dfbec802d452dbdbf4ea01910d6c632b241d33040c8b923abe61a22ca7d78d3ee19ca9",
        "937c7b6877cb545df3aabebb8020b78a60dbe9068f61e04bf079b83a0ab6a12fcd605eb662efe05eafd4e131b5feffa722dedc54cccc66dedf8075aa1ca80d77",
    ];
}
