//! Dual control: an approval is for one thing, once, by another. docs/KEYS.md, "Dual control".

use serde_json::{Map, Value, json};

use super::support::*;
use crate::Status;
use crate::keystore::backend::Table;
use crate::keystore::failpoint::set_clock_ahead;
use crate::keystore::{ApprovalRequest, SlotOptions, Store, StoreSettings};
use crate::operation::Operation;

/// A store of two administrators, each with a root of its own: the one who makes keys, and the one who approves.
struct Two {
    place: Place,
    ann: Store,
    ben: Store,
}

fn two(dual_control: &[&str]) -> Two {
    let place = Place::new();
    let first = place.init();
    let (ann, ben) = (place.join(&first, "ann", "anns"), place.join(&first, "ben", "bens"));
    first.update_settings(&settings(dual_control)).unwrap();
    for name in ["k", "other"] {
        ann.create_key(&with_alias(name)).unwrap();
    }
    Two { place, ann, ben }
}

fn settings(dual_control: &[&str]) -> StoreSettings {
    StoreSettings {
        dual_control: dual_control.iter().map(ToString::to_string).collect(),
        approval_seconds: 600,
        administrators: vec!["ann".into(), "ben".into()],
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn deletion(key: &str, days: u32) -> ApprovalRequest {
    ApprovalRequest {
        operation: Operation::ScheduleKeyDeletion,
        request: object(json!({ "keyId": key, "pendingWindowInDays": days })),
        seconds: 0,
    }
}

fn delete(store: &Store, key: &str, days: u32) -> Status {
    status(store.schedule_key_deletion(&named(key), days))
}

/// T-44. Mutations seen to fail it: the parameters left out of the digest; the key left out; `consume` that does not remove
/// what it used; the time not compared; the principals not compared.
#[test]
fn an_approval_is_for_one_key_and_one_set_of_parameters_once_and_by_another() {
    let Two { place, ann, ben } = two(&["ScheduleKeyDeletion"]);
    assert_eq!(delete(&ann, "k", 7), Status::ApprovalRequired);
    // The same person approves and does it.
    ann.approve(&deletion("k", 7)).unwrap();
    assert_eq!(delete(&ann, "k", 7), Status::ApprovalRequired);
    // For another key, and with other parameters.
    ben.approve(&deletion("k", 7)).unwrap();
    assert_eq!(delete(&ann, "other", 7), Status::ApprovalRequired);
    assert_eq!(delete(&ann, "k", 8), Status::ApprovalRequired);
    // Too late.
    set_clock_ahead(601);
    assert_eq!(delete(&ann, "k", 7), Status::ApprovalRequired);
    set_clock_ahead(0);
    // By a key's other name it is the same key, whatever leads there when it is used.
    let id = ann.describe_key(&named("k")).unwrap().key_id.to_string();
    ann.create_alias(&alias("second"), &named("k")).unwrap();
    ben.approve(&deletion("second", 9)).unwrap();
    ann.move_alias(&alias("second"), &named("other")).unwrap();
    assert_eq!(delete(&ann, "second", 9), Status::ApprovalRequired);
    assert_eq!(delete(&ann, &id, 9), Status::Ok);
    // Once.
    ann.cancel_key_deletion(&named("k")).unwrap();
    assert_eq!(delete(&ann, "k", 9), Status::ApprovalRequired);
    drop((ann, ben));
    assert_eq!(place.verify(), Status::Ok);
}

/// One person under two names, two slots, or none. Mutation seen to fail it: `verified` not asked of either side.
#[test]
fn only_principals_whom_a_root_slot_names_count() {
    let Two { place, ann, ben } = two(&["ScheduleKeyDeletion"]);
    // Names that the caller gave itself.
    let says_ben = place.open_as("ben");
    assert_eq!(status(says_ben.approve(&deletion("k", 7))), Status::AccessDenied);
    ben.approve(&deletion("k", 7)).unwrap();
    let says_ann = place.open_as("ann");
    assert_eq!(delete(&says_ann, "k", 7), Status::AccessDenied);
    // A second slot of the same person, which needs an approval of its own because it could bear any name.
    place.make_root("anns second");
    let own = SlotOptions { principal: Some("ann".into()), ..SlotOptions::default() };
    let root = place.root("anns second");
    assert_eq!(status(ann.add_root_as(&root, &own)), Status::ApprovalRequired);
    assert_eq!(status(ann.add_root_as(&root, &SlotOptions::default())), Status::ApprovalRequired);
    ben.withdraw_approval(&ben.list_approvals().unwrap()[0].approval_id).unwrap();
    ann.approve(&deletion("k", 7)).unwrap();
    assert_eq!(delete(&place.open_through("anns"), "k", 7), Status::ApprovalRequired);
    assert_eq!(delete(&ben, "k", 7), Status::Ok);
}

#[test]
fn whoever_approves_manages_the_key_or_the_store() {
    let place = Place::new();
    let first = place.init();
    let (ann, carl) = (place.join(&first, "ann", "anns"), place.join(&first, "carl", "carls"));
    ann.create_key(&with_alias("k")).unwrap();
    carl.create_key(&with_alias("carls")).unwrap();
    first.update_settings(&settings(&["ScheduleKeyDeletion"])).unwrap();
    assert_eq!(status(carl.approve(&deletion("k", 7))), Status::AccessDenied);
    carl.approve(&deletion("carls", 7)).unwrap();
    assert_eq!(delete(&ann, "carls", 7), Status::Ok);
    let never = ApprovalRequest { operation: Operation::DisableKey, ..deletion("k", 7) };
    assert_eq!(status(ann.approve(&never)), Status::InvalidArgument);
    let long = ApprovalRequest { seconds: 601, ..deletion("k", 7) };
    assert_eq!(status(ann.approve(&long)), Status::InvalidArgument);
    let nameless =
        ApprovalRequest { request: object(json!({ "pendingWindowInDays": 7 })), ..deletion("k", 7) };
    assert_eq!(status(ann.approve(&nameless)), Status::InvalidArgument);
}

/// Mutation seen to fail it: `is_lowered_by` that answers no.
#[test]
fn dual_control_is_not_lowered_by_one() {
    let Two { place: _place, ann, ben } = two(&["ScheduleKeyDeletion"]);
    let lower = [
        settings(&[]),
        StoreSettings { approval_seconds: 601, ..settings(&["ScheduleKeyDeletion"]) },
        StoreSettings {
            administrators: vec!["ann".into(), "eve".into()],
            ..settings(&["ScheduleKeyDeletion"])
        },
    ];
    for lower in &lower {
        assert_eq!(status(ann.update_settings(lower)), Status::ApprovalRequired, "{lower:?}");
    }
    // Raising it is one's own.
    let more = settings(&["ExportKey", "ScheduleKeyDeletion"]);
    assert_eq!(ann.update_settings(&more).unwrap(), more);
    assert_eq!(ann.settings().unwrap(), more);
    assert_eq!(status(ann.export_key(&named("k"), &named("other"))), Status::ApprovalRequired);
    let none = settings(&[]);
    ben.approve(&ApprovalRequest {
        operation: Operation::UpdateStoreSettings,
        request: object(json!({ "settings": {
            "administrators": ["ann", "ben"], "approval_seconds": 600, "dual_control": [],
        } })),
        seconds: 0,
    })
    .unwrap();
    assert_eq!(ann.update_settings(&none).unwrap(), none);
    ann.export_key(&named("k"), &named("other")).unwrap();
    for bad in [
        StoreSettings { administrators: vec!["ann".into()], ..settings(&["ExportKey"]) },
        StoreSettings { administrators: vec![], ..settings(&[]) },
        StoreSettings { approval_seconds: 604_801, ..settings(&[]) },
        settings(&["DisableKey"]),
    ] {
        assert_eq!(status(ann.update_settings(&bad)), Status::InvalidArgument, "{bad:?}");
    }
}

/// A used approval cannot be put back. Mutation seen to fail it: the row not named by the manifest.
#[test]
fn an_older_row_of_approvals_is_refused() {
    let Two { place, ann, ben } = two(&["ScheduleKeyDeletion"]);
    ben.approve(&deletion("k", 7)).unwrap();
    let [approval] = &ann.list_approvals().unwrap()[..] else { panic!() };
    assert_eq!((approval.principal.as_str(), approval.operation.as_str()), ("ben", "ScheduleKeyDeletion"));
    drop(ben);
    drop(ann);
    let before = place.dump();
    let ann = place.open_through("anns");
    assert_eq!(delete(&ann, "k", 7), Status::Ok);
    drop(ann);
    let (at, cells) = before.iter().find(|((table, _), _)| *table == Table::Approvals).unwrap();
    place.put(at, Some(cells));
    let ann = place.open_through("anns");
    assert_eq!(delete(&ann, "k", 7), Status::StoreIntegrity);
    drop(ann);
    assert_eq!(place.verify(), Status::StoreIntegrity);
}
