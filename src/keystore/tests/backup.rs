//! Backups, and stores made from them: T-42, T-116.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::support::{Place, alias, named, status, with_alias};
use crate::error::{Result, Status};
use crate::keystore::anchor_file::{self, Anchored};
use crate::keystore::{
    InitOptions, KeyName, KeyState, Location, OpenOptions, SlotOptions, Store, StoreSettings, Wish,
};
use crate::root::Root;

fn backup(place: &Place) -> PathBuf {
    place.anchor().parent().unwrap().parent().unwrap().join("backup")
}

/// Where a store may be restored beside the one that was.
fn elsewhere(place: &Place) -> Location {
    Location { path: place.folder.path().join("restored.db"), fingerprint: None }
}

fn back_up(place: &Place, store: &Store) -> PathBuf {
    let path = backup(place);
    store.back_up(&path, &mut |_, _| {}).unwrap();
    path
}

fn restore(place: &Place, options: &OpenOptions) -> Result<Store> {
    Store::restore(&backup(place), &elsewhere(place), &[&place.root("root")], options)
}

/// Keys with and without pages, aliases, a second root, a disabled key.
fn furnished(place: &Place) -> Store {
    let options = InitOptions { open: place.anchored(), ..InitOptions::default() };
    let store = Store::init(&place.location(), &place.root("root"), &options).unwrap();
    for name in ["a", "b", "c"] {
        store.create_key(&with_alias(name)).unwrap();
    }
    store.create_alias(&alias("other"), &named("a")).unwrap();
    for _ in 0..70 {
        store.rotate_key(&named("b")).unwrap();
    }
    store.disable_key(&named("c")).unwrap();
    place.make_root("second");
    store.add_root(&place.root("second")).unwrap();
    store
}

/// Mutation seen to fail it: a `next_version` that stays as it was; `begin_life` that keeps the life's number.
#[test]
fn a_restored_store_is_the_same_store_in_a_new_life() {
    let place = Place::new();
    let store = furnished(&place);
    let before: Vec<_> =
        ["a", "b", "c", "other"].map(|name| store.describe_key(&named(name)).unwrap()).into();
    let (info, path) = (store.info().unwrap(), back_up(&place, &store));
    let report = Store::verify_backup(&path, &place.root("second")).unwrap();
    assert_eq!((report.keys, report.epoch, &report.store_id), (3, info.epoch, &info.store_id));
    drop(store);
    let restored = restore(&place, &place.anchored()).unwrap();
    restored.verify(&mut |_, _| {}).unwrap();
    let now = restored.info().unwrap();
    assert_eq!((&now.store_id, &now.fingerprint, now.keys), (&info.store_id, &info.fingerprint, 3));
    assert_ne!(now.incarnation, info.incarnation);
    assert!(now.epoch > info.epoch);
    for (name, was) in ["a", "b", "c", "other"].iter().zip(&before) {
        let is = restored.describe_key(&named(name)).unwrap();
        assert_eq!(
            (is.key_id, is.key_state, is.versions.len()),
            (was.key_id, was.key_state, was.versions.len())
        );
        let materials = |key: &crate::keystore::KeyMetadata| {
            key.versions.iter().map(|v| (v.version, v.material_id)).collect::<Vec<_>>()
        };
        assert_eq!(materials(&is), materials(was));
    }
    // T-42: no number of the life that was is used again, nor by the next life of the same backup.
    assert_eq!(restored.rotate_key(&named("b")).unwrap().current_version, 65_536);
    restored.key(&named("b")).unwrap().view(&Wish::ANY, |view| view.current().map(drop)).unwrap();
    assert_eq!(status(Store::open(&elsewhere(&place), &place.root("second"), &place.anchored())), Status::Ok);
    drop(restored);
    fs::remove_file(elsewhere(&place).path).unwrap();
    let again = restore(&place, &place.anchored()).unwrap();
    assert_eq!(again.rotate_key(&named("b")).unwrap().current_version, 131_072);
}

/// S-05, T-116: the store that was is an older state of the restored one.
#[test]
fn the_life_before_a_restore_is_over() {
    let place = Place::new();
    let store = furnished(&place);
    back_up(&place, &store);
    for _ in 0..5 {
        store.rotate_key(&named("a")).unwrap();
    }
    let restored = restore(&place, &place.anchored()).unwrap();
    assert_eq!(status(store.rotate_key(&named("a"))), Status::StoreRolledBack);
    drop((store, restored));
    place.forget();
    assert_eq!(status(place.open_with(&place.anchored())), Status::StoreRolledBack);
    let dump = place.dump();
    let taken = place.location();
    fs::remove_file(&taken.path).unwrap();
    fs::rename(elsewhere(&place).path, &taken.path).unwrap();
    place.forget();
    assert_eq!(status(place.open_with(&place.anchored())), Status::Ok);
    // Rows of the life that was are not rows of this one.
    for (at, cells) in dump.iter().filter(|(at, _)| at.0 <= crate::keystore::backend::Table::Aliases) {
        let was = place.dump().get(at).cloned();
        place.put(at, Some(cells));
        assert_eq!(place.verify(), Status::StoreIntegrity, "{at:?}");
        place.put(at, was.as_ref());
    }
    assert_eq!(place.verify(), Status::Ok);
}

/// T-116. Mutation seen to fail it: `restore` that does not read the anchor's list.
#[test]
fn a_key_that_the_anchor_knows_as_destroyed_does_not_come_back() {
    let place = Place::new();
    let store = furnished(&place);
    let gone = store.describe_key(&named("b")).unwrap().key_id;
    back_up(&place, &store);
    let known = store.inner.anchor.load(&store.inner.secrets).unwrap().unwrap();
    let state = Anchored { destroyed: vec![gone.0], ..known };
    anchor_file::raise(&place.anchor(), &store.inner.secrets, state, Duration::ZERO).unwrap();
    drop(store);
    let restored = restore(&place, &place.anchored()).unwrap();
    let key = restored.describe_key(&KeyName::Id(gone)).unwrap();
    assert_eq!(key.key_state, KeyState::Destroyed);
    assert_eq!(status(restored.describe_key(&named("b"))), Status::KeyNotFound);
    let used = restored.key(&KeyName::Id(gone)).and_then(|key| key.view(&Wish::ANY, |_| Ok(())));
    assert_eq!(status(used), Status::KeyDestroyed);
    restored.verify(&mut |_, _| {}).unwrap();
    assert_eq!(status(restored.describe_key(&named("a"))), Status::Ok);
    // Without the anchor nothing knows, and the trail of the restored store says that there was none.
    drop(restored);
    fs::remove_file(elsewhere(&place).path).unwrap();
    place.forget();
    let restored = restore(&place, &OpenOptions::default()).unwrap();
    assert_eq!(restored.describe_key(&KeyName::Id(gone)).unwrap().key_state, KeyState::Enabled);
}

/// Mutations seen to fail it: `over` set by any chunk; a key that is not over the header.
#[test]
fn a_changed_or_cut_backup_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let store = furnished(&place);
    for _ in 0..60 {
        store.rotate_key(&named("a")).unwrap();
    }
    let path = back_up(&place, &store);
    assert_eq!(status(store.back_up(&path, &mut |_, _| {})), Status::FileExists);
    drop(store);
    let whole = fs::read(&path).unwrap();
    let head = 8 + u32::from_be_bytes(whole[4..8].try_into().unwrap()) as usize;
    let chunk = 16_384 + 16;
    assert!(whole.len() > head + 2 * chunk, "a few chunks");
    let check = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        let found = [
            status(Store::verify_backup(&path, &place.root("root"))),
            status(restore(&place, &OpenOptions::default())),
        ];
        let expected =
            [Status::BackupInvalid, Status::RootMismatch, Status::StoreIntegrity, Status::StoreTooNew];
        assert!(found.iter().all(|status| expected.contains(status)), "{what}: {found:?}");
        assert!(!elsewhere(&place).path.exists(), "{what}");
    };
    for at in (0..head).step_by(41).chain((head..whole.len()).step_by(9_973)).chain([whole.len() - 1]) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        check(&changed, &format!("byte {at} of {}", whole.len()));
    }
    for end in [0, 4, 7, head - 1, head, head + 16, head + chunk, head + 2 * chunk, whole.len() - 1] {
        check(&whole[..end], &format!("cut at {end}"));
    }
    check(&[&whole[..], &[0]].concat(), "something after the end");
    let swapped = [
        &whole[..head],
        &whole[head + chunk..head + 2 * chunk],
        &whole[head..head + chunk],
        &whole[head + 2 * chunk..],
    ];
    check(&swapped.concat(), "two chunks swapped");
    fs::write(&path, &whole).unwrap();
    place.make_root("stranger");
    assert_eq!(status(Store::verify_backup(&path, &place.root("stranger"))), Status::RootMismatch);
    assert_eq!(status(restore(&place, &OpenOptions::default())), Status::Ok);
    assert_eq!(status(restore(&place, &OpenOptions::default())), Status::StoreExists);
}

#[test]
fn a_backup_is_of_one_moment_while_others_go_on() {
    let place = Place::new();
    let store = furnished(&place);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                store.rotate_key(&named("a")).unwrap();
            }
        });
        for round in 0..5 {
            let path = backup(&place).with_extension(round.to_string());
            let made = store.back_up(&path, &mut |_, _| {}).unwrap();
            let verified = Store::verify_backup(&path, &place.root("root")).unwrap();
            assert_eq!((made.epoch, made.keys, made.bytes), (verified.epoch, verified.keys, verified.bytes));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn under_dual_control_two_principals_restore() {
    let place = Place::new();
    let slot = |name: &str| SlotOptions { principal: Some(name.into()), admin: false };
    let options = InitOptions { slot: slot("Alice"), ..InitOptions::default() };
    let store = Store::init(&place.location(), &place.root("root"), &options).unwrap();
    place.make_root("bob");
    store.add_root_as(&place.root("bob"), &slot("Bob")).unwrap();
    place.make_root("nobody");
    store.add_root(&place.root("nobody")).unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let settings = StoreSettings {
        dual_control: vec!["RestoreStore".into()],
        administrators: vec!["Alice".into(), "Bob".into()],
        ..store.settings().unwrap()
    };
    store.update_settings(&settings).unwrap();
    back_up(&place, &store);
    drop(store);
    let (alice, bob, nobody) = (place.root("root"), place.root("bob"), place.root("nobody"));
    let restore = |roots: &[&dyn Root]| {
        Store::restore(&backup(&place), &elsewhere(&place), roots, &OpenOptions::default())
    };
    assert_eq!(status(restore(&[&alice])), Status::ApprovalRequired);
    assert_eq!(status(restore(&[&alice, &alice])), Status::ApprovalRequired);
    assert_eq!(status(restore(&[&alice, &nobody])), Status::ApprovalRequired);
    assert_eq!(status(restore(&[&nobody, &alice])), Status::AccessDenied);
    assert_eq!(status(restore(&[])), Status::InvalidArgument);
    assert_eq!(status(restore(&[&bob, &alice])), Status::Ok);
}

/// The clock of this thread, set right again at the end of a test.
struct Ahead;

impl Ahead {
    fn days(days: u64) -> Ahead {
        crate::keystore::failpoint::set_clock_ahead((days * crate::keystore::clock::DAY) as i64);
        Ahead
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        crate::keystore::failpoint::set_clock_ahead(0);
    }
}

/// T-116. Must fail unless `destroy_due` named to the anchor what an earlier call destroyed.
#[test]
fn a_destruction_whose_anchor_failed_is_anchored_by_the_next_call() {
    let place = Place::new();
    let store = furnished(&place);
    let id = store.describe_key(&named("a")).unwrap().key_id;
    back_up(&place, &store);
    store.schedule_key_deletion(&named("a"), 7).unwrap();
    let _reset = Ahead::days(8);
    store.destroy_due().unwrap();
    drop(store);
    let _reset = Ahead::days(9);
    let store = place.open_with(&place.anchored()).unwrap();
    // The anchor's folder cannot be written for a while.
    let folder = place.anchor().parent().unwrap().to_owned();
    let aside = folder.with_extension("aside");
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, b"in the way").unwrap();
    assert_eq!(status(store.destroy_due()), Status::AnchorUnavailable);
    assert_eq!(store.describe_key(&KeyName::Id(id)).unwrap().key_state, KeyState::Destroyed);
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    let done = store.destroy_due().unwrap().destroyed;
    assert_eq!(done.iter().map(|key| &key.key_id).collect::<Vec<_>>(), [&id.to_string()]);
    assert!(done[0].scrubbed && store.destroy_due().unwrap().destroyed.is_empty());
    drop(store);
    place.forget();
    let restored = restore(&place, &place.anchored()).unwrap();
    assert_eq!(restored.describe_key(&KeyName::Id(id)).unwrap().key_state, KeyState::Destroyed);
}

/// S-05: each row by itself verifies.
#[test]
fn a_row_put_back_is_not_made_the_latest_by_a_backup() {
    use crate::keystore::backend::Table;
    let place = Place::new();
    let store = furnished(&place);
    let before = place.dump();
    store.disable_key(&named("a")).unwrap();
    store.rotate_key(&named("b")).unwrap();
    store.delete_alias(&alias("other")).unwrap();
    let after = place.dump();
    back_up(&place, &store);
    fs::remove_file(backup(&place)).unwrap();
    for table in [Table::Keys, Table::Aliases, Table::Pages, Table::Groups, Table::Settings] {
        let put_back = before.iter().filter(|(at, cells)| at.0 == table && after.get(at) != Some(cells));
        for (at, cells) in put_back {
            place.put(at, Some(cells));
            let made = status(store.back_up(&backup(&place), &mut |_, _| {}));
            assert_eq!(made, Status::StoreIntegrity, "{at:?}");
            assert!(!backup(&place).exists());
            place.put(at, after.get(at));
        }
    }
    back_up(&place, &store);
}

/// T-123: what is lost or changed is told when the backup is made, not when it is needed.
#[test]
fn a_trail_that_is_not_whole_is_not_backed_up() {
    for sql in [
        "DELETE FROM events WHERE seq = 5",
        "DELETE FROM events WHERE seq >= 70",
        "UPDATE events SET event = event || ' ' WHERE seq = 5",
        "UPDATE events SET mac = zeroblob(32) WHERE seq = 5",
    ] {
        let place = Place::new();
        let store = furnished(&place);
        place.sql().execute_batch(sql).unwrap();
        assert_eq!(status(store.back_up(&backup(&place), &mut |_, _| {})), Status::TrailInvalid, "{sql}");
        assert!(!backup(&place).exists());
    }
}

/// docs/KEYSTORE.md 23.7.
#[test]
fn the_restored_store_is_there_with_its_event_or_not_at_all() {
    let place = Place::new();
    let store = furnished(&place);
    back_up(&place, &store);
    let events = Store::verify_backup(&backup(&place), &place.root("root")).unwrap().trail_events;
    drop(store);
    let refused = restore(&place, &OpenOptions { read_only: true, ..place.anchored() });
    assert_eq!(status(refused), Status::StoreReadOnly);
    assert!(!elsewhere(&place).path.exists());
    let restored = restore(&place, &place.anchored()).unwrap();
    let page = restored.read_trail(&Default::default(), events, 1).unwrap();
    assert_eq!(page.events[0]["eventName"], "RestoreStore");
    assert_eq!(restored.info().unwrap().epoch, page.events[0]["requestParameters"]["epoch"]);
    let report = restored.verify_trail(None, &mut |_, _| {}).unwrap();
    assert!(report.ok, "{:?}", report.first_bad);
}

/// docs/KEYSTORE.md 23.2: the event is on disk before the file.
#[test]
fn a_backup_holds_its_own_event() {
    let place = Place::new();
    let store = furnished(&place);
    back_up(&place, &store);
    let written: i64 = place
        .sql()
        .query_row("SELECT count(*) FROM events WHERE event LIKE '%BackUpStore%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(written, 1);
}
