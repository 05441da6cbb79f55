//! The trail as callers see it: reading, verifying, exporting, sinks. `docs/AUDIT.md`.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use serde::Serialize;
use serde_json::{Value, json};

use super::backend::EventRow;
use super::change::Deed;
use super::inner::Inner;
use super::snapshot::Snapshot;
use super::trail::{self, Head};
use super::{Store, access};
use crate::audit::{
    BATCH, BadEntry, FileSink, Filter, Hash, Log, SignedCheckpoint, SinkStatus, TrailReport, export_tiles,
    leaf_hash, verify,
};
use crate::crypto::ct_eq;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::sync::processors;

/// Events read in one transaction.
const STRIDE: u64 = 512;
/// A trail of fewer events is read by the thread alone that verifies it.
const WORTH_A_THREAD: u64 = if cfg!(test) { 8 } else { 16_384 };
/// Events looked at for one page: what matches none of them is found by asking for the next page.
const LOOKED_AT: u64 = 65_536;

/// A page of events.
#[derive(Clone, Debug, Serialize)]
pub struct EventPage {
    /// Events, each as it was written. One that is not as it was written is there too, whatever the filter, with
    /// `"verified": false` and the `seq` of its place; so is a hole: `{"seq": …, "verified": false, "missing": how many}`.
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
    /// INVALID_ARGUMENT; ACCESS_DENIED. Damage is none: what is damaged is marked, see [`EventPage::events`].
    pub fn read_trail(&self, filter: &Filter, from: u64, limit: u32) -> Result<EventPage> {
        self.told(Operation::ReadAuditTrail, |inner| {
            let limit = page(filter, limit)?;
            let size = inner.trail_size(Operation::ReadAuditTrail)?;
            let (mut events, mut next) = (Vec::new(), from);
            while next < size && events.len() < limit && next - from < LOOKED_AT {
                for place in inner.places(next, size.min(next + STRIDE))? {
                    if events.len() == limit {
                        break;
                    }
                    next = place.next;
                    events.extend(place.matching(filter));
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
                let from = before.saturating_sub(STRIDE);
                for place in inner.places(from, before)?.into_iter().rev() {
                    newest.extend(place.matching(filter));
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
            let wrong = log.wrong.take();
            let mut report = std::thread::scope(|scope| {
                if log.size >= WORTH_A_THREAD && processors() > 1 {
                    log.ahead = ahead(scope, inner);
                }
                // The thread ends when nobody takes what it read.
                let mut log = log;
                verify(&mut log, &key, expected, progress)
            })?;
            if let Some(detail) = wrong
                && report.first_bad.is_none()
            {
                report.ok = false;
                report.first_bad = Some(BadEntry { seq: report.events, kind: "changed", detail });
            }
            let life = inner.read(|snapshot| Ok(snapshot.manifest.life))?;
            let known = inner.anchor.knew_events(life);
            if report.events < known && report.first_bad.is_none() {
                report.ok = false;
                let detail = format!("the anchor knows of {known} events");
                report.first_bad = Some(BadEntry { seq: report.events, kind: "missing", detail });
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
        super::anchor::close(&self.inner);
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
        let inner = &*self.inner;
        let deed = || Deed::new(Operation::ExportAuditTrail);
        let write = || {
            let mut log = StoreLog::begin(inner, Operation::ExportAuditTrail)?;
            let note = inner.newest_checkpoint()?.note;
            export_tiles(&mut log, &note, folder)
        };
        if inner.options.read_only {
            return self.told(Operation::ExportAuditTrail, |_| write());
        }
        // On disk before anything is out.
        let begun = inner.trail_size(Operation::ExportAuditTrail).and_then(|_| {
            trail::read(inner, deed(), Vec::new(), None);
            trail::flush_and_sign(inner, true)
        });
        let done = begun.and_then(|()| write());
        if let Err(error) = &done {
            trail::read(inner, deed(), Vec::new(), Some(error));
        }
        done
    }

    /// Copies events from now on to a JSON Lines file: all of the store's, whoever writes them, as far as this handle
    /// comes to see them. A new file begins with a checkpoint, signed now unless the store is read-only, so that all that
    /// comes after it can be verified. A forked child has none of its parent's sinks.
    ///
    /// # Errors
    /// IO, LIMIT_EXCEEDED.
    pub fn add_file_sink(&self, file: &FileSink) -> Result<()> {
        self.inner.trail_size(Operation::ReadAuditTrail)?;
        let is_new = file.path.metadata().map_or(true, |found| found.is_file() && found.len() == 0);
        if is_new && !self.inner.options.read_only {
            // Where that fails, the last checkpoint is an older one, and the report says what that leaves unverified.
            let _ = trail::flush_and_sign(&self.inner, true);
        }
        let from = self.inner.trail_size(Operation::ReadAuditTrail)?;
        let checkpoint = self.inner.newest_checkpoint().ok().map(|checkpoint| checkpoint.line());
        self.inner.trail.sinks.add_file(file, checkpoint)?;
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

/// An event as it stands in the trail, or a hole in it.
struct Place {
    event: Value,
    verified: bool,
    /// The number after it.
    next: u64,
}

impl Place {
    /// An event of which nothing is certain may be any: it matches every filter.
    fn matching(self, filter: &Filter) -> Option<Value> {
        (!self.verified || filter.matches(&self.event)).then_some(self.event)
    }

    fn hole(from: u64, to: u64) -> Place {
        let event = json!({ "seq": from, "verified": false, "missing": to - from });
        Place { event, verified: false, next: to }
    }

    fn of(row: &EventRow, genuine: bool) -> Place {
        let next = row.seq + 1;
        match serde_json::from_str::<Value>(&row.event) {
            Ok(event) if genuine => Place { event, verified: true, next },
            Ok(Value::Object(mut event)) => {
                event.insert("seq".into(), row.seq.into());
                event.insert("verified".into(), false.into());
                Place { event: event.into(), verified: false, next }
            }
            _ => Place { event: json!({ "seq": row.seq, "verified": false }), verified: false, next },
        }
    }
}

impl Inner {
    /// Events in the trail, for a call that may read it: as its head says, or, where that is damaged, the manifest.
    fn trail_size(&self, operation: Operation) -> Result<u64> {
        self.read(|snapshot| {
            access::authorise_read(self, snapshot, operation, None)?;
            Ok(claimed(snapshot)?.0)
        })
    }

    /// What stands in the places `from` to `to`, the last not included.
    fn places(&self, from: u64, to: u64) -> Result<Vec<Place>> {
        let rows = self.read(|snapshot| snapshot.rows.events(from, (to - from) as usize))?;
        let (mut places, mut next) = (Vec::with_capacity(rows.len()), from);
        for row in rows.iter().take_while(|row| row.seq < to) {
            if row.seq > next {
                places.push(Place::hole(next, row.seq));
            }
            let mac = self.secrets.event_mac(row.seq, &leaf_hash(row.event.as_bytes()));
            places.push(Place::of(row, ct_eq(&row.mac, &mac)));
            next = row.seq + 1;
        }
        if next < to {
            places.push(Place::hole(next, to));
        }
        Ok(places)
    }

    fn newest_checkpoint(&self) -> Result<SignedCheckpoint> {
        let found = self.read(|snapshot| {
            let covered = Head::read(snapshot)?.covered;
            let found = trail::checkpoints(snapshot, covered.saturating_sub(1), 1)?;
            Ok(found.into_iter().next())
        })?;
        let missing = || Error::TrailInvalid { what: "its newest checkpoint is missing, or damaged".into() };
        found.map(|(_, checkpoint)| checkpoint).filter(|found| found.edge.is_some()).ok_or_else(missing)
    }
}

/// The store's own trail, as it stood when this was begun; read in transactions of its own.
struct StoreLog<'a> {
    inner: &'a Inner,
    /// Events that are looked at.
    size: u64,
    claimed: Option<(u64, Hash)>,
    /// Events that the newest checkpoint covers.
    covered: u64,
    /// Why the head cannot be believed.
    wrong: Option<String>,
    /// MACs of the entries read last, from this number on.
    macs: (u64, Vec<[u8; 32]>),
    /// What another thread reads meanwhile.
    ahead: Option<Receiver<Stretch>>,
}

/// Events read in one transaction, and the number that was read from.
type Stretch = (u64, Result<Vec<EventRow>>);

/// Reads the trail from its beginning in a thread of its own, two stretches ahead; None where no thread is to be had.
fn ahead<'scope>(scope: &'scope Scope<'scope, '_>, inner: &'scope Inner) -> Option<Receiver<Stretch>> {
    let (give, take) = sync_channel(2);
    let read = move || {
        let mut next = 0;
        loop {
            let rows = inner.read(|snapshot| snapshot.rows.events(next, BATCH));
            let last = rows.as_ref().ok().and_then(|rows| rows.last()).map(|row| row.seq);
            if give.send((next, rows)).is_err() {
                break;
            }
            let Some(last) = last else { break };
            next = last + 1;
        }
    };
    std::thread::Builder::new().spawn_scoped(scope, read).is_ok().then_some(take)
}

impl<'a> StoreLog<'a> {
    fn begin(inner: &'a Inner, operation: Operation) -> Result<StoreLog<'a>> {
        inner.read(|snapshot| {
            access::authorise_read(inner, snapshot, operation, None)?;
            let (size, claimed, wrong) = claimed(snapshot)?;
            let covered = Head::read(snapshot).map_or(0, |head| head.covered);
            Ok(StoreLog { inner, size, claimed, covered, wrong, macs: (0, Vec::new()), ahead: None })
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
        let rows = match self.ahead.as_ref().and_then(|ahead| ahead.recv().ok()) {
            Some((began, rows)) if began == from && limit == BATCH => rows?,
            _ => {
                self.ahead = None;
                self.inner.read(|snapshot| snapshot.rows.events(from, limit))?
            }
        };
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

    fn covered(&mut self) -> Result<Option<u64>> {
        Ok(Some(self.covered))
    }

    fn head(&mut self) -> Result<Option<(u64, Hash)>> {
        Ok(self.claimed)
    }
}
