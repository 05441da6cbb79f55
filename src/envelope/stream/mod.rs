//! Envelopes of any size, in constant memory: pushed and pulled a piece at a time, and read at any place.
//! `docs/STREAMS.md` says what each promises.
//!
//! A stream is one use of its keys, made when the head is: it is settled before the head (or the first plaintext) is given
//! out, and its bytes are counted when it ends. The payload key lies in a slot of secret memory; each call makes it
//! ready in a lane. One thread at a time uses a stream; any number use a [`Reader`].

mod decryptor;
mod encryptor;
mod file_at;
mod pull;
mod range;
mod reader;
mod state;

use super::Allowed;
use crate::keystore::{Key, Store};
pub use decryptor::Decryptor;
pub use encryptor::Encryptor;
pub use file_at::FileAt;
pub use pull::{Pull, Source};
pub(super) use range::Layout;
pub use range::{CiphertextRange, ciphertext_range};
pub(super) use reader::read_head;
pub use reader::{ReadAt, Reader};

/// Which keys may open a stream, held for as long as it needs them.
#[derive(Clone)]
pub enum AllowedKeys {
    /// As [`Allowed::Keys`].
    Keys(Vec<Key>),
    /// As [`Allowed::AnyKeyOf`].
    AnyKeyOf(Store),
}

impl AllowedKeys {
    /// The same keys, held.
    pub fn of(allowed: &Allowed<'_>) -> AllowedKeys {
        match allowed {
            Allowed::Keys(keys) => AllowedKeys::Keys(keys.iter().map(|key| (*key).clone()).collect()),
            Allowed::AnyKeyOf(store) => AllowedKeys::AnyKeyOf((*store).clone()),
        }
    }

    /// Runs `f` with the same as a call takes it.
    pub(super) fn with<R>(&self, f: impl FnOnce(Allowed<'_>) -> R) -> R {
        match self {
            AllowedKeys::Keys(keys) => f(Allowed::Keys(&keys.iter().collect::<Vec<_>>())),
            AllowedKeys::AnyKeyOf(store) => f(Allowed::AnyKeyOf(store)),
        }
    }
}
