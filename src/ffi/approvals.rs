//! What holds for a whole store, dual control, and asking before doing.

use std::ffi::c_char;

use super::guard::guard;
use super::types::*;
use super::{args, handle, out};
use crate::error::Status;
use crate::keystore::{ApprovalRequest, StoreSettings};
use crate::operation::Operation;

/// Tells a store's settings, as JSON: StoreSettings in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param out_json   [out, buffer]   StoreSettings
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_settings(
    store: *const keyfold_store,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        out.json(&store.settings()?)
    })
}

/// Replaces a store's settings. Called by an administrator; under dual control where the settings say so.
///
/// @param store      [in, shared]
/// @param settings   [in, text]   JSON: StoreSettings in docs/ABI.md; what is left out is at its default
/// @param out_json   [out, buffer, nullable]   the new StoreSettings
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
///           APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
///           STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_update_settings(
    store: *const keyfold_store,
    settings: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let settings = unsafe { args::text(settings, "settings")? };
        let settings: StoreSettings =
            args::object(settings, "settings is not JSON of the form that docs/ABI.md gives")?;
        out.json(&store.update_settings(&settings)?)
    })
}

/// Approves exactly one operation that another principal is about to do: on one key, with these parameters, once.
/// The store must be open through a root whose slot bears a principal.
///
/// @param store       [in, shared]
/// @param operation   [in, text]   its name, such as "ScheduleKeyDeletion"
/// @param request     [in, text]   its parameters as the trail names them, a JSON object; keyId may be any name
///                    of the key
/// @param seconds     [in]   ends after so many seconds; 0: the store's window
/// @param out_json    [out, buffer, nullable]   Approval in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
///           KEY_NOT_FOUND, UNSUPPORTED_OPERATION, LIMIT_EXCEEDED, STORE_READ_ONLY, STORE_BUSY,
///           STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_approve(
    store: *const keyfold_store,
    operation: *const c_char,
    request: *const c_char,
    seconds: u32,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let operation = Operation::from_name(unsafe { args::text(operation, "operation")? })?;
        let request = unsafe { args::text(request, "request")? };
        let request = args::object(request, "request is not a JSON object")?;
        out.json(&store.approve(&ApprovalRequest { operation, request, seconds })?)
    })
}

/// Lists the approvals that wait for their use, as JSON: an array of Approval in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param out_json   [out, buffer]   an array of Approval
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_approval_list(
    store: *const keyfold_store,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        out.json(&store.list_approvals()?)
    })
}

/// Withdraws an approval.
///
/// @param store         [in, shared]
/// @param approval_id   [in, text]   an approval_id of keyfold_approval_list
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, ACCESS_DENIED, FORKED,
///           ANCHOR_UNAVAILABLE, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_approval_withdraw(
    store: *const keyfold_store,
    approval_id: *const c_char,
) -> Status {
    guard(|| {
        let store = handle::store(store)?;
        store.withdraw_approval(unsafe { args::text(approval_id, "approval_id")? })
    })
}

/// Tells whether this store's principal may do an operation on a key under a context now, without doing it: OK, or
/// the status that it would get. It is an event, marked so.
///
/// @param store       [in, shared]
/// @param operation   [in, text]   its name, such as "Decrypt"
/// @param name        [in, text]   a key id, "alias/NAME" or NAME
/// @param context     [in, bytes(context_len), nullable-if-0]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, INVALID_CONTEXT, KEY_DISABLED, KEY_DESTROYED, INVALID_KEY_STATE,
///           INVALID_KEY_USAGE, UNSUPPORTED_OPERATION, APPROVAL_REQUIRED, KEY_STOPPED, STORE_INTEGRITY,
///           STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_dry_run(
    store: *const keyfold_store,
    operation: *const c_char,
    name: *const c_char,
    context: *const u8,
    context_len: usize,
) -> Status {
    guard(|| {
        let store = handle::store(store)?;
        let operation = Operation::from_name(unsafe { args::text(operation, "operation")? })?;
        let name = unsafe { args::key_name(name, "name")? };
        let context = unsafe { args::context(context, context_len)? };
        store.dry_run(operation, &name, &context)
    })
}

/// Tells whether a key handle may do an operation under a context now, without doing it: as keyfold_dry_run, but what the
/// handle was narrowed to is asked first.
///
/// @param key         [in, shared]
/// @param operation   [in, text]   its name, such as "Decrypt"
/// @param context     [in, bytes(context_len), nullable-if-0]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, ACCESS_DENIED, FORKED, INVALID_ARGUMENT,
///           INVALID_CONTEXT, KEY_NOT_FOUND, KEY_DISABLED, KEY_DESTROYED, INVALID_KEY_STATE, INVALID_KEY_USAGE,
///           UNSUPPORTED_OPERATION, KEY_STOPPED, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_dry_run(
    key: *const keyfold_key,
    operation: *const c_char,
    context: *const u8,
    context_len: usize,
) -> Status {
    guard(|| {
        let key = handle::key(key)?;
        let operation = Operation::from_name(unsafe { args::text(operation, "operation")? })?;
        key.dry_run(operation, &unsafe { args::context(context, context_len)? })
    })
}
