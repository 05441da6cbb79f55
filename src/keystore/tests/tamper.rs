//! What someone can do who has the store's file and not its root: the attacks S-01 to S-07 and S-10 of the threat
//! model. Each must be refused by name; none may read as "not found" or be passed over.

use super::support::{Cells, Place, alias, long, named, status, with_alias};
use crate::error::Status;
use crate::keystore::backend::Table;
use crate::keystore::{InitOptions, KeyName, PageRequest, Store};

/// Three keys, one with pages; four aliases; two root slots.
fn furnished() -> Place {
    let place = Place::new();
    let store = place.init();
    for name in ["a", "b", "c"] {
        store.create_key(&with_alias(name)).unwrap();
    }
    store.create_alias(&alias("other"), &named("a")).unwrap();
    for _ in 0..66 {
        store.rotate_key(&named("b")).unwrap();
    }
    place.make_root("second");
    store.add_root(&place.root("second")).unwrap();
    drop(store);
    assert_eq!(place.verify(), Status::Ok);
    place
}

/// S-01. Mutations seen to fail it: pages not verified; keys let pass by `Secrets::verify`; a MAC without the revision.
#[test]
fn every_changed_column_of_every_row_is_refused() {
    let place = furnished();
    let dump = place.dump();
    for (at, cells) in &dump {
        let mut changes: Vec<((Table, Vec<u8>), Cells)> = Vec::new();
        let (revision, mac, document) = cells.clone();
        let revisions = [revision + 1, revision - 1, -1, 0, i64::MAX];
        for &other in &revisions[..if long() { 5 } else { 3 }] {
            changes.push((at.clone(), (other, mac.clone(), document.clone())));
        }
        for byte in if long() { 0..32 } else { 31..32 } {
            let mut other = mac.clone();
            other[byte] ^= 1 << (byte % 8);
            changes.push((at.clone(), (revision, other, document.clone())));
        }
        changes.push((at.clone(), (revision, mac[..31].to_vec(), document.clone())));
        for other in changed_texts(&document) {
            changes.push((at.clone(), (revision, mac.clone(), other)));
        }
        let mut moved = at.clone();
        *moved.1.last_mut().unwrap() ^= 1;
        changes.push((moved, cells.clone()));
        for (to, other) in changes {
            if &to != at {
                place.put(at, None);
            }
            place.put(&to, Some(&other));
            // The tampered slot may be the one that would have opened the store; the other still tells.
            let roots = if at.0 == Table::Roots { &["second", "root"][..] } else { &["root"] };
            let found: Vec<_> = roots.iter().map(|root| place.verify_with(root)).collect();
            assert!(found.contains(&Status::StoreIntegrity), "{at:?} as {to:?} {other:?}: {found:?}");
            assert!(!found.contains(&Status::Ok), "{at:?} as {to:?} {other:?}: {found:?}");
            // The place moved to may be another row's: groups are numbered by the random ids of their keys.
            place.put(&to, dump.get(&to));
            place.put(at, Some(cells));
        }
    }
    assert_eq!(place.verify(), Status::Ok);
}

/// The same document with one character other than it was, at several places; longer; shorter; of other JSON.
fn changed_texts(text: &str) -> Vec<String> {
    let mut changed = vec![format!("{text} "), text[..text.len() - 1].into(), "{}".into(), String::new()];
    let step = if long() { 1 } else { (text.len() / 3).max(1) };
    for at in (0..text.len()).step_by(step) {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        changed.extend(String::from_utf8(bytes));
    }
    changed
}

/// S-02. Mutation seen to fail it: a MAC without the row's place.
#[test]
fn rows_in_each_others_place_are_refused() {
    let place = furnished();
    let dump = place.dump();
    for (a, cells_a) in &dump {
        for (b, cells_b) in dump.iter().filter(|(b, _)| b.0 == a.0 && b.1 > a.1) {
            place.put(a, Some(cells_b));
            place.put(b, Some(cells_a));
            assert_ne!(place.verify(), Status::Ok, "{a:?} and {b:?} swapped");
            place.put(b, Some(cells_b));
            assert_ne!(place.verify(), Status::Ok, "{a:?} is a copy of {b:?}");
            place.put(a, Some(cells_a));
        }
    }
    assert_eq!(place.verify(), Status::Ok);
}

/// S-02, from another store under the same root.
#[test]
fn rows_of_another_store_are_refused() {
    let (place, other) = (furnished(), Place::new());
    let location = other.location();
    let store = Store::init(&location, &place.root("root"), &InitOptions::default()).unwrap();
    for name in ["a", "b", "c", "d"] {
        store.create_key(&with_alias(name)).unwrap();
    }
    drop(store);
    for (at, cells) in other.dump() {
        let was = place.dump().get(&at).cloned();
        place.put(&at, Some(&cells));
        let found = [place.verify(), place.verify_with("second")];
        assert!(found.iter().all(|status| *status == Status::StoreIntegrity), "{at:?}: {found:?}");
        place.put(&at, was.as_ref());
    }
    assert_eq!(place.verify(), Status::Ok);
}

type Operation<'a> = Box<dyn Fn(&Store) + 'a>;

/// A history that touches every kind of row, one operation at a time.
fn operations(place: &Place) -> Vec<Operation<'_>> {
    let mut all: Vec<Operation<'_>> = Vec::new();
    for n in 0..4 {
        all.push(Box::new(move |s| drop(s.create_key(&with_alias(&format!("k{n}"))).unwrap())));
    }
    all.push(Box::new(|s| drop(s.create_alias(&alias("extra"), &named("k0")).unwrap())));
    all.push(Box::new(|s| drop(s.move_alias(&alias("extra"), &named("k1")).unwrap())));
    all.push(Box::new(|s| drop(s.disable_key(&named("k2")).unwrap())));
    all.push(Box::new(|s| drop(s.rotate_key(&named("k3")).unwrap())));
    all.push(Box::new(|s| drop(s.enable_key(&named("k2")).unwrap())));
    all.push(Box::new(|s| s.delete_alias(&alias("extra")).unwrap()));
    all.push(Box::new(|s| {
        place.make_root("late");
        s.add_root(&place.root("late")).unwrap();
    }));
    all.push(Box::new(|s| drop(s.create_alias(&alias("extra"), &named("k0")).unwrap())));
    for _ in 0..66 {
        all.push(Box::new(|s| drop(s.rotate_key(&named("k0")).unwrap())));
    }
    all
}

/// S-03 and S-04. Mutations seen to fail it: bucket digests not compared; a group not compared with the manifest;
/// pages not compared with the document's MAC.
#[test]
fn older_rows_are_refused_one_by_one_and_key_by_key() {
    let place = Place::new();
    drop(place.init());
    let mut history = vec![place.dump()];
    for operation in operations(&place) {
        // Closed before the file is looked at: a store does not open beside another's connection in this process.
        operation(&place.open().unwrap());
        history.push(place.dump());
    }
    let now = history.pop().unwrap();
    let stride = if long() { 1 } else { 13 };
    for old in history.iter().rev().step_by(stride) {
        for at in old.keys().chain(now.keys()) {
            if old.get(at) == now.get(at) {
                continue;
            }
            place.put(at, old.get(at));
            let found = place.verify();
            // An older manifest is whole in itself, but its groups are not; and the process remembers its epoch.
            let expected = [Status::StoreIntegrity, Status::StoreRolledBack];
            assert!(expected.contains(&found), "{at:?}: {found:?}");
            place.put(at, now.get(at));
        }
        // All of the keys and aliases at once, without the digests above them, and with all but the last.
        for last in [Table::Pages, Table::Groups] {
            for at in old.keys().chain(now.keys()).filter(|at| at.0 <= last) {
                place.put(at, old.get(at));
            }
            assert_eq!(place.verify(), Status::StoreIntegrity, "up to {last:?}");
        }
        place.put_all(&now);
    }
    assert_eq!(place.verify(), Status::Ok);
}

/// S-05. Mutation seen to fail it: `Seen::check` that allows lower epochs.
#[test]
fn a_whole_older_store_is_rolled_back_for_this_process() {
    let place = Place::new();
    let store = place.init();
    let made = store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let old = place.dump();
    store.disable_key(&named("k")).unwrap();
    let now = place.dump();
    // Everything but the manifest: the group is not the one it names.
    for (at, cells) in old.iter().filter(|(at, _)| at.0 != Table::Manifest) {
        place.put(at, Some(cells));
    }
    assert_eq!(status(store.describe_key(&named("k"))), Status::StoreIntegrity);
    place.put_all(&old);
    assert_eq!(status(store.describe_key(&named("k"))), Status::StoreRolledBack);
    assert_eq!(status(store.rotate_key(&KeyName::Id(made.key_id))), Status::StoreRolledBack);
    assert_ne!(status(key.view(&crate::keystore::Wish::ANY, |_| Ok(()))), Status::Ok);
    drop((store, key));
    assert_eq!(place.verify(), Status::StoreRolledBack, "remembered after the last handle is gone");
    place.put_all(&now);
    assert_eq!(place.verify(), Status::Ok);
}

/// S-11, as files: last week's file without its log, and last week's log beside today's file.
#[test]
fn older_files_and_logs_are_never_quietly_believed() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    drop(store);
    let old = std::fs::read(&place.path).unwrap();
    let store = place.open().unwrap();
    store.rotate_key(&named("k")).unwrap();
    let log = place.folder.path().join("keys.db-wal");
    let kept = place.folder.path().join("kept");
    assert!(std::process::Command::new("cp").args([&log, &kept]).status().unwrap().success());
    store.rotate_key(&named("k")).unwrap();
    drop(store);
    let new = std::fs::read(&place.path).unwrap();
    std::fs::copy(&kept, &log).unwrap();
    let found = place.open().and_then(|store| store.describe_key(&named("k")));
    match found {
        Ok(key) => assert_eq!(key.current_version, 3, "a log of other salts is passed over"),
        Err(error) => assert_ne!(error.status(), Status::KeyNotFound),
    }
    let _ = std::fs::remove_file(&log);
    place.write_file(&old);
    assert_eq!(place.verify(), Status::StoreRolledBack);
    place.write_file(&new);
    assert_eq!(place.verify(), Status::Ok);
}

/// S-09. Mutation seen to fail it: `Seen::check` without the comparison of MACs.
#[test]
fn two_states_of_one_epoch_are_refused() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    let fork = place.dump();
    store.disable_key(&named("k")).unwrap();
    let one = place.dump();
    drop(store);
    // Another process, which knows nothing of the change, goes another way from the same state.
    place.put_all(&fork);
    place.elsewhere("rotate", "k");
    assert_eq!(place.verify(), Status::StoreForked);
    place.put_all(&one);
    assert_eq!(place.verify(), Status::Ok);
}

/// S-06. Mutation seen to fail it: bucket digests not compared.
#[test]
fn deleted_rows_are_missed_and_never_just_not_found() {
    let place = furnished();
    let store = place.open().unwrap();
    let keys = store.list_keys(&PageRequest::default()).unwrap().keys;
    drop(store);
    let dump = place.dump();
    for (at, cells) in &dump {
        place.put(at, None);
        let roots = if at.0 == Table::Roots { ["second", "root"] } else { ["root", "second"] };
        let found: Vec<_> = roots.iter().map(|root| place.verify_with(root)).collect();
        assert!(found.contains(&Status::StoreIntegrity) && !found.contains(&Status::Ok), "{at:?}: {found:?}");
        if at.0 <= Table::Aliases {
            let store = place.open().unwrap();
            let listed = match at.0 {
                Table::Keys => status(store.list_keys(&PageRequest::default())),
                _ => status(store.list_aliases(&PageRequest::default())),
            };
            assert_eq!(listed, Status::StoreIntegrity, "a list has no gaps");
            for key in &keys {
                for name in key.aliases.iter().map(|a| named(a.as_str())).chain([KeyName::Id(key.key_id)]) {
                    assert_ne!(status(store.describe_key(&name)), Status::KeyNotFound, "{at:?}, {name}");
                    assert_ne!(status(store.key(&name)), Status::KeyNotFound, "{at:?}, {name}");
                }
            }
        }
        place.put(at, Some(cells));
    }
    for table in Table::ALL.into_iter().filter(|table| dump.iter().any(|(at, _)| at.0 == *table)) {
        place.sql().execute(&format!("DELETE FROM {}", table.name()), []).unwrap();
        assert_eq!(place.verify(), Status::StoreIntegrity, "{table:?} emptied");
        place.put_all(&dump);
    }
    assert_eq!(place.verify(), Status::Ok);
}

/// S-07, rows. Mutation seen to fail it: `verify` without `count_all`.
#[test]
fn inserted_rows_are_refused() {
    let place = furnished();
    let dump = place.dump();
    let store = place.open().unwrap();
    let secrets = &store.inner.secrets;
    let places = [
        (Table::Keys, secrets.key_place(crate::keystore::KeyId([9; 16]))),
        (Table::Aliases, secrets.place(Table::Aliases, b"mine")),
        (Table::Aliases, b"\x00\x01mine".to_vec()),
        (Table::Pages, vec![1; 20]),
        (Table::Groups, vec![0x7f]),
        (Table::Groups, vec![0x7f, 0]),
        (Table::Roots, vec![7; 16]),
        (Table::Settings, vec![7; 16]),
        (Table::Manifest, vec![7; 16]),
    ];
    drop(store);
    for (table, at) in places {
        let at = (table, at);
        if dump.contains_key(&at) {
            continue; // by chance a group of this store
        }
        let like = dump.iter().find(|(other, _)| other.0 == table).map(|(_, cells)| cells);
        place.put(&at, like);
        assert_eq!(place.verify(), Status::StoreIntegrity, "{at:?}");
        place.put(&at, None);
    }
    let at = (Table::Aliases, {
        let store = place.open().unwrap();
        store.inner.secrets.place(Table::Aliases, b"mine")
    });
    place.put(&at, dump.iter().find(|(other, _)| other.0 == Table::Aliases).map(|(_, cells)| cells));
    let store = place.open().unwrap();
    assert_eq!(status(store.describe_key(&named("mine"))), Status::StoreIntegrity);
    assert_eq!(status(store.create_alias(&alias("mine"), &named("a"))), Status::StoreIntegrity);
}

/// S-07, schema. Mutations seen to fail it: `schema::read` without triggers and views; the hash cached for ever.
#[test]
fn planted_triggers_views_indexes_columns_and_tables_are_refused() {
    let place = furnished();
    let store = place.open().unwrap();
    store.describe_key(&named("a")).unwrap();
    let planted = [
        ("CREATE TRIGGER t AFTER UPDATE ON keys BEGIN DELETE FROM keys; END", "DROP TRIGGER t"),
        ("CREATE VIEW v AS SELECT * FROM keys", "DROP VIEW v"),
        ("CREATE INDEX i ON keys (document)", "DROP INDEX i"),
        ("CREATE INDEX i ON keys (length(id))", "DROP INDEX i"),
        ("CREATE TABLE extra (a)", "DROP TABLE extra"),
        ("CREATE TABLE sqlite (a)", "DROP TABLE sqlite"),
        ("DROP INDEX keys_entries", "CREATE INDEX keys_entries ON keys (id, revision, mac)"),
        ("ALTER TABLE keys ADD COLUMN extra TEXT", "ALTER TABLE keys DROP COLUMN extra"),
        ("ALTER TABLE roots ADD COLUMN extra TEXT AS (id || 'x')", "ALTER TABLE roots DROP COLUMN extra"),
    ];
    for (plant, remove) in planted {
        place.sql_elsewhere(plant);
        assert_eq!(status(store.describe_key(&named("a"))), Status::SchemaChanged, "{plant}, open before");
        assert_eq!(status(store.rotate_key(&named("a"))), Status::SchemaChanged, "{plant}, open before");
        assert_eq!(status(place.open()), Status::SchemaChanged, "{plant}");
        place.sql_elsewhere(remove);
        assert_eq!(status(store.describe_key(&named("a"))), Status::Ok, "{remove}");
    }
    // Renaming there and back leaves a definition in other words, which is not ours either.
    place.sql_elsewhere("ALTER TABLE keys RENAME TO k; ALTER TABLE k RENAME TO keys");
    assert_eq!(status(store.describe_key(&named("a"))), Status::SchemaChanged);
}

#[test]
fn analyze_and_vacuum_are_allowed() {
    let place = furnished();
    place.sql().execute_batch("ANALYZE; VACUUM").unwrap();
    assert_eq!(place.verify(), Status::Ok);
}

/// S-10. Mutations seen to fail it: settings, or root slots, not verified on opening.
#[test]
fn lowered_settings_and_root_parameters_are_refused() {
    let place = furnished();
    for (table, from, to) in [
        (Table::Settings, "\"envelope_format_floor\":1", "\"envelope_format_floor\":0"),
        (Table::Settings, "\"development\":false", "\"development\":true"),
        (Table::Settings, "\"dual_control\":[]", "\"dual_control\":[\"DestroyKey\"]"),
        (Table::Settings, "\"approval_seconds\":0", "\"approval_seconds\":9"),
        (Table::Settings, "\"administrators\":[\"default\"]", "\"administrators\":[\"eve\"]"),
        (Table::Manifest, "\"trail_size\":", "\"trail_size\":1"),
        (Table::Manifest, "\"trail_root\":\"", "\"was\":\"\",\"trail_root\":\""),
        (Table::Manifest, "\"life\":1", "\"life\":2"),
        (Table::Manifest, "\"keys\":3", "\"keys\":2"),
        (Table::Roots, "\"created\":\"2", "\"created\":\"3"),
        (Table::Manifest, "\"min_writer\":1", "\"min_writer\":0"),
    ] {
        let dump = place.dump();
        for (at, (revision, mac, document)) in dump.iter().filter(|(at, _)| at.0 == table) {
            assert!(document.contains(from), "{document}");
            place.put(at, Some(&(*revision, mac.clone(), document.replace(from, to))));
        }
        assert_eq!(status(place.open()), Status::StoreIntegrity, "{to}, on opening");
        place.put_all(&dump);
    }
}
