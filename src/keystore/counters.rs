//! Counts of uses as the store keeps them, and what hangs on them: rotation before a limit, the warning ahead of it, and
//! the stop after a burst of failures. `docs/KEYS.md`, "Counters".
//!
//! One row a key version, changed in the transaction that writes the aggregated events; so counts merge over processes
//! without a lock on the data path. Where a limit hangs on a count, a process first reserves a block of it: a crash then
//! counts too much, never too little.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde_json::{Map, Value};

use super::Store;
use super::backend::{Access, Table};
use super::change::Deed;
use super::document::{KeyDocument, Unknown, Unreadable};
use super::inner::Inner;
use super::json::Fields;
use super::names::{KeyId, KeyName};
use super::policy::KeyPolicy;
use super::snapshot::Snapshot;
use super::time::Time;
use super::trail;
use super::types::KeyState;
use super::usage::{Counted, KeyLastUsage, VersionCounts};
use crate::error::{Error, Result};
use crate::operation::Operation;

/// A counter document: bytes at most.
const LIMIT: usize = 4_096;
/// A process reserves one in so many of a limit.
const BLOCKS: u64 = 256;
/// Why a key is disabled that was stopped; it tells KEY_STOPPED from KEY_DISABLED.
pub(super) const STOPPED: &str = "stopped after too many failed decrypts";
const STOP_WINDOW_SECONDS: u32 = 60;

/// What is known of one version's uses.
#[derive(Clone, Debug, Default)]
struct Counters {
    revision: Option<u64>,
    messages: u64,
    bytes: u64,
    opened: u64,
    failures: u64,
    /// Reserved by processes and not yet used, or lost with them.
    reserved_messages: u64,
    reserved_bytes: u64,
    last_operation: Option<Operation>,
    /// Milliseconds since 1970; 0 when never.
    last_used: u64,
    last_failure: u64,
    unknown: Unknown,
}

const FIELDS: &[&str] = &[
    "messages",
    "bytes",
    "opened",
    "failures",
    "reserved_messages",
    "reserved_bytes",
    "last_operation",
    "last_used",
    "last_failure",
];

impl Counters {
    fn read(text: &str, revision: u64) -> std::result::Result<Counters, Unreadable> {
        let mut fields = Fields::parse(text, LIMIT)?;
        let unknown = Unknown::begin(&mut fields, FIELDS)?;
        let last_operation = match fields.text_if_there("last_operation")? {
            None => None,
            // An operation of a later library is no reason to lose count.
            Some(name) => Operation::from_name(&name).ok(),
        };
        Ok(Counters {
            revision: Some(revision),
            messages: fields.number("messages")?,
            bytes: fields.number("bytes")?,
            opened: fields.number("opened")?,
            failures: fields.number("failures")?,
            reserved_messages: fields.number("reserved_messages")?,
            reserved_bytes: fields.number("reserved_bytes")?,
            last_operation,
            last_used: fields.number("last_used")?,
            last_failure: fields.number("last_failure")?,
            unknown: unknown.end(fields),
        })
    }

    fn write(&self) -> String {
        let mut out: Map<String, Value> = self.unknown.write_begin();
        let mut put = |name: &str, value: Value| out.insert(name.into(), value);
        put("messages", self.messages.into());
        put("bytes", self.bytes.into());
        put("opened", self.opened.into());
        put("failures", self.failures.into());
        put("reserved_messages", self.reserved_messages.into());
        put("reserved_bytes", self.reserved_bytes.into());
        if let Some(operation) = self.last_operation {
            put("last_operation", operation.name().into());
        }
        put("last_used", self.last_used.into());
        put("last_failure", self.last_failure.into());
        self.unknown.write_end(out)
    }

    /// The row of a version; zeros where there is none. Its MAC is checked, but not that it is the newest: a row put back
    /// costs the freshness of statistics, not of state (docs/KEYSTORE.md).
    fn load(snapshot: &mut Snapshot<'_>, place: &[u8]) -> Result<Counters> {
        let Some(row) = snapshot.rows.get(Table::Counters, place)? else { return Ok(Counters::default()) };
        snapshot.secrets.verify(Table::Counters, &snapshot.manifest.incarnation, place, &row)?;
        Counters::read(&row.document, row.revision)
            .map_err(|unreadable| unreadable.error(&format!("counters row {}", super::json::hex(place))))
    }

    fn store(&self, snapshot: &mut Snapshot<'_>, place: &[u8]) -> Result<()> {
        let revision = self.revision.map_or(1, |was| was.saturating_add(1));
        let incarnation = snapshot.manifest.incarnation;
        let row = snapshot.secrets.seal(Table::Counters, &incarnation, place, revision, self.write());
        snapshot.rows.put_if(Table::Counters, place, self.revision, &row)
    }

    /// Messages and bytes that were counted or are reserved.
    fn spoken_for(&self) -> [u64; 2] {
        [self.messages.max(self.reserved_messages), self.bytes.max(self.reserved_bytes)]
    }

    fn is_reserved(&self) -> bool {
        self.reserved_messages > 0 || self.reserved_bytes > 0
    }

    fn add(&mut self, counted: &Counted) {
        let uses = counted.count.saturating_sub(counted.failures);
        match seals(counted.operation) {
            true => {
                self.messages = self.messages.saturating_add(uses);
                self.bytes = self.bytes.saturating_add(counted.bytes);
            }
            false => self.opened = self.opened.saturating_add(uses),
        }
        self.failures = self.failures.saturating_add(counted.failures);
        if uses > 0 && counted.last >= self.last_used {
            (self.last_used, self.last_operation) = (counted.last, Some(counted.operation));
        }
        if counted.failures > 0 {
            self.last_failure = self.last_failure.max(counted.last);
        }
    }
}

/// Whether an operation makes something under the current version, so that limits count it.
pub(super) fn seals(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Encrypt
            | Operation::GenerateDataKey
            | Operation::GenerateDataKeyWithoutPlaintext
            | Operation::GenerateMac
            | Operation::ReEncryptTo
    )
}

fn place(key_id: &[u8; 16], version: u32) -> Vec<u8> {
    [&key_id[..], &version.to_be_bytes()].concat()
}

/// Adds what this process counted to its rows, in the transaction that also writes the aggregated events.
pub(super) fn add(_inner: &Inner, snapshot: &mut Snapshot<'_>, counted: &[Counted]) -> Result<()> {
    for one in counted {
        let place = place(&one.key.key_id, one.key.version);
        let mut counters = Counters::load(snapshot, &place)?;
        counters.add(one);
        counters.store(snapshot, &place)?;
    }
    Ok(())
}

/// What a process may still seal under one version of a key with a limit before it asks the store again.
#[derive(Debug)]
pub(super) struct Allowance {
    limits: Limits,
    messages: AtomicI64,
    bytes: AtomicI64,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    messages: Option<u64>,
    bytes: Option<u64>,
    warn_percent: u8,
}

impl Limits {
    fn of(policy: &KeyPolicy) -> Option<Limits> {
        let limits = Limits {
            messages: policy.rotation_messages,
            bytes: policy.rotation_bytes,
            warn_percent: policy.warn_percent.unwrap_or(80),
        };
        (limits.messages.is_some() || limits.bytes.is_some()).then_some(limits)
    }

    /// What is reserved at a time, for messages of about so many bytes: messages, and bytes.
    fn block(&self, bytes: u64) -> [u64; 2] {
        let messages = self.messages.map_or(0, |most| (most / BLOCKS).max(1));
        [messages, self.bytes.map_or(0, |most| (most / BLOCKS).max(bytes).max(1))]
    }

    /// Whether a block more is too much for a version with this much behind it. One that was never used serves one
    /// message, however large.
    fn are_full(&self, before: [u64; 2], block: [u64; 2]) -> bool {
        let mosts = [self.messages, self.bytes];
        let over = |i: usize| mosts[i].is_some_and(|most| before[i].saturating_add(block[i]) > most);
        before.iter().any(|&used| used > 0) && (over(0) || over(1))
    }
}

impl Allowance {
    /// For a key whose policy has a limit; none at hand at first.
    pub(super) fn of(policy: &KeyPolicy) -> Option<Allowance> {
        let limits = Limits::of(policy)?;
        Some(Allowance { limits, messages: AtomicI64::new(0), bytes: AtomicI64::new(0) })
    }

    /// Whether there is one message at hand.
    pub(super) fn has(&self) -> bool {
        (self.limits.messages.is_none() || self.messages.load(Ordering::Relaxed) > 0)
            && (self.limits.bytes.is_none() || self.bytes.load(Ordering::Relaxed) > 0)
    }

    /// Gives back what [`Allowance::take`] took, where the message did not come about.
    pub(super) fn give_back(&self, bytes: u64) {
        self.give(
            u64::from(self.limits.messages.is_some()),
            if self.limits.bytes.is_some() { bytes } else { 0 },
        );
    }

    /// Takes one message of so many bytes out of what is at hand.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let enough = |left: &AtomicI64, wanted: i64| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left >= wanted).then(|| left - wanted)
            })
            .is_ok()
        };
        if self.limits.messages.is_some() && !enough(&self.messages, 1) {
            return false;
        }
        let room = self.limits.bytes.is_none() || enough(&self.bytes, bytes);
        if !room {
            self.messages.fetch_add(1, Ordering::Relaxed);
        }
        room
    }

    /// Takes bytes that turned out to be used, at hand or not: what is missing is reserved with the next message.
    pub(super) fn owe(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let less = |left: i64| Some(left.saturating_sub(bytes));
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    fn give(&self, messages: u64, bytes: u64) {
        // A reservation is a part of a limit, and a single message larger than that gets a block of its own.
        self.messages.fetch_add(messages.min(i64::MAX as u64) as i64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes.min(i64::MAX as u64 / 2) as i64, Ordering::Relaxed);
    }
}

/// Reserves a block for messages of about `bytes`, on disk before anything is sealed under it; or, where the limit leaves
/// no room, rotates the key first. `version` is the one the allowance is for.
pub(super) fn renew(
    inner: &Inner,
    allowance: &Allowance,
    key_id: KeyId,
    version: u32,
    bytes: u64,
) -> Result<Renewed> {
    let Limits { messages: most_messages, bytes: most_bytes, warn_percent } = allowance.limits;
    let block @ [block_messages, block_bytes] = allowance.limits.block(bytes);
    inner.check_usable()?;
    if inner.options.read_only {
        return Err(Error::StoreReadOnly);
    }
    let at = place(&key_id.0, version);
    if !inner.read(|snapshot| Counters::load(snapshot, &at))?.is_reserved() {
        // The first of this version, perhaps under a limit that came late: what was sealed before it is counted in memory.
        trail::flush(inner)?;
    }
    let (near, full) = {
        let mut snapshot = Snapshot::begin(&*inner.backend, &inner.secrets, &inner.seen, Access::Write)?;
        let mut counters = Counters::load(&mut snapshot, &at)?;
        // What was counted but not written down is in the reservations that were made for it.
        let before = counters.spoken_for();
        counters.reserved_messages = before[0].saturating_add(block_messages);
        counters.reserved_bytes = before[1].saturating_add(block_bytes);
        let after = [counters.reserved_messages, counters.reserved_bytes];
        let mosts = [most_messages, most_bytes];
        if allowance.limits.are_full(before, block) {
            (false, true)
        } else {
            let line = |most: u64| (u128::from(most) * u128::from(warn_percent) / 100) as u64;
            let crosses =
                |i: usize| mosts[i].is_some_and(|most| before[i] < line(most) && after[i] >= line(most));
            let near = crosses(0) || crosses(1);
            counters.store(&mut snapshot, &at)?;
            snapshot.rows.commit()?;
            (near, false)
        }
    };
    if full {
        return Ok(Renewed::Full);
    }
    allowance.give(block_messages, block_bytes);
    if near {
        trail::limit_near(inner, key_id, version);
    }
    Ok(Renewed::Reserved)
}

/// Whether a small message could be sealed as far as limits go, for a dry run: there is something at hand, or can be.
///
/// # Errors
/// STORE_READ_ONLY where nothing can be reserved; ACCESS_DENIED where the key must rotate first, and this handle may not.
pub(super) fn would_allow(inner: &Inner, snapshot: &mut Snapshot<'_>, key: &KeyDocument) -> Result<()> {
    let (Some(limits), Some(current)) = (Limits::of(&key.policy), key.current()) else { return Ok(()) };
    if inner.options.read_only {
        return Err(Error::StoreReadOnly);
    }
    if inner.kept_handle(key.id).is_some_and(|kept| kept.has_at_hand()) {
        return Ok(());
    }
    let counters = Counters::load(snapshot, &place(&key.id.0, current.version))?;
    match limits.are_full(counters.spoken_for(), limits.block(0)) {
        true => {
            super::admin::permit(&snapshot.manifest, &inner.secrets, &inner.actor, Operation::RotateKey)?;
            super::rotation::check_pending(key, super::clock::now(snapshot))
        }
        false => Ok(()),
    }
}

/// Whether a key is disabled because it was stopped.
pub(super) fn is_stopped(key: &KeyDocument) -> bool {
    key.state == KeyState::Disabled && key.state_reason.as_deref() == Some(STOPPED)
}

/// What became of [`renew`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewed {
    /// There is something at hand again.
    Reserved,
    /// The version is used up; the key must rotate first.
    Full,
}

/// Failed decrypts of one key in the window of its policy: this process's.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Coarse milliseconds of the window's beginning.
    since: AtomicU64,
    count: AtomicU64,
}

impl Failures {
    /// Counts one; whether there are enough to stop the key. That is tried at each one more, until it is done.
    pub(super) fn note(&self, now: u64, policy: (u32, u32)) -> bool {
        let (most, seconds) = policy;
        if now.saturating_sub(self.since.load(Ordering::Relaxed)) >= u64::from(seconds) * 1_000 {
            self.since.store(now, Ordering::Relaxed);
            self.count.store(0, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed) + 1 >= u64::from(most)
    }
}

/// The stop of a policy: failures, and seconds.
pub(super) fn stop_of(policy: &KeyPolicy) -> Option<(u32, u32)> {
    Some((policy.stop_after_failures?, policy.stop_window_seconds.unwrap_or(STOP_WINDOW_SECONDS)))
}

/// Stops a key: disables it, saying why. A service event.
pub(super) fn stop(inner: &Inner, key_id: KeyId) -> Result<()> {
    let name = KeyName::Id(key_id);
    inner.change(Deed::on(Operation::StopKey, &name).with("reason", STOPPED), |change| {
        let mut key = change.key(&name)?;
        if key.state != KeyState::Enabled {
            return Ok(());
        }
        key.state = KeyState::Disabled;
        key.state_reason = Some(STOPPED.into());
        change.update_key(&mut key)
    })
}

impl Store {
    /// Counts by version, those of this process that are not written down yet included; of other processes, those of
    /// the last interval may be missing.
    pub fn key_usage(&self, name: &KeyName) -> Result<Vec<VersionCounts>> {
        self.write_down();
        let counts = self.inner.read(|snapshot| {
            let key = snapshot.key(name)?;
            Ok((key.clone(), counters_of(snapshot, &key)?))
        });
        trail::read(&self.inner, Deed::on(Operation::GetKeyUsage, name), Vec::new(), counts.as_ref().err());
        let (_, counts) = counts?;
        Ok(counts
            .into_iter()
            .map(|(version, counters)| VersionCounts {
                version,
                messages: counters.messages,
                bytes: counters.bytes,
                opened: counters.opened,
                failures: counters.failures,
                last_used: date(counters.last_used),
            })
            .collect())
    }

    /// When a key was used last, by any process.
    pub fn key_last_usage(&self, name: &KeyName) -> Result<KeyLastUsage> {
        self.write_down();
        let found = self.inner.read(|snapshot| {
            let key = snapshot.key(name)?;
            Ok((key.clone(), counters_of(snapshot, &key)?))
        });
        trail::read(
            &self.inner,
            Deed::on(Operation::GetKeyLastUsage, name),
            Vec::new(),
            found.as_ref().err(),
        );
        let (key, counts) = found?;
        let last = counts.iter().map(|(_, counters)| counters).max_by_key(|counters| counters.last_used);
        let last_failure = counts.iter().map(|(_, counters)| counters.last_failure).max().unwrap_or(0);
        Ok(KeyLastUsage {
            key_id: key.id.to_string(),
            operation: last.and_then(|counters| counters.last_operation).map(Operation::name),
            timestamp: last.and_then(|counters| date(counters.last_used)),
            last_failure: date(last_failure),
            tracking_start_date: key.created.to_string(),
            key_creation_date: key.created.to_string(),
        })
    }

    /// Counts are written down as far as the store can be written.
    fn write_down(&self) {
        if !self.inner.options.read_only {
            // What cannot be written now is still counted, and is written with the next interval.
            let _ = trail::flush(&self.inner);
        }
    }
}

fn counters_of(snapshot: &mut Snapshot<'_>, key: &KeyDocument) -> Result<Vec<(u32, Counters)>> {
    let versions = snapshot.versions(key)?;
    versions
        .iter()
        .map(|version| {
            let counters = Counters::load(snapshot, &place(&key.id.0, version.version))?;
            Ok((version.version, counters))
        })
        .collect()
}

fn date(millis: u64) -> Option<String> {
    (millis > 0).then(|| Time(millis / 1_000).to_string())
}
