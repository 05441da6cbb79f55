//! Sealing keys: encryption to public halves, without a store.

use super::args::Parts;
use super::guard::guard;
use super::out::{self, Out};
use super::types::*;
use super::work::Given;
use super::{args, handle, options};
use crate::envelope;
use crate::error::{Error, Result, Status};
use crate::keystore::SealingKey;

/// Gives out the public half of the current version of a sealing key, for keyfold_seal elsewhere. It is not secret,
/// and not authenticated by itself: bring it over a channel you trust.
///
/// @param key   [in, shared]
/// @param out   [out, buffer]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_KEY_USAGE, ACCESS_DENIED, KEY_DISABLED,
///           INVALID_KEY_STATE, KEY_DESTROYED, FORKED, STORE_POISONED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_public(key: *const keyfold_key, out: *mut keyfold_buffer) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out, "out")? };
        out.put(handle::key(key)?.public_key()?.to_bytes());
        Ok(())
    })
}

/// Tells the exact size of the envelope that keyfold_seal makes.
///
/// @param plaintext_len   [in]
/// @param public_keys     [in, bytes(public_keys_len)]   from keyfold_key_public, one after another
/// @param key_offsets     [in, array(count + 1)]   where each begins, and the end of the last
/// @param count           [in]   number of public keys, 1 to 32
/// @param context         [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no
///                        context
/// @param options         [in, nullable]   without free cells
/// @param out_size        [out]
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, INVALID_KEY_MATERIAL,
///           TOO_LARGE
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_sealed_size(
    plaintext_len: usize,
    public_keys: *const u8,
    public_keys_len: usize,
    key_offsets: *const u64,
    count: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    out_size: *mut usize,
) -> Status {
    guard(|| {
        let out = unsafe { out::Size::claim(out_size, "out_size")? };
        let keys = unsafe { Parts::read(public_keys, public_keys_len, key_offsets, count, "key_offsets")? };
        let context = unsafe { args::context(context, context_len)? };
        let (options, stored) = unsafe { options::read(options)? }.without_choice()?;
        let public = read(&keys, count, &options)?;
        let public: Vec<&SealingKey> = public.iter().collect();

        out.put(envelope::sealed_size(plaintext_len, &public, stored.size(&context)?)?);
        Ok(())
    })
}

/// Encrypts a message to the public halves of sealing keys, without a store. Any of the keys opens it, with
/// keyfold_decrypt and its kin; nobody who has only these public halves can, the caller included.
///
/// @param public_keys   [in, bytes(public_keys_len)]   from keyfold_key_public, one after another
/// @param key_offsets   [in, array(count + 1)]   where each begins, and the end of the last
/// @param count         [in]   number of public keys, 1 to 32
/// @param plaintext     [in, bytes(plaintext_len), nullable-if-0]
/// @param context       [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no
///                      context
/// @param options       [in, nullable]   without free cells
/// @param out           [out, bytes(out_cap), nullable-if-0]   the envelope; zeroed if the call fails
/// @param out_len       [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, INVALID_KEY_MATERIAL,
///           TOO_LARGE, BUFFER_TOO_SMALL, BUFFERS_OVERLAP, CANCELLED, RANDOM
/// @threads  any   @callback progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_seal(
    public_keys: *const u8,
    public_keys_len: usize,
    key_offsets: *const u64,
    count: usize,
    plaintext: *const u8,
    plaintext_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let plaintext = unsafe { args::bytes(plaintext, plaintext_len, "plaintext")? };
        let keys = unsafe { Parts::read(public_keys, public_keys_len, key_offsets, count, "key_offsets")? };
        let context = unsafe { args::context(context, context_len)? };
        let options = unsafe { options::read(options)? };
        let work = unsafe { Given::read(options.work)? };
        let (options, stored) = options.without_choice()?;
        let public = read(&keys, count, &options)?;
        let public: Vec<&SealingKey> = public.iter().collect();

        let size = envelope::sealed_size(plaintext_len, &public, stored.size(&context)?)?;
        let inputs = [plaintext, context.as_bytes(), keys.whole(), keys.offsets()];
        let mut out = unsafe { Out::claim(out, out_cap, len, size, &inputs)? };
        work.with(|work| envelope::seal_into(&public, plaintext, &context, &stored, &work, out.bytes()))?;
        out.keep();
        Ok(())
    })
}

/// The public keys of a call.
pub(super) fn read(
    keys: &Parts<'_>,
    count: usize,
    options: &envelope::EncryptOptions,
) -> Result<Vec<SealingKey>> {
    if !(1..=KEYS_LIMIT).contains(&count) {
        return Err(Error::InvalidArgument { what: "the number of public keys is not 1 to 32" });
    }
    if options.free_cells > 0 {
        return Err(Error::InvalidArgument { what: "a sealed envelope has no free cells" });
    }
    (0..count).map(|i| SealingKey::from_bytes(keys.get(i)?)).collect()
}

const KEYS_LIMIT: usize = 32;
