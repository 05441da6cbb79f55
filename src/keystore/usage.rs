//! Counts of uses, by key version: sharded, without a lock, merged when they are asked for.

use serde::Serialize;

use crate::audit::KeyRef;
use crate::operation::Operation;

/// What was counted of one version and one operation since it was last asked.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) key: KeyRef,
    pub(super) operation: Operation,
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) failures: u64,
    /// Milliseconds since 1970 of the first and the last of them.
    pub(super) first: u64,
    pub(super) last: u64,
}

/// Uses of one version through one open store.
#[derive(Default)]
pub(crate) struct VersionUsage {}

impl VersionUsage {
    /// A use that succeeded. A few nanoseconds; no lock.
    #[inline]
    pub(crate) fn count(&self, _operation: Operation, _bytes: u64, _now: u64) {}

    /// A use that failed.
    pub(crate) fn count_failure(&self, _operation: Operation, _now: u64) {}
}

/// Counts of one version, over all processes.
#[derive(Clone, Debug, Serialize)]
pub struct VersionCounts {
    /// The version.
    pub version: u32,
    /// Data keys wrapped, MACs made.
    pub messages: u64,
    /// Bytes of their messages.
    pub bytes: u64,
    /// Data keys unwrapped, MACs verified.
    pub opened: u64,
    /// Uses that failed to authenticate.
    pub failures: u64,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
}

/// When a key was used last (KMS's GetKeyLastUsage). Not enough alone to delete a key: disable it first, and watch for
/// refusals.
#[derive(Clone, Debug, Serialize)]
pub struct KeyLastUsage {
    /// The key.
    pub key_id: String,
    /// The operation, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// RFC 3339: a refused or failed use is a sign of life too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// RFC 3339: since when uses are counted.
    pub tracking_start_date: String,
    /// RFC 3339.
    pub key_creation_date: String,
}
