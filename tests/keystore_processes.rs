//! Several processes on one store: nothing acknowledged is lost, whoever is killed and whenever.
#![cfg(feature = "sqlite")]

mod keystore_support;

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use keyfold::Status;
use keyfold::envelope::{Context, EncryptOptions, StoredContext, encrypt_into};
use keyfold::keystore::{CreateKey, Key, KeyMetadata, KeyName, OpenOptions, Store};
use keystore_support::{Place, long, named, told, with_alias};

fn newest(key: &KeyMetadata) -> String {
    let version = &key.versions[key.versions.len() - 1];
    format!("{}:{:016x}", version.version, u64::from_be_bytes(version.material_id))
}

fn all(key: &KeyMetadata) -> BTreeSet<String> {
    let name = |version: &keyfold::keystore::VersionMetadata| {
        format!("{}:{:016x}", version.version, u64::from_be_bytes(version.material_id))
    };
    key.versions.iter().map(name).collect()
}

/// Rotates and says so, after each rotation that was acknowledged.
fn rotate_and_tell(store: &Store, key: &str, times: usize) {
    for _ in 0..times {
        let rotated = store.rotate_key(&named(key)).unwrap();
        println!("={};", newest(&rotated));
        std::io::stdout().flush().unwrap();
    }
}

#[test]
#[ignore = "a role that other tests start"]
fn rotates_ten_times() {
    rotate_and_tell(&told(&OpenOptions::default()), "k", 10);
}

#[test]
#[ignore = "a role that other tests start"]
fn rotates_for_ever() {
    rotate_and_tell(&told(&OpenOptions::default()), "k", usize::MAX);
}

/// Mutation seen to fail it: a deferred BEGIN.
#[test]
fn eight_processes_rotate_and_each_acknowledged_version_is_there() {
    let place = Place::new();
    let store = place.init(OpenOptions::default());
    store.create_key(&with_alias("k")).unwrap();
    let running: Vec<_> = (0..8).map(|_| place.spawn("rotates_ten_times")).collect();
    let mut acknowledged = Vec::new();
    for (mut child, lines) in running {
        acknowledged.extend(lines);
        assert!(child.wait().unwrap().success());
    }
    let key = store.describe_key(&named("k")).unwrap();
    let there = all(&key);
    assert_eq!((acknowledged.len(), key.versions.len(), there.len()), (80, 81, 81));
    assert!(acknowledged.iter().all(|version| there.contains(version)));
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 1);
}

#[test]
#[ignore = "a role that other tests start"]
fn uses_a_key_when_told() {
    let store = told(&OpenOptions::default());
    let key = store.key(&named("k")).unwrap();
    println!("=ready;");
    std::io::stdout().flush().unwrap();
    // Until the parent closes the pipe.
    let _ = std::io::read_to_string(std::io::stdin());
    encrypt(&key).unwrap();
    println!("={};", store.describe_key(&named("k")).unwrap().current_version);
}

/// Mutation seen to fail it: `rotate_when` that does not look again in its transaction.
#[cfg(feature = "failpoints")]
#[test]
fn eight_processes_at_one_due_date_rotate_once() {
    let place = Place::new();
    let store = place.init(OpenOptions::default());
    let policy = keyfold::keystore::KeyPolicy { rotation_period_days: Some(90), ..Default::default() };
    store.create_key(&CreateKey { policy, ..with_alias("k") }).unwrap();
    let mut running: Vec<_> = (0..8).map(|_| place.spawn_at("uses_a_key_when_told", 91 * 86_400)).collect();
    for (_, lines) in &mut running {
        assert_eq!(lines.next().as_deref(), Some("ready"));
    }
    running.iter_mut().for_each(|(child, _)| drop(child.stdin.take()));
    for (mut child, mut lines) in running {
        assert_eq!(lines.next().as_deref(), Some("2"));
        assert!(child.wait().unwrap().success());
    }
    let key = store.describe_key(&named("k")).unwrap();
    assert_eq!((key.versions.len(), key.current_version), (2, 2));
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 1);
}

/// Mutation seen to fail it: a deferred BEGIN. That commits are synced shows only in a power cut; see
/// `every_connection_syncs_fully_and_obeys_nothing_in_the_file`.
#[test]
fn a_process_killed_in_the_middle_of_rotations_loses_nothing_acknowledged() {
    let place = Place::new();
    let store = place.init(OpenOptions::default());
    store.create_key(&with_alias("k")).unwrap();
    let (mut acknowledged, mut total) = (BTreeSet::new(), 0);
    let rounds = if long() { 200 } else { 12 };
    for round in 0..rounds {
        if round % 20 == 19 {
            // A key of thousands of versions would only make the rounds slow.
            let fresh = store.create_key(&CreateKey::default()).unwrap();
            store.move_alias(&"k".parse().unwrap(), &KeyName::Id(fresh.key_id)).unwrap();
            total += std::mem::take(&mut acknowledged).len();
        }
        let (mut child, mut lines) = place.spawn("rotates_for_ever");
        acknowledged.extend(lines.next());
        for _ in 0..1 + round % 3 {
            acknowledged.insert(newest(&store.rotate_key(&named("k")).unwrap()));
        }
        std::thread::sleep(Duration::from_micros(700 * (round % 17)));
        child.kill().unwrap();
        acknowledged.extend(lines);
        child.wait().unwrap();
        let key = store.describe_key(&named("k")).unwrap();
        let there = all(&key);
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
        assert_eq!(there.len(), key.versions.len(), "no number twice");
    }
    assert!(total + acknowledged.len() >= 3 * rounds as usize);
    let keys = store.info().unwrap().keys;
    drop(store);
    let store = place.open(&OpenOptions::default()).unwrap();
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), keys);
}

fn encrypt(key: &Key) -> keyfold::Result<Vec<u8>> {
    let context = Context::from_canonical(&[0, 0])?;
    let mut out = vec![0; 200];
    let options = EncryptOptions::default();
    let size = encrypt_into(&[key], b"data", &context, &StoredContext::None, &options, &mut out)?;
    out.truncate(size);
    Ok(out)
}

#[test]
#[ignore = "a role that other tests start"]
fn disables() {
    told(&OpenOptions::default()).disable_key(&named("k")).unwrap();
}

/// Mutations seen to fail it: a look that compares stamps and never reads the manifest; the next look a second later
/// than it is due.
#[test]
fn a_key_disabled_by_another_process_is_refused_here() {
    for refresh in [0, 20] {
        let place = Place::new();
        let options = OpenOptions { refresh: Duration::from_millis(refresh), ..OpenOptions::default() };
        let store = place.init(options.clone());
        store.create_key(&with_alias("k")).unwrap();
        let key = store.key(&named("k")).unwrap();
        encrypt(&key).unwrap();
        let (mut child, _lines) = place.spawn("disables");
        assert!(child.wait().unwrap().success());
        // However slow the machine, the interval is over now, and not one more call may pass.
        std::thread::sleep(options.refresh * 2);
        assert_eq!(encrypt(&key).unwrap_err().status(), Status::KeyDisabled, "refresh {refresh}");
    }
}

#[test]
#[ignore = "a role that other tests start"]
fn holds_the_store() {
    let store = told(&OpenOptions::default());
    store.describe_key(&named("k")).unwrap();
    println!("=open;");
    std::io::stdout().flush().unwrap();
    // Until the parent closes the pipe or ends us.
    let _ = std::io::read_to_string(std::io::stdin());
}

mod without_rights {
    use super::*;
    use std::fs;
    use std::os::unix::fs::chown;
    use std::path::Path;

    const NOBODY: u32 = 65_534;

    /// Runs `work` in a forked child without the right to write anywhere here; its outcome as an exit code.
    fn without_rights(place: &Place, work: impl FnOnce() -> i32) -> i32 {
        // SAFETY: geteuid has no conditions.
        let privileged = unsafe { libc::geteuid() } == 0;
        if privileged {
            for path in [place.folder.path(), place.roots.path(), &place.root] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
            for entry in fs::read_dir(place.folder.path()).unwrap() {
                chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        // SAFETY: the child runs `work` on this thread alone and leaves by _exit; the C library and ours are made for
        // forks of threaded processes.
        unsafe {
            match libc::fork() {
                0 => {
                    if privileged {
                        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
                        assert_eq!((libc::setgid(NOBODY), libc::setuid(NOBODY)), (0, 0));
                    }
                    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                    libc::_exit(ended.unwrap_or(99));
                }
                child => {
                    let mut status = 0;
                    assert_eq!(libc::waitpid(child, &mut status, 0), child);
                    assert!(libc::WIFEXITED(status), "the child was ended by a signal: {status}");
                    libc::WEXITSTATUS(status)
                }
            }
        }
    }

    /// Mutations seen to fail it: no look at the pages when a store is opened; when a key is loaded; when one is made.
    #[cfg(feature = "failpoints")]
    #[test]
    fn locked_memory_that_is_required_is_required_of_every_key() {
        use keyfold::keystore::{KeyId, KeyName, Planted};

        fn no_more_locked_memory() {
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: a plain system call on a structure of ours.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &none) }, 0);
        }
        let place = Place::new();
        let store = place.init(OpenOptions::default());
        store.create_key(&with_alias("k")).unwrap();
        let large = KeyId([1; 16]);
        let version = |number: u32| {
            let material = std::array::from_fn(|i| (number >> (8 * (i % 3))) as u8 ^ i as u8);
            Planted { version: number, material, former: vec![] }
        };
        store.plant(large, &(1..=1_000).map(version).collect::<Vec<_>>()).unwrap();
        drop(store);
        let required = OpenOptions { require_locked_memory: true, ..OpenOptions::default() };
        let refused =
            |result: keyfold::Result<()>| assert_eq!(result.unwrap_err().status(), Status::OutOfMemory);
        let at_once = without_rights(&place, || {
            no_more_locked_memory();
            refused(place.open(&required).map(drop));
            place.open(&OpenOptions::default()).unwrap();
            0
        });
        assert_eq!(at_once, 0);
        let later = without_rights(&place, || {
            let store = place.open(&required).unwrap();
            let key = store.key(&named("k")).unwrap();
            no_more_locked_memory();
            refused(store.key(&KeyName::Id(large)).map(drop));
            refused(store.rotate_key(&named("k")).map(drop));
            refused(store.create_key(&with_alias("more")).map(drop));
            refused(store.import_key_material(&with_alias("more"), &version(9).material).map(drop));
            // What is ready was locked when it was made.
            encrypt(&key).unwrap();
            assert!(store.describe_key(&named("more")).is_err());
            0
        });
        assert_eq!(later, 0);
    }

    fn read(place: &Place) -> i32 {
        let options = OpenOptions { read_only: true, ..OpenOptions::default() };
        match place.open(&options).and_then(|store| {
            encrypt(&store.key(&named("k"))?)?;
            store.verify(&mut |_, _| {})?;
            Ok(store.describe_key(&named("k"))?.current_version)
        }) {
            Ok(version) => i32::try_from(version).unwrap(),
            Err(error) => {
                eprintln!("{error}");
                100 + (error.status() as i32 - 500)
            }
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    /// Mutation seen to fail it: no `begin_frozen`.
    #[test]
    fn a_store_in_a_read_only_folder_is_read_and_nothing_is_left_beside_it() {
        let place = Place::new();
        let store = place.init(OpenOptions::default());
        store.create_key(&with_alias("k")).unwrap();
        store.rotate_key(&named("k")).unwrap();
        drop(store);
        keystore_support::set_mode(&place.path, 0o400);
        keystore_support::set_mode(place.folder.path(), 0o500);
        assert_eq!(without_rights(&place, || read(&place)), 2);
        assert_eq!(names(place.folder.path()), ["keys.db"]);
        keystore_support::set_mode(place.folder.path(), 0o700);
    }

    #[test]
    fn a_store_in_a_read_only_folder_is_read_while_another_process_writes() {
        let place = Place::new();
        let store = place.init(OpenOptions::default());
        store.create_key(&with_alias("k")).unwrap();
        drop(store);
        let (mut child, mut lines) = place.spawn("holds_the_store");
        assert_eq!(lines.next().as_deref(), Some("open"));
        let writer = place.open(&OpenOptions::default()).unwrap();
        writer.rotate_key(&named("k")).unwrap();
        drop(writer);
        assert!(names(place.folder.path()).len() == 3, "the log is there");
        keystore_support::set_mode(place.folder.path(), 0o500);
        assert_eq!(without_rights(&place, || read(&place)), 2, "the log's contents count");
        keystore_support::set_mode(place.folder.path(), 0o700);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Mutation seen to fail it: no look at the log's size before the locks are passed by.
    #[test]
    fn a_log_that_cannot_be_read_is_an_error_and_not_an_older_state() {
        let (place, copy) = (Place::new(), Place::new());
        let store = place.init(OpenOptions::default());
        store.create_key(&with_alias("k")).unwrap();
        store.rotate_key(&named("k")).unwrap();
        // A copy of file and log, as a careless backup makes it, from another process's point of view.
        for suffix in ["", "-wal"] {
            let of = |path: &Path| format!("{}{suffix}", path.display());
            let copied = std::process::Command::new("cp").args([of(&place.path), of(&copy.path)]).status();
            assert!(copied.unwrap().success());
        }
        fs::copy(&place.root, &copy.root).unwrap();
        drop(store);
        assert!(fs::metadata(format!("{}-wal", copy.path.display())).unwrap().len() > 0);
        keystore_support::set_mode(copy.folder.path(), 0o500);
        let found = without_rights(&copy, || read(&copy));
        keystore_support::set_mode(copy.folder.path(), 0o700);
        assert_eq!(found, 100 + Status::StoreUnsafe as i32 - 500);
    }
}

/// A store is opened again and again while others fold their logs into it. Mutation seen to fail it, in one long run of
/// three: `identify` that
/// looks once.
#[test]
fn a_store_under_change_is_always_known_for_one() {
    let place = Place::new();
    let store = place.init(OpenOptions::default());
    store.create_key(&with_alias("k")).unwrap();
    drop(store);
    // Each opens, rotates and closes, as the last one now and then; closing folds the log in.
    let mut running: Vec<_> = (0..3).map(|_| place.spawn("opens_and_closes")).collect();
    let mut opened = 0;
    while running.iter_mut().any(|(child, _)| child.try_wait().unwrap().is_none()) {
        let store = place.open(&OpenOptions::default()).unwrap();
        store.create_key(&CreateKey::default()).unwrap();
        opened += 1;
    }
    for (mut child, _lines) in running {
        assert!(child.wait().unwrap().success());
    }
    let store = place.open(&OpenOptions::default()).unwrap();
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 1 + opened);
}

#[test]
#[ignore = "a role that other tests start"]
fn opens_and_closes() {
    for _ in 0..if long() { 300 } else { 40 } {
        told(&OpenOptions::default()).rotate_key(&named("k")).unwrap();
    }
}
