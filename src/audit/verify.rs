//! Whether a trail is whole: every entry in its place, every checkpoint true. Names the first bad entry.

use std::collections::VecDeque;

use serde::Serialize;

use super::names::Instant;
use super::note::{Checkpoint, SignedCheckpoint, VerifierKey, parse_signed};
use super::tree::{Hash, RightEdge, leaf_hash};
use crate::error::Result;
use crate::sync::processors;

/// Entries read at a time.
pub(crate) const BATCH: usize = 2_048;
/// Fewer are hashed by the calling thread alone.
const WORTH_A_THREAD: usize = 512;
/// Clock steps and bad segments that a report lists.
const LISTED: usize = 100;
/// Milliseconds by which the wall clock may go back against the monotonic one unnoticed: both are read in turn, and the
/// one moves in steps.
const TOLERANCE: u64 = 1_000;

/// A trail to read. Implemented by the store, by tiles and by JSON Lines.
pub(crate) trait Log {
    /// The sequence number that it begins at, when what stood before is kept elsewhere or was thrown away.
    fn first(&mut self) -> Result<u64> {
        Ok(0)
    }
    /// Entries from `from` on, in order, at most `limit`; each with its sequence number as its place says. None at all
    /// only at the end. `from` is `first` in the first call, and one more than the last number of the call before then.
    fn entries(&mut self, from: u64, limit: usize) -> Result<Vec<(u64, String)>>;
    /// The checkpoints of more than `after` entries (`None`: all), by size, at most `limit`.
    fn checkpoints(&mut self, after: Option<u64>, limit: usize) -> Result<Vec<SignedCheckpoint>>;
    /// Whether the entry whose leaf hash this is was written there, where the log can tell (a row's MAC). `None`: it
    /// cannot.
    fn genuine(&mut self, _seq: u64, _leaf: &Hash) -> Result<Option<bool>> {
        Ok(None)
    }
    /// The leaf hash of the entry that should be there, where the log has it beside the entry.
    fn true_leaf(&mut self, _seq: u64) -> Result<Option<Hash>> {
        Ok(None)
    }
    /// The size of the newest checkpoint that was signed, where the log knows: it must be there.
    fn covered(&mut self) -> Result<Option<u64>> {
        Ok(None)
    }
    /// The size and root hash that the log claims, where it does.
    fn head(&mut self) -> Result<Option<(u64, Hash)>>;
}

/// The first entry that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadEntry {
    /// Its sequence number, from 0. Where only a range is known, the first of it.
    pub seq: u64,
    /// `changed`, `missing`, `added`, `reordered`, `malformed`, `bad checkpoint`, `rolled back`; for exported tiles also
    /// `bad tile` (docs/AUDIT.md).
    pub kind: &'static str,
    /// For people.
    pub detail: String,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrailReport {
    /// Nothing is wrong, and, unless there are no events at all, something was verified.
    pub ok: bool,
    /// The sequence number of the first event there is: 0 but for a copy whose older files are gone.
    pub first: u64,
    /// Events read.
    pub events: u64,
    /// Checkpoints verified.
    pub checkpoints: u64,
    /// The newest checkpoint that is true of the entries before it: its size.
    pub last_good_checkpoint: Option<u64>,
    /// Events after the newest checkpoint, which only the store's own secret vouches for; in a copy that begins in the
    /// middle, also those before the first checkpoint that tells where to go on from.
    pub uncovered: u64,
    /// Of a copy in JSON Lines: events of which nothing tells whether they are as they were written, because no
    /// checkpoint stands before them or none after them. 0 for the store's own trail, whose events have MACs.
    pub unverified: u64,
    /// TrailGap events: the trail's own word that events are missing, where and how many (`serviceEventDetails`).
    pub gaps: u64,
    /// Times at which the clock went back between two events, by sequence number (at most 100).
    pub clock_steps: Vec<u64>,
    /// The first entry that is wrong.
    pub first_bad: Option<BadEntry>,
    /// Stretches between two checkpoints in which something is wrong: the first number and the one after the last (at
    /// most 100). What lies outside of them is whole, also after the first bad entry.
    pub bad_segments: Vec<(u64, u64)>,
}

/// Verifies a whole log. `expected` is a checkpoint kept outside it (an anchor, a sink): the log must contain it.
///
/// # Errors
/// TRAIL_INVALID: `expected` is not signed by this log's key. What is wrong with the log stands in the report.
pub(crate) fn verify(
    log: &mut dyn Log,
    key: &VerifierKey,
    expected: Option<&str>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<TrailReport> {
    let expected = expected.map(|note| parse_signed(note, key)).transpose()?;
    let head = log.head()?;
    let first = log.first()?;
    let mut walk = Walk::new(key, expected, first);
    walk.covered = log.covered()?.filter(|size| *size > 0);
    let total = head.map_or(0, |(size, _)| size);
    loop {
        let batch = log.entries(walk.next, BATCH)?;
        let Some((last, _)) = batch.last() else { break };
        let began = walk.next;
        walk.load_checkpoints(log, *last)?;
        let read = read_all(&batch);
        for ((seq, _), read) in batch.iter().zip(read) {
            walk.entry(log, *seq, &read)?;
        }
        progress(walk.next, total.max(walk.next));
        if walk.next == began {
            // The log goes round in circles; the report says what it gave.
            break;
        }
    }
    walk.load_checkpoints(log, u64::MAX)?;
    walk.end(head)
}

/// The sequence number that an event's line says it has.
pub(super) fn seq_of(line: &str) -> Option<u64> {
    seq_and_rest(line).map(|(seq, _)| seq)
}

fn seq_and_rest(line: &str) -> Option<(u64, &str)> {
    let rest = line.strip_prefix("{\"eventVersion\":\"1.")?;
    let (version, rest) = rest.split_at(digits(rest));
    let rest = rest.strip_prefix("\",\"seq\":")?;
    let (seq, rest) = rest.split_at(digits(rest));
    let seq: u64 = seq.parse().ok()?;
    // No store can number as many.
    (!version.is_empty() && seq < 1 << 62 && rest.starts_with(',')).then_some((seq, rest))
}

/// How many digits a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// What verification reads of an event.
struct Read {
    leaf: Hash,
    fields: Option<Fields>,
}

struct Fields {
    seq: u64,
    time: u64,
    monotonic: u64,
    is_gap: bool,
}

fn read(line: &str) -> Read {
    Read { leaf: leaf_hash(line.as_bytes()), fields: fields(line) }
}

/// Fields stand in one order, which `Event::write` gave them.
fn fields(line: &str) -> Option<Fields> {
    let (seq, rest) = seq_and_rest(line)?;
    let (time, rest) = rest.strip_prefix(",\"eventTime\":\"")?.split_once('"')?;
    let rest = rest.strip_prefix(",\"monotonicTime\":")?;
    let (monotonic, rest) = rest.split_at(digits(rest));
    let rest = rest.strip_prefix(",\"eventSource\":\"keyfold\",\"eventName\":\"")?;
    let is_gap = rest.starts_with("TrailGap\"");
    // Without a way out of the loop, which the compiler then does in wide steps.
    let controls = line.bytes().fold(false, |found, c| found | (c < b' '));
    if controls || !line.ends_with('}') {
        return None;
    }
    Some(Fields { seq, time: Instant::parse(time)?.0, monotonic: monotonic.parse().ok()?, is_gap })
}

/// Half of a large batch is read by a second thread, which is gone when this returns.
fn read_all(batch: &[(u64, String)]) -> Vec<Read> {
    let all = |part: &[(u64, String)]| part.iter().map(|(_, line)| read(line)).collect::<Vec<_>>();
    if batch.len() < WORTH_A_THREAD || processors() < 2 {
        return all(batch);
    }
    let (one, other) = batch.split_at(batch.len() / 2);
    std::thread::scope(|scope| {
        let other_half = std::thread::Builder::new().spawn_scoped(scope, || all(other));
        let mut read = all(one);
        match other_half.map(|thread| thread.join()) {
            Ok(Ok(more)) => read.extend(more),
            // No thread to be had.
            _ => read.extend(all(other)),
        }
        read
    })
}

/// A verification under way: at the entry `next`.
struct Walk<'a> {
    key: &'a VerifierKey,
    next: u64,
    /// Of the tree over all entries before `next`; `None` while it is not known.
    edge: Option<RightEdge>,
    /// Something in the segment under way is wrong.
    broken: bool,
    /// Where the segment under way began: at the last checkpoint that was looked at.
    segment: u64,
    expected: Option<Checkpoint>,
    checkpoints: VecDeque<SignedCheckpoint>,
    loaded: Option<u64>,
    /// The size of a checkpoint that must be there, until it is found.
    covered: Option<u64>,
    /// Wall clock and monotonic clock of the last event, and the latest wall clock so far.
    clock: Option<(u64, u64)>,
    latest: u64,
    report: TrailReport,
}

impl<'a> Walk<'a> {
    fn new(key: &'a VerifierKey, expected: Option<Checkpoint>, first: u64) -> Walk<'a> {
        Walk {
            key,
            next: first,
            edge: (first == 0).then(RightEdge::default),
            broken: false,
            segment: first,
            expected,
            checkpoints: VecDeque::new(),
            loaded: first.checked_sub(1),
            covered: None,
            clock: None,
            latest: 0,
            report: TrailReport { first, ..TrailReport::default() },
        }
    }

    /// Has the checkpoints of up to `size` entries at hand.
    fn load_checkpoints(&mut self, log: &mut dyn Log, size: u64) -> Result<()> {
        while self.loaded.is_none_or(|loaded| loaded <= size) {
            let before = self.loaded;
            for checkpoint in log.checkpoints(self.loaded, 256)? {
                match checkpoint.claimed_size() {
                    Some(claimed) if self.loaded.is_none_or(|loaded| claimed > loaded) => {
                        self.loaded = Some(claimed);
                        self.checkpoints.push_back(checkpoint);
                    }
                    _ => {
                        let detail = "a checkpoint cannot be read, or stands in the wrong place".into();
                        self.bad(self.next, "bad checkpoint", detail);
                    }
                }
            }
            if self.loaded == before {
                break;
            }
        }
        self.check_checkpoints();
        Ok(())
    }

    fn entry(&mut self, log: &mut dyn Log, seq: u64, read: &Read) -> Result<()> {
        if seq < self.next {
            self.bad(
                seq,
                "reordered",
                format!("entry {seq} stands after entry {}", self.next.saturating_sub(1)),
            );
            return Ok(());
        }
        if seq > self.next {
            self.missing(log, seq)?;
        }
        let mut leaf = Some(read.leaf);
        let said = read.fields.as_ref().map(|fields| fields.seq);
        if log.genuine(seq, &read.leaf)? == Some(false) {
            match said {
                Some(other) if other != seq => {
                    self.bad(seq, "reordered", format!("what stands here was entry {other}"));
                }
                _ => self.bad(seq, "changed", "the entry is not the one that was written here".into()),
            }
            leaf = log.true_leaf(seq)?;
        } else if said.is_none() {
            self.bad(seq, "malformed", "the entry is not an event".into());
        } else if said != Some(seq) {
            self.bad(seq, "reordered", format!("what stands here was entry {}", said.unwrap_or_default()));
        }
        if let Some(fields) = &read.fields {
            self.report.gaps += u64::from(fields.is_gap);
            self.look_at_clock(seq, fields);
        }
        self.push(leaf);
        self.next = seq + 1;
        self.report.events += 1;
        self.check_expected();
        self.check_checkpoints();
        Ok(())
    }

    fn missing(&mut self, log: &mut dyn Log, seq: u64) -> Result<()> {
        let detail = match seq - self.next {
            1 => "the entry is not there".into(),
            _ => format!("entries {} to {} are not there", self.next, seq - 1),
        };
        self.bad(self.next, "missing", detail);
        while self.next < seq {
            match log.true_leaf(self.next)? {
                Some(leaf) => self.push(Some(leaf)),
                None => self.edge = None,
            }
            self.next = if self.edge.is_some() { self.next + 1 } else { seq };
            self.check_checkpoints();
        }
        Ok(())
    }

    fn push(&mut self, leaf: Option<Hash>) {
        match (leaf, &mut self.edge) {
            (Some(leaf), Some(edge)) => edge.push(leaf),
            _ => self.edge = None,
        }
    }

    /// Looks at the checkpoints of so many entries as have been read.
    fn check_checkpoints(&mut self) {
        self.look_for_covered();
        while let Some(size) = self.checkpoints.front().and_then(SignedCheckpoint::claimed_size) {
            if size > self.next {
                break;
            }
            let Some(signed) = self.checkpoints.pop_front() else { break };
            if size == self.next || self.edge.is_none() {
                self.check_checkpoint(&signed, size);
            }
        }
    }

    /// A checkpoint that was signed and is gone is found missing where it stood.
    fn look_for_covered(&mut self) {
        let Some(size) = self.covered.take_if(|size| *size <= self.next) else { return };
        let mut there = self.checkpoints.iter().filter_map(SignedCheckpoint::claimed_size);
        if !there.any(|claimed| claimed == size) {
            self.bad(size, "bad checkpoint", format!("the checkpoint of {size} entries is not there"));
        }
    }

    fn check_checkpoint(&mut self, signed: &SignedCheckpoint, size: u64) {
        let checkpoint = match parse_signed(&signed.note, self.key) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                return self.bad(
                    size,
                    "bad checkpoint",
                    format!("the checkpoint of {size} entries: {error}"),
                );
            }
        };
        self.report.checkpoints += 1;
        // Entries before it are missing, so that it lies in the middle of them: it says nothing about this place.
        if size < self.next {
            return;
        }
        let fits = self.edge.as_ref().map(|edge| edge.root() == checkpoint.root);
        if fits == Some(false) && !self.broken {
            let detail = match size.checked_sub(1) {
                Some(last) => format!(
                    "one of the entries {} to {last} is not what the checkpoint was signed for",
                    self.segment
                ),
                None => "the checkpoint of the empty trail has another root".into(),
            };
            self.bad(self.segment, "changed", detail);
        }
        let begun_in_the_middle = self.edge.is_none() && !self.broken;
        if self.broken && self.report.bad_segments.len() < LISTED && size > self.segment {
            self.report.bad_segments.push((self.segment, size));
        }
        if fits != Some(true) {
            let edge = signed.edge.as_ref().filter(|edge| edge.root() == checkpoint.root);
            self.edge = edge.cloned();
            if self.edge.is_none() {
                return;
            }
        }
        if begun_in_the_middle {
            self.report.uncovered += size - self.segment;
        }
        if self.report.first_bad.is_none() {
            self.report.last_good_checkpoint = Some(size);
        }
        (self.segment, self.broken) = (size, false);
    }

    fn check_expected(&mut self) {
        let Some(expected) = self.expected.take_if(|expected| expected.size == self.next) else { return };
        if self.edge.as_ref().is_some_and(|edge| edge.root() != expected.root) {
            let detail = format!(
                "the first {} entries are not those that the checkpoint kept elsewhere was signed for",
                expected.size
            );
            self.bad(self.segment, "rolled back", detail);
        }
    }

    /// Flags an event that is older than what stands before it, unless it merely waited to be written: then both its
    /// clocks are older.
    fn look_at_clock(&mut self, seq: u64, fields: &Fields) {
        if let Some((time, monotonic)) = self.clock {
            let went_back = time.saturating_add(fields.monotonic)
                > fields.time.saturating_add(monotonic).saturating_add(TOLERANCE);
            let shows = fields.monotonic >= monotonic || fields.time + TOLERANCE < self.latest;
            if went_back && shows && self.report.clock_steps.len() < LISTED {
                self.report.clock_steps.push(seq);
            }
        }
        self.clock = Some((fields.time, fields.monotonic));
        self.latest = self.latest.max(fields.time);
    }

    fn end(mut self, head: Option<(u64, Hash)>) -> Result<TrailReport> {
        let (events, uncovered) = (self.next, self.next - self.segment);
        if let Some((size, root)) = head {
            if size > events {
                self.bad(
                    events,
                    "missing",
                    format!("the trail has {size} entries, and those from {events} on are not there"),
                );
            } else if size < events {
                self.bad(size, "added", format!("the trail has {size} entries, and there are more"));
            } else if !self.broken && self.edge.as_ref().is_some_and(|edge| edge.root() != root) {
                let detail = format!("the entries from {} on are not those that were written", self.segment);
                self.bad(self.segment, "changed", detail);
            }
        }
        for signed in std::mem::take(&mut self.checkpoints) {
            match parse_signed(&signed.note, self.key) {
                Ok(beyond) => {
                    let detail = format!(
                        "a checkpoint was signed for {} entries, and those from {events} on are not there",
                        beyond.size
                    );
                    self.bad(events, "missing", detail);
                }
                Err(error) => self.bad(events, "bad checkpoint", error.to_string()),
            }
        }
        if let Some(expected) = self.expected.take().filter(|expected| expected.size > events) {
            let detail = format!(
                "the trail ends at {events} entries, and the checkpoint kept elsewhere covers {}",
                expected.size
            );
            self.bad(events, "rolled back", detail);
        }
        if self.broken && self.report.bad_segments.len() < LISTED && events > self.segment {
            self.report.bad_segments.push((self.segment, events));
        }
        self.report.uncovered += uncovered;
        self.report.ok = self.report.first_bad.is_none();
        Ok(self.report)
    }

    fn bad(&mut self, seq: u64, kind: &'static str, detail: String) {
        self.broken = true;
        self.report.first_bad.get_or_insert(BadEntry { seq, kind, detail });
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
pub(super) mod tests;
