//! Data keys: random keys for the caller's own use, and the blobs that keep them wrapped.

use super::decrypt::Call;
use super::guard::guard;
use super::out::{self, Out, Report};
use super::types::*;
use super::{args, handle, options};
use crate::envelope::{self, Allowed};
use crate::error::{Result, Status};

/// Tells the exact size of the blob of a data key under one key.
///
/// @param key_size   [in]   bytes of the data key, 16 to 1,024
/// @param context    [in, bytes(context_len), nullable-if-0]   as it will be given to keyfold_generate_data_key
/// @param options    [in, nullable]                            likewise
/// @param out_size   [out]
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_data_key_blob_size(
    key_size: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    out_size: *mut usize,
) -> Status {
    guard(|| {
        let out = unsafe { out::Size::claim(out_size, "out_size")? };
        let context = unsafe { args::context(context, context_len)? };
        let stored = unsafe { options::read(options)? }.for_data_key()?;
        out.put(envelope::data_key_blob_size(key_size, 1, stored.size(&context)?)?);
        Ok(())
    })
}

/// Makes a random data key, and the blob from which keyfold_decrypt_data_key gives it back. Keep the blob, wipe the
/// data key after use.
///
/// @param key         [in, shared]
/// @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
/// @param options     [in, nullable]
/// @param plaintext   [out, bytes(plaintext_len)]   the data key: as many bytes as wanted, 16 to 1,024; zeroed if
///                    the call fails
/// @param blob        [out, bytes(blob_cap), nullable-if-0]     zeroed if the call fails
/// @param blob_len    [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_generate_data_key(
    key: *const keyfold_key,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    plaintext: *mut u8,
    plaintext_len: usize,
    blob: *mut u8,
    blob_cap: usize,
    blob_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(blob_len, "blob_len")? };
        let key = handle::key(key)?;
        let context = unsafe { args::context(context, context_len)? };
        let stored = unsafe { options::read(options)? }.for_data_key()?;
        let size = envelope::data_key_blob_size_under(&[&key], plaintext_len, stored.size(&context)?)?;
        let inputs = [context.as_bytes()];
        let mut plain = unsafe { Out::inout(plaintext, plaintext_len, "plaintext", &inputs, &[])? };
        let beside = [plain.span()];
        let mut blob = unsafe { Out::claim_beside(blob, blob_cap, len, size, &inputs, &beside) }
            .inspect_err(|_| plain.keep())?;
        let (size, bytes) = (plaintext_len, Some(plain.bytes()));
        envelope::generate_data_key(&[&key], size, &context, &stored, bytes, blob.bytes())?;
        plain.keep();
        blob.keep();
        Ok(())
    })
}

/// Makes a random data key and returns only its blob, for others to open: whoever prepares rows or files need not
/// see their keys.
///
/// @param key        [in, shared]
/// @param key_size   [in]   bytes of the data key, 16 to 1,024
/// @param context    [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
/// @param options    [in, nullable]
/// @param blob       [out, bytes(blob_cap), nullable-if-0]     zeroed if the call fails
/// @param blob_len   [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_generate_data_key_without_plaintext(
    key: *const keyfold_key,
    key_size: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    blob: *mut u8,
    blob_cap: usize,
    blob_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(blob_len, "blob_len")? };
        let key = handle::key(key)?;
        let context = unsafe { args::context(context, context_len)? };
        let stored = unsafe { options::read(options)? }.for_data_key()?;
        let size = envelope::data_key_blob_size_under(&[&key], key_size, stored.size(&context)?)?;
        let mut blob = unsafe { Out::claim(blob, blob_cap, len, size, &[context.as_bytes()])? };
        envelope::generate_data_key(&[&key], key_size, &context, &stored, None, blob.bytes())?;
        blob.keep();
        Ok(())
    })
}

/// Tells the size of the data key in a blob, from its head. Nothing is authenticated by this.
///
/// @param blob       [in, bytes(blob_len), nullable-if-0]
/// @param out_size   [out]
/// @errors   NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_data_key_size(
    blob: *const u8,
    blob_len: usize,
    out_size: *mut usize,
) -> Status {
    guard(|| {
        let out = unsafe { out::Size::claim(out_size, "out_size")? };
        out.put(envelope::data_key_size(unsafe { args::bytes(blob, blob_len, "blob")? })?);
        Ok(())
    })
}

/// Opens the blob of a data key under the key named, and no other.
///
/// @param key       [in, shared]
/// @param blob      [in, bytes(blob_len), nullable-if-0]
/// @param context   [in, bytes(context_len), nullable-if-0]   every pair that was given when it was made
/// @param options   [in, nullable]
/// @param out       [out, bytes(out_cap), nullable-if-0]      the data key; zeroed if the call fails
/// @param out_len   [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
///           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypt_data_key(
    key: *const keyfold_key,
    blob: *const u8,
    blob_len: usize,
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
        let call = unsafe { Call::read(blob, blob_len, context, context_len, options)? };
        unsafe { open(&call, Allowed::Keys(&[&key]), out, out_cap, len, Report::none()) }
    })
}

/// Opens the blob of a data key under whichever key of a store opens it.
///
/// @param store     [in, shared]
/// @param blob      [in, bytes(blob_len), nullable-if-0]
/// @param context   [in, bytes(context_len), nullable-if-0]   every pair that was given when it was made
/// @param options   [in, nullable]
/// @param out       [out, bytes(out_cap), nullable-if-0]      the data key; zeroed if the call fails
/// @param out_len   [out]   bytes written, or needed
/// @param opened    [out, result, nullable]   which key it was
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
///           KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO, STORE_POISONED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypt_data_key_any(
    store: *const keyfold_store,
    blob: *const u8,
    blob_len: usize,
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
        let call = unsafe { Call::read(blob, blob_len, context, context_len, options)? };
        unsafe { open(&call, Allowed::AnyKeyOf(&store), out, out_cap, len, opened) }
    })
}

unsafe fn open(
    call: &Call<'_>,
    allowed: Allowed<'_>,
    out: *mut u8,
    out_cap: usize,
    len: out::Size,
    report: Report<keyfold_opened>,
) -> Result<()> {
    let inputs = [call.data, call.context.as_bytes()];
    let size = envelope::data_key_size(call.data)
        .map_err(|e| unsafe { out::refused(e, out, out_cap, len, &inputs, &[]) })?;
    let mut out = unsafe { Out::claim(out, out_cap, len, size, &inputs)? };
    let opened =
        envelope::decrypt_data_key_into(allowed, call.data, &call.context, &call.options, out.bytes())?;
    out.keep();
    report.put(opened.into());
    Ok(())
}
