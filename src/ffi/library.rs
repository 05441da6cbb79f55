//! Calls about the library itself: versions, statuses, the last error, and the memory it gives out.

use std::ffi::c_char;

use super::guard::{self, guard};
use super::out::{self, Report};
use super::types::*;
use super::{args, handle};
use crate::error::Status;
use crate::{crypto, secret};

/// Tells the version of the ABI that the library was built with. Programs compare it with KEYFOLD_ABI_VERSION when
/// they load the library.
///
/// @returns the version
/// @errors   none
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_abi_version() -> u32 {
    KEYFOLD_ABI_VERSION
}

/// Tells the version of the library, such as "0.1.0".
///
/// @returns [static] the version
/// @errors   none
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Names the engine that does AES-256-GCM in this build: "aws-lc" or "aes-gcm". Both give the same bytes.
///
/// @returns [static] the engine
/// @errors   none
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_engine() -> *const c_char {
    let engine: &'static std::ffi::CStr = if cfg!(feature = "aws-lc") { c"aws-lc" } else { c"aes-gcm" };
    engine.as_ptr()
}

/// Names a status, such as "KEY_DISABLED"; for logs and for programs. Names never change.
///
/// @param status   [in]   any number
/// @returns [static] the name, or "UNKNOWN" for a number that is none
/// @errors   none
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_status_name(status: i32) -> *const c_char {
    super::statuses::name(status).as_ptr()
}

/// Tells in a sentence what a status means and what to do about it. Sentences may change.
///
/// @param status   [in]   any number
/// @returns [static] the sentence
/// @errors   none
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_status_text(status: i32) -> *const c_char {
    super::statuses::text(status).as_ptr()
}

/// Tells whether the same call may succeed later without anything being mended.
///
/// @param status   [in]   any number
/// @returns 1 if so, else 0
/// @errors   none
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_status_retryable(status: i32) -> u32 {
    Status::from_code(status).is_some_and(Status::is_retryable).into()
}

/// Copies the detail of the last failure in this thread: a sentence that names what was given and says what to do.
/// Every call that returns a status forgets the detail first, so it is never stale; a close that succeeds leaves it
/// alone, so that one may clean up before reporting. It carries no secret.
///
/// @param out       [out, text(out_cap), nullable-if-0]   NUL-ended; cut at a character when it does not fit.
///                  KEYFOLD_ERROR_SIZE bytes always suffice
/// @param out_len   [out, nullable]   bytes of the whole sentence without its NUL; 0 when nothing failed
/// @errors   NULL_ARGUMENT
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfold_last_error(out: *mut c_char, out_cap: usize, out_len: *mut usize) -> Status {
    // Not under `guard`, which would forget what is asked for.
    unsafe { guard::copy_last_error(out.cast(), out_cap, out_len) }
}

/// Counts the handles (roots, stores, keys) that are open in this copy of the library; 0 at the end of a program
/// that closes all it opens.
///
/// @returns the number of open handles
/// @errors   none
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_open_handles() -> usize {
    handle::open_handles()
}

/// Runs the self-test unless it has run, and tells how it came out: known answers on both engines, one against the
/// other; then those of HMAC, HPKE, Ed25519 and RSA-OAEP. Every call asks for what it uses by itself, those four at
/// their first use; this one is for programs that want to know at their start.
///
/// @errors   SELF_TEST
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn keyfold_self_test() -> Status {
    guard(crate::crypto::self_test_all)
}

/// Reports how the secret memory of this process is really protected.
///
/// @param out   [out, result]
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_protection_status(out: *mut keyfold_protection) -> Status {
    guard(|| {
        let out = unsafe { Report::claim(out)? };
        let is = secret::protection();
        out.put(keyfold_protection {
            size: 0,
            reserved: 0,
            bytes: is.bytes,
            unlocked_bytes: is.unlocked_bytes,
            dumpable_bytes: is.dumpable_bytes,
            not_wiped_bytes: is.not_wiped_bytes,
        });
        Ok(())
    })
}

/// Makes every generator of this process take fresh entropy from the kernel before its next output. Call it when a
/// machine or container has been restored from a snapshot or cloned while running.
///
/// @errors   SELF_TEST
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn keyfold_reseed() -> Status {
    guard(|| {
        crypto::reseed();
        Ok(())
    })
}

/// Fills a buffer with random bytes that are fit for keys.
///
/// @param out   [out, bytes(out_len), nullable-if-0]   zeroed if the call fails
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, RANDOM
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_generate_random(out: *mut u8, out_len: usize) -> Status {
    guard(|| {
        let mut out = unsafe { out::Out::exactly(out, out_len, "out")? };
        crypto::fill_random(out.bytes())?;
        out.keep();
        Ok(())
    })
}

/// Wipes and frees bytes that the library made, and sets the buffer to NULL and 0. NULL, and a buffer that is
/// already so, are left alone.
///
/// @param buffer   [inout, nullable]
/// @errors   none
/// @threads  one   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfold_buffer_free(buffer: *mut keyfold_buffer) {
    unsafe { out::free(buffer) }
}

/// Writes the canonical encoding of an encryption context: pairs sorted by name, with their lengths. The block can
/// be kept and used for any number of calls.
///
/// @param pairs     [in, array(pairs_len), nullable-if-0]   in any order; 0 to 64
/// @param out       [out, bytes(out_cap), nullable-if-0]    KEYFOLD_CONTEXT_MAX_SIZE bytes always suffice
/// @param out_len   [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, BUFFER_TOO_SMALL, INVALID_UTF8, INVALID_CONTEXT, BUFFERS_OVERLAP
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_context_pack(
    pairs: *const keyfold_pair,
    pairs_len: usize,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let pairs = unsafe { args::pairs(pairs, pairs_len)? };
        let packed = crate::envelope::Context::pack(&pairs)?;
        let inputs: Vec<&[u8]> = pairs.iter().flat_map(|(n, v)| [n.as_bytes(), v.as_bytes()]).collect();
        unsafe { out::copy(&packed, out, out_cap, len, &inputs) }
    })
}

/// Checks that a block is the canonical encoding of an encryption context.
///
/// @param context   [in, bytes(context_len), nullable-if-0]   NULL with 0 is the empty context
/// @errors   NULL_ARGUMENT, INVALID_CONTEXT
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_context_check(context: *const u8, context_len: usize) -> Status {
    guard(|| unsafe { args::context(context, context_len) }.map(drop))
}

/// Checks that a context gives a value for each of the names that the program never goes without, such as the column
/// and the tenant. Call it before decrypting: an envelope that was encrypted without a name opens without it.
///
/// @param context   [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
/// @param names     [in, bytes(names_len), nullable-if-0]     a packed context, of which only the names count
/// @errors   NULL_ARGUMENT, INVALID_CONTEXT, CONTEXT_REQUIRED
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_context_require(
    context: *const u8,
    context_len: usize,
    names: *const u8,
    names_len: usize,
) -> Status {
    guard(|| {
        let context = unsafe { args::context(context, context_len)? };
        context.require(unsafe { args::chosen(names, names_len)? }.names())
    })
}
