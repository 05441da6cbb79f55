//! ReEncrypt.

use super::super::{
    Allowed, DecryptOptions, ReencryptOptions, StoredContext, data_key_blob_size, decrypt_data_key_into,
    generate_data_key, head_len, reencrypt, reencrypt_head,
};
use super::{
    CARD, bytes, context, decrypt, decrypt_with, encrypt, encrypt_with, new_key, pack, store_and_key,
};
use crate::error::{Error, Status};

const ROW: &[(&str, &str)] = &[("row", "18"), ("table", "cards")];

#[test]
fn the_payload_is_kept_under_another_key_and_context() {
    let (store, old) = store_and_key();
    let new = store_and_key().1;
    let plain = bytes(1, 40_000);
    let before = encrypt_with(&[&old], &plain, CARD, StoredContext::All, 0);
    let (from, to) = (pack(CARD), pack(ROW));
    let options = ReencryptOptions { free_cells: 1, ..Default::default() };
    let stored = StoredContext::Names;
    let after = reencrypt(
        Allowed::AnyKeyOf(&store),
        &before,
        &context(&from),
        &[&new],
        &context(&to),
        &stored,
        &options,
    )
    .unwrap();
    assert_eq!(after[head_len(&after).unwrap()..], before[head_len(&before).unwrap()..]);
    assert_ne!(after[12..44], before[12..44]);
    let opened = decrypt_with(Allowed::Keys(&[&new]), &after, ROW, false);
    assert_eq!(opened.as_deref(), Ok(&plain[..]));
    assert_eq!(decrypt_with(Allowed::Keys(&[&new]), &after, CARD, false), Err(Error::Auth));
    assert_eq!(decrypt(&old, &after), Err(Error::Auth));
    assert_eq!(decrypt_with(Allowed::Keys(&[&old]), &after, ROW, false), Err(Error::NoUsableCell));
    assert_eq!(decrypt(&old, &before).as_deref(), Ok(&plain[..]));
    // The head alone, for a payload that is copied elsewhere.
    let head = reencrypt_head(
        Allowed::Keys(&[&old]),
        &before[..head_len(&before).unwrap()],
        &context(&from),
        &[&new],
        &context(&to),
        &stored,
        &options,
    );
    let spliced = [&head.unwrap()[..], &before[head_len(&before).unwrap()..]].concat();
    assert_eq!(decrypt_with(Allowed::Keys(&[&new]), &spliced, ROW, false).as_deref(), Ok(&plain[..]));
}

/// Fails when ReEncrypt does not check the commitment: whoever names another context would get an envelope under it.
#[test]
fn the_old_context_must_be_right() {
    let (_, key) = store_and_key();
    let before = encrypt(&[&key], b"message");
    let (from, to) = (pack(ROW), pack(CARD));
    let allowed = Allowed::Keys(&[&key]);
    let options = ReencryptOptions::default();
    let refused =
        reencrypt(allowed, &before, &context(&from), &[&key], &context(&to), &StoredContext::None, &options);
    assert_eq!(refused, Err(Error::Auth));
    let cut = reencrypt(
        allowed,
        &before[..before.len() - 20],
        &context(&to),
        &[&key],
        &context(&to),
        &StoredContext::None,
        &options,
    );
    assert_eq!(cut, Err(Error::Auth));
}

/// Fails when cells out of reach are dropped unasked.
#[test]
fn cells_out_of_reach_are_not_lost_unasked() {
    let (store, one) = store_and_key();
    let two = new_key(&store);
    let foreign = store_and_key().1;
    let new = new_key(&store);
    let packed = pack(CARD);
    let context = context(&packed);
    let again = |allowed: Allowed<'_>, envelope: &[u8], keys: &[&crate::keystore::Key], drop_unreachable| {
        let options = ReencryptOptions { drop_unreachable, ..Default::default() };
        reencrypt(allowed, envelope, &context, keys, &context, &StoredContext::None, &options)
    };
    let three = encrypt(&[&one, &two, &foreign], b"message");
    let refused = again(Allowed::AnyKeyOf(&store), &three, &[&new], false).unwrap_err();
    assert_eq!(refused, Error::KeyNotFound { name: foreign.id().to_string().into() });
    let refused = again(Allowed::Keys(&[&one]), &three, &[&new, &foreign], false).unwrap_err();
    assert_eq!(refused, Error::KeyNotFound { name: two.id().to_string().into() });
    let kept = again(Allowed::Keys(&[&one, &two]), &three, &[&new, &foreign], false).unwrap();
    assert_eq!(decrypt(&foreign, &kept).as_deref(), Ok(&b"message"[..]));
    let dropped = again(Allowed::Keys(&[&one]), &three, &[&new], true).unwrap();
    assert_eq!(decrypt(&new, &dropped).as_deref(), Ok(&b"message"[..]));
    assert_eq!(decrypt(&one, &dropped).unwrap_err().status(), Status::KeyNotAllowed);
    // An unknown type of cell is out of reach, too.
    let mut unknown = encrypt(&[&one, &two], b"message");
    unknown[148] = 0x55;
    assert_eq!(
        again(Allowed::AnyKeyOf(&store), &unknown, &[&one], false).unwrap_err().status(),
        Status::KeyNotFound
    );
    assert!(again(Allowed::AnyKeyOf(&store), &unknown, &[&one], true).is_ok());
    assert_eq!(again(Allowed::Keys(&[&new]), &three, &[&new], false), Err(Error::KeyNotAllowed));
}

#[test]
fn blobs_are_re_encrypted_too() {
    let (_, old) = store_and_key();
    let new = store_and_key().1;
    let (from, to) = (pack(CARD), pack(ROW));
    let mut plain = [0; 64];
    let mut blob = vec![0; data_key_blob_size(64, 1, 0).unwrap()];
    generate_data_key(&[&old], 64, &context(&from), &StoredContext::None, Some(&mut plain), &mut blob)
        .unwrap();
    let again = |free_cells| {
        let options = ReencryptOptions { free_cells, ..Default::default() };
        let allowed = Allowed::Keys(&[&old]);
        reencrypt(allowed, &blob, &context(&from), &[&new], &context(&to), &StoredContext::All, &options)
    };
    let after = again(0).unwrap();
    let mut out = [0; 64];
    let options = DecryptOptions::default();
    decrypt_data_key_into(Allowed::Keys(&[&new]), &after, &context(&to), &options, &mut out).unwrap();
    assert_eq!(out, plain);
    assert!(matches!(again(1), Err(Error::InvalidArgument { .. })));
}
