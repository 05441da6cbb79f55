//! The wire format: envelopes and data key blobs. `docs/FORMAT.md` is the specification.
//!
//! Everything here takes [`Key`]s and bytes; nothing here knows how a store keeps its keys.

mod cells;
mod chunks;
mod context;
mod head;
mod inspect;
mod size;
mod stored;

use std::path::Path;

use serde::Serialize;

pub use context::Context;
pub use head::Kind;
pub use inspect::{CellInfo, CellKey, Inspection, StoredPair, inspect};
pub use size::{data_key_blob_size, data_key_size, decrypted_size, encrypted_size, head_len, head_size};
pub use stored::StoredContext;

use crate::error::Result;
use crate::keystore::{Key, KeyId, KeyName, Store};

/// Suite 0x01, the only one: FORMAT.md section 6.
const SUITE: u8 = 1;
/// Bytes of an envelope's DEK.
const DEK: usize = 32;
const MIN_DATA_KEY: usize = 16;
const MAX_DATA_KEY: usize = 1024;
/// Bounds of the cell area.
const MIN_AREA: usize = 88;
const MAX_AREA: usize = 32_768;

/// Options of encryption. Zero is the default of every field.
#[derive(Clone, Copy, Debug, Default)]
pub struct EncryptOptions {
    /// Cells of 104 bytes left free in the head, for later rewraps in place. 0 to 8.
    pub free_cells: u8,
}

/// Options of decryption.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecryptOptions {
    /// Accepts context values that only the envelope itself gives.
    pub accept_stored_context: bool,
}

/// Which keys may open an envelope.
#[derive(Clone, Copy)]
pub enum Allowed<'a> {
    /// Only cells of these keys are looked at; KEY_NOT_ALLOWED when there are none.
    Keys(&'a [&'a Key]),
    /// Any key of this store; the result tells which it was.
    AnyKeyOf(&'a Store),
}

/// What an envelope opened under.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Bytes of plaintext.
    pub len: usize,
    /// The key whose cell opened it.
    pub key_id: KeyId,
    /// That key's version.
    pub version: u32,
    /// The whole authenticated context in its canonical encoding, where stored values were accepted: look at it
    /// before trusting the message. None otherwise: it is what the caller supplied.
    pub context: Option<Vec<u8>>,
}

/// Encrypts a message under one or more keys (1 to 32 less the free cells), out of place, into exactly
/// [`encrypted_size`] bytes of `out`. `out` is wiped when the call fails.
pub fn encrypt_into(
    _keys: &[&Key],
    _plaintext: &[u8],
    _context: &Context<'_>,
    _stored: &StoredContext<'_>,
    _options: &EncryptOptions,
    _out: &mut [u8],
) -> Result<usize> {
    todo!()
}

/// As [`encrypt_into`], for a message that lies in `buffer[offset..offset + len]`; the envelope then starts at 0.
/// `offset` must be at least the head's size ([`head_size`]); chunks move towards the front as they are sealed.
pub fn encrypt_in_place(
    _keys: &[&Key],
    _buffer: &mut [u8],
    _offset: usize,
    _len: usize,
    _context: &Context<'_>,
    _stored: &StoredContext<'_>,
    _options: &EncryptOptions,
) -> Result<usize> {
    todo!()
}

/// Opens an envelope into `out`. Nothing of a chunk is released before its tag verified; on failure all of `out` is zero.
pub fn decrypt_into(
    _allowed: Allowed<'_>,
    _envelope: &[u8],
    _context: &Context<'_>,
    _options: &DecryptOptions,
    _out: &mut [u8],
) -> Result<Opened> {
    todo!()
}

/// Opens an envelope in its own buffer; the plaintext then lies at the front. On failure the buffer is zero.
pub fn decrypt_in_place(
    _allowed: Allowed<'_>,
    _buffer: &mut [u8],
    _context: &Context<'_>,
    _options: &DecryptOptions,
) -> Result<Opened> {
    todo!()
}

/// The authenticated context of an envelope that the call above would open: the whole canonical encoding.
pub fn authenticated_context(
    _allowed: Allowed<'_>,
    _envelope: &[u8],
    _context: &Context<'_>,
    _options: &DecryptOptions,
) -> Result<Vec<u8>> {
    todo!()
}

/// Makes a data key of 16 to 1,024 random bytes into `plaintext` (None: without plaintext) and its blob into `blob`.
pub fn generate_data_key(
    _keys: &[&Key],
    _size: usize,
    _context: &Context<'_>,
    _stored: &StoredContext<'_>,
    _plaintext: Option<&mut [u8]>,
    _blob: &mut [u8],
) -> Result<usize> {
    todo!()
}

/// Opens a data key blob into `out`.
pub fn decrypt_data_key_into(
    _allowed: Allowed<'_>,
    _blob: &[u8],
    _context: &Context<'_>,
    _options: &DecryptOptions,
    _out: &mut [u8],
) -> Result<Opened> {
    todo!()
}

/// What a rewrap did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rewrapped {
    /// Cells newly wrapped.
    pub cells_rewrapped: u32,
    /// Cells already under the target version, left alone.
    pub cells_current: u32,
    /// Cells of keys out of reach, left alone.
    pub cells_skipped: u32,
}

/// Rewraps every cell of the allowed keys to its key's current version, in memory: `envelope` may be a whole
/// envelope, a data key blob, or a head alone; its size does not change. No context is needed; with `context` the
/// commitment is checked first.
pub fn rewrap(
    _allowed: Allowed<'_>,
    _envelope: &mut [u8],
    _context: Option<&Context<'_>>,
) -> Result<Rewrapped> {
    todo!()
}

/// The same on a file, in place and crash-safe by FORMAT.md's procedure, under an exclusive lock; where no cell is
/// free the file is written anew and renamed over the old one.
pub fn rewrap_file(_allowed: Allowed<'_>, _path: &Path, _context: Option<&Context<'_>>) -> Result<Rewrapped> {
    todo!()
}

/// Options of [`reencrypt`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ReencryptOptions {
    /// As for decryption.
    pub accept_stored_context: bool,
    /// Drops cells whose keys are out of reach; refused (KEY_NOT_FOUND) otherwise.
    pub drop_unreachable: bool,
    /// As for encryption.
    pub free_cells: u8,
}

/// ReEncrypt: the same payload under other keys or another context, without plaintext. Payload bytes are kept.
#[allow(clippy::too_many_arguments)]
pub fn reencrypt(
    _allowed: Allowed<'_>,
    _envelope: &[u8],
    _context: &Context<'_>,
    _keys: &[&Key],
    _new_context: &Context<'_>,
    _new_stored: &StoredContext<'_>,
    _options: &ReencryptOptions,
) -> Result<Vec<u8>> {
    todo!()
}

/// Why an envelope opens or does not: a tree of reasons, without producing plaintext. Serializes to JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {}

/// Explains an envelope against a store (None: root or store out of reach, with the error) and a context.
pub fn explain(
    _store: std::result::Result<&Store, &crate::Error>,
    _allowed: Option<&[KeyName]>,
    _envelope: &[u8],
    _total_len: Option<u64>,
    _context: &Context<'_>,
) -> Explanation {
    todo!()
}
