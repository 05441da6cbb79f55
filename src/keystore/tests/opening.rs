//! Making, opening, sharing and closing a store in a file.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use super::support::{Place, alias, named, status, with_alias};
use crate::error::{Error, Result, Status};
use crate::keystore::json::hex;
use crate::keystore::{Fingerprint, InitOptions, KeyState, Location, OpenOptions, Store};
use crate::root::{Inherit, KeyFile, Root, StoreSecret, Wrapped};

#[test]
fn a_store_is_found_again_as_it_was_left() {
    let place = Place::new();
    let store = place.init();
    let made = store.create_key(&with_alias("k")).unwrap();
    store.rotate_key(&named("k")).unwrap();
    let info = store.info().unwrap();
    drop(store);
    assert_eq!(place.listing().len(), 1, "closing folds the log into the file");
    let store = place.open().unwrap();
    let found = store.describe_key(&named("k")).unwrap();
    assert_eq!((found.key_id, found.current_version), (made.key_id, 2));
    let again = store.info().unwrap();
    assert_eq!((again.fingerprint, again.epoch, again.keys), (info.fingerprint, 3, 1));
    assert_eq!((again.backend, again.read_only, again.development), ("sqlite", false, false));
    let mode = fs::metadata(&place.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn init_never_overwrites() {
    let place = Place::new();
    for bytes in [&b""[..], b"something"] {
        place.write_file(bytes);
        let refused = Store::init(&place.location(), &place.root("root"), &InitOptions::default());
        assert_eq!(status(refused), Status::StoreExists);
        assert_eq!(fs::read(&place.path).unwrap(), bytes);
    }
    fs::remove_file(&place.path).unwrap();
    std::os::unix::fs::symlink("nowhere", &place.path).unwrap();
    let refused = Store::init(&place.location(), &place.root("root"), &InitOptions::default());
    assert_eq!(status(refused), Status::StoreExists, "a link to nowhere is something too");
    assert_eq!(place.listing().len(), 1);
}

#[test]
fn init_that_fails_leaves_nothing() {
    let place = Place::new();
    let missing = place.root("no-such-root");
    assert_ne!(status(Store::init(&place.location(), &missing, &InitOptions::default())), Status::Ok);
    assert!(place.listing().is_empty());
}

/// Mutation seen to fail it: `identify` without `immutable`.
#[test]
fn missing_empty_foreign_and_newer_are_told_apart_and_left_alone() {
    let place = Place::new();
    let mut told = Vec::new();
    let mut tell = |what: &str, expected: Status| {
        let before = place.listing();
        let error = place.open().err().unwrap();
        assert_eq!(error.status(), expected, "{what}: {error}");
        assert_eq!(place.listing(), before, "{what}: the folder is as it was");
        told.push(error.to_string());
    };
    tell("missing", Status::StoreNotFound);
    place.write_file(b"");
    tell("an empty file", Status::NotAStore);
    place.write_file(&b"not a database\n".repeat(400));
    tell("a text", Status::NotAStore);
    fs::remove_file(&place.path).unwrap();
    place.sql().execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); DROP TABLE t").unwrap();
    place.set_mode(0o600);
    tell("an empty database", Status::NotAStore);
    place.sql().execute_batch("CREATE TABLE t (a)").unwrap();
    tell("a foreign database", Status::NotAStore);
    fs::remove_file(&place.path).unwrap();
    drop(place.init());
    place.sql().execute_batch("PRAGMA user_version = 2").unwrap();
    tell("a newer layout", Status::StoreTooNew);
    fs::remove_file(&place.path).unwrap();
    fs::create_dir(&place.path).unwrap();
    tell("a folder", Status::NotAStore);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 7, "each has its own words: {told:#?}");
}

#[test]
fn a_pinned_fingerprint_must_be_the_stores() {
    let place = Place::new();
    let own: Fingerprint = place.init().info().unwrap().fingerprint.parse().unwrap();
    let pinned = |fingerprint| Location { path: place.path.clone(), fingerprint: Some(fingerprint) };
    let open = |location: &Location| Store::open(location, &place.root("root"), &OpenOptions::default());
    assert!(open(&pinned(own)).is_ok());
    assert_eq!(status(open(&pinned(Fingerprint([0; 16])))), Status::FingerprintMismatch);
    let url: Location = format!("sqlite:{}?fingerprint={own}", place.path.display()).parse().unwrap();
    assert!(open(&url).is_ok());
}

#[test]
fn another_root_does_not_open_it() {
    let place = Place::new();
    drop(place.init());
    place.make_root("other");
    let opened = Store::open(&place.location(), &place.root("other"), &OpenOptions::default());
    assert_eq!(status(opened), Status::RootMismatch);
}

#[test]
fn files_and_folders_that_others_can_write_are_refused() {
    let place = Place::new();
    drop(place.init());
    for mode in [0o640, 0o604, 0o622] {
        place.set_mode(mode);
        assert_eq!(status(place.open()), Status::StoreUnsafe, "{mode:o}");
    }
    place.set_mode(0o600);
    let folder = place.folder.path();
    let set = |mode| fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    for (mode, expected) in [
        (0o702, Status::StoreUnsafe),
        (0o777, Status::StoreUnsafe),
        (0o1777, Status::Ok),
        (0o755, Status::Ok),
    ] {
        set(mode);
        assert_eq!(status(place.open()), expected, "{mode:o}");
    }
    set(0o777);
    let elsewhere = Location { path: folder.join("new.db"), fingerprint: None };
    let made = Store::init(&elsewhere, &place.root("root"), &InitOptions::default());
    assert_eq!(status(made), Status::StoreUnsafe);
    set(0o700);
}

#[test]
fn roots_are_added_changed_and_removed_but_never_the_last() {
    let place = Place::new();
    let store = place.init();
    let first = store.roots().unwrap().remove(0);
    assert!(first.in_use && first.kind == "file");
    assert_eq!(status(store.remove_root(&first.slot_id)), Status::LastRoot);
    for name in ["second", "third"] {
        place.make_root(name);
    }
    let second = store.add_root(&place.root("second")).unwrap();
    assert_eq!(store.roots().unwrap().len(), 2);
    assert_eq!(place.verify_with("second"), Status::Ok);
    let third = store.change_root(None, &place.root("third")).unwrap();
    assert!(third.in_use && third.slot_id != first.slot_id);
    assert_eq!(place.verify_with("root"), Status::RootMismatch);
    assert_eq!(place.verify_with("third"), Status::Ok);
    store.remove_root(&second.slot_id).unwrap();
    assert_eq!(place.verify_with("second"), Status::RootMismatch);
    assert_eq!(status(store.remove_root(&third.slot_id)), Status::LastRoot);
    assert_eq!(status(store.remove_root(&second.slot_id)), Status::RootNotFound);
    for bad in ["", "zz", &second.slot_id.to_uppercase()[..31]] {
        assert_eq!(status(store.remove_root(bad)), Status::InvalidArgument);
    }
    assert_eq!(status(store.change_root(Some(&first.slot_id), &place.root("third"))), Status::RootNotFound);
}

#[test]
fn a_root_that_is_there_already_is_not_added_again() {
    let place = Place::new();
    let store = place.init();
    assert_eq!(status(store.add_root(&place.root("root"))), Status::AlreadyExists);
    place.make_root("second");
    let second = store.add_root(&place.root("second")).unwrap();
    assert_eq!(status(store.change_root(None, &place.root("second"))), Status::AlreadyExists);
    // In its own place it may be wrapped anew.
    store.change_root(Some(&second.slot_id), &place.root("second")).unwrap();
    assert_eq!(store.roots().unwrap().len(), 2);
}

/// A root that does not read one of the slots of its kind.
struct Fussy {
    root: KeyFile,
    refuses: String,
}

impl Root for Fussy {
    fn kind(&self) -> &'static str {
        self.root.kind()
    }
    fn describe(&self) -> String {
        self.root.describe()
    }
    fn check(&self, store: Option<&Path>) -> Result<()> {
        self.root.check(store)
    }
    fn wrap(&self, bind: &[u8], secret: &StoreSecret) -> Result<Wrapped> {
        self.root.wrap(bind, secret)
    }
    fn unwrap(&self, bind: &[u8], slot: &Wrapped, on_fork: Inherit) -> Result<StoreSecret> {
        match hex(&slot.fingerprint) == self.refuses {
            true => Err(Error::RootInvalid { what: "a slot".into(), why: "its cost is out of bounds" }),
            false => self.root.unwrap(bind, slot, on_fork),
        }
    }
}

/// Mutations seen to fail it: `unlock` that ends at the first slot its root refuses; one that forgets the refusal.
#[test]
fn a_slot_that_its_root_refuses_does_not_hide_the_next_one() {
    let place = Place::new();
    let store = place.init();
    let first = store.roots().unwrap().remove(0);
    place.make_root("second");
    place.make_root("stranger");
    // Slots are tried in the order of their ids, which are random.
    loop {
        let second = store.add_root(&place.root("second")).unwrap();
        if second.slot_id > first.slot_id {
            break;
        }
        store.remove_root(&second.slot_id).unwrap();
    }
    drop(store);
    let open = |name: &str| {
        let root = Fussy { root: place.root(name), refuses: first.fingerprint.clone() };
        Store::open(&place.location(), &root, &OpenOptions::default())
    };
    assert_eq!(status(open("second")), Status::Ok);
    assert_eq!(status(open("stranger")), Status::RootInvalid);
}

/// Mutation seen to fail it: `Seen` kept per open store instead of per process.
#[test]
fn a_change_through_one_handle_is_seen_by_all_at_once() {
    let place = Place::new();
    let hour = OpenOptions { refresh: Duration::from_secs(3600), ..OpenOptions::default() };
    let one = place.init();
    one.create_key(&with_alias("k")).unwrap();
    let two = place.open_with(&hour).unwrap();
    let key = two.key(&named("k")).unwrap();
    let version = || key.view(&crate::keystore::Wish::ANY, |view| Ok(view.current().unwrap().version));
    assert_eq!(version().unwrap(), 1);
    one.rotate_key(&named("k")).unwrap();
    assert_eq!(version().unwrap(), 2);
    one.disable_key(&named("k")).unwrap();
    assert_eq!(status(version()), Status::KeyDisabled);
}

#[test]
fn an_open_file_elsewhere_in_the_process_is_refused() {
    let place = Place::new();
    drop(place.init());
    let stranger = fs::File::open(&place.path).unwrap();
    let error = place.open().err().unwrap();
    assert_eq!(error.status(), Status::StoreUnsafe, "{error}");
    drop(stranger);
    let store = place.open().unwrap();
    // A second handle and a clone are our own.
    let again = place.open().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    assert!(again.describe_key(&named("k")).is_ok());
}

#[test]
fn a_file_put_in_the_stores_place_is_noticed() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    let (kept, other) = (place.folder.path().join("kept.db"), Place::new());
    drop(other.init());
    fs::rename(&place.path, &kept).unwrap();
    assert_eq!(status(store.describe_key(&named("k"))), Status::StoreNotFound);
    fs::copy(&other.path, &place.path).unwrap();
    let found = status(store.describe_key(&named("k")));
    assert!(matches!(found, Status::StoreIntegrity), "{found:?}");
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(place.folder.path().join(format!("keys.db{suffix}")));
    }
}

/// Mutation seen to fail it: NORMAL in `harden`.
#[test]
fn every_connection_syncs_fully_and_obeys_nothing_in_the_file() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    store.describe_key(&named("k")).unwrap();
    let backend = crate::keystore::sqlite::Sqlite::open(&place.path, &OpenOptions::default()).unwrap();
    for (pragma, value) in [
        ("synchronous", "2"),
        ("journal_mode", "wal"),
        ("secure_delete", "1"),
        ("trusted_schema", "0"),
        ("cell_size_check", "1"),
        ("fullfsync", "1"),
        ("mmap_size", "0"),
    ] {
        assert_eq!(backend.pragma(pragma), value, "{pragma}");
    }
    for sql in [
        "ATTACH '/tmp/x' AS x",
        "SELECT load_extension('x')",
        "PRAGMA writable_schema = 1; DELETE FROM sqlite_schema",
    ] {
        assert!(backend.try_sql(sql).is_err(), "{sql}");
    }
}

#[test]
fn a_failed_sync_poisons_the_handle_and_no_other() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    crate::keystore::failpoint::fail_once("commit");
    let failed = store.rotate_key(&named("k")).unwrap_err();
    assert!(matches!(failed, Error::StoreIo { .. }), "{failed}");
    for found in [
        status(store.describe_key(&named("k"))),
        status(store.rotate_key(&named("k"))),
        status(key.view(&crate::keystore::Wish::ANY, |_| Ok(()))),
    ] {
        assert_eq!(found, Status::StorePoisoned);
    }
    let again = place.open().unwrap();
    let found = again.describe_key(&named("k")).unwrap();
    assert!(found.current_version == 1 && found.key_state == KeyState::Enabled);
    assert_eq!(again.rotate_key(&named("k")).unwrap().current_version, 2);
}

#[test]
fn read_only_handles_read_and_change_nothing() {
    let place = Place::new();
    let writer = place.init();
    writer.create_key(&with_alias("k")).unwrap();
    let options = OpenOptions { read_only: true, refresh: Duration::ZERO, ..OpenOptions::default() };
    let reader = place.open_with(&options).unwrap();
    assert!(reader.info().unwrap().read_only);
    let key = reader.key(&named("k")).unwrap();
    for refused in [
        status(reader.create_key(&with_alias("x"))),
        status(reader.rotate_key(&named("k"))),
        status(reader.disable_key(&named("k"))),
        status(reader.delete_alias(&alias("k"))),
        status(reader.add_root(&place.root("root"))),
    ] {
        assert_eq!(refused, Status::StoreReadOnly);
    }
    writer.rotate_key(&named("k")).unwrap();
    assert_eq!(key.view(&crate::keystore::Wish::ANY, |view| Ok(view.current().unwrap().version)).unwrap(), 2);
    drop(writer);
    assert_eq!(reader.verify(&mut |_, _| {}).unwrap(), 1);
}

/// Every byte of the file in turn, at a stride; pages zeroed; the file cut. Whatever still opens gives the material
/// it always gave.
#[test]
fn a_damaged_file_gives_an_error_or_the_same_material() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    store.rotate_key(&named("k")).unwrap();
    let material = |store: &Store| {
        let key = store.key(&named("k"))?;
        key.view(&crate::keystore::Wish::ANY, |view| {
            Ok((view.current().unwrap().version, *view.current().unwrap().kek().unwrap().material().expose()))
        })
    };
    let right = material(&store).unwrap();
    drop(store);
    let whole = fs::read(&place.path).unwrap();
    let (mut harmless, mut refused) = (0, 0);
    let mut check = |bytes: &[u8], what: String| {
        place.write_file(bytes);
        match place.open().and_then(|store| material(&store)) {
            Ok(found) => {
                assert_eq!(found, right, "{what}");
                harmless += 1;
            }
            Err(error) => {
                assert_ne!(error.status(), Status::KeyNotFound, "{what}");
                refused += 1;
            }
        }
        for suffix in ["-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(place.folder.path().join(format!("keys.db{suffix}")));
        }
    };
    let stride = if super::support::long() { 1 } else { 97 };
    for at in (0..whole.len()).step_by(stride) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        check(&bytes, format!("byte {at}"));
    }
    for page in 0..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..][..4096].fill(0);
        check(&bytes, format!("page {page} zeroed"));
        check(&whole[..page * 4096], format!("cut before page {page}"));
        check(&whole[..page * 4096 + 100], format!("cut in page {page}"));
    }
    assert!(harmless > 0 && refused > 50, "{harmless} harmless, {refused} refused");
}

/// No mutation of one line is known to fail it: SQLite's own commit stands between the two states.
#[test]
fn a_process_that_dies_around_its_commit_leaves_the_old_state_or_the_new() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    drop(store);
    for (point, versions) in [("before commit", 1), ("after commit", 2), ("before commit", 2)] {
        assert!(!place.elsewhere_at("rotate", "k", point), "{point}: the process ends there");
        let store = place.open().unwrap();
        assert_eq!(store.describe_key(&named("k")).unwrap().current_version, versions, "{point}");
        assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 1);
    }
}

/// Mutation seen to fail it: a `File::open` of the store in `data_version`.
#[test]
fn nothing_this_process_does_drops_its_locks() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let writing = store.inner.backend.begin(crate::keystore::backend::Access::Write).unwrap();
    let other = place.open().unwrap();
    other.describe_key(&named("k")).unwrap();
    other.list_keys(&Default::default()).unwrap();
    other.roots().unwrap();
    other.info().unwrap();
    other.verify(&mut |_, _| {}).unwrap();
    drop(other);
    std::thread::sleep(Duration::from_millis(300));
    key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap();
    place.elsewhere("be kept out", "k");
    drop(writing);
    // The lock that says somebody is here, as long as a connection is open.
    let file = format!(":{} ", fs::metadata(&place.path).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    assert!(locks.lines().any(|lock| lock.contains("READ") && lock.contains(&file)), "{locks}");
    place.elsewhere("rotate", "k");
    assert_eq!(store.rotate_key(&named("k")).unwrap().current_version, 3);
}

/// Mutations seen to fail it: `young` always false; a young stamp remembered.
#[test]
fn a_stamp_younger_than_a_second_proves_nothing() {
    let place = Place::new();
    let store = place.init();
    drop(store);
    let eager = OpenOptions { refresh: Duration::ZERO, ..OpenOptions::default() };
    let store = place.open_with(&eager).unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap();
    assert!(!store.inner.remembers_look());
    std::thread::sleep(Duration::from_millis(1_100));
    key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap();
    assert!(store.inner.remembers_look());
}
