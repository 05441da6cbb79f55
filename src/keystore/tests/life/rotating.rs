//! Rotation on demand and by period; cryptoperiods.

use super::super::support::{Place, named, status, with_alias};
use super::{Clock, DAYS, by_period, decrypt, encrypt, events, recovery, sealing_version, with_policy};
use crate::envelope::Allowed;
use crate::error::{Error, Status};
use crate::keystore::{
    CreateKey, KeyId, KeyName, KeyPolicy, Named, OpenOptions, PageRequest, RotationType, VersionState, Wish,
};
use crate::operation::Operation;

/// Mutation seen to fail it: `>` for `>=` at the limit.
#[test]
fn rotations_on_demand_are_limited_and_move_no_schedule() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    let made = store.create_key(&with_policy("k", by_period(90))).unwrap();
    clock.ahead(30 * DAYS);
    for version in 2..=26 {
        let rotated = store.rotate_key(&named("k")).unwrap();
        assert_eq!(rotated.current_version, version);
        assert_eq!(rotated.next_rotation, made.next_rotation);
        assert_eq!(rotated.versions.last().unwrap().rotation_type, RotationType::OnDemand);
    }
    let refused = store.rotate_key(&named("k")).unwrap_err();
    assert!(matches!(refused, Error::LimitExceeded { limit: 25, .. }));
    let more = KeyPolicy { on_demand_limit: Some(26), ..by_period(90) };
    assert_eq!(store.set_key_policy(&named("k"), &more).unwrap().next_rotation, made.next_rotation);
    assert_eq!(store.rotate_key(&named("k")).unwrap().current_version, 27);
    assert_eq!(status(store.rotate_key(&named("k"))), Status::LimitExceeded);
    let found = store.key_rotation_status(&named("k")).unwrap();
    assert_eq!((found.on_demand_rotations, found.on_demand_limit, found.due), (26, 26, false));
}

/// Mutation seen to fail it: `come_round` that sets the schedule to now.
#[test]
fn a_due_key_rotates_once_at_its_first_use_and_keeps_its_schedule() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    store.create_key(&with_policy("k", by_period(90))).unwrap();
    let first = encrypt(&store.key(&named("k")).unwrap()).unwrap();
    clock.ahead(90 * DAYS - 60);
    assert_eq!(sealing_version(&place.open().unwrap().key(&named("k")).unwrap()).unwrap(), 1);
    // Two periods and a half go by without a use.
    clock.ahead(225 * DAYS);
    let status = store.key_rotation_status(&named("k")).unwrap();
    assert!(status.due && status.key_rotation_enabled);
    let later = place.open().unwrap();
    let key = later.key(&named("k")).unwrap();
    assert_eq!(sealing_version(&key).unwrap(), 2);
    assert_eq!(decrypt(Allowed::Keys(&[&key]), &first).unwrap()[..4], *b"data");
    assert_eq!(sealing_version(&place.open().unwrap().key(&named("k")).unwrap()).unwrap(), 2);
    assert_eq!(events(&later, "RotateKey"), 1);
    let found = later.describe_key(&named("k")).unwrap();
    assert_eq!(found.versions.len(), 2);
    assert_eq!(found.versions[0].state, VersionState::NonCurrent);
    assert_eq!(found.versions[1].rotation_type, RotationType::Automatic);
    clock.ahead(270 * DAYS - 60);
    assert!(!later.key_rotation_status(&named("k")).unwrap().due);
    clock.ahead(270 * DAYS);
    assert!(later.key_rotation_status(&named("k")).unwrap().due, "a whole number of periods from the first");
    assert_eq!(later.rotate_due(&mut |_, _| {}).unwrap().len(), 1);
    assert!(later.rotate_due(&mut |_, _| {}).unwrap().is_empty());
    let page = PageRequest { after: None, limit: 2 };
    let rotations = later.list_key_rotations(&named("k"), &page).unwrap();
    assert_eq!(rotations.rotations.iter().map(|r| r.version).collect::<Vec<_>>(), [3, 2]);
    let rest = PageRequest { after: rotations.next, limit: 2 };
    let rest = later.list_key_rotations(&named("k"), &rest).unwrap();
    assert_eq!((rest.rotations.len(), rest.rotations[0].version, rest.next), (1, 1, None));
}

/// Mutations seen to fail it: an `attend` that passes on the error of its rotation; `seals` without the originator end.
#[test]
fn a_key_that_cannot_rotate_goes_on_until_its_originator_period_ends() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    let policy = KeyPolicy { originator_days: Some(100), ..by_period(90) };
    store.create_key(&with_policy("k", policy)).unwrap();
    let envelope = encrypt(&store.key(&named("k")).unwrap()).unwrap();
    let read_only = OpenOptions { read_only: true, ..OpenOptions::default() };
    clock.ahead(95 * DAYS);
    let key = place.open_with(&read_only).unwrap().key(&named("k")).unwrap();
    assert_eq!(sealing_version(&key).unwrap(), 1, "due, and it cannot be done here");
    clock.ahead(101 * DAYS);
    let key = place.open_with(&read_only).unwrap().key(&named("k")).unwrap();
    assert_eq!(status(encrypt(&key)), Status::InvalidKeyState);
    assert_eq!(decrypt(Allowed::Keys(&[&key]), &envelope).unwrap()[..4], *b"data");
    let key = place.open().unwrap().key(&named("k")).unwrap();
    assert_eq!(sealing_version(&key).unwrap(), 2);
}

/// Mutation seen to fail it: no look at `recipient_over`.
#[test]
fn a_version_past_its_recipient_period_opens_only_for_recovery() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    let policy = KeyPolicy { originator_days: Some(10), recipient_days: Some(20), ..KeyPolicy::default() };
    let made = store.create_key(&with_policy("k", policy)).unwrap();
    assert!(made.versions[0].recipient_end > made.versions[0].originator_end);
    let key = store.key(&named("k")).unwrap();
    let envelope = encrypt(&key).unwrap();
    clock.ahead(15 * DAYS);
    let later = place.open().unwrap().key(&named("k")).unwrap();
    assert_eq!(sealing_version(&later).unwrap(), 2, "the key rotates at the end of the originator period");
    decrypt(Allowed::Keys(&[&later]), &envelope).unwrap();
    clock.ahead(21 * DAYS);
    let store = place.open().unwrap();
    let later = store.key(&named("k")).unwrap();
    let refused = decrypt(Allowed::Keys(&[&later]), &envelope).unwrap_err();
    assert_eq!(refused, Error::CryptoperiodEnded { name: made.key_id.to_string().into(), version: 1 });
    assert_eq!(status(decrypt(Allowed::AnyKeyOf(&store), &envelope)), Status::CryptoperiodEnded);
    assert_eq!(later.held(), 1, "what may not open is not in memory");
    let rescue = place.open_with(&recovery()).unwrap().key(&named("k")).unwrap();
    assert_eq!(decrypt(Allowed::Keys(&[&rescue]), &envelope).unwrap()[..4], *b"data");
    rescue
        .view(&Wish::without_context(Operation::Decrypt), |view| {
            let found = view.named(made.key_id, 1, made.versions[0].material_id);
            assert!(matches!(found, Named::Held(version) if !version.seals));
            Ok(())
        })
        .unwrap();
    // A handle that was open all the time comes to the same at its next look.
    store.update_key_description(&named("k"), "looked at").unwrap();
    assert_eq!(status(decrypt(Allowed::Keys(&[&key]), &envelope)), Status::CryptoperiodEnded);
}

/// Mutations seen to fail it: `is_due` whatever the state; a batch that leaves out its last keys.
#[test]
fn rotate_due_takes_every_due_key_and_no_other() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    let due: Vec<KeyId> = (0..300)
        .map(|_| {
            let request = CreateKey { policy: by_period(90), ..CreateKey::default() };
            store.create_key(&request).unwrap().key_id
        })
        .collect();
    store.create_key(&with_policy("later", by_period(91))).unwrap();
    store.create_key(&with_alias("never")).unwrap();
    let off = KeyName::Id(due[0]);
    store.disable_key(&off).unwrap();
    clock.ahead(90 * DAYS + 60);
    let epoch = store.info().unwrap().epoch;
    let mut told = Vec::new();
    let rotated = store.rotate_due(&mut |looked, total| told.push((looked, total))).unwrap();
    assert_eq!(rotated.len(), 299);
    assert!(rotated.iter().all(|key| key.current_version == 2));
    assert_eq!(told, [(0, 302), (256, 302), (302, 302)]);
    assert_eq!(store.info().unwrap().epoch, epoch + 2, "a transaction for each batch");
    for name in ["later", "never"] {
        assert_eq!(store.describe_key(&named(name)).unwrap().current_version, 1);
    }
    store.enable_key(&off).unwrap();
    assert_eq!(store.rotate_due(&mut |_, _| {}).unwrap().len(), 1);
}
