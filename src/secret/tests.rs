//! What holds of secret memory, seen from outside: through child processes, signals and /proc.
#![allow(unsafe_code)]

use super::*;
use crate::sync::tests::{in_child, run_child};

fn key(on_fork: OnFork, byte: u8) -> Key32 {
    Key32::new_with(on_fork, |key| {
        assert_eq!(*key, [0; 32], "a new slot is zero");
        key.fill(byte);
        Ok(())
    })
    .unwrap()
}

/// The `VmFlags` of the mapping that holds an address.
fn flags(at: *const u8) -> Vec<String> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut inside = false;
    for line in smaps.lines() {
        let first = line.split(' ').next().unwrap();
        if let Some((from, to)) = first.split_once('-') {
            let address = |text| usize::from_str_radix(text, 16).unwrap();
            inside = (address(from)..address(to)).contains(&(at as usize));
        } else if inside && first == "VmFlags:" {
            return line.split(' ').skip(1).map(str::to_owned).collect();
        }
    }
    panic!("the address is not mapped");
}

#[test]
fn pages_are_locked_kept_out_of_dumps_and_wiped_on_fork_as_asked() {
    let (wiped, inherited) = (key(OnFork::Wipe, 1), key(OnFork::Inherit, 2));
    for (key, expected) in [(&wiped, &["lo", "dd", "wf"][..]), (&inherited, &["lo", "dd"][..])] {
        let flags = flags(key.expose().as_ptr());
        for flag in expected {
            assert!(flags.iter().any(|f| f == flag), "{flag} is not among {flags:?}");
        }
    }
    let now = protection();
    assert!(now.bytes > 0);
    assert_eq!((now.dumpable_bytes, now.not_wiped_bytes), (0, 0));
}

/// Mutation seen to fail: no `wipe_raw` in `Slot::drop`.
#[test]
fn freed_bytes_are_zero_and_used_again() {
    assert!(in_child(false, || {
        let first = key(OnFork::Wipe, 0xa5);
        let at = first.expose().as_ptr();
        drop(first);
        // SAFETY: pages are never unmapped, and this child has one thread.
        let after = unsafe { std::slice::from_raw_parts(at, 40) };
        let wiped = after.iter().all(|b| *b == 0);
        wiped && key(OnFork::Wipe, 1).expose().as_ptr() == at
    }));
}

#[test]
fn a_failed_fill_leaves_nothing_behind() {
    assert!(in_child(false, || {
        let mut at = std::ptr::null();
        let failed = Key32::new_with(OnFork::Wipe, |key| {
            key.fill(0xa5);
            at = key.as_ptr();
            Err(Error::Random)
        });
        // SAFETY: as above.
        failed.is_err() && unsafe { std::slice::from_raw_parts(at, 40) }.iter().all(|b| *b == 0)
    }));
}

/// Mutation seen to fail: no madvise(MADV_WIPEONFORK).
#[test]
fn children_find_zeros_or_the_same_bytes_as_asked_and_may_drop_both() {
    let (wiped, inherited) = (key(OnFork::Wipe, 1), key(OnFork::Inherit, 2));
    for raw in [false, true] {
        assert!(in_child(raw, || {
            let seen = *wiped.expose() == [0; 32]
                && wiped.lost_to_fork()
                && *inherited.expose() == [2; 32]
                && !inherited.lost_to_fork();
            // SAFETY: a second owner in this child only; the originals are never dropped here (_exit).
            unsafe {
                drop(std::ptr::read(&wiped));
                drop(std::ptr::read(&inherited));
            }
            seen && *key(OnFork::Wipe, 3).expose() == [3; 32]
        }));
    }
    assert!(!wiped.lost_to_fork());
    assert_eq!((*wiped.expose(), *inherited.expose()), ([1; 32], [2; 32]));
}

#[test]
fn a_slot_lost_to_a_fork_is_not_given_out_again_while_its_owner_lives() {
    let mine = key(OnFork::Wipe, 1);
    assert!(in_child(false, || {
        let others: Vec<_> = (0..2_000).map(|_| key(OnFork::Wipe, 7)).collect();
        *mine.expose() == [0; 32] && others.iter().all(|k| *k.expose() == [7; 32])
    }));
}

#[test]
fn children_lock_inherited_pages_again() {
    let _key = key(OnFork::Inherit, 1);
    let before = protection();
    assert!(in_child(false, || {
        let now = protection();
        now.bytes >= before.bytes && now.unlocked_bytes == before.unlocked_bytes
    }));
}

#[test]
fn one_byte_past_a_slot_ends_the_process_when_it_is_freed() {
    for past in [32, 39] {
        let status = run_child(false, || {
            let key = key(OnFork::Wipe, 1);
            // SAFETY: none: this is the overrun that must not go unseen. The bytes are mapped.
            unsafe {
                let byte = key.expose().as_ptr().add(past).cast_mut();
                byte.write(byte.read() ^ 1);
            }
            drop(key);
            true
        });
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGABRT);
    }
}

#[test]
fn running_off_a_run_at_either_end_kills_the_process() {
    for forward in [true, false] {
        let status = run_child(false, || {
            // SAFETY: none: this must hit a guard page within the largest run. SIGSEGV ends the child.
            unsafe {
                libc::signal(libc::SIGSEGV, libc::SIG_DFL);
                let mut secret = SecretBytes::zeroed(4096, OnFork::Wipe).unwrap();
                let at = secret.expose_mut().as_mut_ptr();
                for i in 0..(1 << 20) {
                    let past = if forward { at.add(i) } else { at.sub(i) };
                    past.write_volatile(0xa5);
                }
            }
            true
        });
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV);
    }
}

#[test]
fn where_the_system_refuses_to_lock_secrets_still_work_and_the_status_tells() {
    assert!(in_child(false, || {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: plain system calls. The limit does not bind the superuser, so the child becomes nobody.
        unsafe {
            assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &none), 0);
            assert!(libc::geteuid() != 0 || libc::setresuid(65534, 65534, 65534) == 0);
        }
        let key = key(OnFork::Wipe, 1);
        let secret = SecretBytes::zeroed(4096, OnFork::Inherit).unwrap();
        let now = protection();
        *key.expose() == [1; 32]
            && secret.expose() == [0; 4096]
            && now.bytes > 0
            && now.unlocked_bytes == now.bytes
    }));
}

#[test]
fn a_hundred_thousand_keys_take_less_than_16_mib_with_their_bookkeeping_and_stay_locked() {
    assert!(in_child(false, || {
        let before = protection();
        let locked_before = locked_kib();
        let mut keys: Vec<Key32> = (0..100_000_u32)
            .map(|i| {
                Key32::new_with(OnFork::Wipe, |key| {
                    key[..4].copy_from_slice(&i.to_le_bytes());
                    Ok(())
                })
                .unwrap()
            })
            .collect();
        let all_there = keys.iter().enumerate().all(|(i, key)| key.expose()[..4] == (i as u32).to_le_bytes());
        let now = protection();
        let runs = (now.bytes - before.bytes) / (16 << 10);
        let bookkeeping = keys.capacity() * size_of::<Key32>() + runs as usize * 4096;
        let fits = (now.bytes - before.bytes) as usize + bookkeeping < 16 << 20;
        let locked = locked_kib();
        assert!(now.unlocked_bytes > 0 || locked - locked_before >= 100_000 * 32 / 1024);
        keys.truncate(50_000);
        let all_there = all_there
            && keys.iter().enumerate().all(|(i, key)| key.expose()[..4] == (i as u32).to_le_bytes());
        all_there && fits && locked_kib() == locked
    }));
}

fn locked_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn threads_that_make_and_drop_secrets_at_once_never_share_one() {
    std::thread::scope(|s| {
        for t in 0..6_u8 {
            s.spawn(move || {
                for round in 0..200_usize {
                    let size = 1 + (round * 37 + usize::from(t)) % 4096;
                    let keys: Vec<_> = (0..40).map(|i| key(OnFork::Wipe, t * 40 + i)).collect();
                    let mut secret = SecretBytes::zeroed(size, OnFork::Inherit).unwrap();
                    secret.expose_mut().fill(t);
                    for (i, key) in keys.iter().enumerate() {
                        assert_eq!(*key.expose(), [t * 40 + i as u8; 32]);
                    }
                    assert!(secret.expose().iter().all(|b| *b == t) && secret.expose().len() == size);
                }
            });
        }
    });
}

#[test]
fn sizes_outside_the_bounds_are_refused() {
    for len in [0, 4097, usize::MAX] {
        assert!(SecretBytes::zeroed(len, OnFork::Wipe).is_err(), "{len}");
    }
}

#[test]
fn a_wiped_buffer_and_a_scrubbed_stack_are_zero() {
    let mut bytes = [0xa5_u8; 100];
    wipe(&mut bytes);
    assert_eq!(bytes, [0; 100]);
    let mut words = [7_u32; 9];
    wipe_words(&mut words);
    assert_eq!(words, [0; 9]);
}

/// Mutation seen to fail: `Taken` given back whatever process it is dropped in.
#[test]
fn a_place_taken_before_a_fork_is_free_and_empty_in_the_child_and_the_old_holder_cannot_give_it_back() {
    static POOL: Pool<u64, [u8; 100]> = Pool::new();
    let mut mine = POOL.take(0).unwrap().unwrap();
    mine.fill(7);
    assert!(POOL.take(0).unwrap().is_none());
    for raw in [false, true] {
        assert!(in_child(raw, || {
            let theirs = POOL.take(0).unwrap().unwrap();
            // SAFETY: a second owner in this child only; the original is not dropped here (_exit).
            drop(unsafe { std::ptr::read(&mine) });
            let held = POOL.take(0).unwrap().is_none();
            let empty = *theirs == [0; 100];
            drop(theirs);
            held && empty && POOL.take(0).unwrap().is_some()
        }));
    }
    assert_eq!(*mine, [7; 100]);
    drop(mine);
    assert!(POOL.take(0).unwrap().is_some());
    assert!(POOL.take(pool::MAX_PLACES).unwrap().is_none());
}
