//! What can be told about an envelope without opening it.

use super::guard::guard;
use super::types::*;
use super::{args, handle, out};
use crate::envelope;
use crate::error::Status;
use crate::keystore::KeyName;

/// Tells what can be read of an envelope or data key blob without any key, as JSON: Inspection in docs/ABI.md.
/// Nothing in it is authenticated.
///
/// @param head        [in, bytes(head_len), nullable-if-0]   the whole, or its first 64 KiB
/// @param total_len   [in]   bytes of the whole; 0: head is the whole
/// @param out_json    [out, buffer]
/// @errors   NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_inspect(
    head: *const u8,
    head_len: usize,
    total_len: u64,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let head = unsafe { args::bytes(head, head_len, "head")? };
        out.json(&envelope::inspect(head, Some(whole(head, total_len)))?)
    })
}

/// Explains why an envelope or data key blob opens or does not, as a tree of reasons, without producing its
/// message; as JSON: Explanation in docs/ABI.md. It succeeds whatever is wrong with the data.
///
/// @param store       [in, shared]
/// @param key         [in, shared, nullable]   explains what keyfold_decrypt with this key would say; NULL: what
///                    keyfold_decrypt_any would
/// @param envelope    [in, bytes(envelope_len), nullable-if-0]   the whole, or its first 64 KiB
/// @param total_len   [in]   bytes of the whole; 0: envelope is the whole
/// @param context     [in, bytes(context_len), nullable-if-0]
/// @param out_json    [out, buffer]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_CONTEXT
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_explain(
    store: *const keyfold_store,
    key: *const keyfold_key,
    envelope: *const u8,
    envelope_len: usize,
    total_len: u64,
    context: *const u8,
    context_len: usize,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let key = handle::key_or_none(key)?.map(|key| [KeyName::Id(key.id())]);
        let data = unsafe { args::bytes(envelope, envelope_len, "envelope")? };
        let context = unsafe { args::context(context, context_len)? };
        let allowed = key.as_ref().map(|names| &names[..]);
        out.json(&envelope::explain(Ok(&store), allowed, data, Some(whole(data, total_len)), &context))
    })
}

fn whole(head: &[u8], total_len: u64) -> u64 {
    if total_len == 0 { head.len() as u64 } else { total_len }
}
