//! The wire format: envelopes and data key blobs. `docs/FORMAT.md` is the specification.
//!
//! Everything here takes [`Key`]s and bytes; nothing here knows how a store keeps its keys.

mod begin;
mod cells;
mod chunks;
mod datakey;
mod explain;
mod explain_text;
mod file;
mod head;
mod inspect;
mod open;
mod parallel;
mod reach;
mod reencrypt;
mod rewrap;
mod rewrap_file;
mod seal;
mod size;
mod stored;
mod stream;
mod suite;
#[cfg(test)]
mod tests;
mod work;

pub use crate::context::Context;
pub use datakey::{decrypt_data_key_into, generate_data_key};
pub use explain::{CellFindings, ContextFindings, Explanation, StoreReach, explain};
pub use file::{Converted, FileOptions, Privacy, Replacement, decrypt_file, encrypt_file, seal_file};
pub use head::Kind;
pub use inspect::{CellInfo, CellKey, Inspection, StoredPair, inspect};
pub(crate) use open::Sealed;
pub use open::{authenticated_context, decrypt_in_place, decrypt_into};
#[cfg(feature = "cli")]
pub(crate) use reencrypt::reencrypt_front;
pub use reencrypt::{ReencryptOptions, reencrypt, reencrypt_head};
pub use rewrap::{Rewrapped, rewrap};
pub use rewrap_file::{RewrapFile, read_file, rewrap_file, rewrap_file_with};
pub use seal::{encrypt_in_place, encrypt_into, seal_into, sealed_size};
pub use size::{
    data_key_blob_size, data_key_blob_size_under, data_key_size, decrypted_size, encrypted_size,
    encrypted_size_under, head_len, head_size, head_size_under,
};
pub use stored::StoredContext;
pub use stream::{
    AllowedKeys, CiphertextRange, Decryptor, Encryptor, FileAt, Pull, ReadAt, Reader, Source,
    ciphertext_range,
};
pub use work::Work;

use crate::keystore::{Key, KeyId, Store};

/// Suite 0x01, the only one: FORMAT.md section 6.
const SUITE: u8 = 1;
/// Bytes of an envelope's DEK.
const DEK: usize = 32;
const MIN_DATA_KEY: usize = 16;
const MAX_DATA_KEY: usize = 1024;
/// Bounds of the cell area.
const MIN_AREA: usize = 88;
/// HPKE's info for a sealed cell: FORMAT.md 7A.
const SEAL_INFO: &[u8] = b"keyfold-seal-1";
const MAX_AREA: usize = 32_768;

/// Options of encryption. Zero is the default of every field.
#[derive(Clone, Copy, Debug, Default)]
pub struct EncryptOptions<'a> {
    /// Cells of 104 bytes left free in the head, for later rewraps in place. 0 to 8.
    pub free_cells: u8,
    /// Threads, cancellation, progress: of out-of-place calls. Those in place stay on the calling thread and look at none of
    /// it.
    pub work: Work<'a>,
}

/// Options of decryption.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecryptOptions<'a> {
    /// Accepts context values that only the envelope itself gives.
    pub accept_stored_context: bool,
    /// As [`EncryptOptions::work`].
    pub work: Work<'a>,
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

impl Opened {
    /// To be filled as a call goes on.
    pub(crate) fn nothing() -> Opened {
        Opened { len: 0, key_id: KeyId([0; 16]), version: 0, context: None }
    }
}
