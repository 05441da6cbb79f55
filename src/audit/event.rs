//! One event: CloudTrail's field names, written once as one line of JSON whose bytes never change again.

use serde_json::{Map, Value};

use crate::error::Error;

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

impl Event {
    /// The event as it will stand in the trail for ever: one line of JSON without a line end, at most 60,000 bytes,
    /// every control character escaped.
    pub(crate) fn write(&self, _source: &Source, _seq: u64) -> String {
        todo!()
    }
}
