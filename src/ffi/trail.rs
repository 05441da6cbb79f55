//! The trail: reading, verifying, exporting it, and where it goes besides.

use std::ffi::{c_char, c_void};
use std::path::Path;

use super::guard::guard;
use super::types::*;
use super::{args, handle, out};
use crate::audit::{self, FileSink, Filter};
use crate::error::{Error, Result, Status};

/// Reads events of the trail from a sequence number on, as JSON: EventPage in docs/ABI.md. Reading is itself an
/// event.
///
/// @param store      [in, shared]
/// @param filter     [in, text, nullable]   JSON: Filter in docs/ABI.md; NULL: all events
/// @param from       [in]   the first sequence number; 0 begins
/// @param limit      [in]   events at most, up to 1,000; 0 means 100
/// @param out_json   [out, buffer]   EventPage
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
///           STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_read(
    store: *const keyfold_store,
    filter: *const c_char,
    from: u64,
    limit: u32,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let filter = unsafe { filter_of(filter)? };
        out.json(&store.read_trail(&filter, from, limit)?)
    })
}

/// Reads the newest events of the trail, the oldest of them first, as JSON: EventPage in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param filter     [in, text, nullable]   JSON: Filter in docs/ABI.md; NULL: all events
/// @param count      [in]   events at most, up to 1,000; 0 means 100
/// @param out_json   [out, buffer]   EventPage
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
///           STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_tail(
    store: *const keyfold_store,
    filter: *const c_char,
    count: u32,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let filter = unsafe { filter_of(filter)? };
        out.json(&store.tail_trail(&filter, count)?)
    })
}

/// Verifies the whole trail. OK says that it was read; what is wrong with it stands in the report, the first bad
/// entry by its number.
///
/// @param store      [in, shared]
/// @param expected   [in, text, nullable]   a signed checkpoint that was kept elsewhere, which the trail must
///                   contain
/// @param out_json   [out, buffer]   TrailReport in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
///           TRAIL_INVALID, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_verify(
    store: *const keyfold_store,
    expected: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let expected = unsafe { args::text_or_none(expected, "expected")? };
        out.json(&store.verify_trail(expected, &mut |_, _| {})?)
    })
}

/// Writes down what is waiting, signs a checkpoint of the trail, and gives it out: a C2SP signed note, for keeping
/// elsewhere.
///
/// @param store   [in, shared]
/// @param out     [out, buffer]   text
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_READ_ONLY, STORE_BUSY,
///           STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_checkpoint(
    store: *const keyfold_store,
    out: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out, "out")? };
        out.put(handle::store(store)?.checkpoint_trail()?.into_bytes());
        Ok(())
    })
}

/// Writes down what is waiting: uses that were counted, events that are queued.
///
/// @param store   [in, shared]
/// @errors   INVALID_HANDLE, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_flush(store: *const keyfold_store) -> Status {
    guard(|| handle::store(store)?.flush_trail())
}

/// Exports the trail as C2SP tiles into a folder, up to a new checkpoint; goes on where an earlier export into it
/// ended.
///
/// @param store         [in, shared]
/// @param folder        [in, text]
/// @param out_entries   [out, nullable]   number of entries exported in all
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, ACCESS_DENIED, FORKED, TRAIL_INVALID, IO,
///           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_export(
    store: *const keyfold_store,
    folder: *const c_char,
    out_entries: *mut u64,
) -> Status {
    guard(|| {
        let store = handle::store(store)?;
        let folder = unsafe { args::text(folder, "folder")? };
        let entries = store.export_trail(folder.as_ref())?;
        unsafe { out::number(out_entries, entries) };
        Ok(())
    })
}

/// Copies events from now on to a JSON Lines file too, which is opened again when it was moved or deleted.
///
/// @param store          [in, shared]
/// @param path           [in, text]
/// @param rotate_bytes   [in]   rotated at about so many bytes; 0: never
/// @param keep           [in]   old files kept
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, LIMIT_EXCEEDED, FORKED, IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_add_file(
    store: *const keyfold_store,
    path: *const c_char,
    rotate_bytes: u64,
    keep: u32,
) -> Status {
    guard(|| {
        let store = handle::store(store)?;
        let path = unsafe { args::text(path, "path")? }.into();
        store.add_file_sink(&FileSink { path, rotate_bytes, keep })
    })
}

/// Hands events from now on to the host too. At most 65,536 wait; more are dropped and counted. It lasts as long as
/// the store is open: until the store and all keys opened from it are closed.
///
/// @param store       [in, shared]
/// @param callback    [in]   see keyfold_trail_callback for what it may do
/// @param user_data   [in]   given to every call of the callback and the release
/// @param release     [in]   called once, after the last call of the callback, or before this returns where it
///                    fails; NULL: nothing
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, LIMIT_EXCEEDED, FORKED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_add_callback(
    store: *const keyfold_store,
    callback: keyfold_trail_callback,
    user_data: *mut c_void,
    release: keyfold_trail_release,
) -> Status {
    guard(|| {
        // First of all, so that it is given back whatever comes.
        let host = Host { callback, user_data, release };
        let store = handle::store(store)?;
        if callback.is_none() {
            return Err(Error::NullArgument { what: "callback" });
        }
        store.add_callback_sink(Box::new(move |event| host.take(event)))
    })
}

/// Tells how the sinks of an open store stand, as JSON: an array of SinkStatus in docs/ABI.md.
///
/// @param store      [in, shared]
/// @param out_json   [out, buffer]   an array of SinkStatus
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_INTEGRITY, STORE_IO
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_sinks(
    store: *const keyfold_store,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        out.json(&store.sinks()?)
    })
}

/// Verifies a folder that keyfold_trail_export wrote, without the store. OK says that it was read; what is wrong
/// stands in the report.
///
/// @param folder     [in, text]
/// @param key        [in, text]   the trail_key of StoreInfo: NAME+HASH+BASE64
/// @param out_json   [out, buffer]   TrailReport in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, INVALID_UTF8, TRAIL_INVALID, IO
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_verify_tiles(
    folder: *const c_char,
    key: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let folder = unsafe { args::text(folder, "folder")? };
        let key = unsafe { args::text(key, "key")? }.parse()?;
        out.json(&audit::verify_tiles(folder.as_ref(), &key)?)
    })
}

/// Verifies JSON Lines files of a sink, in their order, against the checkpoints among their lines, without the
/// store. OK says that they were read; what is wrong stands in the report.
///
/// @param files      [in, text]   a JSON array of paths, the oldest file first
/// @param key        [in, text]   the trail_key of StoreInfo: NAME+HASH+BASE64
/// @param out_json   [out, buffer]   TrailReport in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, INVALID_UTF8, TRAIL_INVALID, IO
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_trail_verify_jsonl(
    files: *const c_char,
    key: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let files: Vec<String> =
            args::json(unsafe { args::text(files, "files")? }, "files is not a JSON array of paths")?;
        let files: Vec<&Path> = files.iter().map(Path::new).collect();
        let key = unsafe { args::text(key, "key")? }.parse()?;
        out.json(&audit::verify_jsonl(&files, &key)?)
    })
}

/// A host's callback and what it needs, given back when this goes.
struct Host {
    callback: keyfold_trail_callback,
    user_data: *mut c_void,
    release: keyfold_trail_release,
}

// SAFETY: the caller's contract is that both may be called from any thread, by one at a time; the pointer is only handed
// on to them.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    fn take(&self, event: &str) -> bool {
        let Some(callback) = self.callback else { return false };
        // SAFETY: the caller gave a function of this type, which is not released before this goes.
        unsafe { callback(self.user_data, event.as_ptr(), event.len()) == 0 }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the caller gave a function of this type; this is dropped once.
            unsafe { release(self.user_data) }
        }
    }
}

unsafe fn filter_of(at: *const c_char) -> Result<Filter> {
    let Some(text) = (unsafe { args::text_or_none(at, "filter")? }) else { return Ok(Filter::default()) };
    let given: GivenFilter = args::object(text, "filter is not JSON of the form that docs/ABI.md gives")?;
    let GivenFilter { key_id, principal, event_name, since, until, failed } = given;
    Ok(Filter { key_id, principal, event_name, since, until, failed })
}

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct GivenFilter {
    key_id: Option<String>,
    principal: Option<String>,
    event_name: Option<String>,
    since: Option<String>,
    until: Option<String>,
    failed: bool,
}
