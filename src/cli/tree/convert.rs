//! A folder encrypted into another, or decrypted: file by file, several at once.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::json;

use super::super::data::{Job, convert_file};
use super::super::exit::{Failure, Result};
use super::super::files::{Folder, Temporary, failed, is_hidden_name, sweep};
use super::super::progress::Progress;
use super::super::session::{self, Session};
use super::super::sys;
use super::TreeArgs;
use super::crew::{crew, processors};
use super::pair::{Pair, keep, outside};
use super::report::{Report, counted};
use super::walk::{Found, Skipped, Visitor, walk};
use crate::Status;
use crate::envelope::Context;

pub(in crate::cli) use super::super::data::Direction;

/// What is done with every file of a folder.
pub(in crate::cli) struct Plan<'a> {
    pub(in crate::cli) direction: Direction<'a>,
    pub(in crate::cli) tree: &'a TreeArgs,
    /// Pairs of the context of every file.
    pub(in crate::cli) context: &'a [String],
    /// Threads a file; 0: as many as there are processors for.
    pub(in crate::cli) threads: u32,
}

struct Run<'a> {
    plan: &'a Plan<'a>,
    report: &'a Report<'a>,
    keep_owner: bool,
    busy: AtomicUsize,
    files: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
    folders: AtomicU64,
    up_to_date: AtomicU64,
    others: AtomicU64,
    hard_links: AtomicU64,
    leftovers: AtomicU64,
}

/// Converts all of a folder into another one. One file's failure does not stop the others.
pub(in crate::cli) fn convert_folder(
    session: &Session,
    plan: &Plan<'_>,
    from: &Path,
    to: &Path,
) -> Result<()> {
    plan.tree.check(plan.context)?;
    sys::raise_open_files();
    let source = Arc::new(Folder::open(from).map_err(|e| failed("opening", from, &e))?);
    outside(&source, to)?;
    let _patience = sys::Patience::new();
    let progress = Progress::of_bytes(session, plan.direction.title());
    let report = Report::new(session, progress);
    let run = Run {
        plan,
        report: &report,
        keep_owner: plan.tree.owner || sys::is_superuser(),
        busy: AtomicUsize::new(0),
        files: AtomicU64::new(0),
        read: AtomicU64::new(0),
        written: AtomicU64::new(0),
        folders: AtomicU64::new(0),
        up_to_date: AtomicU64::new(0),
        others: AtomicU64::new(0),
        hard_links: AtomicU64::new(0),
        leftovers: AtomicU64::new(0),
    };
    if report.progress.is_wanted() {
        let sum = Sum { run: &run, bytes: AtomicU64::new(0) };
        walk(&source, (), plan.tree.follow_links, &sum);
        report.progress.expect(sum.bytes.into_inner());
    }
    let top = Pair::top(&report, &source, to, run.keep_owner)?;
    crew(
        plan.tree.jobs(),
        |(pair, found): (Arc<Pair<'_>>, Found)| run.one(&pair, &found),
        |give| walk(&source, top, plan.tree.follow_links, &Finder { run: &run, give }),
    );
    report.progress.hide();
    run.tell(from, to)
}

impl Run<'_> {
    fn one(&self, pair: &Arc<Pair<'_>>, found: &Found) {
        if sys::cancelled_by().is_some() {
            return;
        }
        let busy = self.busy.fetch_add(1, Ordering::Relaxed) + 1;
        if let Err(failure) = self.convert(pair, found, busy) {
            self.report.fail(&found.path(), failure);
        }
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    fn convert(&self, pair: &Arc<Pair<'_>>, found: &Found, busy: usize) -> Result<()> {
        let (plan, path) = (self.plan, found.path());
        let Some(name) = self.target_name(&found.name)? else {
            self.others.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        let target = pair.target.path_of(&name);
        let replace = match pair.target.stat(&name, false) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
            Err(e) => return Err(failed("writing", &target, &e)),
            Ok(there) if there.kind() == libc::S_IFDIR => {
                return Err(Failure::new(Status::Io, format!("{} is a folder", target.display())));
            }
            Ok(there) if there.id == found.stat.id => {
                return Err(Failure::usage(format!(
                    "input and output are the same file ({})",
                    target.display()
                )));
            }
            Ok(there) if plan.tree.update && there.modified >= found.stat.modified => {
                self.up_to_date.fetch_add(1, Ordering::Relaxed);
                self.report.progress.add(found.stat.size);
                return Ok(());
            }
            Ok(_) if plan.tree.force || plan.tree.update => true,
            Ok(_) => {
                return Err(Failure::new(
                    Status::FileExists,
                    format!("{} is there already", target.display()),
                )
                .hint("replace files with --force, or those that are older with --update"));
            }
        };
        let pairs = self.context_of(found)?;
        let packed = session::context(&pairs)?;
        let context = Context::unpack(&packed)?;

        let reading = |e| failed("reading", &path, &e);
        let writing = |e| failed("writing", &target, &e);
        let from = found.folder.file(&found.name, plan.tree.follow_links).map_err(reading)?;
        let like = from.metadata().map_err(reading)?;
        if found.stat.links > 1 {
            self.hard_links.fetch_add(1, Ordering::Relaxed);
        }
        let temporary = Temporary::within(&pair.target, 0o600).map_err(writing)?;
        let job = Job {
            from: &from,
            to: temporary.file(),
            input: &path.display().to_string(),
            output: &target.display().to_string(),
            context: &context,
            context_pairs: &pairs,
            threads: match plan.threads {
                0 => u32::try_from((processors() / busy.max(1)).max(1)).unwrap_or(1),
                threads => threads,
            },
            progress: &self.report.progress,
        };
        let ((read, written), _) = convert_file(&plan.direction, &job)?;
        keep(temporary.file(), &like, self.keep_owner).map_err(writing)?;
        temporary.publish(&name, replace).map_err(writing)?;
        self.files.fetch_add(1, Ordering::Relaxed);
        self.read.fetch_add(read, Ordering::Relaxed);
        self.written.fetch_add(written, Ordering::Relaxed);
        Ok(())
    }

    /// The name of what is made; None for a file that is no envelope by its name.
    fn target_name(&self, name: &OsStr) -> Result<Option<OsString>> {
        let suffix = self.plan.tree.suffix.as_bytes();
        let bytes = match self.plan.direction {
            Direction::Encrypt { .. } => [name.as_bytes(), suffix].concat(),
            Direction::Decrypt { .. } => match name.as_bytes().strip_suffix(suffix) {
                None => return Ok(None),
                // Whoever wrote the envelope named it; what would be left leads elsewhere.
                Some(b"" | b"." | b"..") => {
                    return Err(Failure::new(
                        Status::Io,
                        format!("{} without its suffix is no name of a file", Path::new(name).display()),
                    ));
                }
                Some(rest) => rest.to_vec(),
            },
        };
        Ok(Some(OsStr::from_bytes(&bytes).to_owned()))
    }

    /// The pairs of a file's context.
    fn context_of(&self, found: &Found) -> Result<Vec<String>> {
        let mut pairs = self.plan.context.to_vec();
        let Some(name) = &self.plan.tree.bind_path else { return Ok(pairs) };
        let relative = match self.plan.direction {
            Direction::Encrypt { .. } => found.relative.clone(),
            Direction::Decrypt { .. } => {
                let name = self.target_name(&found.name)?.unwrap_or_default();
                found.relative.with_file_name(name)
            }
        };
        let Some(text) = relative.to_str() else {
            return Err(Failure::new(
                Status::InvalidUtf8,
                format!("{}: a path that is not UTF-8 cannot be bound", found.path().display()),
            )
            .hint("rename it, or leave out --bind-path"));
        };
        pairs.push(format!("{name}={text}"));
        Ok(pairs)
    }

    fn tell(&self, from: &Path, to: &Path) -> Result<()> {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let report = self.report;
        let (files, failures, skips) = (get(&self.files), report.failures(), report.skips());
        report.json(json!({
            "source": from.to_string_lossy(),
            "output": to.to_string_lossy(),
            "files": files,
            "folders": get(&self.folders),
            "bytes_read": get(&self.read),
            "bytes_written": get(&self.written),
            "up_to_date": get(&self.up_to_date),
            "without_suffix": get(&self.others),
            "links_skipped": skips.links,
            "loops_skipped": skips.loops,
            "special_skipped": skips.special,
            "hard_links": get(&self.hard_links),
            "leftovers_removed": get(&self.leftovers),
            "interrupted": sys::cancelled_by().is_some(),
            "failed": failures,
            "errors": report.errors(),
        }))?;
        let done = match self.plan.direction {
            Direction::Encrypt { .. } => "encrypted",
            Direction::Decrypt { .. } => "decrypted",
        };
        let mut words = format!(
            "{} {done}, {} bytes from {} in all, {failures} failed",
            counted(files, "file|files"),
            get(&self.read),
            counted(get(&self.folders) + 1, "folder|folders"),
        );
        if self.plan.tree.update {
            words += &format!(", {} up to date", get(&self.up_to_date));
        }
        match sys::cancelled_by() {
            Some(_) => report.session.note(&format!("interrupted: {words}; go on with --update"))?,
            None => report.session.say(words)?,
        }
        report.note_skips()?;
        report.note_count(
            get(&self.others),
            &format!("file was passed by, whose name does not end in {0}|files were passed by, whose names do not end in {0}", self.plan.tree.suffix),
        )?;
        report.note_count(
            get(&self.hard_links),
            "file has other hard links; it became a file of its own|files have other hard links; each became a file of its own",
        )?;
        report.outcome(files + failures + get(&self.up_to_date))
    }
}

/// Finds what is to be done, in the calling thread.
struct Finder<'f, 'r> {
    run: &'f Run<'r>,
    give: &'f dyn Fn((Arc<Pair<'r>>, Found)),
}

impl<'r> Visitor for Finder<'_, 'r> {
    type Of = Arc<Pair<'r>>;

    fn folder(&self, parent: &Self::Of, found: &Found, opened: &Arc<Folder>) -> Option<Self::Of> {
        match parent.child(found, opened) {
            Ok(pair) => {
                self.run.folders.fetch_add(1, Ordering::Relaxed);
                Some(pair)
            }
            Err(failure) => {
                self.run.report.fail(&found.path(), failure);
                None
            }
        }
    }

    fn names(&self, of: &Self::Of, _: &Folder, _: &[OsString]) {
        // Of an earlier command that was killed; what cannot be read now fails later, by its name.
        let names = of.target.names().unwrap_or_default();
        let hidden: Vec<OsString> = names.into_iter().filter(|name| is_hidden_name(name)).collect();
        self.run.leftovers.fetch_add(sweep(&of.target, &hidden), Ordering::Relaxed);
    }

    fn file(&self, of: &Self::Of, found: Found) {
        (self.give)((of.clone(), found));
    }

    fn skipped(&self, what: Skipped, _: &Path) {
        self.run.report.skip(what);
    }

    fn failed(&self, path: &Path, failure: Failure) {
        self.run.report.fail(path, failure);
    }
}

/// Adds up what there is, for the bar.
struct Sum<'r> {
    run: &'r Run<'r>,
    bytes: AtomicU64,
}

impl Visitor for Sum<'_> {
    type Of = ();

    fn folder(&self, (): &(), _: &Found, _: &Arc<Folder>) -> Option<()> {
        Some(())
    }

    fn file(&self, (): &(), found: Found) {
        if self.run.target_name(&found.name).is_ok_and(|name| name.is_some()) {
            self.bytes.fetch_add(found.stat.size, Ordering::Relaxed);
        }
    }

    fn skipped(&self, _: Skipped, _: &Path) {}

    fn failed(&self, _: &Path, _: Failure) {}
}
