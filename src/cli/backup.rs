//! `keyfold backup` and `restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::doctor::counted;
use super::exit::{Failure, Result};
use super::life::Sure;
use super::output;
use super::progress::Progress;
use super::session::{NewPassphrase, Session};
use crate::Status;
use crate::keystore::{BackupReport, Location, Store};
use crate::root::Root;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Backup {
    /// File to write; it must not be there yet
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<BackupCommand>,
}

#[derive(Subcommand)]
enum BackupCommand {
    /// Verify a backup, without restoring it and without its store
    Verify {
        /// The backup
        file: PathBuf,
    },
}

#[derive(Args)]
pub(super) struct Restore {
    /// The backup
    file: PathBuf,
    /// The store to make: a path where none is
    #[arg(long, value_name = "STORE")]
    to: String,
    #[command(flatten)]
    second: SecondRoot,
    #[command(flatten)]
    sure: Sure,
}

/// The root of a second principal, where two are needed.
#[derive(Args)]
pub(super) struct SecondRoot {
    /// The root of a second principal, where the store's settings ask for two: file:PATH or passphrase:
    #[arg(long, value_name = "URL")]
    second_root: Option<String>,
    /// Read the second root's passphrase from this descriptor
    #[arg(long, value_name = "N", requires = "second_root")]
    second_passphrase_fd: Option<i32>,
}

impl SecondRoot {
    pub(super) fn root(&self, session: &Session) -> Result<Option<Box<dyn Root>>> {
        let passphrase = NewPassphrase::Second(self.second_passphrase_fd);
        self.second_root.as_deref().map(|url| session.other_root(url, passphrase)).transpose()
    }
}

impl Backup {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        if let Some(BackupCommand::Verify { file }) = self.command {
            let report = Store::verify_backup(&file, &*session.root()?)?;
            return told(session, &report, "is whole");
        }
        let file = self.file.ok_or_else(|| Failure::usage("a backup needs a file to go to"))?;
        let store = session.store()?;
        let progress = Progress::new(session, "backing up");
        let report = store.back_up(&file, &mut |done, of| progress.at(done, of));
        progress.hide();
        told(session, &report?, "is written")?;
        session.note("it opens with the store's roots alone: keep a copy of one apart from it")
    }
}

fn told(session: &Session, report: &BackupReport, what: &str) -> Result<()> {
    match session.global.json {
        true => output::json(report),
        false => session.say(format!(
            "{} {what}: {} and {} events of store {} at epoch {}",
            report.path,
            counted(report.keys),
            report.trail_events,
            report.store_id,
            report.epoch
        )),
    }
}

impl Restore {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let to: Location = self.to.parse()?;
        let root = session.root()?;
        let second = self.second.root(session)?;
        let roots: Vec<&dyn Root> = std::iter::once(&*root).chain(second.as_deref()).collect();
        if let Some(anchor) = Store::known_here(&self.file, &to, &session.open_options())? {
            let question = format!(
                "this host knows the backup's store as one in use ({}): once it is restored, what is in use now is refused here as rolled back. For a drill use --anchor off. Restore it in the place of that one?",
                anchor.display()
            );
            self.sure.confirm(session, &question).map_err(|failure| match failure.status {
                Status::InvalidArgument => Failure::usage(format!(
                    "this host knows the backup's store as one in use ({}), which is refused here once its backup is restored",
                    anchor.display()
                ))
                .hint("for a drill beside it, which it does not notice: --anchor off")
                .hint("to restore in its place: --yes"),
                _ => failure,
            })?;
        }
        let store = Store::restore(&self.file, &to, &roots, &session.open_options())?;
        let info = session.with_sink(store)?.info()?;
        match session.global.json {
            true => output::json(&json!({ "store": info })),
            false => {
                session.say(format!(
                    "restored {} to {}, as incarnation {}",
                    counted(info.keys),
                    to.path.display(),
                    info.incarnation
                ))?;
                session.note("what it was made from is a former life of the store: where an anchor knows of this one, that is refused")
            }
        }
    }
}
