//! `keyfold rewrap`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::args::ContextArgs;
use super::exit::{Failure, Result};
use super::opening::{about, with_allowed};
use super::output;
use super::progress::Progress;
use super::session::{self, Session};
use crate::Status;
use crate::envelope::{self, Allowed, Context, Rewrapped};
use crate::keystore::Store;

#[derive(Args)]
pub(super) struct Rewrap {
    /// Rewrap cells of this key only; without it those of every key of the store. May be given several times
    #[arg(long, short, value_name = "NAME")]
    key: Vec<String>,
    /// Not needed; with it, given whole, each file is checked against it first
    #[command(flatten)]
    context: ContextArgs,
    /// Envelopes and data key blobs
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Default)]
struct Sum {
    rewrapped: u64,
    current: u64,
    failed: u64,
}

impl Rewrap {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let packed = session::context(&self.context.context)?;
        let context = Context::unpack(&packed)?;
        let context = (!self.context.context.is_empty()).then_some(&context);
        let store = session.store()?;
        with_allowed(&store, &self.key, |allowed| self.all(session, &store, allowed, context))
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
        let mut progress = Progress::new(session, "rewrapping");
        for (done, path) in (0u64..).zip(&self.files) {
            progress.at(done, self.files.len() as u64);
            let result = one(store, allowed, path, context);
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

fn one(store: &Store, allowed: Allowed<'_>, path: &Path, context: Option<&Context<'_>>) -> Result<Rewrapped> {
    let name = path.display().to_string();
    let rewrapped = envelope::rewrap_file(allowed, path, context)
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
