//! HMAC keys (FIPS 198-1, RFC 2104) with SHA-256, SHA-384 and SHA-512.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use super::known_answers::Algorithm;
use super::{MaterialId, ct_eq, hkdf_sha256};
use crate::error::{Error, Result};
use crate::secret::{SecretBytes, scrub_stack, wipe};

/// A hash function to make HMACs with. A key has as many bytes as the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacHash {
    Sha256,
    Sha384,
    Sha512,
}

/// The longest HMAC, in bytes.
const LONGEST: usize = 64;

impl MacHash {
    /// Bytes of a key, and of a MAC.
    pub(crate) const fn size(self) -> usize {
        match self {
            MacHash::Sha256 => 32,
            MacHash::Sha384 => 48,
            MacHash::Sha512 => LONGEST,
        }
    }
}

/// The bytes of an HMAC key, in a slab slot.
pub(crate) struct MacSecret {
    bytes: SecretBytes,
    hash: MacHash,
}

impl MacSecret {
    /// `bytes` has exactly the hash's size.
    pub(crate) fn new(hash: MacHash, bytes: SecretBytes) -> Result<MacSecret> {
        Algorithm::Hmac.self_test()?;
        match bytes.expose().len() == hash.size() {
            true => Ok(MacSecret { bytes, hash }),
            false => Err(Error::Internal { what: "an HMAC key of another size than its hash" }),
        }
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.bytes.expose()
    }

    /// Bytes of a MAC.
    pub(crate) fn size(&self) -> usize {
        self.hash.size()
    }

    /// The HMAC of a message, into exactly its size. FORKED where a fork wiped the key.
    pub(crate) fn make(&self, message: &[u8], out: &mut [u8]) -> Result<()> {
        if self.bytes.lost_to_fork() {
            return Err(Error::Forked);
        }
        match self.hash {
            MacHash::Sha256 => hmac::<Hmac<Sha256>>(self.expose(), message, out),
            MacHash::Sha384 => hmac::<Hmac<Sha384>>(self.expose(), message, out),
            MacHash::Sha512 => hmac::<Hmac<Sha512>>(self.expose(), message, out),
        }
        scrub_stack::<2048>();
        Ok(())
    }

    /// Whether `mac` is the message's, in time that depends on lengths alone.
    pub(crate) fn verify(&self, message: &[u8], mac: &[u8]) -> Result<bool> {
        let mut expected = [0; LONGEST];
        let expected = &mut expected[..self.size()];
        self.make(message, expected)?;
        let agrees = ct_eq(expected, mac);
        wipe(expected);
        Ok(agrees)
    }

    /// Names the key without telling it: the first 8 bytes of HKDF-SHA-256 with the label as salt, where the key is
    /// HMAC's message and not its key, so that no MAC it makes is this.
    pub(crate) fn material_id(&self, spec: u8) -> MaterialId {
        let mut id = [0; 8];
        hkdf_sha256(b"keyfold/material-id/1", self.expose(), &[spec], &mut id);
        id
    }
}

#[inline(never)]
pub(super) fn hmac<M: Mac + KeyInit>(key: &[u8], message: &[u8], out: &mut [u8]) {
    // HMAC takes keys of every length.
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("any key length is valid");
    mac.update(message);
    out.copy_from_slice(&mac.finalize().into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::OnFork;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    /// RFC 4231, test cases 1 to 4, 6 and 7 (5 is about truncation). The keys there are of other sizes than ours.
    #[test]
    fn macs_are_those_of_rfc_4231() {
        let cases: [(Vec<u8>, Vec<u8>, [&str; 3]); 4] = [
            (
                vec![0x0b; 20],
                b"Hi There".to_vec(),
                [
                    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
                    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
                ],
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                [
                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
                    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
                ],
            ),
            (
                vec![0xaa; 20],
                vec![0xdd; 50],
                [
                    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
                    "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
                    "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
                ],
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                [
                    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
                    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
                ],
            ),
        ];
        for (key, message, expected) in cases {
            let mut out = [0; 64];
            hmac::<Hmac<Sha256>>(&key, &message, &mut out[..32]);
            assert_eq!(out[..32], hex(expected[0]));
            hmac::<Hmac<Sha384>>(&key, &message, &mut out[..48]);
            assert_eq!(out[..48], hex(expected[1]));
            hmac::<Hmac<Sha512>>(&key, &message, &mut out);
            assert_eq!(out[..], hex(expected[2]));
        }
    }

    #[test]
    fn each_hash_has_its_size_and_refuses_what_differs() {
        for hash in [MacHash::Sha256, MacHash::Sha384, MacHash::Sha512] {
            let mut bytes = SecretBytes::zeroed(hash.size(), OnFork::Wipe).unwrap();
            bytes.expose_mut().fill(7);
            let key = MacSecret::new(hash, bytes).unwrap();
            let mut mac = vec![0; hash.size()];
            key.make(b"message", &mut mac).unwrap();
            assert!(key.verify(b"message", &mac).unwrap());
            assert!(!key.verify(b"messagf", &mac).unwrap());
            assert!(!key.verify(b"message", &mac[1..]).unwrap());
            for at in 0..mac.len() {
                mac[at] ^= 1;
                assert!(!key.verify(b"message", &mac).unwrap());
                mac[at] ^= 1;
            }
            assert_ne!(key.material_id(2), key.material_id(3));
        }
        let other = SecretBytes::zeroed(32, OnFork::Wipe).unwrap();
        assert!(MacSecret::new(MacHash::Sha384, other).is_err());
    }
}
