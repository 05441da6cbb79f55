use std::sync::atomic::{AtomicU8, Ordering};

use super::aead::TAG_SIZE;
use super::{AeadKey, Engine, ct_eq, hkdf_sha256, hmac_sha256, sha256_into, xaes};
use crate::error::{Error, Result};

const UNKNOWN: u8 = 0;
pub(super) const PASSED: u8 = 1;
pub(super) const FAILED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Lengths at which an engine changes its way of working, and their neighbours.
const LENGTHS: [usize; 20] =
    [0, 1, 15, 16, 17, 64, 127, 128, 129, 255, 256, 257, 1024, 4095, 4096, 4097, 8192, 16383, 16384, 16385];
const LONGEST: usize = 16385;

/// The outcome of the start-up self-test, which runs once at the first call: known answers on both engines, one
/// against the other. After a failure every call of the library returns this error.
///
/// Threads that come at once each run it, and agree; nothing is held that a fork could leave held.
#[inline]
pub(crate) fn passed() -> Result<()> {
    #[cfg(test)]
    if corrupt::is_set() {
        return Err(failed("it was told to fail"));
    }
    if STATE.load(Ordering::Acquire) == PASSED { Ok(()) } else { run() }
}

#[cold]
fn run() -> Result<()> {
    if STATE.load(Ordering::Acquire) == FAILED {
        return Err(failed("the cryptography of this build gives wrong answers on this machine"));
    }
    let outcome = known_answers(0).and_then(|()| engines_agree());
    if let Some(state) = told_by(&outcome) {
        STATE.store(state, Ordering::Release);
    }
    outcome
}

/// What an outcome settles for good. A test that had no memory to run in settles nothing: the next call runs it.
pub(super) fn told_by(outcome: &Result<()>) -> Option<u8> {
    match outcome {
        Ok(()) => Some(PASSED),
        Err(Error::OutOfMemory { .. }) => None,
        Err(_) => Some(FAILED),
    }
}

pub(super) fn failed(what: &'static str) -> Error {
    Error::SelfTest { what }
}

pub(super) fn check(holds: bool, what: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(failed(what)) }
}

/// Known answers, with `flip` mixed into what is computed (0 but in tests of this test).
fn known_answers(flip: u8) -> Result<()> {
    let mut digest = [0; 32];
    sha256_into(&[b"a", b"b", &[b'c' ^ flip]], &mut digest);
    check(ct_eq(&digest, &SHA256_ABC), "SHA-256")?;

    let mac = hmac_sha256(&[0x0b; 32], &[b"Hi ", b"There", &[flip][..usize::from(flip != 0)]]);
    check(ct_eq(&mac, &HMAC_HI_THERE), "HMAC-SHA-256")?;

    // RFC 5869, appendix A.1.
    let mut okm = [0; 42];
    let salt: [u8; 13] = std::array::from_fn(|i| i as u8);
    let info: [u8; 10] = std::array::from_fn(|i| 0xf0 + i as u8);
    hkdf_sha256(&salt, &[0x0b ^ flip; 22], &info, &mut okm);
    check(ct_eq(&okm, &HKDF_A1), "HKDF-SHA-256")?;

    for engine in Engine::ALL {
        xaes_known_answers(*engine, flip)?;
    }
    Ok(())
}

/// The two vectors of C2SP XAES-256-GCM: derivation, sealing, opening, and refusing a changed tag.
fn xaes_known_answers(engine: Engine, flip: u8) -> Result<()> {
    let mut aead = AeadKey::empty();
    let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
    // Both halves of a 24-byte array have 12 bytes.
    let (prefix, tail) = (nonce.first_chunk().expect("12 of 24"), nonce.last_chunk().expect("12 of 24"));
    for (key, aad, expected) in
        [([0x01 ^ flip; 32], &b""[..], XAES_1), ([0x03 ^ flip; 32], b"c2sp.org/XAES-256-GCM", XAES_2)]
    {
        let mut derived = [0; 32];
        xaes::derive_into(&key, prefix, &mut derived);
        aead.set_with(engine, &derived);
        let mut sealed = [0; 28];
        aead.seal(tail, aad, b"XAES-256-GCM", &mut sealed);
        check(ct_eq(&sealed, &expected), "XAES-256-GCM")?;
        let mut opened = [0xa5; 12];
        let result = aead.open(tail, aad, &sealed, &mut opened);
        check(result.is_ok() && ct_eq(&opened, b"XAES-256-GCM"), "opening XAES-256-GCM")?;
        sealed[27] ^= 1;
        let result = aead.open(tail, aad, &sealed, &mut opened);
        check(result.is_err() && ct_eq(&opened, &[0; 12]), "refusing a changed tag")?;
    }
    Ok(())
}

/// What one engine seals, the next one opens, and both seal the same, at all lengths that matter.
fn engines_agree() -> Result<()> {
    let mut keys = [AeadKey::empty(), AeadKey::empty()];
    let engines = [Engine::ALL[0], Engine::ALL[Engine::ALL.len() - 1]];
    for (key, engine) in keys.iter_mut().zip(engines) {
        key.set_with(engine, b"keyfold self-test key 0123456789");
    }
    // The buffers are static in size but not in place: this thread's heap, once a process.
    let mut buffers: Vec<u8> = Vec::new();
    buffers
        .try_reserve_exact(4 * LONGEST + 3 * TAG_SIZE)
        .map_err(|_| Error::OutOfMemory { locked: false })?;
    buffers.resize(4 * LONGEST + 3 * TAG_SIZE, 0);
    let (plaintext, rest) = buffers.split_at_mut(LONGEST);
    let (opened, rest) = rest.split_at_mut(LONGEST);
    let (first, second) = rest.split_at_mut(LONGEST + TAG_SIZE);
    for (i, byte) in plaintext.iter_mut().enumerate() {
        *byte = (i * 131 + (i >> 8) * 17) as u8;
    }
    for (i, len) in LENGTHS.into_iter().enumerate() {
        let nonce = [i as u8; 12];
        let aad = &plaintext[..len.min(60)];
        let (first, second) = (&mut first[..len + TAG_SIZE], &mut second[..len + TAG_SIZE]);
        keys[0].seal(&nonce, aad, &plaintext[..len], first);
        keys[1].seal(&nonce, aad, &plaintext[..len], second);
        check(ct_eq(first, second), "the AES-GCM engines disagree")?;
        for key in &keys {
            let result = key.open(&nonce, aad, first, &mut opened[..len]);
            let same = ct_eq(&opened[..len], &plaintext[..len]);
            check(result.is_ok() && same, "an AES-GCM engine does not open what it sealed")?;
        }
    }
    Ok(())
}

const SHA256_ABC: [u8; 32] = hex(b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
/// HMAC-SHA-256 of "Hi There" under 32 bytes 0x0b (computed by an independent implementation).
const HMAC_HI_THERE: [u8; 32] = hex(b"198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
const HKDF_A1: [u8; 42] =
    hex(b"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
const XAES_1: [u8; 28] = hex(b"ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
const XAES_2: [u8; 28] = hex(b"986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");

pub(super) const fn hex<const N: usize>(text: &[u8]) -> [u8; N] {
    assert!(text.len() == 2 * N);
    let mut bytes = [0; N];
    let mut i = 0;
    while i < 2 * N {
        let digit = match text[i] {
            c @ b'0'..=b'9' => c - b'0',
            c => c - b'a' + 10,
        };
        bytes[i / 2] = bytes[i / 2] << 4 | digit;
        i += 1;
    }
    bytes
}

/// Makes the self-test fail, for tests that ask what the library does then.
#[cfg(test)]
pub(crate) mod corrupt {
    use std::cell::Cell;

    thread_local! {
        static SET: Cell<bool> = const { Cell::new(false) };
    }

    /// From now on (or, with false, no longer) this thread finds the self-test failed.
    pub(crate) fn set(on: bool) {
        SET.set(on);
    }

    pub(super) fn is_set() -> bool {
        SET.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutations seen to fail: one digit of each known answer; one engine's tag changed.
    #[test]
    fn it_passes_and_wrong_input_makes_each_known_answer_fail() {
        assert_eq!(known_answers(0).and_then(|()| engines_agree()), Ok(()));
        for flip in [1, 0x80] {
            assert!(matches!(known_answers(flip), Err(Error::SelfTest { .. })));
        }
        for engine in Engine::ALL {
            assert!(xaes_known_answers(*engine, 1).is_err());
        }
    }

    #[test]
    fn a_test_that_had_no_memory_is_neither_passed_nor_failed() {
        assert_eq!(told_by(&Err(Error::OutOfMemory { locked: false })), None);
        assert_eq!(told_by(&Err(failed("x"))), Some(FAILED));
        assert_eq!(told_by(&Ok(())), Some(PASSED));
    }

    #[test]
    fn after_a_failure_every_door_of_this_room_is_shut() {
        use crate::crypto::{Argon2Params, Kek, argon2id, fill_random, with_lane};
        use crate::secret::{Key32, OnFork};

        let key = || Key32::new_with(OnFork::Wipe, |_| Ok(())).unwrap();
        let params = Argon2Params { memory_kib: 64, passes: 1, lanes: 1 };
        corrupt::set(true);
        let failures = [
            passed(),
            with_lane(|_| Ok(())),
            fill_random(&mut [0; 8]),
            Kek::new(key()).map(|_| ()),
            argon2id(params, b"x", &[0; 16], &mut [0; 32]),
        ];
        corrupt::set(false);
        for failure in failures {
            assert!(matches!(failure, Err(Error::SelfTest { .. })), "{failure:?}");
        }
        assert_eq!(fill_random(&mut [0; 8]), Ok(()));
    }
}
