//! Key stores and their root slots.

use std::ffi::c_char;

use super::guard::{close, guard};
use super::handle::{self, Object};
use super::types::*;
use super::{args, options, out};
use crate::error::Status;
use crate::keystore::{SlotOptions, Store};

/// Makes a new key store, protected by a root, and opens it.
///
/// @param location    [in, text]   a path, or a URL: "sqlite:PATH"
/// @param root        [in, shared]
/// @param options     [in, nullable]
/// @param out_store   [out, handle]   closed with keyfold_store_close
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, STORE_EXISTS,
///           STORE_UNSAFE, STORE_IO, STORE_FULL, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_init(
    location: *const c_char,
    root: *const keyfold_root,
    options: *const keyfold_store_options,
    out_store: *mut *mut keyfold_store,
) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_store, "out_store")? };
        let location = unsafe { args::text(location, "location")? }.parse()?;
        let root = handle::root(root)?;
        let options = unsafe { options::read(options)?.for_init()? };
        out.put(handle::open(Object::Store(Store::init(&location, &**root, &options)?))?);
        Ok(())
    })
}

/// Opens a key store that exists.
///
/// @param location    [in, text]   a path, or a URL: "sqlite:PATH", "sqlite:PATH?fingerprint=HEX"
/// @param root        [in, shared]
/// @param options     [in, nullable]
/// @param out_store   [out, handle]   closed with keyfold_store_close
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, STORE_NOT_FOUND,
///           NOT_A_STORE, STORE_TOO_NEW, STORE_INTEGRITY, SCHEMA_CHANGED, STORE_BUSY, STORE_IO, STORE_UNSAFE,
///           FINGERPRINT_MISMATCH, ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_open(
    location: *const c_char,
    root: *const keyfold_root,
    options: *const keyfold_store_options,
    out_store: *mut *mut keyfold_store,
) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_store, "out_store")? };
        let location = unsafe { args::text(location, "location")? }.parse()?;
        let root = handle::root(root)?;
        let options = unsafe { options::read(options)?.for_open()? };
        out.put(handle::open(Object::Store(Store::open(&location, &**root, &options)?))?);
        Ok(())
    })
}

/// Makes a store in memory with the same calls, for tests. It is gone when it and all keys opened from it are closed.
///
/// @param out_store   [out, handle]   closed with keyfold_store_close
/// @errors   NULL_ARGUMENT, OUT_OF_MEMORY, RANDOM
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_open_in_memory(out_store: *mut *mut keyfold_store) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_store, "out_store")? };
        out.put(handle::open(Object::Store(Store::in_memory()?))?);
        Ok(())
    })
}

/// Closes a store. Keys opened from it go on working.
///
/// @param store   [in, closes, nullable]   NULL is OK; a second close is INVALID_HANDLE
/// @errors   INVALID_HANDLE
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_store_close(store: *mut keyfold_store) -> Status {
    close(|| handle::close(store))
}

/// Tells identity and state of a store, as JSON: StoreInfo in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param out_json   [out, buffer]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, FORKED, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_info(
    store: *const keyfold_store,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        out.json(&handle::store(store)?.info()?)
    })
}

/// Reads everything in a store and verifies it.
///
/// @param store      [in, shared]
/// @param out_keys   [out, nullable]   number of keys verified
/// @errors   INVALID_HANDLE, FORKED, STORE_INTEGRITY, STORE_ROLLED_BACK, SCHEMA_CHANGED, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_verify(store: *const keyfold_store, out_keys: *mut u64) -> Status {
    guard(|| {
        let keys = handle::store(store)?.verify(&mut |_, _| {})?;
        unsafe { out::number(out_keys, keys) };
        Ok(())
    })
}

/// Lists the roots that can open a store, as JSON: an array of RootSlot in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param out_json   [out, buffer]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, FORKED, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_list_roots(
    store: *const keyfold_store,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        out.json(&handle::store(store)?.roots()?)
    })
}

/// Adds a root that can open a store, beside those there are.
///
/// @param store      [in, shared]
/// @param root       [in, shared]
/// @param out_json   [out, buffer, nullable]   the new RootSlot
/// @errors   INVALID_HANDLE, FORKED, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, ALREADY_EXISTS, STORE_READ_ONLY,
///           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_add_root(
    store: *const keyfold_store,
    root: *const keyfold_root,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let root = handle::root(root)?;
        out.json(&store.add_root(&**root)?)
    })
}

/// Adds a root whose slot bears a principal, or the admin seed.
///
/// @param store      [in, shared]
/// @param root       [in, shared]
/// @param options    [in, nullable]
/// @param out_json   [out, buffer, nullable]   the new RootSlot
/// @errors   INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED, ACCESS_DENIED,
///           APPROVAL_REQUIRED, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, ALREADY_EXISTS, LIMIT_EXCEEDED,
///           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.2
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_add_root_as(
    store: *const keyfold_store,
    root: *const keyfold_root,
    options: *const keyfold_slot_options,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let root = handle::root(root)?;
        let options = unsafe { options::read(options)? };
        let principal = unsafe { args::text_or_none(options.principal, "options.principal")? };
        let slot = SlotOptions {
            principal: principal.map(str::to_owned),
            admin: options.flags & KEYFOLD_SLOT_ADMIN != 0,
        };
        out.json(&store.add_root_as(&**root, &slot)?)
    })
}

/// Removes a root from a store; never the last.
///
/// @param store     [in, shared]
/// @param slot_id   [in, text]   a slot_id of keyfold_store_list_roots
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, FORKED, ROOT_NOT_FOUND, LAST_ROOT, STORE_READ_ONLY,
///           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_remove_root(
    store: *const keyfold_store,
    slot_id: *const c_char,
) -> Status {
    guard(|| {
        let slot_id = unsafe { args::text(slot_id, "slot_id")? };
        handle::store(store)?.remove_root(slot_id)
    })
}

/// Puts a new root in the place of another, in one transaction.
///
/// @param store      [in, shared]
/// @param slot_id    [in, text, nullable]   the slot to replace; NULL means the one that opened this handle
/// @param root       [in, shared]           the new root
/// @param out_json   [out, buffer, nullable]   the new RootSlot
/// @errors   INVALID_HANDLE, INVALID_UTF8, FORKED, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, STORE_READ_ONLY,
///           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_change_root(
    store: *const keyfold_store,
    slot_id: *const c_char,
    root: *const keyfold_root,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let slot_id = unsafe { args::text_or_none(slot_id, "slot_id")? };
        let root = handle::root(root)?;
        out.json(&store.change_root(slot_id, &**root)?)
    })
}
