//! Opening envelopes: FORMAT.md section 9.

use super::chunks::{self, Position};
use super::context::{Context, MAX_ENCODED};
use super::head::{Head, Kind};
use super::reach::{Misses, unwrap};
use super::stored::{agrees, merge};
use super::suite::{Dek, MessageDek, commits, set_payload_key};
use super::{Allowed, DEK, DecryptOptions, Opened};
use crate::crypto::{Lane, with_lane};
use crate::error::{Error, Result};
use crate::keystore::KeyId;

/// Opens an envelope into the front of `out`, which may be longer than the message ([`super::decrypted_size`]). No
/// chunk is touched before the commitment agrees, and nothing of a chunk is released before its tag verified.
///
/// # Errors
/// NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED; AUTH for wrong key, wrong context and changed data alike;
/// KEY_NOT_FOUND, KEY_NOT_ALLOWED, KEY_DISABLED where no cell could be tried; FORKED and the store's errors. All of
/// `out` is then zero. BUFFER_TOO_SMALL leaves it untouched.
pub fn decrypt_into(
    allowed: Allowed<'_>,
    envelope: &[u8],
    context: &Context<'_>,
    options: &DecryptOptions,
    out: &mut [u8],
) -> Result<Opened> {
    let opened = Head::parse(envelope, Some(Kind::Envelope)).and_then(|head| {
        let payload = &envelope[head.len()..];
        let len = chunks::plain_len(payload.len()).ok_or(Error::Auth)?;
        if out.len() < len {
            return Err(Error::BufferTooSmall { needed: len });
        }
        with_lane(|lane| {
            let mut dek = MessageDek::zeroed(DEK);
            let found = unlock(lane, &allowed, &head, context, options, &mut dek)?;
            set_payload_key(lane, &dek);
            chunks::open(&lane.payload, Position::START, payload, &mut out[..len])
                .map_err(|_| Error::Auth)?;
            Ok(found.opened(len))
        })
    });
    wipe_on_failure(&opened, out);
    opened
}

/// Opens an envelope in its own buffer; the message then lies at the front, and the bytes behind it mean nothing.
///
/// # Errors
/// As [`decrypt_into`]; the buffer is then zero.
pub fn decrypt_in_place(
    allowed: Allowed<'_>,
    buffer: &mut [u8],
    context: &Context<'_>,
    options: &DecryptOptions,
) -> Result<Opened> {
    let opened = with_lane(|lane| {
        let mut dek = MessageDek::zeroed(DEK);
        let head = Head::parse(buffer, Some(Kind::Envelope))?;
        let from = head.len();
        let len = chunks::plain_len(buffer.len() - from).ok_or(Error::Auth)?;
        let found = unlock(lane, &allowed, &head, context, options, &mut dek)?;
        set_payload_key(lane, &dek);
        chunks::open_in_place(&lane.payload, Position::START, buffer, from).map_err(|_| Error::Auth)?;
        Ok(found.opened(len))
    });
    wipe_on_failure(&opened, buffer);
    opened
}

/// The authenticated context of an envelope or data key blob that decryption would open: the whole canonical encoding.
/// The payload is not looked at.
///
/// # Errors
/// As [`decrypt_into`].
pub fn authenticated_context(
    allowed: Allowed<'_>,
    envelope: &[u8],
    context: &Context<'_>,
    options: &DecryptOptions,
) -> Result<Vec<u8>> {
    let head = Head::parse(envelope, None)?;
    with_lane(|lane| {
        let mut dek = Dek::<{ super::MAX_DATA_KEY }>::zeroed(head.dek.unwrap_or(DEK));
        let found = unlock(lane, &allowed, &head, context, options, &mut dek)?;
        Ok(found.context.unwrap_or_else(|| context.as_bytes().to_vec()))
    })
}

/// Zeros over the output of a call that failed; a buffer that was too small has not been touched and stays so.
pub(super) fn wipe_on_failure<T>(result: &Result<T>, out: &mut [u8]) {
    match result {
        Ok(_) | Err(Error::BufferTooSmall { .. }) => {}
        Err(_) => out.fill(0),
    }
}

/// What opened a head.
pub(super) struct Found {
    key_id: KeyId,
    version: u32,
    context: Option<Vec<u8>>,
}

impl Found {
    pub(super) fn opened(self, len: usize) -> Opened {
        Opened { len, key_id: self.key_id, version: self.version, context: self.context }
    }
}

/// Finds the DEK of a head: merges the context, then the first cell that unwraps and commits.
pub(super) fn unlock<const N: usize>(
    lane: &mut Lane,
    allowed: &Allowed<'_>,
    head: &Head<'_>,
    context: &Context<'_>,
    options: &DecryptOptions,
    dek: &mut Dek<N>,
) -> Result<Found> {
    if !head.stored().is_empty() {
        if options.accept_stored_context {
            return unlock_merged(lane, allowed, head, context, dek);
        }
        if !agrees(head.stored(), context) {
            return Err(Error::Auth);
        }
    }
    let mut found = try_cells(lane, allowed, head, context, dek)?;
    if options.accept_stored_context {
        found.context = Some(context.as_bytes().to_vec());
    }
    Ok(found)
}

/// Apart, so that only calls that accept stored values pay for the merged context's room on the stack.
#[inline(never)]
fn unlock_merged<const N: usize>(
    lane: &mut Lane,
    allowed: &Allowed<'_>,
    head: &Head<'_>,
    context: &Context<'_>,
    dek: &mut Dek<N>,
) -> Result<Found> {
    let mut buffer = [0; MAX_ENCODED];
    let whole = merge(head.stored(), context, &mut buffer).map_err(|_| Error::Auth)?;
    let mut found = try_cells(lane, allowed, head, &whole, dek)?;
    found.context = Some(whole.as_bytes().to_vec());
    Ok(found)
}

/// The first cell that unwraps to a DEK that the head commits to.
fn try_cells<const N: usize>(
    lane: &mut Lane,
    allowed: &Allowed<'_>,
    head: &Head<'_>,
    whole: &Context<'_>,
    dek: &mut Dek<N>,
) -> Result<Found> {
    let mut misses = Misses::default();
    for cell in head.cells() {
        let Some(key) = cell.key() else { continue };
        let tried = misses.reach(allowed, &key, |_, version| {
            let agrees = unwrap(lane, head, &cell, &key, version, dek.room())
                && commits(head.kind, dek.expose(), &head.fixed, whole);
            Ok(agrees.then_some((version.key_id, version.version)))
        })?;
        match tried {
            Some(Some((key_id, version))) => return Ok(Found { key_id, version, context: None }),
            Some(None) => misses.tried = true,
            None => {}
        }
    }
    Err(misses.answer(allowed, head))
}
