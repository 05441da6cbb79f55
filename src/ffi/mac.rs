//! Message authentication codes.

use super::guard::guard;
use super::out::{self, Out};
use super::types::*;
use super::{args, handle};
use crate::error::{Error, Status};

/// Makes the message authentication code of a message under the current version of an HMAC key. It begins with a
/// name of the version (6 bytes); then follow 32, 48 or 64 bytes.
///
/// @param key       [in, shared]
/// @param message   [in, bytes(message_len), nullable-if-0]
/// @param out       [out, bytes(out_cap), nullable-if-0]   at most KEYFOLD_MAC_MAX_SIZE; zeroed if the call fails
/// @param out_len   [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, TOO_LARGE, INVALID_KEY_USAGE, ACCESS_DENIED, KEY_DISABLED,
///           INVALID_KEY_STATE, KEY_DESTROYED, FORKED, STORE_POISONED, TRAIL_UNAVAILABLE, BUFFER_TOO_SMALL,
///           BUFFERS_OVERLAP
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_generate_mac(
    key: *const keyfold_key,
    message: *const u8,
    message_len: usize,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let key = handle::key(key)?;
        let message = unsafe { args::bytes(message, message_len, "message")? };
        // The size is the key's to know: all of the buffer is claimed, and what was written reported.
        let mut out = unsafe { Out::claim(out, out_cap, len, out_cap, &[message])? };
        match key.generate_mac(message, out.bytes()) {
            Ok(size) => {
                out.report(len, size);
                out.keep();
                Ok(())
            }
            Err(Error::BufferTooSmall { needed }) => {
                out.report(len, needed);
                out.keep();
                Err(Error::BufferTooSmall { needed })
            }
            Err(other) => Err(other),
        }
    })
}

/// Verifies the message authentication code of a message, under the version it names, in constant time.
///
/// @param key       [in, shared]
/// @param message   [in, bytes(message_len), nullable-if-0]
/// @param mac       [in, bytes(mac_len), nullable-if-0]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, TOO_LARGE, INVALID_KEY_USAGE, ACCESS_DENIED, KEY_DISABLED,
///           INVALID_KEY_STATE, KEY_DESTROYED, FORKED, STORE_POISONED, TRAIL_UNAVAILABLE, INVALID_MAC
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_verify_mac(
    key: *const keyfold_key,
    message: *const u8,
    message_len: usize,
    mac: *const u8,
    mac_len: usize,
) -> Status {
    guard(|| {
        let key = handle::key(key)?;
        let message = unsafe { args::bytes(message, message_len, "message")? };
        key.verify_mac(message, unsafe { args::bytes(mac, mac_len, "mac")? })
    })
}
