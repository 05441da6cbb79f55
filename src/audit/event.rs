//! One event: CloudTrail's field names, written once as one line of JSON whose bytes never change again.

use serde::Serialize;
use serde_json::{Map, Value};

use super::json;
use super::names::{Instant, arn, uuid};
use crate::crypto::{fill_random, sha256_into};
use crate::error::{Error, Result};

/// Bytes of an event as it is written; C2SP tiles take 65,535.
pub(crate) const EVENT_LIMIT: usize = 60_000;
/// Of `requestParameters`, as written. What is larger is replaced by its digest, member by member.
const REQUEST_LIMIT: usize = 24_000;
/// Likewise of `responseElements`, and of what is joined to `additionalEventData`.
const OTHER_LIMIT: usize = 6_000;
/// Characters' bytes of `errorMessage`, `principalId`, `sourceIPAddress` and `userAgent`, before they are escaped.
const TEXT_LIMIT: usize = 512;
/// Keys named in `resources`; `additionalEventData.keyCount` tells how many there were.
const KEYS_LIMIT: usize = 50;

/// Who began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// A call by a principal.
    ApiCall,
    /// The library's own doing: an automatic rotation, a gap, a sink that failed.
    ServiceEvent,
}

/// Where events of one open store come from; the same for all of them.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Hexadecimal.
    pub(crate) store_id: String,
    pub(crate) principal: String,
    /// Whether the principal is the one that the root slot names.
    pub(crate) verified: bool,
    /// `sourceIPAddress`: what the caller gave, or the host's name.
    pub(crate) address: String,
    /// `userAgent`: what the caller gave, the library's version and the process id.
    pub(crate) user_agent: String,
}

/// The key an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyRef {
    pub(crate) key_id: [u8; 16],
    /// 0 when the event is about no one version.
    pub(crate) version: u32,
    pub(crate) material_id: [u8; 8],
}

/// An event that has no place in the trail yet.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// An [`crate::Operation`]'s name, or one of the service events of docs/AUDIT.md.
    pub(crate) name: &'static str,
    pub(crate) kind: EventType,
    pub(crate) read_only: bool,
    /// Milliseconds since 1970, UTC.
    pub(crate) at: u64,
    /// Milliseconds of the host's monotonic clock when `at` was read ([`crate::sync::coarse_millis`]).
    pub(crate) monotonic: u64,
    /// In the order in which they go into `resources`; the first also gives `additionalEventData`.
    pub(crate) keys: Vec<KeyRef>,
    /// `requestParameters`; `None` writes null.
    pub(crate) request: Option<Map<String, Value>>,
    /// `responseElements`; `None` writes null.
    pub(crate) response: Option<Map<String, Value>>,
    /// Joined to `additionalEventData` (`serviceEventDetails` for a service event).
    pub(crate) additional: Map<String, Value>,
    /// `errorCode` (KMS's name) and `errorMessage`.
    pub(crate) error: Option<Error>,
}

/// The written form; the order of its fields is the order in the line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    event_version: &'static str,
    seq: u64,
    event_time: Instant,
    monotonic_time: u64,
    event_source: &'static str,
    event_name: &'static str,
    store_id: &'a str,
    #[serde(rename = "sourceIPAddress")]
    source_address: &'a str,
    user_agent: &'a str,
    user_identity: Identity<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    request_parameters: Option<Map<String, Value>>,
    response_elements: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_event_data: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_event_details: Option<Map<String, Value>>,
    #[serde(rename = "requestID")]
    request_id: String,
    #[serde(rename = "eventID")]
    event_id: String,
    read_only: bool,
    event_type: &'static str,
    resources: Vec<Resource>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Identity<'a> {
    #[serde(rename_all = "camelCase")]
    Principal { r#type: &'static str, principal_id: &'a str, verified: bool },
    /// The library, in a store that the principal has open.
    #[serde(rename_all = "camelCase")]
    Library { r#type: &'static str, principal_id: &'a str, verified: bool, invoked_by: &'static str },
}

#[derive(Serialize)]
struct Resource {
    #[serde(rename = "ARN")]
    arn: String,
    r#type: &'static str,
}

impl Event {
    /// An event about no key yet, that happens now. `at` is milliseconds since 1970.
    pub(crate) fn new(name: &'static str, kind: EventType, at: u64) -> Event {
        Event {
            name,
            kind,
            read_only: false,
            at,
            monotonic: crate::sync::coarse_millis(),
            keys: Vec::new(),
            request: None,
            response: None,
            additional: Map::new(),
            error: None,
        }
    }

    /// The event as it will stand in the trail for ever: one line of JSON without a line end, at most 60,000 bytes,
    /// every control character escaped.
    ///
    /// # Errors
    /// RANDOM: there are no random bytes for its ids.
    pub(crate) fn write(&self, source: &Source, seq: u64) -> Result<String> {
        let mut ids = [0; 32];
        fill_random(&mut ids)?;
        let (request_id, event_id) = ids.split_at(16);
        let (principal_id, verified) = (cut(&source.principal), source.verified);
        let mut line = Line {
            event_version: "1.0",
            seq,
            event_time: Instant(self.at),
            monotonic_time: self.monotonic,
            event_source: "keyfold",
            event_name: self.name,
            store_id: cut(&source.store_id),
            source_address: cut(&source.address),
            user_agent: cut(&source.user_agent),
            user_identity: Identity::Principal { r#type: "Principal", principal_id, verified },
            error_code: self.error.as_ref().map(|error| error.status().kms_name()),
            error_message: self.error.as_ref().map(|error| cut(&error.to_string()).to_owned()),
            request_parameters: self.request.clone().map(|given| bounded(given, REQUEST_LIMIT)),
            response_elements: self.response.clone().map(|given| bounded(given, OTHER_LIMIT)),
            additional_event_data: None,
            service_event_details: None,
            request_id: uuid_of_random(request_id),
            event_id: uuid_of_random(event_id),
            read_only: self.read_only,
            event_type: "ApiCall",
            resources: self.resources(&source.store_id),
        };
        match self.kind {
            EventType::ApiCall => line.additional_event_data = self.details().filter(|data| !data.is_empty()),
            EventType::ServiceEvent => {
                line.user_identity =
                    Identity::Library { r#type: "Library", principal_id, verified, invoked_by: "keyfold" };
                line.event_type = "ServiceEvent";
                line.service_event_details = self.details();
            }
        }
        json::write(&line)
    }

    fn resources(&self, store_id: &str) -> Vec<Resource> {
        let keys = self.keys.iter().take(KEYS_LIMIT);
        keys.map(|key| Resource { arn: arn(cut(store_id), &key.key_id), r#type: "Keyfold::Key" }).collect()
    }

    /// Of the first key, and what there is beside it.
    fn details(&self) -> Option<Map<String, Value>> {
        let mut details = Map::new();
        if let Some(key) = self.keys.first() {
            if self.kind == EventType::ServiceEvent {
                details.insert("keyId".into(), uuid(&key.key_id).into());
            }
            if key.version != 0 {
                details.insert("keyVersion".into(), key.version.into());
                details.insert("keyMaterialId".into(), json::hex(&key.material_id).into());
            }
        }
        if self.keys.len() > KEYS_LIMIT {
            details.insert("keyCount".into(), self.keys.len().into());
        }
        details.extend(bounded(self.additional.clone(), OTHER_LIMIT));
        Some(details)
    }
}

/// A value that is marked redacted, by its keyed hash (HMAC-SHA-256 under a key of the store): two events with the same
/// value can be told to have it, and nobody without the store can try values.
pub(crate) fn redacted(mac: &[u8; 32]) -> Value {
    format!("hmac-sha256:{}", json::hex(mac)).into()
}

/// `given` in at most `limit` bytes as written: its largest members are replaced by their size and digest, one after
/// another, and in the end all of it.
fn bounded(mut given: Map<String, Value>, limit: usize) -> Map<String, Value> {
    let size = |value: &Value| json::write(value).map_or(0, |text| text.len());
    let mut sizes: Vec<(usize, String)> =
        given.iter().map(|(name, value)| (size(value), name.clone())).collect();
    // What a digest takes, and a member's quotes, colon and comma.
    const DIGEST: usize = 110;
    let names: usize = sizes.iter().map(|(_, name)| size(&Value::from(name.as_str())) + 2).sum();
    let mut total = 2 + names + sizes.iter().map(|(size, _)| size).sum::<usize>();
    sizes.sort();
    while total > limit {
        match sizes.pop() {
            Some((size, name)) if size > DIGEST => {
                if let Some(value) = given.get_mut(&name) {
                    *value = digest(value);
                    total = total - size + DIGEST;
                }
            }
            _ => return [("all".to_owned(), digest(&Value::Object(given)))].into_iter().collect(),
        }
    }
    given
}

/// `{"bytes":N,"sha256":HEX}`, of the value as it would have been written.
fn digest(value: &Value) -> Value {
    let text = json::write(value).unwrap_or_default();
    let mut hash = [0; 32];
    sha256_into(&[text.as_bytes()], &mut hash);
    serde_json::json!({ "bytes": text.len(), "sha256": json::hex(&hash) })
}

/// The beginning of a text. Names that could be cut here are refused by those who keep them.
fn cut(text: &str) -> &str {
    let end = (0..=TEXT_LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// RFC 9562, version 4.
fn uuid_of_random(bytes: &[u8]) -> String {
    let mut id = [0; 16];
    id.copy_from_slice(bytes);
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    uuid(&id)
}

#[cfg(test)]
#[path = "event_tests.rs"]
pub(super) mod tests;
