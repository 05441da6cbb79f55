//! What holds for one key: when it rotates, how long its versions serve, what its trail records, and what stops it.
//! `docs/KEYS.md`, "Policy".

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::Fields;
use super::time::Time;
use crate::error::{Error, Result};

/// Rotation periods, in days (those of AWS KMS).
pub(super) const PERIOD_DAYS: std::ops::RangeInclusive<u32> = 90..=2_560;

/// Rotations on demand when a policy does not say (those of AWS KMS), and the most it can say.
const ON_DEMAND: u32 = 25;
const MOST_ON_DEMAND: u64 = 10_000;
const MOST_DAYS: u64 = 36_500;
/// Messages or bytes.
const MOST: u64 = 1 << 62;
/// Names to redact, and bytes of one: those of an encryption context.
const NAMES: usize = 64;
const NAME: usize = 256;
/// A policy's text: bytes at most.
const LIMIT: usize = 32_768;

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
    /// Rotations on demand in the key's life; 25 when left out, as in AWS KMS; 0: none;
    /// 10,000 at most.
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
    pub fn from_json(text: &str) -> Result<KeyPolicy> {
        let mut fields = Fields::parse(text, LIMIT).map_err(|why| refused("policy", why))?;
        let policy = KeyPolicy {
            rotation_period_days: number(&mut fields, "rotation_period_days")?,
            rotation_messages: number(&mut fields, "rotation_messages")?,
            rotation_bytes: number(&mut fields, "rotation_bytes")?,
            on_demand_limit: number(&mut fields, "on_demand_limit")?,
            originator_days: number(&mut fields, "originator_days")?,
            recipient_days: number(&mut fields, "recipient_days")?,
            audit_each_use: flag(&mut fields, "audit_each_use")?,
            audit_fail_closed: flag(&mut fields, "audit_fail_closed")?,
            audit_redact: names(&mut fields, "audit_redact")?,
            stop_after_failures: number(&mut fields, "stop_after_failures")?,
            stop_window_seconds: number(&mut fields, "stop_window_seconds")?,
            warn_percent: number(&mut fields, "warn_percent")?,
        };
        if let Some((unknown, _)) = fields.rest().iter().next() {
            return Err(refused(unknown, "a policy has no such field"));
        }
        policy.check()?;
        Ok(policy)
    }

    /// Whether its values are within their bounds.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, naming the field.
    pub(super) fn check(&self) -> Result<()> {
        let bounds: [(&str, Option<u64>, std::ops::RangeInclusive<u64>, &'static str); 9] = [
            (
                "rotation_period_days",
                self.rotation_period_days.map(u64::from),
                u64::from(*PERIOD_DAYS.start())..=u64::from(*PERIOD_DAYS.end()),
                "a rotation period is 90 to 2560 days",
            ),
            ("rotation_messages", self.rotation_messages, 1..=MOST, "a limit of messages is 1 to 2^62"),
            ("rotation_bytes", self.rotation_bytes, 1..=MOST, "a limit of bytes is 1 to 2^62"),
            (
                "on_demand_limit",
                self.on_demand_limit.map(u64::from),
                0..=MOST_ON_DEMAND,
                "rotations on demand are limited to 0 to 10000",
            ),
            (
                "originator_days",
                self.originator_days.map(u64::from),
                1..=MOST_DAYS,
                "a cryptoperiod is 1 to 36500 days",
            ),
            (
                "recipient_days",
                self.recipient_days.map(u64::from),
                1..=MOST_DAYS,
                "a cryptoperiod is 1 to 36500 days",
            ),
            (
                "stop_after_failures",
                self.stop_after_failures.map(u64::from),
                1..=1_000_000,
                "a key stops after 1 to 1000000 failures",
            ),
            (
                "stop_window_seconds",
                self.stop_window_seconds.map(u64::from),
                1..=86_400,
                "failures are counted in 1 to 86400 seconds",
            ),
            (
                "warn_percent",
                self.warn_percent.map(u64::from),
                1..=100,
                "a warning comes at 1 to 100 per cent",
            ),
        ];
        for (field, value, bound, why) in bounds {
            if value.is_some_and(|value| !bound.contains(&value)) {
                return Err(refused(field, why));
            }
        }
        match (self.originator_days, self.recipient_days) {
            (None, Some(_)) => {
                return Err(refused("recipient_days", "a recipient period needs an originator period"));
            }
            (Some(originator), Some(recipient)) if recipient < originator => {
                return Err(refused("recipient_days", "it is not less than originator_days"));
            }
            _ => {}
        }
        let name =
            |name: &String| !name.is_empty() && name.len() <= NAME && !name.chars().any(char::is_control);
        match self.audit_redact.len() <= NAMES && self.audit_redact.iter().all(name) {
            true => Ok(()),
            false => Err(refused("audit_redact", "up to 64 names of an encryption context are expected")),
        }
    }

    /// Rotations on demand that a key may have.
    pub(super) fn on_demand_limit(&self) -> u32 {
        self.on_demand_limit.unwrap_or(ON_DEMAND)
    }

    /// Until when a version that was made then may seal.
    pub(super) fn originator_end(&self, created: Time) -> Option<Time> {
        self.originator_days.map(|days| created.plus_days(days))
    }

    /// Until when a version that was made then may open.
    pub(super) fn recipient_end(&self, created: Time) -> Option<Time> {
        self.recipient_days.map(|days| created.plus_days(days))
    }
}

fn refused(field: &str, why: &'static str) -> Error {
    Error::InvalidField { field: field.chars().take(80).collect::<String>().into(), why }
}

/// A number that may be left out, or null.
fn number<T: TryFrom<u64>>(fields: &mut Fields, name: &'static str) -> Result<Option<T>> {
    match fields.take_if_there(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().and_then(|value| T::try_from(value).ok()) {
            Some(value) => Ok(Some(value)),
            None => Err(refused(name, "a whole number within its bounds is expected")),
        },
    }
}

fn flag(fields: &mut Fields, name: &'static str) -> Result<bool> {
    match fields.take_if_there(name) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| refused(name, "true or false is expected")),
    }
}

fn names(fields: &mut Fields, name: &'static str) -> Result<Vec<String>> {
    let texts = match fields.take_if_there(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(texts)) => texts,
        Some(_) => return Err(refused(name, "a list of names is expected")),
    };
    let text = |text: Value| text.as_str().map(str::to_owned);
    texts
        .into_iter()
        .map(text)
        .collect::<Option<_>>()
        .ok_or_else(|| refused(name, "a list of names is expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(text: &str) -> String {
        match KeyPolicy::from_json(text) {
            Err(Error::InvalidField { field, .. }) => field.into(),
            other => panic!("{text}: {other:?}"),
        }
    }

    /// Mutations seen to fail it: 91 for 90; no look at `recipient < originator`.
    #[test]
    fn each_bound_is_held_and_its_field_is_named() {
        for (field, low, high) in [
            ("rotation_period_days", 90, 2_560u64),
            ("rotation_messages", 1, 1 << 62),
            ("rotation_bytes", 1, 1 << 62),
            ("originator_days", 1, 36_500),
            ("stop_after_failures", 1, 1_000_000),
            ("stop_window_seconds", 1, 86_400),
            ("warn_percent", 1, 100),
        ] {
            for good in [low, high] {
                KeyPolicy::from_json(&format!("{{\"{field}\":{good}}}")).unwrap();
            }
            for bad in [low - 1, high + 1, u64::MAX] {
                assert_eq!(field_of(&format!("{{\"{field}\":{bad}}}")), field);
            }
            for bad in ["\"90\"", "true", "[]", "-1"] {
                assert_eq!(field_of(&format!("{{\"{field}\":{bad}}}")), field);
            }
            KeyPolicy::from_json(&format!("{{\"{field}\":null}}")).unwrap();
        }
        KeyPolicy::from_json("{\"on_demand_limit\":0}").unwrap();
        assert_eq!(field_of("{\"on_demand_limit\":10001}"), "on_demand_limit");
        assert_eq!(field_of("{\"recipient_days\":5}"), "recipient_days");
        assert_eq!(field_of("{\"recipient_days\":5,\"originator_days\":6}"), "recipient_days");
        KeyPolicy::from_json("{\"recipient_days\":6,\"originator_days\":6}").unwrap();
        assert_eq!(field_of("{\"audit_redact\":[\"\"]}"), "audit_redact");
        assert_eq!(field_of("{\"audit_redact\":\"pan\"}"), "audit_redact");
        assert_eq!(field_of("{\"audit_each_use\":1}"), "audit_each_use");
        assert_eq!(field_of("{\"rotation_period\":90}"), "rotation_period");
        assert_eq!(field_of("[]"), "policy");
        assert_eq!(field_of("{\"warn_percent\":1,\"warn_percent\":2}"), "policy");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = "{\"rotation_period_days\":365,\"on_demand_limit\":3,\"originator_days\":400,\
                     \"recipient_days\":1825,\"audit_each_use\":true,\"audit_redact\":[\"pan\"],\"warn_percent\":90}";
        let policy = KeyPolicy::from_json(text).unwrap();
        assert_eq!(KeyPolicy::from_json(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
        assert_eq!(serde_json::to_string(&KeyPolicy::default()).unwrap(), "{}");
        assert_eq!(KeyPolicy::from_json("{}").unwrap(), KeyPolicy::default());
    }
}
