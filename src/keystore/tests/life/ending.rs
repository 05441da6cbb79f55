//! Deletion and destruction: waiting periods, and what is left in the file.

use std::fs;

use super::super::support::{Place, named, status, with_alias};
use super::{Clock, DAYS, decrypt, encrypt};
use crate::envelope::Allowed;
use crate::error::Status;
use crate::keystore::{KeyName, KeyState, Store};

/// The wrapped material of all of a key's versions, as it stands in documents.
fn wrapped(store: &Store, name: &KeyName) -> Vec<String> {
    store
        .inner
        .read(|snapshot| {
            let key = snapshot.key(name)?;
            let versions = snapshot.versions(&key)?;
            Ok(versions.iter().map(|version| crate::keystore::json::hex(&version.wrapped)).collect())
        })
        .unwrap()
}

/// How many of the texts stand anywhere in the store's file or beside it, whole or by half.
fn found_on_disk(place: &Place, texts: &[String]) -> usize {
    let mut all = Vec::new();
    for entry in fs::read_dir(place.folder.path()).unwrap() {
        all.push(fs::read(entry.unwrap().path()).unwrap());
    }
    let there = |half: &str| all.iter().any(|file| file.windows(half.len()).any(|at| at == half.as_bytes()));
    texts.iter().filter(|text| there(&text[..text.len() / 2]) || there(&text[text.len() / 2..])).count()
}

/// T-98. Must fail unless deleted material is overwritten and marked until it is scrubbed.
#[test]
fn deleted_imported_material_is_overwritten_and_scrubbed_when_it_can_be() {
    let place = Place::new();
    let store = place.init();
    let bytes: Vec<u8> = (0..32).map(|i| i * 7 + 3).collect();
    let made = store.import_key_material(&with_alias("k"), &bytes).unwrap();
    let id = KeyName::Id(made.key_id);
    let material = wrapped(&store, &id);
    let (reader, later) = (place.open().unwrap(), place.open().unwrap());
    reader
        .inner
        .read(|snapshot| {
            snapshot.key_by_id(made.key_id)?;
            later.delete_imported_key_material(&id, None)
        })
        .unwrap();
    let instead = wrapped(&store, &id);
    assert!(instead[0].len() == material[0].len() && instead != material);
    assert!(found_on_disk(&place, &material) > 0, "the reader's pages are still there");
    later.verify(&mut |_, _| {}).unwrap();
    assert_eq!(status(encrypt(&later.key(&named("k")).unwrap())), Status::InvalidKeyState);
    assert!(later.destroy_due().unwrap().destroyed.is_empty());
    assert_eq!((found_on_disk(&place, &material), wrapped(&store, &id)[0].len()), (0, 0));
}

/// T-98. Mutations seen to fail it: `destroy` that leaves `wrapped` as it is; a `fold_log` that always says true.
#[test]
fn destroyed_material_is_nowhere_in_the_file_or_its_log() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    let made = store.create_key(&with_alias("k")).unwrap();
    let id = KeyName::Id(made.key_id);
    for _ in 0..70 {
        store.rotate_key(&named("k")).unwrap();
    }
    store.create_key(&with_alias("other")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let envelope = encrypt(&key).unwrap();
    let (material, kept) = (wrapped(&store, &id), wrapped(&store, &named("other")));
    assert_eq!((material.len(), found_on_disk(&place, &material)), (71, 71));
    store.schedule_key_deletion(&named("k"), 7).unwrap();
    clock.ahead(8 * DAYS);
    assert!(store.destroy_due().unwrap().destroyed.is_empty());
    clock.ahead(9 * DAYS);
    let (reader, later) = (place.open().unwrap(), place.open().unwrap());
    let gone = reader
        .inner
        .read(|snapshot| {
            snapshot.key_by_id(made.key_id)?;
            later.destroy_due()
        })
        .unwrap()
        .destroyed;
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].key_id.as_str(), gone[0].scrubbed), (&*made.key_id.to_string(), false));
    assert!(found_on_disk(&place, &material) > 0, "the reader's pages are still there");
    let gone = later.destroy_due().unwrap().destroyed;
    assert_eq!((gone.len(), gone[0].scrubbed), (1, true));
    assert_eq!(found_on_disk(&place, &material), 0);
    assert_eq!(found_on_disk(&place, &kept), 1);
    assert!(later.destroy_due().unwrap().destroyed.is_empty());
    assert!(wrapped(&later, &id).iter().all(String::is_empty));

    let tombstone = later.describe_key(&id).unwrap();
    assert_eq!(tombstone.key_state, KeyState::Destroyed);
    assert_eq!((tombstone.aliases.len(), tombstone.versions.len()), (0, 71));
    assert_eq!(tombstone.versions[0].material_id, made.versions[0].material_id);
    assert_eq!(status(later.describe_key(&named("k"))), Status::KeyNotFound);
    assert_eq!(status(later.key(&id)), Status::KeyDestroyed);
    assert_eq!(status(decrypt(Allowed::AnyKeyOf(&later), &envelope)), Status::KeyDestroyed);
    assert_eq!(status(decrypt(Allowed::Keys(&[&key]), &envelope)), Status::KeyDestroyed);
    assert_eq!(key.held(), 0);
    assert_eq!(status(later.enable_key(&id)), Status::KeyDestroyed);
    later.create_key(&with_alias("k")).unwrap();
    assert_eq!(status(decrypt(Allowed::AnyKeyOf(&later), &envelope)), Status::KeyDestroyed);
    assert_eq!(place.verify(), Status::Ok);
}

/// Mutations seen to fail it: `confirmed` by the same opening; a `sighting` that is never struck out.
#[test]
fn a_waiting_period_is_over_when_two_openings_found_it_so() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    store.create_key(&with_alias("k")).unwrap();
    store.schedule_key_deletion(&named("k"), 7).unwrap();
    clock.ahead(7 * DAYS - 60);
    assert!(store.destroy_due().unwrap().destroyed.is_empty());
    clock.ahead(7 * DAYS + 60);
    assert!(store.destroy_due().unwrap().destroyed.is_empty(), "the first look");
    clock.ahead(9 * DAYS);
    assert!(store.destroy_due().unwrap().destroyed.is_empty(), "the same opening");
    clock.ahead(7 * DAYS + 600);
    assert!(
        place.open().unwrap().destroy_due().unwrap().destroyed.is_empty(),
        "too soon after the first look"
    );
    // The clock was wrong: the first look is struck out, and the next one is a first look again.
    clock.ahead(DAYS);
    assert!(place.open().unwrap().destroy_due().unwrap().destroyed.is_empty());
    clock.ahead(8 * DAYS);
    assert!(place.open().unwrap().destroy_due().unwrap().destroyed.is_empty(), "a first look again");
    clock.ahead(9 * DAYS);
    assert_eq!(place.open().unwrap().destroy_due().unwrap().destroyed.len(), 1);
}

#[test]
fn a_deletion_that_was_taken_back_is_not_done() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    store.create_key(&with_alias("k")).unwrap();
    store.schedule_key_deletion(&named("k"), 7).unwrap();
    clock.ahead(8 * DAYS);
    store.destroy_due().unwrap();
    store.cancel_key_deletion(&named("k")).unwrap();
    clock.ahead(30 * DAYS);
    assert!(place.open().unwrap().destroy_due().unwrap().destroyed.is_empty());
    store.enable_key(&named("k")).unwrap();
    encrypt(&store.key(&named("k")).unwrap()).unwrap();
    // Scheduled anew, it has its whole time, and needs two looks again.
    store.schedule_key_deletion(&named("k"), 30).unwrap();
    clock.ahead(59 * DAYS);
    assert!(place.open().unwrap().destroy_due().unwrap().destroyed.is_empty());
    clock.ahead(61 * DAYS);
    assert!(place.open().unwrap().destroy_due().unwrap().destroyed.is_empty());
}
