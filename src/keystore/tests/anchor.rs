//! The anchor: a whole older store, refused after a restart. S-05, S-08, S-09, S-12 and S-13 of the threat model.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::support::{Place, named, status, with_alias};
use crate::error::Status;
use crate::keystore::{AnchorPolicy, InitOptions, KeyState, OpenOptions, Store, anchor_file};

fn init(place: &Place) -> Store {
    let options = InitOptions { open: place.anchored(), ..InitOptions::default() };
    Store::init(&place.location(), &place.root("root"), &options).unwrap()
}

fn anchored(place: &Place) -> Status {
    status(place.open_with(&place.anchored()))
}

/// S-05, T-95. Mutation seen to fail it: `Anchor::open` that takes no note of what the file knows.
#[test]
fn a_whole_older_store_is_refused_by_a_process_that_never_saw_a_later_one() {
    let place = Place::new();
    let store = init(&place);
    store.create_key(&with_alias("k")).unwrap();
    let old = place.dump();
    store.rotate_key(&named("k")).unwrap();
    let now = place.dump();
    drop(store);
    place.put_all(&old);
    place.forget();
    assert_eq!(anchored(&place), Status::StoreRolledBack);
    place.forget();
    let unanchored = OpenOptions { anchor: AnchorPolicy::Off, ..OpenOptions::default() };
    assert_eq!(status(place.open_with(&unanchored)), Status::Ok, "nothing else remembers");
    place.put_all(&now);
    place.forget();
    assert_eq!(anchored(&place), Status::Ok);
}

/// S-09, after a restart. Mutation seen to fail it: as for S-05.
#[test]
fn another_state_of_the_anchored_epoch_is_a_fork() {
    let place = Place::new();
    let store = init(&place);
    store.create_key(&with_alias("k")).unwrap();
    let fork = place.dump();
    store.disable_key(&named("k")).unwrap();
    drop(store);
    place.put_all(&fork);
    place.elsewhere("rotate", "k");
    place.forget();
    assert_eq!(anchored(&place), Status::StoreForked);
}

/// S-13. Mutation seen to fail it: `change` that anchors every operation lazily.
#[test]
fn what_was_acknowledged_as_lowered_cannot_be_undone_by_an_older_store() {
    let place = Place::new();
    let store = init(&place);
    store.create_key(&with_alias("k")).unwrap();
    drop(store);
    let before = place.dump();
    place.elsewhere("disable, anchored, and end", "k");
    place.put_all(&before);
    place.forget();
    assert_eq!(anchored(&place), Status::StoreRolledBack);
}

/// S-12, in bounded rounds.
#[test]
fn a_process_that_dies_between_commit_and_anchor_leaves_a_store_that_opens() {
    let place = Place::new();
    let store = init(&place);
    for name in ["a", "b", "c"] {
        store.create_key(&with_alias(name)).unwrap();
    }
    drop(store);
    for (name, point) in [("a", "after commit"), ("b", "before anchor"), ("c", "after commit")] {
        let before = fs::read(place.anchor()).unwrap();
        assert!(!place.elsewhere_at("disable, anchored, and end", name, point), "it died there");
        assert_eq!(fs::read(place.anchor()).unwrap(), before, "{point}: the anchor is behind");
        place.forget();
        let store = place.open_with(&place.anchored()).unwrap();
        assert_eq!(store.describe_key(&named(name)).unwrap().key_state, KeyState::Disabled);
        assert_ne!(fs::read(place.anchor()).unwrap(), before, "{point}: it was anchored anew");
    }
}

/// S-12: killed after some acknowledged change, or between commit and anchor of one; the parent was told what was
/// acknowledged. 20 rounds, 500 in the long variant. Mutation seen to fail it: `begin` that anchors nothing.
#[test]
fn whatever_was_acknowledged_before_a_kill_is_there_and_anchored() {
    use std::io::{BufRead, BufReader};
    let place = Place::new();
    let store = init(&place);
    store.create_key(&with_alias("k")).unwrap();
    drop(store);
    for round in 0..if super::support::long() { 500 } else { 20 } {
        let before = place.open_with(&place.anchored()).unwrap().info().unwrap().epoch;
        let changes = round % 7;
        let point = match round % 3 {
            0 => String::new(),
            1 => format!("after commit:{}", changes + 1),
            _ => format!("before anchor:{}", changes + 1),
        };
        let mut child = place.elsewhere_until_killed("disable and enable, telling", "k", &point);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = 0;
        for line in lines.map_while(std::io::Result::ok) {
            told += u64::from(line == "changed");
            if point.is_empty() && told > changes {
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success(), "round {round}: it was killed");
        place.forget();
        let store = place.open_with(&place.anchored()).unwrap();
        let epoch = store.info().unwrap().epoch;
        let anchored = store.inner.anchor.load(&store.inner.secrets).unwrap().unwrap();
        assert_eq!(anchored.epoch, epoch, "round {round}: anchored anew");
        let done = epoch - before;
        assert!(done == told || done == told + 1, "round {round}: {told} were told of, {done} are there");
        // The first change disabled the key, the next enabled it, and so on.
        let expected = if done % 2 == 1 { KeyState::Disabled } else { KeyState::Enabled };
        assert_eq!(store.describe_key(&named("k")).unwrap().key_state, expected, "round {round}");
        if done % 2 == 1 {
            store.enable_key(&named("k")).unwrap();
        }
    }
}

/// S-12. Mutation seen to fail it: `confirm` that answers success whatever `record` says.
#[test]
fn without_its_anchor_a_store_is_read_and_raised_but_lowers_nothing() {
    let place = Place::new();
    let store = init(&place);
    store.create_key(&with_alias("k")).unwrap();
    assert!(store.info().unwrap().anchor.starts_with("missing "), "the first use is told");
    drop(store);
    assert!(place.open_with(&place.anchored()).unwrap().info().unwrap().anchor.starts_with("fresh "));
    fs::remove_file(place.anchor()).unwrap();
    let store = place.open_with(&place.anchored()).unwrap();
    assert!(store.info().unwrap().anchor.starts_with("missing "), "a lost one is told");
    assert!(place.anchor().exists(), "and made anew");
    store.disable_key(&named("k")).unwrap();
    drop(store);
    // Where a folder should be there is a file: nobody, not even root, can write an anchor below it.
    let broken = place.anchor().join("below");
    let options = OpenOptions { anchor: AnchorPolicy::File(broken.clone()), ..OpenOptions::default() };
    assert_eq!(status(place.open_with(&options)), Status::AnchorUnavailable);
    let folder = place.anchor().with_file_name("gone");
    let lost = OpenOptions { anchor: AnchorPolicy::File(folder.join("a")), ..OpenOptions::default() };
    let store = place.open_with(&lost).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "a file").unwrap();
    assert_eq!(status(store.enable_key(&named("k"))), Status::Ok);
    assert_eq!(status(store.describe_key(&named("k"))), Status::Ok);
    assert_eq!(status(store.disable_key(&named("k"))), Status::AnchorUnavailable);
    assert!(store.info().unwrap().anchor.starts_with("unwritable "));
    fs::remove_file(&folder).unwrap();
    assert_eq!(status(store.disable_key(&named("k"))), Status::Ok, "it may be tried again");
    assert!(store.info().unwrap().anchor.starts_with("fresh "));
}

/// S-08.
#[test]
fn an_anchor_remembers_the_store_it_first_saw() {
    let (place, other) = (Place::new(), Place::new());
    drop(init(&place));
    let options = InitOptions { open: place.anchored(), ..InitOptions::default() };
    let fabricated = Store::init(&other.location(), &place.root("root"), &options);
    assert_eq!(status(fabricated), Status::FingerprintMismatch);
    drop(Store::init(&other.location(), &place.root("root"), &InitOptions::default()));
    fs::copy(&other.path, &place.path).unwrap();
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(anchored(&place), Status::FingerprintMismatch);
    assert_eq!(fs::metadata(place.anchor()).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Many raising operations are anchored lazily: at the latest after 100, and when the store is closed.
#[test]
fn raising_operations_are_anchored_after_a_hundred_epochs_and_on_closing() {
    let place = Place::new();
    let store = init(&place);
    let made = store.create_key(&with_alias("k")).unwrap();
    let epoch = || {
        let known = store.inner.anchor.load(&store.inner.secrets).unwrap().unwrap();
        (known.epoch, known.life)
    };
    for _ in 0..101 {
        store.heartbeat().unwrap();
    }
    assert!(epoch().0 >= 101, "{:?}", epoch());
    let last = store.info().unwrap().epoch;
    let secrets = crate::keystore::Store { inner: store.inner.clone() };
    store.rotate_key(&crate::keystore::KeyName::Id(made.key_id)).unwrap();
    drop(store);
    drop(secrets);
    let reopened = place.open_with(&place.anchored()).unwrap();
    let known = reopened.inner.anchor.load(&reopened.inner.secrets).unwrap().unwrap();
    assert_eq!(known.epoch, last + 1);
}

/// S-05 on the trail, whose uses move no epoch: events that were anchored are missed after a restart. Mutation seen to fail
/// it: `open` without `check_trail`.
#[test]
fn a_trail_that_lost_anchored_events_is_refused_for_writing_and_told() {
    let place = Place::new();
    let store = init(&place);
    store.create_key(&with_alias("k")).unwrap();
    let uses = |store: &Store| {
        let key = store.key(&named("k")).unwrap();
        super::support::use_key(&key, crate::operation::Operation::Encrypt, &[]).unwrap();
        store.flush_trail().unwrap();
    };
    uses(&store);
    drop(store);
    let old = fs::read(&place.path).unwrap();
    let store = place.open_with(&place.anchored()).unwrap();
    let epoch = store.info().unwrap().epoch;
    uses(&store);
    assert_eq!(store.info().unwrap().epoch, epoch, "uses move no epoch");
    drop(store);
    let new = fs::read(&place.path).unwrap();
    place.write_file(&old);
    place.forget();
    assert_eq!(anchored(&place), Status::TrailInvalid);
    let looking = OpenOptions { read_only: true, ..place.anchored() };
    let store = place.open_with(&looking).unwrap();
    let report = store.verify_trail(None, &mut |_, _| {}).unwrap();
    assert_eq!(report.first_bad.map(|bad| bad.kind), Some("missing"));
    drop(store);
    place.write_file(&new);
    place.forget();
    let store = place.open_with(&place.anchored()).unwrap();
    assert!(store.verify_trail(None, &mut |_, _| {}).unwrap().ok);
    // Another trail of the same length is none of this one either.
    let known = store.inner.anchor.load(&store.inner.secrets).unwrap().unwrap();
    let (size, root) = known.trail.unwrap();
    let other = anchor_file::Anchored { trail: Some((size, [root[0] ^ 1; 32])), ..known };
    let raised = anchor_file::raise(&place.anchor(), &store.inner.secrets, other, std::time::Duration::ZERO);
    assert_eq!(status(raised), Status::TrailInvalid);
}
