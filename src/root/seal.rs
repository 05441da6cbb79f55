//! Wrapping the store secret under a root's 32-byte key: XAES-256-GCM (C2SP) through [`Kek`].
//!
//! `wrapped` = nonce (24) ‖ sealed store secret (32) ‖ tag (16). AAD = "KFR" ‖ 0x01 ‖ bind ‖ fingerprint (16), so a
//! slot moved to another store or another place, or given another root's name, does not open.

use super::{Inherit, StoreSecret};
use crate::crypto::{Kek, WRAP_NONCE_SIZE, WrapNonce, with_lane};
use crate::error::{Error, Result};
use crate::secret::Key32;

/// AAD magic of root slots: first in the registry of uses of XAES that are not envelope cells.
const MAGIC: [u8; 4] = *b"KFR\x01";
const WRAPPED_SIZE: usize = WRAP_NONCE_SIZE + 32 + 16;

/// The store secret under `key`.
pub(super) fn wrap(key: Key32, bind: &[u8], fingerprint: &[u8; 16], secret: &StoreSecret) -> Result<Vec<u8>> {
    let kek = Kek::new(key)?;
    let aad = aad(bind, fingerprint);
    let mut nonce: WrapNonce = [0; WRAP_NONCE_SIZE];
    let mut sealed = [0u8; 48];
    with_lane(|lane| kek.wrap(lane, &aad, secret.0.expose(), &mut nonce, &mut sealed))?;
    Ok([&nonce[..], &sealed].concat())
}

/// The store secret again. ROOT_MISMATCH for everything that does not open.
pub(super) fn unwrap(
    key: Key32,
    bind: &[u8],
    fingerprint: &[u8; 16],
    wrapped: &[u8],
    on_fork: Inherit,
) -> Result<StoreSecret> {
    let wrapped: &[u8; WRAPPED_SIZE] = wrapped.try_into().map_err(|_| Error::RootInvalid {
        what: "slot".into(),
        why: "the wrapped store secret has a wrong size",
    })?;
    let (nonce, sealed) = wrapped.split_at(WRAP_NONCE_SIZE);
    let nonce: &WrapNonce = nonce.try_into().map_err(|_| Error::Internal { what: "nonce size" })?;
    let kek = Kek::new(key)?;
    let aad = aad(bind, fingerprint);
    let open = |out: &mut [u8; 32]| {
        with_lane(|lane| Ok(kek.unwrap(lane, nonce, &aad, sealed, out)))?.map_err(|_| Error::RootMismatch)
    };
    Key32::new_with(on_fork.0, open).map(StoreSecret)
}

fn aad(bind: &[u8], fingerprint: &[u8; 16]) -> Vec<u8> {
    // The two ends have fixed sizes, so every (bind, fingerprint) has one AAD.
    [&MAGIC, bind, fingerprint].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::OnFork;

    fn key(byte: u8) -> Key32 {
        Key32::new_with(OnFork::Wipe, |k| {
            k.fill(byte);
            Ok(())
        })
        .unwrap()
    }

    const INHERIT: Inherit = Inherit(OnFork::Wipe);

    // Seen to fail when `aad` leaves out `bind` or `fingerprint`.
    #[test]
    fn a_slot_opens_only_under_its_key_bind_and_fingerprint() {
        let secret = StoreSecret(key(7));
        let wrapped = wrap(key(1), b"store one slot one", &[3; 16], &secret).unwrap();
        assert_eq!(wrapped.len(), WRAPPED_SIZE);
        let open = |k: u8, bind: &[u8], fp: u8, bytes: &[u8]| {
            unwrap(key(k), bind, &[fp; 16], bytes, INHERIT).map(|s| *s.0.expose())
        };
        assert_eq!(open(1, b"store one slot one", 3, &wrapped), Ok([7; 32]));
        assert_eq!(open(2, b"store one slot one", 3, &wrapped), Err(Error::RootMismatch));
        assert_eq!(open(1, b"store two slot one", 3, &wrapped), Err(Error::RootMismatch));
        assert_eq!(open(1, b"store one slot one", 4, &wrapped), Err(Error::RootMismatch));
        for i in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[i] ^= 1;
            assert_eq!(open(1, b"store one slot one", 3, &changed), Err(Error::RootMismatch), "byte {i}");
        }
        for len in [0, WRAPPED_SIZE - 1] {
            assert!(matches!(
                open(1, b"store one slot one", 3, &wrapped[..len]),
                Err(Error::RootInvalid { .. })
            ));
        }
    }
}
