//! What streams count as: docs/STREAMS.md, section 8.

use std::time::Duration;

use super::support::*;
use super::trail::flushed;
use crate::context::Context;
use crate::envelope::{
    AllowedKeys, DecryptOptions, Decryptor, EncryptOptions, Encryptor, StoredContext, Work,
};
use crate::error::Status;
use crate::keystore::backend::Access;
use crate::keystore::{CreateGrant, Key, KeyPolicy, OpenOptions, Store, VersionCounts};

const SIZE: usize = 40_000;

fn encrypting(key: &Key) -> crate::Result<Encryptor> {
    Encryptor::new(&[key], &Context::EMPTY, &StoredContext::None, &EncryptOptions::default())
}

fn decrypting(key: &Key) -> Decryptor {
    Decryptor::new(AllowedKeys::Keys(vec![key.clone()]), &Context::EMPTY, &DecryptOptions::default()).unwrap()
}

/// An envelope that is pushed and finished.
fn streamed(key: &Key) -> Vec<u8> {
    let (mut stream, mut out) = (encrypting(key).unwrap(), vec![0; SIZE + 1_024]);
    let n = stream.update(&[7; SIZE], &mut out, &Work::default()).unwrap();
    let rest = stream.finish(&mut out[n..]).unwrap();
    out.truncate(n + rest);
    out
}

fn push(stream: &mut Decryptor, sealed: &[u8]) -> crate::Result<usize> {
    let mut out = vec![0; stream.update_size(sealed.len())];
    stream.update(sealed, &mut out, &Work::default())
}

fn finish(stream: &mut Decryptor) -> crate::Result<usize> {
    let mut out = vec![0; stream.finish_size()];
    stream.finish(&mut out)
}

fn keyed(policy: KeyPolicy) -> (Place, Store, Key) {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    store.set_key_policy(&named("k"), &policy).unwrap();
    let key = store.key(&named("k")).unwrap();
    (place, store, key)
}

fn counts(store: &Store) -> VersionCounts {
    store.flush_trail().unwrap();
    store.key_usage(&named("k")).unwrap().remove(0)
}

#[test]
fn a_stream_is_one_use_and_its_bytes_are_counted_at_its_end() {
    let (_place, store, key) = keyed(KeyPolicy::default());
    let mut stream = encrypting(&key).unwrap();
    let mut out = vec![0; SIZE + 1_024];
    let n = stream.update(&[7; SIZE], &mut out, &Work::default()).unwrap();
    let before = counts(&store);
    assert_eq!((before.messages, before.bytes), (1, 0), "a use when its head is made, bytes when it ends");
    let rest = stream.finish(&mut out[n..]).unwrap();
    let after = counts(&store);
    assert_eq!((after.messages, after.bytes), (1, SIZE as u64));
    let mut back = decrypting(&key);
    push(&mut back, &out[..n + rest]).unwrap();
    finish(&mut back).unwrap();
    // One that is let go of before its end counts what it gave.
    let mut left = encrypting(&key).unwrap();
    left.update(&[7; SIZE], &mut out, &Work::default()).unwrap();
    drop(left);
    let all = counts(&store);
    assert_eq!((all.messages, all.opened, all.failures), (2, 1, 0));
    assert!(all.bytes > SIZE as u64 && all.bytes <= 2 * SIZE as u64, "{}", all.bytes);
}

#[test]
fn a_key_that_asks_for_it_has_an_event_of_each_stream_before_anything_comes_out() {
    let (_place, store, key) = keyed(KeyPolicy { audit_each_use: true, ..KeyPolicy::default() });
    let sealed = streamed(&key);
    assert_eq!(flushed(&store, "Encrypt").len(), 1);
    let mut stream = decrypting(&key);
    push(&mut stream, &sealed[..300]).unwrap();
    assert_eq!(flushed(&store, "Decrypt").len(), 1, "when the head was opened");
    push(&mut stream, &sealed[300..]).unwrap();
    finish(&mut stream).unwrap();
    assert_eq!(flushed(&store, "Decrypt").len(), 1);
}

#[test]
fn a_chunk_or_an_end_that_is_not_authentic_is_a_failed_use_of_its_own() {
    let (_place, store, key) = keyed(KeyPolicy::default());
    let sealed = streamed(&key);
    let mut changed = sealed.clone();
    let last = changed.len() - 1;
    changed[last - 20_000] ^= 1;
    let mut stream = decrypting(&key);
    assert_eq!(status(push(&mut stream, &changed)), Status::Auth);
    assert_eq!(counts(&store).failures, 1);
    let mut cut = decrypting(&key);
    push(&mut cut, &sealed[..sealed.len() - 100]).unwrap();
    assert_eq!(status(finish(&mut cut)), Status::Auth);
    assert_eq!(counts(&store).failures, 2);
    // Letting go of one is none.
    let mut left = decrypting(&key);
    push(&mut left, &sealed[..20_000]).unwrap();
    drop(left);
    let counts = counts(&store);
    assert_eq!((counts.failures, counts.opened), (2, 3));
}

#[test]
fn a_burst_of_failed_streams_stops_a_key_that_asks_for_it() {
    let (_place, store, key) = keyed(KeyPolicy { stop_after_failures: Some(3), ..KeyPolicy::default() });
    let sealed = streamed(&key);
    for _ in 0..3 {
        let mut cut = decrypting(&key);
        push(&mut cut, &sealed[..sealed.len() - 1]).unwrap();
        assert_eq!(status(finish(&mut cut)), Status::Auth);
    }
    store.flush_trail().unwrap();
    assert_eq!(status(push(&mut decrypting(&key), &sealed)), Status::KeyStopped);
    assert_eq!(status(encrypting(&key)), Status::KeyStopped);
}

/// T-122 for streams: the event comes before the head, and before the first plaintext.
#[test]
fn a_fail_closed_key_gives_no_head_and_no_plaintext_without_its_event() {
    let (place, store, key) = keyed(KeyPolicy { audit_fail_closed: true, ..KeyPolicy::default() });
    let sealed = streamed(&key);
    drop((store, key));
    let impatient = OpenOptions { busy_timeout: Duration::from_millis(50), ..OpenOptions::default() };
    let store = place.open_with(&impatient).unwrap();
    let key = store.key(&named("k")).unwrap();
    let holder = place.open().unwrap();
    let held = holder.inner.backend.begin(Access::Write).unwrap();
    assert_eq!(status(encrypting(&key)), Status::TrailUnavailable);
    let mut stream = decrypting(&key);
    let mut out = vec![9; SIZE];
    assert_eq!(status(stream.update(&sealed, &mut out, &Work::default())), Status::TrailUnavailable);
    assert!(!out.contains(&7), "no plaintext");
    drop(held);
    let mut stream = decrypting(&key);
    push(&mut stream, &sealed).unwrap();
    finish(&mut stream).unwrap();
}

/// A grant's uses are streams, not calls.
#[test]
fn a_stream_takes_one_use_of_a_grant() {
    let (place, store, _key) = keyed(KeyPolicy::default());
    let grant = CreateGrant {
        grantee_principal: "bob".into(),
        operations: vec!["Encrypt".into()],
        uses: Some(2),
        ..CreateGrant::default()
    };
    store.create_grant(&named("k"), &grant).unwrap();
    let bob = place.open_as("bob");
    let key = bob.key(&named("k")).unwrap();
    streamed(&key);
    streamed(&key);
    assert_eq!(status(encrypting(&key)), Status::AccessDenied);
}
