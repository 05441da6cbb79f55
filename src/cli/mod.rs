//! The command line, `keyfold`: argument checks, files, words; no cryptography of its own. `docs/CLI.md` is the
//! specification of exit codes and JSON.
//!
//! A file a command group; beside them the grammar (`args`), failures and exit codes (`exit`, `hints`), what
//! is printed (`output`, `progress`), files that appear whole or not at all (`files`), passphrases
//! (`prompt`), and the three things that need the system itself (`sys`).

mod approvals;
mod args;
mod audit;
mod audit_check;
mod backup;
mod data;
mod datakey;
mod describe;
mod doctor;
mod doctor_store;
mod exit;
mod files;
mod grants;
mod help;
mod hints;
mod init;
mod inspect;
mod keys;
mod life;
mod mac;
mod material;
mod opening;
mod operations;
mod output;
mod policy;
mod progress;
mod prompt;
mod random;
mod reencrypt;
mod rewrap;
mod roots;
mod seal;
mod session;
mod stores;
mod sys;
mod transfer;
mod tree;
mod usage;

use std::panic;
use std::process::ExitCode;
use std::sync::Mutex;

use clap::Parser;

use args::{Cli, Command};
use exit::{Exit, Failure, Result};
use session::Session;

use crate::Status;

static PANICKED_AT: Mutex<Option<String>> = Mutex::new(None);

/// Runs the command given by the process's arguments.
pub fn main() -> ExitCode {
    sys::tidy_up_on_signals();
    // Said below, in the form of every other error: where, and never with what.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|l| format!("{}:{}", l.file(), l.line()));
        *PANICKED_AT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = place;
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error).into(),
    };
    let json = cli.global.json;
    // Unwinding removes temporary files and puts the terminal right on the way.
    let result = panic::catch_unwind(|| run(cli)).unwrap_or_else(|_| {
        let place = PANICKED_AT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let place = place.unwrap_or_else(|| "an unknown place".into());
        Err(Failure::new(Status::Internal, format!("internal error: a defect of this program at {place}"))
            .hint("please report it with the command and the version"))
    });
    let exit = match result {
        Ok(()) => Exit::Done,
        // The signal says it.
        Err(failure) if failure.status == Status::Cancelled && sys::cancelled_by().is_some() => {
            failure.exit()
        }
        Err(failure) => failure.report(json),
    };
    if let Some(signal) = sys::cancelled_by() {
        sys::end_by(signal);
    }
    exit.into()
}

fn run(cli: Cli) -> Result<()> {
    let session = Session { global: cli.global };
    match cli.command {
        Command::Init(init) => init.run(&session),
        Command::Key(key) => key.run(&session),
        Command::Encrypt(encrypt) => encrypt.run(&session),
        Command::Decrypt(decrypt) => decrypt.run(&session),
        Command::Rewrap(rewrap) => rewrap.run(&session),
        Command::Census(census) => census.run(&session),
        Command::Reencrypt(reencrypt) => reencrypt.run(&session),
        Command::Datakey(datakey) => datakey.run(&session),
        Command::Seal(seal) => seal.run(&session),
        Command::Mac(mac) => mac.run(&session),
        Command::VerifyMac(verify) => verify.run(&session),
        Command::Random(random) => random.run(&session),
        Command::Grant(grant) => grant.run(&session),
        Command::Can(can) => can.run(&session),
        Command::Approve(approve) => approve.run(&session),
        Command::Approvals(approvals) => approvals.run(&session),
        Command::Audit(audit) => audit.run(&session),
        Command::Store(store) => store.run(&session),
        Command::Backup(backup) => backup.run(&session),
        Command::Restore(restore) => restore.run(&session),
        Command::Heartbeat => stores::heartbeat(&session),
        Command::Inspect(inspect) => inspect.run(&session),
        Command::Explain(explain) => explain.run(&session),
        Command::Root(root) => root.run(&session),
        Command::Doctor(doctor) => doctor.run(&session),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
        Command::Help(help) => help.run(),
    }
}
