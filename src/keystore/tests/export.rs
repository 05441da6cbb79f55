//! Whole keys on their way from one store to another.

use crate::error::Status;
use crate::keystore::change::Deed;
use crate::keystore::{CreateKey, KeyName, KeyPolicy, KeyState, Named, PageRequest, Store};
use crate::operation::Operation;

fn named(text: &str) -> KeyName {
    text.parse().unwrap()
}

fn create(store: &Store, alias: &str) {
    let policy =
        KeyPolicy { on_demand_limit: Some(10_000), rotation_period_days: Some(365), ..KeyPolicy::default() };
    let request = CreateKey {
        alias: Some(alias.parse().unwrap()),
        description: "d".into(),
        tags: vec![("team".into(), "cards".into())],
        policy,
        ..CreateKey::default()
    };
    store.create_key(&request).unwrap();
}

/// Two stores that have the key `under` in common, brought from the first to the second as raw material.
fn pair() -> (Store, Store) {
    let (from, to) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
    let (id, material) = (crate::keystore::KeyId([5; 16]), std::array::from_fn(|i| i as u8));
    for store in [&from, &to] {
        let planted = crate::keystore::Planted { version: 3, material, former: vec![] };
        store.plant(id, &[planted]).unwrap();
        store.create_alias(&"under".parse().unwrap(), &KeyName::Id(id)).unwrap();
    }
    create(&from, "k");
    (from, to)
}

/// Mutations seen to fail it: `older` not written (versions missing), `rewrapped` with the old bytes.
#[test]
fn an_exported_key_is_the_same_key_elsewhere() {
    let (from, to) = pair();
    for _ in 0..70 {
        from.rotate_key(&named("k")).unwrap();
    }
    let made = from.disable_key(&named("k")).unwrap();
    let exported = from.export_key(&named("k"), &named("under")).unwrap();
    let taken = to.import_key(&exported).unwrap();
    assert_eq!((taken.key_id, taken.aliases.clone()), (made.key_id, made.aliases.clone()));
    assert_eq!((taken.key_state, taken.description.as_str()), (KeyState::Disabled, "d"));
    assert_eq!(taken.versions.len(), 71);
    assert_eq!((&taken.tags, &taken.policy), (&made.tags, &made.policy));
    assert_eq!(taken.next_rotation, made.next_rotation, "the schedule goes on");
    assert_eq!(to.key_rotation_status(&named("k")).unwrap().on_demand_rotations, 70);
    for (a, b) in made.versions.iter().zip(&taken.versions) {
        assert_eq!((a.version, a.material_id, &a.created), (b.version, b.material_id, &b.created));
    }
    to.enable_key(&named("k")).unwrap();
    from.enable_key(&named("k")).unwrap();
    let (here, there) = (from.key(&named("k")).unwrap(), to.key(&named("k")).unwrap());
    for version in &made.versions {
        let bytes = |key: &crate::keystore::Key| {
            key.view(&crate::keystore::Wish::ANY, |view| {
                match view.named(made.key_id, version.version, version.material_id) {
                    Named::Held(held) => Ok(*held.kek().unwrap().material().expose()),
                    _ => panic!("version {} is not held", version.version),
                }
            })
        };
        assert_eq!(bytes(&here).unwrap(), bytes(&there).unwrap());
    }
    assert_eq!(to.rotate_key(&named("k")).unwrap().current_version, 72);
    assert_eq!(to.verify(&mut |_, _| {}).unwrap(), 2);
}

/// Mutation seen to fail it: no look at the table of states in `export_key`.
#[test]
fn a_key_that_waits_for_its_end_or_its_beginning_does_not_travel() {
    let (from, to) = pair();
    from.schedule_key_deletion(&named("k"), 7).unwrap();
    let refused = from.export_key(&named("k"), &named("under")).unwrap_err();
    assert_eq!(refused.status(), Status::InvalidKeyState);
    let empty = from.create_key(&CreateKey { external: true, ..CreateKey::default() }).unwrap();
    let refused = from.export_key(&KeyName::Id(empty.key_id), &named("under")).unwrap_err();
    assert_eq!(refused.status(), Status::InvalidKeyState);
    from.cancel_key_deletion(&named("k")).unwrap();
    let exported = from.export_key(&named("k"), &named("under")).unwrap();
    assert_eq!(to.import_key(&exported).unwrap().deletion_date, None);
    from.mark_key_compromised(&named("k"), "").unwrap();
    let refused = from.export_key(&named("k"), &named("under")).unwrap_err();
    assert_eq!(refused.status(), Status::InvalidKeyState, "a compromised key travels only for recovery");
}

/// Mutation seen to fail it: `wrapping_key` looks for the id alone.
#[test]
fn stores_that_imported_the_same_bytes_have_a_wrapping_key_in_common() {
    let (from, to) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
    let request = CreateKey {
        alias: Some("under".parse().unwrap()),
        description: String::new(),
        ..CreateKey::default()
    };
    let material: Vec<u8> = (0..32).collect();
    let ids = [&from, &to].map(|store| store.import_key_material(&request, &material).unwrap().key_id);
    assert_ne!(ids[0], ids[1]);
    create(&from, "k");
    let exported = from.export_key(&named("k"), &named("under")).unwrap();
    let taken = to.import_key(&exported).unwrap();
    assert_eq!(taken.key_id, from.describe_key(&named("k")).unwrap().key_id);
    // Not the current version of it, and not by any other material.
    let new: Vec<u8> = (1..33).collect();
    let kind = Some(crate::keystore::ImportType::NewKeyMaterial);
    let algorithm = crate::keystore::WrappingAlgorithm::HpkeX25519;
    crate::keystore::import::tests::bring(&to, &named("under"), algorithm, &new, kind, 0).unwrap();
    to.rotate_key(&named("under")).unwrap();
    to.disable_key(&named("under")).unwrap();
    assert_eq!(to.import_key(&exported).unwrap_err().status(), Status::KeyDisabled);
    let stranger = Store::in_memory().unwrap();
    stranger.import_key_material(&request, &[&material[1..], &[0]].concat()).unwrap();
    assert_eq!(stranger.import_key(&exported).unwrap_err().status(), Status::KeyNotFound);
}

#[test]
fn what_is_taken_is_refused() {
    let (from, to) = pair();
    let exported = from.export_key(&named("k"), &named("under")).unwrap();
    assert_eq!(from.import_key(&exported).unwrap_err().status(), Status::AlreadyExists);
    create(&to, "k");
    let keys = to.info().unwrap().keys;
    assert_eq!(to.import_key(&exported).unwrap_err().status(), Status::AlreadyExists, "the alias is taken");
    assert_eq!(to.info().unwrap().keys, keys);
    to.delete_alias(&"k".parse().unwrap()).unwrap();
    to.import_key(&exported).unwrap();
    assert_eq!(to.import_key(&exported).unwrap_err().status(), Status::AlreadyExists);
}

#[test]
fn export_needs_an_enabled_key_other_than_itself() {
    let (from, to) = pair();
    let itself = from.export_key(&named("under"), &named("under")).unwrap_err();
    assert_eq!(itself.status(), Status::InvalidArgument);
    let exported = from.export_key(&named("k"), &named("under")).unwrap();
    from.disable_key(&named("under")).unwrap();
    to.disable_key(&named("under")).unwrap();
    let refused = from.export_key(&named("k"), &named("under")).unwrap_err();
    assert_eq!(refused.status(), Status::KeyDisabled);
    assert_eq!(to.import_key(&exported).unwrap_err().status(), Status::KeyDisabled);
    let stranger = Store::in_memory().unwrap();
    assert_eq!(stranger.import_key(&exported).unwrap_err().status(), Status::KeyNotFound);
}

/// Mutation seen to fail it: no check of the MAC in `import_key`.
#[test]
fn every_changed_byte_and_every_cut_is_refused_and_changes_nothing() {
    let (from, to) = pair();
    let exported = from.export_key(&named("k"), &named("under")).unwrap();
    for at in 0..exported.len() {
        for change in [1, 0x80] {
            let mut bytes = exported.clone();
            bytes[at] ^= change;
            let status = to.import_key(&bytes).unwrap_err().status();
            let expected: &[Status] = match at {
                0..3 => &[Status::NotAnEnvelope],
                3 => &[Status::UnsupportedFormat],
                // Id and number of the wrapping key: its material is still known, and its name is authenticated.
                4..24 => &[Status::Auth],
                24..32 => &[Status::KeyNotFound],
                104..108 => &[Status::Malformed],
                _ => &[Status::Auth],
            };
            assert!(expected.contains(&status), "byte {at}: {status:?}");
        }
    }
    for end in 0..exported.len() {
        assert!(to.import_key(&exported[..end]).is_err());
    }
    assert!(to.import_key(&[&exported[..], &[0]].concat()).is_err());
    assert_eq!(to.list_keys(&PageRequest::default()).unwrap().keys.len(), 1);
}

#[test]
fn two_exports_of_one_key_share_no_wrapped_bytes() {
    let (from, _) = pair();
    let export = || from.export_key(&named("k"), &named("under")).unwrap();
    let (a, b) = (export(), export());
    assert_ne!(a[32..104], b[32..104]);
    assert_ne!(a[a.len() - 32..], b[b.len() - 32..]);
}

/// Mutations seen to fail it: a key of the named id is taken whatever its material is; the first key with the material
/// is taken, though disabled.
#[test]
fn the_wrapping_key_is_the_one_with_the_material_and_rather_an_enabled_one() {
    let (from, to) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
    let id = crate::keystore::KeyId([5; 16]);
    let material: [u8; 32] = std::array::from_fn(|i| i as u8);
    let plant = |store: &Store, id, material| {
        store.plant(id, &[crate::keystore::Planted { version: 3, material, former: vec![] }]).unwrap();
    };
    plant(&from, id, material);
    plant(&to, id, material.map(|byte| byte ^ 1));
    create(&from, "k");
    let exported = from.export_key(&named("k"), &KeyName::Id(id)).unwrap();
    assert_eq!(to.import_key(&exported).unwrap_err().status(), Status::KeyNotFound);
    let holders = [6, 7, 8].map(|byte| crate::keystore::KeyId([byte; 16]));
    for holder in holders {
        plant(&to, holder, material);
        to.disable_key(&KeyName::Id(holder)).unwrap();
    }
    assert_eq!(to.import_key(&exported).unwrap_err().status(), Status::KeyDisabled);
    to.enable_key(&KeyName::Id(holders[1])).unwrap();
    to.import_key(&exported).unwrap();
    // The named key itself, disabled, stands back for another as well.
    let third = Store::in_memory().unwrap();
    plant(&third, id, material);
    third.disable_key(&KeyName::Id(id)).unwrap();
    assert_eq!(third.import_key(&exported).unwrap_err().status(), Status::KeyDisabled);
    plant(&third, holders[0], material);
    third.import_key(&exported).unwrap();
}

/// Mutation seen to fail it, each: no such check in `import_key`.
#[test]
fn an_exported_key_is_held_to_what_a_made_one_is() {
    let (from, to) = pair();
    let worn = crate::keystore::KeyId([9; 16]);
    from.plant(worn, &[crate::keystore::Planted { version: 1, material: [7; 32], former: vec![] }]).unwrap();
    let exported = from.export_key(&KeyName::Id(worn), &named("under")).unwrap();
    assert_eq!(to.import_key(&exported).unwrap_err().status(), Status::InvalidKeyMaterial);
    let described = from.inner.change(Deed::new(Operation::CreateKey), |change| {
        let mut key = change.snapshot().key(&named("k"))?;
        key.description = "\u{1b}[2J".into();
        change.update_key(&mut key)
    });
    described.unwrap();
    let exported = from.export_key(&named("k"), &named("under")).unwrap();
    assert_eq!(to.import_key(&exported).unwrap_err().status(), Status::InvalidArgument);
    assert_eq!(to.info().unwrap().keys, 1);
}
