//! Encryption: one message, in place, under several keys.

use super::guard::guard;
use super::out::{self, Out};
use super::types::*;
use super::work::Given;
use super::{args, handle, options};
use crate::envelope::{self, EncryptOptions};
use crate::error::{Error, Status};

/// Tells the exact size of the envelope that keyfold_encrypt makes of a message of this length under one key.
///
/// @param plaintext_len   [in]
/// @param context         [in, bytes(context_len), nullable-if-0]   as it will be given to keyfold_encrypt
/// @param options         [in, nullable]                            likewise
/// @param out_size        [out]
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, TOO_LARGE
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_encrypted_size(
    plaintext_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    out_size: *mut usize,
) -> Status {
    guard(|| {
        let out = unsafe { out::Size::claim(out_size, "out_size")? };
        let context = unsafe { args::context(context, context_len)? };
        let (options, stored) = unsafe { options::read(options)? }.without_choice()?;
        out.put(envelope::encrypted_size(plaintext_len, 1, stored.size(&context)?, &options)?);
        Ok(())
    })
}

/// Encrypts a message under a key, with a data key of its own.
///
/// @param key         [in, shared]
/// @param plaintext   [in, bytes(plaintext_len), nullable-if-0]
/// @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
/// @param options     [in, nullable]
/// @param out         [out, bytes(out_cap), nullable-if-0]      the envelope; zeroed if the call fails
/// @param out_len     [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, CANCELLED, LIMIT_EXCEEDED, KEY_DISABLED, FORKED,
///           STORE_POISONED, RANDOM
/// @threads  any   @callback sink, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_encrypt(
    key: *const keyfold_key,
    plaintext: *const u8,
    plaintext_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let key = handle::key(key)?;
        let plaintext = unsafe { args::bytes(plaintext, plaintext_len, "plaintext")? };
        let context = unsafe { args::context(context, context_len)? };
        let options = unsafe { options::read(options)? };
        let work = unsafe { Given::read(options.work)? };
        let (options, stored) = options.without_choice()?;
        let size = envelope::encrypted_size_under(&[&key], plaintext_len, stored.size(&context)?, &options)?;
        let inputs = [plaintext, context.as_bytes()];
        let mut out = unsafe { Out::claim(out, out_cap, len, size, &inputs)? };
        work.with(|work| {
            let options = EncryptOptions { work, ..options };
            envelope::encrypt_into(&[&key], plaintext, &context, &stored, &options, out.bytes())
        })?;
        out.keep();
        Ok(())
    })
}

/// Encrypts a message under one or more keys, any of which opens it, and chooses what of the context to store.
///
/// @param keys        [in, array(keys_len), shared]   1 to 32, less the free cells
/// @param plaintext   [in, bytes(plaintext_len), nullable-if-0]
/// @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
/// @param chosen      [in, bytes(chosen_len), nullable-if-0]    with KEYFOLD_STORE_CONTEXT_CHOSEN: a packed context
///                    whose names are those whose values are stored (its own values mean nothing); else empty
/// @param options     [in, nullable]
/// @param out         [out, bytes(out_cap), nullable-if-0]      the envelope; zeroed if the call fails
/// @param out_len     [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, CANCELLED, LIMIT_EXCEEDED, KEY_DISABLED, FORKED,
///           STORE_POISONED, RANDOM
/// @threads  any   @callback sink, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_encrypt_to(
    keys: *const *const keyfold_key,
    keys_len: usize,
    plaintext: *const u8,
    plaintext_len: usize,
    context: *const u8,
    context_len: usize,
    chosen: *const u8,
    chosen_len: usize,
    options: *const keyfold_encrypt_options,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let keys = unsafe { handle::keys(keys, keys_len)? };
        let plaintext = unsafe { args::bytes(plaintext, plaintext_len, "plaintext")? };
        let context = unsafe { args::context(context, context_len)? };
        let chosen = unsafe { args::chosen(chosen, chosen_len)? };
        let options = unsafe { options::read(options)? };
        let work = unsafe { Given::read(options.work)? };
        let (options, stored) = options.with_choice(&chosen)?;
        let inputs = [plaintext, context.as_bytes()];
        let stored_len = stored.size(&context)?;
        let size = keys
            .with(|keys| envelope::encrypted_size_under(keys, plaintext_len, stored_len, &options))
            .map_err(|e| unsafe { out::refused(e, out, out_cap, len, &inputs, &[]) })?;
        let mut out = unsafe { Out::claim(out, out_cap, len, size, &inputs)? };
        work.with(|work| {
            let options = EncryptOptions { work, ..options };
            keys.with(|keys| {
                envelope::encrypt_into(keys, plaintext, &context, &stored, &options, out.bytes())
            })
        })?;
        out.keep();
        Ok(())
    })
}

/// Tells how many bytes must be free before a message for keyfold_encrypt_in_place: the size of the head.
///
/// @param context    [in, bytes(context_len), nullable-if-0]   as it will be given to keyfold_encrypt_in_place
/// @param options    [in, nullable]                            likewise
/// @param out_size   [out]
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_headroom(
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    out_size: *mut usize,
) -> Status {
    guard(|| {
        let out = unsafe { out::Size::claim(out_size, "out_size")? };
        let context = unsafe { args::context(context, context_len)? };
        let (options, stored) = unsafe { options::read(options)? }.without_choice()?;
        out.put(envelope::head_size(1, stored.size(&context)?, &options)?);
        Ok(())
    })
}

/// Encrypts a message in its own buffer. The message lies at an offset of at least keyfold_headroom; the envelope
/// begins at the buffer's first byte.
///
/// @param key          [in, shared]
/// @param buffer       [inout, bytes(buffer_cap)]   if the call fails the message is as it was, and what lies before
///                     it may be zero; with INTERNAL all of it is zero
/// @param offset       [in]   where the message begins
/// @param length       [in]   bytes of the message
/// @param context      [in, bytes(context_len), nullable-if-0]   apart from the buffer
/// @param options      [in, nullable]
/// @param out_len      [out]   bytes of the envelope, or the capacity needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, LIMIT_EXCEEDED, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_encrypt_in_place(
    key: *const keyfold_key,
    buffer: *mut u8,
    buffer_cap: usize,
    offset: usize,
    length: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let key = handle::key(key)?;
        let context = unsafe { args::context(context, context_len)? };
        let (options, stored) = unsafe { options::read(options)? }.without_choice()?;
        let stored_len = stored.size(&context)?;
        let size = envelope::encrypted_size_under(&[&key], length, stored_len, &options)?;
        let head = envelope::head_size_under(&[&key], stored_len, &options)?;
        let mut out =
            unsafe { Out::inout(buffer, buffer_cap, "buffer", &[context.as_bytes()], &[len.place()])? };
        if buffer_cap < size {
            len.put(size);
            return Err(Error::BufferTooSmall { needed: size });
        }
        out.report(len, size);
        if offset < head || offset > buffer_cap || length > buffer_cap - offset {
            return Err(Error::InvalidArgument {
                what: "the message is not behind the headroom and within the buffer",
            });
        }
        envelope::encrypt_in_place(&[&key], out.bytes(), offset, length, &context, &stored, &options)?;
        out.keep();
        Ok(())
    })
}
