//! Copies of the trail outside the store: JSON Lines files that rotate, and a host's callback. Sinks are fed after the
//! commit, in order, and never hold up a call: what a sink cannot take waits in its queue, and what the queue cannot hold
//! is dropped, counted, and told in the trail.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use super::event::{Event, EventType};
use super::file_sink::{FileSink, OpenFile};
use super::verify::seq_of;
use crate::error::{Error, Result};
use crate::sync::{ForkLock, Swap, coarse_millis, fork_id};

/// Lines that wait for a sink.
pub(super) const QUEUE_LIMIT: usize = 65_536;
/// Lines that a sink is given at a time.
const BATCH: usize = 256;
/// Sinks of one open store.
const SINKS_LIMIT: usize = 16;
/// A line that a callback failed at so many times is dropped, so that the next ones arrive.
const TRIES: u32 = 3;
/// A sink that failed is tried again after so many milliseconds, twice as many each time.
const PAUSE: std::ops::RangeInclusive<u64> = 50..=5_000;

/// Takes committed events.
pub(super) trait Sink: Send + Sync {
    /// What it is, for people and for events about it.
    fn describe(&self) -> String;
    /// Lines without their line ends. Answers how many of them, from the first on, it has taken, and why not all: `None`
    /// when it is merely full for the moment. Never waits. Called by one thread at a time.
    fn take(&self, lines: &[String]) -> (usize, Option<Error>);
    /// Whether a line is for it.
    fn wants(&self, _line: &str) -> bool {
        true
    }
    /// How often it is given a line that it fails at; `None`: until it takes it.
    fn tries(&self) -> Option<u32> {
        None
    }
}

/// A host's own sink: given one event's line at a time, and no checkpoints, from a thread that flushes, with no lock of
/// the library held that a call of the library would need. False: it failed, and is given the same line again later, three
/// times in all.
pub(crate) type Callback = Box<dyn Fn(&str) -> bool + Send + Sync>;

impl Sink for Callback {
    fn describe(&self) -> String {
        "callback".into()
    }

    fn take(&self, lines: &[String]) -> (usize, Option<Error>) {
        // A host's panic is a failure like another; whoever flushes has nothing to do with it.
        let takes = |line: &&String| catch_unwind(AssertUnwindSafe(|| self(line))).unwrap_or(false);
        let taken = lines.iter().take_while(takes).count();
        let failed = Error::Io {
            doing: "handing an event to",
            path: "the callback".into(),
            reason: "it failed".into(),
        };
        (taken, (taken < lines.len()).then_some(failed))
    }

    fn wants(&self, line: &str) -> bool {
        !line.starts_with("{\"checkpoint\":")
    }

    fn tries(&self) -> Option<u32> {
        Some(TRIES)
    }
}

/// How a sink stands.
#[derive(Clone, Debug, Serialize)]
pub struct SinkStatus {
    /// What it is.
    pub sink: String,
    /// Events it has taken.
    pub delivered: u64,
    /// Events that wait for it.
    pub waiting: u64,
    /// Events it lost: its queue was full, or it failed at them again and again.
    pub dropped: u64,
    /// Why it failed last; `None` since it works again.
    pub last_error: Option<String>,
}

/// The sinks of an open store. A child of a fork has none of its parent's: it can add its own.
pub(crate) struct Sinks {
    all: Swap<Vec<Arc<Fed>>>,
    /// Held by whoever adds one.
    adding: ForkLock<()>,
}

impl Default for Sinks {
    fn default() -> Sinks {
        Sinks { all: Swap::new(Box::default()), adding: ForkLock::new(()) }
    }
}

/// A sink, its queue, and how it does.
struct Fed {
    sink: Box<dyn Sink>,
    /// The process that added it: locks of another one's may be held for ever.
    fork: u64,
    queue: Mutex<Queue>,
    /// Held by whoever is handing lines to the sink.
    at_work: Mutex<()>,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<String>,
    delivered: u64,
    dropped: u64,
    /// Of `dropped`, those that the trail was told of.
    told: u64,
    failing: Option<Error>,
    try_at: u64,
    pause: u64,
    /// How often it failed at the line that it failed at last, and that line.
    failures: u32,
    failed_at: Option<String>,
}

impl Sinks {
    /// # Errors
    /// LIMIT_EXCEEDED: there are 16 already.
    pub(crate) fn add_callback(&self, callback: Callback) -> Result<()> {
        self.add(Box::new(callback))
    }

    /// # Errors
    /// IO: the file cannot be opened, or is neither a file nor a pipe. LIMIT_EXCEEDED.
    pub(crate) fn add_file(&self, file: &FileSink, checkpoint: Option<String>) -> Result<()> {
        self.add(Box::new(OpenFile::open(file, checkpoint)?))
    }

    pub(super) fn add(&self, sink: Box<dyn Sink>) -> Result<()> {
        let fork = fork_id();
        let fed = Arc::new(Fed { sink, fork, queue: Mutex::default(), at_work: Mutex::default() });
        let _adding = self.adding.lock();
        let mut all = self.mine();
        if all.len() >= SINKS_LIMIT {
            return Err(Error::LimitExceeded { what: "sinks of an open store", limit: SINKS_LIMIT as u64 });
        }
        all.push(fed);
        self.all.replace(Box::new(all));
        Ok(())
    }

    /// Hands committed lines on: events, and checkpoints among them. Called outside any transaction and lock. What the
    /// sinks have to tell (failed, recovered, dropped so many) comes back as service events. Called with no lines, it
    /// tries again what is waiting.
    pub(crate) fn feed(&self, lines: &[String]) -> Vec<Event> {
        let mut events = Vec::new();
        for fed in self.mine() {
            fed.enqueue(lines, &mut events);
            fed.deliver(&mut events);
        }
        events
    }

    pub(crate) fn status(&self) -> Vec<SinkStatus> {
        let status = |fed: &Arc<Fed>| {
            let queue = held(&fed.queue);
            SinkStatus {
                sink: fed.sink.describe(),
                delivered: queue.delivered,
                waiting: queue.lines.len() as u64,
                dropped: queue.dropped,
                last_error: queue.failing.as_ref().map(Error::to_string),
            }
        };
        self.mine().iter().map(status).collect()
    }

    /// Those that this process added.
    fn mine(&self) -> Vec<Arc<Fed>> {
        let fork = fork_id();
        self.all.read(|all| all.iter().filter(|fed| fed.fork == fork).cloned().collect())
    }
}

impl Fed {
    /// Threads that committed one after the other may come here the other way round: lines find their place by their
    /// sequence number.
    fn enqueue(&self, lines: &[String], events: &mut Vec<Event>) {
        let mut queue = held(&self.queue);
        for line in lines.iter().filter(|line| self.sink.wants(line)) {
            if queue.lines.len() >= QUEUE_LIMIT {
                queue.dropped += 1;
                if queue.failing.is_none() {
                    let full = Error::LimitExceeded { what: "a sink's queue", limit: QUEUE_LIMIT as u64 };
                    self.failed(&mut queue, full, events);
                }
                continue;
            }
            let seq = seq_of(line);
            let later =
                queue.lines.iter().rev().take_while(|other| seq.is_some() && seq_of(other) > seq).count();
            let at = queue.lines.len() - later;
            queue.lines.insert(at, line.clone());
        }
    }

    fn deliver(&self, events: &mut Vec<Event>) {
        // Whoever finds another at work leaves his lines to him: the other looks at the queue once more after his work.
        while let Some(at_work) = free(&self.at_work) {
            let more = self.deliver_batches(events);
            drop(at_work);
            if !more || held(&self.queue).lines.is_empty() {
                return;
            }
        }
    }

    /// False when the sink takes nothing more for now.
    fn deliver_batches(&self, events: &mut Vec<Event>) -> bool {
        loop {
            let batch: Vec<String> = {
                let queue = held(&self.queue);
                if queue.failing.is_some() && coarse_millis() < queue.try_at {
                    return false;
                }
                queue.lines.iter().take(BATCH).cloned().collect()
            };
            if batch.is_empty() {
                return true;
            }
            let (taken, error) = self.sink.take(&batch);
            let mut queue = held(&self.queue);
            // Lines that came meanwhile stand behind these, or a little before: then those are dealt out again, which
            // whoever reads the copy passes over.
            for line in &batch[..taken] {
                if let Some(at) = queue.lines.iter().position(|waiting| waiting == line) {
                    queue.lines.remove(at);
                }
            }
            queue.delivered += taken as u64;
            match error {
                Some(error) => {
                    self.failed(&mut queue, error, events);
                    if !self.give_up(&mut queue, &batch[taken]) {
                        return false;
                    }
                }
                None if taken == 0 => return false,
                None => self.works(&mut queue, events),
            }
        }
    }

    fn failed(&self, queue: &mut Queue, error: Error, events: &mut Vec<Event>) {
        if queue.failing.is_none() {
            queue.pause = *PAUSE.start();
            let mut event = self.event("SinkFailed");
            event.error = Some(error.clone());
            events.push(event);
        }
        queue.try_at = coarse_millis() + queue.pause;
        queue.pause = (queue.pause * 2).min(*PAUSE.end());
        queue.failing = Some(error);
    }

    /// Drops the line that the sink failed at, if it has failed at it often enough: the next one is tried at once then.
    fn give_up(&self, queue: &mut Queue, line: &str) -> bool {
        if queue.failed_at.as_deref() != Some(line) {
            (queue.failures, queue.failed_at) = (0, Some(line.to_owned()));
        }
        queue.failures += 1;
        if self.sink.tries().is_none_or(|tries| queue.failures < tries) {
            return false;
        }
        if let Some(at) = queue.lines.iter().position(|waiting| waiting == line) {
            queue.lines.remove(at);
        }
        queue.dropped += 1;
        queue.failed_at = None;
        queue.try_at = coarse_millis();
        true
    }

    fn works(&self, queue: &mut Queue, events: &mut Vec<Event>) {
        if queue.failing.take().is_some() {
            let mut event = self.event("SinkRecovered");
            event.additional.insert("dropped".into(), (queue.dropped - queue.told).into());
            event.additional.insert("waiting".into(), queue.lines.len().into());
            events.push(event);
            queue.told = queue.dropped;
        }
    }

    fn event(&self, name: &'static str) -> Event {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let mut event = Event::new(name, EventType::ServiceEvent, now);
        event.additional.insert("sink".into(), Value::from(self.sink.describe()));
        event
    }
}

/// A panic of a host's callback leaves nothing half done under a lock.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn free<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match lock.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
