//! Which events to show.

use serde_json::Value;

use super::names::Instant;
use crate::error::{Error, Result};

/// Events that match all that is given.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Key ids, as UUIDs.
    pub key_id: Option<String>,
    /// `userIdentity.principalId`.
    pub principal: Option<String>,
    /// `eventName`.
    pub event_name: Option<String>,
    /// RFC 3339; events at or after.
    pub since: Option<String>,
    /// RFC 3339; events before.
    pub until: Option<String>,
    /// Only refusals and failures.
    pub failed: bool,
}

impl Filter {
    /// Checks the filter's own values (dates, names). INVALID_ARGUMENT.
    pub fn check(&self) -> Result<()> {
        let wrong = |what| Err(Error::InvalidArgument { what });
        let is_time =
            |text: &Option<String>| text.as_deref().is_none_or(|text| Instant::parse(text).is_some());
        let is_name =
            |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric());
        if !self.key_id.as_deref().is_none_or(is_uuid) {
            return wrong("the filter's key id is not a UUID in lower case; see it with: keyfold key show");
        }
        if !self.event_name.as_deref().is_none_or(is_name) {
            return wrong("the filter's event name is not one such as GenerateDataKey; see docs/AUDIT.md");
        }
        if !is_time(&self.since) || !is_time(&self.until) {
            return wrong("the filter's times are written as 2026-11-25T21:00:00Z");
        }
        Ok(())
    }

    /// Whether an event, parsed, is one of them.
    pub fn matches(&self, event: &Value) -> bool {
        let is = |wanted: &Option<String>, found: &Value| {
            wanted.as_deref().is_none_or(|wanted| found.as_str() == Some(wanted))
        };
        let time = event["eventTime"].as_str().and_then(Instant::parse);
        let limit = |text: &Option<String>| text.as_deref().and_then(Instant::parse);
        is(&self.principal, &event["userIdentity"]["principalId"])
            && is(&self.event_name, &event["eventName"])
            && self.key_id.as_deref().is_none_or(|id| is_about(event, id))
            && self.since.as_ref().is_none_or(|_| time >= limit(&self.since))
            && self.until.as_ref().is_none_or(|_| time < limit(&self.until))
            && (!self.failed || event.get("errorCode").is_some())
    }
}

/// Whether the event names the key: as a resource, or, where it was refused before the key was found, as it was asked for.
fn is_about(event: &Value, id: &str) -> bool {
    let resources = event["resources"].as_array().into_iter().flatten();
    let mut arns = resources.filter_map(|resource| resource["ARN"].as_str());
    arns.any(|arn| arn.rsplit_once("key/").is_some_and(|(_, key)| key == id))
        || event["requestParameters"]["keyId"] == id
        || event["serviceEventDetails"]["keyId"] == id
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_digit() || (b'a'..=b'f').contains(&c),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::event::tests::{api_call, source};

    const KEY: &str = "03030303-0303-0303-0303-030303030303";

    fn event(change: impl FnOnce(&mut crate::audit::Event)) -> Value {
        let mut event = api_call("Decrypt");
        change(&mut event);
        serde_json::from_str(&event.write(&source(), 5).unwrap()).unwrap()
    }

    #[test]
    fn every_field_that_is_given_must_agree() {
        let (good, refused) = (event(|_| ()), event(|event| event.error = Some(Error::Auth)));
        let all = Filter {
            key_id: Some(KEY.into()),
            principal: Some("svc-checkout".into()),
            event_name: Some("Decrypt".into()),
            since: Some("2026-11-25T21:00:00.113Z".into()),
            until: Some("2026-11-25T21:00:00.114Z".into()),
            failed: false,
        };
        assert!(Filter::default().matches(&good));
        assert!(all.matches(&good) && all.matches(&refused));
        let others = [
            Filter { key_id: Some(KEY.replace('3', "4")), ..all.clone() },
            Filter { principal: Some("svc".into()), ..all.clone() },
            Filter { event_name: Some("Encrypt".into()), ..all.clone() },
            Filter { since: Some("2026-11-25T21:00:00.114Z".into()), ..all.clone() },
            Filter { until: Some("2026-11-25T21:00:00.113Z".into()), ..all.clone() },
            Filter { failed: true, ..all.clone() },
        ];
        for filter in others {
            assert_eq!(filter.check(), Ok(()));
            assert!(!filter.matches(&good), "{filter:?}");
        }
        assert!(Filter { failed: true, ..all }.matches(&refused));
    }

    #[test]
    fn a_key_is_found_where_it_was_only_asked_for() {
        let filter = Filter { key_id: Some(KEY.into()), ..Filter::default() };
        let asked = event(|event| {
            event.keys.clear();
            event.request.as_mut().unwrap().insert("keyId".into(), KEY.into());
        });
        assert!(filter.matches(&asked));
        assert!(!filter.matches(&event(|event| event.keys.clear())));
    }

    #[test]
    fn values_that_could_never_match_are_refused() {
        let bad = [
            Filter { key_id: Some("alias/cards".into()), ..Filter::default() },
            Filter { key_id: Some(KEY.to_uppercase().replace('3', "A")), ..Filter::default() },
            Filter { event_name: Some(String::new()), ..Filter::default() },
            Filter { event_name: Some("Decrypt ".into()), ..Filter::default() },
            Filter { since: Some("yesterday".into()), ..Filter::default() },
            Filter { until: Some("2026-11-25".into()), ..Filter::default() },
        ];
        for filter in bad {
            assert_eq!(filter.check().unwrap_err().status(), crate::Status::InvalidArgument, "{filter:?}");
        }
    }
}
