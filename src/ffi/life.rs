//! A key's life beyond making and disabling it: description, tags, policy, rotation, deletion, compromise, usage.

use std::ffi::c_char;

use super::guard::guard;
use super::types::*;
use super::{args, handle, out};
use crate::error::Status;
use crate::keystore::KeyPolicy;

/// Replaces a key's description.
///
/// @param store         [in, shared]
/// @param name          [in, text]   a key id, "alias/NAME" or NAME
/// @param description   [in, text]   up to 8,192 bytes; not secret
/// @param out_json      [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           TOO_LARGE, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY,
///           STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_update_description(
    store: *const keyfold_store,
    name: *const c_char,
    description: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let description = unsafe { args::text(description, "description")? };
        out.json(&store.update_key_description(&name, description)?)
    })
}

/// Adds tags to a key, or replaces their values.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param tags       [in, text]   a JSON object of text to text: names of 1 to 128 characters, values of up to
///                   256; not secret
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, LIMIT_EXCEEDED, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY,
///           STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_tag(
    store: *const keyfold_store,
    name: *const c_char,
    tags: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let tags = unsafe { args::text(tags, "tags")? };
        let tags = args::pairs_of_json(tags, "tags is not a JSON object of text to text")?;
        out.json(&store.tag_key(&name, &tags)?)
    })
}

/// Removes tags from a key; names that it has not are no error.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param names      [in, text]   a JSON array of text
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY,
///           STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_untag(
    store: *const keyfold_store,
    name: *const c_char,
    names: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let names = unsafe { args::text(names, "names")? };
        let names: Vec<String> = args::json(names, "names is not a JSON array of text")?;
        out.json(&store.untag_key(&name, &names)?)
    })
}

/// Replaces a key's whole policy: when it rotates, how long its versions serve, what its trail records, what stops
/// it.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param policy     [in, text]   JSON: KeyPolicy in docs/ABI.md; what is left out is at its default
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, INVALID_KEY_STATE, KEY_DESTROYED, UNSUPPORTED_OPERATION, ANCHOR_UNAVAILABLE,
///           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_set_policy(
    store: *const keyfold_store,
    name: *const c_char,
    policy: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let policy = KeyPolicy::from_json(unsafe { args::text(policy, "policy")? })?;
        out.json(&store.set_key_policy(&name, &policy)?)
    })
}

/// Puts a key into PendingDeletion: it is not used any more, and keyfold_store_destroy_due destroys it after the
/// waiting period, unless that is cancelled. See keyfold_key_last_usage first.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param days       [in]   7 to 30; 0 means 30
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, INVALID_KEY_STATE, KEY_DESTROYED, APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE,
///           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_schedule_deletion(
    store: *const keyfold_store,
    name: *const c_char,
    days: u32,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        out.json(&store.schedule_key_deletion(&name, days)?)
    })
}

/// Takes a key out of PendingDeletion; it is Disabled then (or again Compromised, or PendingImport).
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
///           STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_cancel_deletion(
    store: *const keyfold_store,
    name: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        out.json(&store.cancel_key_deletion(&name)?)
    })
}

/// Destroys every key whose waiting period is over: its material is overwritten in file, log and free pages, and a
/// tombstone stays. For cron; nothing else does it.
///
/// @param store      [in, shared]
/// @param out_json   [out, buffer, nullable]   an array of Destroyed in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE,
///           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_destroy_due(
    store: *const keyfold_store,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let report = store.destroy_due()?;
        match report.first_refusal {
            // Those that were destroyed must be told; the trail tells the others too.
            Some(refusal) if report.destroyed.is_empty() => Err(refusal),
            _ => out.json(&report.destroyed),
        }
    })
}

/// Marks a key as compromised: it seals nothing more, and opens only in a store opened with KEYFOLD_OPEN_RECOVERY.
/// There is no way back; make a new key, and re-encrypt under it what the old one protects (a rewrap keeps the key).
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param reason     [in, text]   for people; not secret
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, TOO_LARGE, INVALID_KEY_STATE, KEY_DESTROYED, ANCHOR_UNAVAILABLE,
///           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_mark_compromised(
    store: *const keyfold_store,
    name: *const c_char,
    reason: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let reason = unsafe { args::text(reason, "reason")? };
        out.json(&store.mark_key_compromised(&name, reason)?)
    })
}

/// Rotates every key that is due, many in one transaction; for cron. A key that is used rotates by itself.
///
/// @param store      [in, shared]
/// @param out_json   [out, buffer, nullable]   an array of KeyMetadata in docs/ABI.md: the keys rotated
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_READ_ONLY, STORE_BUSY,
///           STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_store_rotate_due(
    store: *const keyfold_store,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        out.json(&store.rotate_due(&mut |_, _| {})?)
    })
}

/// Tells whether and when a key rotates, as JSON: RotationStatus in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param out_json   [out, buffer]   RotationStatus
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_rotation_status(
    store: *const keyfold_store,
    name: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        out.json(&store.key_rotation_status(&name)?)
    })
}

/// Lists a key's versions, the newest first: when, why and by whom each was made; as JSON: RotationPage in
/// docs/ABI.md.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param after      [in, text, nullable]   the "next" of the page before; NULL begins
/// @param limit      [in]   entries at most, up to 1,000; 0 means 100
/// @param out_json   [out, buffer]   RotationPage
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_list_rotations(
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
        out.json(&store.list_key_rotations(&name, &page)?)
    })
}

/// Tells what each version of a key has done, over all processes, as JSON: an array of VersionCounts in
/// docs/ABI.md.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param out_json   [out, buffer]   an array of VersionCounts
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_usage(
    store: *const keyfold_store,
    name: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        out.json(&store.key_usage(&name)?)
    })
}

/// Tells when a key was used last, as JSON: KeyLastUsage in docs/ABI.md. Not enough alone to delete a key: disable
/// it first, and watch for refusals.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param out_json   [out, buffer]   KeyLastUsage
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_last_usage(
    store: *const keyfold_store,
    name: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        out.json(&store.key_last_usage(&name)?)
    })
}
