//! Root slots that bear a principal: who a store is opened as.

use super::support::{Place, status};
use crate::error::Status;
use crate::keystore::backend::Table;
use crate::keystore::{InitOptions, OpenOptions, SlotOptions, Store};

fn as_principal(name: &str) -> SlotOptions {
    SlotOptions { principal: Some(name.into()), admin: false }
}

fn asking(name: &str) -> OpenOptions {
    OpenOptions { principal: Some(name.into()), ..OpenOptions::default() }
}

#[test]
fn whoever_opens_through_a_slot_with_a_principal_is_that_one_and_no_other() {
    let place = Place::new();
    let store = place.init();
    assert_eq!(store.inner.actor.principal, "default");
    assert!(!store.inner.actor.verified);
    place.make_root("alice");
    let slot = store.add_root_as(&place.root("alice"), &as_principal("Alice")).unwrap();
    assert_eq!(slot.principal.as_deref(), Some("Alice"));
    let listed = store.roots().unwrap();
    assert_eq!(listed.iter().filter_map(|slot| slot.principal.as_deref()).collect::<Vec<_>>(), ["Alice"]);
    let open = |root: &str, options: &OpenOptions| Store::open(&place.location(), &place.root(root), options);
    let actor = |root: &str, options: &OpenOptions| {
        let actor = open(root, options).unwrap().inner.actor.clone();
        (actor.principal, actor.verified)
    };
    assert_eq!(actor("alice", &OpenOptions::default()), ("Alice".into(), true));
    assert_eq!(actor("alice", &asking("Alice")), ("Alice".into(), true));
    assert_eq!(actor("root", &asking("Alice")), ("Alice".into(), false), "said, not verified");
    for other in ["alice", "default", "Bob"] {
        assert_eq!(status(open("alice", &asking(other))), Status::AccessDenied, "{other}");
    }
    for none in ["", " Alice", "Ali\nce", "Ali\u{202e}ce", &"a".repeat(129)] {
        assert_eq!(status(open("root", &asking(none))), Status::InvalidArgument, "{none:?}");
        assert_eq!(
            status(store.add_root_as(&place.root("alice"), &as_principal(none))),
            Status::InvalidArgument
        );
    }
}

#[test]
fn the_first_slot_may_bear_a_principal() {
    let place = Place::new();
    let options = InitOptions { slot: as_principal("Alice"), ..InitOptions::default() };
    let store = Store::init(&place.location(), &place.root("root"), &options).unwrap();
    assert_eq!((store.inner.actor.principal.as_str(), store.inner.actor.verified), ("Alice", true));
    drop(store);
    assert!(place.open().unwrap().inner.actor.verified);
}

#[test]
fn a_changed_root_keeps_the_principal_of_its_slot() {
    let place = Place::new();
    let store = place.init();
    place.make_root("alice");
    place.make_root("new");
    let slot = store.add_root_as(&place.root("alice"), &as_principal("Alice")).unwrap();
    store.change_root(Some(&slot.slot_id), &place.root("new")).unwrap();
    let opened = Store::open(&place.location(), &place.root("new"), &OpenOptions::default()).unwrap();
    assert_eq!(opened.inner.actor.principal, "Alice");
}

/// A slot's words are authenticated twice: by the root that unwraps it, before anything else of the store is known, and
/// by the store.
#[test]
fn a_slot_whose_principal_was_changed_does_not_unwrap() {
    let place = Place::new();
    let store = place.init();
    place.make_root("alice");
    store.add_root_as(&place.root("alice"), &as_principal("Alice")).unwrap();
    drop(store);
    for (from, to) in [
        ("\"principal\":\"Alice\"", "\"principal\":\"Bob\""),
        ("\"principal\":\"Alice\",", ""),
        ("\"admin\":false", "\"admin\":true"),
    ] {
        let dump = place.dump();
        let (at, cells) =
            dump.iter().find(|(at, (_, _, text))| at.0 == Table::Roots && text.contains("Alice")).unwrap();
        place.put(at, Some(&(cells.0, cells.1.clone(), cells.2.replace(from, to))));
        let opened = Store::open(&place.location(), &place.root("alice"), &OpenOptions::default());
        assert_eq!(status(opened), Status::RootMismatch, "{to}");
        assert_eq!(place.verify(), Status::StoreIntegrity, "{to}");
        place.put_all(&dump);
    }
    assert_eq!(place.verify(), Status::Ok);
}
