//! Events of uses: one by one or counted, of those that were permitted and those that were not.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Map;

use super::feeding::feed;
use super::turn::Ticket;
use super::waiting::{Kind, unavailable};
use super::words;
use super::writing::{Wait, queue, write_if_many, write_in_turn, write_with};
use crate::audit::{Event, KeyRef};
use crate::error::{Error, Result};
use crate::keystore::handle::{Key, Wish};
use crate::keystore::inner::Inner;
use crate::keystore::key_version::Served;
use crate::keystore::names::KeyId;
use crate::keystore::time::Time;
use crate::keystore::types::KeySpec;
use crate::keystore::usage::Record;
use crate::sync::coarse_millis;

/// The event of one use that was permitted: by itself where the key asks for that, and where it failed. For a key that
/// is fail-closed it is on disk when this returns.
///
/// # Errors
/// TRAIL_UNAVAILABLE, from a fail-closed key alone: the caller gives out nothing of what it made.
pub(in crate::keystore) fn used(
    inner: &Inner,
    key: &Key,
    wish: &Wish<'_>,
    served: Served,
    outcome: std::result::Result<(), &Error>,
) -> Result<()> {
    if let Err(error) = inner.check_forked() {
        return if served.record == Record::Closed { Err(error) } else { Ok(()) };
    }
    let now = Time::now_millis();
    if outcome.is_err() {
        inner.trail.register.failure(served.about, wish.operation, now);
    }
    if !inner.options.trail {
        return match (served.record, outcome) {
            (Record::Closed, Ok(())) => inner.trail.check_open(inner),
            _ => Ok(()),
        };
    }
    if let Err(error) = outcome
        && served.record == Record::Counted
    {
        refusal(inner, Some(key), Some(served.about), wish, error);
        return Ok(());
    }
    let event = use_event(inner, Some(key), Some(served.about), wish, outcome.err());
    if served.record == Record::Closed && outcome.is_ok() {
        let ticket = Arc::new(Ticket::new());
        if !queue(inner, event, Some(ticket.clone())) {
            return Err(Error::TrailUnavailable { reason: "too many events wait to be written".into() });
        }
        return write_with(inner, &ticket).map_err(|error| unavailable(&error));
    }
    queue(inner, event, None);
    write_if_many(inner, coarse_millis());
    Ok(())
}

/// The event of a use that was refused: the first of a kind in an interval by itself, the others counted. `key` is None
/// where no key was reached.
pub(in crate::keystore) fn use_refused(inner: &Inner, key: Option<&Key>, wish: &Wish<'_>, error: &Error) {
    // A question for a size is no attempt at a use.
    let silent = matches!(error, Error::Forked | Error::BufferTooSmall { .. });
    if silent || !inner.options.trail || inner.check_forked().is_err() {
        return;
    }
    let about = key.map(|key| KeyRef { key_id: key.id().0, version: 0, material_id: [0; 8] });
    refusal(inner, key, about, wish, error);
}

fn refusal(inner: &Inner, key: Option<&Key>, about: Option<KeyRef>, wish: &Wish<'_>, error: &Error) {
    let kind = Kind::new(about, wish.operation, error);
    if !inner.trail.register.first_of(kind, error, wish.bytes, Time::now_millis()) {
        return;
    }
    queue(inner, use_event(inner, key, about, wish, Some(error)), None);
    if inner.options.read_only || inner.trail.broken.load(Ordering::Relaxed) {
        return;
    }
    if let Some(mut turn) = inner.trail.register.turns.try_now() {
        let _ = write_in_turn(inner, &mut turn, Wait::Not, false, false);
        drop(turn);
        feed(inner);
    }
}

fn use_event(
    inner: &Inner,
    key: Option<&Key>,
    about: Option<KeyRef>,
    wish: &Wish<'_>,
    error: Option<&Error>,
) -> Event {
    // Which values are hidden is the key's to say: without a key none is told.
    let context = match (&inner.trail.redaction, key) {
        (Some(redaction), Some(key)) => key.redacted(|names| redaction.context(wish.context.as_ref(), names)),
        _ => None,
    };
    let symmetric = key.is_some_and(|key| key.spec() == KeySpec::Symmetric);
    let request = words::request(wish.operation, about.map(|about| about.key_id), symmetric, context);
    words::of_use(wish.operation, about, request, wish.bytes, error.cloned())
}

/// The warning that a version comes near a limit of its key's policy: a service event, `LimitNear`.
pub(in crate::keystore) fn limit_near(inner: &Inner, key_id: KeyId, version: u32) {
    if inner.check_forked().is_ok() {
        let key = KeyRef { key_id: key_id.0, version, material_id: [0; 8] };
        let event = words::service("LimitNear", Map::new(), Time::now_millis());
        queue(inner, Event { keys: vec![key], ..event }, None);
    }
}
