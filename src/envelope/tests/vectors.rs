//! `tests/vectors/envelope-v1.json`, made by an implementation independent of this one: reproduced byte for byte from
//! the given randomness, opened, and refused with the right class.

use serde_json::Value;
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};

use super::super::cells::key_cell;
use super::super::chunks::{self, Position};
use super::super::head::Kind;
use super::super::seal::Plan;
use super::super::stored::StoredContext;
use super::super::suite::{Dek, set_payload_key};
use super::{version, with_lane};
use crate::context::Context;
use crate::crypto::sha256_into;
use crate::keystore::{KeyId, Version};

pub(super) fn load() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/envelope-v1.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name}"))
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name}"))
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

pub(super) fn unhex_array<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().unwrap()
}

pub(super) fn packed_context(value: &Value) -> Vec<u8> {
    let pairs: Vec<_> = value
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    Context::pack(&pairs).unwrap()
}

/// An envelope or blob given in hexadecimal, or compressed.
pub(super) fn data(row: &Value) -> Vec<u8> {
    if let Some(hex) = row["envelope"].as_str() {
        return unhex(hex);
    }
    miniz_oxide::inflate::decompress_to_vec_zlib(&unbase64(text(row, "envelope_zlib_base64"))).unwrap()
}

fn unbase64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        bits = bits << 6 | ALPHABET.iter().position(|a| *a == c).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

pub(super) fn cell_version(cell: &Value) -> Version {
    let key_id: KeyId = text(cell, "key_id").parse().unwrap();
    let made = version(key_id, cell["version"].as_u64().unwrap() as u32, &unhex_array(text(cell, "kek")));
    assert_eq!(made.material_id, unhex_array(text(cell, "material_id")));
    made
}

pub(super) fn plaintext(row: &Value) -> Vec<u8> {
    let mut out = vec![0; row["plaintext_size"].as_u64().unwrap() as usize];
    let mut shake = Shake128::default();
    shake.update(text(row, "plaintext_shake128").as_bytes());
    shake.finalize_xof().read(&mut out);
    out
}

/// The head of a row, from its DEK and its cells with their nonces.
fn seal_head(row: &Value, kind: Kind, dek: &[u8]) -> Vec<u8> {
    let packed = packed_context(&row["context"]);
    let context = Context::unpack(&packed).unwrap();
    let names: Vec<&str>;
    let stored = match row["stored_values_of"].as_array() {
        None => StoredContext::None,
        Some(values) => {
            names = values.iter().map(|name| name.as_str().unwrap()).collect();
            StoredContext::ValuesOf(&names)
        }
    };
    let plan = Plan::new(kind, &context, &stored).unwrap();
    let cells = list(row, "cells");
    let size = |cell: &Value| match text(cell, "cell") {
        "key" => key_cell(dek.len()),
        "free" => cell["length"].as_u64().unwrap() as usize,
        _ => unhex(text(cell, "bytes")).len(),
    };
    let fixed = 44 + plan.stored_len;
    let mut head = vec![0xA5; fixed + cells.iter().map(size).sum::<usize>()];
    // The first cell's place is lent to the others, so it must hold more than a short unknown cell does only where a
    // key cell follows: the area is large enough by then.
    let mut writer = plan.begin(dek, &mut head);
    let mut at = fixed;
    let mut later = Vec::new();
    for cell in cells {
        match text(cell, "cell") {
            "key" => {
                let version = cell_version(cell);
                let nonce = unhex_array(text(cell, "nonce"));
                with_lane(|lane| {
                    writer.key_cell(at, &version, |aad, out_nonce, out| {
                        *out_nonce = nonce;
                        version.kek().unwrap().wrap_with_nonce(lane, &nonce, aad, dek, out);
                        Ok(())
                    })
                })
                .unwrap();
            }
            "free" => writer.free_cell(at, size(cell)),
            _ => later.push((at, unhex(text(cell, "bytes")))),
        }
        at += size(cell);
    }
    for (at, bytes) in later {
        writer.raw_cell(at, &bytes);
    }
    head
}

/// A row's envelope, made from its randomness; large ones are given by their hash only.
pub(super) fn envelope_of(row: &Value) -> Vec<u8> {
    let name = text(row, "name");
    let secret = unhex(text(row, "dek"));
    let mut envelope = seal_head(row, Kind::Envelope, &secret);
    assert_eq!(envelope, unhex(text(row, "head")), "{name}");
    let plain = plaintext(row);
    let at = envelope.len();
    envelope.resize(at + chunks::sealed_len(plain.len()).unwrap(), 0);
    let mut dek = Dek::zeroed(32);
    dek.room().copy_from_slice(&secret);
    with_lane(|lane| {
        set_payload_key(lane, &dek);
        assert_eq!(lane.payload_key, unhex_array(text(row, "payload_key")), "{name}");
        chunks::seal(&lane.payload, Position::START, &plain, &mut envelope[at..]);
    });
    envelope
}

/// Fails when a label, the order of the commitment's inputs, the order of a cell's fields or a nonce changes.
#[test]
fn every_envelope_is_reproduced_from_its_randomness() {
    let vectors = load();
    for row in list(&vectors, "envelopes") {
        let name = text(row, "name");
        let envelope = envelope_of(row);
        assert_eq!(envelope.len() as u64, row["envelope_size"].as_u64().unwrap());
        let mut hash = [0; 32];
        sha256_into(&[&envelope], &mut hash);
        assert_eq!(hash, unhex_array(text(row, "envelope_sha256")), "{name}");
        if let Some(hex) = row["envelope"].as_str() {
            assert_eq!(envelope, unhex(hex), "{name}");
        }
    }
}

#[test]
fn every_data_key_blob_is_reproduced_from_its_randomness() {
    let vectors = load();
    for row in list(&vectors, "data_key_blobs") {
        let blob = seal_head(row, Kind::DataKey, &unhex(text(row, "data_key")));
        assert_eq!(blob, unhex(text(row, "blob")));
    }
}

#[test]
fn single_chunks_at_far_indices_are_reproduced_and_open() {
    let vectors = load();
    for row in list(&vectors, "chunks") {
        let at = Position { base: [0; 12], first: row["chunk"].as_u64().unwrap() };
        let plain = unhex(text(row, "plaintext"));
        let mut sealed = vec![0; plain.len() + 16];
        let mut opened = vec![0; plain.len()];
        with_lane(|lane| {
            lane.payload.set(&unhex_array(text(row, "payload_key")));
            chunks::seal(&lane.payload, at, &plain, &mut sealed);
            chunks::open(&lane.payload, at, &sealed, &mut opened).unwrap();
        });
        assert_eq!(sealed, unhex(text(row, "chunk_bytes")));
        assert_eq!(opened, plain);
    }
}

#[test]
fn contexts_have_the_given_encoding_and_no_other() {
    let vectors = load();
    for row in list(&vectors["contexts"], "canonical") {
        let canonical = unhex(text(row, "canonical"));
        assert_eq!(packed_context(&row["context"]), canonical);
        let pairs: Vec<_> = Context::from_canonical(&canonical).unwrap().pairs().collect();
        assert_eq!(pairs.len(), row["context"].as_object().unwrap().len());
        assert!(pairs.iter().all(|(name, value)| row["context"][name] == *value));
    }
    for row in list(&vectors["contexts"], "refused") {
        assert!(Context::from_canonical(&unhex(text(row, "bytes"))).is_err(), "{}", text(row, "why"));
    }
}
