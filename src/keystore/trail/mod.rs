//! The store's trail: events appended in the store's own transactions, group commit, checkpoints, sinks. The events
//! themselves and their tree are `crate::audit`'s. `docs/AUDIT.md`.
//!
//! A management call's event stands in the call's own transaction ([`done`]). Everything else waits in a queue or in
//! counters ([`waiting`]) and is written by whoever finds it time to: one thread at a time has the *turn*, takes what
//! waits and writes it in one transaction ([`flush`]). A use that may not be without its event waits for the turn too,
//! and mostly finds its event written when it comes. There is no thread of ours.
//!
//! Order of locks: the turn, then a transaction, then nothing; the queue's lock is a leaf and is never taken inside a
//! transaction. Sinks and their callbacks run with none of them held.

mod log;
mod waiting;
mod words;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use serde_json::{Map, Value};

use self::log::Appending;
pub(super) use self::log::Head;
pub(super) use self::waiting::Register;
use self::waiting::{Batch, Kind, Ticket, answered, unavailable};
use self::words::Redaction;
pub(super) use self::words::source;
use super::access::Actor;
use super::backend::{Access, Table};
use super::change::Deed;
use super::handle::{Key, Served, Wish};
use super::inner::Inner;
use super::names::KeyId;
use super::options::OpenOptions;
use super::secrets::Secrets;
use super::snapshot::Snapshot;
use super::time::Time;
use super::types::KeySpec;
use super::usage::Record;
use super::{counters, failpoint, fork};
use crate::audit::{Event, KeyRef, SignedCheckpoint, Sinks, Source, leaf_hash};
use crate::crypto::ct_eq;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::sync::{ForkLock, coarse_millis, fork_id};

/// Events that wait are written when there are so many …
const MANY: u64 = 1_024;
/// … by whoever comes, even if that means to wait for another who writes, when there are so many …
const TOO_MANY: u64 = 16_384;
/// … or by the next use after so many milliseconds.
const SOON: u64 = 1_000;
/// Lines handed to the sinks at once.
const LINES: usize = 512;

/// What an open store's trail keeps between calls: source, sinks, queues.
pub(super) struct Trail {
    register: Arc<Register>,
    pub(super) sinks: Sinks,
    feeding: ForkLock<Feeding>,
    redaction: Option<Redaction>,
    /// When counts and repeats are next to be written, and when a queue that is not empty: coarse milliseconds.
    interval_end: AtomicU64,
    queue_due: AtomicU64,
    /// There are events that no checkpoint covers yet.
    uncovered: AtomicBool,
    /// The last attempt to write failed, and not because others held the store.
    broken: AtomicBool,
    /// The most events that this process saw in the trail.
    highest: AtomicU64,
    /// Something was written through this handle.
    wrote: AtomicBool,
}

/// What to do while somebody else writes to the store.
#[derive(Clone, Copy)]
enum Wait {
    /// Wait, for the store's busy timeout at most.
    Busy,
    /// Leave it to a later call: no use is held up by what can be written later.
    Not,
}

/// Where the sinks are.
struct Feeding {
    /// The process whose sinks they are: a child's copies stay silent, since the parent's copy all events of the store.
    owner: u64,
    /// The next event to hand on; None without sinks.
    next: Option<u64>,
    covered: u64,
    busy: bool,
    again: bool,
}

impl Trail {
    pub(super) fn new(options: &OpenOptions, _actor: &Actor, secrets: &Secrets) -> Trail {
        let register = Arc::new(Register::default());
        fork::register(register.clone());
        let trail = Trail {
            register,
            sinks: Sinks::default(),
            feeding: ForkLock::new(Feeding { owner: 0, next: None, covered: 0, busy: false, again: false }),
            redaction: Redaction::new(secrets).ok(),
            interval_end: AtomicU64::new(0),
            queue_due: AtomicU64::new(u64::MAX),
            uncovered: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            highest: AtomicU64::new(0),
            wrote: AtomicBool::new(false),
        };
        if !options.read_only {
            // Written with what comes first.
            let name = if options.trail { "StartLogging" } else { "StopLogging" };
            trail.register.push(words::service(name, Map::new(), Time::now_millis()), None);
        }
        trail
    }

    /// For the counters of versions.
    pub(super) fn register(&self) -> Weak<Register> {
        Arc::downgrade(&self.register)
    }

    /// Pairs of a constraint as an event tells them, values of these names (`None`: of all) hidden.
    pub(super) fn hide(&self, pairs: &BTreeMap<String, String>, redact: Option<&[String]>) -> Value {
        self.redaction.as_ref().map_or(Value::Null, |redaction| redaction.pairs(pairs, redact))
    }

    /// Whether a use that may not be without its event can be begun at all.
    ///
    /// # Errors
    /// TRAIL_UNAVAILABLE.
    #[cold]
    pub(super) fn check_open(&self, inner: &Inner) -> Result<()> {
        let refuse = |reason: &str| Err(Error::TrailUnavailable { reason: reason.into() });
        if !inner.options.trail {
            return refuse("the store was opened without a trail of uses");
        }
        if inner.options.read_only {
            return refuse("the store was opened for reading alone");
        }
        if self.broken.load(Ordering::Relaxed) {
            // It may be well again; whoever asks finds out.
            write_waiting(inner, false, false, None).map_err(|error| unavailable(&error))?;
        }
        Ok(())
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        fork::forget(&self.register);
    }
}

/// Appends the event of a change in its own transaction, before the manifest is written. `changed`: it found something
/// to do, so the manifest is written too, and names the trail.
pub(super) fn done(
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
pub(super) fn service(
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
pub(super) fn committed(inner: &Inner) {
    feed(inner);
}

/// The first events of a store: in the transaction that makes it.
pub(super) fn first(snapshot: &mut Snapshot<'_>, source: &Source) -> Result<()> {
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
pub(super) fn made(snapshot: &mut Snapshot<'_>, source: &Source, deed: &Deed) -> Result<()> {
    let mut appending = Appending::begin(snapshot, source)?;
    appending.add(snapshot, &words::of_deed(deed, &[], Map::new(), None))?;
    let head = appending.end(snapshot, Time::now_millis(), true)?;
    (snapshot.manifest.trail_size, snapshot.manifest.trail_root) = (head.edge.size(), head.edge.root());
    Ok(())
}

/// Writes the event of a change that was refused or failed, in a transaction of its own. What cannot be written is
/// counted, and told as a gap later.
pub(super) fn refused(inner: &Inner, deed: Deed, about: Vec<KeyRef>, error: &Error) {
    let hopeless = matches!(error, Error::Forked);
    if hopeless || inner.check_forked().is_err() {
        return;
    }
    let event = words::of_deed(&deed, &about, Map::new(), Some(error.clone()));
    queue(inner, event, None);
    // Who waited for a store that is busy or broken does not wait once more.
    if !matches!(error, Error::StoreBusy | Error::StorePoisoned | Error::StoreFull | Error::StoreReadOnly) {
        let _ = write_waiting(inner, false, false, None);
    }
}

/// Takes note of a call that read (DescribeKey, ListKeys …): queued, and written with the next batch.
pub(super) fn read(inner: &Inner, deed: Deed, about: Vec<KeyRef>, error: Option<&Error>) {
    if inner.check_forked().is_ok() {
        queue(inner, words::of_deed(&deed, &about, Map::new(), error.cloned()), None);
        write_if_many(inner, coarse_millis());
    }
}

/// The same for a call whose answer leaves the store: its event is on disk when this returns.
///
/// # Errors
/// TRAIL_UNAVAILABLE.
pub(super) fn read_on_disk(inner: &Inner, deed: Deed) -> Result<()> {
    let ticket = Arc::new(Ticket::default());
    let event = words::of_deed(&deed, &[], Map::new(), None);
    if !queue(inner, event, Some(ticket.clone())) {
        return Err(Error::TrailUnavailable { reason: "too many events wait to be written".into() });
    }
    write_waiting(inner, false, false, Some(&ticket)).map_err(|error| unavailable(&error))
}

/// The event of one use that was permitted: by itself where the key asks for that, and where it failed. For a key that
/// is fail-closed it is on disk when this returns.
///
/// # Errors
/// TRAIL_UNAVAILABLE, from a fail-closed key alone: the caller gives out nothing of what it made.
pub(super) fn used(
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
        let ticket = Arc::new(Ticket::default());
        if !queue(inner, event, Some(ticket.clone())) {
            return Err(Error::TrailUnavailable { reason: "too many events wait to be written".into() });
        }
        return write_waiting(inner, false, false, Some(&ticket)).map_err(|error| unavailable(&error));
    }
    queue(inner, event, None);
    write_if_many(inner, coarse_millis());
    Ok(())
}

/// The event of a use that was refused: the first of a kind in an interval by itself, the others counted. `key` is None
/// where no key was reached.
pub(super) fn use_refused(inner: &Inner, key: Option<&Key>, wish: &Wish<'_>, error: &Error) {
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
    if let Some(turn) = inner.trail.register.try_turn() {
        let _ = write_in_turn(inner, Wait::Not, false, false);
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

/// Queues an event; false when there was no room, or nothing may be written.
fn queue(inner: &Inner, event: Event, ticket: Option<Arc<Ticket>>) -> bool {
    let trail = &inner.trail;
    if inner.options.read_only {
        trail.register.drop_one(event.at);
        return false;
    }
    let queued = trail.register.push(event, ticket);
    trail.queue_due.fetch_min(coarse_millis().saturating_add(SOON), Ordering::Relaxed);
    queued
}

/// Writes what is queued if there is much of it, or it has waited for long.
fn write_if_many(inner: &Inner, now: u64) {
    let trail = &inner.trail;
    let many = trail.register.events.load(Ordering::Relaxed);
    if inner.options.read_only || (many < MANY && now < trail.queue_due.load(Ordering::Relaxed)) {
        return;
    }
    if many >= TOO_MANY {
        // Nobody adds to it faster than it is written.
        let _ = write_waiting(inner, false, false, None);
    } else if let Some(turn) = trail.register.try_turn() {
        let _ = write_in_turn(inner, Wait::Not, false, false);
        drop(turn);
        feed(inner);
    }
}

/// Whether it is time to write down what was counted; does so then. Answers in how many milliseconds at most it wants to
/// be asked again. What cannot be written stays, or is told as a gap: no use fails for it.
pub(super) fn attend(inner: &Inner) -> Result<u64> {
    let trail = &inner.trail;
    let now = coarse_millis();
    let due = trail.interval_end.load(Ordering::Relaxed);
    if now < due {
        write_if_many(inner, now);
        return Ok(due - now);
    }
    let interval = u64::try_from(inner.options.trail_interval.as_millis()).unwrap_or(u64::MAX).max(1);
    // Before the work, so that one thread does it.
    trail.interval_end.store(now.saturating_add(interval), Ordering::Relaxed);
    match trail.register.try_turn() {
        Some(turn) => {
            let written = write_in_turn(inner, Wait::Not, true, false);
            drop(turn);
            feed(inner);
            if written.is_err() {
                trail.interval_end.store(now.saturating_add(SOON), Ordering::Relaxed);
                return Ok(SOON);
            }
            Ok(interval)
        }
        None => Ok(SOON.min(interval)),
    }
}

/// Writes what is waiting, the uses of all keys counted so far included, and hands it to the sinks. Called by
/// [`super::Store::flush_trail`].
pub(super) fn flush(inner: &Inner) -> Result<()> {
    flush_and_sign(inner, false)
}

/// The same, with a checkpoint where the newest does not cover all.
pub(super) fn flush_and_sign(inner: &Inner, sign_now: bool) -> Result<()> {
    inner.check_usable()?;
    if inner.options.read_only {
        return Err(Error::StoreReadOnly);
    }
    write_waiting(inner, true, sign_now, None)
}

/// The last flush; a final checkpoint. Errors have nobody to go to.
pub(super) fn close(inner: &Inner) {
    if inner.options.read_only || inner.check_usable().is_err() {
        return;
    }
    let trail = &inner.trail;
    // Whoever opened the store and did nothing leaves it as it was.
    let idle = trail.register.events.load(Ordering::Relaxed) <= 1;
    if idle && !trail.wrote.load(Ordering::Relaxed) && trail.register.is_idle() {
        return;
    }
    if inner.options.trail {
        trail.register.push(words::service("StopLogging", Map::new(), Time::now_millis()), None);
    }
    let _ = write_waiting(inner, true, true, None);
}

/// Has its turn and writes; with a ticket, until that is answered.
fn write_waiting(inner: &Inner, all: bool, sign_now: bool, ticket: Option<&Ticket>) -> Result<()> {
    let mut written = Ok(());
    let mut all = all;
    loop {
        let turn = inner.trail.register.turn();
        if let Some(well) = ticket.and_then(Ticket::outcome) {
            drop(turn);
            feed(inner);
            // The one who wrote knows more than the ticket does.
            return if well { Ok(()) } else { written.and(answered(well)) };
        }
        written = write_in_turn(inner, Wait::Busy, all, sign_now);
        all = false;
        drop(turn);
        if ticket.is_none() || written.is_err() {
            feed(inner);
            return written;
        }
    }
}

/// Writes all that waits, a batch a transaction. The caller has the turn.
fn write_in_turn(inner: &Inner, wait: Wait, all: bool, sign_now: bool) -> Result<()> {
    let trail = &inner.trail;
    inner.check_usable()?;
    let (coarse, wall) = (coarse_millis(), Time::now_millis());
    let to_wall = |time: u64| wall.saturating_sub(coarse.saturating_sub(time));
    trail.queue_due.store(u64::MAX, Ordering::Relaxed);
    let (mut all, mut sign_now) = (all, sign_now);
    loop {
        let batch = trail.register.take(all, to_wall);
        let sign_due = all && trail.uncovered.load(Ordering::Relaxed);
        all = false;
        if batch.is_empty() && !sign_due && !sign_now {
            return Ok(());
        }
        if inner.options.read_only {
            continue;
        }
        match write(inner, wait, &batch, sign_now) {
            Ok(()) => {
                trail.register.written(batch);
                trail.broken.store(false, Ordering::Relaxed);
                trail.wrote.store(true, Ordering::Relaxed);
                sign_now = false;
            }
            Err(error) => {
                trail.register.put_back(batch, &error, wall);
                trail.queue_due.store(coarse.saturating_add(SOON), Ordering::Relaxed);
                trail.broken.store(!matches!(error, Error::StoreBusy), Ordering::Relaxed);
                return Err(error);
            }
        }
    }
}

/// One transaction.
fn write(inner: &Inner, wait: Wait, batch: &Batch, sign_now: bool) -> Result<()> {
    let source = source(&inner.options, &inner.actor, &inner.secrets);
    let now = Time::now_millis();
    let (backend, secrets, seen) = (&*inner.backend, &inner.secrets, &*inner.seen);
    let mut snapshot = match wait {
        Wait::Busy => Snapshot::begin(backend, secrets, seen, Access::Write)?,
        Wait::Not => Snapshot::try_begin(backend, secrets, seen)?,
    };
    let mut appending = Appending::begin(&mut snapshot, &source)?;
    if !batch.gap.is_empty() {
        appending.add(&snapshot, &words::of_gap(&batch.gap, now))?;
    }
    for pending in &batch.events {
        appending.add(&snapshot, &pending.event)?;
    }
    for (kind, repeat) in &batch.repeats {
        appending.add(&snapshot, &words::of_repeat(kind, repeat, now))?;
    }
    for (usage, counted) in &batch.counted {
        if usage.record() == Record::Counted && inner.options.trail {
            appending.add(&snapshot, &words::of_counted(counted, now))?;
        }
    }
    let counted: Vec<_> =
        batch.counted.iter().map(|(_, counted)| counted).chain(&batch.failed).cloned().collect();
    if !counted.is_empty() {
        counters::add(inner, &mut snapshot, &counted)?;
    }
    let head = appending.end(&mut snapshot, now, sign_now)?;
    inner.trail.saw(&head)?;
    failpoint::hit("before trail commit");
    let mark = snapshot.manifest.mark();
    snapshot.rows.commit()?;
    failpoint::hit("after trail commit");
    inner.seen.note(mark);
    inner.trail.uncovered.store(head.covered < head.edge.size(), Ordering::Relaxed);
    Ok(())
}

impl Trail {
    /// A trail that is shorter than one this process saw was put back.
    fn saw(&self, head: &Head) -> Result<()> {
        let size = head.edge.size();
        let highest = self.highest.fetch_max(size, Ordering::Relaxed);
        match size < highest {
            false => Ok(()),
            true => Err(Error::TrailInvalid {
                what: format!("it has {size} events, and had {highest} before").into(),
            }),
        }
    }

    /// Begins to feed the sinks with what comes after `from`.
    pub(super) fn begin_feeding(&self, from: u64) {
        let mut feeding = self.feeding.lock();
        if feeding.owner != fork_id() {
            *feeding = Feeding { owner: fork_id(), next: None, covered: from, busy: false, again: false };
        }
        feeding.next.get_or_insert(from);
    }
}

/// Hands on to the sinks what is committed: in the trail's own order, whoever wrote it, read from the store itself. One
/// thread at a time; one that comes meanwhile leaves it to the first. No lock is held while the sinks run.
pub(super) fn feed(inner: &Inner) {
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

/// The checkpoints of more than `after` events, by size; for one that is not as it was written, what no key verifies.
pub(super) fn checkpoints(
    snapshot: &mut Snapshot<'_>,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, SignedCheckpoint)>> {
    let entries = snapshot.rows.list(Table::Checkpoints, &after.to_be_bytes(), limit)?;
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        let broken = || Error::TrailInvalid { what: "a checkpoint has no place in the trail".into() };
        let size = <[u8; 8]>::try_from(&entry.place[..]).map(u64::from_be_bytes).map_err(|_| broken())?;
        let row = snapshot.rows.get(Table::Checkpoints, &entry.place)?;
        let read = row.and_then(|row| SignedCheckpoint::parse_line(&row.document));
        let read = read.filter(|checkpoint| checkpoint.claimed_size() == Some(size));
        found.push((size, read.unwrap_or_else(|| SignedCheckpoint::unreadable(size))));
    }
    Ok(found)
}

/// The trail's size, as its head says.
pub(super) fn size(snapshot: &mut Snapshot<'_>) -> Result<u64> {
    Ok(Head::read(snapshot)?.edge.size())
}

/// The warning that a version comes near a limit of its key's policy: a service event, `LimitNear`.
pub(super) fn limit_near(inner: &Inner, key_id: KeyId, version: u32) {
    if inner.check_forked().is_ok() {
        let key = KeyRef { key_id: key_id.0, version, material_id: [0; 8] };
        let event = words::service("LimitNear", Map::new(), Time::now_millis());
        queue(inner, Event { keys: vec![key], ..event }, None);
    }
}
