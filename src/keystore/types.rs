//! What callers see of keys, versions and stores. Field names in JSON are AWS KMS's where KMS has the thing, in
//! snake case.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::{Alias, KeyId};
use crate::crypto::MaterialId;
use crate::error::{Error, Result};

/// Names a store: first 16 bytes of a hash of its id and a commitment to its secret. Printed by `init`, pinned by
/// callers who want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

/// A key's state, in AWS KMS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum KeyState {
    /// May be used.
    Enabled,
    /// May not be used until enabled.
    Disabled,
}

/// A version's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum VersionState {
    /// Held; opens what it sealed.
    Enabled,
}

/// Where key material came from, in AWS KMS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Origin {
    /// Drawn by this library (KMS: AWS_KMS).
    Keyfold,
    /// Imported by the caller.
    External,
}

/// A new key.
#[derive(Clone, Debug, Default)]
pub struct CreateKey {
    /// An alias for it; none is allowed.
    pub alias: Option<Alias>,
    /// Free text, up to 8,192 bytes; not secret.
    pub description: String,
}

/// One version of a key.
#[derive(Clone, Debug, Serialize)]
pub struct VersionMetadata {
    /// From 1; never used again.
    pub version: u32,
    /// Names the material, in hexadecimal.
    #[serde(serialize_with = "hex")]
    pub material_id: MaterialId,
    /// Its state.
    pub state: VersionState,
    /// Where the material came from.
    pub origin: Origin,
    /// RFC 3339, UTC.
    pub created: String,
}

/// A key as the store describes it.
#[derive(Clone, Debug, Serialize)]
pub struct KeyMetadata {
    /// The id, as a UUID.
    #[serde(serialize_with = "display")]
    pub key_id: KeyId,
    /// Its aliases, sorted.
    #[serde(serialize_with = "displays")]
    pub aliases: Vec<Alias>,
    /// Free text.
    pub description: String,
    /// Enabled or not.
    pub key_state: KeyState,
    /// `ENCRYPT_DECRYPT`.
    pub key_usage: &'static str,
    /// `SYMMETRIC_DEFAULT`: AES-256.
    pub key_spec: &'static str,
    /// Where the first version's material came from.
    pub origin: Origin,
    /// RFC 3339, UTC.
    pub created: String,
    /// Counts the changes to this key.
    pub revision: u64,
    /// The version that new envelopes use.
    pub current_version: u32,
    /// All versions, oldest first.
    pub versions: Vec<VersionMetadata>,
}

/// A page to read: what comes after `after`, `limit` entries at most (1 to 1,000; 0 means 100).
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// The `next` of the page before.
    pub after: Option<String>,
    /// Entries at most.
    pub limit: u32,
}

/// A page of keys.
#[derive(Clone, Debug, Serialize)]
pub struct KeyPage {
    /// The keys, by id.
    pub keys: Vec<KeyMetadata>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// An alias and its key.
#[derive(Clone, Debug, Serialize)]
pub struct AliasMetadata {
    /// The alias.
    #[serde(serialize_with = "display")]
    pub alias: Alias,
    /// Its key.
    #[serde(serialize_with = "display")]
    pub key_id: KeyId,
}

/// A page of aliases.
#[derive(Clone, Debug, Serialize)]
pub struct AliasPage {
    /// The aliases, by name.
    pub aliases: Vec<AliasMetadata>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// A root slot of a store.
#[derive(Clone, Debug, Serialize)]
pub struct RootSlot {
    /// Names the slot.
    pub slot_id: String,
    /// `passphrase`, `file`.
    pub kind: String,
    /// Names the root's secret, in hexadecimal.
    pub fingerprint: String,
    /// RFC 3339, UTC.
    pub created: String,
    /// Whether this slot opened the store handle at hand.
    pub in_use: bool,
}

/// Identity and state of a store.
#[derive(Clone, Debug, Serialize)]
pub struct StoreInfo {
    /// 16 random bytes, in hexadecimal.
    pub store_id: String,
    /// Names the life the store is in; a restore begins a new one.
    pub incarnation: String,
    /// [`Fingerprint`], in hexadecimal.
    pub fingerprint: String,
    /// Counts the changes to the store.
    pub epoch: u64,
    /// Number of keys.
    pub keys: u64,
    /// `sqlite` or `memory`.
    pub backend: &'static str,
    /// The file, when there is one.
    pub path: Option<String>,
    /// RFC 3339, UTC.
    pub created: String,
    /// Opened without the right to write.
    pub read_only: bool,
    /// Marked for development at `init`.
    pub development: bool,
    /// Milliseconds within which changes by other processes are seen.
    pub refresh_millis: u64,
    /// SQLite's version, when it is the backend.
    pub sqlite_version: Option<String>,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Fingerprint> {
        let bad = Error::InvalidArgument { what: "a fingerprint is 32 hexadecimal digits" };
        if text.len() != 32 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(bad);
        }
        u128::from_str_radix(text, 16).map(|n| Fingerprint(n.to_be_bytes())).map_err(|_| bad)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

fn hex<S: serde::Serializer>(bytes: &MaterialId, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&format!("{:016x}", u64::from_be_bytes(*bytes)))
}

fn display<T: fmt::Display, S: serde::Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(value)
}

fn displays<T: fmt::Display, S: serde::Serializer>(values: &[T], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(values.iter().map(T::to_string))
}
