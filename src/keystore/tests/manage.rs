//! What management calls do, over the store in memory.

use std::sync::Arc;

use crate::crypto::{contexts, with_lane};
use crate::error::{Error, Status};
use crate::keystore::{
    Alias, CreateKey, Key, KeyId, KeyName, KeyPolicy, KeyState, Named, Origin, PageRequest, Planted, Store,
};

fn alias(text: &str) -> Alias {
    text.parse().unwrap()
}

fn named(text: &str) -> KeyName {
    text.parse().unwrap()
}

fn with_alias(text: &str) -> CreateKey {
    let policy = KeyPolicy { on_demand_limit: Some(10_000), ..KeyPolicy::default() };
    CreateKey { alias: Some(alias(text)), policy, ..CreateKey::default() }
}

fn current(key: &Key) -> (u32, [u8; 8]) {
    key.view(&crate::keystore::Wish::ANY, |view| {
        Ok((view.current().unwrap().version, view.current().unwrap().material_id))
    })
    .unwrap()
}

#[test]
fn a_new_key_is_described_by_id_and_by_alias() {
    let store = Store::in_memory().unwrap();
    let request = CreateKey {
        alias: Some(alias("payments/cards")),
        description: "cards\n".into(),
        ..CreateKey::default()
    };
    let made = store.create_key(&request).unwrap();
    assert_eq!((made.revision, made.current_version, made.versions.len()), (1, 1, 1));
    assert_eq!((made.key_state, made.origin), (KeyState::Enabled, Origin::Keyfold));
    assert_eq!(made.aliases, [alias("payments/cards")]);
    for name in [made.key_id.to_string(), "payments/cards".into(), "alias/payments/cards".into()] {
        let found = store.describe_key(&named(&name)).unwrap();
        assert_eq!(serde_json::to_string(&found).unwrap(), serde_json::to_string(&made).unwrap());
    }
    assert_eq!(made.key_id.to_string().as_bytes()[14], b'4', "a UUID of version 4");
    assert_eq!(store.info().unwrap().keys, 1);
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 1);
}

#[test]
fn what_is_not_there_is_not_found() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("there")).unwrap();
    for name in ["elsewhere", "00000000-0000-4000-8000-000000000000"] {
        let error = store.describe_key(&named(name)).unwrap_err();
        assert_eq!(error, Error::KeyNotFound { name: name.into() });
        assert_eq!(store.key(&named(name)).err().unwrap().status(), Status::KeyNotFound);
        assert_eq!(store.rotate_key(&named(name)).unwrap_err().status(), Status::KeyNotFound);
    }
    assert_eq!(store.delete_alias(&alias("elsewhere")).unwrap_err().status(), Status::KeyNotFound);
}

#[test]
fn aliases_are_made_moved_and_removed() {
    let store = Store::in_memory().unwrap();
    let (a, b) = (store.create_key(&with_alias("a")).unwrap(), store.create_key(&with_alias("b")).unwrap());
    let taken = store.create_alias(&alias("b"), &named("a")).unwrap_err();
    assert_eq!(taken, Error::AlreadyExists { what: "alias", name: "b".into() });
    assert_eq!(store.create_key(&with_alias("b")).unwrap_err().status(), Status::AlreadyExists);
    assert_eq!(store.create_alias(&alias("c"), &named("a")).unwrap().aliases, [alias("a"), alias("c")]);
    assert_eq!(store.move_alias(&alias("c"), &named("b")).unwrap().aliases, [alias("b"), alias("c")]);
    assert_eq!(store.describe_key(&named("c")).unwrap().key_id, b.key_id);
    assert_eq!(store.describe_key(&named("a")).unwrap().aliases, [alias("a")]);
    store.delete_alias(&alias("c")).unwrap();
    assert_eq!(store.describe_key(&named("c")).unwrap_err().status(), Status::KeyNotFound);
    store.create_alias(&alias("c"), &KeyName::Id(a.key_id)).unwrap();
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 2);
}

#[test]
fn moving_an_alias_to_its_own_key_changes_nothing() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("a")).unwrap();
    let epoch = store.info().unwrap().epoch;
    assert_eq!(store.move_alias(&alias("a"), &named("a")).unwrap().revision, 1);
    assert_eq!(store.enable_key(&named("a")).unwrap().revision, 1);
    assert_eq!(store.info().unwrap().epoch, epoch);
}

/// Mutation seen to fail it: `Seen::note` that does not move the generation.
#[test]
fn a_handle_follows_rotation_at_once_and_keeps_older_versions() {
    let store = Store::in_memory().unwrap();
    let made = store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let first = current(&key);
    let rotated = store.rotate_key(&named("k")).unwrap();
    assert_eq!((rotated.current_version, rotated.revision, rotated.versions.len()), (2, 2, 2));
    let second = current(&key);
    assert!(second.0 == 2 && second.1 != first.1);
    key.view(&crate::keystore::Wish::ANY, |view| {
        assert!(matches!(view.named(made.key_id, 1, first.1), Named::Held(v) if v.material_id == first.1));
        assert!(
            matches!(view.named(made.key_id, 1, second.1), Named::Unknown),
            "other material under the number"
        );
        assert!(matches!(view.named(made.key_id, 3, second.1), Named::Unknown));
        assert!(matches!(view.named(KeyId([7; 16]), 1, first.1), Named::Foreign));
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_disabled_key_is_refused_until_it_is_enabled() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    store.disable_key(&named("k")).unwrap();
    assert_eq!(key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap_err().status(), Status::KeyDisabled);
    assert_eq!(store.describe_key(&named("k")).unwrap().key_state, KeyState::Disabled);
    assert_eq!(store.rotate_key(&named("k")).unwrap_err().status(), Status::KeyDisabled);
    store.enable_key(&named("k")).unwrap();
    assert_eq!(current(&key).0, 1);
    assert_eq!(store.rotate_key(&named("k")).unwrap().current_version, 2);
    assert_eq!(current(&key).0, 2);
}

#[test]
fn versions_beyond_64_go_to_pages_and_stay_usable() {
    let store = Store::in_memory().unwrap();
    let made = store.create_key(&with_alias("k")).unwrap();
    let first = current(&store.key(&named("k")).unwrap());
    for _ in 1..200 {
        store.rotate_key(&named("k")).unwrap();
    }
    let found = store.describe_key(&named("k")).unwrap();
    assert_eq!(found.versions.len(), 200);
    assert!(found.versions.iter().zip(1..).all(|(version, number)| version.version == number));
    let key = store.key(&named("k")).unwrap();
    key.view(&crate::keystore::Wish::ANY, |view| {
        assert!(matches!(view.named(made.key_id, 1, first.1), Named::Held(_)));
        Ok(())
    })
    .unwrap();
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 1);
}

#[test]
fn imported_material_is_32_bytes_that_are_not_all_equal() {
    let store = Store::in_memory().unwrap();
    let material: Vec<u8> = (0..32).collect();
    let made = store.import_key_material(&with_alias("mine"), &material).unwrap();
    assert_eq!((made.origin, made.versions[0].origin), (Origin::External, Origin::External));
    let key = store.key(&named("mine")).unwrap();
    key.view(&crate::keystore::Wish::ANY, |view| {
        assert_eq!(view.current().unwrap().kek().unwrap().material().expose()[..], material[..]);
        Ok(())
    })
    .unwrap();
    for bad in [&[][..], &material[..8], &material[..31], &[&material[..], &[1]].concat(), &[0; 32], &[9; 32]]
    {
        let error = store.import_key_material(&CreateKey::default(), bad).unwrap_err();
        assert_eq!(error.status(), Status::InvalidKeyMaterial);
    }
}

#[test]
fn planted_keys_answer_by_number_material_and_former_name() {
    let store = Store::in_memory().unwrap();
    let (id, other) = (KeyId([1; 16]), KeyId([2; 16]));
    let material = |n: u8| std::array::from_fn(|i| n ^ i as u8);
    let planted = [
        Planted { version: 10_550, material: material(1), former: vec![] },
        Planted { version: 10_550, material: material(2), former: vec![(other, 7)] },
        Planted { version: 24_257, material: material(3), former: vec![] },
    ];
    let made = store.plant(id, &planted).unwrap();
    assert_eq!((made.current_version, made.versions.len()), (24_257, 3));
    let ids: Vec<_> = made.versions.iter().map(|version| version.material_id).collect();
    let key = store.key_by_id(id).unwrap();
    key.view(&crate::keystore::Wish::ANY, |view| {
        for (n, version) in [(0, 10_550), (1, 10_550), (2, 24_257)] {
            let Named::Held(held) = view.named(id, version, ids[n]) else {
                panic!("version {n} is not held")
            };
            assert_eq!(held.kek().unwrap().material().expose(), &material(n as u8 + 1));
        }
        assert!(matches!(view.named(other, 7, ids[1]), Named::Held(held) if held.key_id == other));
        assert!(matches!(view.named(other, 7, ids[0]), Named::Unknown));
        assert!(matches!(view.named(other, 8, ids[1]), Named::Unknown));
        Ok(())
    })
    .unwrap();
    assert_eq!(store.plant(id, &planted).unwrap_err().status(), Status::AlreadyExists);
}

#[test]
fn a_key_by_its_id_is_the_same_handle_again() {
    let store = Store::in_memory().unwrap();
    let ids: Vec<_> = (0..300).map(|_| store.create_key(&CreateKey::default()).unwrap().key_id).collect();
    for id in ids.iter().chain(ids.iter().rev()) {
        assert_eq!(current(&store.key_by_id(*id).unwrap()).0, 1);
    }
}

#[test]
fn pages_of_keys_and_aliases_give_each_once() {
    let store = Store::in_memory().unwrap();
    let mut made: Vec<String> = (0..25)
        .map(|n| store.create_key(&with_alias(&format!("n/{n}"))).unwrap().key_id.to_string())
        .collect();
    for limit in [1, 7, 24, 25, 26, 0] {
        let (mut keys, mut aliases) = (Vec::new(), Vec::new());
        let mut page = PageRequest { after: None, limit };
        loop {
            let found = store.list_keys(&page).unwrap();
            keys.extend(found.keys.iter().map(|key| key.key_id.to_string()));
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        page.after = None;
        loop {
            let found = store.list_aliases(&page).unwrap();
            aliases.extend(found.aliases.iter().map(|entry| entry.alias.to_string()));
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        keys.sort();
        made.sort();
        assert_eq!(keys, made);
        aliases.sort_by_key(|alias| alias[2..].parse::<u32>().unwrap());
        assert_eq!(aliases, (0..25).map(|n| format!("n/{n}")).collect::<Vec<_>>());
    }
    for after in ["", "zz", "00", "0001zz"] {
        let page = PageRequest { after: Some(after.into()), limit: 1 };
        assert_eq!(store.list_keys(&page).err().unwrap().status(), Status::InvalidArgument);
    }
    assert_eq!(
        store.list_keys(&PageRequest { after: None, limit: 1_001 }).err().unwrap().status(),
        Status::TooLarge
    );
}

#[test]
fn odd_names_and_descriptions_are_taken_whole_or_refused() {
    let store = Store::in_memory().unwrap();
    for text in ["a\0b", "", " a", "a ", "\u{e4}", "keyfold/x", "alias/alias/x", &"a".repeat(257), "a.b"] {
        assert!(text.parse::<Alias>().is_err(), "{text:?}");
    }
    for text in ["a\0b", "a\u{1b}[2J", "\u{7f}", "\u{85}"] {
        let request = CreateKey { alias: None, description: text.into(), ..CreateKey::default() };
        assert_eq!(store.create_key(&request).unwrap_err().status(), Status::InvalidArgument);
    }
    for text in ["\"\\\n\t", "\u{fc}\u{1f600}", &"\"".repeat(8_192)] {
        let request = CreateKey { alias: None, description: text.into(), ..CreateKey::default() };
        let made = store.create_key(&request).unwrap();
        assert_eq!(store.describe_key(&KeyName::Id(made.key_id)).unwrap().description, text);
    }
    let long = CreateKey { alias: None, description: "a".repeat(8_193), ..CreateKey::default() };
    assert_eq!(store.create_key(&long).unwrap_err().status(), Status::TooLarge);
    let (max, twin) = ("a".repeat(256), format!("{}b", "a".repeat(255)));
    let a = store.create_key(&with_alias(&max)).unwrap();
    let b = store.create_key(&with_alias(&twin)).unwrap();
    assert!(store.describe_key(&named(&max)).unwrap().key_id == a.key_id && a.key_id != b.key_id);
}

#[test]
fn a_document_never_grows_past_its_bound() {
    let store = Store::in_memory().unwrap();
    let request = CreateKey { description: "\"".repeat(8_192), ..with_alias("k") };
    store.create_key(&request).unwrap();
    for n in 0..49 {
        store.create_alias(&alias(&format!("{n:02}{}", "x".repeat(254))), &named("k")).unwrap();
    }
    let one_more = store.create_alias(&alias("one-more"), &named("k")).unwrap_err();
    assert_eq!(one_more, Error::LimitExceeded { what: "aliases of a key", limit: 50 });
    for _ in 0..70 {
        store.rotate_key(&named("k")).unwrap();
    }
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), 1);
}

#[test]
fn threads_rotate_and_view_one_key_without_losing_a_version() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..20).for_each(|_| drop(store.rotate_key(&named("k")).unwrap())));
            scope.spawn(|| {
                let mut last = 0;
                while last < 81 {
                    let now = current(&key).0;
                    assert!(now >= last, "a handle never goes back");
                    last = now;
                    std::thread::yield_now();
                }
            });
        }
    });
    assert_eq!(store.describe_key(&named("k")).unwrap().versions.len(), 81);
}

/// Mutations seen to fail it: `State::load` that loads whatever the state is; `set_state` that leaves the handle to its
/// next use.
#[test]
fn a_disabled_keys_material_is_gone_when_the_call_returns() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    store.rotate_key(&named("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let (kek, id) = key
        .view(&crate::keystore::Wish::ANY, |view| {
            let crate::keystore::Material::Kek(kek) = &view.current().unwrap().material else {
                panic!("a symmetric key")
            };
            let (mut nonce, mut wrapped) = ([0; 24], [0; 48]);
            with_lane(|lane| kek.wrap(lane, b"", &[1; 32], &mut nonce, &mut wrapped))?;
            Ok((Arc::downgrade(kek), kek.id()))
        })
        .unwrap();
    assert_eq!(contexts(id), 1);
    store.disable_key(&named("k")).unwrap();
    assert_eq!((kek.strong_count(), contexts(id)), (0, 0));
    // Nor does looking at it, or opening it anew, bring it back.
    assert_eq!(key.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap_err().status(), Status::KeyDisabled);
    let again = store.key(&named("k")).unwrap();
    assert_eq!(
        again.view(&crate::keystore::Wish::ANY, |_| Ok(())).unwrap_err().status(),
        Status::KeyDisabled
    );
    assert_eq!(again.held(), 0);
    store.enable_key(&named("k")).unwrap();
    assert_eq!((current(&key).0, key.held()), (2, 2));
}
