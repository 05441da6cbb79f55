//! What holds for one key: when it rotates, how long its versions serve, what its trail records, and what stops it.
//! `docs/KEYS.md`, "Policy".

use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Rotation periods, in days (those of AWS KMS).
pub(super) const PERIOD_DAYS: std::ops::RangeInclusive<u32> = 90..=2_560;

/// A key's policy. In JSON every field may be left out; unknown ones are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyPolicy {
    /// Rotates by itself after so many days: 90 to 2,560. None: never by time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_period_days: Option<u32>,
    /// Rotates before a version has wrapped so many data keys, counted over all processes, never under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_messages: Option<u64>,
    /// Rotates before a version's messages together have so many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_bytes: Option<u64>,
    /// Rotations on demand in the key's life; 25 when left out, as in AWS KMS. 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_demand_limit: Option<u32>,
    /// Days in which a version may seal, from its making (NIST SP 800-57, originator-usage period). After that it only
    /// opens, and the key rotates at its next use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub originator_days: Option<u32>,
    /// Days in which a version may open, from its making (recipient-usage period); not less than `originator_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_days: Option<u32>,
    /// Writes an event for every single use instead of one an interval.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub audit_each_use: bool,
    /// No event, no operation: a use fails (TRAIL_UNAVAILABLE) when its event is not on disk. Implies `audit_each_use`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub audit_fail_closed: bool,
    /// Names of the encryption context whose values stand in the trail as a keyed hash.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audit_redact: Vec<String>,
    /// Stops the key (KEY_STOPPED) after so many failed decrypts …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_after_failures: Option<u32>,
    /// … within so many seconds; 60 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_window_seconds: Option<u32>,
    /// Part of a soft warning: a `LimitNear` event at so many per cent of `rotation_messages` or `rotation_bytes`; 80
    /// when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_percent: Option<u8>,
}

impl KeyPolicy {
    /// Reads a policy from JSON and checks its bounds.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, naming the field.
    pub fn from_json(_text: &str) -> Result<KeyPolicy> {
        todo!()
    }

    /// Whether its values are within their bounds.
    pub(super) fn check(&self) -> Result<()> {
        todo!()
    }
}
