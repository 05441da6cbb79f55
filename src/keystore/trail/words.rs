//! Events in the trail's words: who, where, and what of a use or a deed is told. docs/AUDIT.md.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::waiting::{Gap, Kind, Repeat};
use crate::audit::{Event, EventType, KeyRef, Source, redacted};
use crate::context::Context;
use crate::crypto::{hkdf_sha256, hmac_sha256};
use crate::error::{Error, Result};
use crate::keystore::change::Deed;
use crate::keystore::json::hex;
use crate::keystore::names::KeyId;
use crate::keystore::options::OpenOptions;
use crate::keystore::principal::Actor;
use crate::keystore::secrets::Secrets;
use crate::keystore::time::Time;
use crate::keystore::usage::Counted;
use crate::operation::{Kind as Treatment, Operation};
use crate::secret::Key32;

/// Where the events of an open store come from. The process is asked for each time: a child has another number.
pub(in crate::keystore) fn source(options: &OpenOptions, actor: &Actor, secrets: &Secrets) -> Source {
    let library = concat!("keyfold/", env!("CARGO_PKG_VERSION"));
    let process = std::process::id();
    Source {
        store_id: hex(&secrets.store_id),
        principal: actor.principal.clone(),
        verified: actor.verified,
        address: options.source.clone().unwrap_or_else(host),
        user_agent: match &options.user_agent {
            Some(given) => format!("{given} {library} pid/{process}"),
            None => format!("{library} pid/{process}"),
        },
    }
}

/// The host's name.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".into(),
        name => name.into(),
    }
}

/// Hides values of a context: a keyed hash stands for each, the same for the same value of the same name.
pub(super) struct Redaction(Key32);

impl Redaction {
    pub(super) fn new(secrets: &Secrets) -> Result<Redaction> {
        Ok(Redaction(Key32::new_with(secrets.on_fork, |out| {
            let info = b"keyfold/store/1/redact";
            hkdf_sha256(&secrets.store_id, secrets.store_secret.secret.expose(), info, out);
            Ok(())
        })?))
    }

    fn hidden(&self, name: &str, value: &str) -> Value {
        let len = (name.len() as u64).to_be_bytes();
        let mac = hmac_sha256(self.0.expose(), &[b"KFD redact 1", &len, name.as_bytes(), value.as_bytes()]);
        redacted(&mac)
    }

    /// Pairs that are no context yet; `None`: all their values are hidden.
    pub(super) fn pairs(&self, pairs: &BTreeMap<String, String>, redact: Option<&[String]>) -> Value {
        let told = pairs.iter().map(|(name, value)| {
            let shown = redact.is_some_and(|redact| !redact.contains(name));
            (name.clone(), if shown { value.as_str().into() } else { self.hidden(name, value) })
        });
        told.collect::<Map<_, _>>().into()
    }

    /// `encryptionContext`; None where there is nothing to tell.
    pub(super) fn context(&self, context: Option<&Context<'_>>, redact: &[String]) -> Option<Value> {
        let pairs = context?.pairs().map(|(name, value)| {
            let value = match redact.iter().any(|hidden| hidden == name) {
                true => self.hidden(name, value),
                false => value.into(),
            };
            (name.to_owned(), value)
        });
        let pairs: Map<String, Value> = pairs.collect();
        (!pairs.is_empty()).then(|| pairs.into())
    }
}

/// The parameters of a use. `symmetric`: its key is known to be; a counted use's is not looked at for this.
pub(super) fn request(
    operation: Operation,
    key_id: Option<[u8; 16]>,
    symmetric: bool,
    context: Option<Value>,
) -> Map<String, Value> {
    let mut request = Map::new();
    if let Some(id) = key_id {
        request.insert("keyId".into(), KeyId(id).to_string().into());
    }
    if symmetric
        && matches!(
            operation,
            Operation::Encrypt | Operation::Decrypt | Operation::ReEncryptFrom | Operation::ReEncryptTo
        )
    {
        request.insert("encryptionAlgorithm".into(), "SYMMETRIC_DEFAULT".into());
    }
    if let Some(context) = context {
        request.insert("encryptionContext".into(), context);
    }
    request
}

/// One use, or one refusal of one.
pub(super) fn of_use(
    operation: Operation,
    about: Option<KeyRef>,
    request: Map<String, Value>,
    bytes: u64,
    error: Option<Error>,
) -> Event {
    let mut additional = Map::new();
    if error.is_none() && bytes > 0 {
        additional.insert("bytes".into(), bytes.into());
    }
    Event {
        read_only: true,
        keys: about.into_iter().collect(),
        request: Some(request),
        additional,
        error,
        ..Event::new(operation.name(), EventType::ApiCall, Time::now_millis())
    }
}

fn together(count: u64, bytes: u64, first: u64, last: u64) -> Map<String, Value> {
    let mut additional = Map::new();
    additional.insert("count".into(), count.into());
    additional.insert("bytes".into(), bytes.into());
    additional.insert("firstEventTime".into(), millis(first).into());
    additional.insert("lastEventTime".into(), millis(last).into());
    additional
}

/// Uses that were counted.
pub(super) fn of_counted(counted: &Counted, now: u64) -> Event {
    Event {
        at: now,
        additional: together(counted.count, counted.bytes, counted.first, counted.last),
        ..of_use(
            counted.operation,
            Some(counted.key),
            request(counted.operation, Some(counted.key.key_id), false, None),
            0,
            None,
        )
    }
}

/// Refusals or failures of one kind after the first.
pub(super) fn of_repeat(kind: &Kind, repeat: &Repeat, now: u64) -> Event {
    let request = request(kind.operation, kind.key().map(|key| key.key_id), false, None);
    Event {
        at: now,
        additional: together(repeat.count, repeat.bytes, repeat.first, repeat.last),
        ..of_use(kind.operation, kind.key(), request, 0, Some(repeat.error.clone()))
    }
}

/// What the trail could not take.
pub(super) fn of_gap(gap: &Gap, now: u64) -> Event {
    let mut details = Map::new();
    details.insert("dropped".into(), gap.dropped.into());
    details.insert("uncounted".into(), gap.uncounted.into());
    details.insert("failedWrites".into(), gap.failed.into());
    details.insert("firstEventTime".into(), millis(gap.first).into());
    details.insert("lastEventTime".into(), millis(gap.last).into());
    if let Some(reason) = gap.reason {
        details.insert("reason".into(), reason.into());
    }
    service("TrailGap", details, now)
}

/// An event of the library's own doing.
pub(in crate::keystore) fn service(name: &'static str, details: Map<String, Value>, now: u64) -> Event {
    Event { additional: details, ..Event::new(name, EventType::ServiceEvent, now) }
}

/// A management call.
pub(super) fn of_deed(
    deed: &Deed,
    about: &[KeyRef],
    response: Map<String, Value>,
    error: Option<Error>,
) -> Event {
    let treatment = deed.operation.kind();
    let base = Event {
        keys: about.to_vec(),
        error,
        read_only: matches!(treatment, Treatment::Use | Treatment::Read),
        ..service(deed.operation.name(), Map::new(), Time::now_millis())
    };
    match deed.operation {
        // What the library does by itself has no request.
        Operation::RotateKey | Operation::StopKey | Operation::Heartbeat => {
            let mut additional = deed.request.clone();
            additional.extend(response);
            Event { additional, ..base }
        }
        _ => Event {
            kind: EventType::ApiCall,
            request: Some(deed.request.clone()),
            response: (!response.is_empty()).then_some(response),
            ..base
        },
    }
}

/// RFC 3339 with milliseconds, UTC.
pub(super) fn millis(at: u64) -> String {
    // The end of the year 9999, after which there is no such form.
    let at = at.min(253_402_300_799_999);
    let seconds = Time(at / 1_000).to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), at % 1_000)
}
