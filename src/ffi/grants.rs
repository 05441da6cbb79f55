//! Who may: grants, and handles with fewer rights.

use std::ffi::c_char;

use super::guard::guard;
use super::handle::{self, Object};
use super::types::*;
use super::{args, options, out};
use crate::envelope::Context;
use crate::error::{Result, Status};
use crate::keystore::{CreateGrant, Narrowing};
use crate::operation::Operation;

/// Lets a principal do something with a key.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param grant      [in, text]   JSON: CreateGrant in docs/ABI.md
/// @param out_json   [out, buffer, nullable]   GrantMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, LIMIT_EXCEEDED, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY,
///           STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_grant_create(
    store: *const keyfold_store,
    name: *const c_char,
    grant: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let grant = CreateGrant::from_json(unsafe { args::text(grant, "grant")? })?;
        out.json(&store.create_grant(&name, &grant)?)
    })
}

/// Lists a key's grants, a page at a time, as JSON: GrantPage in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param after      [in, text, nullable]   the "next" of the page before; NULL begins
/// @param limit      [in]   entries at most, up to 1,000; 0 means 100
/// @param out_json   [out, buffer]   GrantPage
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_grant_list(
    store: *const keyfold_store,
    name: *const c_char,
    after: *const c_char,
    limit: u32,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let page = unsafe { args::page(after, limit)? };
        out.json(&store.list_grants(&name, &page)?)
    })
}

/// Lists the grants of all keys that a principal may retire, a page at a time, as JSON: GrantPage in docs/ABI.md.
///
/// @param store       [in, shared]
/// @param principal   [in, text]
/// @param after       [in, text, nullable]   the "next" of the page before; NULL begins
/// @param limit       [in]   entries at most, up to 1,000; 0 means 100
/// @param out_json    [out, buffer]   GrantPage
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
///           STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_grant_list_retirable(
    store: *const keyfold_store,
    principal: *const c_char,
    after: *const c_char,
    limit: u32,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let principal = unsafe { args::text(principal, "principal")? };
        let page = unsafe { args::page(after, limit)? };
        out.json(&store.list_retirable_grants(principal, &page)?)
    })
}

/// Ends a grant: called by its grantee (where the grant has RetireGrant), its retiring principal, or the key's
/// owner.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param grant_id   [in, text]   a grant_id of keyfold_grant_list
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, GRANT_NOT_FOUND, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
///           STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_grant_retire(
    store: *const keyfold_store,
    name: *const c_char,
    grant_id: *const c_char,
) -> Status {
    guard(|| {
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let grant_id = unsafe { args::text(grant_id, "grant_id")? };
        store.retire_grant(&name, grant_id)
    })
}

/// Ends a grant: called by the key's owner. Handles that are ready feel it at their next call, in other processes
/// within the refresh interval.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param grant_id   [in, text]   a grant_id of keyfold_grant_list
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, GRANT_NOT_FOUND, ANCHOR_UNAVAILABLE, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY,
///           STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_grant_revoke(
    store: *const keyfold_store,
    name: *const c_char,
    grant_id: *const c_char,
) -> Status {
    guard(|| {
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let grant_id = unsafe { args::text(grant_id, "grant_id")? };
        store.revoke_grant(&name, grant_id)
    })
}

/// Makes another handle on the same key with fewer rights, for plugins and threads; this one stays as it is. The
/// new one can be narrowed further, and never widened.
///
/// @param key              [in, shared]
/// @param context_equals   [in, bytes(context_equals_len), nullable-if-0]   the context must be exactly this
///                         packed one; NULL: any
/// @param context_subset   [in, bytes(context_subset_len), nullable-if-0]   the context must have these pairs;
///                         NULL: any
/// @param narrowing        [in, nullable]   what else it is narrowed to
/// @param out_key          [out, handle]   closed with keyfold_key_close
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8,
///           INVALID_CONTEXT, OUT_OF_MEMORY
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_narrow(
    key: *const keyfold_key,
    context_equals: *const u8,
    context_equals_len: usize,
    context_subset: *const u8,
    context_subset_len: usize,
    narrowing: *const keyfold_narrowing,
    out_key: *mut *mut keyfold_key,
) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_key, "out_key")? };
        let key = handle::key(key)?;
        let equals = unsafe { args::context_or_none(context_equals, context_equals_len)? };
        let subset = unsafe { args::context_or_none(context_subset, context_subset_len)? };
        let to = unsafe { options::read(narrowing)? };
        let operations = match unsafe { args::text_or_none(to.operations, "narrowing.operations")? } {
            None => Vec::new(),
            Some(names) => names.split(',').map(Operation::from_name).collect::<Result<_>>()?,
        };
        let narrowed = key.narrow(&Narrowing {
            operations,
            context_equals: equals.map(|context| owned(&context)),
            context_subset: subset.map(|context| owned(&context)),
            uses: (to.uses > 0).then_some(to.uses),
            millis: (to.millis > 0).then_some(to.millis),
        })?;
        out.put(handle::open(Object::Key(narrowed))?);
        Ok(())
    })
}

fn owned(context: &Context<'_>) -> Vec<(String, String)> {
    context.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
