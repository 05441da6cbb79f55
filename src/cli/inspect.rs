//! `keyfold inspect` and `explain`.

use std::path::PathBuf;

use clap::Args;

use super::args::ContextArgs;
use super::exit::{Exit, Failure, Result};
use super::files::Input;
use super::hints::flags;
use super::opening::about;
use super::output;
use super::session::{Session, key_name};
use crate::Status;
use crate::envelope::{self, Context};
use crate::error::TABLE;

/// Every head fits into this.
const MAX_HEAD: u64 = 64 << 10;

#[derive(Args)]
pub(super) struct Inspect {
    /// An envelope or data key blob (- for standard input)
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args)]
pub(super) struct Explain {
    /// Explain what decrypt with this --key would say; without one, what it would with any key. May be given several times
    #[arg(long, short, value_name = "NAME")]
    key: Vec<String>,
    #[command(flatten)]
    context: ContextArgs,
    /// An envelope or data key blob (- for standard input)
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Inspect {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let input = Input::open(Some(&self.file))?;
        let name = input.name();
        let (head, total) = input.read_head(MAX_HEAD)?;
        let inspection = envelope::inspect(&head, total).map_err(|e| about(&name, e))?;
        match session.global.json {
            true => output::json(&inspection),
            false => output::lines(&inspection.to_string()),
        }
    }
}

impl Explain {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let input = Input::open(Some(&self.file))?;
        session.claim_stdin(input.is_stdin())?;
        let packed = session.context(&self.context.context)?;
        let context = Context::unpack(&packed)?;
        let allowed = self.key.iter().map(|name| key_name(name)).collect::<Result<Vec<_>>>()?;
        let (head, total) = input.read_head(MAX_HEAD)?;
        let store = session.store_or_error()?;
        let allowed = (!allowed.is_empty()).then_some(&allowed[..]);
        let explanation = envelope::explain(store.as_ref(), allowed, &head, total, &context);
        match session.global.json {
            true => output::json(&explanation)?,
            false => output::lines(&flags(&explanation.to_string()))?,
        }
        // It ends as decryption would, so that a script can ask; the words are on standard output already.
        match TABLE.iter().find(|row| row.1 == explanation.answer).map_or(Status::Internal, |row| row.0) {
            Status::Ok => Ok(()),
            status => Err(Failure { quiet: Some(Exit::of(status)), ..Failure::new(status, "") }),
        }
    }
}
