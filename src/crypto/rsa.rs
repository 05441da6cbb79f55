//! RSAES-OAEP with SHA-256 (RFC 8017) for importing key material. It is aws-lc's, whose private-key operations and
//! unpadding are constant time; there is none in a build without that engine.

use super::Unauthentic;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
#[cfg(not(feature = "aws-lc"))]
use crate::secret::wipe;

/// A fresh key pair.
pub(crate) struct RsaPair {
    /// RSAPrivateKey in DER (RFC 8017, A.1.2).
    pub(crate) private: SecretBytes,
    /// SubjectPublicKeyInfo in DER (RFC 5280).
    pub(crate) public: Vec<u8>,
}

/// Makes a key pair with exponent 65,537. It may take seconds.
///
/// # Errors
/// UNSUPPORTED_OPERATION in a build without aws-lc; OUT_OF_MEMORY.
pub(crate) fn rsa_generate(bits: u32) -> Result<RsaPair> {
    #[cfg(feature = "aws-lc")]
    return super::rsa_aws_lc::generate(bits);
    #[cfg(not(feature = "aws-lc"))]
    {
        let _ = bits;
        Err(Error::UnsupportedOperation { what: "this build has no RSA; import under HPKE" })
    }
}

/// Decrypts into the front of `out`, which is zero on failure; the size.
pub(crate) fn rsa_open(private: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<usize, Unauthentic> {
    #[cfg(feature = "aws-lc")]
    return super::rsa_aws_lc::open(private, sealed, out);
    #[cfg(not(feature = "aws-lc"))]
    {
        let _ = (private, sealed);
        wipe(out);
        Err(Unauthentic)
    }
}

#[cfg(feature = "aws-lc")]
pub(super) fn failed() -> Error {
    Error::OutOfMemory { locked: false }
}

#[cfg(all(test, feature = "aws-lc"))]
mod tests {
    use super::*;

    /// Mutation seen to fail it: SHA-1 for the digest of OAEP.
    #[test]
    fn what_another_implementation_sealed_opens() {
        let vector: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/rsa-oaep.json")).unwrap();
        let hex = |name: &str| {
            let text = vector[name].as_str().unwrap();
            (0..text.len() / 2)
                .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
                .collect::<Vec<u8>>()
        };
        let mut out = [0; 512];
        assert_eq!(rsa_open(&hex("private"), &hex("sealed"), &mut out), Ok(32));
        assert_eq!(out[..32], hex("message"));
        assert_eq!(rsa_open(&hex("private"), &hex("other_mask"), &mut out), Err(Unauthentic));
    }

    #[test]
    fn what_is_sealed_to_a_key_opens_and_nothing_else_does() {
        let pair = rsa_generate(3072).unwrap();
        let sealed = super::super::rsa_aws_lc::seal(&pair.public, &[0x5a; 32]).unwrap();
        assert_eq!(sealed.len(), 384);
        let mut out = [0; 512];
        assert_eq!(rsa_open(pair.private.expose(), &sealed, &mut out), Ok(32));
        assert_eq!(out[..32], [0x5a; 32]);
        assert!(out[32..].iter().all(|byte| *byte == 0));
        let other = rsa_generate(3072).unwrap();
        assert_eq!(rsa_open(other.private.expose(), &sealed, &mut out), Err(Unauthentic));
        assert_eq!(out, [0; 512]);
        for at in [0, 100, 383] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(rsa_open(pair.private.expose(), &changed, &mut out), Err(Unauthentic));
        }
        assert_eq!(rsa_open(pair.private.expose(), &sealed[1..], &mut out), Err(Unauthentic));
        assert_eq!(rsa_open(pair.private.expose(), &[], &mut out), Err(Unauthentic));
    }
}
