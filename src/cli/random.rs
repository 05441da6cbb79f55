//! `keyfold random`.

use clap::Args;
use serde_json::json;

use super::args::OutputArg;
use super::exit::Result;
use super::files::Privacy;
use super::opening::{output_for, report};
use super::session::Session;
use crate::crypto;
use crate::secret::{OnFork, SecretBytes};

#[derive(Args)]
pub(super) struct Random {
    /// How many
    #[arg(value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1..=1024))]
    bytes: u16,
    #[command(flatten)]
    output: OutputArg,
}

impl Random {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        // What they are for is not known, so they are treated as a secret.
        let output = output_for(session, &self.output, Privacy::Secret, None)?;
        let mut bytes = SecretBytes::zeroed(self.bytes.into(), OnFork::Wipe)?;
        crypto::fill_random(bytes.expose_mut())?;
        output.write(bytes.expose())?;
        report(session, || json!({ "output": output.name(), "bytes": self.bytes }))
    }
}
