//! What the sinks get: committed events and checkpoints, read from the store itself.

use super::Trail;
use super::log::checkpoints;
use crate::audit::leaf_hash;
use crate::crypto::ct_eq;
use crate::error::{Error, Result};
use crate::keystore::inner::Inner;
use crate::sync::fork_id;

/// Lines handed to the sinks at once.
const LINES: usize = 512;

/// Where the sinks are.
pub(super) struct Feeding {
    /// The process whose sinks they are: a child's copies stay silent, since the parent's copy all events of the store.
    owner: u64,
    /// The next event to hand on; None without sinks.
    next: Option<u64>,
    covered: u64,
    busy: bool,
    again: bool,
}

impl Feeding {
    /// Nothing is fed yet.
    pub(super) fn idle() -> Feeding {
        Feeding { owner: 0, next: None, covered: 0, busy: false, again: false }
    }
}

impl Trail {
    /// Begins to feed the sinks with what comes after `from`.
    pub(in crate::keystore) fn begin_feeding(&self, from: u64) {
        let mut feeding = self.feeding.lock();
        if feeding.owner != fork_id() {
            *feeding = Feeding { owner: fork_id(), next: None, covered: from, busy: false, again: false };
        }
        feeding.next.get_or_insert(from);
    }
}

/// Hands on to the sinks what is committed: in the trail's own order, whoever wrote it, read from the store itself. One
/// thread at a time; one that comes meanwhile leaves it to the first. No lock is held while the sinks run.
pub(in crate::keystore) fn feed(inner: &Inner) {
    let trail = &inner.trail;
    {
        let mut feeding = trail.feeding.lock();
        if feeding.next.is_none() || feeding.owner != fork_id() {
            return;
        }
        if feeding.busy {
            feeding.again = true;
            return;
        }
        feeding.busy = true;
    }
    let mut first = true;
    loop {
        let (next, covered) = {
            let mut feeding = trail.feeding.lock();
            feeding.again = false;
            (feeding.next.unwrap_or(0), feeding.covered)
        };
        let Ok((lines, next, covered)) = lines(inner, next, covered) else { break };
        let more = !lines.is_empty();
        if more || first {
            // What waits is tried again, with or without new lines. What the sinks tell is written with the next batch.
            first = false;
            for event in trail.sinks.feed(&lines) {
                trail.register.push(event, None);
            }
        }
        let mut feeding = trail.feeding.lock();
        (feeding.next, feeding.covered) = (Some(next), covered);
        if !more && !feeding.again {
            feeding.busy = false;
            return;
        }
    }
    trail.feeding.lock().busy = false;
}

/// Lines for the sinks: events, and the checkpoints where they stand.
fn lines(inner: &Inner, from: u64, covered: u64) -> Result<(Vec<String>, u64, u64)> {
    inner.read(|snapshot| {
        let events = snapshot.rows.events(from, LINES)?;
        let (mut lines, mut next, mut covered) = (Vec::with_capacity(events.len()), from, covered);
        let mut signed = checkpoints(snapshot, covered, LINES)?.into_iter().peekable();
        for row in events {
            if row.seq != next
                || !ct_eq(&row.mac, &inner.secrets.event_mac(next, &leaf_hash(row.event.as_bytes())))
            {
                return Err(Error::TrailInvalid {
                    what: format!("event {next} is not as it was written").into(),
                });
            }
            lines.push(row.event);
            next += 1;
            if let Some((size, checkpoint)) = signed.next_if(|(size, _)| *size <= next) {
                lines.push(checkpoint.line());
                covered = size;
            }
        }
        // One that was signed after its last event had been handed on.
        while let Some((size, checkpoint)) = signed.next_if(|(size, _)| *size <= next) {
            lines.push(checkpoint.line());
            covered = size;
        }
        Ok((lines, next, covered))
    })
}
