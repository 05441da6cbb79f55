//! Roots of trust.

use std::ffi::c_char;

use super::guard::{close, guard};
use super::types::*;
use super::{args, handle, options, out};
use crate::error::Status;
use crate::root::{KeyFile, Passphrase};

/// Makes a new key file: 32 random bytes in a small text format, readable by its owner alone, synced to disk. Keep
/// it, and a copy of it, apart from the store; without it the store cannot be opened.
///
/// @param path   [in, text]   of a file that does not exist
/// @errors   NULL_ARGUMENT, INVALID_UTF8, FILE_EXISTS, ROOT_UNSAFE, IO, RANDOM
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_root_create_key_file(path: *const c_char) -> Status {
    guard(|| {
        let path = unsafe { args::text(path, "path")? };
        KeyFile::create(path.as_ref())
    })
}

/// Names a key file as a root. The file is read, and its protection checked, by the calls that take the root.
///
/// @param path       [in, text]
/// @param options    [in, nullable]
/// @param out_root   [out, handle]   closed with keyfold_root_close
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_root_open_key_file(
    path: *const c_char,
    options: *const keyfold_key_file_options,
    out_root: *mut *mut keyfold_root,
) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_root, "out_root")? };
        let path = unsafe { args::text(path, "path")? };
        let options = unsafe { options::read(options)? };
        let root = KeyFile::new(path)
            .allow_readable(options.flags & KEYFOLD_KEY_FILE_ALLOW_READABLE != 0)
            .allow_beside_store(options.flags & KEYFOLD_KEY_FILE_ALLOW_BESIDE_STORE != 0);
        out.put(handle::open_root(root)?);
        Ok(())
    })
}

/// Takes a passphrase as a root, into locked memory. The caller wipes its own copy.
///
/// @param passphrase   [in, bytes(passphrase_len)]   1 to 1,024 bytes, taken as they are
/// @param out_root     [out, handle]   closed with keyfold_root_close
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, OUT_OF_MEMORY
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_root_open_passphrase(
    passphrase: *const u8,
    passphrase_len: usize,
    out_root: *mut *mut keyfold_root,
) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_root, "out_root")? };
        let passphrase = unsafe { args::bytes(passphrase, passphrase_len, "passphrase")? };
        out.put(handle::open_root(Passphrase::new(passphrase)?)?);
        Ok(())
    })
}

/// Closes a root and wipes what it held. Stores opened with it stay open.
///
/// @param root   [in, closes, nullable]   NULL is OK; a second close is INVALID_HANDLE
/// @errors   INVALID_HANDLE
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_root_close(root: *mut keyfold_root) -> Status {
    close(|| handle::close(root))
}
