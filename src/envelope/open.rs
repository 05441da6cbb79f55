//! Opening envelopes: FORMAT.md section 9.

use super::chunks::{self, Position};
use super::head::{Head, Kind};
use super::reach::{Misses, unwrap};
use super::stored::{agrees, merge};
use super::suite::{AnyDek, Dek, MessageDek, commits, set_payload_key};
use super::{Allowed, DEK, DecryptOptions, Opened};
use crate::context::{Context, MAX_ENCODED};
use crate::crypto::{Lane, with_lane};
use crate::error::{Error, Result};
use crate::keystore::Wish;
use crate::operation::Operation;

/// An envelope whose head has been read. Nothing of it is authenticated yet.
pub(crate) struct Sealed<'a> {
    head: Head<'a>,
    payload: &'a [u8],
    len: usize,
}

impl<'a> Sealed<'a> {
    /// Reads the head. Errors: NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED; AUTH for a length that no envelope has.
    #[inline(always)]
    pub(crate) fn read(envelope: &'a [u8]) -> Result<Sealed<'a>> {
        let head = Head::parse(envelope, Some(Kind::Envelope))?;
        let payload = &envelope[head.len()..];
        let len = chunks::plain_len(payload.len()).ok_or(Error::Auth)?;
        Ok(Sealed { head, payload, len })
    }

    /// The message's exact size.
    pub(crate) fn plain_len(&self) -> usize {
        self.len
    }

    /// Opens it into exactly its size; what [`decrypt_into`] does, but that a failure leaves `out` to be wiped.
    #[inline]
    pub(crate) fn open(
        &self,
        allowed: &Allowed<'_>,
        context: &Context<'_>,
        options: &DecryptOptions,
        out: &mut [u8],
        opened: &mut Opened,
    ) -> Result<()> {
        opened.len = self.len;
        with_lane(|lane| {
            let mut dek = MessageDek::zeroed(DEK);
            unlock(lane, allowed, Operation::Decrypt, &self.head, context, options, &mut dek, opened)?;
            set_payload_key(lane, &dek);
            chunks::open(&lane.payload, Position::START, self.payload, out).map_err(|_| Error::Auth)
        })
    }
}

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
    let mut opened = Opened::nothing();
    match open_into(&allowed, envelope, context, options, out, &mut opened) {
        Ok(()) => Ok(opened),
        Err(e) => Err(failed(e, out)),
    }
}

#[inline]
fn open_into(
    allowed: &Allowed<'_>,
    envelope: &[u8],
    context: &Context<'_>,
    options: &DecryptOptions,
    out: &mut [u8],
    opened: &mut Opened,
) -> Result<()> {
    let sealed = Sealed::read(envelope)?;
    match out.get_mut(..sealed.len) {
        Some(out) => sealed.open(allowed, context, options, out, opened),
        None => Err(Error::BufferTooSmall { needed: sealed.len }),
    }
}

/// Opens an envelope in its own buffer; the message then lies at the front, and the bytes behind it mean nothing.
///
/// # Errors
/// As [`decrypt_into`]. The buffer is zero if a chunk did not open (AUTH). It is as it was after every other error,
/// an AUTH that was found before the first chunk included: nothing had been written over the envelope.
pub fn decrypt_in_place(
    allowed: Allowed<'_>,
    buffer: &mut [u8],
    context: &Context<'_>,
    options: &DecryptOptions,
) -> Result<Opened> {
    let mut opened = Opened::nothing();
    open_in_place(&allowed, buffer, context, options, &mut opened)?;
    Ok(opened)
}

#[inline]
fn open_in_place(
    allowed: &Allowed<'_>,
    buffer: &mut [u8],
    context: &Context<'_>,
    options: &DecryptOptions,
    opened: &mut Opened,
) -> Result<()> {
    with_lane(|lane| {
        let mut dek = MessageDek::zeroed(DEK);
        let head = Head::parse(buffer, Some(Kind::Envelope))?;
        let from = head.len();
        opened.len = chunks::plain_len(buffer.len() - from).ok_or(Error::Auth)?;
        unlock(lane, allowed, Operation::Decrypt, &head, context, options, &mut dek, opened)?;
        set_payload_key(lane, &dek);
        chunks::open_in_place(&lane.payload, Position::START, buffer, from).map_err(|_| Error::Auth)
    })
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
    let mut opened = Opened::nothing();
    with_lane(|lane| {
        let mut dek = AnyDek::zeroed(head.dek.unwrap_or(DEK));
        unlock(lane, &allowed, Operation::Decrypt, &head, context, options, &mut dek, &mut opened)
    })?;
    Ok(opened.context.unwrap_or_else(|| context.as_bytes().to_vec()))
}

/// Zeros over the output of a call that failed; a buffer that was too small has not been touched and stays so.
#[cold]
pub(super) fn failed(error: Error, out: &mut [u8]) -> Error {
    if !matches!(error, Error::BufferTooSmall { .. }) {
        out.fill(0);
    }
    error
}

/// Finds the DEK of a head: merges the context, then the first cell that unwraps and commits. Tells what opened it.
#[inline]
pub(super) fn unlock<const N: usize>(
    lane: &mut Lane,
    allowed: &Allowed<'_>,
    operation: Operation,
    head: &Head<'_>,
    context: &Context<'_>,
    options: &DecryptOptions,
    dek: &mut Dek<N>,
    opened: &mut Opened,
) -> Result<()> {
    if !head.stored().is_empty() {
        if options.accept_stored_context {
            return unlock_merged(lane, allowed, operation, head, context, dek, opened);
        }
        if !agrees(head.stored(), context) {
            return Err(Error::Auth);
        }
    }
    try_cells(lane, allowed, operation, head, context, dek, opened)?;
    if options.accept_stored_context {
        opened.context = Some(context.as_bytes().to_vec());
    }
    Ok(())
}

/// Apart, so that only calls that accept stored values pay for the merged context's room on the stack.
#[inline(never)]
fn unlock_merged<const N: usize>(
    lane: &mut Lane,
    allowed: &Allowed<'_>,
    operation: Operation,
    head: &Head<'_>,
    context: &Context<'_>,
    dek: &mut Dek<N>,
    opened: &mut Opened,
) -> Result<()> {
    let mut buffer = [0; MAX_ENCODED];
    let whole = merge(head.stored(), context, &mut buffer).map_err(|_| Error::Auth)?;
    try_cells(lane, allowed, operation, head, &whole, dek, opened)?;
    opened.context = Some(whole.as_bytes().to_vec());
    Ok(())
}

/// The first cell that unwraps to a DEK that the head commits to.
fn try_cells<const N: usize>(
    lane: &mut Lane,
    allowed: &Allowed<'_>,
    operation: Operation,
    head: &Head<'_>,
    whole: &Context<'_>,
    dek: &mut Dek<N>,
    opened: &mut Opened,
) -> Result<()> {
    let mut misses = Misses::default();
    let wish = Wish::new(operation, whole, opened.len);
    for cell in head.cells() {
        let Some(key) = cell.key() else { continue };
        let mut passed = false;
        misses.tried |= misses.reach(allowed, &wish, &key, |view, version| {
            passed = unwrap(lane, head, &cell, &key, version, dek.room())
                && commits(head.kind, dek.expose(), &head.fixed, whole);
            (opened.key_id, opened.version) = (version.key_id, version.version);
            if passed {
                version.usage.count(operation, wish.bytes, view.now);
            }
            Ok(())
        })?;
        if passed {
            return Ok(());
        }
    }
    Err(misses.answer(allowed, head))
}
