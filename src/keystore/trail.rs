//! The store's trail: events appended in the store's own transactions, group commit, checkpoints, sinks. The events
//! themselves and their tree are `crate::audit`'s. `docs/AUDIT.md`.

use super::access::Actor;
use super::change::Deed;
use super::handle::{Key, Wish};
use super::inner::Inner;
use super::options::OpenOptions;
use super::secrets::Secrets;
use super::snapshot::Snapshot;
use crate::audit::KeyRef;
use crate::error::{Error, Result};

/// What an open store's trail keeps between calls: source, sinks, queues.
pub(super) struct Trail {}

impl Trail {
    pub(super) fn new(_options: &OpenOptions, _actor: &Actor, _secrets: &Secrets) -> Trail {
        Trail {}
    }
}

/// Appends the event of a change in its own transaction, before the manifest is written.
pub(super) fn done(
    _snapshot: &mut Snapshot<'_>,
    _inner: &Inner,
    _deed: &Deed,
    _about: &[KeyRef],
) -> Result<()> {
    Ok(())
}

/// Appends an event of the library's own doing in a change's transaction, before the change's own event: `name` is one
/// of the service events of docs/AUDIT.md, `details` its `serviceEventDetails`.
pub(super) fn service(
    _snapshot: &mut Snapshot<'_>,
    _inner: &Inner,
    _name: &'static str,
    _about: &[KeyRef],
    _details: serde_json::Map<String, serde_json::Value>,
) -> Result<()> {
    Ok(())
}

/// Writes the event of a change that was refused or failed, in a transaction of its own. What cannot be written is
/// counted, and told as a gap later.
pub(super) fn refused(_inner: &Inner, _deed: Deed, _about: Vec<KeyRef>, _error: &Error) {}

/// Takes note of a call that read (DescribeKey, ListKeys …): queued, and written with the next batch.
pub(super) fn read(_inner: &Inner, _deed: Deed, _about: Vec<KeyRef>, _error: Option<&Error>) {}

/// The event of one use, where the key asks for one a use; for a key that is fail-closed it is on disk when this
/// returns.
///
/// # Errors
/// TRAIL_UNAVAILABLE, from a fail-closed key alone: the caller gives out nothing of what it made.
pub(super) fn used(
    _inner: &Inner,
    _key: &Key,
    _wish: &Wish<'_>,
    _about: KeyRef,
    _bytes: u64,
    _outcome: std::result::Result<(), &Error>,
) -> Result<()> {
    Ok(())
}

/// The event of a use that was refused: the first of a kind in an interval by itself, the others counted.
pub(super) fn use_refused(_inner: &Inner, _key_id: [u8; 16], _wish: &Wish<'_>, _error: &Error) {}

/// Whether it is time to write down what was counted; does so then. Answers in how many milliseconds at most it wants to
/// be asked again.
pub(super) fn attend(_inner: &Inner) -> Result<u64> {
    Ok(60_000)
}

/// Writes what is waiting, the uses of all keys counted so far included, and hands it to the sinks. Called when a key's
/// attention is due, by [`super::Store::flush_trail`] and when the store is closed.
pub(super) fn flush(_inner: &Inner) -> Result<()> {
    Ok(())
}

/// The last flush; a final checkpoint. Errors have nobody to go to.
pub(super) fn close(_inner: &Inner) {}

/// The warning that a version comes near a limit of its key's policy: a service event, `LimitNear`.
pub(super) fn limit_near(_inner: &Inner, _key_id: super::names::KeyId, _version: u32) {}
