//! Stores that only an admin root changes.

use super::support::{Place, alias, named, status, with_alias};
use crate::error::Status;
use crate::keystore::backend::Table;
use crate::keystore::{InitOptions, OpenOptions, SlotOptions, Store};

const ADMIN: SlotOptions = SlotOptions { principal: None, admin: true };

/// A store with a key, opened through its first root, and an admin root beside that one.
fn with_admin() -> (Place, Store) {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    place.make_root("admin");
    assert!(store.add_root_as(&place.root("admin"), &ADMIN).unwrap().admin);
    (place, store)
}

fn open(place: &Place, root: &str) -> crate::Result<Store> {
    Store::open(&place.location(), &place.root(root), &OpenOptions::default())
}

/// That `permit` refuses is for the clear answer: without it, no handle could sign the manifest of its change.
#[test]
fn only_a_handle_with_the_admin_seed_changes_the_store() {
    let (place, store) = with_admin();
    for store in [store, open(&place, "root").unwrap()] {
        let info = store.info().unwrap();
        assert!(info.admin_root && !info.is_admin);
        assert_eq!(status(store.rotate_key(&named("k"))), Status::AccessDenied);
        assert_eq!(status(store.disable_key(&named("k"))), Status::AccessDenied);
        assert_eq!(status(store.create_alias(&alias("l"), &named("k"))), Status::AccessDenied);
        place.make_root("third");
        assert_eq!(status(store.add_root(&place.root("third"))), Status::AccessDenied);
        std::fs::remove_file(place.root_path("third")).unwrap();
        assert_eq!(status(store.describe_key(&named("k"))), Status::Ok);
        assert_eq!(
            status(store.key(&named("k")).unwrap().view(&crate::keystore::Wish::ANY, |_| Ok(()))),
            Status::Ok
        );
    }
    let admin = open(&place, "admin").unwrap();
    assert!(admin.info().unwrap().is_admin);
    admin.rotate_key(&named("k")).unwrap();
    admin.disable_key(&named("k")).unwrap();
    assert_eq!(place.verify(), Status::Ok);
}

#[test]
fn a_store_may_be_made_with_an_admin_root_and_keeps_one() {
    let place = Place::new();
    let options = InitOptions { slot: ADMIN, ..InitOptions::default() };
    let store = Store::init(&place.location(), &place.root("root"), &options).unwrap();
    store.create_key(&with_alias("k")).unwrap();
    place.make_root("data");
    store.add_root(&place.root("data")).unwrap();
    let first = store.roots().unwrap().into_iter().find(|slot| slot.admin).unwrap();
    assert_eq!(status(store.remove_root(&first.slot_id)), Status::LastRoot);
    place.make_root("admin");
    store.change_root(Some(&first.slot_id), &place.root("admin")).unwrap();
    drop(store);
    assert_eq!(status(open(&place, "root")), Status::RootMismatch);
    assert_eq!(status(open(&place, "data").unwrap().rotate_key(&named("k"))), Status::AccessDenied);
    assert_eq!(status(open(&place, "admin").unwrap().rotate_key(&named("k"))), Status::Ok);
}

/// What someone can write who has the store secret and not the admin seed: a manifest of their own with every MAC right.
/// Mutations seen to fail it: `admin::verify` that believes every signature; `Seen::check` without the admin key.
#[test]
fn a_manifest_that_the_admin_root_did_not_sign_is_refused() {
    let (place, store) = with_admin();
    drop(store);
    let dump = place.dump();
    let (at, cells) = dump.iter().find(|(at, _)| at.0 == Table::Manifest).unwrap();
    let text = &cells.2;
    let end = text.find(",\"signature\"").unwrap();
    let public = text.find(",\"admin_public\"").unwrap();
    let without = [&text[..public], &text[public + 82..end], "}"].concat();
    let digit = if &text[end + 14..end + 15] == "0" { "1" } else { "0" };
    let other = [&text[..end + 14], digit, &text[end + 15..]].concat();
    let (unsigned, moved) = ([&text[..end], "}"].concat(), text.replace("\"keys\":1", "\"keys\":2"));
    for (what, forged, restarted) in [
        ("another signature", &other, true),
        ("another text", &moved, true),
        ("no signature", &unsigned, true),
        ("no admin root", &without, false),
    ] {
        let store = open(&place, "root").unwrap();
        let (secrets, revision) = (&store.inner.secrets, cells.0 as u64 + 1);
        let incarnation = store.inner.read(|s| Ok(s.manifest.incarnation)).unwrap();
        let row = secrets.seal(Table::Manifest, &incarnation, &at.1, revision, forged.clone());
        drop(store);
        place.put(at, Some(&(revision as i64, row.mac.to_vec(), row.document)));
        if restarted {
            place.forget();
        }
        assert_eq!(status(open(&place, "root")), Status::StoreIntegrity, "{what}");
        place.forget();
        assert_eq!(status(open(&place, "admin")), Status::StoreIntegrity, "{what}, to the admin root itself");
        place.put_all(&dump);
        place.forget();
        assert_eq!(status(open(&place, "root")), Status::Ok);
    }
}
