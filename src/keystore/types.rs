//! What callers see of keys, versions and stores. Field names in JSON are AWS KMS's where KMS has the thing, in
//! snake case.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::{Alias, KeyId, KeyPolicy};
use crate::crypto::MaterialId;
use crate::error::{Error, Result};

/// Names a store: first 16 bytes of a hash of its id and a commitment to its secret. Printed by `init`, pinned by
/// callers who want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

/// A key's state, in AWS KMS's words, and two of our own. docs/KEYS.md has what each permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum KeyState {
    /// May be used.
    Enabled,
    /// May not be used until enabled.
    Disabled,
    /// Waits for its deletion; may not be used.
    PendingDeletion,
    /// Has no material yet, or its imported material expired or was deleted.
    PendingImport,
    /// Marked so: seals nothing; opens only for recovery.
    Compromised,
    /// Its material is gone for ever; the document stays as its tombstone.
    Destroyed,
}

/// What a key is for, in AWS KMS's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyUsage {
    /// Wraps data keys.
    #[default]
    EncryptDecrypt,
    /// Makes and verifies message authentication codes.
    GenerateVerifyMac,
    /// Its public half seals, elsewhere and without the store; only its private half opens.
    EncapsulateDecapsulate,
}

/// What a key's material is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum KeySpec {
    /// AES-256 under XAES-256-GCM.
    #[default]
    #[serde(rename = "SYMMETRIC_DEFAULT")]
    Symmetric,
    /// HMAC-SHA-256, 32 bytes.
    #[serde(rename = "HMAC_256")]
    Hmac256,
    /// HMAC-SHA-384, 48 bytes.
    #[serde(rename = "HMAC_384")]
    Hmac384,
    /// HMAC-SHA-512, 64 bytes.
    #[serde(rename = "HMAC_512")]
    Hmac512,
    /// HPKE with DHKEM(X25519, HKDF-SHA-256).
    #[serde(rename = "HPKE_X25519")]
    X25519,
    /// HPKE with X-Wing: X25519 and ML-KEM-768.
    #[serde(rename = "HPKE_X_WING")]
    XWing,
}

/// A version's state, in AWS KMS's words (KeyMaterialState) and our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VersionState {
    /// Seals and opens.
    Current,
    /// Opens what it sealed.
    NonCurrent,
    /// Imported, and not yet rotated to: seals and opens nothing.
    PendingRotation,
    /// Opens only for recovery.
    Compromised,
    /// Imported material that expired or was deleted; the same material may be imported again.
    PendingImport,
    /// Its material is gone for ever.
    Destroyed,
}

/// Why a version was made, in AWS KMS's words (RotationType) and our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RotationType {
    /// The key's first.
    Initial,
    /// Somebody asked for it.
    OnDemand,
    /// Its period, a limit, or the end of its originator period.
    Automatic,
    /// The key came from elsewhere with it.
    Imported,
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
    /// What its material is; the usage follows from it.
    pub spec: KeySpec,
    /// Makes it without material, for one that is to be imported ([`Origin::External`]): the key begins in
    /// PendingImport. Symmetric and HMAC keys alone.
    pub external: bool,
    /// Up to 50 tags: name 1 to 128, value up to 256 characters; not secret.
    pub tags: Vec<(String, String)>,
    /// Its policy.
    pub policy: KeyPolicy,
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
    /// Why it was made.
    pub rotation_type: RotationType,
    /// The principal who made it.
    pub created_by: String,
    /// RFC 3339: until when it may seal, and until when it may open, where the policy says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub originator_end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[allow(missing_docs)]
    pub recipient_end: Option<String>,
    /// RFC 3339: when imported material expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<String>,
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
    /// Enabled, or why it may not be used.
    pub key_state: KeyState,
    /// Why it is in that state, where somebody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// What it is for.
    pub key_usage: KeyUsage,
    /// What its material is.
    pub key_spec: KeySpec,
    /// Where the first version's material came from.
    pub origin: Origin,
    /// RFC 3339, UTC.
    pub created: String,
    /// The principal who made it, and who may use and manage it without a grant.
    pub owner: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its policy.
    pub policy: KeyPolicy,
    /// RFC 3339: when it rotates next by its period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation: Option<String>,
    /// RFC 3339: when it is destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_date: Option<String>,
    /// Grants it has.
    pub grants: u32,
    /// Counts the changes to this key.
    pub revision: u64,
    /// The version that new envelopes use; 0 when there is none.
    pub current_version: u32,
    /// All versions, oldest first; material that is pending rotation comes last.
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
    /// The principal that whoever opens the store through this slot is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Whether it is an admin root: one that may change the store.
    pub admin: bool,
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
    /// The principal this handle was opened as, and whether its root slot vouches for that.
    pub principal: String,
    #[allow(missing_docs)]
    pub principal_verified: bool,
    /// Whether changes need an admin root, and whether this handle has one.
    pub admin_root: bool,
    #[allow(missing_docs)]
    pub is_admin: bool,
    /// The anchor's file and how it stands: `none`, `fresh`, `missing`, `unwritable`.
    pub anchor: String,
    /// Events in the trail.
    pub trail_events: u64,
    /// Verifies the trail's checkpoints.
    pub trail_key: String,
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

/// Names of an enum's values as documents and JSON have them.
macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal,)* }) => {
        impl $type {
            /// All of them.
            #[allow(dead_code)]
            pub(super) const ALL: &'static [$type] = &[$($type::$variant,)*];

            /// As documents and JSON have it.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name,)* }
            }

            /// The value of this name.
            pub fn from_name(name: &str) -> Option<$type> {
                match name { $($name => Some($type::$variant),)* _ => None }
            }
        }
    };
}

names!(KeyState {
    Enabled = "Enabled",
    Disabled = "Disabled",
    PendingDeletion = "PendingDeletion",
    PendingImport = "PendingImport",
    Compromised = "Compromised",
    Destroyed = "Destroyed",
});
names!(KeyUsage {
    EncryptDecrypt = "ENCRYPT_DECRYPT",
    GenerateVerifyMac = "GENERATE_VERIFY_MAC",
    EncapsulateDecapsulate = "ENCAPSULATE_DECAPSULATE",
});
names!(KeySpec {
    Symmetric = "SYMMETRIC_DEFAULT",
    Hmac256 = "HMAC_256",
    Hmac384 = "HMAC_384",
    Hmac512 = "HMAC_512",
    X25519 = "HPKE_X25519",
    XWing = "HPKE_X_WING",
});
names!(VersionState {
    Current = "CURRENT",
    NonCurrent = "NON_CURRENT",
    PendingRotation = "PENDING_ROTATION",
    Compromised = "COMPROMISED",
    PendingImport = "PENDING_IMPORT",
    Destroyed = "DESTROYED",
});
names!(RotationType {
    Initial = "INITIAL",
    OnDemand = "ON_DEMAND",
    Automatic = "AUTOMATIC",
    Imported = "IMPORTED",
});

impl KeySpec {
    /// What such a key is for.
    pub fn usage(self) -> KeyUsage {
        match self {
            KeySpec::Symmetric => KeyUsage::EncryptDecrypt,
            KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => KeyUsage::GenerateVerifyMac,
            KeySpec::X25519 | KeySpec::XWing => KeyUsage::EncapsulateDecapsulate,
        }
    }

    /// Bytes of material.
    pub(super) fn size(self) -> usize {
        match self {
            KeySpec::Hmac384 => 48,
            KeySpec::Hmac512 => 64,
            _ => 32,
        }
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
