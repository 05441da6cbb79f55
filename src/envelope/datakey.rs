//! Data keys: a random key for the caller, and the blob that gives it back. FORMAT.md section 8.

use super::head::{Head, Kind};
use super::open::{Call, failed, unlock};
use super::seal::Plan;
use super::size::data_key_blob_size_under;
use super::stored::StoredContext;
use super::suite::AnyDek;
use super::{Allowed, DecryptOptions, Opened};
use crate::context::Context;
use crate::crypto::with_lane;
use crate::error::{Error, Result};
use crate::keystore::Key;
use crate::operation::Operation;

/// Makes a data key of 16 to 1,024 random bytes into the front of `plaintext` (None: without plaintext) and its blob
/// into the front of `blob`. Returns the blob's size ([`data_key_blob_size_under`]).
///
/// # Errors
/// As [`super::encrypt_into`]. Both outputs are wiped on failure; BUFFER_TOO_SMALL leaves both untouched.
pub fn generate_data_key(
    keys: &[&Key],
    size: usize,
    context: &Context<'_>,
    stored: &StoredContext<'_>,
    mut plaintext: Option<&mut [u8]>,
    blob: &mut [u8],
) -> Result<usize> {
    let operation = match plaintext {
        Some(_) => Operation::GenerateDataKey,
        None => Operation::GenerateDataKeyWithoutPlaintext,
    };
    let planned = Plan::new(Kind::DataKey, context, stored).and_then(|plan| {
        let size = data_key_blob_size_under(keys, size, plan.stored_len)?;
        Ok((plan, size))
    });
    let (plan, blob_size) = Allowed::Keys(keys).read(operation, context, planned)?;
    if blob.len() < blob_size {
        return Err(Error::BufferTooSmall { needed: blob_size });
    }
    if plaintext.as_ref().is_some_and(|plaintext| plaintext.len() < size) {
        return Err(Error::BufferTooSmall { needed: size });
    }
    let made = with_lane(|lane| {
        let dek = AnyDek::fresh(lane, size)?;
        plan.seal(lane, operation, size, dek.expose(), keys, &mut blob[..blob_size], None)??;
        if let Some(plaintext) = &mut plaintext {
            plaintext[..size].copy_from_slice(dek.expose());
        }
        Ok(blob_size)
    });
    if made.is_err() {
        blob.fill(0);
        if let Some(plaintext) = plaintext {
            plaintext.fill(0);
        }
    }
    made
}

/// Opens a data key blob into the front of `out` ([`super::data_key_size`]).
///
/// # Errors
/// As [`super::decrypt_into`].
pub fn decrypt_data_key_into(
    allowed: Allowed<'_>,
    blob: &[u8],
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
    out: &mut [u8],
) -> Result<Opened> {
    let mut opened = Opened::nothing();
    match open_into(&allowed, blob, context, options, out, &mut opened) {
        Ok(()) => Ok(opened),
        Err(e) => Err(failed(e, out)),
    }
}

fn open_into(
    allowed: &Allowed<'_>,
    blob: &[u8],
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
    out: &mut [u8],
    opened: &mut Opened,
) -> Result<()> {
    let head = allowed.read(Operation::Decrypt, context, Head::parse_blob(blob))?;
    let len = allowed.read(Operation::Decrypt, context, head.dek.ok_or(Error::NoUsableCell))?;
    let Some(out) = out.get_mut(..len) else {
        return Err(Error::BufferTooSmall { needed: len });
    };
    opened.len = len;
    with_lane(|lane| {
        let mut dek = AnyDek::zeroed(len);
        let call = Call { allowed, operation: Operation::Decrypt, head: &head, options };
        unlock(lane, &call, context, &mut dek, opened, |_, dek, made| {
            out.copy_from_slice(dek.expose());
            Ok(made.settle())
        })
    })
}
