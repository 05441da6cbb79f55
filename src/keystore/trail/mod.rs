//! The store's trail: events appended in the store's own transactions, group commit, checkpoints, sinks. The events
//! themselves and their tree are `crate::audit`'s. `docs/AUDIT.md`.
//!
//! A management call's event stands in the call's own transaction ([`done`]). Everything else waits in a queue or in
//! counters ([`waiting`]) and is written by whoever finds it time to: one thread at a time has the *turn*, takes what
//! waits and writes it in one transaction ([`flush`]). A use that may not be without its event sleeps until a turn ends, and
//! mostly finds its event written then ([`turn`]). There is no thread of ours.
//!
//! Order of locks: the turn, then a transaction, then nothing; the queue's lock is a leaf, and inside a transaction only
//! who has the turn takes it. Sinks and their callbacks run with none of them held.

mod deeds;
mod feeding;
mod log;
mod turn;
mod uses;
mod waiting;
mod words;
mod writing;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use serde_json::{Map, Value};

#[cfg_attr(not(feature = "sqlite"), allow(unused_imports))]
pub(super) use self::deeds::made;
pub(super) use self::deeds::{committed, done, first, read, read_on_disk, refused, service};
use self::feeding::Feeding;
pub(super) use self::log::{Head, checkpoints};
pub(super) use self::uses::{limit_near, use_refused, used};
pub(super) use self::waiting::Register;
use self::waiting::unavailable;
use self::words::Redaction;
pub(super) use self::words::source;
use self::writing::write_waiting;
pub(super) use self::writing::{attend, close, flush, flush_and_sign};
use super::fork;
use super::inner::Inner;
use super::options::OpenOptions;
use super::principal::Actor;
use super::secrets::Secrets;
use super::snapshot::Snapshot;
use super::time::Time;
use crate::audit::Sinks;
use crate::error::{Error, Result};
use crate::sync::ForkLock;

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
    /// Transactions that wrote what waited.
    transactions: AtomicU64,
}

impl Trail {
    pub(super) fn new(options: &OpenOptions, _actor: &Actor, secrets: &Secrets) -> Trail {
        let register = Arc::new(Register::default());
        fork::register(register.clone());
        let trail = Trail {
            register,
            sinks: Sinks::default(),
            feeding: ForkLock::new(Feeding::idle()),
            redaction: Redaction::new(secrets).ok(),
            interval_end: AtomicU64::new(0),
            queue_due: AtomicU64::new(u64::MAX),
            uncovered: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            highest: AtomicU64::new(0),
            wrote: AtomicBool::new(false),
            transactions: AtomicU64::new(0),
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

    #[cfg(all(test, feature = "sqlite"))]
    pub(super) fn waiting_events(&self) -> u64 {
        self.register.events.load(Ordering::Relaxed)
    }

    /// How many transactions of this handle's wrote events that waited.
    #[cfg(any(test, feature = "failpoints", feature = "floor"))]
    pub(super) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
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
            write_waiting(inner, false, false).map_err(|error| unavailable(&error))?;
        }
        Ok(())
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        fork::forget(&self.register);
    }
}

impl Trail {
    /// The most events that this handle wrote or saw.
    pub(super) fn events_seen(&self) -> u64 {
        self.highest.load(Ordering::Relaxed)
    }

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
}

/// The trail's size, as its head says.
pub(super) fn size(snapshot: &mut Snapshot<'_>) -> Result<u64> {
    Ok(Head::read(snapshot)?.edge.size())
}
