//! Opening envelopes: FORMAT.md section 9.

use std::cell::Cell;

use super::chunks::{self, Position};
use super::head::{Head, Kind};
use super::parallel::{self, Memory, Told};
use super::reach::{Misses, unwrap};
use super::stored::{agrees, merge};
use super::suite::{AnyDek, Dek, MessageDek, commits, set_payload_key};
use super::{Allowed, DEK, DecryptOptions, Opened, Work};
use crate::context::{Context, MAX_ENCODED};
use crate::crypto::{AeadKey, Lane, with_lane};
use crate::error::{Error, Result};
use crate::keystore::{Made, Settled, Wish};
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

    /// The same; what cannot be read has its event in the trail.
    #[inline(always)]
    pub(crate) fn read_for(
        allowed: &Allowed<'_>,
        envelope: &'a [u8],
        context: &Context<'_>,
    ) -> Result<Sealed<'a>> {
        allowed.read(Operation::Decrypt, context, Sealed::read(envelope))
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
        options: &DecryptOptions<'_>,
        out: &mut [u8],
        opened: &mut Opened,
    ) -> Result<()> {
        opened.len = self.len;
        options.work.check()?;
        with_lane(|lane| {
            let mut dek = MessageDek::zeroed(DEK);
            let call = Call { allowed, operation: Operation::Decrypt, head: &self.head, options };
            unlock(lane, &call, context, &mut dek, opened, |lane, dek, made| {
                set_payload_key(lane, dek);
                open_payload(&lane.payload, self.payload, out, &options.work)?;
                Ok(made.settle())
            })
        })
    }
}

/// Opens a whole payload: small ones that nobody watches without anything around it.
#[inline]
fn open_payload(key: &AeadKey, payload: &[u8], out: &mut [u8], work: &Work<'_>) -> Result<()> {
    let (len, told) = (out.len() as u64, Told { before: 0, whole: out.len() as u64 });
    if work.is_unwatched() && work.threads_for(len, 2) == 1 {
        return chunks::open(key, Position::START, payload, out).map_err(|_| Error::Auth);
    }
    parallel::open(key, Position::START, (payload, Memory::Callers), out, work, told)
}

/// Opens an envelope into the front of `out`, which may be longer than the message ([`super::decrypted_size`]). No
/// chunk is touched before the commitment agrees, and nothing of a chunk is released before its tag verified.
///
/// # Errors
/// NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED; AUTH for wrong key, wrong context and changed data alike;
/// KEY_NOT_FOUND, KEY_NOT_ALLOWED, KEY_DISABLED where no cell could be tried; FORKED and the store's errors; CANCELLED. All of
/// `out` is then zero. BUFFER_TOO_SMALL leaves it untouched.
pub fn decrypt_into(
    allowed: Allowed<'_>,
    envelope: &[u8],
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
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
    options: &DecryptOptions<'_>,
    out: &mut [u8],
    opened: &mut Opened,
) -> Result<()> {
    let sealed = Sealed::read_for(allowed, envelope, context)?;
    match out.get_mut(..sealed.len) {
        Some(out) => sealed.open(allowed, context, options, out, opened),
        None => Err(Error::BufferTooSmall { needed: sealed.len }),
    }
}

/// Opens an envelope in its own buffer; the message then lies at the front, and the bytes behind it mean nothing.
///
/// # Errors
/// As [`decrypt_into`]. The buffer is zero if a chunk did not open (AUTH). It is as it was after every other error,
/// an AUTH that was found before the first chunk included: nothing had been written over the envelope. It is zero too if the
/// key asks for an event that could not be written (TRAIL_UNAVAILABLE).
pub fn decrypt_in_place(
    allowed: Allowed<'_>,
    buffer: &mut [u8],
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
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
    options: &DecryptOptions<'_>,
    opened: &mut Opened,
) -> Result<()> {
    let (from, len) = {
        let Sealed { head, len, .. } = Sealed::read_for(allowed, buffer, context)?;
        (head.len(), len)
    };
    opened.len = len;
    // The message is written over the head, which is still needed then.
    if from <= SHORT {
        let mut head = [0; SHORT];
        head[..from].copy_from_slice(&buffer[..from]);
        return open_behind(&head[..from], allowed, buffer, context, options, opened);
    }
    let head = buffer[..from].to_vec();
    open_behind(&head, allowed, buffer, context, options, opened)
}

/// A head of two cells, and some stored context.
const SHORT: usize = 384;

/// Opens the payload that lies in the buffer behind `head`'s own bytes.
#[inline]
fn open_behind(
    head: &[u8],
    allowed: &Allowed<'_>,
    buffer: &mut [u8],
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
    opened: &mut Opened,
) -> Result<()> {
    let (from, head) = (head.len(), Head::parse(head, Some(Kind::Envelope))?);
    let call = Call { allowed, operation: Operation::Decrypt, head: &head, options };
    let mut written = false;
    let done = with_lane(|lane| {
        let mut dek = MessageDek::zeroed(DEK);
        unlock(lane, &call, context, &mut dek, opened, |lane, dek, made| {
            set_payload_key(lane, dek);
            written = true;
            chunks::open_in_place(&lane.payload, Position::START, buffer, from).map_err(|_| Error::Auth)?;
            Ok(made.settle())
        })
    });
    if done.is_err() && written {
        // A chunk did not open, or the event could not be written that had to be.
        buffer.fill(0);
    }
    done
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
    options: &DecryptOptions<'_>,
) -> Result<Vec<u8>> {
    let head = allowed.read(Operation::Decrypt, context, Head::parse(envelope, None))?;
    let mut opened = Opened::nothing();
    with_lane(|lane| {
        let mut dek = AnyDek::zeroed(head.dek.unwrap_or(DEK));
        let call = Call { allowed: &allowed, operation: Operation::Decrypt, head: &head, options };
        unlock(lane, &call, context, &mut dek, &mut opened, |_, _, made| Ok(made.settle()))
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

/// What is opened, as what, and with which keys.
pub(super) struct Call<'a> {
    pub(super) allowed: &'a Allowed<'a>,
    pub(super) operation: Operation,
    pub(super) head: &'a Head<'a>,
    pub(super) options: &'a DecryptOptions<'a>,
}

/// Finds the DEK of a head: merges the context, then the first cell that unwraps and commits. Tells what opened it, runs
/// `then` on it, which settles the use, and has the event of what came of both: whatever this answers is told in the trail.
#[inline]
pub(super) fn unlock<const N: usize>(
    lane: &mut Lane,
    call: &Call<'_>,
    context: &Context<'_>,
    dek: &mut Dek<N>,
    opened: &mut Opened,
    then: impl FnOnce(&mut Lane, &mut Dek<N>, &Made<'_>) -> Result<Settled>,
) -> Result<()> {
    let stored = call.head.stored();
    if !stored.is_empty() {
        if call.options.accept_stored_context {
            return unlock_merged(lane, call, context, dek, opened, then);
        }
        if !agrees(stored, context) {
            return call.allowed.read(call.operation, context, Err(Error::Auth));
        }
    }
    try_cells(lane, call, context, dek, opened, then)?;
    if call.options.accept_stored_context {
        opened.context = Some(context.as_bytes().to_vec());
    }
    Ok(())
}

/// Apart, so that only calls that accept stored values pay for the merged context's room on the stack.
#[inline(never)]
fn unlock_merged<const N: usize>(
    lane: &mut Lane,
    call: &Call<'_>,
    context: &Context<'_>,
    dek: &mut Dek<N>,
    opened: &mut Opened,
    then: impl FnOnce(&mut Lane, &mut Dek<N>, &Made<'_>) -> Result<Settled>,
) -> Result<()> {
    let mut buffer = [0; MAX_ENCODED];
    let whole = merge(call.head.stored(), context, &mut buffer).map_err(|_| Error::Auth);
    let whole = call.allowed.read(call.operation, context, whole)?;
    try_cells(lane, call, &whole, dek, opened, then)?;
    opened.context = Some(whole.as_bytes().to_vec());
    Ok(())
}

/// The first cell that unwraps to a DEK that the head commits to, and `then` on it, in the view of its key: a use is
/// counted when its outcome is known, and as one.
fn try_cells<const N: usize>(
    lane: &mut Lane,
    call: &Call<'_>,
    whole: &Context<'_>,
    dek: &mut Dek<N>,
    opened: &mut Opened,
    then: impl FnOnce(&mut Lane, &mut Dek<N>, &Made<'_>) -> Result<Settled>,
) -> Result<()> {
    let Call { allowed, operation, head, .. } = *call;
    let mut misses = Misses::default();
    let mut then = Some(then);
    let wish = Wish::new(operation, whole, opened.len);
    for cell in head.cells() {
        let Some(key) = cell.key() else { continue };
        let (served, done) = (Cell::new(None), Cell::new(None));
        let mut first = misses.first.take();
        let reached = misses.reach(
            allowed,
            &wish,
            &key,
            |handle, view, version| {
                served.set(Some(version.reference()));
                (opened.key_id, opened.version) = (version.key_id, version.version);
                if unwrap(lane, head, &cell, &key, version, dek.room())
                    && commits(head.kind, dek.expose(), &head.fixed, whole)
                    && let Some(then) = then.take()
                {
                    done.set(Some(then(lane, dek, &Made::of(handle, &wish, version, view.now))));
                }
                Ok(())
            },
            |key| {
                let Some(served) = served.get() else { return Ok(()) };
                match done.take() {
                    None => Misses::missed(&mut first, key, served),
                    Some(Ok(settled)) => {
                        settled?;
                        done.set(Some(Ok(Ok(()))));
                    }
                    Some(Err(error)) => {
                        key.settle_failed(&wish, served, &error)?;
                        return Err(error);
                    }
                }
                Ok(())
            },
        );
        misses.first = first;
        misses.tried |= reached?;
        if done.take().is_some() {
            return Ok(());
        }
    }
    Err(misses.answer(allowed, &wish, head))
}
