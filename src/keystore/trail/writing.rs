//! Group commit: what waits is taken by one thread at a time and written in one transaction.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::Map;

use super::feeding::feed;
use super::log::Appending;
use super::turn::{Ticket, Turn, answered};
use super::waiting::Batch;
use super::words;
use super::words::source;
use crate::audit::Event;
use crate::error::{Error, Result};
use crate::keystore::backend::Access;
use crate::keystore::inner::Inner;
use crate::keystore::snapshot::Snapshot;
use crate::keystore::time::Time;
use crate::keystore::usage::Record;
use crate::keystore::{counters, failpoint};
use crate::sync::coarse_millis;

/// Events that wait are written when there are so many …
const MANY: u64 = 1_024;
/// … by whoever comes, even if that means to wait for another who writes, when there are so many …
const TOO_MANY: u64 = 16_384;
/// … or by the next use after so many milliseconds.
const SOON: u64 = 1_000;

/// What to do while somebody else writes to the store.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    /// Wait, for the store's busy timeout at most.
    Busy,
    /// Leave it to a later call: no use is held up by what can be written later.
    Not,
}

/// Queues an event; false when there was no room, or nothing may be written.
pub(super) fn queue(inner: &Inner, event: Event, ticket: Option<Arc<Ticket>>) -> bool {
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
pub(super) fn write_if_many(inner: &Inner, now: u64) {
    let trail = &inner.trail;
    let many = trail.register.events.load(Ordering::Relaxed);
    if inner.options.read_only || (many < MANY && now < trail.queue_due.load(Ordering::Relaxed)) {
        return;
    }
    if many >= TOO_MANY {
        // Nobody adds to it faster than it is written.
        let _ = write_waiting(inner, false, false);
    } else if let Some(mut turn) = trail.register.turns.try_now() {
        let _ = write_in_turn(inner, &mut turn, Wait::Not, false, false);
        drop(turn);
        feed(inner);
    }
}

/// Whether it is time to write down what was counted; does so then. Answers in how many milliseconds at most it wants to
/// be asked again. What cannot be written stays, or is told as a gap: no use fails for it.
pub(in crate::keystore) fn attend(inner: &Inner) -> Result<u64> {
    let trail = &inner.trail;
    let now = coarse_millis();
    let due = trail.interval_end.load(Ordering::Relaxed);
    if now < due && !trail.register.full.load(Ordering::Relaxed) {
        write_if_many(inner, now);
        return Ok(due - now);
    }
    let interval = u64::try_from(inner.options.trail_interval.as_millis()).unwrap_or(u64::MAX).max(1);
    // Before the work, so that one thread does it.
    trail.interval_end.store(now.saturating_add(interval), Ordering::Relaxed);
    match trail.register.turns.try_now() {
        Some(mut turn) => {
            let written = write_in_turn(inner, &mut turn, Wait::Not, true, false);
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
pub(in crate::keystore) fn flush(inner: &Inner) -> Result<()> {
    flush_and_sign(inner, false)
}

/// The same, with a checkpoint where the newest does not cover all.
pub(in crate::keystore) fn flush_and_sign(inner: &Inner, sign_now: bool) -> Result<()> {
    inner.check_usable()?;
    if inner.options.read_only {
        return Err(Error::StoreReadOnly);
    }
    write_waiting(inner, true, sign_now)
}

/// The last flush; a final checkpoint. Errors have nobody to go to.
pub(in crate::keystore) fn close(inner: &Inner) {
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
    let _ = write_waiting(inner, true, true);
}

/// Has its turn and writes.
pub(super) fn write_waiting(inner: &Inner, all: bool, sign_now: bool) -> Result<()> {
    let mut turn = inner.trail.register.turns.wait();
    let written = write_in_turn(inner, &mut turn, Wait::Busy, all, sign_now);
    drop(turn);
    feed(inner);
    written
}

/// Returns when an event that was queued is on disk: with a transaction of another thread's, or of this one's that takes
/// all that waits.
pub(super) fn write_with(inner: &Inner, ticket: &Ticket) -> Result<()> {
    loop {
        let mut turn = match inner.trail.register.turns.wait_or(ticket) {
            Ok(turn) => turn,
            Err(well) => return answered(well),
        };
        turn.gather(&inner.trail.register);
        // Who wrote knows more than the ticket does.
        let written = write_in_turn(inner, &mut turn, Wait::Busy, false, false);
        drop(turn);
        feed(inner);
        written?;
    }
}

/// Writes all that waits, a batch a transaction.
pub(super) fn write_in_turn(
    inner: &Inner,
    turn: &mut Turn<'_>,
    wait: Wait,
    all: bool,
    sign_now: bool,
) -> Result<()> {
    let trail = &inner.trail;
    inner.check_usable()?;
    let (coarse, wall) = (coarse_millis(), Time::now_millis());
    let to_wall = |time: u64| wall.saturating_sub(coarse.saturating_sub(time));
    trail.queue_due.store(u64::MAX, Ordering::Relaxed);
    let (mut all, mut sign_now) = (all, sign_now);
    loop {
        let mut batch = trail.register.take(all, to_wall);
        let sign_due = all && trail.uncovered.load(Ordering::Relaxed);
        all = false;
        if batch.is_empty() && !sign_due && !sign_now {
            return Ok(());
        }
        if inner.options.read_only {
            continue;
        }
        let began = Instant::now();
        match write(inner, wait, &mut batch, sign_now) {
            Ok(()) => {
                turn.last.took = began.elapsed();
                turn.last.threads.clear();
                turn.last.threads.extend(batch.events.iter().flat_map(|p| &p.ticket).map(|t| t.thread()));
                trail.register.written(batch);
                trail.broken.store(false, Ordering::Relaxed);
                trail.wrote.store(true, Ordering::Relaxed);
                trail.transactions.fetch_add(1, Ordering::Relaxed);
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
fn write(inner: &Inner, wait: Wait, batch: &mut Batch, sign_now: bool) -> Result<()> {
    let source = source(&inner.options, &inner.actor, &inner.secrets);
    let now = Time::now_millis();
    let (backend, secrets, seen) = (&*inner.backend, &inner.secrets, &*inner.seen);
    let mut snapshot = match wait {
        Wait::Busy => Snapshot::begin(backend, secrets, seen, Access::Write)?,
        Wait::Not => Snapshot::try_begin(backend, secrets, seen)?,
    };
    let mut appending = Appending::begin(&mut snapshot, &source)?;
    inner.trail.register.top_up(batch);
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
