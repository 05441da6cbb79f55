//! Stores that a later library has written in, as this one meets them.

use serde_json::{Map, Value, json};

use super::support::{named, status, with_alias};
use crate::error::{Error, Status};
use crate::keystore::backend::{Access, Table};
use crate::keystore::change::Deed;
use crate::keystore::snapshot::page_place;
use crate::keystore::{KeyName, Store};
use crate::operation::Operation;

type Document = Map<String, Value>;

fn document(store: &Store, table: Table, place: &[u8]) -> Document {
    let mut rows = store.inner.backend.begin(Access::Read).unwrap();
    serde_json::from_str(&rows.get(table, place).unwrap().unwrap().document).unwrap()
}

fn rewrite(store: &Store, table: Table, place: &[u8], edit: impl Fn(&mut Document)) -> [u8; 32] {
    let mut written = document(store, table, place);
    edit(&mut written);
    let text = Value::Object(written).to_string();
    store
        .inner
        .change(Deed::new(Operation::EnableKey), |change| change.put_raw(table, place, text.clone()))
        .unwrap()
}

fn key_place(store: &Store, name: &str) -> Vec<u8> {
    store.inner.secrets.key_place(store.describe_key(&named(name)).unwrap().key_id)
}

fn extra() -> Value {
    json!({"a": [1, {"b": null}], "n": -7})
}

/// Mutations seen to fail it: `write_end` without the rest; versions written without `other`.
#[test]
fn fields_of_a_later_library_are_written_back_as_they_stood() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let place = key_place(&store, "k");
    for _ in 0..70 {
        store.rotate_key(&named("k")).unwrap();
    }
    let id = store.describe_key(&named("k")).unwrap().key_id;
    let page = page_place(id, 0);
    let mac = rewrite(&store, Table::Pages, &page, |page| {
        page.insert("later".into(), extra());
        page["versions"][3]["later"] = extra();
    });
    rewrite(&store, Table::Keys, &place, |key| {
        key.insert("later".into(), extra());
        key["critical"] = json!(["aliases"]);
        key["pages"][0] = crate::keystore::json::hex(&mac).into();
        key["versions"][5]["later"] = extra();
    });
    let alias_place = store.inner.secrets.place(Table::Aliases, b"k");
    rewrite(&store, Table::Aliases, &alias_place, |alias| drop(alias.insert("later".into(), extra())));
    store.rotate_key(&named("k")).unwrap();
    store.disable_key(&named("k")).unwrap();
    store.create_key(&with_alias("other")).unwrap();
    store.create_alias(&"second".parse().unwrap(), &named("k")).unwrap();
    let key = document(&store, Table::Keys, &place);
    assert_eq!((&key["later"], &key["critical"]), (&extra(), &json!(["aliases"])));
    assert_eq!(key["versions"][4]["later"], extra(), "one older version has moved to the page");
    let page = document(&store, Table::Pages, &page);
    assert_eq!((&page["later"], &page["versions"][3]["later"]), (&extra(), &extra()));
    store.move_alias(&"k".parse().unwrap(), &named("other")).unwrap();
    assert_eq!(document(&store, Table::Aliases, &alias_place)["later"], extra());
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 2);
}

/// Mutation seen to fail it: `Unknown::begin` that keeps critical names without looking whether they are known.
#[test]
fn a_key_with_a_critical_field_unknown_here_is_refused_and_no_other() {
    let store = Store::in_memory().unwrap();
    for name in ["later", "known"] {
        store.create_key(&with_alias(name)).unwrap();
    }
    let held = store.key(&named("later")).unwrap();
    rewrite(&store, Table::Keys, &key_place(&store, "later"), |key| {
        key.insert("quorum".into(), json!(3));
        key["critical"] = json!(["quorum"]);
        key.insert("needs".into(), json!("0.7"));
    });
    let error = store.describe_key(&named("later")).unwrap_err();
    assert!(matches!(&error, Error::StoreTooNew { needs, .. } if &**needs == "0.7"), "{error}");
    for refused in [
        status(store.rotate_key(&named("later"))),
        status(store.enable_key(&named("later"))),
        status(
            store
                .key(&KeyName::Id(held.id()))
                .and_then(|key| key.view(&crate::keystore::Wish::ANY, |_| Ok(()))),
        ),
        status(held.view(&crate::keystore::Wish::ANY, |_| Ok(()))),
    ] {
        assert_eq!(refused, Status::StoreTooNew);
    }
    store.rotate_key(&named("known")).unwrap();
}

#[test]
fn words_and_formats_of_a_later_library_are_too_new_not_damage() {
    for (field, value) in [
        ("format", json!(2)),
        ("key_state", json!("PendingReplicaDeletion")),
        ("key_usage", json!("SIGN_VERIFY")),
        ("key_spec", json!("RSA_4096")),
        ("origin", json!("AWS_CLOUDHSM")),
    ] {
        let store = Store::in_memory().unwrap();
        store.create_key(&with_alias("k")).unwrap();
        rewrite(&store, Table::Keys, &key_place(&store, "k"), |key| key[field] = value.clone());
        assert_eq!(status(store.describe_key(&named("k"))), Status::StoreTooNew, "{field}");
    }
}

/// A document that its store did write, and that makes no sense, is damage and never a panic.
#[test]
fn documents_that_make_no_sense_are_refused() {
    for (field, value) in [
        ("key_id", json!("00000000-0000-4000-8000-000000000000")),
        ("key_id", json!(7)),
        ("versions", json!([])),
        ("versions", json!([{}])),
        ("versions", json!(null)),
        ("current_version", json!(2)),
        ("next_version", json!(1)),
        ("next_version", json!(4_294_967_296_u64)),
        ("created", json!("yesterday")),
        ("aliases", json!(["b", "a"])),
        ("aliases", json!(["keyfold/x"])),
        ("pages", json!(["00"])),
        ("pages", json!(["00".repeat(32)])),
        ("critical", json!([7])),
    ] {
        let store = Store::in_memory().unwrap();
        let made = store.create_key(&with_alias("k")).unwrap();
        rewrite(&store, Table::Keys, &key_place(&store, "k"), |key| key[field] = value.clone());
        let found = status(store.describe_key(&KeyName::Id(made.key_id)));
        assert_eq!(found, Status::StoreIntegrity, "{field} = {value}");
    }
}

/// Mutations seen to fail it: either comparison left out.
#[test]
fn a_store_upgraded_for_later_readers_or_writers_says_so() {
    let raised = |reader, writer| {
        let store = Store::in_memory().unwrap();
        store.create_key(&with_alias("k")).unwrap();
        let place = key_place(&store, "k");
        let text = Value::Object(document(&store, Table::Keys, &place)).to_string();
        let raised = store.inner.change(Deed::new(Operation::EnableKey), |change| {
            let manifest = &mut change.snapshot().manifest;
            (manifest.min_reader, manifest.min_writer) = (reader, writer);
            change.put_raw(Table::Keys, &place, text.clone())
        });
        raised.unwrap();
        store
    };
    let for_writers = raised(1, 2);
    assert_eq!(status(for_writers.rotate_key(&named("k"))), Status::StoreTooNew);
    assert_eq!(status(for_writers.describe_key(&named("k"))), Status::Ok);
    let for_readers = raised(2, 2);
    assert_eq!(status(for_readers.describe_key(&named("k"))), Status::StoreTooNew);
}
