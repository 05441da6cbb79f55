//! Ed25519 (RFC 8032), for what is signed and verified outside a store: checkpoints of the trail.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::Unauthentic;
use super::known_answers::Algorithm;
use crate::error::Result;
use crate::secret::{Key32, scrub_stack};

/// The public key of a seed. Nothing is signed with it, or verified by it, before the algorithm's self-test has passed.
pub(crate) fn ed25519_public(seed: &Key32) -> [u8; 32] {
    let public = public(seed);
    scrub_stack::<4096>();
    public
}

/// Signs. The public key that goes into the signature is derived from the seed here, never taken from a caller: a wrong
/// one would give the seed away (RUSTSEC-2022-0093). SELF_TEST where the known answers were wrong.
pub(crate) fn ed25519_sign(seed: &Key32, message: &[u8]) -> Result<[u8; 64]> {
    Algorithm::Ed25519.self_test()?;
    let signature = sign(seed, message);
    scrub_stack::<4096>();
    Ok(signature)
}

/// Verifies strictly: keys and points of small order and scalars that are not reduced are refused too; and everything is
/// where the self-test failed.
pub(crate) fn ed25519_verify(
    public: &[u8; 32],
    message: &[u8],
    signature: &[u8; 64],
) -> Result<(), Unauthentic> {
    Algorithm::Ed25519.self_test().map_err(|_| Unauthentic)?;
    verify(public, message, signature)
}

pub(super) fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), Unauthentic> {
    let public = VerifyingKey::from_bytes(public).map_err(|_| Unauthentic)?;
    public.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| Unauthentic)
}

// The expanded key wipes itself when it goes; what its making left on the stack is wiped by the callers.

#[inline(never)]
pub(super) fn public(seed: &Key32) -> [u8; 32] {
    SigningKey::from_bytes(seed.expose()).verifying_key().to_bytes()
}

#[inline(never)]
pub(super) fn sign(seed: &Key32, message: &[u8]) -> [u8; 64] {
    SigningKey::from_bytes(seed.expose()).sign(message).to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::OnFork;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        assert_eq!(text.len(), 2 * N);
        std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
    }

    fn seed(text: &str) -> Key32 {
        Key32::new_with(OnFork::Wipe, |out| {
            *out = hex(text);
            Ok(())
        })
        .unwrap()
    }

    /// RFC 8032, section 7.1: tests 1, 2 and 3. Mutation seen to fail: the second byte of the message left out.
    #[test]
    fn the_vectors_of_the_rfc_come_out() {
        let vectors: [(&str, &str, &[u8], &str); 3] = [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                b"",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
                 d25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                &[0x72],
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c\
                 387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                &[0xaf, 0x82],
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659\
                 4a7c15e9716ed28dc027beceea1ec40a",
            ),
        ];
        for (secret, public, message, signature) in vectors {
            let (secret, public, signature) = (seed(secret), hex(public), hex::<64>(signature));
            assert_eq!(ed25519_public(&secret), public);
            assert_eq!(ed25519_sign(&secret, message), Ok(signature));
            assert_eq!(ed25519_verify(&public, message, &signature), Ok(()));
            let changed = [message, b"x"].concat();
            assert_eq!(ed25519_verify(&public, &changed, &signature), Err(Unauthentic));
        }
    }

    /// Under the identity as public key, with R the identity and S zero, every message would verify by the plain
    /// equation. Mutation seen to fail: `verify` for `verify_strict`.
    #[test]
    fn keys_of_small_order_verify_nothing() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert_eq!(ed25519_verify(&identity, b"anything", &signature), Err(Unauthentic));
        assert_eq!(ed25519_verify(&[0; 32], b"anything", &[0; 64]), Err(Unauthentic));
    }

    #[test]
    fn a_scalar_that_is_not_reduced_is_refused() {
        let secret = seed("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let mut signature = ed25519_sign(&secret, b"m").unwrap();
        // S + L, little-endian.
        let order: [u8; 32] = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert_eq!(ed25519_verify(&ed25519_public(&secret), b"m", &signature), Err(Unauthentic));
    }
}
