//! Many small values in one call: a crossing from Python costs more than encrypting a card number.

use super::guard::guard;
use super::out::{self, Out};
use super::types::*;
use super::{args, handle, options};
use crate::envelope::{self, Allowed};
use crate::error::{Result, Status};

/// Encrypts many messages under one key, each into an envelope of its own. Messages lie one after another in one
/// block, message i from offsets[i] to offsets[i + 1]; so do the envelopes, in out_offsets. Contexts are one for
/// all, or one each, laid out likewise. It is all or nothing.
///
/// @param key               [in, shared]
/// @param plaintexts        [in, bytes(plaintexts_len), nullable-if-0]
/// @param offsets           [in, array(count + 1)]             never falling, the last at most plaintexts_len
/// @param count             [in]   number of messages
/// @param contexts          [in, bytes(contexts_len), nullable-if-0]   packed contexts
/// @param context_offsets   [in, array(count + 1), nullable]   NULL: contexts is one context, for every message
/// @param options           [in, nullable]
/// @param out               [out, bytes(out_cap), nullable-if-0]       zeroed if the call fails
/// @param out_len           [out]   bytes written, or needed
/// @param out_offsets       [out, array(count + 1)]   where each envelope begins, and the end of the last
/// @param out_failed        [out, nullable]   the message at which the call failed; count where it was not one
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_encrypt_batch(
    key: *const keyfold_key,
    plaintexts: *const u8,
    plaintexts_len: usize,
    offsets: *const u64,
    count: usize,
    contexts: *const u8,
    contexts_len: usize,
    context_offsets: *const u64,
    options: *const keyfold_encrypt_options,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    out_offsets: *mut u64,
    out_failed: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let failed = unsafe { out::Failed::claim(out_failed, count) };
        let key = handle::key(key)?;
        let messages = unsafe { args::Parts::read(plaintexts, plaintexts_len, offsets, count, "offsets")? };
        let contexts = unsafe { args::Contexts::read(contexts, contexts_len, context_offsets, count)? };
        let (options, stored) = unsafe { options::read(options)? }.without_choice()?;
        let inputs = [messages.whole(), messages.offsets(), contexts.whole(), contexts.offsets()];
        let outputs = [len.place(), failed.place()];
        let places = unsafe { out::Places::claim(out_offsets, count, &inputs, &outputs)? };
        let total = total(count, &failed, |i| {
            let context = contexts.get(i)?;
            envelope::encrypted_size_under(&[&key], messages.get(i)?.len(), stored.size(&context)?, &options)
        });
        let beside = [places.span(), failed.place()];
        let total = total.map_err(|e| unsafe { out::refused(e, out, out_cap, len, &inputs, &beside) })?;
        let mut out = unsafe { Out::claim_beside(out, out_cap, len, total, &inputs, &beside)? };
        let mut at = 0;
        for i in 0..count {
            failed.at(i);
            let (message, context) = (messages.get(i)?, contexts.get(i)?);
            places.put(i, at);
            let stored_len = stored.size(&context)?;
            let size = envelope::encrypted_size_under(&[&key], message.len(), stored_len, &options)?;
            let part = args::part(out.bytes(), at, size)?;
            at += envelope::encrypt_into(&[&key], message, &context, &stored, &options, part)?;
        }
        places.put(count, at);
        failed.at(count);
        out.keep();
        Ok(())
    })
}

/// Decrypts many envelopes under the key named. Layout as in keyfold_encrypt_batch, the other way round. It is all
/// or nothing.
///
/// @param key               [in, shared]
/// @param envelopes         [in, bytes(envelopes_len), nullable-if-0]
/// @param offsets           [in, array(count + 1)]             never falling, the last at most envelopes_len
/// @param count             [in]   number of envelopes
/// @param contexts          [in, bytes(contexts_len), nullable-if-0]   packed contexts
/// @param context_offsets   [in, array(count + 1), nullable]   NULL: contexts is one context, for every envelope
/// @param options           [in, nullable]
/// @param out               [out, bytes(out_cap), nullable-if-0]       zeroed if the call fails
/// @param out_len           [out]   bytes written, or needed
/// @param out_offsets       [out, array(count + 1)]   where each message begins, and the end of the last
/// @param out_failed        [out, nullable]   the envelope at which the call failed; count where it was not one
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
///           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypt_batch(
    key: *const keyfold_key,
    envelopes: *const u8,
    envelopes_len: usize,
    offsets: *const u64,
    count: usize,
    contexts: *const u8,
    contexts_len: usize,
    context_offsets: *const u64,
    options: *const keyfold_decrypt_options,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    out_offsets: *mut u64,
    out_failed: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let failed = unsafe { out::Failed::claim(out_failed, count) };
        let key = handle::key(key)?;
        let envelopes = unsafe { args::Parts::read(envelopes, envelopes_len, offsets, count, "offsets")? };
        let contexts = unsafe { args::Contexts::read(contexts, contexts_len, context_offsets, count)? };
        let options = unsafe { options::read(options)? }.into();
        let inputs = [envelopes.whole(), envelopes.offsets(), contexts.whole(), contexts.offsets()];
        let outputs = [len.place(), failed.place()];
        let places = unsafe { out::Places::claim(out_offsets, count, &inputs, &outputs)? };
        let total = total(count, &failed, |i| envelope::decrypted_size(envelopes.get(i)?));
        let beside = [places.span(), failed.place()];
        let total = total.map_err(|e| unsafe { out::refused(e, out, out_cap, len, &inputs, &beside) })?;
        let mut out = unsafe { Out::claim_beside(out, out_cap, len, total, &inputs, &beside)? };
        let mut at = 0;
        for i in 0..count {
            failed.at(i);
            places.put(i, at);
            let part = args::part(out.bytes(), at, envelope::decrypted_size(envelopes.get(i)?)?)?;
            let allowed = Allowed::Keys(&[&key]);
            at += envelope::decrypt_into(allowed, envelopes.get(i)?, &contexts.get(i)?, &options, part)?.len;
        }
        places.put(count, at);
        failed.at(count);
        out.keep();
        Ok(())
    })
}

/// The size of all results; where it cannot be told, `failed` stays at the one that is why.
fn total(count: usize, failed: &out::Failed, size: impl Fn(usize) -> Result<usize>) -> Result<usize> {
    let mut total = 0usize;
    for i in 0..count {
        failed.at(i);
        total = args::sum(total, size(i)?)?;
    }
    failed.at(count);
    Ok(total)
}
