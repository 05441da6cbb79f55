//! Which events to show.

use serde_json::Value;

use crate::error::Result;

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
        todo!()
    }

    /// Whether an event, parsed, is one of them.
    pub fn matches(&self, _event: &Value) -> bool {
        todo!()
    }
}
