//! Files: encrypted and decrypted from path to path, the target whole in its old or its new state.

use std::ffi::c_char;
use std::fs::File;
use std::path::Path;

use super::guard::guard;
use super::out::{self, Report};
use super::types::*;
use super::work::Given;
use super::{args, handle, options};
use crate::envelope::{self, Allowed, FileOptions, Opened, Privacy, Replacement};
use crate::error::{Error, Result, Status};

/// Encrypts a file into another, by several threads and in under 16 MiB of memory, whatever its size.
///
/// Whatever happens, the target is there whole: as it was, or as the new envelope, which is on disk when the call
/// succeeds. It may be the file that is read. Pipes and devices can be read, but not be the target.
///
/// @param keys        [in, array(keys_len), shared]   1 to 32, less the free cells
/// @param from        [in, text]   the path of the message
/// @param to          [in, text]   the path of the envelope; a symbolic link there is followed
/// @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
/// @param chosen      [in, bytes(chosen_len), nullable-if-0]    as for keyfold_encrypt_to
/// @param options     [in, nullable]
/// @param out_size    [out, nullable]   bytes of the envelope
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, UNSUPPORTED_OPTION, INVALID_CONTEXT, TOO_LARGE,
///           CANCELLED, LIMIT_EXCEEDED, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM, IO
/// @threads  any   @callback sink, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_encrypt_file(
    keys: *const *const keyfold_key,
    keys_len: usize,
    from: *const c_char,
    to: *const c_char,
    context: *const u8,
    context_len: usize,
    chosen: *const u8,
    chosen_len: usize,
    options: *const keyfold_encrypt_options,
    out_size: *mut u64,
) -> Status {
    guard(|| {
        unsafe { out::number(out_size, 0) };
        let keys = unsafe { handle::keys(keys, keys_len)? };
        let paths = unsafe { Paths::read(from, to)? };
        let context = unsafe { args::context(context, context_len)? };
        let chosen = unsafe { args::chosen(chosen, chosen_len)? };
        let options = unsafe { options::read(options)? };
        let work = unsafe { Given::read(options.work)? };
        let (options, stored) = options.with_choice(&chosen)?;

        let source = paths.source()?;
        let target = Replacement::beside(paths.to.as_ref(), Privacy::Ordinary)?;
        let done = keys.with(|keys| {
            work.with(|work| {
                let file = FileOptions { work, input: paths.from, output: paths.to };
                envelope::encrypt_file(keys, &source, target.file(), &context, &stored, &options, &file)
            })
        })?;
        target.publish()?;
        unsafe { out::number(out_size, done.written) };
        Ok(())
    })
}

/// Decrypts a file into another, under any of the keys named, as keyfold_encrypt_file encrypts. A new target is for its owner alone
/// to read.
///
/// @param keys        [in, array(keys_len), shared]   1 to 32
/// @param from        [in, text]   the path of the envelope
/// @param to          [in, text]   the path of the message; a symbolic link there is followed
/// @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options     [in, nullable]
/// @param out_size    [out, nullable]   bytes of the message
/// @param opened      [out, result, nullable]   which key it was
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, UNSUPPORTED_OPTION, INVALID_CONTEXT, CANCELLED,
///           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
///           STORE_POISONED, IO
/// @threads  any   @callback sink, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypt_file(
    keys: *const *const keyfold_key,
    keys_len: usize,
    from: *const c_char,
    to: *const c_char,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    out_size: *mut u64,
    opened: *mut keyfold_opened,
) -> Status {
    guard(|| {
        unsafe { out::number(out_size, 0) };
        let report = unsafe { Report::claim_nullable(opened)? };
        let keys = unsafe { handle::keys(keys, keys_len)? };
        let paths = unsafe { Paths::read(from, to)? };
        let (opened, size) =
            keys.with(|keys| unsafe { decrypt(Allowed::Keys(keys), &paths, context, context_len, options) })?;
        unsafe { out::number(out_size, size) };
        report.put(opened.into());
        Ok(())
    })
}

/// As keyfold_decrypt_file, under whichever key of a store opens it.
///
/// @param store       [in, shared]
/// @param from        [in, text]   the path of the envelope
/// @param to          [in, text]   the path of the message; a symbolic link there is followed
/// @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options     [in, nullable]
/// @param out_size    [out, nullable]   bytes of the message
/// @param opened      [out, result, nullable]   which key it was
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, UNSUPPORTED_OPTION, INVALID_CONTEXT, CANCELLED,
///           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
///           STORE_INTEGRITY, STORE_IO, STORE_POISONED, IO
/// @threads  any   @callback sink, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_decrypt_file_any(
    store: *const keyfold_store,
    from: *const c_char,
    to: *const c_char,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    out_size: *mut u64,
    opened: *mut keyfold_opened,
) -> Status {
    guard(|| {
        unsafe { out::number(out_size, 0) };
        let report = unsafe { Report::claim_nullable(opened)? };
        let store = handle::store(store)?;
        let paths = unsafe { Paths::read(from, to)? };
        let (opened, size) =
            unsafe { decrypt(Allowed::AnyKeyOf(&store), &paths, context, context_len, options)? };
        unsafe { out::number(out_size, size) };
        report.put(opened.into());
        Ok(())
    })
}

struct Paths<'a> {
    from: &'a str,
    to: &'a str,
}

impl<'a> Paths<'a> {
    unsafe fn read(from: *const c_char, to: *const c_char) -> Result<Paths<'a>> {
        Ok(Paths { from: unsafe { args::text(from, "from")? }, to: unsafe { args::text(to, "to")? } })
    }

    fn source(&self) -> Result<File> {
        File::open(self.from).map_err(|e| Error::io("opening", Path::new(self.from), &e))
    }
}

unsafe fn decrypt(
    allowed: Allowed<'_>,
    paths: &Paths<'_>,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
) -> Result<(Opened, u64)> {
    let context = unsafe { args::context(context, context_len)? };
    let options = unsafe { options::read(options)? };
    let work = unsafe { Given::read(options.work)? };
    let source = paths.source()?;
    let target = Replacement::beside(paths.to.as_ref(), Privacy::Secret)?;
    let (opened, done) = work.with(|work| {
        let file = FileOptions { work, input: paths.from, output: paths.to };
        envelope::decrypt_file(allowed, &source, target.file(), &context, &options.into(), &file)
    })?;
    target.publish()?;
    Ok((opened, done.written))
}
