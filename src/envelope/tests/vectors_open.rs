//! The vectors, opened and refused through the public calls with keys planted in a store.

use serde_json::Value;

use super::super::{
    Allowed, AllowedKeys, Context, DecryptOptions, Decryptor, Pull, Reader, Work, authenticated_context,
    data_key_size, decrypt_data_key_into, decrypt_in_place, decrypt_into, decrypted_size,
};
use super::pulling::{Pieces, drain};
use super::reading_at::Object;
use super::vectors::{
    cell_version, data, envelope_of, list, load, packed_context, plaintext, text, unhex, unhex_array,
};
use crate::error::{Result, Status};
use crate::keystore::{Key, KeyId, KeyName, Planted, Store};

/// A store with the keys of these cells; cells of one key id are versions, or materials, of one key.
fn store_of(cells: &[Value]) -> (Store, Vec<Key>) {
    let store = Store::in_memory().unwrap();
    let mut keys: Vec<(KeyId, Vec<Planted>)> = Vec::new();
    for cell in cells.iter().filter(|cell| text(cell, "cell") == "key") {
        let version = cell_version(cell);
        let planted = Planted {
            version: version.version,
            material: unhex_array(text(cell, "kek")),
            former: Vec::new(),
        };
        match keys.iter_mut().find(|(id, _)| *id == version.key_id) {
            Some((_, versions)) => versions.push(planted),
            None => keys.push((version.key_id, vec![planted])),
        }
    }
    let handles = keys
        .into_iter()
        .map(|(id, mut versions)| {
            versions.sort_by_key(|version| version.version);
            store.plant(id, &versions).unwrap();
            store.key(&KeyName::Id(id)).unwrap()
        })
        .collect();
    (store, handles)
}

fn open(
    allowed: Allowed<'_>,
    envelope: &[u8],
    packed: &[u8],
    accept_stored_context: bool,
) -> Result<Vec<u8>> {
    let context = Context::unpack(packed)?;
    let options = DecryptOptions { accept_stored_context, ..Default::default() };
    let mut out = vec![0xA5; decrypted_size(envelope).unwrap_or(envelope.len())];
    let opened = decrypt_into(allowed, envelope, &context, &options, &mut out);
    let mut buffer = envelope.to_vec();
    let in_place = decrypt_in_place(allowed, &mut buffer, &context, &options);
    let streamed = streamed(allowed, envelope, &context, &options);
    let read = read_at(allowed, envelope, &context, &options);
    match (&opened, &streamed, &read) {
        (Ok(opened), Ok(streamed), Ok(read)) => {
            assert!(*streamed == out[..opened.len] && read == streamed);
        }
        // A stream does not know how much is to come, so it may find at the end what one call sees at once.
        (Err(_), Err(streamed), Err(read)) => {
            for error in [streamed, read] {
                let status = error.status() as i32;
                assert!((200..400).contains(&status), "{error:?}");
            }
        }
        _ => panic!("in one call {opened:?}, streamed {streamed:?}, read {read:?}"),
    }
    match (opened, in_place) {
        (Ok(opened), Ok(in_place)) => {
            assert_eq!((opened.key_id, opened.version), (in_place.key_id, in_place.version));
            assert_eq!(&buffer[..in_place.len], &out[..opened.len]);
            let told = authenticated_context(allowed, envelope, &context, &options).unwrap();
            if let Some(context) = opened.context {
                assert_eq!(context, told);
            }
            Ok(out)
        }
        (Err(e), Err(other)) => {
            assert_eq!(e, other);
            assert!(out.iter().all(|byte| *byte == 0));
            assert!(buffer == envelope || buffer.iter().all(|byte| *byte == 0));
            Err(e)
        }
        (one, other) => panic!("out of place {one:?}, in place {other:?}"),
    }
}

fn held(allowed: Allowed<'_>) -> AllowedKeys {
    match allowed {
        Allowed::Keys(keys) => AllowedKeys::Keys(keys.iter().map(|&key| key.clone()).collect()),
        Allowed::AnyKeyOf(store) => AllowedKeys::AnyKeyOf(store.clone()),
    }
}

/// Pushed in pieces of a few hundred bytes, and pulled, which must come to the same.
pub(super) fn streamed(
    allowed: Allowed<'_>,
    envelope: &[u8],
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
) -> Result<Vec<u8>> {
    let begin = || Decryptor::new(held(allowed), context, options).unwrap();
    let (mut pushed, mut all) = (begin(), Vec::new());
    let mut push = || -> Result<()> {
        for piece in envelope.chunks(777) {
            let mut out = vec![0; pushed.update_size(piece.len())];
            let len = pushed.update(piece, &mut out, &Work::default())?;
            all.extend_from_slice(&out[..len]);
        }
        let mut out = vec![0; pushed.finish_size()];
        let len = pushed.finish(&mut out)?;
        all.extend_from_slice(&out[..len]);
        Ok(())
    };
    let pushed = push().map(|()| all);
    let mut pull = Pull::decrypting(begin(), Pieces::new(envelope, &[1, 5_000, 300]));
    let (pulled, end) = drain(&mut pull, &[40_000, 1], &Work::default());
    match (&pushed, &end) {
        (Ok(pushed), Ok(())) => assert_eq!(*pushed, pulled),
        (Err(pushed), Err(end)) => assert_eq!(pushed.status(), end.status()),
        other => panic!("pushed and pulled: {other:?}"),
    }
    pushed
}

/// Read at random access, from its middle on and then its front.
pub(super) fn read_at(
    allowed: Allowed<'_>,
    envelope: &[u8],
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
) -> Result<Vec<u8>> {
    let object = Box::new(Object::new(envelope.to_vec()));
    let reader = Reader::open(&held(allowed), object, context, options)?;
    let mut out = vec![0xA5; reader.len()? as usize];
    let (front, back) = out.split_at_mut(reader.len()? as usize / 2);
    assert_eq!(reader.pread(front.len() as u64, back, &Work::default())?, back.len());
    assert_eq!(reader.pread(0, front, &Work::default())?, front.len());
    Ok(out)
}

fn open_blob(allowed: Allowed<'_>, blob: &[u8], packed: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0xA5; data_key_size(blob).unwrap_or(1024)];
    let context = Context::unpack(packed)?;
    let opened = decrypt_data_key_into(allowed, blob, &context, &DecryptOptions::default(), &mut out);
    if opened.is_err() {
        assert!(out.iter().all(|byte| *byte == 0));
    }
    opened.map(|_| out)
}

#[test]
fn every_envelope_opens_under_each_of_its_keys_and_any() {
    let vectors = load();
    for row in list(&vectors, "envelopes") {
        let name = text(row, "name");
        let envelope = envelope_of(row);
        let packed = packed_context(&row["context"]);
        let expected = plaintext(row);
        let (store, keys) = store_of(list(row, "cells"));
        assert_eq!(
            open(Allowed::AnyKeyOf(&store), &envelope, &packed, false).as_deref(),
            Ok(&expected[..]),
            "{name}"
        );
        for key in &keys {
            assert_eq!(
                open(Allowed::Keys(&[key]), &envelope, &packed, true).as_deref(),
                Ok(&expected[..]),
                "{name}"
            );
        }
        // With all values stored, none need be given where that is accepted; where it is not, none may be missing.
        let stored = row["stored_values_of"].as_array().map_or(0, Vec::len);
        let pairs = row["context"].as_object().unwrap().len();
        if stored > 0 && stored == pairs {
            assert_eq!(
                open(Allowed::AnyKeyOf(&store), &envelope, &[], true).as_deref(),
                Ok(&expected[..]),
                "{name}"
            );
        }
        if pairs > 0 {
            let refused = open(Allowed::AnyKeyOf(&store), &envelope, &[], false).unwrap_err();
            assert_eq!(refused.status(), Status::Auth, "{name}");
        }
    }
}

#[test]
fn every_data_key_blob_opens() {
    let vectors = load();
    for row in list(&vectors, "data_key_blobs") {
        let (store, _) = store_of(list(row, "cells"));
        let opened =
            open_blob(Allowed::AnyKeyOf(&store), &unhex(text(row, "blob")), &packed_context(&row["context"]));
        assert_eq!(opened, Ok(unhex(text(row, "data_key"))));
    }
}

#[test]
fn every_state_of_an_interrupted_rewrap_opens() {
    let vectors = load();
    let rewrap = &vectors["rewrap"];
    let (store, keys) = store_of(&[rewrap["old"].clone(), rewrap["new"].clone()]);
    for row in list(rewrap, "states") {
        for allowed in [Allowed::AnyKeyOf(&store), Allowed::Keys(&[&keys[0]])] {
            let opened = open(allowed, &data(row), &packed_context(&rewrap["context"]), false);
            assert_eq!(opened, Ok(unhex(text(rewrap, "plaintext"))), "{}", text(row, "state"));
        }
    }
}

/// Fails when opening stops at the first cell that fails.
#[test]
fn a_failed_cell_is_passed_over() {
    let vectors = load();
    let set = &vectors["fall_through"];
    let (store, _) = store_of(list(set, "cells"));
    for row in list(set, "rows") {
        let opened = open(Allowed::AnyKeyOf(&store), &data(row), &packed_context(&set["context"]), false);
        assert_eq!(opened, Ok(unhex(text(set, "plaintext"))), "{}", text(row, "why"));
    }
}

#[test]
fn two_materials_of_one_number_each_open_their_own() {
    let vectors = load();
    let set = &vectors["materials"];
    let (store, _) = store_of(list(set, "cells"));
    for envelope in list(set, "envelopes") {
        let envelope = unhex(envelope.as_str().unwrap());
        let opened = open(Allowed::AnyKeyOf(&store), &envelope, &packed_context(&set["context"]), false);
        assert_eq!(opened, Ok(unhex(text(set, "plaintext"))));
    }
}

/// Malformed: any 3xx but AUTH. Auth: AUTH, or KEY_NOT_FOUND where no cell names material that is held.
#[test]
fn everything_that_must_be_refused_is_with_the_right_class() {
    let vectors = load();
    let set = &vectors["refused"];
    let key = serde_json::json!({
        "cell": "key", "key_id": set["key_id"], "version": set["version"], "kek": set["kek"],
        "material_id": null,
    });
    let store = Store::in_memory().unwrap();
    let id: KeyId = text(&key, "key_id").parse().unwrap();
    let version = key["version"].as_u64().unwrap() as u32;
    store
        .plant(id, &[Planted { version, material: unhex_array(text(&key, "kek")), former: Vec::new() }])
        .unwrap();
    let handle = store.key(&KeyName::Id(id)).unwrap();
    for row in list(set, "rows") {
        let why = text(row, "why");
        let bytes = data(row);
        let accept = row["accept_stored_values"].as_bool().unwrap_or(false);
        // Some rows' contexts break the limits themselves: such a caller is refused before any envelope is read.
        let pairs: Vec<_> = row["context"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str().unwrap()))
            .collect();
        let packed = Context::pack(&pairs).unwrap_or_default();
        for allowed in [Allowed::AnyKeyOf(&store), Allowed::Keys(&[&handle])] {
            let refused = match row["data_key_blob"].as_bool() {
                Some(true) => open_blob(allowed, &bytes, &packed),
                _ => open(allowed, &bytes, &packed, accept),
            };
            let status = refused.expect_err(why).status();
            match text(row, "class") {
                "malformed" => assert!(
                    (300..400).contains(&(status as i32)) && status != Status::Auth,
                    "{why}: {status:?}"
                ),
                _ => assert!(matches!(status, Status::Auth | Status::KeyNotFound), "{why}: {status:?}"),
            }
            // KEY_NOT_FOUND only where the cell's public names say so.
            let names = [
                "changed at 48",
                "changed at 67",
                "changed at 68",
                "changed at 60",
                "changed at 44: cell type: unknown",
            ];
            assert_eq!(
                status == Status::KeyNotFound,
                names.iter().any(|name| why.starts_with(name)),
                "{why}"
            );
        }
    }
}
