//! Explanations: they agree with what decryption answers, and name what an engineer can act on.

use super::super::{Allowed, Context, StoredContext, explain, generate_data_key};
use super::{CARD, bytes, context, decrypt_with, encrypt, encrypt_with, new_key, pack, store_and_key};
use crate::error::{Error, Status};
use crate::keystore::{Alias, CreateKey, KeyName, Planted, Store};

/// Whatever is wrong with the head, the explanation's answer is the data path's.
#[test]
fn the_answer_told_is_the_answer_given() {
    let (store, key) = store_and_key();
    let other = new_key(&store);
    let stranger = store_and_key().1;
    let id = KeyName::Id(key.id());
    for (keys, form) in [
        (vec![&key], StoredContext::None),
        (vec![&other], StoredContext::All),
        (vec![&stranger], StoredContext::Names),
        (vec![&stranger, &key], StoredContext::All),
    ] {
        let envelope = encrypt_with(&keys, b"message", CARD, form, 1);
        let head = envelope.len() - 23;
        for at in (0..head + 1).step_by(3) {
            let mut changed = envelope.clone();
            // The last round changes nothing.
            if at < head {
                changed[at] ^= 1;
            }
            for pairs in [CARD, &CARD[..1]] {
                let packed = pack(pairs);
                for (allowed, names) in [
                    (Allowed::AnyKeyOf(&store), None),
                    (Allowed::Keys(&[&key]), Some(std::slice::from_ref(&id))),
                ] {
                    let told =
                        explain(Ok(&store), names, &changed, Some(changed.len() as u64), &context(&packed));
                    let given = match decrypt_with(allowed, &changed, pairs, false) {
                        Ok(_) => "OK",
                        Err(e) => e.status().name(),
                    };
                    assert_eq!((told.answer, told.head_opens), (given, given == "OK"), "byte {at}");
                    assert!(!told.reasons.is_empty());
                }
            }
        }
    }
}

#[test]
fn context_names_are_told_where_they_are_stored() {
    let (store, key) = store_and_key();
    let envelope = encrypt_with(&[&key], b"x", CARD, StoredContext::All, 0);
    let told = |pairs: &[(&str, &str)]| {
        let packed = pack(pairs);
        explain(Ok(&store), None, &envelope, Some(envelope.len() as u64), &context(&packed))
    };
    let found = told(&[("column", "PAN"), ("row", "1")]);
    assert_eq!(found.answer, "AUTH");
    assert_eq!(found.context.not_given, ["table"]);
    assert_eq!(found.context.different, ["column"]);
    assert_eq!(found.context.unexpected, ["row"]);
    assert_eq!(found.context.committed, Some(false));
    assert_eq!(found.context.committed_with_stored_values, None);
    let found = told(&CARD[..1]);
    assert_eq!(
        (found.context.committed, found.context.committed_with_stored_values),
        (Some(false), Some(true))
    );
    assert!(found.reasons.iter().any(|reason| reason.contains("\"table\"")));
    let found = told(CARD);
    assert!(found.head_opens);
    assert_eq!(found.context.committed, Some(true));

    let bare = encrypt(&[&key], b"x");
    let found = explain(Ok(&store), None, &bare, None, &Context::EMPTY);
    assert_eq!((found.answer, found.context.committed), ("AUTH", Some(false)));
    assert!(found.reasons.iter().any(|reason| reason.contains("cannot be said which pair differs")));
}

#[test]
fn keys_are_told_by_what_the_store_has_of_them() {
    let store = Store::in_memory().unwrap();
    let alias: Alias = "cards".parse().unwrap();
    let made = store.create_key(&CreateKey { alias: Some(alias), ..Default::default() }).unwrap();
    let name = KeyName::Id(made.key_id);
    let key = store.key(&name).unwrap();
    let envelope = encrypt(&[&key], b"x");
    let packed = pack(CARD);
    let told = |store: &Store, allowed: Option<&[KeyName]>| {
        explain(Ok(store), allowed, &envelope, Some(envelope.len() as u64), &context(&packed))
    };
    let found = told(&store, None);
    assert_eq!(found.cells[0].aliases, ["cards"]);
    assert_eq!(
        (found.cells[0].held, found.cells[0].unwraps, found.cells[0].commitment_agrees),
        (Some(true), Some(true), Some(true))
    );
    let other = KeyName::Id(new_key(&store).id());
    let found = told(&store, Some(std::slice::from_ref(&other)));
    assert_eq!((found.answer, found.cells[0].allowed), ("KEY_NOT_ALLOWED", Some(false)));
    store.disable_key(&name).unwrap();
    let found = told(&store, None);
    assert_eq!(found.answer, "KEY_DISABLED");
    assert_eq!((found.cells[0].held, found.cells[0].unwraps), (Some(true), None));
    assert!(found.cells[0].finding.contains("keyfold key enable cards"));
    // Another store; and one that has the key, but other material or no such version.
    let elsewhere = Store::in_memory().unwrap();
    let found = told(&elsewhere, None);
    assert_eq!((found.answer, found.cells[0].key_state), ("KEY_NOT_FOUND", None));
    elsewhere
        .plant(
            made.key_id,
            &[Planted { version: 1, material: std::array::from_fn(|i| i as u8), former: Vec::new() }],
        )
        .unwrap();
    let found = told(&elsewhere, None);
    assert_eq!((found.answer, found.cells[0].held), ("KEY_NOT_FOUND", Some(false)));
    assert!(found.cells[0].finding.contains("other material"), "{}", found.cells[0].finding);
    let gone = KeyName::Alias("gone".parse().unwrap());
    let found = told(&store, Some(std::slice::from_ref(&gone)));
    assert!(found.reasons[0].contains("gone"));
}

/// Fails when explanations take any size.
#[test]
fn sizes_that_cannot_be_are_told() {
    let (store, key) = store_and_key();
    let packed = pack(CARD);
    let envelope = encrypt(&[&key], &bytes(1, 20_000));
    let told = |kept: usize| {
        explain(Ok(&store), None, &envelope[..kept.min(envelope.len())], Some(kept as u64), &context(&packed))
    };
    let whole = told(envelope.len());
    assert_eq!((whole.answer, whole.size_possible), ("OK", Some(true)));
    for kept in [148, 150, 148 + 16_400, 148 + 16_401] {
        let cut = told(kept);
        assert_eq!((cut.answer, cut.size_possible, cut.head_opens), ("AUTH", Some(false), false), "{kept}");
        assert_eq!(cut.cells[0].commitment_agrees, Some(true));
        assert!(cut.reasons[0].contains("cut off"), "{:?}", cut.reasons);
    }
    let mut blob = vec![0; 148];
    generate_data_key(&[&key], 32, &context(&packed), &StoredContext::None, None, &mut blob).unwrap();
    let told = |more: u64| explain(Ok(&store), None, &blob, Some(148 + more), &context(&packed)).answer;
    assert_eq!((told(0), told(1)), ("OK", "MALFORMED"));
}

#[test]
fn a_store_out_of_reach_leaves_what_the_head_says() {
    let (_, key) = store_and_key();
    let envelope = encrypt_with(&[&key], b"x", CARD, StoredContext::Names, 0);
    let error = Error::RootMismatch;
    let found = explain(Err(&error), None, &envelope, Some(envelope.len() as u64), &Context::EMPTY);
    assert_eq!((found.answer, found.store.reachable), (Status::RootMismatch.name(), false));
    assert_eq!(found.context.not_given, ["column", "table"]);
    assert_eq!(found.cells.len(), 1);
    let found = explain(Err(&error), None, b"PK\x03\x04", None, &Context::EMPTY);
    assert_eq!(found.answer, "NOT_AN_ENVELOPE");
}

/// No byte of the message or DEK is anywhere in an explanation.
#[test]
fn explanations_hold_no_secret() {
    let (store, key) = store_and_key();
    crate::crypto::script::push(&[0xD7; 32 + 24]);
    let envelope = encrypt(&[&key], &bytes(5, 64));
    crate::crypto::script::clear();
    let packed = pack(CARD);
    let found = explain(Ok(&store), None, &envelope, None, &context(&packed));
    assert!(found.head_opens);
    let text = format!("{found}{found:?}{}", serde_json::to_string(&found).unwrap());
    // The nonce may be seen, the DEK, which here are the same bytes and longer, may not.
    assert!(!text.contains(&"d7".repeat(25)));
    assert!(!text.contains(&super::super::inspect::hex(&bytes(5, 64)[..8])));
}
