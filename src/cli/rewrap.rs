//! `keyfold rewrap`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::args::ContextArgs;
use super::exit::{Failure, Result};
use super::opening::{about, with_allowed};
use super::progress::Progress;
use super::session::{self, Session};
use super::tree::{RewrapTree, jobs, rewrap_trees};
use super::{output, sys};
use crate::Status;
use crate::envelope::{self, Allowed, Context, RewrapFile, Rewrapped, Work};
use crate::keystore::{KeyId, Store};

#[derive(Args)]
pub(super) struct Rewrap {
    /// Rewrap cells of this key only; without it those of every key of the store. May be given several times
    #[arg(long, short, value_name = "NAME")]
    key: Vec<String>,
    /// Not needed; with it, given whole, each file is checked against it first
    #[command(flatten)]
    context: ContextArgs,
    /// Walk folders: every envelope in them is rewrapped, and the key versions met are counted
    #[arg(long, short)]
    recursive: bool,
    /// Change nothing: say what would be rewrapped, and count the key versions
    #[arg(long)]
    dry_run: bool,
    /// Leave files' times as they were; what copies files by size and time then misses the rewrap
    #[arg(long)]
    keep_times: bool,
    /// Follow symbolic links, wherever they lead
    #[arg(long, requires = "recursive")]
    follow_links: bool,
    /// Files worked on at once with -r; without it one for each processor
    #[arg(long, value_name = "N", requires = "recursive", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
    /// Envelopes and data key blobs, and with -r folders
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Counts envelopes under each version of each key, by what their heads say; changes nothing.
#[derive(Args)]
pub(super) struct Census {
    /// Say of these keys which versions are left, met or not; without it of those that are met. May be given several times
    #[arg(long, short, value_name = "NAME")]
    key: Vec<String>,
    /// Follow symbolic links, wherever they lead
    #[arg(long)]
    follow_links: bool,
    /// Files looked at at once; without it one for each processor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
    /// Folders and files
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
}

impl Census {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        // Without a store, heads alone say which keys they are under; its names and which version is current it tells.
        let store = match session.global.store.as_deref() {
            None | Some("") if self.key.is_empty() => None,
            _ => Some(session.store()?),
        };
        let ids = match &store {
            Some(store) => ids_of(store, &self.key)?,
            None => Vec::new(),
        };
        rewrap_trees(
            session,
            &RewrapTree {
                paths: &self.paths,
                store: store.as_ref(),
                keys: &ids,
                allowed: None,
                context: None,
                follow_links: self.follow_links,
                keep_times: false,
                jobs: jobs(self.jobs),
                dry_run: false,
            },
        )
    }
}

fn ids_of(store: &Store, names: &[String]) -> Result<Vec<KeyId>> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(session::keys(store, &names)?.iter().map(crate::keystore::Key::id).collect())
}

#[derive(Default)]
struct Sum {
    rewrapped: u64,
    current: u64,
    failed: u64,
}

impl Rewrap {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let packed = session.context(&self.context.context)?;
        let context = Context::unpack(&packed)?;
        let context = (!self.context.context.is_empty()).then_some(&context);
        let store = session.store()?;
        with_allowed(&store, &self.key, |allowed| match self.recursive || self.dry_run {
            true => rewrap_trees(
                session,
                &RewrapTree {
                    paths: &self.files,
                    store: Some(&store),
                    keys: &ids_of(&store, &self.key)?,
                    allowed: (!self.dry_run).then_some(allowed),
                    context,
                    follow_links: self.follow_links,
                    keep_times: self.keep_times,
                    jobs: jobs(self.jobs),
                    dry_run: self.dry_run,
                },
            ),
            false => self.all(session, &store, allowed, context),
        })
    }

    fn all(
        &self,
        session: &Session,
        store: &Store,
        allowed: Allowed<'_>,
        context: Option<&Context<'_>>,
    ) -> Result<()> {
        let mut sum = Sum::default();
        let mut first_failure: Option<Failure> = None;
        let progress = Progress::new(session, "rewrapping");
        for (done, path) in (0u64..).zip(&self.files) {
            if sys::cancelled_by().is_some() {
                return Err(Failure::new(Status::Cancelled, "interrupted"));
            }
            progress.at(done, self.files.len() as u64);
            let result = one(store, allowed, path, context, self.keep_times);
            if session.global.json {
                output::json(&line(path, &result))?;
            }
            match result {
                Ok(r) if r.cells_rewrapped + r.cells_freed > 0 => sum.rewrapped += 1,
                Ok(_) => sum.current += 1,
                Err(failure) => {
                    sum.failed += 1;
                    // A single file's failure is the command's.
                    if self.files.len() > 1 && !session.global.json {
                        progress.hide();
                        failure.report(false);
                    }
                    first_failure.get_or_insert(failure);
                }
            }
        }
        progress.hide();
        let words = format!(
            "{} rewrapped, {} with nothing to do, {} failed",
            counted(sum.rewrapped),
            sum.current,
            sum.failed
        );
        if session.global.json {
            output::json(
                &json!({ "summary": { "rewrapped": sum.rewrapped, "current": sum.current, "failed": sum.failed } }),
            )?;
        } else if self.files.len() > 1 || sum.failed == 0 {
            session.say(&words)?;
        }
        match first_failure {
            None => Ok(()),
            Some(failure) if self.files.len() == 1 => Err(failure),
            Some(first) => Err(Failure {
                message: format!("{} of {} failed", sum.failed, counted(self.files.len() as u64)),
                hints: Vec::new(),
                ..first
            }),
        }
    }
}

fn one(
    store: &Store,
    allowed: Allowed<'_>,
    path: &Path,
    context: Option<&Context<'_>>,
    keep_times: bool,
) -> Result<Rewrapped> {
    let name = path.display().to_string();
    let work = Work { cancel: Some(sys::cancel_flag()), ..Work::default() };
    let how = RewrapFile { keep_times, work, ..RewrapFile::default() };
    let rewrapped = envelope::rewrap_file_with(allowed, path, context, &how)
        .map_err(|e| about(&name, session::by_an_alias(store, e)))?;
    if rewrapped.cells_rewrapped + rewrapped.cells_current + rewrapped.cells_freed == 0 {
        return Err(Failure::new(Status::KeyNotFound, format!("{name}: no cell is of a key at hand")).hint(
            format!("see which keys it is under with: keyfold inspect {}", super::opening::quoted(&name)),
        ));
    }
    Ok(rewrapped)
}

fn line(path: &Path, result: &Result<Rewrapped>) -> Value {
    let file = path.to_string_lossy();
    match result {
        Ok(r) => json!({
            "file": file,
            "cells_rewrapped": r.cells_rewrapped,
            "cells_current": r.cells_current,
            "cells_skipped": r.cells_skipped,
            "cells_freed": r.cells_freed,
        }),
        Err(failure) => json!({ "file": file, "error": failure.to_json() }),
    }
}

fn counted(files: u64) -> String {
    if files == 1 { "1 file".into() } else { format!("{files} files") }
}

#[cfg(test)]
mod tests {
    use super::super::exit::Exit;
    use super::*;

    #[test]
    fn a_failure_among_many_keeps_its_exit_code() {
        let failure = about("x.kf", crate::Error::Auth);
        assert_eq!(failure.exit(), Exit::Data);
        assert_eq!(line(Path::new("x.kf"), &Err(failure))["error"]["status"], "AUTH");
    }
}
