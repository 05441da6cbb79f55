//! Management of keys: making, naming, rotating, moving them; and the key handles of the data path.

use std::ffi::c_char;

use super::guard::{close, guard};
use super::handle::{self, Object};
use super::types::*;
use super::{args, options, out};
use crate::error::{Error, Result, Status};
use crate::keystore::{CreateKey, KeyPolicy, KeySpec};

/// Makes a key with its first version; or, with KEYFOLD_KEY_EXTERNAL, without one, to be imported.
///
/// @param store      [in, shared]
/// @param alias      [in, text, nullable]   a name for it
/// @param options    [in, nullable]
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, INVALID_NAME, ALREADY_EXISTS,
///           TOO_LARGE, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_create(
    store: *const keyfold_store,
    alias: *const c_char,
    options: *const keyfold_key_options,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let request = unsafe { new_key(alias, options)? };
        out.json(&store.create_key(&request)?)
    })
}

/// Makes a key whose first version is 32 bytes of the caller's own.
///
/// @param store      [in, shared]
/// @param alias      [in, text, nullable]   a name for it
/// @param material   [in, bytes(material_len)]   exactly 32 random bytes; the caller wipes its own copy
/// @param options    [in, nullable]
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, INVALID_NAME,
///           INVALID_KEY_MATERIAL, ALREADY_EXISTS, TOO_LARGE, FORKED, STORE_READ_ONLY, STORE_BUSY,
///           STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_import_material(
    store: *const keyfold_store,
    alias: *const c_char,
    material: *const u8,
    material_len: usize,
    options: *const keyfold_key_options,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let material = unsafe { args::bytes(material, material_len, "material")? };
        let request = unsafe { new_key(alias, options)? };
        out.json(&store.import_key_material(&request, material)?)
    })
}

/// Describes a key, as JSON: KeyMetadata in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param out_json   [out, buffer]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_INTEGRITY,
///           STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_describe(
    store: *const keyfold_store,
    name: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        out.json(&store.describe_key(&unsafe { args::key_name(name, "name")? })?)
    })
}

/// Lists keys in a fixed order, a page at a time, as JSON: KeyPage in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param after      [in, text, nullable]   the "next" of the page before; NULL begins
/// @param limit      [in]   keys at most, up to 1,000; 0 means 100
/// @param out_json   [out, buffer]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, FORKED, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_list(
    store: *const keyfold_store,
    after: *const c_char,
    limit: u32,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        out.json(&store.list_keys(&unsafe { args::page(after, limit)? })?)
    })
}

/// Lets a key be used again.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_READ_ONLY,
///           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_enable(
    store: *const keyfold_store,
    name: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        out.json(&store.enable_key(&unsafe { args::key_name(name, "name")? })?)
    })
}

/// Stops every use of a key, through handles that are open as well, until it is enabled.
///
/// @param store      [in, shared]
/// @param name       [in, text]   a key id, "alias/NAME" or NAME
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_READ_ONLY,
///           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_disable(
    store: *const keyfold_store,
    name: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        out.json(&store.disable_key(&unsafe { args::key_name(name, "name")? })?)
    })
}

/// Adds a version to a key. New envelopes use it at once; older versions go on opening what they sealed.
///
/// @param store         [in, shared]
/// @param name          [in, text]   a key id, "alias/NAME" or NAME
/// @param out_version   [out, result, nullable]   the new version
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND,
///           KEY_DISABLED, LIMIT_EXCEEDED, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
///           STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_rotate(
    store: *const keyfold_store,
    name: *const c_char,
    out_version: *mut keyfold_key_version,
) -> Status {
    guard(|| {
        let out = unsafe { out::Report::claim_nullable(out_version)? };
        let store = handle::store(store)?;
        let key = store.rotate_key(&unsafe { args::key_name(name, "name")? })?;
        let newest = key.versions.iter().find(|v| v.version == key.current_version);
        out.put(keyfold_key_version {
            size: 0,
            version: key.current_version,
            key_id: key.key_id.0,
            material_id: newest.map(|v| v.material_id).unwrap_or_default(),
        });
        Ok(())
    })
}

/// Exports a whole key (all versions, names, state), wrapped under another key, for keyfold_key_import elsewhere.
///
/// @param store   [in, shared]
/// @param name    [in, text]   a key id, "alias/NAME" or NAME
/// @param under   [in, text]   the wrapping key, which the other store must hold too
/// @param out     [out, buffer]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND,
///           KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_export(
    store: *const keyfold_store,
    name: *const c_char,
    under: *const c_char,
    out: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out, "out")? };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let under = unsafe { args::key_name(under, "under")? };
        out.put(store.export_key(&name, &under)?);
        Ok(())
    })
}

/// Takes a key that keyfold_key_export made; the wrapping key must be in this store. Its id, version numbers and
/// material ids stay the same.
///
/// @param store      [in, shared]
/// @param exported   [in, bytes(exported_len)]
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND,
///           KEY_DISABLED, ALREADY_EXISTS, INVALID_KEY_MATERIAL, FORKED, STORE_READ_ONLY, STORE_BUSY,
///           STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_import(
    store: *const keyfold_store,
    exported: *const u8,
    exported_len: usize,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        out.json(&store.import_key(unsafe { args::bytes(exported, exported_len, "exported")? })?)
    })
}

/// Gives a key another name.
///
/// @param store      [in, shared]
/// @param alias      [in, text]   the new name: 1 to 256 of A-Z a-z 0-9 / _ -, not beginning keyfold/
/// @param name       [in, text]   the key: its id, "alias/NAME" or NAME
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ALREADY_EXISTS,
///           LIMIT_EXCEEDED, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_alias_create(
    store: *const keyfold_store,
    alias: *const c_char,
    name: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let alias = unsafe { args::text(alias, "alias")? }.parse()?;
        out.json(&store.create_alias(&alias, &unsafe { args::key_name(name, "name")? })?)
    })
}

/// Moves a name from its key to another, in one transaction. Key handles that are open keep the key they have.
///
/// @param store      [in, shared]
/// @param alias      [in, text]   a name that exists
/// @param name       [in, text]   the key that gets it: its id, "alias/NAME" or NAME
/// @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, LIMIT_EXCEEDED, FORKED,
///           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_alias_move(
    store: *const keyfold_store,
    alias: *const c_char,
    name: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let alias = unsafe { args::text(alias, "alias")? }.parse()?;
        out.json(&store.move_alias(&alias, &unsafe { args::key_name(name, "name")? })?)
    })
}

/// Removes a name; its key stays.
///
/// @param store   [in, shared]
/// @param alias   [in, text]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_READ_ONLY,
///           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_alias_delete(store: *const keyfold_store, alias: *const c_char) -> Status {
    guard(|| {
        let store = handle::store(store)?;
        store.delete_alias(&unsafe { args::text(alias, "alias")? }.parse()?)
    })
}

/// Lists names in a fixed order, a page at a time, as JSON: AliasPage in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param after      [in, text, nullable]   the "next" of the page before; NULL begins
/// @param limit      [in]   names at most, up to 1,000; 0 means 100
/// @param out_json   [out, buffer]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, FORKED, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_alias_list(
    store: *const keyfold_store,
    after: *const c_char,
    limit: u32,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        out.json(&store.list_aliases(&unsafe { args::page(after, limit)? })?)
    })
}

/// Opens a key for use: resolved once, verified, its current version ready. It stays this key when its names move,
/// and follows rotation, disabling and enabling by itself.
///
/// @param store     [in, shared]
/// @param name      [in, text]   a key id, "alias/NAME" or NAME
/// @param out_key   [out, handle]   closed with keyfold_key_close
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_INTEGRITY,
///           STORE_IO, OUT_OF_MEMORY
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_open(
    store: *const keyfold_store,
    name: *const c_char,
    out_key: *mut *mut keyfold_key,
) -> Status {
    guard(|| {
        let out = unsafe { out::Handle::claim(out_key, "out_key")? };
        let store = handle::store(store)?;
        let key = store.key(&unsafe { args::key_name(name, "name")? })?;
        out.put(handle::open(Object::Key(key))?);
        Ok(())
    })
}

/// Closes a key handle. Calls under way in other threads go on to their end; the key itself stays in its store.
///
/// @param key   [in, closes, nullable]   NULL is OK; a second close is INVALID_HANDLE
/// @errors   INVALID_HANDLE
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfold_key_close(key: *mut keyfold_key) -> Status {
    close(|| handle::close(key))
}

/// Tells the id of a key.
///
/// @param key      [in, shared]
/// @param out_id   [out, bytes(16)]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_id(key: *const keyfold_key, out_id: *mut u8) -> Status {
    guard(|| {
        let mut out = unsafe { out::Out::exactly(out_id, 16, "out_id")? };
        out.bytes().copy_from_slice(&handle::key(key)?.id().0);
        out.keep();
        Ok(())
    })
}

/// The request of the two calls that make a key.
unsafe fn new_key(alias: *const c_char, options: *const keyfold_key_options) -> Result<CreateKey> {
    let options = unsafe { options::read(options)? };
    let text = |at, what| unsafe { args::text_or_none(at, what) };
    let spec = match text(options.spec, "options.spec")? {
        None => KeySpec::default(),
        Some(name) => KeySpec::from_name(name)
            .ok_or(Error::InvalidArgument { what: "options.spec is not one of those docs/ABI.md lists" })?,
    };
    let tags = match text(options.tags, "options.tags")? {
        None => Vec::new(),
        Some(tags) => args::pairs_of_json(tags, "options.tags is not a JSON object of text to text")?,
    };
    let policy = text(options.policy, "options.policy")?.map(KeyPolicy::from_json).transpose()?;
    Ok(CreateKey {
        alias: text(alias, "alias")?.map(str::parse).transpose()?,
        description: text(options.description, "description")?.unwrap_or_default().into(),
        spec,
        external: options.flags & KEYFOLD_KEY_EXTERNAL != 0,
        tags,
        policy: policy.unwrap_or_default(),
    })
}
