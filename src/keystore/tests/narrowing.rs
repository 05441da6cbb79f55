//! Narrowed handles. docs/KEYS.md, "Narrowed handles".

use std::sync::atomic::{AtomicU32, Ordering};

use super::support::*;
use crate::Status;
use crate::context::Context;
use crate::keystore::failpoint::set_clock_ahead;
use crate::keystore::{CreateGrant, Key, Narrowing, Store};
use crate::operation::Operation::{self, *};

fn key() -> (Store, Key) {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    (store, key)
}

fn to(operations: &[Operation]) -> Narrowing {
    Narrowing { operations: operations.to_vec(), ..Narrowing::default() }
}

fn pairs(list: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
    Some(list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

/// T-45. Mutations seen to fail it: operations joined instead of intersected; a narrowing that forgets the conditions before
/// it.
#[test]
fn narrowing_composes_and_cannot_be_undone() {
    let (_store, key) = key();
    let seals = key.narrow(&to(&[Encrypt, GenerateDataKey])).unwrap();
    assert_eq!(use_key(&seals, Encrypt, &[]), Ok(()));
    assert_eq!(status(use_key(&seals, Decrypt, &[])), Status::AccessDenied);
    let again = seals.narrow(&to(&[Encrypt, Decrypt])).unwrap().clone();
    assert_eq!(use_key(&again, Encrypt, &[]), Ok(()));
    assert_eq!(status(use_key(&again, Decrypt, &[])), Status::AccessDenied);
    assert_eq!(status(use_key(&again, GenerateDataKey, &[])), Status::AccessDenied);
    let all = again.narrow(&Narrowing::default()).unwrap();
    assert_eq!(status(use_key(&all, Decrypt, &[])), Status::AccessDenied);
    let tenant = key.narrow(&Narrowing { context_subset: pairs(&[("t", "a")]), ..to(&[]) }).unwrap();
    let other = tenant.narrow(&Narrowing { context_subset: pairs(&[("r", "1")]), ..to(&[]) }).unwrap();
    assert_eq!(use_key(&other, Encrypt, &[("r", "1"), ("t", "a")]), Ok(()));
    assert_eq!(status(use_key(&other, Encrypt, &[("r", "1")])), Status::AccessDenied);
    let exactly = tenant.narrow(&Narrowing { context_equals: pairs(&[("t", "b")]), ..to(&[]) }).unwrap();
    assert_eq!(status(use_key(&exactly, Encrypt, &[("t", "b")])), Status::AccessDenied);
    assert!(!key.is_narrowed() && exactly.clone().is_narrowed());
    assert_eq!(use_key(&key, Decrypt, &[]), Ok(()));
    assert_eq!(status(key.narrow(&to(&[DisableKey]))), Status::InvalidArgument);
}

/// Mutation seen to fail it: a load and a store for the exchange in `spend`.
#[test]
fn a_number_of_uses_is_exact_over_threads_and_shared_by_what_it_was_narrowed_to() {
    let (_store, key) = key();
    let ten = key.narrow(&Narrowing { uses: Some(1_000), ..to(&[]) }).unwrap();
    let done = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for at in 0..8 {
            let (ten, done) = (&ten, &done);
            scope.spawn(move || {
                let own = match at % 2 {
                    0 => ten.clone(),
                    _ => ten.narrow(&Narrowing { uses: Some(10_000), ..to(&[]) }).unwrap(),
                };
                for _ in 0..200 {
                    done.fetch_add(u32::from(use_key(&own, Encrypt, &[]).is_ok()), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), 1_000);
    assert_eq!(status(use_key(&ten, Encrypt, &[])), Status::AccessDenied);
    // A child's own end does not take from its parent.
    let two = key.narrow(&Narrowing { uses: Some(2), ..to(&[]) }).unwrap();
    let none = two.narrow(&Narrowing { uses: Some(0), ..to(&[]) }).unwrap();
    assert_eq!(status(use_key(&none, Encrypt, &[])), Status::AccessDenied);
    assert_eq!(status(use_key(&two, Decrypt, &[])), Status::Ok);
    assert_eq!(status(use_key(&two, Decrypt, &[])), Status::Ok);
    assert_eq!(status(use_key(&two, Decrypt, &[])), Status::AccessDenied);
}

#[test]
fn a_narrowed_handle_ends_at_its_time_and_a_longer_one_does_not_put_it_off() {
    let (_store, key) = key();
    let minute = key.narrow(&Narrowing { millis: Some(60_000), ..to(&[]) }).unwrap();
    let longer = minute.narrow(&Narrowing { millis: Some(600_000), ..to(&[]) }).unwrap();
    let over = minute.narrow(&Narrowing { millis: Some(0), ..to(&[]) }).unwrap();
    assert_eq!(use_key(&longer, Encrypt, &[]), Ok(()));
    assert_eq!(status(use_key(&over, Encrypt, &[])), Status::AccessDenied);
    set_clock_ahead(61);
    assert_eq!(status(use_key(&longer, Encrypt, &[])), Status::AccessDenied);
    set_clock_ahead(0);
}

/// T-45, T-46: what a narrowed handle may not do it may not try out either; and its owner's loss is its own.
#[test]
fn a_narrowed_handle_answers_for_what_it_may_and_follows_its_key() {
    let place = Place::new();
    let owner = place.init();
    owner.create_key(&with_alias("k")).unwrap();
    let bobs = CreateGrant {
        grantee_principal: "bob".into(),
        operations: vec!["Encrypt".into(), "Explain".into()],
        ..CreateGrant::default()
    };
    let grant = owner.create_grant(&named("k"), &bobs).unwrap();
    let bob = place.open_as("bob");
    let key = bob.key(&named("k")).unwrap();
    let narrow = key.narrow(&to(&[Encrypt, Decrypt])).unwrap();
    assert_eq!(narrow.dry_run(Encrypt, &Context::EMPTY), Ok(()));
    // Narrowing gives nothing that the grant does not.
    for refused in [Decrypt, Explain, ExportKey, DescribeKey, DisableKey] {
        assert_eq!(status(narrow.dry_run(refused, &Context::EMPTY)), Status::AccessDenied, "{refused}");
    }
    assert_eq!(key.dry_run(Explain, &Context::EMPTY), Ok(()));
    assert_eq!(key.dry_run(DescribeKey, &Context::EMPTY), Ok(()));
    owner.revoke_grant(&named("k"), &grant.grant_id).unwrap();
    assert_eq!(status(use_key(&narrow, Encrypt, &[])), Status::AccessDenied);
    owner.disable_key(&named("k")).unwrap();
    let own = owner.key(&named("k")).unwrap().narrow(&to(&[Encrypt])).unwrap();
    assert_eq!(status(use_key(&own, Encrypt, &[])), Status::KeyDisabled);
    assert_eq!(status(owner.dry_run(Encrypt, &named("k"), &Context::EMPTY)), Status::KeyDisabled);
    assert_eq!(owner.dry_run(EnableKey, &named("k"), &Context::EMPTY), Ok(()));
    assert_eq!(status(bob.dry_run(EnableKey, &named("k"), &Context::EMPTY)), Status::AccessDenied);
    assert_eq!(status(bob.dry_run(EnableKey, &named("none"), &Context::EMPTY)), Status::KeyNotFound);
}
