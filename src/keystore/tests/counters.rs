//! Limits on what one version seals, and the stop after failures: docs/KEYS.md, "Counters".

use std::collections::BTreeMap;

use super::support::{named, with_alias};
use crate::Status;
use crate::envelope::{
    Allowed, Context, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, encrypt_into,
};
use crate::error::Error;
use crate::keystore::{CreateKey, Key, KeyPolicy, KeyState, Store};

fn encrypt(key: &Key, bytes: usize) -> crate::Result<Vec<u8>> {
    let mut out = vec![0; bytes + 512];
    let (context, options) = (Context::EMPTY, EncryptOptions::default());
    let len = encrypt_into(&[key], &vec![7; bytes], &context, &StoredContext::None, &options, &mut out)?;
    out.truncate(len);
    Ok(out)
}

fn decrypt(key: &Key, envelope: &[u8]) -> crate::Result<()> {
    let options = DecryptOptions::default();
    decrypt_into(Allowed::Keys(&[key]), envelope, &Context::EMPTY, &options, &mut [0; 4096]).map(drop)
}

/// The version that an envelope's first cell names: FORMAT.md.
fn version_of(envelope: &[u8]) -> u32 {
    u32::from_be_bytes(envelope[64..68].try_into().unwrap())
}

fn with_policy(alias: &str, policy: KeyPolicy) -> CreateKey {
    CreateKey { policy, ..with_alias(alias) }
}

/// Mutation seen to fail it: `renew` that reserves without asking whether there is room.
#[test]
fn a_version_seals_no_more_messages_than_its_limit_over_all_handles() {
    let place = super::support::Place::new();
    let store = place.init();
    let policy = KeyPolicy { rotation_messages: Some(10), ..KeyPolicy::default() };
    store.create_key(&with_policy("k", policy)).unwrap();
    let other = place.open().unwrap();
    let keys = [store.key(&named("k")).unwrap(), other.key(&named("k")).unwrap()];
    let mut sealed = BTreeMap::new();
    let mut envelopes = Vec::new();
    for i in 0..55 {
        let envelope = encrypt(&keys[i % 2], 1).unwrap();
        *sealed.entry(version_of(&envelope)).or_insert(0) += 1;
        envelopes.push(envelope);
    }
    assert!(sealed.values().all(|&count| count <= 10), "{sealed:?}");
    assert!((6..=12).contains(&sealed.len()), "{sealed:?}");
    for envelope in &envelopes {
        decrypt(&keys[0], envelope).unwrap();
    }
}

/// Mutation seen to fail it: a first reservation without a flush.
#[test]
fn a_limit_set_on_a_key_in_use_counts_what_was_sealed_before() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    for _ in 0..50 {
        assert_eq!(version_of(&encrypt(&key, 1).unwrap()), 1);
    }
    let policy = KeyPolicy { rotation_messages: Some(10), ..KeyPolicy::default() };
    store.set_key_policy(&named("k"), &policy).unwrap();
    assert_eq!(version_of(&encrypt(&key, 1).unwrap()), 2, "the first version is over its limit");
}

/// T-118: what a process had reserved when it died counts as used.
#[test]
fn a_crash_counts_too_much_and_never_too_little() {
    let place = super::support::Place::new();
    let store = place.init();
    let policy = KeyPolicy { rotation_messages: Some(2_560), ..KeyPolicy::default() };
    store.create_key(&with_policy("k", policy)).unwrap();
    let mut sealed = BTreeMap::new();
    for _ in 0..300 {
        let dies = place.open().unwrap();
        let key = dies.key(&named("k")).unwrap();
        for _ in 0..3 {
            *sealed.entry(version_of(&encrypt(&key, 1).unwrap())).or_insert(0) += 1;
        }
        // As after a crash: nothing is given back.
        drop(key);
    }
    assert!(sealed.values().all(|&count| count <= 2_560), "{sealed:?}");
    assert!(sealed.len() >= 2, "blocks of ten, of which three were used: {sealed:?}");
}

#[test]
fn a_version_seals_no_more_bytes_than_its_limit_unless_one_message_has_more() {
    let store = Store::in_memory().unwrap();
    let policy = KeyPolicy { rotation_bytes: Some(1_000), ..KeyPolicy::default() };
    store.create_key(&with_policy("k", policy)).unwrap();
    let key = store.key(&named("k")).unwrap();
    let mut bytes = BTreeMap::new();
    for size in [400, 400, 400, 100, 900, 100, 3_000, 1] {
        *bytes.entry(version_of(&encrypt(&key, size).unwrap())).or_insert(0) += size;
    }
    for (version, bytes) in &bytes {
        assert!(*bytes <= 1_000 || *bytes == 3_000, "version {version}: {bytes}");
    }
}

/// Mutation seen to fail it: `Failures::note` that forgets to count.
#[test]
fn a_burst_of_failed_decrypts_stops_a_key_until_it_is_enabled() {
    let store = Store::in_memory().unwrap();
    let policy = KeyPolicy { stop_after_failures: Some(5), ..KeyPolicy::default() };
    store.create_key(&with_policy("k", policy)).unwrap();
    let key = store.key(&named("k")).unwrap();
    let good = encrypt(&key, 10).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    for _ in 0..5 {
        assert_eq!(decrypt(&key, &bad), Err(Error::Auth));
    }
    assert_eq!(decrypt(&key, &good).unwrap_err().status(), Status::KeyStopped);
    let described = store.describe_key(&named("k")).unwrap();
    assert_eq!(described.key_state, KeyState::Disabled);
    assert!(described.state_reason.unwrap().contains("failed decrypts"));
    store.enable_key(&named("k")).unwrap();
    decrypt(&key, &good).unwrap();
}

#[test]
fn a_key_is_not_stopped_unless_its_policy_says_so() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let mut bad = encrypt(&key, 10).unwrap();
    *bad.last_mut().unwrap() ^= 1;
    for _ in 0..100 {
        assert_eq!(decrypt(&key, &bad), Err(Error::Auth));
    }
    encrypt(&key, 10).unwrap();
}

/// Counts merge over handles, and those not yet written down are there.
#[test]
fn uses_are_counted_by_version_over_all_handles() {
    let place = super::support::Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    let other = place.open().unwrap();
    for store in [&store, &other] {
        let key = store.key(&named("k")).unwrap();
        for _ in 0..7 {
            let envelope = encrypt(&key, 100).unwrap();
            decrypt(&key, &envelope).unwrap();
        }
    }
    store.rotate_key(&named("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let mut bad = encrypt(&key, 5).unwrap();
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(decrypt(&key, &bad), Err(Error::Auth));
    drop(other);
    let counts = store.key_usage(&named("k")).unwrap();
    let of = |i: usize| (counts[i].version, counts[i].messages, counts[i].bytes, counts[i].opened);
    assert_eq!(of(0), (1, 14, 1_400, 14));
    assert_eq!((of(1).0, of(1).1, of(1).2), (2, 1, 5));
    assert_eq!(counts[1].failures, 1);
    let last = store.key_last_usage(&named("k")).unwrap();
    assert!(last.timestamp.is_some() && last.last_failure.is_some() && last.operation.is_some());
}
