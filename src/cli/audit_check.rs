//! `keyfold audit verify`: of the store's own trail, of exported tiles, of a sink's files.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{Failure, Result};
use super::files::Input;
use super::output;
use super::progress::Progress;
use super::session::Session;
use crate::Status;
use crate::audit::{TrailReport, VerifierKey, verify_jsonl, verify_tiles};

#[derive(Args)]
pub(super) struct Verify {
    /// File with a checkpoint that was kept elsewhere: the trail must contain it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tiles", "jsonl"])]
    checkpoint: Option<PathBuf>,
    /// Verify tiles that audit export wrote, without the store
    #[arg(long, value_name = "DIR", requires = "key", conflicts_with = "jsonl")]
    tiles: Option<PathBuf>,
    /// Verify files of --audit-file, the oldest first, without the store
    #[arg(long, value_name = "FILES", requires = "key", num_args = 1..)]
    jsonl: Vec<PathBuf>,
    /// The key of audit key, or a file with it
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
}

impl Verify {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let report = match (&self.tiles, &self.jsonl[..]) {
            (Some(folder), _) => verify_tiles(folder, &self.verifier()?)?,
            (None, []) => self.store(session)?,
            (None, files) => {
                let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
                verify_jsonl(&files, &self.verifier()?)?
            }
        };
        told(session, &report)
    }

    fn store(&self, session: &Session) -> Result<TrailReport> {
        let expected =
            match &self.checkpoint {
                Some(path) => {
                    let input = Input::open(Some(path))?;
                    let name = input.name();
                    let note = String::from_utf8(input.read(0, 0, 64 << 10)?);
                    Some(note.map_err(|_| {
                        Failure::new(Status::TrailInvalid, format!("{name} is not a checkpoint"))
                    })?)
                }
                None => None,
            };
        let store = session.store()?;
        if let Some(pinned) = &self.key {
            // Somebody who replaced the store replaced its key too.
            let (pinned, own) = (verifier(pinned)?, store.info()?.trail_key);
            if pinned.to_string() != own {
                return Err(Failure::new(
                    Status::TrailInvalid,
                    format!("the store's checkpoints are verified by another key: {own}"),
                )
                .hint("compare store ids: this may be another store"));
            }
        }
        let progress = Progress::new(session, "verifying");
        let report = store.verify_trail(expected.as_deref(), &mut |done, of| progress.at(done, of));
        progress.hide();
        Ok(report?)
    }

    fn verifier(&self) -> Result<VerifierKey> {
        // Required where this is called.
        verifier(self.key.as_deref().unwrap_or_default())
    }
}

/// A verifier key, or a file that holds one.
fn verifier(given: &str) -> Result<VerifierKey> {
    match given.parse() {
        Ok(key) => Ok(key),
        Err(_) if Path::new(given).is_file() => {
            let text = Input::open(Some(Path::new(given)))?.read(0, 0, 4096)?;
            Ok(String::from_utf8_lossy(&text).trim().parse()?)
        }
        Err(error) => Err(error.into()),
    }
}

fn told(session: &Session, report: &TrailReport) -> Result<()> {
    if session.global.json {
        output::json(report)?;
    } else if report.ok {
        session.say(whole(report))?;
        if report.unverified == 0 && report.uncovered > 0 {
            session.say(match report.uncovered {
                1 => "the newest event is after the last checkpoint".to_owned(),
                n => format!("the newest {n} events are after the last checkpoint"),
            })?;
        }
        for seq in &report.clock_steps {
            session.say(format!("the clock went back before event {seq}"))?;
        }
    }
    if report.ok {
        return Ok(());
    }
    let Some(bad) = &report.first_bad else {
        let what = format!("none of the {} could be verified", counted(report.events, "event"));
        return Err(Failure::new(Status::TrailInvalid, what).hint(
            "no two checkpoints enclose them: give the older or newer files too, or sign a checkpoint: keyfold audit checkpoint",
        ));
    };
    let what = format!("the first bad entry is event {} ({}): {}", bad.seq, bad.kind, bad.detail);
    let mut failure = Failure::new(Status::TrailInvalid, what).hint(match report.last_good_checkpoint {
        Some(size) => {
            format!("the {} of the last good checkpoint are as they were written", counted(size, "event"))
        }
        None => "no checkpoint before it is good".into(),
    });
    if !report.bad_segments.is_empty() {
        let segments: Vec<String> =
            report.bad_segments.iter().map(|(from, to)| format!("{from} to {}", to - 1)).collect();
        failure = failure.hint(format!(
            "something is wrong between these checkpoints, and nothing outside of them: events {}",
            segments.join(", ")
        ));
    }
    Err(failure)
}

/// What was found to be whole.
fn whole(report: &TrailReport) -> String {
    let checkpoints = counted(report.checkpoints, "checkpoint");
    match report.unverified {
        0 => format!("{} and {checkpoints}, all as they were written", counted(report.events, "event")),
        n => format!(
            "{} of {} verified, by {checkpoints}; of the other {n} nothing here tells whether they are as they were written",
            report.events - n,
            counted(report.events, "event"),
        ),
    }
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
