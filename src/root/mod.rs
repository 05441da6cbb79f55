//! Roots: what protects a store's secret. One file a root, behind [`Root`].
//!
//! A root's secret never lies in the store: a key file's bytes or a stretched passphrase give a wrapping key, and
//! the store keeps the store secret wrapped under it (AAD: what the slot is bound to, and the root's fingerprint).

mod cost;
mod file;
mod key_text;
mod passphrase;
mod safety;
mod seal;
mod store_secret;
mod url;

use std::path::Path;

pub use file::KeyFile;
pub use passphrase::Passphrase;
pub use store_secret::StoreSecret;
pub use url::{RootUrl, UrlOptions, from_url};

use crate::error::Result;
use crate::secret::OnFork;

/// What a root writes into a store's root slot. Everything here is public and authenticated by the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// 16 bytes that name the root's secret without helping to guess it; for passphrases random.
    pub fingerprint: [u8; 16],
    /// The root's own parameters, as JSON (for a passphrase: salt, check value and Argon2id cost). Bounded when read.
    pub parameters: serde_json::Value,
    /// The store's secrets, wrapped.
    pub wrapped: Vec<u8>,
}

/// A root of trust: wraps and unwraps the store secret. HSM, cloud and host-callback roots implement this later,
/// so a call may take long and may fail for a while; no lock is held over it.
pub trait Root: Send + Sync {
    /// The kind as it stands in slots and URLs: `passphrase`, `file`.
    fn kind(&self) -> &'static str;
    /// The root without its secret, for people: `file:/run/secrets/root`, `passphrase:`.
    fn describe(&self) -> String;
    /// Refuses (ROOT_UNSAFE) when the secret lies where the store lies or can be read by others.
    fn check(&self, store: Option<&Path>) -> Result<()>;
    /// Wraps the store's secrets, all of them at once. `bind` (what the slot says of itself) goes into the AAD together
    /// with the fingerprint.
    fn wrap(&self, bind: &[u8], secret: &StoreSecret) -> Result<Wrapped>;
    /// Unwraps them. ROOT_MISMATCH when the slot is another root's.
    fn unwrap(&self, bind: &[u8], slot: &Wrapped, on_fork: Inherit) -> Result<StoreSecret>;
}

/// Whether the secrets may live on in forked children.
#[derive(Clone, Copy, Debug)]
pub struct Inherit(pub(crate) OnFork);
