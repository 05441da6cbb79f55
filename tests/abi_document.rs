//! docs/ABI.md names every field of the JSON that the C interface gives out, and no other.

use std::collections::BTreeSet;

use keyfold::envelope::{self, Allowed, Context, EncryptOptions, StoredContext};
use keyfold::keystore::{CreateGrant, CreateKey, PageRequest, Store};
use serde::Serialize;
use serde_json::Value;

fn fields(of: &impl Serialize) -> BTreeSet<String> {
    fn walk(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.keys().cloned());
                object.values().for_each(|value| walk(value, found));
            }
            Value::Array(array) => array.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(&serde_json::to_value(of).unwrap(), &mut found);
    found
}

/// What a section of the page has in back quotes where a field may stand: first column, or anywhere in one line's prose.
fn documented(section: &str) -> BTreeSet<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ABI.md")).unwrap();
    let start = page.find(&format!("**{section}**")).expect("a section of the page");
    let rest = &page[start + 4..];
    let end = rest.find("\n**").or_else(|| rest.find("\n## ")).unwrap_or(rest.len());
    rest[..end]
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'))
        .map(str::to_owned)
        .collect()
}

/// Values and functions that the sections name beside fields.
const NOT_FIELDS: &[&str] = &[
    "sqlite",
    "memory",
    "file",
    "passphrase",
    "envelope",
    "data_key",
    "key",
    "free",
    "sealed",
    "root",
    "unknown",
    "none",
    "fresh",
    "missing",
    "unwritable",
    "changed",
    "reordered",
    "malformed",
];

fn check(section: &str, of: &impl Serialize) {
    let page: BTreeSet<String> = documented(section)
        .into_iter()
        .filter(|name| !NOT_FIELDS.contains(&name.as_str()) && !name.starts_with("keyfold_"))
        .collect();
    let code = fields(of);
    let missing: Vec<_> = code.difference(&page).collect();
    assert!(missing.is_empty(), "{section}: docs/ABI.md does not name {missing:?}");
    // What is marked so may be absent from one value.
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ABI.md")).unwrap();
    let extra: Vec<_> = page.difference(&code).filter(|name| !text.contains(&format!("`{name}`?"))).collect();
    assert!(extra.is_empty(), "{section}: docs/ABI.md names {extra:?}, which the code does not give");
}

/// Seen to fail with a field left out of the page, and with one that the code does not give.
#[test]
fn the_page_names_every_json_field_and_no_other() {
    let store = Store::in_memory().unwrap();
    let request =
        CreateKey { alias: Some("cards".parse().unwrap()), description: "x".into(), ..CreateKey::default() };
    let metadata = store.create_key(&request).unwrap();
    let key = store.key(&"cards".parse().unwrap()).unwrap();
    let page = PageRequest::default();
    check("StoreInfo", &store.info().unwrap());
    check("KeyMetadata", &metadata);
    check("AliasPage", &store.list_aliases(&page).unwrap());
    let name = "cards".parse().unwrap();
    check("RotationStatus", &store.key_rotation_status(&name).unwrap());
    check("KeyLastUsage", &store.key_last_usage(&name).unwrap());
    check("VersionCounts", &store.key_usage(&name).unwrap());
    check("StoreSettings", &store.settings().unwrap());
    check("TrailReport", &store.verify_trail(None, &mut |_, _| {}).unwrap());
    let grant = r#"{"grantee_principal":"worker","operations":["Encrypt"]}"#;
    check("GrantMetadata", &store.create_grant(&name, &CreateGrant::from_json(grant).unwrap()).unwrap());
    let keys = store.list_keys(&page).unwrap();
    assert!(fields(&keys).is_superset(&BTreeSet::from(["keys".into(), "next".into()])));

    let pairs = Context::pack(&[("a", "1")]).unwrap();
    let context = Context::unpack(&pairs).unwrap();
    let mut out = vec![0; 1000];
    let options = EncryptOptions { free_cells: 1, ..Default::default() };
    let size =
        envelope::encrypt_into(&[&key], b"x", &context, &StoredContext::All, &options, &mut out).unwrap();
    let sealed = &out[..size];
    check("Inspection", &envelope::inspect(sealed, Some(size as u64)).unwrap());
    let told = envelope::explain(Ok(&store), None, sealed, Some(size as u64), &context);
    let mut explained = fields(&told);
    // "Cells as in Inspection".
    explained.retain(|name| !fields(&envelope::inspect(sealed, None).unwrap()).contains(name));
    for name in &explained {
        assert!(documented("Explanation").contains(name), "Explanation: docs/ABI.md does not name {name}");
    }
    assert!(
        envelope::decrypt_into(Allowed::AnyKeyOf(&store), sealed, &context, &Default::default(), &mut [0])
            .is_ok()
    );
}
