//! Events of management calls: a change's own stands in its transaction, others wait to be written.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value};

use super::feeding::feed;
use super::log::Appending;
use super::turn::Ticket;
use super::waiting::unavailable;
use super::words;
use super::words::source;
use super::writing::{queue, write_if_many, write_waiting, write_with};
use crate::audit::{Event, KeyRef, Source};
use crate::error::{Error, Result};
use crate::keystore::change::Deed;
use crate::keystore::inner::Inner;
use crate::keystore::snapshot::Snapshot;
use crate::keystore::time::Time;
use crate::operation::Operation;
use crate::sync::coarse_millis;

/// Appends the event of a change in its own transaction, before the manifest is written. `changed`: it found something
/// to do, so the manifest is written too, and names the trail.
pub(in crate::keystore) fn done(
    snapshot: &mut Snapshot<'_>,
    inner: &Inner,
    deed: &Deed,
    about: &[KeyRef],
    response: &Map<String, Value>,
    changed: bool,
) -> Result<()> {
    let mut event = words::of_deed(deed, about, response.clone(), None);
    if !changed {
        event.additional.insert("changed".into(), false.into());
    }
    let source = source(&inner.options, &inner.actor, &inner.secrets);
    let mut appending = Appending::begin(snapshot, &source)?;
    appending.add(snapshot, &event)?;
    let head = appending.end(snapshot, Time::now_millis(), false)?;
    inner.trail.saw(&head)?;
    if changed {
        (snapshot.manifest.trail_size, snapshot.manifest.trail_root) = (head.edge.size(), head.edge.root());
    }
    inner.trail.wrote.store(true, Ordering::Relaxed);
    Ok(())
}

/// Appends an event of the library's own doing in a change's transaction, before the change's own event: `name` is one
/// of the service events of docs/AUDIT.md, `details` its `serviceEventDetails`.
pub(in crate::keystore) fn service(
    snapshot: &mut Snapshot<'_>,
    inner: &Inner,
    name: &'static str,
    about: &[KeyRef],
    details: Map<String, Value>,
) -> Result<()> {
    let source = source(&inner.options, &inner.actor, &inner.secrets);
    let event = Event { keys: about.to_vec(), ..words::service(name, details, Time::now_millis()) };
    let mut appending = Appending::begin(snapshot, &source)?;
    appending.add(snapshot, &event)?;
    inner.trail.saw(&appending.end(snapshot, Time::now_millis(), false)?)
}

/// After a change is on disk.
pub(in crate::keystore) fn committed(inner: &Inner) {
    feed(inner);
}

/// The first events of a store: in the transaction that makes it.
pub(in crate::keystore) fn first(snapshot: &mut Snapshot<'_>, source: &Source) -> Result<()> {
    let mut appending = Appending::begin(snapshot, source)?;
    appending
        .add(snapshot, &words::of_deed(&Deed::new(Operation::InitializeStore), &[], Map::new(), None))?;
    let mut details = Map::new();
    details.insert("verifierKey".into(), snapshot.secrets.signing_key()?.verifier().to_string().into());
    appending.add(snapshot, &words::service("InitializeAuditTrail", details, Time::now_millis()))?;
    let head = appending.end(snapshot, Time::now_millis(), true)?;
    (snapshot.manifest.trail_size, snapshot.manifest.trail_root) = (head.edge.size(), head.edge.root());
    Ok(())
}

/// The event of a deed that makes a store of another's rows, in the transaction that makes it.
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
pub(in crate::keystore) fn made(snapshot: &mut Snapshot<'_>, source: &Source, deed: &Deed) -> Result<()> {
    let mut appending = Appending::begin(snapshot, source)?;
    appending.add(snapshot, &words::of_deed(deed, &[], Map::new(), None))?;
    let head = appending.end(snapshot, Time::now_millis(), true)?;
    (snapshot.manifest.trail_size, snapshot.manifest.trail_root) = (head.edge.size(), head.edge.root());
    Ok(())
}

/// Writes the event of a change that was refused or failed, in a transaction of its own. What cannot be written is
/// counted, and told as a gap later.
pub(in crate::keystore) fn refused(inner: &Inner, deed: Deed, about: Vec<KeyRef>, error: &Error) {
    let hopeless = matches!(error, Error::Forked);
    if hopeless || inner.check_forked().is_err() {
        return;
    }
    let event = words::of_deed(&deed, &about, Map::new(), Some(error.clone()));
    queue(inner, event, None);
    // Who waited for a store that is busy or broken does not wait once more.
    if !matches!(error, Error::StoreBusy | Error::StorePoisoned | Error::StoreFull | Error::StoreReadOnly) {
        let _ = write_waiting(inner, false, false);
    }
}

/// Takes note of a call that read (DescribeKey, ListKeys …): queued, and written with the next batch.
pub(in crate::keystore) fn read(inner: &Inner, deed: Deed, about: Vec<KeyRef>, error: Option<&Error>) {
    if inner.check_forked().is_ok() {
        queue(inner, words::of_deed(&deed, &about, Map::new(), error.cloned()), None);
        write_if_many(inner, coarse_millis());
    }
}

/// The same for a call whose answer leaves the store: its event is on disk when this returns.
///
/// # Errors
/// TRAIL_UNAVAILABLE.
pub(in crate::keystore) fn read_on_disk(inner: &Inner, deed: Deed) -> Result<()> {
    let ticket = Arc::new(Ticket::new());
    let event = words::of_deed(&deed, &[], Map::new(), None);
    if !queue(inner, event, Some(ticket.clone())) {
        return Err(Error::TrailUnavailable { reason: "too many events wait to be written".into() });
    }
    write_with(inner, &ticket).map_err(|error| unavailable(&error))
}
