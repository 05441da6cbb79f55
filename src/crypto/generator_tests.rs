use super::*;
use crate::secret::zeroed;

/// A generator seeded with known bytes.
fn seeded_with(seed: &[u8; 32]) -> Box<Generator> {
    let mut generator: Box<Generator> = Box::new(zeroed());
    script::push_entropy(Some(seed));
    generator.seeded().unwrap();
    generator
}

fn step(generator: &mut Generator) -> Result<[u8; 44]> {
    let mut out = [0; 44];
    generator.seeded()?.step([&mut out, &mut []]);
    Ok(out)
}

/// Whether the next draw asks the kernel.
fn asks(generator: &mut Generator) -> bool {
    script::push_entropy(None);
    let asked = step(generator) == Err(Error::Random);
    script::clear();
    if asked {
        generator.seeded().unwrap();
    }
    asked
}

/// THREATS.md T-21. Mutation seen to fail: a nonce without the ticks.
#[test]
fn two_copies_of_one_state_part_at_the_first_draw() {
    let (mut one, mut other) = (seeded_with(&[5; 32]), seeded_with(&[5; 32]));
    assert_eq!(one.key, other.key);
    assert_ne!(step(&mut one), step(&mut other));
}

/// Mutation seen to fail: the key left as it was; the block not wiped.
#[test]
fn a_draw_leaves_neither_the_old_key_nor_any_output_behind() {
    let mut generator = seeded_with(&[5; 32]);
    let before = generator.key;
    let out = step(&mut generator).unwrap();
    assert_ne!(generator.key, before);
    assert_eq!(generator.block, [0; WORDS]);
    assert_ne!(out[..32], generator.key);
    assert_ne!(out[..32], before);
}

#[test]
fn outputs_follow_each_other_in_one_keystream_and_meet_every_length() {
    let mut generator = seeded_with(&[5; 32]);
    let (mut a, mut b) = ([0; 45], [0; 20]);
    generator.seeded().unwrap().step([&mut a, &mut b]);
    assert!(a.windows(4).chain(b.windows(4)).all(|w| w != [0; 4]));
    assert_ne!(a[..20], b);
    let mut all = [0; STEP];
    generator.seeded().unwrap().step([&mut all, &mut []]);
    assert!(all.windows(8).all(|w| w != [0; 8]));
}

#[test]
fn fresh_kernel_bytes_come_after_a_mebibyte_a_second_a_suspend_and_a_clock_step_and_not_before() {
    let mut generator = seeded_with(&[5; 32]);
    let look = |generator: &mut Generator| generator.clock_ticks = 0;
    // However slow this machine is, less than a second has gone by before each of these.
    let asks_soon = |generator: &mut Generator| {
        generator.seeded_at = sync::coarse_millis();
        asks(generator)
    };
    assert!(!asks_soon(&mut generator));
    generator.bytes_since_seed = RESEED_BYTES - 88;
    assert!(!asks_soon(&mut generator));
    assert!(!asks_soon(&mut generator));
    assert!(asks_soon(&mut generator), "after a mebibyte");
    assert!(!asks_soon(&mut generator));

    generator.seeded_at = generator.seeded_at.wrapping_sub(RESEED_MILLIS);
    look(&mut generator);
    assert!(asks(&mut generator), "after a second");
    assert!(!asks_soon(&mut generator));

    let jumps = generator.jumps();
    generator.suspended -= 60_000_000_000;
    look(&mut generator);
    assert!(asks_soon(&mut generator), "after a suspend");
    generator.wall += 3_600_000_000_000;
    look(&mut generator);
    assert!(asks_soon(&mut generator), "after the wall clock went back");
    assert_eq!(generator.jumps(), jumps + 2);
}

#[test]
fn a_time_stamp_counter_that_goes_back_makes_it_look_at_the_clocks() {
    let mut generator = seeded_with(&[5; 32]);
    generator.clock_ticks = sync::ticks().wrapping_add(1 << 50);
    generator.seeded_at = generator.seeded_at.wrapping_sub(RESEED_MILLIS);
    assert!(asks(&mut generator));
}

#[test]
fn a_reseed_mixes_with_the_old_key_and_does_not_replace_it() {
    let (mut one, mut other) = (seeded_with(&[5; 32]), seeded_with(&[6; 32]));
    for generator in [&mut one, &mut other] {
        script::push_entropy(Some(&[9; 32]));
        generator.reseed().unwrap();
    }
    assert_ne!(one.key, other.key);
    assert_ne!(one.key, [9; 32]);
}

#[test]
fn the_kernel_alone_serves_a_process_that_may_not_notice_forks() {
    let mut out = [0; 1000];
    from_kernel(&mut out).unwrap();
    assert!(out.windows(8).all(|w| w != [0; 8]));
    script::push_entropy(Some(&[1; 256]));
    script::push_entropy(None);
    assert_eq!(from_kernel(&mut out), Err(Error::Random));
    assert_eq!(out, [0; 1000]);
}
