//! A key's policy as flags: those of `key create` and `key policy`.

use clap::{Args, ValueEnum};

use super::exit::Result;
use super::keys::changed;
use super::output;
use super::session::{Session, json_or_file, key_name, on_key};
use crate::keystore::KeyPolicy;

/// Flags that set fields of a policy; the others stay as they are.
#[derive(Args)]
pub(super) struct PolicyArgs {
    /// The whole policy as JSON, or a file of it (docs/KEYS.md); the flags below change it
    #[arg(long, value_name = "FILE|JSON", help_heading = "Policy")]
    policy: Option<String>,
    /// Rotate by itself after so many days, such as 365d: 90 to 2,560, or never
    #[arg(long, value_name = "DAYS", value_parser = days, help_heading = "Policy")]
    rotate_every: Option<Limit>,
    /// Rotate before a version has sealed so many messages, or never
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Policy")]
    rotate_after_messages: Option<Limit>,
    /// Rotate before a version has sealed so many bytes, or never
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Policy")]
    rotate_after_bytes: Option<Limit>,
    /// Rotations on demand that the key may have in its life; 25 unless it is said
    #[arg(long, value_name = "N", help_heading = "Policy")]
    on_demand_limit: Option<u32>,
    /// Days in which a version may seal, or never for no end
    #[arg(long, value_name = "DAYS", value_parser = days, help_heading = "Policy")]
    originator_days: Option<Limit>,
    /// Days in which a version may open, or never for no end; not fewer than --originator-days
    #[arg(long, value_name = "DAYS", value_parser = days, help_heading = "Policy")]
    recipient_days: Option<Limit>,
    /// Write uses into the trail one by one, or as one event an interval
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Policy")]
    audit: Option<Uses>,
    /// Refuse a use whose event cannot be written; it implies --audit each
    #[arg(long, conflicts_with = "audit", help_heading = "Policy")]
    fail_closed: bool,
    /// Write the values of this context name into the trail as a hash. May be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "no_redact", help_heading = "Policy")]
    redact: Vec<String>,
    /// Write all context values into the trail as they are
    #[arg(long, help_heading = "Policy")]
    no_redact: bool,
    /// Stop the key after so many failed decrypts in a minute (--stop-window), or never
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Policy")]
    stop_after_failures: Option<Limit>,
    /// Seconds in which --stop-after-failures counts
    #[arg(long, value_name = "SECONDS", help_heading = "Policy")]
    stop_window: Option<u32>,
    /// Warn in the trail at so many per cent of a count after which the key rotates; 80 unless it is said
    #[arg(long, value_name = "PERCENT", help_heading = "Policy")]
    warn_percent: Option<u8>,
}

#[derive(Args)]
pub(super) struct Policy {
    /// Key id or alias
    name: String,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// How uses stand in the trail.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Uses {
    /// An event for each
    Each,
    /// One event an interval
    Aggregated,
}

/// A number, or none where `never` was said.
#[derive(Clone, Copy)]
struct Limit(Option<u64>);

fn count(text: &str) -> Result<Limit, String> {
    match text {
        "never" => Ok(Limit(None)),
        number => match number.replace(['_', ','], "").parse() {
            Ok(number) => Ok(Limit(Some(number))),
            Err(_) => Err("a number or never is expected".into()),
        },
    }
}

fn days(text: &str) -> Result<Limit, String> {
    let number = text.strip_suffix('d').unwrap_or(text);
    match count(number) {
        Ok(Limit(Some(days))) if days <= u32::MAX.into() => Ok(Limit(Some(days))),
        Ok(Limit(None)) if text == "never" => Ok(Limit(None)),
        _ => Err("days such as 365d, or never, are expected".into()),
    }
}

impl Limit {
    fn small(self) -> Option<u32> {
        // More than it holds is refused as too much by the policy's bounds.
        self.0.map(|n| u32::try_from(n).unwrap_or(u32::MAX))
    }
}

impl PolicyArgs {
    /// Whether no flag was given.
    fn is_empty(&self) -> bool {
        let numbers = [
            &self.rotate_every,
            &self.rotate_after_messages,
            &self.rotate_after_bytes,
            &self.originator_days,
            &self.recipient_days,
            &self.stop_after_failures,
        ];
        numbers.iter().all(|n| n.is_none())
            && self.policy.is_none()
            && self.on_demand_limit.is_none()
            && self.audit.is_none()
            && self.stop_window.is_none()
            && self.warn_percent.is_none()
            && self.redact.is_empty()
            && !self.fail_closed
            && !self.no_redact
    }

    /// A policy with the changes that the flags make.
    pub(super) fn apply(self, old: KeyPolicy) -> Result<KeyPolicy> {
        let mut policy = match &self.policy {
            Some(given) => KeyPolicy::from_json(&json_or_file(given)?)?,
            None => old,
        };
        let set = |field: &mut Option<u32>, limit: Option<Limit>| {
            if let Some(limit) = limit {
                *field = limit.small();
            }
        };
        set(&mut policy.rotation_period_days, self.rotate_every);
        set(&mut policy.originator_days, self.originator_days);
        set(&mut policy.recipient_days, self.recipient_days);
        set(&mut policy.stop_after_failures, self.stop_after_failures);
        if let Some(limit) = self.rotate_after_messages {
            policy.rotation_messages = limit.0;
        }
        if let Some(limit) = self.rotate_after_bytes {
            policy.rotation_bytes = limit.0;
        }
        policy.on_demand_limit = self.on_demand_limit.or(policy.on_demand_limit);
        policy.stop_window_seconds = self.stop_window.or(policy.stop_window_seconds);
        policy.warn_percent = self.warn_percent.or(policy.warn_percent);
        if let Some(uses) = self.audit {
            policy.audit_each_use = uses == Uses::Each;
            policy.audit_fail_closed = false;
        }
        policy.audit_fail_closed |= self.fail_closed;
        if self.no_redact {
            policy.audit_redact.clear();
        } else if !self.redact.is_empty() {
            policy.audit_redact = self.redact;
        }
        Ok(policy)
    }
}

impl Policy {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let (name, store) = (key_name(&self.name)?, session.store()?);
        let key = on_key(&self.name, store.describe_key(&name))?;
        if !self.policy.is_empty() {
            let policy = self.policy.apply(key.policy)?;
            let key = on_key(&self.name, store.set_key_policy(&name, &policy))?;
            return changed(session, &key, &format!("set the policy of key \"{}\"", self.name));
        }
        match session.global.json {
            true => output::json(&key.policy),
            false => match words(&key.policy) {
                lines if lines.is_empty() => {
                    session.say("the key has the policy of every key: it rotates on demand alone")
                }
                lines => output::pairs(&lines),
            },
        }
    }
}

/// What a policy says, in words.
pub(super) fn words(policy: &KeyPolicy) -> Vec<(&'static str, String)> {
    let mut words = Vec::new();
    let mut say = |name, text: Option<String>| words.extend(text.map(|text| (name, text)));
    say("rotates every", policy.rotation_period_days.map(|n| format!("{n} days")));
    say("rotates after", policy.rotation_messages.map(|n| format!("{n} messages")));
    say("rotates after", policy.rotation_bytes.map(|n| format!("{n} bytes")));
    say("on demand", policy.on_demand_limit.map(|n| format!("at most {n} rotations")));
    say("seals for", policy.originator_days.map(|n| format!("{n} days")));
    say("opens for", policy.recipient_days.map(|n| format!("{n} days")));
    say(
        "uses in trail",
        match (policy.audit_fail_closed, policy.audit_each_use) {
            (true, _) => Some("one by one; no use without its event".into()),
            (false, true) => Some("one by one".into()),
            (false, false) => None,
        },
    );
    say("redacted", (!policy.audit_redact.is_empty()).then(|| policy.audit_redact.join(", ")));
    say(
        "stops after",
        policy
            .stop_after_failures
            .map(|n| format!("{n} failed decrypts in {} seconds", policy.stop_window_seconds.unwrap_or(60))),
    );
    say("warns at", policy.warn_percent.map(|n| format!("{n} per cent")));
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        policy: PolicyArgs,
    }

    fn applied(line: &str, old: &KeyPolicy) -> KeyPolicy {
        let words = std::iter::once("x").chain(line.split(' ').filter(|w| !w.is_empty()));
        Line::try_parse_from(words).map_err(|e| e.to_string()).unwrap().policy.apply(old.clone()).unwrap()
    }

    // Meant to fail when `never` leaves the field as it was, and when a flag left out resets its field.
    #[test]
    fn a_flag_changes_its_field_and_no_other() {
        let old = KeyPolicy {
            rotation_period_days: Some(365),
            rotation_messages: Some(7),
            audit_redact: vec!["pan".into()],
            ..KeyPolicy::default()
        };
        assert_eq!(applied("", &old), old);
        let changed = applied("--rotate-every never --originator-days 90d --recipient-days 730", &old);
        assert_eq!((changed.rotation_period_days, changed.rotation_messages), (None, Some(7)));
        assert_eq!((changed.originator_days, changed.recipient_days), (Some(90), Some(730)));
        assert_eq!(changed.audit_redact, ["pan"]);
        assert!(applied("--no-redact", &old).audit_redact.is_empty());
        assert_eq!(applied("--redact a --redact b", &old).audit_redact, ["a", "b"]);
        let closed = applied("--fail-closed", &old);
        assert!(closed.audit_fail_closed);
        assert!(!applied("--audit each", &closed).audit_fail_closed, "each without more is not fail-closed");
        assert_eq!(applied("--rotate-after-messages 1_000_000", &old).rotation_messages, Some(1_000_000));
        for wrong in
            ["--rotate-every soon", "--rotate-every 1.5d", "--rotate-every neverd", "--originator-days -1"]
        {
            assert!(Line::try_parse_from(std::iter::once("x").chain(wrong.split(' '))).is_err(), "{wrong}");
        }
    }
}
