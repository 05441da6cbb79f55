//! `rewrap` over folders, and the census alone.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::json;

use super::super::exit::{Failure, Result};
use super::super::files::{Folder, failed, is_hidden_name, sweep};
use super::super::opening::about;
use super::super::progress::Progress;
use super::super::session::{self, Session};
use super::super::sys;
use super::census::{CensusOf, Keys, Reach};
use super::crew::crew;
use super::head::{named_file, read};
use super::report::{Report, counted};
use super::walk::{Found, Skipped, Visitor, walk};
use crate::envelope::{self, Allowed, Context, RewrapFile, Work};
use crate::keystore::{KeyId, Store};

/// What is done over folders.
pub(in crate::cli) struct RewrapTree<'a> {
    /// Folders and files.
    pub(in crate::cli) paths: &'a [PathBuf],
    pub(in crate::cli) store: Option<&'a Store>,
    /// Cells of these keys alone; of all keys of the store where none is named.
    pub(in crate::cli) keys: &'a [KeyId],
    /// None only looks.
    pub(in crate::cli) allowed: Option<Allowed<'a>>,
    pub(in crate::cli) context: Option<&'a Context<'a>>,
    pub(in crate::cli) follow_links: bool,
    pub(in crate::cli) keep_times: bool,
    pub(in crate::cli) jobs: usize,
    /// Says what a rewrap would do.
    pub(in crate::cli) dry_run: bool,
}

struct Run<'a> {
    tree: &'a RewrapTree<'a>,
    report: &'a Report<'a>,
    census: Mutex<CensusOf>,
    keys: Mutex<Keys<'a>>,
    /// Files met that have several names, or may be come by twice through links.
    met: Mutex<HashSet<(u64, u64)>>,
    files: AtomicU64,
    rewrapped: AtomicU64,
    current: AtomicU64,
    /// Envelopes without a cell of a key at hand.
    other_keys: AtomicU64,
    hard_links: AtomicU64,
    leftovers: AtomicU64,
}

/// Walks folders, rewraps what is under an old version, and counts the versions met. What was done stays done when it is
/// killed; the next run does the rest.
pub(in crate::cli) fn rewrap_trees(session: &Session, tree: &RewrapTree<'_>) -> Result<()> {
    sys::raise_open_files();
    let _patience = sys::Patience::new();
    let title = if tree.allowed.is_some() { "rewrapping" } else { "counting" };
    let report = Report::new(session, Progress::new(session, title));
    let run = Run {
        tree,
        report: &report,
        census: Mutex::new(CensusOf::new(tree.paths)),
        keys: Mutex::new(Keys::new(tree.store, tree.keys)),
        met: Mutex::new(HashSet::new()),
        files: AtomicU64::new(0),
        rewrapped: AtomicU64::new(0),
        current: AtomicU64::new(0),
        other_keys: AtomicU64::new(0),
        hard_links: AtomicU64::new(0),
        leftovers: AtomicU64::new(0),
    };
    if report.progress.is_wanted() {
        let count = Count(AtomicU64::new(0));
        for path in tree.paths {
            if let Ok(folder) = Folder::open(path) {
                walk(&Arc::new(folder), (), tree.follow_links, &count);
            }
        }
        report.progress.expect(count.0.into_inner());
    }
    crew(tree.jobs, |found: Found| run.one(&found), |give| run.find(give));
    report.progress.hide();
    run.tell()
}

impl Run<'_> {
    fn find(&self, give: &dyn Fn(Found)) {
        for path in self.tree.paths {
            let finder = Finder { run: self, give };
            match std::fs::metadata(path) {
                Ok(m) if m.is_dir() => match Folder::open(path) {
                    Ok(folder) => walk(&Arc::new(folder), (), self.tree.follow_links, &finder),
                    Err(e) => self.report.fail(path, failed("opening", path, &e)),
                },
                // The user named it, so a link is followed.
                Ok(_) => match named_file(path) {
                    Ok(found) => give(found),
                    Err(e) => self.report.fail(path, failed("reading", path, &e)),
                },
                Err(e) => self.report.fail(path, failed("reading", path, &e)),
            }
        }
    }

    fn one(&self, found: &Found) {
        if sys::cancelled_by().is_some() {
            return;
        }
        if let Err(failure) = self.look(found) {
            self.report.fail(&found.path(), failure);
        }
        self.report.progress.add(1);
    }

    fn look(&self, found: &Found) -> Result<()> {
        let path = found.path();
        if (found.stat.links > 1 || self.tree.follow_links) && !lock(&self.met).insert(found.stat.id) {
            self.hard_links.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.files.fetch_add(1, Ordering::Relaxed);
        let reading = |e: io::Error| failed("reading", &path, &e);
        let Some((envelope, modified)) = read(found, self.tree.follow_links).map_err(reading)? else {
            lock(&self.census).no_envelopes += 1;
            return Ok(());
        };
        let name = path.display().to_string();
        let envelope = envelope.map_err(|e| about(&name, e))?;
        let Reach { at_hand, old } = lock(&self.keys).reach(&envelope);
        let counter = match (at_hand, old) {
            (_, true) => &self.rewrapped,
            (true, false) => &self.current,
            (false, false) => &self.other_keys,
        };
        let Some(allowed) = self.tree.allowed.filter(|_| old) else {
            lock(&self.census).count(&envelope, modified);
            counter.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        let how = RewrapFile {
            expected: Some(found.stat.id),
            keep_times: self.tree.keep_times,
            work: Work { cancel: Some(sys::cancel_flag()), ..Work::default() },
        };
        let done = envelope::rewrap_file_with(allowed, &path, self.tree.context, &how);
        // What stands there now counts, whatever was meant to.
        match read(found, self.tree.follow_links).map_err(reading)? {
            Some((Ok(envelope), modified)) => lock(&self.census).count(&envelope, modified),
            _ => lock(&self.census).count(&envelope, modified),
        }
        let done = done.map_err(|e| match self.tree.store {
            Some(store) => about(&name, session::by_an_alias(store, e)),
            None => about(&name, e),
        })?;
        match done.cells_rewrapped + done.cells_freed {
            0 => &self.current,
            _ => counter,
        }
        .fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn tell(&self) -> Result<()> {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (report, tree) = (self.report, self.tree);
        let (census, keys) = (lock(&self.census), lock(&self.keys));
        let (failures, skips) = (report.failures(), report.skips());
        let rewraps = tree.allowed.is_some() || tree.dry_run;
        let counts = json!({
            "files": get(&self.files),
            "rewrapped": get(&self.rewrapped),
            "current": get(&self.current),
            "other_keys": get(&self.other_keys),
            "links_skipped": skips.links,
            "loops_skipped": skips.loops,
            "special_skipped": skips.special,
            "hard_links": get(&self.hard_links),
            "leftovers_removed": get(&self.leftovers),
            "failed": failures,
        });
        if report.session.global.json {
            let mut answer = json!({ "census": census.to_json(&keys) });
            if let Some(fields) = answer.as_object_mut() {
                match rewraps {
                    true => {
                        fields.insert("summary".into(), counts);
                        fields.insert("dry_run".into(), tree.dry_run.into());
                    }
                    false => {
                        let looked = [
                            "files",
                            "links_skipped",
                            "loops_skipped",
                            "special_skipped",
                            "hard_links",
                            "failed",
                        ];
                        for name in looked {
                            fields.insert(name.into(), counts[name].clone());
                        }
                    }
                }
                fields.insert("interrupted".into(), sys::cancelled_by().is_some().into());
                fields.insert("errors".into(), report.errors());
            }
            report.json(answer)?;
            return report.outcome(get(&self.files));
        }
        let words = match rewraps {
            true => format!(
                "{} {}, {} with nothing to do, {} under other keys, {} no envelope, {failures} failed",
                counted(get(&self.rewrapped), "file|files"),
                if tree.dry_run { "to rewrap" } else { "rewrapped" },
                get(&self.current),
                get(&self.other_keys),
                census.no_envelopes,
            ),
            false => format!(
                "{}, {}, {} no envelope, {failures} failed",
                counted(census.envelopes, "envelope|envelopes"),
                counted(census.data_keys, "data key|data keys"),
                census.no_envelopes,
            ),
        };
        if sys::cancelled_by().is_some() {
            report.session.note(&format!("interrupted: {words}; run it again for the rest"))?;
            return report.outcome(get(&self.files));
        }
        report.session.say(words)?;
        // Of a rewrap it is a remark; of a census, the result.
        if !(rewraps && report.session.global.quiet) {
            census.print(&keys, failures)?;
        }
        report.note_skips()?;
        report.note_count(
            get(&self.hard_links),
            "further name of a file that was met already|further names of files that were met already",
        )?;
        report.outcome(get(&self.files))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

struct Finder<'f, 'r> {
    run: &'f Run<'r>,
    give: &'f dyn Fn(Found),
}

impl Visitor for Finder<'_, '_> {
    type Of = ();

    fn folder(&self, (): &(), _: &Found, _: &Arc<Folder>) -> Option<()> {
        Some(())
    }

    fn names(&self, (): &(), folder: &Folder, names: &[OsString]) {
        if self.run.tree.allowed.is_some() {
            self.run.leftovers.fetch_add(sweep(folder, names), Ordering::Relaxed);
        }
    }

    fn file(&self, (): &(), found: Found) {
        // Another command's work, or what it left.
        if !is_hidden_name(&found.name) {
            (self.give)(found);
        }
    }

    fn skipped(&self, what: Skipped, _: &Path) {
        self.run.report.skip(what);
    }

    fn failed(&self, path: &Path, failure: Failure) {
        self.run.report.fail(path, failure);
    }
}

/// Counts files, for the bar.
struct Count(AtomicU64);

impl Visitor for Count {
    type Of = ();

    fn folder(&self, (): &(), _: &Found, _: &Arc<Folder>) -> Option<()> {
        Some(())
    }

    fn file(&self, (): &(), _: Found) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn skipped(&self, _: Skipped, _: &Path) {}

    fn failed(&self, _: &Path, _: Failure) {}
}
