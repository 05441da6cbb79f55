//! New wrappings for old data: rewrap (same context) and ReEncrypt (other keys, another context).

use std::ffi::c_char;

use super::guard::guard;
use super::out::{self, Out, Report};
use super::types::*;
use super::{args, handle, options};
use crate::envelope::{self, Allowed};
use crate::error::{Result, Status};

/// Brings the wrappings of a key in an envelope, a data key blob, or the head of one, to the key's current version.
/// Size, message and context stay; no plaintext appears.
///
/// @param key         [in, shared]
/// @param data        [inout, bytes(data_len)]   unchanged if the call fails
/// @param context     [in, bytes(context_len), nullable]   NULL: it is not checked, for walks over data whose
///                    contexts are elsewhere; else it is checked first
/// @param rewrapped   [out, result, nullable]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE,
///           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
///           STORE_POISONED, RANDOM
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_rewrap(
    key: *const keyfold_key,
    data: *mut u8,
    data_len: usize,
    context: *const u8,
    context_len: usize,
    rewrapped: *mut keyfold_rewrapped,
) -> Status {
    guard(|| {
        let report = unsafe { Report::claim_nullable(rewrapped)? };
        let key = handle::key(key)?;
        unsafe { memory(Allowed::Keys(&[&key]), data, data_len, context, context_len, report) }
    })
}

/// As keyfold_rewrap, for the wrappings of every key of a store.
///
/// @param store       [in, shared]
/// @param data        [inout, bytes(data_len)]   unchanged if the call fails
/// @param context     [in, bytes(context_len), nullable]   NULL: it is not checked
/// @param rewrapped   [out, result, nullable]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE,
///           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO,
///           STORE_POISONED, RANDOM
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_rewrap_any(
    store: *const keyfold_store,
    data: *mut u8,
    data_len: usize,
    context: *const u8,
    context_len: usize,
    rewrapped: *mut keyfold_rewrapped,
) -> Status {
    guard(|| {
        let report = unsafe { Report::claim_nullable(rewrapped)? };
        let store = handle::store(store)?;
        unsafe { memory(Allowed::AnyKeyOf(&store), data, data_len, context, context_len, report) }
    })
}

/// Rewraps a file that holds an envelope or data key blob, under a lock and so that it opens after a crash at any
/// moment. A file without a free cell is written anew and renamed over the old one.
///
/// @param key         [in, shared]
/// @param path        [in, text]
/// @param context     [in, bytes(context_len), nullable]   NULL: it is not checked
/// @param rewrapped   [out, result, nullable]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_CONTEXT, NOT_AN_ENVELOPE,
///           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
///           STORE_POISONED, RANDOM, IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_rewrap_file(
    key: *const keyfold_key,
    path: *const c_char,
    context: *const u8,
    context_len: usize,
    rewrapped: *mut keyfold_rewrapped,
) -> Status {
    guard(|| {
        let report = unsafe { Report::claim_nullable(rewrapped)? };
        let key = handle::key(key)?;
        unsafe { file(Allowed::Keys(&[&key]), path, context, context_len, report) }
    })
}

/// As keyfold_rewrap_file, for the wrappings of every key of a store.
///
/// @param store       [in, shared]
/// @param path        [in, text]
/// @param context     [in, bytes(context_len), nullable]   NULL: it is not checked
/// @param rewrapped   [out, result, nullable]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_CONTEXT, NOT_AN_ENVELOPE,
///           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO,
///           STORE_POISONED, RANDOM, IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_rewrap_file_any(
    store: *const keyfold_store,
    path: *const c_char,
    context: *const u8,
    context_len: usize,
    rewrapped: *mut keyfold_rewrapped,
) -> Status {
    guard(|| {
        let report = unsafe { Report::claim_nullable(rewrapped)? };
        let store = handle::store(store)?;
        unsafe { file(Allowed::AnyKeyOf(&store), path, context, context_len, report) }
    })
}

/// Puts an envelope under other keys, or another context, without producing its message.
///
/// @param from_keys     [in, array(from_keys_len), shared]   any of which may open it; 1 to 32
/// @param envelope      [in, bytes(envelope_len), nullable-if-0]
/// @param context       [in, bytes(context_len), nullable-if-0]   the context it has
/// @param to_keys       [in, array(to_keys_len), shared]     1 to 32, less the free cells
/// @param new_context   [in, bytes(new_context_len), nullable-if-0]   the context it gets
/// @param chosen        [in, bytes(chosen_len), nullable-if-0]   as for keyfold_encrypt_to
/// @param options       [in, nullable]
/// @param out           [out, buffer]   the new envelope
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
///           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED,
///           FORKED, STORE_POISONED, RANDOM, OUT_OF_MEMORY
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reencrypt(
    from_keys: *const *const keyfold_key,
    from_keys_len: usize,
    envelope: *const u8,
    envelope_len: usize,
    context: *const u8,
    context_len: usize,
    to_keys: *const *const keyfold_key,
    to_keys_len: usize,
    new_context: *const u8,
    new_context_len: usize,
    chosen: *const u8,
    chosen_len: usize,
    options: *const keyfold_reencrypt_options,
    out: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out, "out")? };
        let from = unsafe { handle::keys(from_keys, from_keys_len)? };
        let to = unsafe { handle::keys(to_keys, to_keys_len)? };
        let old = unsafe { Old::read(envelope, envelope_len, context, context_len)? };
        let new = unsafe { New::read(new_context, new_context_len, chosen, chosen_len)? };
        from.with(|from| to.with(|to| unsafe { reencrypt(Allowed::Keys(from), old, to, new, options, out) }))
    })
}

/// As keyfold_reencrypt, for an envelope under any key of a store.
///
/// @param store         [in, shared]
/// @param envelope      [in, bytes(envelope_len), nullable-if-0]
/// @param context       [in, bytes(context_len), nullable-if-0]   the context it has
/// @param to_keys       [in, array(to_keys_len), shared]     1 to 32, less the free cells
/// @param new_context   [in, bytes(new_context_len), nullable-if-0]   the context it gets
/// @param chosen        [in, bytes(chosen_len), nullable-if-0]   as for keyfold_encrypt_to
/// @param options       [in, nullable]
/// @param out           [out, buffer]   the new envelope
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
///           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
///           STORE_INTEGRITY, STORE_IO, STORE_POISONED, RANDOM, OUT_OF_MEMORY
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reencrypt_any(
    store: *const keyfold_store,
    envelope: *const u8,
    envelope_len: usize,
    context: *const u8,
    context_len: usize,
    to_keys: *const *const keyfold_key,
    to_keys_len: usize,
    new_context: *const u8,
    new_context_len: usize,
    chosen: *const u8,
    chosen_len: usize,
    options: *const keyfold_reencrypt_options,
    out: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out, "out")? };
        let store = handle::store(store)?;
        let to = unsafe { handle::keys(to_keys, to_keys_len)? };
        let old = unsafe { Old::read(envelope, envelope_len, context, context_len)? };
        let new = unsafe { New::read(new_context, new_context_len, chosen, chosen_len)? };
        to.with(|to| unsafe { reencrypt(Allowed::AnyKeyOf(&store), old, to, new, options, out) })
    })
}

unsafe fn memory(
    allowed: Allowed<'_>,
    data: *mut u8,
    data_len: usize,
    context: *const u8,
    context_len: usize,
    report: Report<keyfold_rewrapped>,
) -> Result<()> {
    let context = unsafe { args::context_or_none(context, context_len)? };
    let apart = context.map_or(&[][..], |c| c.as_bytes());
    let mut data = unsafe { Out::inout(data, data_len, "data", &[apart], &[report.span()])? };
    let done = envelope::rewrap(allowed, data.bytes(), context.as_ref())?;
    report.put(done.into());
    Ok(())
}

unsafe fn file(
    allowed: Allowed<'_>,
    path: *const c_char,
    context: *const u8,
    context_len: usize,
    report: Report<keyfold_rewrapped>,
) -> Result<()> {
    let path = unsafe { args::text(path, "path")? };
    let context = unsafe { args::context_or_none(context, context_len)? };
    report.put(envelope::rewrap_file(allowed, path.as_ref(), context.as_ref())?.into());
    Ok(())
}

struct Old<'a> {
    envelope: &'a [u8],
    context: envelope::Context<'a>,
}

impl<'a> Old<'a> {
    unsafe fn read(data: *const u8, len: usize, context: *const u8, context_len: usize) -> Result<Old<'a>> {
        Ok(Old {
            envelope: unsafe { args::bytes(data, len, "envelope")? },
            context: unsafe { args::context(context, context_len)? },
        })
    }
}

struct New<'a> {
    context: envelope::Context<'a>,
    chosen: args::Chosen<'a>,
}

impl<'a> New<'a> {
    unsafe fn read(ctx: *const u8, ctx_len: usize, chosen: *const u8, chosen_len: usize) -> Result<New<'a>> {
        Ok(New {
            context: unsafe { args::context(ctx, ctx_len)? },
            chosen: unsafe { args::chosen(chosen, chosen_len)? },
        })
    }
}

unsafe fn reencrypt(
    allowed: Allowed<'_>,
    old: Old<'_>,
    to: &[&crate::keystore::Key],
    new: New<'_>,
    options: *const keyfold_reencrypt_options,
    out: out::Made,
) -> Result<()> {
    let (options, stored) = unsafe { options::read(options)? }.with_choice(&new.chosen)?;
    let made = envelope::reencrypt(allowed, old.envelope, &old.context, to, &new.context, &stored, &options)?;
    out.put(made);
    Ok(())
}

impl From<envelope::Rewrapped> for keyfold_rewrapped {
    fn from(done: envelope::Rewrapped) -> keyfold_rewrapped {
        keyfold_rewrapped {
            size: 0,
            cells_rewrapped: done.cells_rewrapped,
            cells_current: done.cells_current,
            cells_skipped: done.cells_skipped,
            cells_freed: done.cells_freed,
        }
    }
}
