//! Handles kept by alias: found without a look at the store's rows, and never where the alias leads elsewhere by now.

use std::thread::sleep;
use std::time::Duration;

use super::support::*;
use crate::Status;
use crate::keystore::failpoint::set_clock_ahead;
use crate::keystore::{CreateGrant, KeyId, KeyName, Narrowing, OpenOptions, Store, materials_opened};
use crate::operation::Operation::{Decrypt, Encrypt};

const DAYS: i64 = 86_400;

fn leads_to(store: &Store, alias: &str) -> Result<KeyId, Status> {
    store.key(&named(alias)).map(|key| key.id()).map_err(|error| error.status())
}

/// Two keys, of which `a` goes by `moving` too; their ids.
fn two_keys(store: &Store) -> [KeyId; 2] {
    let ids = ["a", "b"].map(|name| store.create_key(&with_alias(name)).unwrap().key_id);
    store.create_alias(&alias("moving"), &named("a")).unwrap();
    ids
}

fn looking_each(refresh: Duration) -> OpenOptions {
    OpenOptions { refresh, ..OpenOptions::default() }
}

/// Mutations seen to fail it: `by_alias` that answers None; a generation that is not compared.
#[test]
fn an_alias_is_looked_up_once_a_generation_and_a_move_by_this_process_is_seen_at_once() {
    let place = Place::new();
    drop(place.init());
    let store = place.open_with(&looking_each(Duration::from_secs(3_600))).unwrap();
    let [a, b] = two_keys(&store);
    assert_eq!(leads_to(&store, "moving"), Ok(a));
    let reads = store.inner.reads();
    for _ in 0..3 {
        assert_eq!(leads_to(&store, "moving"), Ok(a));
    }
    assert_eq!(store.inner.reads(), reads, "no row was read");
    store.move_alias(&alias("moving"), &named("b")).unwrap();
    assert_eq!(leads_to(&store, "moving"), Ok(b));
    // Through another handle on the store, of another principal.
    let bob = place.open_as("bob");
    assert_eq!(leads_to(&bob, "moving"), Ok(b));
    store.move_alias(&alias("moving"), &named("a")).unwrap();
    assert_eq!((leads_to(&bob, "moving"), leads_to(&store, "moving")), (Ok(a), Ok(a)));
    store.delete_alias(&alias("moving")).unwrap();
    for store in [&store, &bob] {
        assert_eq!(leads_to(store, "moving"), Err(Status::KeyNotFound));
        assert_eq!(leads_to(store, "moving"), Err(Status::KeyNotFound));
    }
    store.create_alias(&alias("moving"), &named("b")).unwrap();
    assert_eq!(leads_to(&store, "moving"), Ok(b));
}

/// Mutation seen to fail it: `kept_by_alias` without a look.
#[test]
fn a_move_by_another_process_is_seen_within_the_refresh_interval() {
    let place = Place::new();
    drop(place.init());
    let refresh = Duration::from_millis(40);
    let store = place.open_with(&looking_each(refresh)).unwrap();
    let rare = place.open_with(&looking_each(Duration::from_secs(3_600))).unwrap();
    let [a, b] = two_keys(&store);
    assert_eq!((leads_to(&store, "moving"), leads_to(&rare, "moving")), (Ok(a), Ok(a)));
    place.elsewhere("move", "moving b");
    assert_eq!(leads_to(&rare, "moving"), Ok(a), "it did not look, and nobody told it");
    sleep(refresh * 2);
    assert_eq!(leads_to(&store, "moving"), Ok(b));
    // What one handle of this process saw the others know.
    assert_eq!(leads_to(&rare, "moving"), Ok(b));
    place.elsewhere("delete alias", "moving");
    sleep(refresh * 2);
    assert_eq!(leads_to(&store, "moving"), Err(Status::KeyNotFound));
}

/// Mutation seen to fail it: a generation that is not compared.
#[test]
fn a_key_that_was_destroyed_is_not_found_by_an_alias_that_was_kept() {
    struct Clock;
    impl Drop for Clock {
        fn drop(&mut self) {
            set_clock_ahead(0);
        }
    }
    let _clock = Clock;
    let place = Place::new();
    let store = place.init();
    let [a, _] = two_keys(&store);
    let held = store.key(&named("moving")).unwrap();
    store.schedule_key_deletion(&KeyName::Id(a), 7).unwrap();
    assert_eq!(leads_to(&store, "moving"), Ok(a));
    assert_eq!(status(use_key(&store.key(&named("moving")).unwrap(), Encrypt, &[])), Status::InvalidKeyState);
    set_clock_ahead(8 * DAYS);
    assert!(store.destroy_due().unwrap().destroyed.is_empty());
    set_clock_ahead(9 * DAYS);
    assert_eq!(place.open().unwrap().destroy_due().unwrap().destroyed.len(), 1);
    assert_eq!(leads_to(&store, "moving"), Err(Status::KeyNotFound));
    assert_eq!(status(store.key(&KeyName::Id(a))), Status::KeyDestroyed);
    assert_eq!(status(use_key(&held, Encrypt, &[])), Status::KeyDestroyed);
}

/// Mutation seen to fail it: a narrowing kept with the alias.
#[test]
fn a_handle_found_by_a_kept_alias_obeys_grants_and_narrowings_as_any_other() {
    let place = Place::new();
    let owner = place.init();
    two_keys(&owner);
    let bob = place.open_as("bob");
    let grant = CreateGrant {
        grantee_principal: "bob".into(),
        operations: vec!["Encrypt".into()],
        ..CreateGrant::default()
    };
    assert_eq!(status(use_key(&bob.key(&named("moving")).unwrap(), Encrypt, &[])), Status::AccessDenied);
    let made = owner.create_grant(&named("a"), &grant).unwrap();
    for _ in 0..2 {
        let key = bob.key(&named("moving")).unwrap();
        assert_eq!(use_key(&key, Encrypt, &[]), Ok(()));
        assert_eq!(status(use_key(&key, Decrypt, &[])), Status::AccessDenied);
        let none = key.narrow(&Narrowing { operations: vec![Decrypt], ..Narrowing::default() }).unwrap();
        assert_eq!(status(use_key(&none, Encrypt, &[])), Status::AccessDenied);
        assert!(!bob.key(&named("moving")).unwrap().is_narrowed());
        // Nor does what bob may keep its owner from anything, whose handles have a memory of their own.
        assert_eq!(use_key(&owner.key(&named("moving")).unwrap(), Decrypt, &[]), Ok(()));
    }
    owner.revoke_grant(&named("a"), &made.grant_id).unwrap();
    let key = bob.key(&named("moving")).unwrap();
    assert_eq!(status(use_key(&key, Encrypt, &[])), Status::AccessDenied);
    assert_eq!(key.held(), 0);
    owner.disable_key(&named("a")).unwrap();
    assert_eq!(status(use_key(&owner.key(&named("moving")).unwrap(), Encrypt, &[])), Status::KeyDisabled);
}

/// A changed row is not asked while what was verified holds, and refused when it is. Mutation seen to fail it: a member
/// of a bucket that is not compared with the bucket's list.
#[test]
fn a_row_put_in_the_place_of_an_aliass_never_has_it_lead_elsewhere() {
    let place = Place::new();
    let store = place.init();
    let [a, b] = two_keys(&store);
    assert_eq!(leads_to(&store, "moving"), Ok(a));
    store.move_alias(&alias("moving"), &named("b")).unwrap();
    assert_eq!(leads_to(&store, "moving"), Ok(b));
    place.sql_elsewhere(&format!(
        "UPDATE aliases SET document = replace(document, '{b}', '{a}') WHERE substr(id, 3) = CAST('moving' AS BLOB)"
    ));
    assert_eq!(leads_to(&store, "moving"), Ok(b));
    store.update_key_description(&named("b"), "the next generation").unwrap();
    assert_eq!(leads_to(&store, "moving"), Err(Status::StoreIntegrity));
}

/// Mutations seen to fail it: no look at the number kept; the newest let go instead of the oldest.
#[test]
fn what_is_kept_is_bounded_and_the_one_unused_longest_goes_first() {
    let store = Store::in_memory().unwrap();
    let name = |i: usize| named(&format!("k{i}"));
    for i in 0..600 {
        store.create_key(&with_alias(&format!("k{i}"))).unwrap();
    }
    for i in 0..600 {
        store.key(&name(i)).unwrap();
        store.key(&name(0)).unwrap();
        let (handles, aliases) = store.inner.with_local(|local| local.kept.sizes());
        assert!(handles <= 256 && aliases <= 256, "{handles} {aliases}");
    }
    let opened = materials_opened();
    store.key(&name(0)).unwrap();
    store.key(&name(599)).unwrap();
    assert_eq!(materials_opened(), opened, "the latest are kept");
    store.key(&name(1)).unwrap();
    assert_eq!(materials_opened(), opened + 1, "an early one is not");
}
