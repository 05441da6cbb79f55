//! The trail as callers see it: reading, verifying, exporting, sinks. `docs/AUDIT.md`.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::backend::EventRow;
use super::change::Deed;
use super::inner::Inner;
use super::snapshot::Snapshot;
use super::trail::{self, Head};
use super::{Store, access};
use crate::audit::{
    BadEntry, FileSink, Filter, Hash, Log, SignedCheckpoint, SinkStatus, TrailReport, export_tiles,
    leaf_hash, verify,
};
use crate::crypto::ct_eq;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Events read in one transaction.
const STRIDE: usize = 512;
/// Events looked at for one page: what matches none of them is found by asking for the next page.
const LOOKED_AT: u64 = 65_536;

/// A page of events.
#[derive(Clone, Debug, Serialize)]
pub struct EventPage {
    /// Events, each as it was written.
    pub events: Vec<Value>,
    /// The sequence number that the next page begins at; `None` at the end.
    pub next: Option<u64>,
}

/// A host's own sink: called outside any lock and transaction with one event's line at a time, in order, from the thread
/// that flushes, and with no checkpoints. False: it failed, and gets the line again at a later flush; the third time it is
/// dropped.
pub type Callback = Box<dyn Fn(&str) -> bool + Send + Sync>;

impl Store {
    /// Events from sequence number `from` on that match, `limit` at most (1 to 1,000; 0 means 100). Reading is itself an
    /// event. A page may have fewer, and even none, before the end: `next` tells.
    ///
    /// # Errors
    /// INVALID_ARGUMENT; ACCESS_DENIED; TRAIL_INVALID for an event that is not as it was written.
    pub fn read_trail(&self, filter: &Filter, from: u64, limit: u32) -> Result<EventPage> {
        self.told(Operation::ReadAuditTrail, |inner| {
            let limit = page(filter, limit)?;
            let size = inner.trail_size(Operation::ReadAuditTrail)?;
            let (mut events, mut next) = (Vec::new(), from);
            while next < size && events.len() < limit && next - from < LOOKED_AT {
                for row in inner.genuine_events(next, STRIDE.min((size - next) as usize))? {
                    if events.len() == limit {
                        break;
                    }
                    next = row.seq + 1;
                    events.extend(matching(filter, &row)?);
                }
            }
            Ok(EventPage { events, next: (next < size).then_some(next) })
        })
    }

    /// The newest `count` events that match (1 to 1,000; 0 means 100), the oldest of them first. Looks at the newest
    /// 65,536 events.
    ///
    /// # Errors
    /// As [`Store::read_trail`].
    pub fn tail_trail(&self, filter: &Filter, count: u32) -> Result<EventPage> {
        self.told(Operation::ReadAuditTrail, |inner| {
            let count = page(filter, count)?;
            let size = inner.trail_size(Operation::ReadAuditTrail)?;
            let (mut newest, mut before) = (Vec::new(), size);
            while before > 0 && newest.len() < count && size - before < LOOKED_AT {
                let from = before.saturating_sub(STRIDE as u64);
                let rows = inner.genuine_events(from, (before - from) as usize)?;
                for row in rows.iter().rev() {
                    newest.extend(matching(filter, row)?);
                    if newest.len() == count {
                        break;
                    }
                }
                before = from;
            }
            newest.reverse();
            Ok(EventPage { events: newest, next: None })
        })
    }

    /// Verifies the whole trail. `expected`: a signed checkpoint kept elsewhere, which it must contain.
    ///
    /// # Errors
    /// ACCESS_DENIED; TRAIL_INVALID where `expected` is not of this store. What is wrong stands in the report.
    pub fn verify_trail(
        &self,
        expected: Option<&str>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<TrailReport> {
        self.told(Operation::VerifyAuditTrail, |inner| {
            let key = inner.secrets.signing_key()?.verifier();
            let mut log = StoreLog::begin(inner, Operation::VerifyAuditTrail)?;
            let mut report = verify(&mut log, &key, expected, progress)?;
            if let Some(detail) = log.wrong.take()
                && report.first_bad.is_none()
            {
                report.ok = false;
                report.first_bad = Some(BadEntry { seq: report.events, kind: "changed", detail });
            }
            Ok(report)
        })
    }

    /// Writes what is waiting, signs a checkpoint unless the newest covers all, and answers it.
    ///
    /// # Errors
    /// STORE_READ_ONLY and the store's; TRAIL_INVALID.
    pub fn checkpoint_trail(&self) -> Result<String> {
        trail::flush_and_sign(&self.inner, true)?;
        self.inner.newest_checkpoint().map(|checkpoint| checkpoint.note)
    }

    /// Writes down what is waiting: uses counted, events queued.
    ///
    /// # Errors
    /// STORE_READ_ONLY and the store's; TRAIL_INVALID. What could not be written still waits.
    pub fn flush_trail(&self) -> Result<()> {
        trail::flush(&self.inner)
    }

    /// Exports C2SP tiles into a folder, up to a new checkpoint. Answers the number of entries.
    ///
    /// # Errors
    /// IO, TRAIL_INVALID, ACCESS_DENIED.
    pub fn export_trail(&self, folder: &Path) -> Result<u64> {
        self.told(Operation::ExportAuditTrail, |inner| {
            if !inner.options.read_only {
                trail::flush_and_sign(inner, true)?;
            }
            let mut log = StoreLog::begin(inner, Operation::ExportAuditTrail)?;
            let note = inner.newest_checkpoint()?.note;
            export_tiles(&mut log, &note, folder)
        })
    }

    /// Copies events from now on to a JSON Lines file: all of the store's, whoever writes them, as far as this handle
    /// comes to see them. A forked child has none of its parent's sinks.
    ///
    /// # Errors
    /// IO, LIMIT_EXCEEDED.
    pub fn add_file_sink(&self, file: &FileSink) -> Result<()> {
        let from = self.inner.trail_size(Operation::ReadAuditTrail)?;
        self.inner.trail.sinks.add_file(file)?;
        self.inner.trail.begin_feeding(from);
        Ok(())
    }

    /// Hands events from now on to the host, as [`Store::add_file_sink`]. At most 65,536 wait; more are dropped and
    /// counted.
    ///
    /// # Errors
    /// LIMIT_EXCEEDED.
    pub fn add_callback_sink(&self, callback: Callback) -> Result<()> {
        let from = self.inner.trail_size(Operation::ReadAuditTrail)?;
        self.inner.trail.sinks.add_callback(callback)?;
        self.inner.trail.begin_feeding(from);
        Ok(())
    }

    /// How the sinks stand.
    ///
    /// # Errors
    /// FORKED.
    pub fn sinks(&self) -> Result<Vec<SinkStatus>> {
        self.inner.check_usable()?;
        Ok(self.inner.trail.sinks.status())
    }

    /// Runs a call that reads the trail, with what waits written down first; its own event comes after what it read.
    fn told<R>(&self, operation: Operation, call: impl FnOnce(&Inner) -> Result<R>) -> Result<R> {
        let inner = &*self.inner;
        inner.check_usable()?;
        if !inner.options.read_only {
            // What cannot be written cannot be read, and is told as a gap.
            let _ = trail::flush(inner);
        }
        let done = call(inner);
        trail::read(inner, Deed::new(operation), Vec::new(), done.as_ref().err());
        done
    }
}

fn page(filter: &Filter, limit: u32) -> Result<usize> {
    filter.check()?;
    match limit {
        0 => Ok(100),
        1..=1_000 => Ok(limit as usize),
        _ => Err(Error::InvalidArgument { what: "a page of the trail has 1 to 1,000 events" }),
    }
}

fn matching(filter: &Filter, row: &EventRow) -> Result<Option<Value>> {
    let event: Value = serde_json::from_str(&row.event).map_err(|_| changed(row.seq))?;
    Ok(filter.matches(&event).then_some(event))
}

fn changed(seq: u64) -> Error {
    Error::TrailInvalid { what: format!("event {seq} is not as it was written").into() }
}

impl Inner {
    /// Events in the trail, for a call that may read it.
    fn trail_size(&self, operation: Operation) -> Result<u64> {
        self.read(|snapshot| {
            access::authorise_read(self, snapshot, operation, None)?;
            trail::size(snapshot)
        })
    }

    /// Events in their places, as they were written.
    fn genuine_events(&self, from: u64, limit: usize) -> Result<Vec<EventRow>> {
        let rows = self.read(|snapshot| snapshot.rows.events(from, limit))?;
        if rows.len() < limit {
            return Err(Error::TrailInvalid { what: format!("events after {from} are missing").into() });
        }
        for (seq, row) in (from..).zip(&rows) {
            let mac = self.secrets.event_mac(seq, &leaf_hash(row.event.as_bytes()));
            if row.seq != seq || !ct_eq(&row.mac, &mac) {
                return Err(changed(seq));
            }
        }
        Ok(rows)
    }

    fn newest_checkpoint(&self) -> Result<SignedCheckpoint> {
        let found = self.read(|snapshot| {
            let covered = Head::read(snapshot)?.covered;
            let found = trail::checkpoints(snapshot, covered.saturating_sub(1), 1)?;
            Ok(found.into_iter().next())
        })?;
        let missing = || Error::TrailInvalid { what: "its newest checkpoint is missing".into() };
        found.map(|(_, checkpoint)| checkpoint).ok_or_else(missing)
    }
}

/// The store's own trail, as it stood when this was begun; read in transactions of its own.
struct StoreLog<'a> {
    inner: &'a Inner,
    /// Events that are looked at.
    size: u64,
    claimed: Option<(u64, Hash)>,
    /// Why the head cannot be believed.
    wrong: Option<String>,
    /// MACs of the entries read last, from this number on.
    macs: (u64, Vec<[u8; 32]>),
}

impl<'a> StoreLog<'a> {
    fn begin(inner: &'a Inner, operation: Operation) -> Result<StoreLog<'a>> {
        inner.read(|snapshot| {
            access::authorise_read(inner, snapshot, operation, None)?;
            let (size, claimed, wrong) = claimed(snapshot)?;
            Ok(StoreLog { inner, size, claimed, wrong, macs: (0, Vec::new()) })
        })
    }
}

/// Size to read, what the head claims, and what is wrong with it.
type Claimed = (u64, Option<(u64, Hash)>, Option<String>);

/// What the head says, or, where it is not to be believed, what the manifest knows.
fn claimed(snapshot: &mut Snapshot<'_>) -> Result<Claimed> {
    match Head::read(snapshot) {
        Ok(head) => {
            let size = head.edge.size();
            let beyond = snapshot.rows.events(size, 1)?;
            let wrong =
                (!beyond.is_empty()).then(|| "there are events after those its head counts".to_owned());
            Ok((size, Some((size, head.edge.root())), wrong))
        }
        Err(Error::TrailInvalid { what }) => {
            let (size, root) = (snapshot.manifest.trail_size, snapshot.manifest.trail_root);
            Ok((size, Some((size, root)), Some(what.into())))
        }
        Err(error) => Err(error),
    }
}

impl Log for StoreLog<'_> {
    fn entries(&mut self, from: u64, limit: usize) -> Result<Vec<(u64, String)>> {
        let rows = self.inner.read(|snapshot| snapshot.rows.events(from, limit))?;
        let rows: Vec<EventRow> = rows.into_iter().take_while(|row| row.seq < self.size).collect();
        self.macs = (from, Vec::new());
        // Only rows in a run can be found by their number; those after a hole are asked for again.
        self.macs.1 =
            (from..).zip(&rows).take_while(|(seq, row)| row.seq == *seq).map(|(_, row)| row.mac).collect();
        Ok(rows.into_iter().map(|row| (row.seq, row.event)).collect())
    }

    fn checkpoints(&mut self, after: Option<u64>, limit: usize) -> Result<Vec<SignedCheckpoint>> {
        let found = self.inner.read(|snapshot| trail::checkpoints(snapshot, after.unwrap_or(0), limit))?;
        let size = self.size;
        Ok(found.into_iter().filter(|(covered, _)| *covered <= size).map(|(_, signed)| signed).collect())
    }

    fn genuine(&mut self, seq: u64, leaf: &Hash) -> Result<Option<bool>> {
        let known = seq.checked_sub(self.macs.0).and_then(|at| self.macs.1.get(at as usize)).copied();
        let mac = match known {
            Some(mac) => Some(mac),
            None => {
                let rows = self.inner.read(|snapshot| snapshot.rows.events(seq, 1))?;
                rows.first().filter(|row| row.seq == seq).map(|row| row.mac)
            }
        };
        Ok(mac.map(|mac| ct_eq(&mac, &self.inner.secrets.event_mac(seq, leaf))))
    }

    fn head(&mut self) -> Result<Option<(u64, Hash)>> {
        Ok(self.claimed)
    }
}
