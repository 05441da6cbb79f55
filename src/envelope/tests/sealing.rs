//! Cells of type 0x02: FORMAT.md 7A.

use super::super::head::Head;
use super::super::reach::unwrap;
use super::super::suite::commits;
use super::super::*;
use super::{bytes, with_lane};
use crate::crypto::SealingSecret;
use crate::error::{Error, Result, Status};
use crate::keystore::{CreateKey, Key, KeyName, KeySpec, Material, SealingKey, Store, Version};
use crate::secret::{Key32, OnFork};
use std::sync::Arc;

const SPECS: [(KeySpec, usize); 2] = [(KeySpec::X25519, 114), (KeySpec::XWing, 1_202)];
const PLAIN: EncryptOptions<'_> =
    EncryptOptions { free_cells: 0, work: Work { threads: 0, cancel: None, progress: None } };

fn key_of(store: &Store, spec: KeySpec) -> Key {
    let made = store.create_key(&CreateKey { spec, ..CreateKey::default() }).unwrap();
    store.key_by_id(made.key_id).unwrap()
}

fn context() -> Vec<u8> {
    Context::pack(&[("table", "cards")]).unwrap()
}

fn sealed_to(keys: &[&SealingKey], message: &[u8]) -> Vec<u8> {
    let packed = context();
    let context = Context::unpack(&packed).unwrap();
    let stored = StoredContext::Names;
    let mut out = vec![0; sealed_size(message.len(), keys, stored.size(&context).unwrap()).unwrap()];
    let size = seal_into(keys, message, &context, &stored, &Work::default(), &mut out).unwrap();
    assert_eq!(size, out.len());
    out
}

fn open(allowed: Allowed<'_>, envelope: &[u8]) -> Result<(Vec<u8>, Opened)> {
    let packed = context();
    let context = Context::unpack(&packed).unwrap();
    let mut out = vec![0; decrypted_size(envelope)?];
    let opened = decrypt_into(allowed, envelope, &context, &DecryptOptions::default(), &mut out)?;
    Ok((out, opened))
}

fn status<T>(result: Result<T>) -> Option<Status> {
    result.err().map(|error: Error| error.status())
}

#[test]
fn what_is_sealed_without_a_store_opens_with_the_private_half_alone() {
    let store = Store::in_memory().unwrap();
    let other = Store::in_memory().unwrap();
    for (spec, cell) in SPECS {
        let (key, foreign) = (key_of(&store, spec), key_of(&other, spec));
        let public = SealingKey::from_bytes(&key.public_key().unwrap().to_bytes()).unwrap();
        for len in [0, 1, 100, 16_384, 40_000] {
            let message = bytes(len as u64, len);
            let envelope = sealed_to(&[&public], &message);
            assert_eq!(head_len(&envelope).unwrap(), 44 + 11 + cell);
            let (out, opened) = open(Allowed::Keys(&[&key]), &envelope).unwrap();
            assert_eq!((out, opened.key_id, opened.version), (message.clone(), key.id(), 1));
            assert_eq!(open(Allowed::AnyKeyOf(&store), &envelope).unwrap().0, message);
            assert_eq!(status(open(Allowed::Keys(&[&foreign]), &envelope)), Some(Status::KeyNotFound));
        }
        // What was sealed to an older version opens after a rotation.
        let envelope = sealed_to(&[&public], b"before");
        store.rotate_key(&KeyName::Id(key.id())).unwrap();
        assert_eq!(open(Allowed::Keys(&[&key]), &envelope).unwrap().1.version, 1);
        let newer = key.public_key().unwrap();
        assert!(newer.version() == 2 && newer.public != public.public);
        let envelope = sealed_to(&[&newer, &public], b"both");
        assert_eq!(open(Allowed::Keys(&[&key]), &envelope).unwrap().1.version, 2);
        store.disable_key(&KeyName::Id(key.id())).unwrap();
        assert_eq!(status(open(Allowed::Keys(&[&key]), &envelope)), Some(Status::KeyDisabled));
    }
}

/// Envelopes made with Go's crypto/hpke. Mutations seen to fail it: an AAD without F, on both sides; AES-128-GCM.
#[test]
fn what_an_independent_implementation_sealed_opens() {
    let vectors = include_str!("../../../tests/vectors/sealing-v1.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    for vector in vectors["sealed"].as_array().unwrap() {
        let hex = |name: &str| {
            let text = vector[name].as_str().unwrap();
            (0..text.len() / 2)
                .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
                .collect::<Vec<u8>>()
        };
        let public = SealingKey::from_bytes(&hex("public_half")).unwrap();
        let seed = Key32::new_with(OnFork::Wipe, |out| {
            out.copy_from_slice(&hex("seed"));
            Ok(())
        });
        let pair = SealingSecret::new(public.kem(), seed.unwrap()).unwrap();
        assert_eq!(pair.public(), public.public);
        let version = Version {
            key_id: public.key_id,
            version: public.version,
            material_id: public.material_id,
            material: Material::Sealing(Arc::new(pair)),
            usage: Default::default(),
            seals: true,
        };
        let (envelope, context) = (hex("envelope"), hex("context"));
        let context = Context::unpack(&context).unwrap();
        let head = Head::parse(&envelope, Some(Kind::Envelope)).unwrap();
        let cell = head.cells().next().unwrap();
        let named = cell.key().unwrap();
        assert_eq!(
            (named.key_id(), named.version(), named.material_id()),
            (public.key_id, 7, public.material_id)
        );
        let mut dek = [0; 32];
        assert!(with_lane(|lane| unwrap(lane, &head, &cell, &named, &version, &mut dek)));
        assert_eq!(dek.as_slice(), hex("dek"));
        assert!(commits(head.kind, &dek, &head.fixed, &context));
    }
}

/// FORMAT.md 15. Every byte of head and payload changed, one at a time.
#[test]
fn any_changed_byte_is_refused() {
    let store = Store::in_memory().unwrap();
    for (spec, cell) in SPECS {
        let key = key_of(&store, spec);
        let envelope = sealed_to(&[&key.public_key().unwrap()], b"message");
        let step = if cell > 1_000 { 13 } else { 1 };
        for at in (0..envelope.len()).step_by(step) {
            let mut changed = envelope.clone();
            changed[at] ^= 0x20;
            assert!(open(Allowed::Keys(&[&key]), &changed).is_err(), "{spec:?} changed at {at}");
        }
        for len in (0..envelope.len()).step_by(step) {
            assert!(open(Allowed::Keys(&[&key]), &envelope[..len]).is_err(), "{spec:?} cut to {len}");
        }
        // The cell of another envelope for the same key.
        let (other, at) = (sealed_to(&[&key.public_key().unwrap()], b"message"), 44 + 11);
        let mut moved = envelope.clone();
        moved[at..at + cell].copy_from_slice(&other[at..at + cell]);
        assert_eq!(status(open(Allowed::Keys(&[&key]), &moved)), Some(Status::Auth));
        let wrong = Context::pack(&[("table", "card5")]).unwrap();
        let mut out = [0; 7];
        let refused = decrypt_into(
            Allowed::Keys(&[&key]),
            &envelope,
            &Context::unpack(&wrong).unwrap(),
            &DecryptOptions::default(),
            &mut out,
        );
        assert_eq!((status(refused), out), (Some(Status::Auth), [0; 7]));
    }
}

/// Mutation seen to fail it: no look at the KEM's number in `check_area`.
#[test]
fn cells_of_other_lengths_kems_and_versions_are_malformed() {
    let store = Store::in_memory().unwrap();
    let key = key_of(&store, KeySpec::X25519);
    let envelope = sealed_to(&[&key.public_key().unwrap()], b"message");
    let at = 44 + 11;
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = envelope.clone();
        change(&mut changed);
        status(open(Allowed::Keys(&[&key]), &changed))
    };
    let malformed = Some(Status::Malformed);
    assert_eq!(changed(&|e| e[at + 32..at + 34].copy_from_slice(&[0x64, 0x7a])), malformed);
    assert_eq!(changed(&|e| e[at + 32..at + 34].copy_from_slice(&[0, 0x10])), malformed);
    assert_eq!(changed(&|e| e[at + 20..at + 24].fill(0)), malformed);
    assert_eq!(changed(&|e| e[at + 1] = 1), malformed);
    // A byte longer, and the area with it.
    let longer = |e: &mut Vec<u8>| {
        e[7] += 1;
        e[at + 3] += 1;
        e.insert(at + 114, 0);
    };
    assert_eq!(changed(&longer), malformed);
    let shorter = |e: &mut Vec<u8>| {
        e[7] -= 1;
        e[at + 3] -= 1;
        e.remove(at + 113);
    };
    assert_eq!(changed(&shorter), malformed);
}

#[test]
fn cells_of_both_types_stand_together_and_each_opens() {
    let store = Store::in_memory().unwrap();
    let keys: Vec<Key> =
        [KeySpec::X25519, KeySpec::Symmetric, KeySpec::XWing].map(|spec| key_of(&store, spec)).into();
    let all: Vec<&Key> = keys.iter().collect();
    let packed = context();
    let context = Context::unpack(&packed).unwrap();
    let options = EncryptOptions { free_cells: 1, ..Default::default() };
    let size = encrypted_size_under(&all, 7, 0, &options).unwrap();
    assert_eq!(size, 44 + 114 + 104 + 1_202 + 104 + 7 + 16);
    let mut envelope = vec![0; size];
    encrypt_into(&all, b"message", &context, &StoredContext::None, &options, &mut envelope).unwrap();
    for key in &all {
        let (out, opened) = open(Allowed::Keys(&[key]), &envelope).unwrap();
        assert_eq!((out.as_slice(), opened.key_id), (&b"message"[..], key.id()));
    }
    let seen = inspect(&envelope, Some(size as u64)).unwrap();
    let kinds: Vec<_> = seen.cells.iter().map(|cell| cell.kind).collect();
    assert_eq!(kinds, ["sealed", "key", "sealed", "free"]);
    assert_eq!(seen.cells[2].key.as_ref().unwrap().kem, Some("HPKE_X_WING"));
    assert!(seen.to_string().contains("sealed (HPKE_X25519) to key"));
    let told = explain(Ok(&store), None, &envelope, Some(size as u64), &context);
    assert!(told.head_opens, "{told}");

    // In place as well, and as data key blobs.
    let head = head_size_under(&all, 0, &PLAIN).unwrap();
    let mut buffer = vec![0; head + 100];
    buffer[head..head + 7].copy_from_slice(b"message");
    let size = encrypt_in_place(&all, &mut buffer, head, 7, &context, &StoredContext::None, &PLAIN).unwrap();
    assert_eq!(open(Allowed::Keys(&[all[2]]), &buffer[..size]).unwrap().0, b"message");
    for n in [16, 32, 1_024] {
        let size = data_key_blob_size_under(&all, n, 0).unwrap();
        let (mut plain, mut blob) = (vec![0; n], vec![0; size]);
        generate_data_key(&all, n, &context, &StoredContext::None, Some(&mut plain), &mut blob).unwrap();
        assert_eq!(data_key_size(&blob), Ok(n));
        for key in &all {
            let mut out = vec![0; n];
            let options = DecryptOptions::default();
            decrypt_data_key_into(Allowed::Keys(&[key]), &blob, &context, &options, &mut out).unwrap();
            assert_eq!(out, plain);
        }
    }
}

/// Mutation seen to fail it: `wrap` of rewrap.rs that makes a key cell whatever the target is.
#[test]
fn a_rewrap_seals_to_the_newest_version_and_a_reencrypt_to_any_key() {
    let store = Store::in_memory().unwrap();
    for (spec, _) in SPECS {
        let key = key_of(&store, spec);
        let before = sealed_to(&[&key.public_key().unwrap()], b"message");
        let mut envelope = before.clone();
        assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut envelope, None).unwrap().cells_current, 1);
        assert_eq!(envelope, before);
        store.rotate_key(&KeyName::Id(key.id())).unwrap();
        assert_eq!(rewrap(Allowed::Keys(&[&key]), &mut envelope, None).unwrap().cells_rewrapped, 1);
        assert_eq!(envelope.len(), before.len());
        let (out, opened) = open(Allowed::AnyKeyOf(&store), &envelope).unwrap();
        assert_eq!((out.as_slice(), opened.version), (&b"message"[..], 2));

        let symmetric = key_of(&store, KeySpec::Symmetric);
        let packed = context();
        let context = Context::unpack(&packed).unwrap();
        for to in [&symmetric, &key] {
            let moved = reencrypt(
                Allowed::Keys(&[&key]),
                &envelope,
                &context,
                &[to],
                &context,
                &StoredContext::None,
                &ReencryptOptions::default(),
            )
            .unwrap();
            assert_eq!(open(Allowed::Keys(&[to]), &moved).unwrap().0, b"message");
        }
    }
}

#[test]
fn a_file_without_a_free_cell_of_the_size_is_rewrapped_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealed");
    let store = Store::in_memory().unwrap();
    let key = key_of(&store, KeySpec::X25519);
    std::fs::write(&path, sealed_to(&[&key.public_key().unwrap()], b"message")).unwrap();
    store.rotate_key(&KeyName::Id(key.id())).unwrap();
    assert_eq!(rewrap_file(Allowed::Keys(&[&key]), &path, None).unwrap().cells_rewrapped, 1);
    let envelope = std::fs::read(&path).unwrap();
    assert_eq!(open(Allowed::Keys(&[&key]), &envelope).unwrap().1.version, 2);
}

#[test]
fn keys_of_another_usage_neither_seal_nor_open() {
    let store = Store::in_memory().unwrap();
    let mac = key_of(&store, KeySpec::Hmac256);
    let packed = context();
    let context = Context::unpack(&packed).unwrap();
    let mut out = vec![0xa5; 200];
    let refused = encrypt_into(&[&mac], b"message", &context, &StoredContext::None, &PLAIN, &mut out);
    assert_eq!(status(refused), Some(Status::InvalidKeyUsage));
    assert_eq!(out, [0; 200]);
    let sealing = key_of(&store, KeySpec::X25519);
    assert_eq!(status(sealing.generate_mac(b"m", &mut out)), Some(Status::InvalidKeyUsage));
    let envelope = sealed_to(&[&sealing.public_key().unwrap()], b"message");
    assert_eq!(status(open(Allowed::Keys(&[&mac]), &envelope)), Some(Status::KeyNotAllowed));
    // A cell of type 0x01 that names the sealing key.
    let symmetric = key_of(&store, KeySpec::Symmetric);
    let size = encrypted_size(7, 1, 0, &PLAIN).unwrap();
    let mut envelope = vec![0; size];
    encrypt_into(&[&symmetric], b"message", &context, &StoredContext::None, &PLAIN, &mut envelope).unwrap();
    let public = sealing.public_key().unwrap().to_bytes();
    envelope[48..76].copy_from_slice(&public[4..32]);
    assert_eq!(status(open(Allowed::Keys(&[&sealing]), &envelope)), Some(Status::Auth));
}

#[test]
fn limits_are_errors() {
    let store = Store::in_memory().unwrap();
    let public = key_of(&store, KeySpec::XWing).public_key().unwrap();
    assert!(sealed_size(0, &[&public; 27], 0).is_ok());
    assert_eq!(status(sealed_size(0, &[&public; 28], 0)), Some(Status::LimitExceeded));
    assert_eq!(status(sealed_size(0, &[], 0)), Some(Status::InvalidArgument));
    let public = key_of(&store, KeySpec::X25519).public_key().unwrap();
    assert!(sealed_size(0, &[&public; 32], 0).is_ok());
    assert_eq!(status(sealed_size(0, &[&public; 33], 0)), Some(Status::LimitExceeded));
    let mut small = [0xa5; 100];
    let packed = context();
    let context = Context::unpack(&packed).unwrap();
    let refused = seal_into(&[&public], b"", &context, &StoredContext::None, &Work::default(), &mut small);
    assert!(matches!(refused, Err(Error::BufferTooSmall { needed: 174 })), "{refused:?}");
    assert_eq!(small, [0xa5; 100]);
}
