//! Forks: children that inherit a store go on with it, children that do not are told, and no transaction of the
//! parent suffers from either.
#![cfg(feature = "sqlite")]

mod keystore_support;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use keyfold::envelope::{
    Allowed, Context, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, encrypt_into,
};
use keyfold::keystore::{ForkPolicy, InitOptions, Key, OpenOptions, Store};
use keyfold::root::KeyFile;
use keyfold::{Error, Result, Status};
use keystore_support::{Place, location, named, with_alias};

const DONE: i32 = 40;

/// Forks; the child runs `work` and ends with what it returns, or with 99 if it panics. Fork ids of this library and
/// locks of the C library are made for this; the child touches nothing else of the test harness.
fn forked(how: Fork, work: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child leaves by _exit without returning into the harness.
    unsafe {
        let child = match how {
            Fork::Orderly => libc::fork(),
            Fork::Raw => libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t,
        };
        match child {
            0 => {
                // A child that hangs is a failure, not a hanging test.
                libc::alarm(20);
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                libc::_exit(ended.unwrap_or(99));
            }
            child => {
                assert!(child > 0);
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
                assert!(libc::WIFEXITED(status), "the child was ended by a signal: {status:#x}");
                libc::WEXITSTATUS(status)
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Fork {
    Orderly,
    /// Past the C library, whose handlers do not run.
    Raw,
}

fn inherit() -> OpenOptions {
    OpenOptions { fork: ForkPolicy::Inherit, ..OpenOptions::default() }
}

fn encrypt(key: &Key) -> Result<Vec<u8>> {
    let context = Context::from_canonical(&[0, 0])?;
    let mut out = vec![0; 200];
    let options = EncryptOptions::default();
    let size = encrypt_into(&[key], b"data", &context, &StoredContext::None, &options, &mut out)?;
    out.truncate(size);
    Ok(out)
}

fn decrypts(key: &Key, envelope: &[u8]) -> Result<bool> {
    let context = Context::from_canonical(&[0, 0])?;
    let mut out = [0; 200];
    let opened =
        decrypt_into(Allowed::Keys(&[key]), envelope, &context, &DecryptOptions::default(), &mut out)?;
    Ok(&out[..opened.len] == b"data")
}

fn status<T>(result: Result<T>) -> i32 {
    match result {
        Ok(_) => 0,
        Err(error) => {
            eprintln!("{error}");
            error.status() as i32
        }
    }
}

/// Mutations seen to fail it: `prepare` that takes no locks (children hang); `release` that does not renew `settled`
/// (FORKED in the child). `hold` that leaves connections open fails the tests below.
#[test]
fn forks_in_the_middle_of_transactions_lose_nothing() {
    let rounds = 500;
    let place = Place::new();
    let store = place.init(inherit());
    store.create_key(&with_alias("parent")).unwrap();
    store.create_key(&with_alias("child")).unwrap();
    let (stop, rotated) = (AtomicBool::new(false), AtomicU32::new(0));
    let key = store.key(&named("child")).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                store.disable_key(&named("parent")).unwrap();
                store.enable_key(&named("parent")).unwrap();
                rotated.fetch_add(2, Ordering::Relaxed);
                // Takes secret memory and random bytes while the others fork.
                store.key(&named("parent")).and_then(|key| encrypt(&key)).unwrap();
            }
        });
        for round in 0..rounds {
            let ended = forked(Fork::Orderly, || {
                let rotated = store.rotate_key(&named("child"));
                match rotated.and_then(|_| encrypt(&key)) {
                    Ok(_) => DONE,
                    Err(error) => {
                        eprintln!("{error}");
                        1
                    }
                }
            });
            if ended != DONE {
                stop.store(true, Ordering::Relaxed);
            }
            assert_eq!(ended, DONE, "round {round}");
        }
        stop.store(true, Ordering::Relaxed);
    });
    let changes = rotated.load(Ordering::Relaxed);
    let check = |store: &Store| {
        let parent = store.describe_key(&named("parent")).unwrap();
        let child = store.describe_key(&named("child")).unwrap();
        assert_eq!(parent.revision, u64::from(1 + changes), "the parent's changes");
        assert_eq!(child.versions.len(), 1 + rounds, "the children's rotations");
        assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 2);
    };
    check(&store);
    drop((store, key));
    check(&place.open(&OpenOptions::default()).unwrap());
}

#[test]
fn children_of_an_inheriting_store_use_keys_and_management() {
    let place = Place::new();
    let store = place.init(inherit());
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let from_parent = encrypt(&key).unwrap();
    let ended = forked(Fork::Orderly, || {
        assert!(decrypts(&key, &from_parent).unwrap());
        store.create_key(&with_alias("made-by-child")).unwrap();
        // A grandchild too.
        forked(Fork::Orderly, || {
            store.rotate_key(&named("k")).unwrap();
            assert!(decrypts(&key, &encrypt(&key).unwrap()).unwrap());
            DONE
        })
    });
    assert_eq!(ended, DONE);
    assert_eq!(store.describe_key(&named("k")).unwrap().current_version, 2);
    assert!(store.describe_key(&named("made-by-child")).is_ok());
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 2);
}

/// Mutations seen to fail it: no comparison of fork ids in `check_usable`; connections left open by `hold`.
#[test]
fn children_of_other_stores_are_told_and_may_open_their_own() {
    let place = Place::new();
    let store = place.init(OpenOptions::default());
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let envelope = encrypt(&key).unwrap();
    let memory = Store::in_memory().unwrap();
    memory.create_key(&with_alias("k")).unwrap();
    let ended = forked(Fork::Orderly, || {
        let forked = Status::Forked as i32;
        assert_eq!(status(store.describe_key(&named("k"))), forked);
        assert_eq!(status(store.rotate_key(&named("k"))), forked);
        assert_eq!(status(store.key(&named("k"))), forked);
        assert_eq!(status(encrypt(&key)), forked);
        assert_eq!(status(decrypts(&key, &envelope)), forked);
        assert_eq!(status(memory.describe_key(&named("k"))), forked);
        drop(store.clone());
        let own = place.open(&OpenOptions::default()).unwrap();
        own.rotate_key(&named("k")).unwrap();
        assert!(decrypts(&own.key(&named("k")).unwrap(), &envelope).unwrap());
        DONE
    });
    assert_eq!(ended, DONE);
    assert_eq!(store.describe_key(&named("k")).unwrap().current_version, 2);
    assert!(decrypts(&key, &envelope).unwrap());
}

/// Raw clones leave even the C library's locks as they were, so these roles have a process to themselves.
fn alone(role: &str) {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--ignored", "--test-threads=1", "--quiet"])
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{role}");
}

#[test]
fn children_made_past_the_handlers_are_told_and_do_no_harm() {
    alone("past_the_handlers");
    alone("dropped_in_children");
    alone("making_and_opening_past_the_handlers");
}

/// Mutations seen to fail it: `Settled::check` that always passes; `start` without its look at the fork id.
#[test]
#[ignore = "a role that another test starts"]
fn past_the_handlers() {
    let place = Place::new();
    let store = place.init(inherit());
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let ended = forked(Fork::Raw, || {
        let forked = Status::Forked as i32;
        assert_eq!(status(store.describe_key(&named("k"))), forked);
        assert_eq!(status(store.rotate_key(&named("k"))), forked);
        assert_eq!(status(encrypt(&key)), forked);
        // The parent's connection came along, so a connection of its own would take no locks.
        assert_eq!(status(place.open(&OpenOptions::default())), forked);
        assert_eq!(status(Store::in_memory()), forked);
        drop((store.clone(), key.clone()));
        DONE
    });
    assert_eq!(ended, DONE);
    store.rotate_key(&named("k")).unwrap();
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 1);
}

/// Threads of the parent hold the locks that making and opening take, over and over; in such a child nobody gives them
/// back. Mutation seen to fail it: `start` without its look at the fork id.
#[test]
#[ignore = "a role that another test starts"]
fn making_and_opening_past_the_handlers() {
    let (place, other) = (Place::new(), Place::new());
    drop(place.init(OpenOptions::default()));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    drop(Store::in_memory().unwrap());
                }
            });
        }
        let root = KeyFile::new(&other.root);
        let (there, vacant) = (location(&place.path), location(&other.path));
        let (open, init) = (OpenOptions::default(), InitOptions::default());
        let _stops = Stops(&stop);
        for round in 0..30 {
            // Takes no memory: a thread may have been inside malloc.
            let ended = forked(Fork::Raw, || {
                let told = [
                    Store::in_memory(),
                    Store::open(&there, &root, &open),
                    Store::init(&vacant, &root, &init),
                ];
                let all = told.iter().all(|made| matches!(made, Err(Error::Forked)));
                if all { DONE } else { 1 }
            });
            assert_eq!(ended, DONE, "round {round}");
        }
    });
}

/// Ends the threads of a test that fails, too.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
#[ignore = "a role that another test starts"]
fn dropped_in_children() {
    let place = Place::new();
    let mut store = Some(place.init(inherit()));
    store.as_ref().unwrap().create_key(&with_alias("k")).unwrap();
    for how in [Fork::Orderly, Fork::Raw] {
        let parent = store.as_ref().unwrap().clone();
        let ended = forked(how, || {
            drop(parent);
            drop(store.take());
            DONE
        });
        assert_eq!(ended, DONE);
        store.as_ref().unwrap().rotate_key(&named("k")).unwrap();
    }
    assert_eq!(store.unwrap().describe_key(&named("k")).unwrap().current_version, 3);
}
