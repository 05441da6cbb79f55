//! The trail as a sink wrote it: JSON Lines, in one file or many, read as a log.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::event::EVENT_LIMIT;
use super::note::{SignedCheckpoint, VerifierKey};
use super::tree::Hash;
use super::verify::{BadEntry, Log, TrailReport, seq_of, verify};
use crate::error::{Error, Result};

/// Lines of one file that are put in order among themselves: processes that share a file, and threads of one, write a
/// little out of order.
const WINDOW: usize = 1_024;
/// Of a line, in bytes: an event or a checkpoint with its edge and its cosignatures.
const LINE_LIMIT: usize = 128 << 10;

/// Verifies JSON Lines files of a sink, in their order, against the checkpoints that stand among their lines. Files of
/// several processes that wrote the trail at the same time are given together. A line that stands there twice counts
/// once. Events outside of the first and the last checkpoint are counted as `unverified`; where those are all there are,
/// the report is not `ok`.
///
/// # Errors
/// As [`super::verify_tiles`].
pub fn verify_jsonl(files: &[&Path], key: &VerifierKey) -> Result<TrailReport> {
    let mut log = LineLog { files: Vec::new(), checkpoints: VecDeque::new(), last: None, bad: None };
    for path in files {
        log.files.push(LineFile::open(path)?);
    }
    let mut report = verify(&mut log, key, None, &mut |_, _| ())?;
    // Of a stretch that is wrong as a whole, two entries of one number tell the place.
    let within = |first: &BadEntry, seq: u64| {
        report.bad_segments.iter().any(|&(from, to)| from == first.seq && seq < to)
    };
    let closer = |bad: &BadEntry| {
        report.first_bad.as_ref().is_none_or(|first| bad.seq < first.seq || within(first, bad.seq))
    };
    if let Some(bad) = log.bad.filter(closer) {
        report.first_bad = Some(bad);
    }
    report.unverified = report.uncovered.min(report.events);
    let nothing_verified = report.events > 0 && report.unverified == report.events;
    report.ok = report.first_bad.is_none() && !nothing_verified;
    Ok(report)
}

/// What a line is, in the order of the log: a checkpoint of n entries stands before entry n.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Checkpoint(String),
    Entry(String),
}

struct LineFile {
    reader: BufReader<File>,
    path: String,
    line: u64,
    /// The lines read ahead, the earliest on top.
    window: BinaryHeap<Reverse<(u64, Item)>>,
    ended: bool,
}

impl LineFile {
    fn open(path: &Path) -> Result<LineFile> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| io_error(&name, &error))?;
        Ok(LineFile {
            reader: BufReader::new(file),
            path: name,
            line: 0,
            window: BinaryHeap::new(),
            ended: false,
        })
    }

    fn fill(&mut self, last: Option<u64>, bad: &mut Option<BadEntry>) -> Result<()> {
        while self.window.len() < WINDOW && !self.ended {
            let mut bytes = Vec::new();
            let read = (&mut self.reader).take(LINE_LIMIT as u64).read_until(b'\n', &mut bytes);
            let read = read.map_err(|error| io_error(&self.path, &error))?;
            if read == 0 {
                self.ended = true;
                break;
            }
            self.line += 1;
            let whole = bytes.pop_if(|byte| *byte == b'\n').is_some();
            match String::from_utf8(bytes).ok().filter(|_| whole).and_then(item) {
                Some(item) => self.window.push(Reverse(item)),
                None => {
                    let seq =
                        self.window.peek().map(|Reverse((place, _))| *place).or(last).unwrap_or_default();
                    let detail =
                        format!("line {} of {} is neither an event nor a checkpoint", self.line, self.path);
                    bad.get_or_insert(BadEntry { seq, kind: "malformed", detail });
                }
            }
        }
        Ok(())
    }
}

/// A line and its place: a checkpoint's is the number of the entry after it.
fn item(line: String) -> Option<(u64, Item)> {
    if let Some(seq) = seq_of(&line) {
        return (line.len() <= EVENT_LIMIT).then_some((seq, Item::Entry(line)));
    }
    let size = SignedCheckpoint::parse_line(&line)?.claimed_size()?;
    Some((size, Item::Checkpoint(line)))
}

struct LineLog {
    files: Vec<LineFile>,
    /// Met, and not asked for yet.
    checkpoints: VecDeque<SignedCheckpoint>,
    /// The last entry given out, and its number.
    last: Option<(u64, String)>,
    bad: Option<BadEntry>,
}

impl LineLog {
    /// The file whose next line comes first.
    fn earliest(&mut self) -> Result<Option<&mut LineFile>> {
        let last = self.last.as_ref().map(|(seq, _)| *seq);
        for file in &mut self.files {
            file.fill(last, &mut self.bad)?;
        }
        let waiting = self.files.iter_mut().filter(|file| !file.window.is_empty());
        // `Reverse` turns the smallest into the largest.
        Ok(waiting.max_by(|a, b| a.window.peek().cmp(&b.window.peek())))
    }

    fn next(&mut self) -> Result<Option<(u64, Item)>> {
        Ok(self.earliest()?.and_then(|file| file.window.pop()).map(|Reverse(item)| item))
    }
}

impl Log for LineLog {
    /// A copy may begin anywhere: what its first checkpoint and its first entry leave between them is in older files.
    fn first(&mut self) -> Result<u64> {
        loop {
            let Some(file) = self.earliest()? else { return Ok(0) };
            match file.window.pop() {
                Some(Reverse((seq, entry @ Item::Entry(_)))) => {
                    file.window.push(Reverse((seq, entry)));
                    return Ok(seq);
                }
                Some(Reverse((_, Item::Checkpoint(line)))) => {
                    self.checkpoints.extend(SignedCheckpoint::parse_line(&line));
                }
                None => return Ok(0),
            }
        }
    }

    fn entries(&mut self, _from: u64, limit: usize) -> Result<Vec<(u64, String)>> {
        let mut found: Vec<(u64, String)> = Vec::new();
        while found.len() < limit {
            match self.next()? {
                None => break,
                Some((_, Item::Checkpoint(line))) => {
                    self.checkpoints.extend(SignedCheckpoint::parse_line(&line))
                }
                Some((seq, Item::Entry(line))) => {
                    let twice = found.last().or(self.last.as_ref()).filter(|(before, _)| *before == seq);
                    match twice {
                        None => found.push((seq, line)),
                        Some((_, before)) if *before == line => {}
                        Some(_) => {
                            let detail = "there are two different entries of this number".into();
                            self.bad.get_or_insert(BadEntry { seq, kind: "changed", detail });
                        }
                    }
                }
            }
        }
        if let Some(last) = found.last() {
            self.last = Some(last.clone());
        }
        Ok(found)
    }

    fn checkpoints(&mut self, after: Option<u64>, _limit: usize) -> Result<Vec<SignedCheckpoint>> {
        // The same checkpoint ends one file and begins the next; witnesses may have signed one of them later.
        let mut found: Vec<SignedCheckpoint> = Vec::new();
        for checkpoint in self.checkpoints.drain(..) {
            let size = checkpoint.claimed_size();
            if size > after && found.last().is_none_or(|last| last.claimed_size() < size) {
                found.push(checkpoint);
            }
        }
        Ok(found)
    }

    fn head(&mut self) -> Result<Option<(u64, Hash)>> {
        Ok(None)
    }
}

fn io_error(path: &str, error: &std::io::Error) -> Error {
    Error::Io { doing: "reading", path: path.into(), reason: error.to_string().into() }
}
