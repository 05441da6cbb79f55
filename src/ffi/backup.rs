//! Whole stores: backup, restore, repair.

use std::ffi::c_char;

use super::guard::guard;
use super::handle::{self, Object, Pinned};
use super::types::*;
use super::{args, options, out};
use crate::error::Status;
use crate::keystore::Store;
use crate::root::Root;

/// Writes the whole store, as it is in one moment, into one encrypted file that any of its roots opens. Others go
/// on using the store meanwhile.
///
/// @param store      [in, shared]
/// @param path       [in, text]   of a file that does not exist
/// @param out_json   [out, buffer, nullable]   BackupReport in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_UTF8, FILE_EXISTS, IO,
///           UNSUPPORTED_OPERATION, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_back_up(
    store: *const keyfold_store,
    path: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let path = unsafe { args::text(path, "path")? };
        out.json(&store.back_up(path.as_ref(), &mut |_, _| {})?)
    })
}

/// Verifies a backup without restoring it.
///
/// @param path       [in, text]
/// @param root       [in, shared]
/// @param out_json   [out, buffer, nullable]   BackupReport in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, FORKED, BACKUP_INVALID, ROOT_NOT_FOUND,
///           ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, IO, UNSUPPORTED_OPERATION
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_backup_verify(
    path: *const c_char,
    root: *const keyfold_root,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let path = unsafe { args::text(path, "path")? };
        let root = handle::root(root)?;
        out.json(&Store::verify_backup(path.as_ref(), &**root)?)
    })
}

/// Makes a store from a backup where none is, as a new incarnation of it, and opens it. Version numbers go on at
/// the next multiple of 65,536; keys that the anchor or the trail knows to be destroyed stay so.
///
/// @param backup      [in, text]   the backup's file
/// @param location    [in, text]   a path, or a URL: "sqlite:PATH"
/// @param roots       [in, array(roots_len), shared]   1 to 8; where dual control asks for it, two with different
///                    principals
/// @param options     [in, nullable]
/// @param out_store   [out, handle]   closed with keyfold_store_close
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED,
///           BACKUP_INVALID, APPROVAL_REQUIRED, ACCESS_DENIED, STORE_EXISTS, STORE_UNSAFE, STORE_IO,
///           STORE_FULL, ANCHOR_UNAVAILABLE, ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, IO,
///           OUT_OF_MEMORY, UNSUPPORTED_OPERATION
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_restore(
    backup: *const c_char,
    location: *const c_char,
    roots: *const *const keyfold_root,
    roots_len: usize,
    options: *const keyfold_store_options,
    out_store: *mut *mut keyfold_store,
) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_store, "out_store")? };
        let backup = unsafe { args::text(backup, "backup")? };
        let location = unsafe { args::text(location, "location")? }.parse()?;
        let pinned = unsafe { handle::roots(roots, roots_len)? };
        let options = unsafe { options::read(options)?.for_open()? };
        let store = Store::restore(backup.as_ref(), &location, &as_roots(&pinned), &options)?;
        out.put(handle::open(Object::Store(store))?);
        Ok(())
    })
}

/// Mends a store whose manifest or tree is damaged, from the documents that verify, as a new incarnation of it.
/// Nobody may have it open.
///
/// @param location   [in, text]   a path, or a URL: "sqlite:PATH"
/// @param roots      [in, array(roots_len), shared]   1 to 8; where dual control asks for it, two with different
///                   principals
/// @param options    [in, nullable]
/// @param out_json   [out, buffer, nullable]   RepairReport in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED,
///           APPROVAL_REQUIRED, ACCESS_DENIED, STORE_NOT_FOUND, NOT_A_STORE, STORE_TOO_NEW, STORE_INTEGRITY,
///           SCHEMA_CHANGED, STORE_BUSY, STORE_UNSAFE, STORE_IO, STORE_FULL, ANCHOR_UNAVAILABLE,
///           ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY, UNSUPPORTED_OPERATION
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_repair(
    location: *const c_char,
    roots: *const *const keyfold_root,
    roots_len: usize,
    options: *const keyfold_store_options,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let location = unsafe { args::text(location, "location")? }.parse()?;
        let pinned = unsafe { handle::roots(roots, roots_len)? };
        let options = unsafe { options::read(options)?.for_open()? };
        out.json(&Store::repair(&location, &as_roots(&pinned), &options)?)
    })
}

/// For a root that was compromised: gives the store a new store secret, wraps all material anew, and rotates every key whose
/// material the store draws. Slots of roots that are not kept are no more. Nobody may have the store open.
///
/// @param location    [in, text]   a path, or a URL: "sqlite:PATH"
/// @param roots       [in, array(roots_len), shared]   1 to 8; where dual control asks for it, two with different
///                    principals
/// @param new_root    [in, shared]   takes the place of the slot that the first of them opens
/// @param keep        [in, array(keep_len), shared]   0 to 8: roots whose slots stay
/// @param options     [in, nullable]
/// @param out_json    [out, buffer, nullable]   RootChangeReport in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED,
///           FINGERPRINT_MISMATCH, APPROVAL_REQUIRED, ACCESS_DENIED, ALREADY_EXISTS, LAST_ROOT, LIMIT_EXCEEDED,
///           STORE_NOT_FOUND, NOT_A_STORE, STORE_TOO_NEW, STORE_INTEGRITY, STORE_ROLLED_BACK, STORE_READ_ONLY,
///           TRAIL_INVALID, SCHEMA_CHANGED, STORE_BUSY, STORE_UNSAFE, STORE_IO, STORE_FULL, ANCHOR_UNAVAILABLE,
///           ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY, UNSUPPORTED_OPERATION
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_change_compromised_root(
    location: *const c_char,
    roots: *const *const keyfold_root,
    roots_len: usize,
    new_root: *const keyfold_root,
    keep: *const *const keyfold_root,
    keep_len: usize,
    options: *const keyfold_store_options,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let location = unsafe { args::text(location, "location")? }.parse()?;
        let acting = unsafe { handle::roots(roots, roots_len)? };
        let new = handle::root(new_root)?;
        let kept = if keep_len == 0 { Vec::new() } else { unsafe { handle::roots(keep, keep_len)? } };
        let options = unsafe { options::read(options)?.for_open()? };
        let (acting, kept) = (as_roots(&acting), as_roots(&kept));
        out.json(&Store::change_compromised_root(&location, &acting, &**new, &kept, &options)?)
    })
}

/// Seals the store anew with its time, so that readers who refuse an old state go on.
///
/// @param store   [in, shared]
/// @errors   INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
///           STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_heartbeat(store: *const keyfold_store) -> Status {
    guard(|| handle::store(store)?.heartbeat())
}

fn as_roots(pinned: &[Pinned<keyfold_root>]) -> Vec<&dyn Root> {
    pinned.iter().map(|root| &***root).collect()
}
