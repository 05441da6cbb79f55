//! Envelopes that an attacker who knows the keys would make.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

use super::super::chunks::{Position, open};
use super::super::head::Kind;
use super::super::seal::Plan;
use super::super::suite::{Dek, set_payload_key};
use super::super::{Allowed, StoredContext};
use super::{CARD, bytes, context, decrypt, decrypt_with, new_key, pack, store_and_key, with_lane};
use crate::error::Error;
use crate::keystore::Key;

/// An envelope head whose cells wrap a DEK each, and which commits to the first of `committed`.
fn head_of(cells: &[(&Key, &[u8; 32])], committed: &[u8; 32]) -> Vec<u8> {
    let packed = pack(CARD);
    let context = context(&packed);
    let plan = Plan::new(Kind::Envelope, &context, &StoredContext::None).unwrap();
    let mut head = vec![0; 44 + 104 * cells.len()];
    let mut writer = plan.begin(committed, &mut head);
    for (i, (key, dek)) in cells.iter().enumerate() {
        let wrapped = with_lane(|lane| {
            key.view(&crate::keystore::Wish::ANY, |view| {
                let version = view.current().unwrap();
                writer.key_cell(44 + 104 * i, version, |aad, nonce, out| {
                    version.kek().unwrap().wrap(lane, aad, &dek[..], nonce, out)
                })
            })
        });
        wrapped.unwrap();
    }
    head
}

fn payload_key(dek: &[u8; 32]) -> [u8; 32] {
    let mut message_dek = Dek::zeroed(32);
    message_dek.room().copy_from_slice(dek);
    with_lane(|lane| {
        set_payload_key(lane, &message_dek);
        lane.payload_key
    })
}

/// T-02 (AWS Encryption SDK CVE-2020-8897): one payload that is valid under two DEKs, and cells that give one to one
/// reader and the other to another. The collision is real: both engines' keys open the chunk. Fails when the
/// commitment is not compared.
#[test]
fn one_payload_never_shows_two_readers_two_messages() {
    let (store, one) = store_and_key();
    let two = new_key(&store);
    let deks = [[1; 32], [2; 32]];
    let payload_keys = deks.map(|dek| payload_key(&dek));
    let payload = collide(&payload_keys, bytes(1, 96));
    let shown = payload_keys.map(|key| {
        let mut out = vec![0; payload.len() - 16];
        with_lane(|lane| {
            lane.payload.set(&key);
            open(&lane.payload, Position::START, &payload, &mut out)
        })
        .unwrap();
        out
    });
    assert_ne!(shown[0], shown[1]);
    for committed in 0..2 {
        let head = head_of(&[(&one, &deks[0]), (&two, &deks[1])], &deks[committed]);
        let envelope = [&head[..], &payload].concat();
        let readers = [&one, &two].map(|key| decrypt(key, &envelope));
        assert_eq!(readers[committed].as_ref(), Ok(&shown[committed]));
        assert_eq!(readers[1 - committed], Err(Error::Auth));
        // Whichever cell comes first, one message is all that anybody is shown.
        let any = decrypt_with(Allowed::AnyKeyOf(&store), &envelope, CARD, false);
        assert_eq!(any.as_ref(), Ok(&shown[committed]));
    }
    let neither = [&head_of(&[(&one, &deks[0]), (&two, &deks[1])], &[3; 32])[..], &payload].concat();
    assert_eq!(decrypt(&one, &neither), Err(Error::Auth));
    assert_eq!(decrypt(&two, &neither), Err(Error::Auth));
}

/// T-14, second half: a cell that is validly wrapped, for a DEK of the attacker's own.
#[test]
fn a_valid_cell_for_another_dek_fails_at_the_commitment() {
    let (_, key) = store_and_key();
    let (ours, theirs) = ([5; 32], [6; 32]);
    let mut chunk = vec![0; 20];
    with_lane(|lane| {
        lane.payload.set(&payload_key(&theirs));
        lane.payload.seal(&[0; 12], &[], b"fake", &mut chunk);
    });
    let envelope = [&head_of(&[(&key, &theirs)], &ours)[..], &chunk].concat();
    assert_eq!(decrypt(&key, &envelope), Err(Error::Auth));
    let honest = [&head_of(&[(&key, &theirs)], &theirs)[..], &chunk].concat();
    assert_eq!(decrypt(&key, &honest).as_deref(), Ok(&b"fake"[..]));
    // Behind it a good cell still opens.
    let mut chunk = vec![0; 20];
    with_lane(|lane| {
        lane.payload.set(&payload_key(&ours));
        lane.payload.seal(&[0; 12], &[], b"real", &mut chunk);
    });
    let both = [&head_of(&[(&key, &theirs), (&key, &ours)], &ours)[..], &chunk].concat();
    assert_eq!(decrypt(&key, &both).as_deref(), Ok(&b"real"[..]));
}

/// Changes the last block of a ciphertext so that, with the tag returned behind it, it is valid AES-256-GCM with a zero
/// nonce and no AAD under both keys. For both keys tag = GHASH(C) + E(J0), and x, the last block, enters as x·H²; the
/// two equations have x and the tag as unknowns.
fn collide(keys: &[[u8; 32]; 2], mut ct: Vec<u8>) -> Vec<u8> {
    assert_eq!(ct.len() % 16, 0);
    let last = ct.len() - 16;
    ct[last..].fill(0);
    let parts = keys.map(|key| {
        let cipher = Aes256::new(&key.into());
        let block = |bytes: [u8; 16]| {
            let mut block = bytes.into();
            cipher.encrypt_block(&mut block);
            u128::from_be_bytes(block.into())
        };
        let h = block([0; 16]);
        let j0 = block(1u128.to_be_bytes());
        let lengths = (ct.len() as u128) * 8;
        let blocks = ct.chunks(16).map(|block| u128::from_be_bytes(block.try_into().unwrap()));
        let ghash = blocks.chain([lengths]).fold(0, |y, block| multiply(y ^ block, h));
        (multiply(h, h), ghash ^ j0)
    });
    let [(h1, rest1), (h2, rest2)] = parts;
    let x = multiply(rest1 ^ rest2, invert(h1 ^ h2));
    ct[last..].copy_from_slice(&x.to_be_bytes());
    let tag = multiply(x, h1) ^ rest1;
    assert_eq!(tag, multiply(x, h2) ^ rest2);
    ct.extend_from_slice(&tag.to_be_bytes());
    ct
}

/// Multiplication in GCM's field (NIST SP 800-38D, 6.3).
fn multiply(x: u128, y: u128) -> u128 {
    let (mut z, mut v) = (0, y);
    for i in (0..128).rev() {
        if x >> i & 1 == 1 {
            z ^= v;
        }
        v = v >> 1 ^ if v & 1 == 1 { 0xE1 << 120 } else { 0 };
    }
    z
}

/// The inverse: x to the power 2^128 − 2.
fn invert(x: u128) -> u128 {
    let (mut result, mut power) = (1 << 127, x);
    for _ in 1..128 {
        power = multiply(power, power);
        result = multiply(result, power);
    }
    result
}
