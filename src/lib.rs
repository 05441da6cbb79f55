//! Keyfold: envelope encryption with named, versioned keys, in a library.
//!
//! A [`Store`](keystore::Store) keeps key-encryption keys; a [`Key`](keystore::Key) of it encrypts each message
//! under a data key of its own and wraps that data key into the message's envelope.
//!
//! The rooms, from the outside in (nothing below imports anything above):
//!
//! | room | what it is for |
//! |---|---|
//! | `ffi`, `cli` | the C ABI and the command line: argument checks, no logic |
//! | [`envelope`] | the wire format: encrypt, decrypt, rewrap, data keys, inspect, explain |
//! | [`keystore`] | keys, versions, aliases, states; the authenticated store |
//! | [`root`] | what protects the store secret: a passphrase, a key file |
//! | [`audit`] | events, their Merkle tree, signed checkpoints, sinks; knows no keys |
//! | `operation`, `context` | the names of what can be done; the encryption context |
//! | `crypto` | the only code that names a cipher |
//! | `secret` | locked, guarded, wiped memory |
//! | `sync` | what keeps threads and forks apart without locks on the data path |
#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

pub mod audit;
mod context;
pub(crate) mod crypto;
pub mod envelope;
#[allow(missing_docs)]
pub mod error;
pub mod ffi;
pub mod keystore;
mod operation;
pub mod root;
pub(crate) mod secret;
pub(crate) mod sync;

#[cfg(feature = "cli")]
pub mod cli;

#[cfg(any(test, feature = "floor"))]
#[doc(hidden)]
pub use crypto::floor;
pub use error::{Error, Result, Status};
pub use operation::Operation;
