//! Counts of uses, by key version: sharded, without a lock, merged when they are asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use serde::Serialize;

use super::time::Time;
use super::trail::Register;
use crate::audit::KeyRef;
use crate::operation::Operation;
use crate::sync::{processors, thread_index};

/// What was counted of one version and one operation since it was last asked.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) key: KeyRef,
    pub(super) operation: Operation,
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) failures: u64,
    /// Milliseconds since 1970 of the first and the last of them.
    pub(super) first: u64,
    pub(super) last: u64,
}

/// How uses of a version stand in the trail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Record {
    /// Together: one event an interval.
    #[default]
    Counted,
    /// One by one.
    Each,
    /// One by one, and none without its event on disk.
    Closed,
}

/// Operations that are counted: those that use material. They stand first in the list.
const CLASSES: usize = Operation::DescribeKey as usize;
/// Threads beyond so many share counters.
const SHARDS: usize = 16;

/// Uses of one version through one open store.
pub(crate) struct VersionUsage {
    about: KeyRef,
    record: Record,
    /// Who is told of the first use; nobody outside a store.
    register: Weak<Register>,
    /// Made at the first use, and only under the register's lock, so that no fork catches it half made.
    counts: OnceLock<Counts>,
}

struct Counts {
    shards: Box<[Shard]>,
    /// What was taken already; touched by who flushes, one at a time.
    taken: [Taken; CLASSES],
}

/// The counters of one thread or a few: nobody else's line is touched by a use.
#[derive(Default)]
#[repr(align(64))]
struct Shard([Class; CLASSES]);

/// They only grow, so that taking them disturbs no use: what was taken before is subtracted.
#[derive(Default)]
struct Class {
    count: AtomicU64,
    bytes: AtomicU64,
    /// Coarse milliseconds; of the first use since they were taken, or zero.
    first: AtomicU64,
    last: AtomicU64,
}

#[derive(Default)]
struct Taken {
    count: AtomicU64,
    bytes: AtomicU64,
    /// Of uses that were looked at and not taken, since writing them down failed.
    first: AtomicU64,
}

impl Default for VersionUsage {
    fn default() -> VersionUsage {
        let about = KeyRef { key_id: [0; 16], version: 0, material_id: [0; 8] };
        VersionUsage::new(about, Record::Counted, Weak::new())
    }
}

impl VersionUsage {
    pub(super) fn new(about: KeyRef, record: Record, register: Weak<Register>) -> VersionUsage {
        VersionUsage { about, record, register, counts: OnceLock::new() }
    }

    #[inline]
    pub(super) fn record(&self) -> Record {
        self.record
    }

    /// A use whose result stands; `now` in coarse milliseconds, as [`super::KeyView::now`]. Takes no lock and, after a
    /// version's first use, allocates nothing: two additions on a line of the thread's own.
    #[inline]
    pub(crate) fn count(self: &Arc<Self>, operation: Operation, bytes: u64, now: u64) {
        let counts = match self.counts.get() {
            Some(counts) => counts,
            None => match self.begin() {
                Some(counts) => counts,
                None => return,
            },
        };
        // A power of two.
        let shard = &counts.shards[thread_index() & (counts.shards.len() - 1)];
        let Some(class) = shard.0.get(operation as usize) else { return };
        class.last.store(now, Ordering::Relaxed);
        if class.first.load(Ordering::Relaxed) == 0 {
            class.first.store(now, Ordering::Relaxed);
        }
        class.bytes.fetch_add(bytes, Ordering::Relaxed);
        // Last, so that who sees the use sees its bytes and time.
        class.count.fetch_add(1, Ordering::Release);
    }

    /// Bytes of a use that was counted when it began.
    #[cold]
    pub(super) fn add_bytes(&self, operation: Operation, bytes: u64, now: u64) {
        let Some(counts) = self.counts.get() else { return };
        let shard = &counts.shards[thread_index() & (counts.shards.len() - 1)];
        let Some(class) = shard.0.get(operation as usize) else { return };
        class.last.store(now, Ordering::Relaxed);
        class.bytes.fetch_add(bytes, Ordering::Release);
    }

    #[cold]
    fn begin(self: &Arc<Self>) -> Option<&Counts> {
        let register = self.register.upgrade()?;
        register.enter(self, || self.counts.set(Counts::new()).is_ok());
        let counts = self.counts.get();
        if counts.is_none() {
            register.uncounted(Time::now_millis());
        }
        counts
    }

    /// What was counted since [`VersionUsage::taken`]; `wall` turns coarse milliseconds into milliseconds since 1970.
    pub(super) fn look(&self, wall: impl Fn(u64) -> u64, out: &mut Vec<Counted>) {
        let Some(counts) = self.counts.get() else { return };
        for (operation, taken) in Operation::ALL.iter().zip(&counts.taken) {
            let classes = counts.shards.iter().map(|shard| &shard.0[*operation as usize]);
            let (mut count, mut bytes, mut last) = (0u64, 0u64, 0);
            let mut first = taken.first.load(Ordering::Relaxed);
            for class in classes {
                count = count.wrapping_add(class.count.load(Ordering::Acquire));
                bytes = bytes.wrapping_add(class.bytes.load(Ordering::Relaxed));
                last = last.max(class.last.load(Ordering::Relaxed));
                match class.first.swap(0, Ordering::Relaxed) {
                    0 => {}
                    time if first == 0 => first = time,
                    time => first = first.min(time),
                }
            }
            taken.first.store(first, Ordering::Relaxed);
            let new = count.wrapping_sub(taken.count.load(Ordering::Relaxed));
            let bytes = bytes.wrapping_sub(taken.bytes.load(Ordering::Relaxed));
            // Bytes alone are those of streams that were counted when they began.
            if new == 0 && bytes == 0 {
                continue;
            }
            // Zero where a use came between the look at its time and at its count.
            let first = if first == 0 { last } else { first.min(last) };
            out.push(Counted {
                key: self.about,
                operation: *operation,
                count: new,
                bytes,
                failures: 0,
                first: wall(first),
                last: wall(last),
            });
        }
    }

    /// What [`VersionUsage::look`] told is written down.
    pub(super) fn taken(&self, counted: &Counted) {
        let Some(taken) = self.counts.get().and_then(|c| c.taken.get(counted.operation as usize)) else {
            return;
        };
        taken.count.fetch_add(counted.count, Ordering::Relaxed);
        taken.bytes.fetch_add(counted.bytes, Ordering::Relaxed);
        taken.first.store(0, Ordering::Relaxed);
    }

    /// What was counted so far belongs to the parent process: this one begins at nothing. Allocates nothing.
    pub(super) fn start_over(&self) {
        let Some(counts) = self.counts.get() else { return };
        for (operation, taken) in counts.taken.iter().enumerate() {
            let classes = || counts.shards.iter().map(|shard| &shard.0[operation]);
            taken.count.store(classes().map(|c| c.count.load(Ordering::Relaxed)).sum(), Ordering::Relaxed);
            taken.bytes.store(classes().map(|c| c.bytes.load(Ordering::Relaxed)).sum(), Ordering::Relaxed);
            taken.first.store(0, Ordering::Relaxed);
            classes().for_each(|class| class.first.store(0, Ordering::Relaxed));
        }
    }
}

impl Counts {
    fn new() -> Counts {
        let shards = processors().next_power_of_two().min(SHARDS);
        Counts { shards: (0..shards).map(|_| Shard::default()).collect(), taken: Default::default() }
    }
}

/// Counts of one version, over all processes.
#[derive(Clone, Debug, Serialize)]
pub struct VersionCounts {
    /// The version.
    pub version: u32,
    /// Data keys wrapped, MACs made.
    pub messages: u64,
    /// Bytes of their messages.
    pub bytes: u64,
    /// Data keys unwrapped, MACs verified.
    pub opened: u64,
    /// Uses that failed to authenticate.
    pub failures: u64,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
}

/// When a key was used last (KMS's GetKeyLastUsage). Not enough alone to delete a key: disable it first, and watch for
/// refusals.
#[derive(Clone, Debug, Serialize)]
pub struct KeyLastUsage {
    /// The key.
    pub key_id: String,
    /// The operation, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// RFC 3339: a refused or failed use is a sign of life too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// RFC 3339: since when uses are counted.
    pub tracking_start_date: String,
    /// RFC 3339.
    pub key_creation_date: String,
}
