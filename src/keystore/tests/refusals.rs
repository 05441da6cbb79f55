//! Refusals are events, whatever refused; and a refused call costs none of its keys anything. docs/AUDIT.md, docs/KEYS.md.

use serde_json::{Value, json};

use super::support::*;
use super::trail::{events, flushed, seal};
use crate::audit::schema;
use crate::keystore::{
    ApprovalRequest, CreateGrant, CreateKey, Key, KeyPolicy, Narrowing, OpenOptions, SlotOptions, Store,
};
use crate::operation::Operation;
use crate::{Result, Status};

fn grant(owner: &Store, key: &str, operations: &[&str], uses: Option<u64>) -> String {
    let grant = CreateGrant {
        grantee_principal: "bob".into(),
        operations: operations.iter().map(ToString::to_string).collect(),
        uses,
        ..CreateGrant::default()
    };
    owner.create_grant(&named(key), &grant).unwrap().grant_id
}

fn left(owner: &Store, key: &str) -> Option<u64> {
    owner.list_grants(&named(key), &Default::default()).unwrap().grants[0].uses_left
}

/// The keys, by id, that have an event of a refused Encrypt.
fn refused(store: &Store) -> Vec<String> {
    let told = flushed(store, "Encrypt");
    let told = told.iter().filter(|event| event["errorCode"] == "AccessDeniedException");
    let mut keys: Vec<String> =
        told.map(|event| event["requestParameters"]["keyId"].as_str().unwrap().into()).collect();
    keys.sort();
    keys
}

/// Mutations seen to fail it: charges not given back in `Made::refuse`; `grants::give_back` without its write; `not_reached` left out.
#[test]
fn one_keys_refusal_gives_back_what_the_others_were_charged_and_is_told_of_all() {
    let place = Place::new();
    let owner = place.init();
    let mut ids = Vec::new();
    for (name, uses) in [("a", Some(2)), ("b", Some(1)), ("c", None)] {
        ids.push(owner.create_key(&with_alias(name)).unwrap().key_id.to_string());
        grant(&owner, name, &["Encrypt"], uses);
    }
    ids.sort();
    let bob = place.open_as("bob");
    let keys = ["a", "b", "c"].map(|name| bob.key(&named(name)).unwrap());
    let narrow = Narrowing { uses: Some(1), ..Narrowing::default() };
    let narrowed = keys[2].narrow(&narrow).unwrap();
    let all = |keys: &[&Key]| status(seal(keys, b"plain", &[]));
    // Another handle uses up b, and this one does not know: it finds out when it settles. The last key is settled first, so
    // the narrowed handle and a were charged before b refuses.
    seal(&[&place.open_as("bob").key(&named("b")).unwrap()], b"plain", &[]).unwrap();
    assert_eq!(all(&[&keys[1], &keys[0], &narrowed]), Status::AccessDenied);
    assert_eq!((left(&owner, "a"), left(&owner, "b")), (Some(2), Some(0)));
    assert_eq!(refused(&bob), ids);
    // The narrowed handle's one use is still there, and so are both of a's.
    assert_eq!(all(&[&narrowed, &keys[0]]), Status::Ok);
    assert_eq!(all(&[&keys[0]]), Status::Ok);
    assert_eq!(left(&owner, "a"), Some(0));
    assert_eq!(all(&[&keys[0]]), Status::AccessDenied);
    drop((keys, narrowed, bob));
    // Now it is known before anything is charged: a key that the call never came to is told of too.
    let bob = place.open_as("bob");
    let keys = ["a", "b", "c"].map(|name| bob.key(&named(name)).unwrap());
    assert_eq!(all(&[&keys[0]]), Status::AccessDenied);
    let third = keys[2].id().to_string();
    let of_the_third = |store: &Store| refused(store).into_iter().filter(|id| *id == third).count();
    let before = of_the_third(&bob);
    assert_eq!(all(&[&keys[0], &keys[2]]), Status::AccessDenied);
    assert_eq!(of_the_third(&bob), before + 1);
}

/// Mutation seen to fail it: `give_back_reserved` that does nothing.
#[test]
fn a_refused_call_leaves_the_limits_of_its_other_keys_as_they_were() {
    let store = Store::in_memory().unwrap();
    let policy = KeyPolicy { rotation_messages: Some(10), ..KeyPolicy::default() };
    store.create_key(&CreateKey { policy, ..with_alias("limited") }).unwrap();
    store.create_key(&with_alias("other")).unwrap();
    let [limited, other] = ["limited", "other"].map(|name| store.key(&named(name)).unwrap());
    store.disable_key(&named("other")).unwrap();
    for _ in 0..50 {
        assert_eq!(status(seal(&[&limited, &other], b"plain", &[])), Status::KeyDisabled);
    }
    // And where the refusal comes when all keys are done.
    store.enable_key(&named("other")).unwrap();
    let none = other.narrow(&Narrowing { uses: Some(1), ..Narrowing::default() }).unwrap();
    seal(&[&none], b"plain", &[]).unwrap();
    for _ in 0..50 {
        assert_eq!(status(seal(&[&limited, &none], b"plain", &[])), Status::AccessDenied);
    }
    for _ in 0..10 {
        seal(&[&limited], b"plain", &[]).unwrap();
    }
    assert_eq!(store.describe_key(&named("limited")).unwrap().current_version, 1);
    seal(&[&limited], b"plain", &[]).unwrap();
    assert_eq!(store.describe_key(&named("limited")).unwrap().current_version, 2);
}

fn told(store: &Store, name: &str, code: &str) -> Value {
    let told = events(store);
    let one = told.into_iter().rfind(|event| event["eventName"] == name && event["errorCode"] == code);
    let one = one.unwrap_or_else(|| panic!("no {name} with {code}"));
    schema::check(&one.to_string()).unwrap_or_else(|why| panic!("{why}: {one}"));
    one
}

/// Whatever refuses a call before its transaction. Mutation seen to fail it: the `refuse` of `end_grant` taken away.
#[test]
fn what_is_refused_for_its_parameters_is_an_event() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    let k = named("k");
    let long = "x".repeat(9_000);
    type Call<'a> = (&'a str, &'a dyn Fn() -> Result<()>);
    let calls: [Call<'_>; 11] = [
        ("ImportKeyMaterial", &|| store.import_wrapped_key_material(&k, b"t", b"w", None, 366).map(drop)),
        ("RetireGrant", &|| store.retire_grant(&k, "nonsense")),
        ("RevokeGrant", &|| store.revoke_grant(&k, "nonsense")),
        ("RevokeGrant", &|| store.revoke_grant(&k, &"0".repeat(32))),
        ("UpdateKeyDescription", &|| store.update_key_description(&k, &long).map(drop)),
        ("TagResource", &|| store.tag_key(&k, &[(String::new(), String::new())]).map(drop)),
        ("ScheduleKeyDeletion", &|| store.schedule_key_deletion(&k, 6).map(drop)),
        ("MarkKeyCompromised", &|| store.mark_key_compromised(&k, &long).map(drop)),
        ("UpdateKeyPolicy", &|| {
            let policy = KeyPolicy { warn_percent: Some(101), ..KeyPolicy::default() };
            store.set_key_policy(&k, &policy).map(drop)
        }),
        ("RemoveRoot", &|| store.remove_root("nonsense")),
        ("AddRoot", &|| {
            let options = SlotOptions { principal: Some(" ".into()), ..SlotOptions::default() };
            place.make_root("blank");
            store.add_root_as(&place.root("blank"), &options).map(drop)
        }),
    ];
    for (name, call) in calls {
        let before = flushed(&store, name).len();
        let error = call().unwrap_err();
        assert_eq!(flushed(&store, name).len(), before + 1, "{name}: {error}");
        let event = told(&store, name, error.status().kms_name());
        assert!(event.to_string().len() < 4_000, "{event}");
    }
}

/// Mutation seen to fail it: `open` that answers without its event.
#[test]
fn a_root_that_is_another_principals_leaves_an_event_of_that_principal() {
    let place = Place::new();
    let store = place.init();
    drop(place.join(&store, "ann", "anns"));
    let as_ben = OpenOptions { principal: Some("ben".into()), ..OpenOptions::default() };
    let opened = Store::open(&place.location(), &place.root("anns"), &as_ben);
    let error = opened.map(drop).unwrap_err();
    assert_eq!(error.status(), Status::AccessDenied);
    assert!(error.to_string().contains("ann") && error.to_string().contains("ben"), "{error}");
    let event = told(&store, "OpenStore", "AccessDeniedException");
    assert_eq!(event["userIdentity"]["principalId"], "ann");
    assert_eq!(event["userIdentity"]["verified"], true);
    assert_eq!(event["requestParameters"], json!({ "principal": "ben" }));
    assert_eq!(place.verify(), Status::Ok);
}

/// Mutation seen to fail it: `another_could` that answers true.
#[test]
fn an_approval_that_could_only_be_for_oneself_is_refused_and_says_so() {
    let place = Place::new();
    let first = place.init();
    let (ann, ben) = (place.join(&first, "ann", "anns"), place.join(&first, "ben", "bens"));
    ann.create_key(&with_alias("k")).unwrap();
    ann.create_key(&with_alias("under")).unwrap();
    let export = ApprovalRequest {
        operation: Operation::ExportKey,
        request: json!({ "keyId": "k", "wrappingKeyId": "under" }).as_object().unwrap().clone(),
        seconds: 0,
    };
    // Nobody but ann may export ann's key.
    let error = ann.approve(&export).unwrap_err();
    assert_eq!(error.status(), Status::AccessDenied);
    assert!(error.to_string().contains("does not count for whoever gave it"), "{error}");
    told(&ann, "Approve", "AccessDeniedException");
    grant(&ann, "k", &["ExportKey"], None);
    ann.approve(&export).unwrap();
    drop(ben);
}
