//! Decryption: under the key named, under several, or under any key of a store.

use super::guard::guard;
use super::out::{self, Out, Report};
use super::types::*;
use super::work::Given;
use super::{args, handle, options};
use crate::envelope::{self, Allowed, DecryptOptions, Opened, Sealed};
use crate::error::{Result, Status};

/// Tells the exact size of the message in an envelope, from its head and length. Nothing is authenticated by this.
///
/// @param envelope   [in, bytes(envelope_len), nullable-if-0]   the whole envelope
/// @param out_size   [out]
/// @errors   NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypted_size(
    envelope: *const u8,
    envelope_len: usize,
    out_size: *mut usize,
) -> Status {
    guard(|| {
        let out = unsafe { out::Size::claim(out_size, "out_size")? };
        out.put(envelope::decrypted_size(unsafe { args::bytes(envelope, envelope_len, "envelope")? })?);
        Ok(())
    })
}

/// Decrypts an envelope under the key named, and no other.
///
/// @param key        [in, shared]
/// @param envelope   [in, bytes(envelope_len), nullable-if-0]
/// @param context    [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options    [in, nullable]
/// @param out        [out, bytes(out_cap), nullable-if-0]      the message; zeroed if the call fails
/// @param out_len    [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
///           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
/// @threads  any   @callback sink, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypt(
    key: *const keyfold_key,
    envelope: *const u8,
    envelope_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let key = handle::key(key)?;
        let call = unsafe { Call::read(envelope, envelope_len, context, context_len, options)? };
        unsafe { call.open(Allowed::Keys(&[&key]), out, out_cap, len, Report::none()) }
    })
}

/// Decrypts an envelope under any of the keys named.
///
/// @param keys       [in, array(keys_len), shared]   1 to 32
/// @param envelope   [in, bytes(envelope_len), nullable-if-0]
/// @param context    [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options    [in, nullable]
/// @param out        [out, bytes(out_cap), nullable-if-0]      the message; zeroed if the call fails
/// @param out_len    [out]   bytes written, or needed
/// @param opened     [out, result, nullable]   which key it was
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
///           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
/// @threads  any   @callback sink, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypt_with_keys(
    keys: *const *const keyfold_key,
    keys_len: usize,
    envelope: *const u8,
    envelope_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    opened: *mut keyfold_opened,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let opened = unsafe { Report::claim_nullable(opened)? };
        let keys = unsafe { handle::keys(keys, keys_len)? };
        let call = unsafe { Call::read(envelope, envelope_len, context, context_len, options)? };
        keys.with(|keys| unsafe { call.open(Allowed::Keys(keys), out, out_cap, len, opened) })
    })
}

/// Decrypts an envelope under whichever key of a store opens it. Prefer keyfold_decrypt: here an envelope of any
/// key is accepted, so look at "opened" wherever it matters which it was.
///
/// @param store      [in, shared]
/// @param envelope   [in, bytes(envelope_len), nullable-if-0]
/// @param context    [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options    [in, nullable]
/// @param out        [out, bytes(out_cap), nullable-if-0]      the message; zeroed if the call fails
/// @param out_len    [out]   bytes written, or needed
/// @param opened     [out, result, nullable]   which key it was
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
///           KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO, STORE_POISONED
/// @threads  any   @callback sink, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypt_any(
    store: *const keyfold_store,
    envelope: *const u8,
    envelope_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    opened: *mut keyfold_opened,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let opened = unsafe { Report::claim_nullable(opened)? };
        let store = handle::store(store)?;
        let call = unsafe { Call::read(envelope, envelope_len, context, context_len, options)? };
        unsafe { call.open(Allowed::AnyKeyOf(&store), out, out_cap, len, opened) }
    })
}

/// Decrypts an envelope in its own buffer, under the key named; the message then begins at the first byte.
///
/// @param key       [in, shared]
/// @param buffer    [inout, bytes(buffer_len)]   the envelope. If the call fails it is as it was, but for AUTH met in
///                  the message itself, and INTERNAL: then it is zeroed, since some of it had been written over
/// @param context   [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted;
///                  apart from the buffer
/// @param options   [in, nullable]
/// @param out_len   [out]   bytes of the message
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFERS_OVERLAP,
///           INVALID_CONTEXT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED,
///           KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypt_in_place(
    key: *const keyfold_key,
    buffer: *mut u8,
    buffer_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let key = handle::key(key)?;
        let context = unsafe { args::context(context, context_len)? };
        let options = unsafe { options::read(options)? }.into();
        let mut buffer =
            unsafe { Out::inout(buffer, buffer_len, "buffer", &[context.as_bytes()], &[len.place()])? };
        let opened = envelope::decrypt_in_place(Allowed::Keys(&[&key]), buffer.bytes(), &context, &options)?;
        buffer.keep();
        len.put(opened.len);
        Ok(())
    })
}

/// Returns the whole authenticated context of an envelope that keyfold_decrypt would open, packed, without its
/// message. With KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT it tells what was accepted.
///
/// @param key           [in, shared]
/// @param envelope      [in, bytes(envelope_len), nullable-if-0]
/// @param context       [in, bytes(context_len), nullable-if-0]
/// @param options       [in, nullable]
/// @param out_context   [out, buffer]   a packed context
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
///           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED,
///           FORKED, STORE_POISONED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_authenticated_context(
    key: *const keyfold_key,
    envelope: *const u8,
    envelope_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    out_context: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_context, "out_context")? };
        let key = handle::key(key)?;
        let call = unsafe { Call::read(envelope, envelope_len, context, context_len, options)? };
        out.put(call.context_of(Allowed::Keys(&[&key]))?);
        Ok(())
    })
}

/// As keyfold_authenticated_context, for an envelope that keyfold_decrypt_any would open.
///
/// @param store         [in, shared]
/// @param envelope      [in, bytes(envelope_len), nullable-if-0]
/// @param context       [in, bytes(context_len), nullable-if-0]
/// @param options       [in, nullable]
/// @param out_context   [out, buffer]   a packed context
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
///           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
///           STORE_INTEGRITY, STORE_IO, STORE_POISONED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_authenticated_context_any(
    store: *const keyfold_store,
    envelope: *const u8,
    envelope_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    out_context: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_context, "out_context")? };
        let store = handle::store(store)?;
        let call = unsafe { Call::read(envelope, envelope_len, context, context_len, options)? };
        out.put(call.context_of(Allowed::AnyKeyOf(&store))?);
        Ok(())
    })
}

/// What every decrypting call is given.
pub(super) struct Call<'a> {
    pub(super) data: &'a [u8],
    pub(super) context: envelope::Context<'a>,
    pub(super) options: DecryptOptions<'static>,
    work: Given<'a>,
}

impl<'a> Call<'a> {
    pub(super) unsafe fn read(
        data: *const u8,
        data_len: usize,
        context: *const u8,
        context_len: usize,
        options: *const keyfold_decrypt_options,
    ) -> Result<Call<'a>> {
        let options = unsafe { options::read(options)? };
        Ok(Call {
            data: unsafe { args::bytes(data, data_len, "envelope")? },
            context: unsafe { args::context(context, context_len)? },
            work: unsafe { Given::read(options.work)? },
            options: options.into(),
        })
    }

    unsafe fn open(
        &self,
        allowed: Allowed<'_>,
        out: *mut u8,
        out_cap: usize,
        len: out::Size,
        report: Report<keyfold_opened>,
    ) -> Result<()> {
        let inputs = [self.data, self.context.as_bytes()];
        let sealed = Sealed::read_for(&allowed, self.data, &self.context)
            .map_err(|e| unsafe { out::refused(e, out, out_cap, len, &inputs, &[]) })?;
        let mut out = unsafe { Out::claim(out, out_cap, len, sealed.plain_len(), &inputs)? };
        let mut opened = Opened::nothing();
        self.work.with(|work| {
            let options = DecryptOptions { work, ..self.options };
            sealed.open(&allowed, &self.context, &options, out.bytes(), &mut opened)
        })?;
        out.keep();
        report.put(opened.into());
        Ok(())
    }

    fn context_of(&self, allowed: Allowed<'_>) -> Result<Vec<u8>> {
        envelope::authenticated_context(allowed, self.data, &self.context, &self.options)
    }
}

impl From<envelope::Opened> for keyfold_opened {
    fn from(opened: envelope::Opened) -> keyfold_opened {
        keyfold_opened { size: 0, version: opened.version, key_id: opened.key_id.0 }
    }
}
