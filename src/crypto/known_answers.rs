use std::sync::atomic::{AtomicU8, Ordering};

use super::selftest::{FAILED, PASSED, check, failed, hex, passed, told_by};
use super::{Kem, ct_eq, ed25519, hpke, mac, sha256_into};
use crate::error::Result;
use crate::secret::{Key32, OnFork};

/// What only some stores use. Its known answers are asked at the first use of each, once a process, so that opening a
/// store waits for none of them; after a wrong one every use of it is refused with SELF_TEST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hmac,
    HpkeX25519,
    HpkeXWing,
    Ed25519,
    #[cfg(feature = "aws-lc")]
    RsaOaep,
}

const COUNT: usize = Algorithm::ALL.len();
/// As in `selftest`, where zero is unknown too.
static STATES: [AtomicU8; COUNT] = [const { AtomicU8::new(0) }; COUNT];

impl Algorithm {
    pub(crate) const ALL: &[Algorithm] = &[
        Algorithm::Hmac,
        Algorithm::HpkeX25519,
        Algorithm::HpkeXWing,
        Algorithm::Ed25519,
        #[cfg(feature = "aws-lc")]
        Algorithm::RsaOaep,
    ];

    /// Its name, where it failed.
    const fn name(self) -> &'static str {
        match self {
            Algorithm::Hmac => "HMAC-SHA-384 and -512",
            Algorithm::HpkeX25519 => "HPKE with X25519",
            Algorithm::HpkeXWing => "HPKE with X-Wing",
            Algorithm::Ed25519 => "Ed25519",
            #[cfg(feature = "aws-lc")]
            Algorithm::RsaOaep => "RSA-OAEP",
        }
    }

    /// The outcome of its test and of the start-up test, which run if they have not.
    pub(crate) fn self_test(self) -> Result<()> {
        passed()?;
        #[cfg(test)]
        if corrupt::is_set(self) {
            return Err(failed(self.name()));
        }
        let state = &STATES[self as usize];
        match state.load(Ordering::Acquire) {
            PASSED => return Ok(()),
            FAILED => return Err(failed(self.name())),
            _ => {}
        }
        let outcome = self.known_answer(0);
        if let Some(told) = told_by(&outcome) {
            state.store(told, Ordering::Release);
        }
        outcome
    }

    /// Computes what is known, with `flip` mixed into its input (0 but in tests of this test).
    fn known_answer(self, flip: u8) -> Result<()> {
        let holds = match self {
            Algorithm::Hmac => hmac(flip),
            Algorithm::HpkeX25519 => encapsulated(&X25519, flip)?,
            Algorithm::HpkeXWing => encapsulated(&X_WING, flip)?,
            Algorithm::Ed25519 => signed(flip)?,
            #[cfg(feature = "aws-lc")]
            Algorithm::RsaOaep => unsealed(flip),
        };
        check(holds, self.name())
    }
}

/// The start-up test and that of every algorithm: for who asks, not for who uses one.
pub(crate) fn self_test_all() -> Result<()> {
    passed()?;
    Algorithm::ALL.iter().try_for_each(|algorithm| algorithm.self_test())
}

/// RFC 4231, test case 1.
fn hmac(flip: u8) -> bool {
    let (key, message) = ([0x0b ^ flip; 20], b"Hi There");
    let (mut short, mut long) = ([0; 48], [0; 64]);
    mac::hmac::<::hmac::Hmac<sha2::Sha384>>(&key, message, &mut short);
    mac::hmac::<::hmac::Hmac<sha2::Sha512>>(&key, message, &mut long);
    ct_eq(&short, &HMAC_384) & ct_eq(&long, &HMAC_512)
}

/// RFC 8032, section 7.1, test 2: the public key, the signature, and that another message's is refused.
fn signed(flip: u8) -> Result<bool> {
    let seed = key(ED25519_SEED)?;
    let message = [0x72 ^ flip];
    let signature = ed25519::sign(&seed, &message);
    let public = ed25519::public(&seed);
    Ok(ct_eq(&public, &ED25519_PUBLIC)
        && ct_eq(&signature, &ED25519_SIGNATURE)
        && ed25519::verify(&public, &message, &signature).is_ok()
        && ed25519::verify(&public, &[0x73], &signature).is_err())
}

/// A key pair, an encapsulation with its randomness and one message; long values by their SHA-256. Sources: see
/// `hpke_tests.rs`.
struct Encapsulation {
    kem: Kem,
    seed: [u8; 32],
    public: [u8; 32],
    random: [u8; 64],
    encapsulated: [u8; 32],
    info: &'static [u8],
    message: &'static [u8],
    sealed: &'static [u8],
}

/// Derives the public key, seals with the randomness that is known, opens, and refuses what was changed.
fn encapsulated(known: &Encapsulation, flip: u8) -> Result<bool> {
    let seed = key(known.seed)?;
    let (mut enc, mut out, mut opened) = ([0; 1_120], [0; 45], [0; 29]);
    let enc = &mut enc[..known.kem.encapsulated_size()];
    let out = &mut out[..known.sealed.len()];
    let opened = &mut opened[..known.message.len()];
    let mut random = known.random;
    random[0] ^= flip;
    let (message, info) = (known.message, known.info);
    let Some(public) =
        hpke::known_answer(known.kem, &seed, random, info, KNOWN_AAD, message, (&mut *enc, &mut *out))
    else {
        return Ok(false);
    };
    let mut hashes = [[0; 32]; 2];
    sha256_into(&[&public], &mut hashes[0]);
    sha256_into(&[enc], &mut hashes[1]);
    let same = ct_eq(&hashes[0], &known.public)
        && ct_eq(&hashes[1], &known.encapsulated)
        && ct_eq(out, known.sealed)
        && hpke::open_with(known.kem, &seed, info, KNOWN_AAD, enc, out, opened).is_some()
        && ct_eq(opened, message);
    out[0] ^= 1;
    Ok(same && hpke::open_with(known.kem, &seed, info, KNOWN_AAD, enc, out, opened).is_none())
}

/// A key of 3,072 bits and what another implementation sealed to it, the message of which is not the changed one's.
#[cfg(feature = "aws-lc")]
fn unsealed(flip: u8) -> bool {
    let (private, sealed) = RSA_OAEP.split_at(RSA_OAEP.len() - 384);
    let mut sealed: [u8; 384] = *sealed.first_chunk().expect("split there");
    sealed[383] ^= flip;
    let mut out = [0; 512];
    let right = super::rsa_aws_lc::open(private, &sealed, &mut out) == Ok(32);
    let right = right & ct_eq(&out[..32], &RSA_OAEP_MESSAGE);
    sealed[0] ^= 1;
    right && super::rsa_aws_lc::open(private, &sealed, &mut out).is_err()
}

fn key(bytes: [u8; 32]) -> Result<Key32> {
    Key32::new_with(OnFork::Wipe, |out| {
        *out = bytes;
        Ok(())
    })
}

const KNOWN_AAD: &[u8] = b"Count-0";

const HMAC_384: [u8; 48] =
    hex(b"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6");
const HMAC_512: [u8; 64] = hex(
    b"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
);

const ED25519_SEED: [u8; 32] = hex(b"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
const ED25519_PUBLIC: [u8; 32] = hex(b"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
const ED25519_SIGNATURE: [u8; 64] = hex(
    b"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
);

const X25519: Encapsulation = Encapsulation {
    kem: Kem::X25519,
    seed: hex(b"497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"),
    public: hex(b"69df8d73e7407153d44babaf63e78f7a37ea1cb4f043588b75b51b02f8f9ddc3"),
    random: hex(
        b"2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f90000000000000000000000000000000000000000000000000000000000000000",
    ),
    encapsulated: hex(b"8ede5f7a2b0ca4e5b02782565e3c4d764900101c5be43120670438342d5f1e30"),
    info: b"Ode on a Grecian Urn",
    message: b"Beauty is truth, truth beauty",
    sealed: &hex::<45>(b"e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"),
};

const X_WING: Encapsulation = Encapsulation {
    kem: Kem::XWing,
    seed: hex(b"b3f98b03126a431ccecc62ae0f68e102c2d8e1cc7b21ba85d821d8e31761e0f8"),
    public: hex(b"120b60e0ae3c00c1c9def1c61aeb12de710bfa49646ae6f99a7e564b25ace493"),
    random: hex(
        b"a3a869097e0241158eca5dc6c9e695f9e0d2ee5db51c09c435aab69d56509a43d94ff76d7d47cf79ecf75394261236cec024bd849cc782e14f7f0738af83daed",
    ),
    encapsulated: hex(b"3a7ef30fb815e75b7f0f16f5bab5c36250882d94ea0f776cc2241cdd3b36b480"),
    info: b"4f6465206f6e2061204772656369616e2055726e",
    message: b"keyfoldkeyfoldkeyfoldkeyfold",
    sealed: &hex::<44>(
        b"00d3ac37fe2e1aa3fdf92657c23e8629aa347cdef057a01cc6eab0c7acdb221d06877eb5b82efdaf821b790c",
    ),
};

/// RSAPrivateKey in DER, then the ciphertext: those of `tests/vectors/rsa-oaep.json`, by another implementation.
#[cfg(feature = "aws-lc")]
const RSA_OAEP: [u8; 2153] = hex(include_bytes!("known_rsa_oaep.hex"));
#[cfg(feature = "aws-lc")]
const RSA_OAEP_MESSAGE: [u8; 32] = hex(b"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

/// Makes the test of one algorithm fail, for tests that ask what is refused then.
#[cfg(test)]
pub(crate) mod corrupt {
    use std::cell::Cell;

    use super::Algorithm;

    thread_local! {
        static SET: Cell<Option<Algorithm>> = const { Cell::new(None) };
    }

    pub(crate) fn set(algorithm: Option<Algorithm>) {
        SET.set(algorithm);
    }

    pub(super) fn is_set(algorithm: Algorithm) -> bool {
        SET.get() == Some(algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{MacHash, MacSecret, SealingSecret, ed25519_sign, ed25519_verify, with_lane};
    use crate::error::Error;
    use crate::secret::SecretBytes;

    /// Mutations seen to fail it: one digit of each answer.
    #[test]
    fn each_passes_and_wrong_input_makes_it_fail() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.known_answer(0), Ok(()), "{algorithm:?}");
            for flip in [1, 0x80] {
                let found = algorithm.known_answer(flip);
                assert_eq!(found, Err(failed(algorithm.name())), "{algorithm:?}");
            }
        }
        assert_eq!(self_test_all(), Ok(()));
    }

    /// Mutations seen to fail it: each of the calls of `self_test` left out.
    #[test]
    fn after_a_failure_its_own_doors_are_shut_and_the_others_open() {
        let seed = || key([7; 32]).unwrap();
        let doors = |kem: Kem| {
            let good = SealingSecret::new(kem, seed());
            let (mut enc, mut out) = (vec![0; kem.encapsulated_size()], [0; 17]);
            let public = [9; 1_216];
            let sealed = with_lane(|lane| {
                kem.seal(lane, &public[..kem.public_size()], b"", b"", &[1], (&mut enc, &mut out))
            });
            [good.map(|_| ()), sealed]
        };
        for algorithm in Algorithm::ALL {
            corrupt::set(Some(*algorithm));
            let refused = |result: &Result<()>| *result == Err(failed(algorithm.name()));
            let bytes = SecretBytes::zeroed(48, OnFork::Wipe).unwrap();
            let mac = MacSecret::new(MacHash::Sha384, bytes).map(|_| ());
            let signed = ed25519_sign(&seed(), b"m");
            let verified = ed25519_verify(&ED25519_PUBLIC, &[0x72], &ED25519_SIGNATURE).is_ok();
            let x25519 = doors(Kem::X25519);
            let x_wing = doors(Kem::XWing);
            let all = self_test_all();
            #[cfg(feature = "aws-lc")]
            let rsa = [
                crate::crypto::rsa_generate(512).map(|_| ()),
                crate::crypto::rsa_open(&[], &[], &mut [0; 512]).map(|_| ()),
            ];
            corrupt::set(None);
            assert_eq!(refused(&mac), *algorithm == Algorithm::Hmac);
            assert_eq!(refused(&signed.map(|_| ())), *algorithm == Algorithm::Ed25519);
            assert_eq!(verified, *algorithm != Algorithm::Ed25519);
            assert!(x25519.iter().all(|door| refused(door) == (*algorithm == Algorithm::HpkeX25519)));
            assert!(x_wing.iter().all(|door| refused(door) == (*algorithm == Algorithm::HpkeXWing)));
            #[cfg(feature = "aws-lc")]
            assert!(rsa.iter().all(|door| refused(door) == (*algorithm == Algorithm::RsaOaep)));
            assert!(matches!(all, Err(Error::SelfTest { .. })));
        }
    }
}
