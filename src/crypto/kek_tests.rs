use super::*;
use crate::crypto::{with_lane, xaes};
use crate::secret::OnFork;

pub(crate) fn kek(byte: u8) -> Kek {
    let material = Key32::new_with(OnFork::Wipe, |key| {
        key.fill(byte);
        Ok(())
    });
    Kek::new(material.unwrap()).unwrap()
}

fn wrap(kek: &Kek, aad: &[u8], secret: &[u8]) -> (WrapNonce, Vec<u8>) {
    let (mut nonce, mut out) = ([0; 24], vec![0; secret.len() + 16]);
    with_lane(|lane| kek.wrap(lane, aad, secret, &mut nonce, &mut out)).unwrap();
    (nonce, out)
}

fn unwrap(kek: &Kek, nonce: &WrapNonce, aad: &[u8], wrapped: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0xa5; wrapped.len() - 16];
    let result = with_lane(|lane| Ok(kek.unwrap(lane, nonce, aad, wrapped, &mut out))).unwrap();
    assert!(result.is_ok() || out.iter().all(|b| *b == 0), "a failed unwrap leaves zeros");
    result.ok().map(|()| out)
}

#[test]
fn what_is_wrapped_unwraps_under_the_same_key_and_aad_only() {
    let (mine, other) = (kek(1), kek(2));
    for len in [16, 32, 1024, 1088] {
        let secret: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let (nonce, wrapped) = wrap(&mine, b"aad", &secret);
        assert_eq!(unwrap(&mine, &nonce, b"aad", &wrapped).unwrap(), secret);
        assert_eq!(unwrap(&mine, &nonce, b"aae", &wrapped), None);
        assert_eq!(unwrap(&other, &nonce, b"aad", &wrapped), None);
        for at in 0..24 {
            let mut changed = nonce;
            changed[at] ^= 1;
            assert_eq!(unwrap(&mine, &changed, b"aad", &wrapped), None);
        }
    }
}
