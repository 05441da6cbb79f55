//! Wrapping the store's secrets under a root's 32-byte key: XAES-256-GCM (C2SP) through [`Kek`].
//!
//! `wrapped` = nonce (24) ‖ sealed payload (64 or 96) ‖ tag (16). AAD = "KFR" ‖ 0x02 ‖ bind ‖ fingerprint (16), so a
//! slot moved to another store or another place, or given another root's or principal's name, does not open.

use super::{Inherit, StoreSecret};
use crate::crypto::{Kek, WRAP_NONCE_SIZE, WrapNonce, with_lane};
use crate::error::{Error, Result};
use crate::secret::{Key32, OnFork, SecretBytes};

/// AAD magic of root slots: first in the registry of uses of XAES that are not envelope cells.
const MAGIC: [u8; 4] = *b"KFR\x02";
const TAG_SIZE: usize = 16;

/// The store's secrets under `key`.
pub(super) fn wrap(key: Key32, bind: &[u8], fingerprint: &[u8; 16], secret: &StoreSecret) -> Result<Vec<u8>> {
    let kek = Kek::new(key)?;
    let aad = aad(bind, fingerprint);
    let payload = secret.to_payload()?;
    let mut wrapped = vec![0; WRAP_NONCE_SIZE + payload.expose().len() + TAG_SIZE];
    let mut nonce: WrapNonce = [0; WRAP_NONCE_SIZE];
    let (head, sealed) = wrapped.split_at_mut(WRAP_NONCE_SIZE);
    with_lane(|lane| kek.wrap(lane, &aad, payload.expose(), &mut nonce, sealed))?;
    head.copy_from_slice(&nonce);
    Ok(wrapped)
}

/// The store's secrets again. ROOT_MISMATCH for everything that does not open.
pub(super) fn unwrap(
    key: Key32,
    bind: &[u8],
    fingerprint: &[u8; 16],
    wrapped: &[u8],
    on_fork: Inherit,
) -> Result<StoreSecret> {
    let invalid = || Error::RootInvalid { what: "slot".into(), why: "the wrapped secrets have a wrong size" };
    let (nonce, sealed) = wrapped.split_first_chunk::<WRAP_NONCE_SIZE>().ok_or_else(invalid)?;
    let size =
        sealed.len().checked_sub(TAG_SIZE).filter(|size| matches!(size, 64 | 96)).ok_or_else(invalid)?;
    let kek = Kek::new(key)?;
    let aad = aad(bind, fingerprint);
    let mut payload = SecretBytes::zeroed(size, OnFork::Wipe)?;
    with_lane(|lane| Ok(kek.unwrap(lane, nonce, &aad, sealed, payload.expose_mut())))?
        .map_err(|_| Error::RootMismatch)?;
    StoreSecret::from_payload(&payload, on_fork.0)
}

fn aad(bind: &[u8], fingerprint: &[u8; 16]) -> Vec<u8> {
    // The two ends have fixed sizes, so every (bind, fingerprint) has one AAD.
    [&MAGIC, bind, fingerprint].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for (admin, size) in [(None, 64), (Some(key(9)), 96)] {
            let secret = StoreSecret { secret: key(7), trail: key(8), admin };
            let wrapped = wrap(key(1), b"store one slot one", &[3; 16], &secret).unwrap();
            assert_eq!(wrapped.len(), 24 + size + 16);
            let open = |k: u8, bind: &[u8], fp: u8, bytes: &[u8]| {
                unwrap(key(k), bind, &[fp; 16], bytes, INHERIT).map(|opened| opened.agrees(&secret))
            };
            assert_eq!(open(1, b"store one slot one", 3, &wrapped), Ok(true));
            assert_eq!(open(2, b"store one slot one", 3, &wrapped), Err(Error::RootMismatch));
            assert_eq!(open(1, b"store two slot one", 3, &wrapped), Err(Error::RootMismatch));
            assert_eq!(open(1, b"store one slot one", 4, &wrapped), Err(Error::RootMismatch));
            for i in 0..wrapped.len() {
                let mut changed = wrapped.clone();
                changed[i] ^= 1;
                assert_eq!(open(1, b"store one slot one", 3, &changed), Err(Error::RootMismatch), "byte {i}");
            }
            for len in [0, 24, wrapped.len() - 1] {
                assert!(matches!(
                    open(1, b"store one slot one", 3, &wrapped[..len]),
                    Err(Error::RootInvalid { .. })
                ));
            }
        }
    }

    #[test]
    fn secrets_agree_only_when_all_of_them_do() {
        let of = |secret, trail, admin: Option<u8>| StoreSecret {
            secret: key(secret),
            trail: key(trail),
            admin: admin.map(key),
        };
        let one = of(1, 2, Some(3));
        assert!(one.agrees(&of(1, 2, Some(3))));
        for other in [of(9, 2, Some(3)), of(1, 9, Some(3)), of(1, 2, Some(9)), of(1, 2, None)] {
            assert!(!one.agrees(&other) && !other.agrees(&one));
        }
    }
}
