//! States on the data path and in management calls; what else stands with a key.

use super::super::support::{Place, alias, named, status, with_alias};
use super::{Clock, DAYS, by_period, decrypt, encrypt, events, recovery, with_policy};
use crate::envelope::Allowed;
use crate::error::{Error, Status};
use crate::keystore::states::{Answer, answer};
use crate::keystore::{
    CreateKey, Key, KeyName, KeyPolicy, KeySpec, KeyState, OpenOptions, PageRequest, Store, VersionState,
    Wish,
};
use crate::operation::{Kind, Operation};

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
