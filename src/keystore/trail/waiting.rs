//! What waits to be written down: events, repeats of refusals, and the versions that were used.
//!
//! One lock, a leaf: nothing else is taken under it, and inside a transaction only who has the turn takes it (the fork
//! handlers wait for the turn first). Forks find it free
//! (see `fork`); what waits at a fork is the parent's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::audit::{Event, KeyRef};
use crate::error::{Error, Status};
use crate::keystore::fork::Guarded;
use crate::keystore::usage::{Counted, VersionUsage};
use crate::operation::Operation;
use crate::sync::{ForkGuard, ForkLock};

use super::turn::{Ticket, Turns};

/// Events that may wait; what comes on top is dropped, counted, and told as a gap.
const EVENTS: usize = 65_536;
/// Versions whose uses are counted at a time. A use of one more is told as a gap, and has a flush make room.
const VERSIONS: usize = if cfg!(test) { 64 } else { 65_536 };
/// Kinds of refusals told apart in one interval, and versions whose failures are counted; likewise.
const KINDS: usize = if cfg!(test) { 64 } else { 4_096 };
/// Where more wait, nobody waits for more.
const GATHERED: usize = 64;
/// Events of one transaction.
const BATCH: usize = 4_096;

/// Held in an `Arc` of its own, for the fork handlers and the versions' counters.
#[derive(Default)]
pub(in crate::keystore) struct Register {
    waiting: ForkLock<Waiting>,
    /// Whose turn it is to write: one thread at a time takes what waits, so that no event is taken twice and those that
    /// come meanwhile go together.
    pub(super) turns: Turns,
    /// How many events wait: read without the lock.
    pub(super) events: AtomicU64,
    /// Something could not be counted for want of room: read without the lock.
    pub(super) full: AtomicBool,
}

#[derive(Default)]
pub(super) struct Waiting {
    events: VecDeque<Pending>,
    repeats: BTreeMap<Kind, Repeat>,
    used: Vec<Arc<VersionUsage>>,
    failures: BTreeMap<(Place, Operation), Failures>,
    gap: Gap,
    /// What a child found here, to be dropped outside the fork handler.
    inherited: Option<Inherited>,
}

type Inherited = (VecDeque<Pending>, BTreeMap<Kind, Repeat>, BTreeMap<(Place, Operation), Failures>);

/// An event that waits, and whoever waits for it.
pub(super) struct Pending {
    pub(super) event: Event,
    pub(super) ticket: Option<Arc<Ticket>>,
}

/// A key version, in an order.
type Place = ([u8; 16], u32, [u8; 8]);

/// Refusals and failures that are told together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// None where no key was reached.
    place: Option<Place>,
    pub(super) operation: Operation,
    status: Status,
}

/// Those after the first of a kind, which had an event by itself.
#[derive(Clone)]
pub(super) struct Repeat {
    pub(super) error: Error,
    pub(super) count: u64,
    pub(super) bytes: u64,
    /// Milliseconds since 1970.
    pub(super) first: u64,
    pub(super) last: u64,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u64,
    first: u64,
    last: u64,
}

/// What the trail could not take.
#[derive(Clone, Default)]
pub(super) struct Gap {
    pub(super) dropped: u64,
    /// Uses that stand in no count of a version: neither in the trail, unless by themselves, nor in the counters.
    pub(super) uncounted: u64,
    /// Attempts to write that failed.
    pub(super) failed: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) reason: Option<&'static str>,
}

/// What one transaction writes.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Pending>,
    pub(super) repeats: Vec<(Kind, Repeat)>,
    pub(super) counted: Vec<(Arc<VersionUsage>, Counted)>,
    pub(super) failed: Vec<Counted>,
    pub(super) gap: Gap,
}

impl Kind {
    pub(super) fn new(about: Option<KeyRef>, operation: Operation, error: &Error) -> Kind {
        Kind { place: about.map(place), operation, status: error.status() }
    }

    pub(super) fn key(&self) -> Option<KeyRef> {
        self.place.map(|(key_id, version, material_id)| KeyRef { key_id, version, material_id })
    }
}

fn place(key: KeyRef) -> Place {
    (key.key_id, key.version, key.material_id)
}

impl Gap {
    pub(super) fn is_empty(&self) -> bool {
        self.dropped == 0 && self.uncounted == 0 && self.failed == 0
    }

    fn widen(&mut self, at: u64) {
        if self.is_empty() {
            self.first = at;
        }
        self.last = at;
    }

    fn join(&mut self, earlier: Gap) {
        if !earlier.is_empty() {
            self.first = earlier.first;
            self.last = self.last.max(earlier.last);
            self.dropped += earlier.dropped;
            self.uncounted += earlier.uncounted;
            self.failed += earlier.failed;
            self.reason = self.reason.or(earlier.reason);
        }
    }
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.repeats.is_empty()
            && self.counted.is_empty()
            && self.failed.is_empty()
            && self.gap.is_empty()
    }
}

impl Register {
    fn lock(&self) -> ForkGuard<'_, Waiting> {
        let mut waiting = self.waiting.lock();
        if waiting.inherited.is_some() {
            waiting.inherited = None;
        }
        waiting
    }

    /// Notes that a version is used from now on; `begin` makes its counters, unless another thread was first.
    pub(in crate::keystore) fn enter(&self, usage: &Arc<VersionUsage>, begin: impl FnOnce() -> bool) {
        let mut waiting = self.lock();
        if waiting.used.len() < VERSIONS && begin() {
            waiting.used.push(usage.clone());
        }
    }

    /// Takes note of a use that there was no room to count.
    pub(in crate::keystore) fn uncounted(&self, at: u64) {
        self.miss(&mut self.lock(), at);
    }

    fn miss(&self, waiting: &mut Waiting, at: u64) {
        waiting.gap.widen(at);
        waiting.gap.uncounted += 1;
        self.full.store(true, Ordering::Relaxed);
    }

    /// Whether nothing waits but events.
    pub(super) fn is_idle(&self) -> bool {
        let waiting = self.lock();
        waiting.used.is_empty() && waiting.repeats.is_empty() && waiting.gap.is_empty()
    }

    /// Queues an event. False when there is no room: it is dropped, and counted.
    pub(super) fn push(&self, event: Event, ticket: Option<Arc<Ticket>>) -> bool {
        let mut waiting = self.lock();
        if waiting.events.len() >= EVENTS {
            waiting.gap.widen(event.at);
            waiting.gap.dropped += 1;
            return false;
        }
        waiting.events.push_back(Pending { event, ticket });
        self.events.store(waiting.events.len() as u64, Ordering::Relaxed);
        true
    }

    /// Counts an event that is not even tried to be written.
    pub(super) fn drop_one(&self, at: u64) {
        let mut waiting = self.lock();
        waiting.gap.widen(at);
        waiting.gap.dropped += 1;
    }

    /// Whether this is the first of its kind since the last interval began, and so an event by itself; it is counted
    /// otherwise.
    pub(super) fn first_of(&self, kind: Kind, error: &Error, bytes: u64, at: u64) -> bool {
        let mut waiting = self.lock();
        if let Some(repeat) = waiting.repeats.get_mut(&kind) {
            if repeat.count == 0 {
                repeat.first = at;
            }
            repeat.count += 1;
            repeat.bytes = repeat.bytes.saturating_add(bytes);
            repeat.last = at;
            return false;
        }
        if waiting.repeats.len() < KINDS {
            let repeat = Repeat { error: error.clone(), count: 0, bytes: 0, first: at, last: at };
            waiting.repeats.insert(kind, repeat);
        }
        true
    }

    /// Counts a use that failed to authenticate.
    pub(super) fn failure(&self, about: KeyRef, operation: Operation, at: u64) {
        let mut waiting = self.lock();
        let about = (place(about), operation);
        if waiting.failures.len() >= KINDS && !waiting.failures.contains_key(&about) {
            return self.miss(&mut waiting, at);
        }
        let failures = waiting.failures.entry(about);
        let failures = failures.or_insert(Failures { count: 0, first: at, last: at });
        failures.count += 1;
        failures.last = at;
    }

    /// What one transaction is to write; `all`: counts and repeats too, which ends an interval. The caller has the turn.
    pub(super) fn take(&self, all: bool, wall: impl Fn(u64) -> u64) -> Batch {
        let mut waiting = self.lock();
        let waiting = &mut *waiting;
        let mut batch = Batch::default();
        let many = waiting.events.len().min(BATCH);
        batch.events.extend(waiting.events.drain(..many));
        self.events.store(waiting.events.len() as u64, Ordering::Relaxed);
        batch.gap = std::mem::take(&mut waiting.gap);
        if all {
            self.full.store(false, Ordering::Relaxed);
            let repeats = std::mem::take(&mut waiting.repeats);
            batch.repeats.extend(repeats.into_iter().filter(|(_, repeat)| repeat.count > 0));
            let mut counted = Vec::new();
            waiting.used.retain(|usage| {
                usage.look(&wall, &mut counted);
                let found = !counted.is_empty();
                batch.counted.extend(counted.drain(..).map(|counted| (usage.clone(), counted)));
                // Nobody can use it any more.
                found || Arc::strong_count(usage) > 1
            });
            let failures = std::mem::take(&mut waiting.failures);
            batch.failed.extend(failures.into_iter().map(
                |(((key_id, version, material_id), operation), f)| Counted {
                    key: KeyRef { key_id, version, material_id },
                    operation,
                    count: 0,
                    bytes: 0,
                    failures: f.count,
                    first: f.first,
                    last: f.last,
                },
            ));
        }
        batch
    }

    /// Adds the events that came since a batch was taken, as far as there is room in it. The caller has the turn.
    pub(super) fn top_up(&self, batch: &mut Batch) {
        let mut waiting = self.lock();
        let many = waiting.events.len().min(BATCH.saturating_sub(batch.events.len()));
        batch.events.extend(waiting.events.drain(..many));
        self.events.store(waiting.events.len() as u64, Ordering::Relaxed);
    }

    /// Whether each of these threads has an event that waits, or so many wait that it does not matter.
    pub(super) fn waits_for_all(&self, threads: &[usize]) -> bool {
        let waiting = self.lock();
        let tickets = waiting.events.iter().flat_map(|pending| &pending.ticket).map(|t| t.thread());
        waiting.events.len() > GATHERED || threads.iter().all(|thread| tickets.clone().any(|t| t == *thread))
    }

    /// A batch that was written.
    pub(super) fn written(&self, batch: Batch) {
        batch.counted.iter().for_each(|(usage, counted)| usage.taken(counted));
        batch.events.iter().flat_map(|pending| &pending.ticket).for_each(|ticket| ticket.done(true));
    }

    /// A batch that could not be written goes back, before what came since. What was to be on disk before its use went
    /// on becomes the event of a refusal, which that use now is.
    pub(super) fn put_back(&self, batch: Batch, error: &Error, at: u64) {
        let mut waiting = self.lock();
        let waiting = &mut *waiting;
        for pending in batch.events.into_iter().rev() {
            waiting.events.push_front(pending);
        }
        // Those that came meanwhile too: their calls have no better chance, and none waits for ever.
        for pending in &mut waiting.events {
            if let Some(ticket) = pending.ticket.take() {
                ticket.done(false);
                pending.event.error = Some(unavailable(error));
            }
        }
        self.events.store(waiting.events.len() as u64, Ordering::Relaxed);
        for (kind, earlier) in batch.repeats {
            let repeat =
                waiting.repeats.entry(kind).or_insert(Repeat { count: 0, bytes: 0, ..earlier.clone() });
            repeat.last = if repeat.count == 0 { earlier.last } else { repeat.last };
            repeat.first = earlier.first;
            repeat.count += earlier.count;
            repeat.bytes = repeat.bytes.saturating_add(earlier.bytes);
        }
        for failed in batch.failed {
            let failures = waiting.failures.entry((place(failed.key), failed.operation));
            let failures = failures.or_insert(Failures { count: 0, first: failed.first, last: failed.last });
            failures.first = failed.first;
            failures.count += failed.failures;
        }
        waiting.gap.join(batch.gap);
        if !matches!(error, Error::StoreBusy) {
            waiting.gap.widen(at);
            waiting.gap.failed += 1;
            waiting.gap.reason = Some(error.status().name());
        }
    }
}

/// Why a use is refused that must not be without its event.
pub(super) fn unavailable(error: &Error) -> Error {
    match error {
        Error::TrailUnavailable { .. } => error.clone(),
        error => Error::TrailUnavailable { reason: error.to_string().into() },
    }
}

impl Guarded for Register {
    fn hold_first(&self) {
        self.turns.keep_across_fork();
    }

    fn hold(&self) {
        self.waiting.lock().keep_across_fork();
    }

    fn release(&self, in_child: bool) {
        if let Some(mut waiting) = self.waiting.resume()
            && in_child
        {
            let waiting = &mut *waiting;
            waiting.used.iter().for_each(|usage| usage.start_over());
            let events = std::mem::take(&mut waiting.events);
            let repeats = std::mem::take(&mut waiting.repeats);
            let failures = std::mem::take(&mut waiting.failures);
            // Freed by the child's next call: a fork handler had better not.
            if waiting.inherited.is_none() {
                waiting.inherited = Some((events, repeats, failures));
            } else {
                std::mem::forget((events, repeats, failures));
            }
            waiting.gap = Gap::default();
            self.events.store(0, Ordering::Relaxed);
        }
        self.turns.resume();
    }
}
