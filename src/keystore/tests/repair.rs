//! Damaged stores, mended from what verifies. `docs/KEYSTORE.md`, "Repair".

use std::fs;
use std::path::PathBuf;

use super::support::{Cells, Dump, Place, alias, named, status, use_key, with_alias};
use crate::audit::TrailReport;
use crate::error::{Result, Status};
use crate::keystore::backend::Table;
use crate::keystore::{
    InitOptions, KeyMetadata, OpenOptions, RepairReport, SlotOptions, Store, StoreSettings,
};
use crate::operation::Operation;
use crate::root::Root;

const NAMES: [&str; 4] = ["a", "b", "c", "other"];

/// Three keys, one with pages; four aliases; two roots.
fn furnished(place: &Place) -> Vec<KeyMetadata> {
    let options = InitOptions { open: place.anchored(), ..InitOptions::default() };
    let store = Store::init(&place.location(), &place.root("root"), &options).unwrap();
    for name in ["a", "b", "c"] {
        store.create_key(&with_alias(name)).unwrap();
    }
    store.create_alias(&alias("other"), &named("a")).unwrap();
    for _ in 0..66 {
        store.rotate_key(&named("b")).unwrap();
    }
    place.make_root("second");
    store.add_root(&place.root("second")).unwrap();
    NAMES.map(|name| store.describe_key(&named(name)).unwrap()).into()
}

fn repair(place: &Place) -> Result<RepairReport> {
    Store::repair(&place.location(), &[&place.root("root")], &place.anchored())
}

fn events(store: &Store) -> TrailReport {
    let report = store.verify_trail(None, &mut |_, _| {}).unwrap();
    assert!(report.ok, "{:?}", report.first_bad);
    report
}

/// The store opens, verifies and has these keys, with all their versions.
fn is_whole(place: &Place, keys: &[KeyMetadata]) {
    place.forget();
    let store = place.open_with(&place.anchored()).unwrap();
    store.verify(&mut |_, _| {}).unwrap();
    events(&store);
    for (name, was) in NAMES.iter().zip(keys) {
        let is = store.describe_key(&named(name)).unwrap();
        assert_eq!((is.key_id, is.versions.len()), (was.key_id, was.versions.len()), "{name}");
        let key = store.key(&named(name)).unwrap();
        use_key(&key, Operation::Encrypt, &[]).unwrap();
    }
}

fn first(dump: &Dump, table: Table) -> (Table, Vec<u8>) {
    dump.keys().find(|at| at.0 == table).unwrap().clone()
}

fn with_document(place: &Place, at: &(Table, Vec<u8>), change: impl Fn(&str) -> String) {
    let (revision, mac, document): Cells = place.dump()[at].clone();
    place.put(at, Some(&(revision, mac, change(&document))));
}

/// Nothing but the mended store and the damaged one is left.
fn files(place: &Place) -> Vec<String> {
    place.listing().into_iter().map(|(name, _)| name).collect()
}

/// Mutation seen to fail it: `find` that keeps every root slot.
#[test]
fn a_store_with_a_damaged_manifest_is_mended_whole() {
    let place = Place::new();
    let keys = furnished(&place);
    let (old_epoch, at) = (
        place.open_with(&place.anchored()).unwrap().info().unwrap().epoch,
        first(&place.dump(), Table::Manifest),
    );
    with_document(&place, &at, |text| text.replace("\"keys\":3", "\"keys\":4"));
    let damaged = fs::read(&place.path).unwrap();
    assert_eq!(place.verify(), Status::StoreIntegrity);
    let report = repair(&place).unwrap();
    assert_eq!(report.keys_kept, 3);
    assert!(report.epoch > old_epoch);
    assert!(report.doubtful[0].starts_with("the manifest is not"), "{:?}", report.doubtful);
    // A slot that was removed and put back would verify too: only what was opened is kept.
    assert_eq!(report.dropped.len(), 1, "{:?}", report.dropped);
    assert!(report.dropped[0].starts_with("roots row "), "{:?}", report.dropped);
    assert_eq!(
        status(Store::open(&place.location(), &place.root("second"), &place.anchored())),
        Status::RootMismatch
    );
    is_whole(&place, &keys);
    assert_eq!(files(&place), ["keys.db", "keys.db.damaged-1"]);
    assert_eq!(fs::read(PathBuf::from(report.kept_as)).unwrap(), damaged);
    let store = place.open_with(&place.anchored()).unwrap();
    let tail = store.tail_trail(&crate::audit::Filter::default(), 100).unwrap().events;
    assert!(tail.iter().any(|event| event["eventName"] == "RepairStore"), "{tail:?}");
    // No number of the life that was is used again.
    assert_eq!(store.rotate_key(&named("b")).unwrap().current_version, 65_536);
}

/// Also from a manifest that is no JSON any more, where the anchor tells the incarnation; without it, nobody does.
#[test]
fn a_lost_manifest_is_mended_where_an_anchor_tells_the_incarnation() {
    let place = Place::new();
    let keys = furnished(&place);
    let dump = place.dump();
    let at = first(&dump, Table::Manifest);
    place.put(&at, None);
    let unanchored = OpenOptions::default();
    let without = Store::repair(&place.location(), &[&place.root("root")], &unanchored);
    assert_eq!(status(without), Status::StoreIntegrity);
    assert_eq!(files(&place), ["keys.db"], "and leaves nothing");
    repair(&place).unwrap();
    is_whole(&place, &keys);
}

/// Mutation seen to fail it: `compare` that compares nothing.
#[test]
fn damaged_groups_are_made_anew_and_said_to_be_doubtful() {
    let place = Place::new();
    let keys = furnished(&place);
    let at = first(&place.dump(), Table::Groups);
    with_document(&place, &at, |text| format!("{text} "));
    assert_eq!(place.verify(), Status::StoreIntegrity);
    let report = repair(&place).unwrap();
    assert_eq!((report.keys_kept, &report.dropped[..]), (3, &[][..]));
    assert!(report.doubtful[0].starts_with("group "), "{:?}", report.doubtful);
    is_whole(&place, &keys);
    // The manifest vouched for all root slots.
    assert_eq!(place.verify_with("second"), Status::Ok);
}

/// A deleted key leaves nothing that could say which it was; its bucket and the manifest's count say that one is gone.
/// Mutation seen to fail it: `compare` that compares nothing.
#[test]
fn a_deleted_key_is_told_as_a_doubt_and_its_alias_is_dropped() {
    let place = Place::new();
    let keys = furnished(&place);
    let at = (Table::Keys, place.open().unwrap().inner.secrets.key_place(keys[2].key_id));
    place.put(&at, None);
    let report = repair(&place).unwrap();
    assert_eq!(report.keys_kept, 2);
    assert!(report.doubtful.iter().any(|what| what.starts_with("bucket ")), "{:?}", report.doubtful);
    assert!(report.doubtful.iter().any(|what| what.contains("counts 3 keys")), "{:?}", report.doubtful);
    assert!(report.dropped.iter().all(|what| what.starts_with("aliases row c:")), "{:?}", report.dropped);
    let store = place.open_with(&place.anchored()).unwrap();
    assert_eq!(status(store.describe_key(&named("c"))), Status::KeyNotFound);
    assert_eq!(status(store.describe_key(&named("a"))), Status::Ok);
    store.verify(&mut |_, _| {}).unwrap();
}

/// Rows of others, changed rows, rows of impossible values: left out, each with why; what they stood for is made from keys.
/// Mutation seen to fail it: aliases without a row passed over.
#[test]
fn rows_that_do_not_verify_are_left_out_and_named() {
    let place = Place::new();
    let keys = furnished(&place);
    let store = place.open().unwrap();
    let mine = store.inner.secrets.place(Table::Aliases, b"mine");
    let other = store.inner.secrets.place(Table::Aliases, b"other");
    let foreign = store.inner.secrets.key_place(crate::keystore::KeyId([9; 16]));
    drop(store);
    let dump = place.dump();
    let like = |table| dump.get(&first(&dump, table));
    place.put(&(Table::Keys, foreign), like(Table::Keys));
    place.put(&(Table::Aliases, mine), like(Table::Aliases));
    // Of an alias that its key bears the row can be made anew.
    place.put(&(Table::Aliases, other), None);
    place.put(&(Table::Pages, vec![1; 20]), Some(&(1, vec![0; 32], "{}".into())));
    place.put(&(Table::GrantUses, vec![1; 32]), Some(&(-1, vec![0; 3], "{}".into())));
    place.put(&(Table::Settings, vec![7; 16]), like(Table::Settings));
    let report = repair(&place).unwrap();
    for begins in
        ["keys row 0909", "aliases row mine", "pages row 0101", "grant_uses row 0101", "settings row 0707"]
    {
        assert!(report.dropped.iter().any(|what| what.starts_with(begins)), "{begins}: {:?}", report.dropped);
    }
    assert_eq!((report.keys_kept, report.dropped.len()), (3, 5), "{:?}", report.dropped);
    is_whole(&place, &keys);
}

/// A key whose page is damaged keeps its other versions.
#[test]
fn a_damaged_page_costs_the_versions_on_it() {
    let place = Place::new();
    furnished(&place);
    let at = first(&place.dump(), Table::Pages);
    with_document(&place, &at, |text| format!("{text} "));
    let report = repair(&place).unwrap();
    assert_eq!((report.keys_kept, report.dropped.len()), (3, 2), "{:?}", report.dropped);
    let store = place.open_with(&place.anchored()).unwrap();
    store.verify(&mut |_, _| {}).unwrap();
    let versions = store.describe_key(&named("b")).unwrap().versions;
    assert!(versions.len() < 67 && versions.last().unwrap().version == 67, "{}", versions.len());
    store.rotate_key(&named("b")).unwrap();
}

/// Mutation seen to fail it: `find` without `Seen::check`.
#[test]
fn a_repair_makes_no_older_store_the_latest() {
    let place = Place::new();
    furnished(&place);
    let old = place.dump();
    place.open_with(&place.anchored()).unwrap().disable_key(&named("a")).unwrap();
    place.put_all(&old);
    let at = first(&old, Table::Groups);
    place.put(&at, None);
    place.forget();
    assert_eq!(status(repair(&place)), Status::StoreRolledBack);
    assert_eq!(files(&place), ["keys.db"]);
}

/// Mutation seen to fail it: `replace` that does not look for the log.
#[test]
fn a_whole_store_and_one_in_use_are_left_alone() {
    let place = Place::new();
    furnished(&place);
    assert_eq!(status(repair(&place)), Status::InvalidArgument);
    assert_eq!(place.verify(), Status::Ok);
    let at = first(&place.dump(), Table::Groups);
    let store = place.open_with(&place.anchored()).unwrap();
    store.describe_key(&named("a")).unwrap();
    place.sql_elsewhere(&format!(
        "UPDATE groups SET document = document || ' ' WHERE id = x'{:02x}'",
        at.1[0]
    ));
    assert_eq!(status(repair(&place)), Status::StoreBusy);
    drop(store);
    assert_eq!(files(&place), ["keys.db"]);
    assert_eq!(status(repair(&place)), Status::Ok);
}

/// A trail whose head is damaged goes on after the events that are in their places.
#[test]
fn a_damaged_head_of_the_trail_is_made_anew() {
    let place = Place::new();
    let keys = furnished(&place);
    let before = events(&place.open_with(&place.anchored()).unwrap()).events;
    place.sql().execute_batch("UPDATE trail SET document = document || ' '").unwrap();
    let report = repair(&place).unwrap();
    assert!(report.dropped.iter().any(|what| what.starts_with("trail row ")), "{:?}", report.dropped);
    is_whole(&place, &keys);
    assert!(events(&place.open_with(&place.anchored()).unwrap()).events > before);
}

/// Mutations seen to fail it: settings not compared with the manifest; `authorise` without `may_be_older`.
#[test]
fn two_principals_repair_where_settings_ask_for_it_or_are_lost() {
    let place = Place::new();
    let slot = |name: &str| SlotOptions { principal: Some(name.into()), admin: false };
    let options = InitOptions { slot: slot("Alice"), ..InitOptions::default() };
    let store = Store::init(&place.location(), &place.root("root"), &options).unwrap();
    place.make_root("bob");
    store.add_root_as(&place.root("bob"), &slot("Bob")).unwrap();
    store.create_key(&with_alias("k")).unwrap();
    drop(store);
    let plain = place.dump();
    let store = place.open().unwrap();
    let settings = StoreSettings {
        dual_control: vec!["RepairStore".into()],
        administrators: vec!["Alice".into(), "Bob".into()],
        ..store.settings().unwrap()
    };
    store.update_settings(&settings).unwrap();
    drop(store);
    let (alice, bob) = (place.root("root"), place.root("bob"));
    let repair = |roots: &[&dyn Root]| Store::repair(&place.location(), roots, &OpenOptions::default());
    let dump = place.dump();
    place.put(&first(&dump, Table::Groups), None);
    assert_eq!(status(repair(&[&alice])), Status::ApprovalRequired);
    assert_eq!(status(repair(&[&alice, &alice])), Status::ApprovalRequired);
    assert_eq!(status(repair(&[])), Status::InvalidArgument);
    // Older settings, that asked for nothing, under a manifest that was damaged so that it cannot say so.
    place.put_all(&dump);
    let at = first(&dump, Table::Settings);
    place.put(&at, plain.get(&at));
    assert_eq!(status(repair(&[&alice])), Status::ApprovalRequired, "the manifest names others");
    with_document(&place, &first(&dump, Table::Manifest), |text| format!("{text} "));
    assert_eq!(status(repair(&[&alice])), Status::ApprovalRequired, "nothing vouches for them");
    // Lost ones: whoever is there is asked for everything from now on.
    place.put_all(&dump);
    place.put(&at, None);
    assert_eq!(status(repair(&[&alice])), Status::ApprovalRequired);
    assert_eq!(status(repair(&[&alice, &bob])), Status::Ok);
    let store = place.open().unwrap();
    let now = store.settings().unwrap();
    assert_eq!(now.administrators, ["Alice", "Bob"]);
    assert!(now.dual_control.contains(&"DestroyKey".to_owned()), "{now:?}");
    assert_eq!(status(store.update_settings(&settings)), Status::ApprovalRequired);
}

/// Mutation seen to fail it: `authorise` without `needs_admin`.
#[test]
fn a_store_with_an_admin_root_is_repaired_with_it() {
    let place = Place::new();
    let slot = SlotOptions { principal: None, admin: true };
    let options = InitOptions { slot, ..InitOptions::default() };
    let store = Store::init(&place.location(), &place.root("root"), &options).unwrap();
    place.make_root("worker");
    store.add_root(&place.root("worker")).unwrap();
    store.create_key(&with_alias("k")).unwrap();
    drop(store);
    with_document(&place, &first(&place.dump(), Table::Manifest), |text| format!("{text} "));
    let repair = |name: &str| Store::repair(&place.location(), &[&place.root(name)], &OpenOptions::default());
    assert_eq!(status(repair("worker")), Status::AccessDenied);
    place.make_root("stranger");
    assert_eq!(status(repair("stranger")), Status::RootMismatch);
    repair("root").unwrap();
    assert_eq!(place.verify(), Status::Ok);
    let dump = place.dump();
    assert!(dump[&first(&dump, Table::Manifest)].2.contains("\"admin_public\""), "it is signed again");
}
