use std::collections::HashSet;

use super::*;
use crate::crypto::generator::script;
use crate::secret::zeroed;
use crate::sync::tests::in_child;

/// Runs `f` on each lane of the process in turn, waiting for those at work.
pub(crate) fn each_lane(mut f: impl FnMut(&mut Lane)) {
    for index in 0..LANES.high() {
        while LANES.visit(index, |_, try_take| try_take().map(Held).map(|mut held| f(&mut held.0)))
            == Some(None)
        {
            thread::yield_now();
        }
    }
}

fn draw() -> [u8; 16] {
    let mut bytes = [0; 16];
    fill_random(&mut bytes).unwrap();
    bytes
}

#[test]
fn scratch_is_zero_when_a_call_begins_whatever_the_last_one_left() {
    for _ in 0..50 {
        with_lane(|lane| {
            assert!(lane.payload_key.iter().chain(&lane.spare).all(|b| *b == 0));
            lane.fill(&mut [0; 8])?;
            assert_ne!(lane.spare, [0; SPARE]);
            lane.payload_key.fill(0xa5);
            lane.payload.set(&[1; 32]);
            Ok(())
        })
        .unwrap();
    }
    each_lane(|lane| {
        assert_eq!((lane.payload_key, lane.spare), ([0; 32], [0; SPARE]));
    });
}

#[test]
fn a_lane_is_let_go_and_wiped_when_a_call_panics_or_nests() {
    for _ in 0..20 {
        let caught = std::panic::catch_unwind(|| {
            with_lane(|lane| -> Result<()> {
                lane.payload_key.fill(0xa5);
                std::panic::resume_unwind(Box::new(()))
            })
        });
        assert!(caught.is_err());
        with_lane(|outer| {
            outer.payload_key.fill(1);
            with_lane(|inner| {
                assert_eq!(inner.payload_key, [0; 32]);
                inner.payload_key.fill(2);
                Ok(())
            })?;
            assert_eq!(outer.payload_key, [1; 32]);
            Ok(())
        })
        .unwrap();
    }
}

#[test]
fn more_threads_than_lanes_all_get_on() {
    let draws: Vec<_> = thread::scope(|s| {
        let threads: Vec<_> = (0..24)
            .map(|_| s.spawn(|| (0..200).map(|_| with_lane(|_| Ok(draw())).unwrap()).collect()))
            .collect();
        threads.into_iter().flat_map(|t| -> Vec<[u8; 16]> { t.join().unwrap() }).collect()
    });
    assert_eq!(draws.iter().collect::<HashSet<_>>().len(), 24 * 200);
}

/// THREATS.md T-19. (Copied generators part by their nonces too, so this alone does not show that lanes are wiped.)
#[test]
fn children_and_grandchildren_by_fork_and_by_raw_clone_repeat_no_draw() {
    const DRAWS: usize = 500;
    let shared = crate::sync::tests::Shared::<[[u8; 16]; DRAWS * 6]>::new();
    draw();
    with_lane(|lane| lane.fill(&mut [0; 1])).unwrap();
    let fill = |part: usize| {
        for i in 0..DRAWS {
            shared.get()[part * DRAWS + i].set(draw());
        }
        true
    };
    for (part, raw) in [(0, false), (2, true)] {
        assert!(in_child(raw, || fill(part) && in_child(raw, || fill(part + 1))));
    }
    assert!(fill(4) && fill(5));
    let seen: HashSet<[u8; 16]> = shared.get().iter().map(|draw| draw.get()).collect();
    assert_eq!(seen.len(), DRAWS * 6);
}

/// Mutation seen to fail: lanes in `OnFork::Inherit` pages without the wipe in `Taken::begin`.
#[test]
fn a_childs_first_draw_asks_the_kernel() {
    for raw in [false, true] {
        draw();
        // Laid down before the fork, so that the child allocates nothing.
        script::push_entropy(None);
        let asked = in_child(raw, || fill_random(&mut [0; 16]) == Err(Error::Random));
        script::clear();
        assert!(asked);
    }
}

#[test]
fn a_child_forked_while_every_lane_is_held_draws_at_once() {
    with_lane(|_| {
        assert!(in_child(false, || draw() != draw()));
        assert!(in_child(true, || draw() != draw()));
        Ok(())
    })
    .unwrap();
}

/// THREATS.md T-20. Mutation seen to fail: `forks_are_seen` always true.
#[test]
fn where_forks_may_go_unseen_every_draw_comes_from_the_kernel() {
    assert!(in_child(false, || {
        crate::sync::tests::refuse_wiped_pages();
        let first = draw();
        script::push_entropy(Some(&[7; 16]));
        script::push_entropy(None);
        draw() == [7; 16]
            && fill_random(&mut [0; 16]) == Err(Error::Random)
            && draw() != first
            && in_child(true, || draw() != first)
    }));
}

#[test]
fn a_script_gives_draws_in_order_and_too_little_is_an_error() {
    script::push(&[1, 2, 3, 4, 5]);
    let mut out = [9; 3];
    fill_random(&mut []).unwrap();
    fill_random(&mut out).unwrap();
    assert_eq!(out, [1, 2, 3]);
    assert_eq!(fill_random(&mut out), Err(Error::Random));
    assert_eq!(out, [0; 3], "nothing is put out after an error");
    assert_eq!(script::clear(), 2);
    fill_random(&mut out).unwrap();
}

#[test]
fn the_rand_core_traits_draw_from_the_lane() {
    fn of_any<R: TryCryptoRng>(rng: &mut R) -> (u32, u64, [u8; 300]) {
        let mut bytes = [0; 300];
        let numbers = (rng.try_next_u32().ok().unwrap(), rng.try_next_u64().ok().unwrap());
        rng.try_fill_bytes(&mut bytes).ok().unwrap();
        (numbers.0, numbers.1, bytes)
    }
    with_lane(|lane| {
        script::push(&[1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        let (word, long, bytes) = of_any(lane);
        assert_eq!((word, long), (1, 2));
        assert!(bytes.windows(8).all(|w| w != [0; 8]));
        Ok(())
    })
    .unwrap();
}

#[test]
fn long_draws_are_whole_and_short_ones_put_aside_what_a_wrap_needs() {
    for len in [1, 43, 44, STEP - SPARE, STEP - SPARE + 1, STEP, STEP + 1, 10_000] {
        let mut out = vec![0; len + 16];
        with_lane(|lane| {
            lane.fill(&mut out[..len])?;
            assert_eq!(lane.spare_left > 0, len <= STEP - SPARE);
            let spare = lane.spare;
            if lane.spare_left > 0 {
                let mut nonce = [0; SPARE];
                lane.fill_nonce(&mut nonce[..8])?;
                lane.fill_nonce(&mut nonce[8..])?;
                assert_eq!(nonce, spare);
                assert_eq!((lane.spare, lane.spare_left), ([0; SPARE], 0), "given out once");
                lane.fill_nonce(&mut nonce[..8])?;
                assert_ne!(nonce, spare);
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(out[len..], [0; 16]);
        assert!(len < 32 || out[..len].windows(8).all(|w| w != [0; 8]), "{len}");
    }
}

#[test]
fn no_entropy_means_no_bytes_and_no_second_source() {
    for answer in [None, Some(&[7; 31][..]), Some(&[])] {
        let mut lane: Box<Lane> = Box::new(zeroed());
        let mut out = [0xa5; 48];
        script::push_entropy(answer);
        assert_eq!(lane.fill(&mut []), Ok(()), "no bytes, no seed");
        assert_eq!(lane.fill(&mut out), Err(Error::Random));
        assert_eq!(out, [0; 48]);
        assert_eq!(lane.fill(&mut out), Ok(()), "the kernel answers again");
        assert_ne!(out[..8], [0; 8]);
    }
}
