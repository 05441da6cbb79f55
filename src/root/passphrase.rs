use std::path::Path;

use super::cost::{self, Parameters};
use super::{Inherit, Root, StoreSecret, Wrapped, seal};
use crate::crypto::{Argon2Params, argon2id, ct_eq, fill_random};
use crate::error::{Error, Result};
use crate::secret::{Key32, OnFork, SecretBytes};

/// Longest passphrase, in bytes.
const MAX_SIZE: usize = 1024;

/// A passphrase stretched by Argon2id (RFC 9106) to a wrapping key and a check value; 1 to 1,024 bytes, taken as
/// they are: any byte, no normalisation, nothing cut off.
///
/// The slot holds salt, cost and check value. The check value is compared (in constant time) before the key is used,
/// which makes the wrapping commit to the passphrase: without it one crafted slot could test many guesses at once
/// (partitioning oracle).
pub struct Passphrase {
    passphrase: SecretBytes,
}

impl Passphrase {
    /// Copies the passphrase into locked memory; the caller wipes its own copy.
    pub fn new(passphrase: &[u8]) -> Result<Passphrase> {
        if passphrase.is_empty() {
            return Err(Error::InvalidArgument { what: "the passphrase is empty; give 1 to 1,024 bytes" });
        }
        if passphrase.len() > MAX_SIZE {
            return Err(Error::TooLarge { what: "the passphrase", limit: MAX_SIZE as u64 });
        }
        let mut copy = SecretBytes::zeroed(passphrase.len(), OnFork::Wipe)?;
        copy.expose_mut().copy_from_slice(passphrase);
        Ok(Passphrase { passphrase: copy })
    }

    /// 64 bytes: wrapping key ‖ check value.
    fn stretch(&self, cost: Argon2Params, salt: &[u8; 16]) -> Result<(Key32, [u8; 32])> {
        let mut stretched = SecretBytes::zeroed(64, OnFork::Wipe)?;
        argon2id(cost, self.passphrase.expose(), salt, stretched.expose_mut())?;
        let mut check = [0; 32];
        check.copy_from_slice(&stretched.expose()[32..]);
        let key = Key32::new_with(OnFork::Wipe, |key| {
            key.copy_from_slice(&stretched.expose()[..32]);
            Ok(())
        })?;
        Ok((key, check))
    }
}

impl Root for Passphrase {
    fn kind(&self) -> &'static str {
        "passphrase"
    }

    fn describe(&self) -> String {
        "passphrase:".into()
    }

    fn check(&self, _store: Option<&Path>) -> Result<()> {
        Ok(())
    }

    fn wrap(&self, bind: &[u8], secret: &StoreSecret) -> Result<Wrapped> {
        let cost = cost::calibrated()?;
        let (mut salt, mut fingerprint) = ([0; 16], [0; 16]);
        fill_random(&mut salt)?;
        fill_random(&mut fingerprint)?;
        let (key, check) = self.stretch(cost, &salt)?;
        let wrapped = seal::wrap(key, bind, &fingerprint, secret)?;
        Ok(Wrapped { fingerprint, parameters: Parameters { cost, salt, check }.to_json(), wrapped })
    }

    fn unwrap(&self, bind: &[u8], slot: &Wrapped, on_fork: Inherit) -> Result<StoreSecret> {
        let Parameters { cost, salt, check } = Parameters::from_json(&slot.parameters)?;
        let (key, found) = self.stretch(cost, &salt)?;
        if !ct_eq(&found, &check) {
            return Err(Error::RootMismatch);
        }
        seal::unwrap(key, bind, &slot.fingerprint, &slot.wrapped, on_fork)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BIND: &[u8] = b"store and slot";

    fn secret() -> StoreSecret {
        StoreSecret::draw(OnFork::Wipe).unwrap()
    }

    fn opened(passphrase: &[u8], slot: &Wrapped) -> Result<[u8; 32]> {
        let root = Passphrase::new(passphrase).unwrap();
        root.unwrap(BIND, slot, Inherit(OnFork::Wipe)).map(|s| *s.secret.expose())
    }

    // T-145. Seen to fail when `new` keeps only the first 56 bytes, or cuts at the first NUL.
    #[test]
    fn a_passphrase_is_taken_byte_for_byte() {
        let secret = secret();
        let long: Vec<u8> = (0..MAX_SIZE).map(|i| (i * 31 % 256) as u8).collect();
        let mut long_twin = long.clone();
        long_twin[MAX_SIZE - 1] ^= 1;
        for (right, wrong) in [
            (&long[..], &long_twin[..]),
            (b"a\0b", b"a"),
            (b"a\0b", b"a\0c"),
            ("Zu\u{308}rich".as_bytes(), "Z\u{fc}rich".as_bytes()),
            (b"\xFF\xFE not UTF-8", b"\xFF\xFD not UTF-8"),
            (b" spaces ", b"spaces"),
        ] {
            let slot = Passphrase::new(right).unwrap().wrap(BIND, &secret).unwrap();
            assert_eq!(opened(right, &slot), Ok(*secret.secret.expose()));
            assert_eq!(opened(wrong, &slot), Err(Error::RootMismatch));
        }
        assert!(matches!(Passphrase::new(&[1; MAX_SIZE + 1]), Err(Error::TooLarge { limit: 1024, .. })));
        assert!(Passphrase::new(b"").is_err());
    }

    // T-144. Seen to fail when `Parameters::from_json` takes a cost without a look at its bounds.
    #[test]
    fn a_slot_with_an_edited_cost_is_refused() {
        let slot = Passphrase::new(b"right").unwrap().wrap(BIND, &secret()).unwrap();
        for (name, value) in [("memory_kib", 64 << 20), ("memory_kib", 8), ("passes", 0), ("lanes", 1 << 24)]
        {
            let mut edited = slot.clone();
            edited.parameters[name] = json!(value);
            assert!(matches!(opened(b"right", &edited), Err(Error::RootInvalid { .. })), "{name} {value}");
        }
        // Within the bounds, but not what the slot was made with.
        let mut edited = slot.clone();
        edited.parameters["passes"] = json!(3);
        assert_eq!(opened(b"right", &edited), Err(Error::RootMismatch));
    }

    // Seen to fail when the comparison of the check value is taken out.
    #[test]
    fn the_check_value_must_agree_even_where_the_key_would() {
        let slot = Passphrase::new(b"right").unwrap().wrap(BIND, &secret()).unwrap();
        let mut edited = slot.clone();
        edited.parameters["check"] = json!("00".repeat(32));
        assert_eq!(opened(b"right", &edited), Err(Error::RootMismatch));
    }

    #[test]
    fn two_slots_of_one_passphrase_have_nothing_in_common() {
        let (root, secret) = (Passphrase::new(b"same").unwrap(), secret());
        let (a, b) = (root.wrap(BIND, &secret).unwrap(), root.wrap(BIND, &secret).unwrap());
        assert_ne!(a.fingerprint, b.fingerprint);
        assert_ne!(a.parameters["salt"], b.parameters["salt"]);
        assert_ne!(a.parameters["check"], b.parameters["check"]);
        assert_ne!(a.wrapped, b.wrapped);
    }
}
