//! What becomes of a whole folder: counts, and each failure in its place.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

use super::super::exit::{Failure, Result};
use super::super::output;
use super::super::progress::Progress;
use super::super::session::Session;
use super::super::sys;
use super::walk::Skipped;
use crate::Status;

/// Failures that a report keeps for JSON; a terminal has them all, as they come.
const KEPT: usize = 10_000;

#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Skips {
    pub(in crate::cli) links: u64,
    pub(in crate::cli) loops: u64,
    pub(in crate::cli) special: u64,
}

/// Shared by all threads of a command.
pub(in crate::cli) struct Report<'s> {
    pub(in crate::cli) session: &'s Session,
    pub(in crate::cli) progress: Progress,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    skips: Skips,
    failures: u64,
    errors: Vec<Value>,
    first: Option<Failure>,
}

impl<'s> Report<'s> {
    pub(in crate::cli) fn new(session: &'s Session, progress: Progress) -> Report<'s> {
        Report { session, progress, inner: Mutex::new(Inner::default()) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(in crate::cli) fn skip(&self, what: Skipped) {
        let skips = &mut self.inner().skips;
        match what {
            Skipped::Link => skips.links += 1,
            Skipped::Loop => skips.loops += 1,
            Skipped::Special => skips.special += 1,
        }
    }

    /// A file that failed; the others go on. Said at once to people, kept for programs.
    pub(in crate::cli) fn fail(&self, path: &Path, failure: Failure) {
        if failure.status == Status::Cancelled && sys::cancelled_by().is_some() {
            return;
        }
        let json = self.session.global.json;
        if !json {
            self.progress.aside(|| failure.report(false));
        }
        let mut inner = self.inner();
        inner.failures += 1;
        if json && inner.errors.len() < KEPT {
            inner.errors.push(json!({ "file": path.to_string_lossy(), "error": failure.to_json() }));
        }
        inner.first.get_or_insert(failure);
    }

    pub(in crate::cli) fn failures(&self) -> u64 {
        self.inner().failures
    }

    pub(in crate::cli) fn skips(&self) -> Skips {
        self.inner().skips
    }

    /// The failures for JSON.
    pub(in crate::cli) fn errors(&self) -> Value {
        self.inner().errors.clone().into()
    }

    /// Remarks on what was passed by.
    pub(in crate::cli) fn note_skips(&self) -> Result<()> {
        let skips = self.skips();
        for (count, what) in [
            (skips.links, "symbolic link was not followed|symbolic links were not followed"),
            (
                skips.loops,
                "link to a folder above it was not followed|links to folders above them were not followed",
            ),
            (
                skips.special,
                "special file (queue, socket, device) was passed by|special files (queues, sockets, devices) were passed by",
            ),
        ] {
            self.note_count(count, what)?;
        }
        Ok(())
    }

    /// A remark on so many of something: one|many.
    pub(in crate::cli) fn note_count(&self, count: u64, words: &str) -> Result<()> {
        match count {
            0 => Ok(()),
            count => self.session.note(&counted(count, words)),
        }
    }

    /// The end of the command: what the first failure was, counted; or that it was asked to stop.
    pub(in crate::cli) fn outcome(&self, of: u64) -> Result<()> {
        if sys::cancelled_by().is_some() {
            return Err(Failure::new(Status::Cancelled, "interrupted"));
        }
        let mut inner = self.inner();
        let failures = inner.failures;
        match inner.first.take() {
            None => Ok(()),
            Some(first) => Err(Failure {
                message: format!("{failures} of {} failed", counted(of.max(failures), "file|files")),
                hints: Vec::new(),
                ..first
            }),
        }
    }

    /// The result for programs.
    pub(in crate::cli) fn json(&self, value: Value) -> Result<()> {
        if self.session.global.json { output::json(&value) } else { Ok(()) }
    }
}

/// So many of something, by its words for one and for many.
pub(in crate::cli) fn counted(count: u64, words: &str) -> String {
    let (one, many) = words.split_once('|').unwrap_or((words, words));
    format!("{count} {}", if count == 1 { one } else { many })
}
