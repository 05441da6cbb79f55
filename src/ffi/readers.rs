//! Readers: any range of the message of an envelope, and where the bytes for it lie.

use std::ffi::c_void;
use std::os::fd::{BorrowedFd, RawFd};

use super::guard::{close, guard};
use super::handle::{self, Object};
use super::out::{self, Out, Report};
use super::source::Pread;
use super::types::*;
use super::work::Given;
use super::{args, options};
use crate::envelope::{self, AllowedKeys, FileAt, ReadAt, Reader};
use crate::error::{Error, Result, Status};
use crate::keystore::Store;

/// Opens an envelope of which any range can be read, from wherever a callback fetches its bytes: a file, a mapping,
/// an object of a store far away. The head is read and opened now; the message is read as it is asked for, whole chunks of 16 KiB
/// at a time.
///
/// @param keys        [in, array(keys_len), shared]   any of which may open it; 1 to 32
/// @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options     [in, nullable]   without work
/// @param size        [in]   bytes of the whole envelope; not trusted, and a wrong one never yields a wrong message
/// @param pread       [in]   see keyfold_pread_callback
/// @param user_data   [in]   given to every call of the callback and the release
/// @param release     [in]   called once, after the last call of the callback, or before this returns where it fails;
///                    NULL: nothing
/// @param out_reader  [out, handle]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, CALLBACK_FAILED,
///           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
///           STORE_POISONED
/// @threads  any   @callback sink, source   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reader_open(
    keys: *const *const keyfold_key,
    keys_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    size: u64,
    pread: keyfold_pread_callback,
    user_data: *mut c_void,
    release: keyfold_source_release,
    out_reader: *mut *mut keyfold_reader,
) -> Status {
    guard(|| {
        // First of all, so that it is given back whatever comes.
        let source = Pread::new(pread, size, user_data, release);
        let out = unsafe { out::Handle::claim(out_reader, "out_reader")? };
        let allowed = unsafe { named(keys, keys_len)? };
        unsafe { open(allowed, Box::new(source?), context, context_len, options, out) }
    })
}

/// As keyfold_reader_open, under whichever key of a store opens it: look at keyfold_reader_opened wherever it matters
/// which it was.
///
/// @param store       [in, shared]
/// @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options     [in, nullable]   without work
/// @param size        [in]   bytes of the whole envelope
/// @param pread       [in]   see keyfold_pread_callback
/// @param user_data   [in]   given to every call of the callback and the release
/// @param release     [in]   as for keyfold_reader_open
/// @param out_reader  [out, handle]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, CALLBACK_FAILED,
///           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
///           STORE_INTEGRITY, STORE_IO, STORE_POISONED
/// @threads  any   @callback sink, source   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reader_open_any(
    store: *const keyfold_store,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    size: u64,
    pread: keyfold_pread_callback,
    user_data: *mut c_void,
    release: keyfold_source_release,
    out_reader: *mut *mut keyfold_reader,
) -> Status {
    guard(|| {
        let source = Pread::new(pread, size, user_data, release);
        let out = unsafe { out::Handle::claim(out_reader, "out_reader")? };
        let store = handle::store(store)?;
        let allowed = AllowedKeys::AnyKeyOf(Store::clone(&store));
        unsafe { open(allowed, Box::new(source?), context, context_len, options, out) }
    })
}

/// As keyfold_reader_open, of a file that can be read at any place. The descriptor is copied, may be closed afterwards,
/// and its position is neither looked at nor moved.
///
/// @param keys        [in, array(keys_len), shared]   any of which may open it; 1 to 32
/// @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options     [in, nullable]   without work
/// @param descriptor  [in]   a file descriptor that is open for reading
/// @param out_reader  [out, handle]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, IO, NOT_AN_ENVELOPE,
///           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reader_open_fd(
    keys: *const *const keyfold_key,
    keys_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    descriptor: i32,
    out_reader: *mut *mut keyfold_reader,
) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_reader, "out_reader")? };
        let allowed = unsafe { named(keys, keys_len)? };
        let source = copied(descriptor)?;
        unsafe { open(allowed, Box::new(source), context, context_len, options, out) }
    })
}

/// As keyfold_reader_open_fd, under whichever key of a store opens it.
///
/// @param store       [in, shared]
/// @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options     [in, nullable]   without work
/// @param descriptor  [in]   a file descriptor that is open for reading
/// @param out_reader  [out, handle]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, IO, NOT_AN_ENVELOPE,
///           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO,
///           STORE_POISONED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reader_open_fd_any(
    store: *const keyfold_store,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    descriptor: i32,
    out_reader: *mut *mut keyfold_reader,
) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_reader, "out_reader")? };
        let store = handle::store(store)?;
        let allowed = AllowedKeys::AnyKeyOf(Store::clone(&store));
        let source = copied(descriptor)?;
        unsafe { open(allowed, Box::new(source), context, context_len, options, out) }
    })
}

/// Tells how long the message is. The last chunk is authenticated first, once: without that no length can be trusted.
///
/// @param reader     [in, shared]
/// @param out_size   [out]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, AUTH, CALLBACK_FAILED, FORKED, IO
/// @threads  any   @callback source   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reader_size(reader: *const keyfold_reader, out_size: *mut u64) -> Status {
    guard(|| {
        if out_size.is_null() {
            return Err(Error::NullArgument { what: "out_size" });
        }
        unsafe { out::number(out_size, 0) };
        let size = handle::reader(reader)?.reader.len()?;
        unsafe { out::number(out_size, size) };
        Ok(())
    })
}

/// Reads the message from an offset on. The buffer is filled unless the message ends before; then, and beyond the end,
/// where it is 0 bytes, the last chunk has been authenticated. Only the chunks that hold the range are fetched.
///
/// @param reader     [in, shared]
/// @param offset     [in]   in the message
/// @param work       [in, nullable]   with several threads the source is read by the calling one alone
/// @param out        [out, bytes(out_cap), nullable-if-0]   zeroed if the call fails
/// @param out_len    [out]   bytes written
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, CANCELLED, AUTH, CALLBACK_FAILED,
///           FORKED, IO
/// @threads  any   @callback source, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reader_pread(
    reader: *const keyfold_reader,
    offset: u64,
    work: *const keyfold_work,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let reader = handle::reader(reader)?;
        let work = unsafe { Given::read(work)? };
        let mut out = unsafe { Out::claim(out, out_cap, len, out_cap, &[])? };
        let n = work.with(|work| reader.reader.pread(offset, out.bytes(), &work))?;
        out.report(len, n);
        out.keep();
        Ok(())
    })
}

/// Tells which key opened the envelope of a reader.
///
/// @param reader   [in, shared]
/// @param opened   [out, result]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT
/// @threads  any   @callback source   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reader_opened(
    reader: *const keyfold_reader,
    opened: *mut keyfold_opened,
) -> Status {
    guard(|| {
        let report = unsafe { Report::claim(opened)? };
        report.put(handle::reader(reader)?.reader.opened().clone().into());
        Ok(())
    })
}

/// Returns the whole authenticated context of a reader's envelope, packed. With KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT
/// it tells what was accepted.
///
/// @param reader        [in, shared]
/// @param out_context   [out, buffer]   a packed context
/// @errors   NULL_ARGUMENT, INVALID_HANDLE
/// @threads  any   @callback source   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_reader_context(
    reader: *const keyfold_reader,
    out_context: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_context, "out_context")? };
        let reader = handle::reader(reader)?;
        out.put(reader.reader.opened().context.clone().unwrap_or_else(|| reader.context.clone()));
        Ok(())
    })
}

/// Closes a reader. Calls under way on it go on to their end, which this does not wait for; the last of them gives its callback
/// back. NULL is fine.
///
/// @param reader   [in, closes]
/// @errors   INVALID_HANDLE
/// @threads  any   @callback sink, source   @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfold_reader_close(reader: *mut keyfold_reader) -> Status {
    close(|| handle::close(reader))
}

/// Tells which bytes of an envelope must be fetched to read a range of its message: whole chunks, for an HTTP range request.
/// Needs no key, and authenticates nothing; keyfold_reader_pread does, of what was fetched.
///
/// @param head            [in, bytes(head_len), nullable-if-0]   the envelope's first bytes, 44 or more
/// @param envelope_size   [in]   bytes of the whole envelope
/// @param offset          [in]   where the range begins in the message
/// @param length          [in]   its bytes; a range beyond the message's end ends with the last chunk, or is it
/// @param out_offset      [out]   where the bytes begin in the envelope
/// @param out_length      [out]   how many
/// @errors   NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_ciphertext_range(
    head: *const u8,
    head_len: usize,
    envelope_size: u64,
    offset: u64,
    length: u64,
    out_offset: *mut u64,
    out_length: *mut u64,
) -> Status {
    guard(|| {
        for (place, what) in [(out_offset, "out_offset"), (out_length, "out_length")] {
            if place.is_null() {
                return Err(Error::NullArgument { what });
            }
            unsafe { out::number(place, 0) };
        }
        let head = unsafe { args::bytes(head, head_len, "head")? };
        let range = envelope::ciphertext_range(head, envelope_size, offset, length)?;
        unsafe { out::number(out_offset, range.offset) };
        unsafe { out::number(out_length, range.len) };
        Ok(())
    })
}

/// What a handle of a reader stands for.
pub(super) struct Readable {
    reader: Reader,
    /// The context that was given.
    context: Vec<u8>,
}

/// # Safety
/// As `handle::keys`.
unsafe fn named(keys: *const *const keyfold_key, keys_len: usize) -> Result<AllowedKeys> {
    Ok(AllowedKeys::Keys(unsafe { handle::keys(keys, keys_len)? }.cloned()))
}

unsafe fn open(
    allowed: AllowedKeys,
    source: Box<dyn ReadAt>,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    out: out::Handle<keyfold_reader>,
) -> Result<()> {
    let context = unsafe { args::context(context, context_len)? };
    let options = unsafe { options::read(options)? };
    options.without_work()?;
    let reader = Reader::open(&allowed, source, &context, &options.into())?;
    let context = context.as_bytes().to_vec();
    out.put(handle::open(Object::Reader(Box::new(Readable { reader, context })))?);
    Ok(())
}

/// A copy of the caller's descriptor.
fn copied(descriptor: RawFd) -> Result<FileAt> {
    if descriptor < 0 {
        return Err(Error::InvalidArgument { what: "the descriptor is negative; open the file first" });
    }
    // SAFETY: not -1; the caller promises that it stays open for the call, and one that is not is refused by the
    // system.
    let theirs = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let ours = theirs.try_clone_to_owned().map_err(|e| Error::io("copying", THE_FILE.as_ref(), &e))?;
    Ok(FileAt::new(ours.into(), THE_FILE))
}

const THE_FILE: &str = "the file descriptor";
