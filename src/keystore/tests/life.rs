//! A key's life over a file: states on the data path, rotation, cryptoperiods, deletion, the clock. `docs/KEYS.md`.

use std::fs;

use super::support::{Place, alias, named, status, with_alias};
use crate::context::Context;
use crate::envelope::{Allowed, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, encrypt_into};
use crate::error::{Error, Result, Status};
use crate::keystore::clock::{DAY, LEAP};
use crate::keystore::failpoint::set_clock_ahead;
use crate::keystore::states::{Answer, answer};
use crate::keystore::{
    CreateKey, Key, KeyId, KeyName, KeyPolicy, KeySpec, KeyState, Named, OpenOptions, PageRequest,
    RotationType, Store, VersionState, Wish,
};
use crate::operation::{Kind, Operation};

const DAYS: i64 = DAY as i64;

/// Sets this thread's clock, and sets it right again when the test ends in whatever way.
struct Clock;

impl Clock {
    fn ahead(&self, seconds: i64) {
        set_clock_ahead(seconds);
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        set_clock_ahead(0);
    }
}

fn encrypt(key: &Key) -> Result<Vec<u8>> {
    let mut out = vec![0; 300];
    let options = EncryptOptions::default();
    let size = encrypt_into(&[key], b"data", &Context::EMPTY, &StoredContext::None, &options, &mut out)?;
    out.truncate(size);
    Ok(out)
}

fn decrypt(allowed: Allowed<'_>, envelope: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; 300];
    let opened = decrypt_into(allowed, envelope, &Context::EMPTY, &DecryptOptions::default(), &mut out)?;
    let _ = opened;
    Ok(out)
}

fn with_policy(name: &str, policy: KeyPolicy) -> CreateKey {
    CreateKey { alias: Some(alias(name)), policy, ..CreateKey::default() }
}

fn by_period(days: u32) -> KeyPolicy {
    KeyPolicy { rotation_period_days: Some(days), ..KeyPolicy::default() }
}

fn recovery() -> OpenOptions {
    OpenOptions { recovery: true, ..OpenOptions::default() }
}

fn sealing_version(key: &Key) -> Result<u32> {
    key.view(&Wish::without_context(Operation::Encrypt), |view| Ok(view.current()?.version))
}

/// A key in this state, and a handle that was opened before it came there, where there can be one.
fn key_in(place: &Place, store: &Store, state: KeyState, clock: &Clock) -> (KeyName, Option<Key>) {
    let external = state == KeyState::PendingImport;
    let made = store.create_key(&CreateKey { external, ..CreateKey::default() }).unwrap();
    let name = KeyName::Id(made.key_id);
    let key = store.key(&name).ok();
    match state {
        KeyState::Enabled | KeyState::PendingImport => {}
        KeyState::Disabled => drop(store.disable_key(&name).unwrap()),
        KeyState::PendingDeletion => drop(store.schedule_key_deletion(&name, 7).unwrap()),
        KeyState::Compromised => drop(store.mark_key_compromised(&name, "seen elsewhere").unwrap()),
        KeyState::Destroyed => {
            store.schedule_key_deletion(&name, 7).unwrap();
            clock.ahead(8 * DAYS);
            assert!(store.destroy_due().unwrap().destroyed.is_empty());
            clock.ahead(9 * DAYS);
            let gone = place.open().unwrap().destroy_due().unwrap().destroyed;
            assert!(gone.iter().any(|gone| gone.key_id == name.to_string() && gone.scrubbed));
            clock.ahead(0);
        }
    }
    assert_eq!(store.describe_key(&name).unwrap().key_state, state);
    (name, key)
}

fn expected(answer: Answer, recovery: bool) -> Status {
    match answer {
        Answer::Yes | Answer::Any => Status::Ok,
        Answer::Recovery if recovery => Status::Ok,
        Answer::Recovery | Answer::State => Status::InvalidKeyState,
        Answer::Disabled => Status::KeyDisabled,
        Answer::Destroyed => Status::KeyDestroyed,
        Answer::Unsupported => Status::UnsupportedOperation,
    }
}

/// Mutation seen to fail it: `permit_state` of the handle that permits all.
#[test]
fn handles_and_calls_answer_what_the_table_says() {
    let clock = Clock;
    let place = Place::new();
    let store = place.init();
    for &state in KeyState::ALL {
        let (name, key) = key_in(&place, &store, state, &clock);
        for open in [OpenOptions::default(), recovery()] {
            let elsewhere = place.open_with(&open).unwrap();
            let fresh = match state {
                KeyState::Destroyed => {
                    assert_eq!(status(elsewhere.key(&name)), Status::KeyDestroyed);
                    None
                }
                _ => Some(elsewhere.key(&name).unwrap()),
            };
            let before = key.as_ref().filter(|_| !open.recovery);
            for &operation in Operation::ALL.iter().filter(|operation| operation.kind() == Kind::Use) {
                for key in before.into_iter().chain(&fresh) {
                    let found = status(key.view(&Wish::without_context(operation), |_| Ok(())));
                    let expected = expected(answer(operation, state), open.recovery);
                    assert_eq!(found, expected, "{operation} in {state}, recovery {}", open.recovery);
                }
            }
        }
        type Call = fn(&Store, &KeyName) -> Status;
        let calls: [(Operation, Call); 13] = [
            (Operation::DescribeKey, |s, k| status(s.describe_key(k))),
            (Operation::GetKeyRotationStatus, |s, k| status(s.key_rotation_status(k))),
            (Operation::ListKeyRotations, |s, k| status(s.list_key_rotations(k, &PageRequest::default()))),
            (Operation::UpdateKeyDescription, |s, k| status(s.update_key_description(k, "d"))),
            (Operation::UpdateKeyPolicy, |s, k| status(s.set_key_policy(k, &KeyPolicy::default()))),
            (Operation::TagResource, |s, k| status(s.tag_key(k, &[("a".into(), "b".into())]))),
            (Operation::UntagResource, |s, k| status(s.untag_key(k, &["a".into()]))),
            (Operation::CreateAlias, |s, k| {
                let made = status(s.create_alias(&alias("passing"), k));
                if made == Status::Ok {
                    s.delete_alias(&alias("passing")).unwrap();
                }
                made
            }),
            (Operation::RotateKeyOnDemand, |s, k| status(s.rotate_key(k))),
            // The last ones change the state, and are put back below.
            (Operation::CancelKeyDeletion, |s, k| status(s.cancel_key_deletion(k))),
            (Operation::DisableKey, |s, k| status(s.disable_key(k))),
            (Operation::EnableKey, |s, k| status(s.enable_key(k))),
            (Operation::ScheduleKeyDeletion, |s, k| status(s.schedule_key_deletion(k, 7))),
        ];
        for (operation, call) in calls {
            let now = store.describe_key(&name).unwrap().key_state;
            let expected = expected(answer(operation, now), false);
            assert_eq!(call(&store, &name), expected, "{operation} in {now}");
        }
    }
    assert_eq!(place.verify(), Status::Ok);
}

/// Mutation seen to fail it: a cancelled deletion that always leads to Disabled.
#[test]
fn a_key_returns_from_its_waiting_period_as_what_it_was() {
    let clock = Clock;
    let place = Place::new();
    let store = place.init();
    for (before, after) in [
        (KeyState::Enabled, KeyState::Disabled),
        (KeyState::Disabled, KeyState::Disabled),
        (KeyState::PendingImport, KeyState::PendingImport),
        (KeyState::Compromised, KeyState::Compromised),
    ] {
        let (name, _) = key_in(&place, &store, before, &clock);
        let waiting = store.schedule_key_deletion(&name, 0).unwrap();
        assert_eq!(waiting.key_state, KeyState::PendingDeletion);
        assert!(waiting.deletion_date.is_some());
        let back = store.cancel_key_deletion(&name).unwrap();
        assert_eq!((back.key_state, back.deletion_date), (after, None), "from {before}");
    }
    for days in [1, 6, 31, 365] {
        assert_eq!(status(store.schedule_key_deletion(&named("k"), days)), Status::InvalidArgument);
    }
}

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

/// Mutations seen to fail it: `Why::Compromised` for recovery too; `permit_state` that permits all.
#[test]
fn a_compromised_key_seals_nothing_and_opens_only_for_recovery() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let envelope = encrypt(&key).unwrap();
    for _ in 0..70 {
        store.rotate_key(&named("k")).unwrap();
    }
    let marked = store.mark_key_compromised(&named("k"), "a laptop was stolen").unwrap();
    assert_eq!(marked.state_reason.as_deref(), Some("a laptop was stolen"));
    assert!(marked.versions.iter().all(|version| version.state == VersionState::Compromised));
    assert_eq!(store.mark_key_compromised(&named("k"), "again").unwrap().revision, marked.revision);
    assert_eq!(key.held(), 0);
    assert_eq!(status(encrypt(&key)), Status::InvalidKeyState);
    assert_eq!(status(decrypt(Allowed::Keys(&[&key]), &envelope)), Status::InvalidKeyState);
    assert_eq!(status(store.enable_key(&named("k"))), Status::InvalidKeyState);
    let rescue = place.open_with(&recovery()).unwrap().key(&named("k")).unwrap();
    let before = events(rescue.store(), "Decrypt");
    for _ in 0..2 {
        assert_eq!(decrypt(Allowed::Keys(&[&rescue]), &envelope).unwrap()[..4], *b"data");
    }
    assert_eq!(events(rescue.store(), "Decrypt"), before + 2, "one event for each use");
    assert_eq!(status(encrypt(&rescue)), Status::InvalidKeyState);
    assert_eq!(place.verify(), Status::Ok);
}

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
            later.delete_imported_key_material(&id)
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

/// Events of this name in the trail.
fn events(store: &Store, name: &str) -> usize {
    store.flush_trail().unwrap();
    let filter = crate::audit::Filter { event_name: Some(name.into()), ..Default::default() };
    store.tail_trail(&filter, 1_000).unwrap().events.len()
}

fn stepped(store: &Store) -> bool {
    store.inner.read(|snapshot| Ok(snapshot.manifest.write().contains("clock_stepped"))).unwrap()
}

/// T-114. Mutation seen to fail it: `at` that believes any clock.
#[test]
fn no_clock_destroys_early_or_rotates_twice() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    store.create_key(&with_policy("k", by_period(90))).unwrap();
    store.create_key(&with_alias("doomed")).unwrap();
    store.schedule_key_deletion(&named("doomed"), 30).unwrap();
    let ten_years = 3_650 * DAYS;
    assert!(ten_years > LEAP as i64);
    let versions = |store: &Store| store.describe_key(&named("k")).unwrap().versions.len();
    for (ahead, steps) in
        [(-1, false), (-ten_years, true), (ten_years, true), (i64::MAX, true), (i64::MIN, true), (0, false)]
    {
        clock.ahead(ahead);
        for _ in 0..2 {
            let store = place.open().unwrap();
            assert!(store.destroy_due().unwrap().destroyed.is_empty(), "{ahead}");
            assert!(store.rotate_due(&mut |_, _| {}).unwrap().is_empty(), "{ahead}");
            encrypt(&store.key(&named("k")).unwrap()).unwrap();
            store.create_key(&CreateKey::default()).unwrap();
            assert_eq!(stepped(&store), steps, "{ahead}");
        }
        assert_eq!(versions(&store), 1);
        assert_eq!(store.describe_key(&named("doomed")).unwrap().key_state, KeyState::PendingDeletion);
    }
    clock.ahead(91 * DAYS);
    for _ in 0..2 {
        let store = place.open().unwrap();
        encrypt(&store.key(&named("k")).unwrap()).unwrap();
        store.rotate_due(&mut |_, _| {}).unwrap();
    }
    assert_eq!((versions(&store), events(&store, "RotateKey")), (2, 1));
    // Back again: the time that was seen counts, and nothing comes due twice.
    clock.ahead(0);
    encrypt(&place.open().unwrap().key(&named("k")).unwrap()).unwrap();
    assert!(place.open().unwrap().rotate_due(&mut |_, _| {}).unwrap().is_empty());
    assert_eq!(versions(&store), 2);
}

/// Mutation seen to fail it: `advance` that takes each change of a step for a new one.
#[test]
fn a_step_of_the_clock_is_remembered_once_and_a_leap_believed_when_it_lasts() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    let high = |store: &Store| store.inner.read(|snapshot| Ok(snapshot.manifest.time())).unwrap();
    let found = |store: &Store| {
        store.inner.read(|snapshot| Ok(snapshot.manifest.finds_step(store.inner.opening).is_some())).unwrap()
    };
    let before = high(&store);
    clock.ahead(3_650 * DAYS);
    assert!(found(&store));
    store.create_key(&with_alias("a")).unwrap();
    for _ in 0..3 {
        let again = place.open().unwrap();
        assert!(!found(&again) && !found(&store), "one event for the step");
        again.create_key(&CreateKey::default()).unwrap();
        assert!(high(&again) < crate::keystore::time::Time(before.0 + DAY));
    }
    clock.ahead(3_651 * DAYS);
    store.create_key(&CreateKey::default()).unwrap();
    assert!(high(&store) < crate::keystore::time::Time(before.0 + DAY), "the same opening does not confirm");
    assert_eq!(events(&store, "ClockStepped"), 1);
    place.open().unwrap().create_key(&CreateKey::default()).unwrap();
    assert!(high(&store) > crate::keystore::time::Time(before.0 + 3_600 * DAY), "another does");
    assert!(!stepped(&store));
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

#[test]
fn descriptions_tags_and_policies_are_kept_within_their_limits() {
    let place = Place::new();
    let store = place.init();
    let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = CreateKey {
        description: "cards".into(),
        tags: vec![tag("team", "payments"), tag("pci", "")],
        ..with_policy("k", by_period(365))
    };
    let made = store.create_key(&request).unwrap();
    assert_eq!((made.description.as_str(), made.tags.len()), ("cards", 2));
    assert!(made.next_rotation.is_some());
    let name = named("k");
    assert_eq!(store.update_key_description(&name, "PANs").unwrap().description, "PANs");
    assert_eq!(status(store.update_key_description(&name, &"x".repeat(8_193))), Status::TooLarge);
    assert_eq!(status(store.update_key_description(&name, "\u{1b}[2J")), Status::InvalidArgument);
    let tagged = store.tag_key(&name, &[tag("team", "cards"), tag("\u{fc}", &"\u{fc}".repeat(256))]).unwrap();
    assert_eq!((tagged.tags.len(), tagged.tags["team"].as_str()), (3, "cards"));
    for bad in [
        vec![tag("", "a")],
        vec![tag(&"x".repeat(129), "a")],
        vec![tag("a", &"x".repeat(257))],
        vec![tag("a\n", "a")],
        vec![tag("a", "1"), tag("a", "2")],
    ] {
        assert_eq!(status(store.tag_key(&name, &bad)), Status::InvalidArgument);
        assert_eq!(
            status(store.create_key(&CreateKey { tags: bad, ..CreateKey::default() })),
            Status::InvalidArgument
        );
    }
    let many: Vec<_> = (0..47).map(|i| tag(&format!("t{i}"), "")).collect();
    assert_eq!(store.tag_key(&name, &many).unwrap().tags.len(), 50);
    assert_eq!(status(store.tag_key(&name, &[tag("one more", "")])), Status::LimitExceeded);
    assert_eq!(store.untag_key(&name, &["team".into(), "nothing".into()]).unwrap().tags.len(), 49);
    let bad = KeyPolicy { rotation_period_days: Some(89), ..KeyPolicy::default() };
    assert!(matches!(
        store.set_key_policy(&name, &bad),
        Err(Error::InvalidField { field, .. }) if &*field == "rotation_period_days"
    ));
    assert_eq!(status(store.create_key(&with_policy("bad", bad))), Status::InvalidArgument);
    let off = store.set_key_policy(&name, &KeyPolicy::default()).unwrap();
    assert_eq!((off.next_rotation, off.policy), (None, KeyPolicy::default()));
    let external = CreateKey { external: true, ..with_policy("e", by_period(90)) };
    assert_eq!(status(store.create_key(&external)), Status::UnsupportedOperation);
    let sealing = CreateKey { external: true, spec: KeySpec::X25519, ..CreateKey::default() };
    assert_eq!(status(store.create_key(&sealing)), Status::UnsupportedOperation);
    assert_eq!(place.verify(), Status::Ok);
}
