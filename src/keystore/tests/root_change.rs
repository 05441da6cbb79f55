//! A root that was compromised: T-177. Nothing that was known before opens anything that is made after.

use std::fs;

use super::support::{Place, as_principal, named, status, with_alias};
use crate::audit::Filter;
use crate::context::Context;
use crate::crypto::ed25519_verify;
use crate::envelope::{
    Allowed, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, decrypted_size, encrypt_into,
};
use crate::error::{Result, Status};
use crate::keystore::backend::{Row, Table};
use crate::keystore::{
    CreateGrant, CreateKey, InitOptions, KeySpec, KeyState, Location, OpenOptions, Origin, RootChangeReport,
    SlotOptions, Store, StoreSettings, material,
};
use crate::root::{KeyFile, Root};

/// Keys of several kinds and states, with pages, aliases, a limited grant, counters; a second root; and an envelope of the
/// first version, and of the 70th, of one.
fn furnished(place: &Place, open: OpenOptions) -> (Store, Vec<Vec<u8>>) {
    let options = InitOptions { open, ..InitOptions::default() };
    let store = Store::init(&place.location(), &place.root("root"), &options).unwrap();
    for name in ["a", "b", "off", "bad"] {
        store.create_key(&with_alias(name)).unwrap();
    }
    store.create_key(&CreateKey { spec: KeySpec::XWing, ..with_alias("inbox") }).unwrap();
    store.create_key(&CreateKey { spec: KeySpec::Hmac512, ..with_alias("mac") }).unwrap();
    let brought: Vec<u8> = (0..32).collect();
    store.import_key_material(&with_alias("mine"), &brought).unwrap();
    let seals = |name: &str| {
        let (key, mut out) = (store.key(&named(name)).unwrap(), vec![0; 4_096]);
        let options = EncryptOptions::default();
        let sealed =
            encrypt_into(&[&key], b"message", &Context::EMPTY, &StoredContext::None, &options, &mut out);
        out.truncate(sealed.unwrap());
        out
    };
    let mut sealed = vec![seals("b"), seals("inbox"), seals("mine")];
    for _ in 0..70 {
        store.rotate_key(&named("b")).unwrap();
    }
    sealed.push(seals("b"));
    let grant = CreateGrant {
        grantee_principal: "bob".into(),
        operations: vec!["Decrypt".into()],
        uses: Some(5),
        ..CreateGrant::default()
    };
    store.create_grant(&named("a"), &grant).unwrap();
    store.disable_key(&named("off")).unwrap();
    store.mark_key_compromised(&named("bad"), "").unwrap();
    place.make_root("second");
    place.make_root("third");
    store.add_root(&place.root("second")).unwrap();
    store.add_root(&place.root("third")).unwrap();
    store.flush_trail().unwrap();
    (store, sealed)
}

fn change(place: &Place, new: &str, keep: &[&str], options: &OpenOptions) -> Result<RootChangeReport> {
    let keep: Vec<KeyFile> = keep.iter().map(|name| place.root(name)).collect();
    let keep: Vec<&dyn Root> = keep.iter().map(|root| root as &dyn Root).collect();
    Store::change_compromised_root(
        &place.location(),
        &[&place.root("root")],
        &place.root(new),
        &keep,
        options,
    )
}

fn through(place: &Place, root: &str, options: &OpenOptions) -> Result<Store> {
    Store::open(&place.location(), &place.root(root), options)
}

fn opens(store: &Store, envelope: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; decrypted_size(envelope).unwrap()];
    let options = DecryptOptions::default();
    decrypt_into(Allowed::AnyKeyOf(store), envelope, &Context::EMPTY, &options, &mut out).map(|_| out)
}

/// Mutations seen to fail it: a new secret that is the old one; material that is wrapped under the old K_mat; slots that
/// are taken over; no rotation.
#[test]
fn after_a_change_for_compromise_what_was_known_opens_nothing_and_nothing_is_lost() {
    let place = Place::new();
    let (store, sealed) = furnished(&place, place.anchored());
    let (before, events) = (store.info().unwrap(), store.read_trail(&Filter::default(), 0, 1_000).unwrap());
    let names = ["a", "b", "off", "inbox", "mac", "mine"];
    let was: Vec<_> = names.iter().map(|name| store.describe_key(&named(name)).unwrap()).collect();
    let mut mac = vec![0; 70];
    store.key(&named("mac")).unwrap().generate_mac(b"m", &mut mac).unwrap();
    drop(store);
    let old = fs::read(&place.path).unwrap();

    place.make_root("new");
    let report = change(&place, "new", &["second"], &place.anchored()).unwrap();
    assert_eq!((report.keys, report.rotated), (7, 5));
    assert_eq!(report.known_keys, [was[5].key_id.to_string()], "imported material is as known as it was");
    assert_eq!((report.slots.len(), report.dropped_slots.len()), (2, 2));
    assert_ne!(report.fingerprint, before.fingerprint);
    assert_eq!(place.listing().len(), 1, "the file that was has no name: {:?}", place.listing());

    for root in ["root", "third"] {
        assert_eq!(status(through(&place, root, &place.anchored())), Status::RootMismatch, "{root}");
    }
    for root in ["second", "new"] {
        place.forget();
        let store = through(&place, root, &place.anchored()).unwrap();
        store.verify(&mut |_, _| {}).unwrap();
        let trail = store.verify_trail(None, &mut |_, _| {}).unwrap();
        assert!(trail.ok, "{:?}", trail.first_bad);
        let now = store.info().unwrap();
        assert_eq!((&now.fingerprint, &now.trail_key), (&report.fingerprint, &report.verifier_key));
        assert!(now.anchor.starts_with("fresh"), "{}", now.anchor);
        assert_eq!((now.keys, now.store_id), (before.keys, before.store_id.clone()));
        for envelope in &sealed {
            assert_eq!(opens(&store, envelope).unwrap(), b"message");
        }
        store.key(&named("mac")).unwrap().verify_mac(b"m", &mac).unwrap();
        for (name, was) in names.iter().zip(&was) {
            let is = store.describe_key(&named(name)).unwrap();
            let added = usize::from(was.origin == Origin::Keyfold);
            assert_eq!((is.key_id, is.key_state), (was.key_id, was.key_state), "{name}");
            assert_eq!(is.versions.len(), was.versions.len() + added, "{name}");
            let ids = |key: &crate::keystore::KeyMetadata| {
                key.versions.iter().map(|version| version.material_id).collect::<Vec<_>>()
            };
            assert_eq!(ids(&is)[..was.versions.len()], ids(was), "{name}");
        }
        assert_eq!(store.describe_key(&named("bad")).unwrap().key_state, KeyState::Compromised);
        assert_eq!(store.list_grants(&named("a"), &Default::default()).unwrap().grants.len(), 1);
        // The events that were, word for word, and the one that hands the log over.
        let all = store.read_trail(&Filter::default(), 0, 1_000).unwrap().events;
        assert_eq!(all[..events.events.len()], events.events[..]);
        let told = all.iter().find(|event| event["requestParameters"]["because"] == "COMPROMISED").unwrap();
        hands_over(told, &before.trail_key, &report.verifier_key);
    }
    unknown_to_the_old_secrets(&place, &old);
    // What is put back is not what the anchor knows; and the host goes on with the store that is.
    let new = fs::read(&place.path).unwrap();
    place.write_file(&old);
    place.forget();
    assert_eq!(status(through(&place, "root", &place.anchored())), Status::FingerprintMismatch);
    place.write_file(&new);
    place.forget();
    let store = through(&place, "new", &place.anchored()).unwrap();
    store.rotate_key(&named("b")).unwrap();
    store.disable_key(&named("a")).unwrap();
}

/// The former key's signature over the next one stands in the event.
fn hands_over(event: &serde_json::Value, former: &str, next: &str) {
    let request = &event["requestParameters"];
    assert_eq!((&request["formerVerifierKey"], &request["verifierKey"]), (&former.into(), &next.into()));
    let note = request["keyChange"].as_str().unwrap();
    let (text, signature) = note.rsplit_once("\n\n").unwrap();
    assert!(text.starts_with(&format!("keyfold trail key change 1\n{next}\n")));
    let encoded = signature.trim_end().rsplit(' ').next().unwrap();
    let bytes = crate::audit::decode_base64(encoded).unwrap();
    let former: crate::audit::VerifierKey = former.parse().unwrap();
    let signed = format!("{text}\n");
    ed25519_verify(&former.public, signed.as_bytes(), &bytes[4..].try_into().unwrap()).unwrap();
}

/// Every row of the store, its events and its material, held against the secrets of the file that was.
fn unknown_to_the_old_secrets(place: &Place, old: &[u8]) {
    let there = Place::new();
    there.write_file(old);
    place.forget();
    let stranger = Store::open(&there.location(), &place.root("root"), &OpenOptions::default()).unwrap();
    let old = &stranger.inner.secrets;
    let rows = place.dump();
    drop(place.sql());
    there.forget();
    let store = through(place, "new", &OpenOptions::default()).unwrap();
    let incarnation = store.inner.read(|snapshot| Ok(snapshot.manifest.incarnation)).unwrap();
    let mut held = 0;
    for ((table, at), (revision, mac, document)) in rows {
        let row = Row { revision: revision as u64, mac: mac.try_into().unwrap(), document };
        assert!(old.verify(table, &incarnation, &at, &row).is_err(), "{table:?}");
        store.inner.secrets.verify(table, &incarnation, &at, &row).unwrap();
        if table == Table::Keys {
            let key = crate::keystore::document::KeyDocument::read(&row.document, row.revision);
            let key = key.unwrap_or_else(|_| panic!("a key's document"));
            for version in key.versions.iter().filter(|version| version.holds_material()) {
                assert!(material::open(old, key.id, key.spec, version).is_err());
                held += 1;
            }
        }
    }
    assert!(held > 70);
    assert_ne!(old.signing_key().unwrap().verifier(), store.inner.secrets.signing_key().unwrap().verifier());
}

/// Whichever store has the name is whole, its anchor goes with it, and the change can be made again. Mutation seen to fail
/// it: no `succeed`.
#[test]
fn a_change_that_dies_at_any_step_leaves_the_one_store_or_the_other() {
    for (point, is_new) in [
        ("before rebuilt", false),
        ("root change made", false),
        ("root change anchored", false),
        ("root change named", true),
    ] {
        let place = Place::new();
        let (store, sealed) = furnished(&place, place.anchored());
        drop(store);
        place.make_root("new");
        let with = place.root_path("new");
        let ended = place.elsewhere_at("change the root", with.to_str().unwrap(), point);
        assert!(!ended, "{point}: it died there");
        place.forget();
        let (opens_it, does_not) = if is_new { ("new", "root") } else { ("root", "new") };
        assert_eq!(status(through(&place, does_not, &place.anchored())), Status::RootMismatch, "{point}");
        let store = through(&place, opens_it, &place.anchored()).unwrap();
        store.verify(&mut |_, _| {}).unwrap();
        assert!(store.verify_trail(None, &mut |_, _| {}).unwrap().ok);
        assert!(store.info().unwrap().anchor.starts_with("fresh"), "{point}");
        sealed.iter().for_each(|envelope| assert_eq!(opens(&store, envelope).unwrap(), b"message"));
        store.disable_key(&named("a")).unwrap();
        drop(store);
        if !is_new {
            change(&place, "new", &[], &place.anchored()).unwrap();
            place.forget();
            through(&place, "new", &place.anchored()).unwrap().verify(&mut |_, _| {}).unwrap();
        }
    }
}

#[test]
fn a_change_for_compromise_is_refused_as_long_as_something_is_missing() {
    let place = Place::new();
    let (store, _) = furnished(&place, OpenOptions::default());
    place.make_root("new");
    place.make_root("stranger");
    let none = OpenOptions::default();
    let busy = OpenOptions { busy_timeout: std::time::Duration::from_millis(50), ..none.clone() };
    assert_eq!(status(change(&place, "new", &[], &busy)), Status::StoreBusy, "somebody has it open");
    drop(store);
    let before = fs::read(&place.path).unwrap();
    assert_eq!(status(change(&place, "second", &[], &none)), Status::AlreadyExists);
    assert_eq!(status(change(&place, "root", &[], &none)), Status::AlreadyExists);
    assert_eq!(status(change(&place, "new", &["stranger"], &none)), Status::RootMismatch);
    assert_eq!(status(change(&place, "new", &["root"], &none)), Status::InvalidArgument);
    assert_eq!(status(change(&place, "new", &[], &as_principal("bob"))), Status::AccessDenied);
    let pinned = Location { fingerprint: Some("00".repeat(16).parse().unwrap()), ..place.location() };
    let (root, new) = (place.root("root"), place.root("new"));
    let at = |location: &Location, roots: &[&dyn Root]| {
        status(Store::change_compromised_root(location, roots, &new, &[], &none))
    };
    assert_eq!(at(&pinned, &[&root]), Status::FingerprintMismatch);
    assert_eq!(at(&place.location(), &[]), Status::InvalidArgument);
    assert!(fs::read(&place.path).unwrap() == before && place.listing().len() == 1, "nothing was left");
}

/// Mutation seen to fail it: `authorise` that ignores what `two_principals` says.
#[test]
fn it_takes_two_principals_and_the_admin_seed_where_the_store_asks_for_them() {
    let place = Place::new();
    let first = place.init();
    drop((place.join(&first, "ann", "anns"), place.join(&first, "ben", "bens")));
    let settings = StoreSettings {
        dual_control: vec!["ChangeRoot".into()],
        approval_seconds: 600,
        administrators: vec!["ann".into(), "ben".into()],
    };
    first.update_settings(&settings).unwrap();
    drop(first);
    place.make_root("new");
    let (ann, ben, new) = (place.root("anns"), place.root("bens"), place.root("new"));
    let with = |roots: &[&dyn Root], keep: &[&dyn Root]| {
        Store::change_compromised_root(&place.location(), roots, &new, keep, &OpenOptions::default())
    };
    assert_eq!(status(with(&[&ann], &[])), Status::ApprovalRequired);
    assert_eq!(status(with(&[&ann, &ann], &[])), Status::ApprovalRequired);
    let report = with(&[&ann, &ben], &[&ben]).unwrap();
    let bears: Vec<_> = report.slots.iter().map(|slot| slot.principal.as_deref()).collect();
    assert_eq!(bears, [Some("ann"), Some("ben")], "each slot as the one whose place it takes");
    drop(place);

    let place = Place::new();
    let slot = SlotOptions { admin: true, ..SlotOptions::default() };
    let options = InitOptions { slot, ..InitOptions::default() };
    let store = Store::init(&place.location(), &place.root("root"), &options).unwrap();
    place.make_root("data");
    place.make_root("new");
    store.add_root(&place.root("data")).unwrap();
    let was = store.inner.read(|snapshot| Ok(snapshot.manifest.admin_public)).unwrap();
    drop(store);
    let (root, data, new) = (place.root("root"), place.root("data"), place.root("new"));
    let with = |roots: &[&dyn Root]| {
        Store::change_compromised_root(&place.location(), roots, &new, &[], &OpenOptions::default())
    };
    assert_eq!(status(with(&[&data])), Status::AccessDenied);
    assert_eq!(status(with(&[&data, &root])), Status::LastRoot, "the data root's place gives no seed");
    assert!(with(&[&root]).unwrap().slots[0].admin);
    let store = through(&place, "new", &OpenOptions::default()).unwrap();
    assert_ne!(store.inner.read(|snapshot| Ok(snapshot.manifest.admin_public)).unwrap(), was);
    store.create_key(&with_alias("k")).unwrap();
}
