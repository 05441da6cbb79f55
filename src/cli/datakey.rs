//! `keyfold datakey`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::args::{ContextArgs, OutputArg, StoreContext};
use super::exit::{Failure, Result};
use super::files::{Input, Output, Privacy};
use super::opening::{OpenArgs, open_data_key, output_for, report};
use super::session::{self, Session};
use crate::envelope::{self, Context};
use crate::keystore::Key;
use crate::secret::{OnFork, SecretBytes};

/// Most bytes of a data key blob: fixed part, stored context, cell area.
const MAX_BLOB: u64 = 64 << 10;

#[derive(Args)]
pub(super) struct Datakey {
    /// The key that the data key is wrapped under; with --open, the keys that may open it (default: any)
    #[arg(long, short, value_name = "NAME", required_unless_present = "open")]
    key: Vec<String>,
    /// A further key that can open the blob
    #[arg(long, value_name = "NAME", conflicts_with = "open")]
    also_key: Vec<String>,
    /// Size of the data key
    #[arg(long, value_name = "N", default_value = "32", value_parser = clap::value_parser!(u16).range(16..=1024))]
    bytes: u16,
    #[command(flatten)]
    context: ContextArgs,
    /// What of the context stands in the blob, for everyone to read
    #[arg(long, value_enum, default_value = "none", conflicts_with = "open")]
    store_context: StoreContext,
    /// Also write the data key itself to this file, readable by you alone
    #[arg(long, value_name = "FILE")]
    plaintext_out: Option<PathBuf>,
    /// Open this blob, and write the data key to --plaintext-out, -o or standard output
    #[arg(long, value_name = "BLOB", conflicts_with = "bytes")]
    open: Option<PathBuf>,
    /// With --open: accept context values that only the blob gives
    #[arg(long, requires = "open")]
    accept_stored_context: bool,
    #[command(flatten)]
    output: OutputArg,
}

impl Datakey {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        match self.open {
            Some(_) => self.open(session),
            None => self.make(session),
        }
    }

    fn make(self, session: &Session) -> Result<()> {
        if self.key.len() > 1 {
            return Err(
                Failure::usage("a data key is made under one --key").hint("name the others with --also-key")
            );
        }
        let blob_out = output_for(session, &self.output, Privacy::Ordinary, None)?;
        let plaintext_out = match &self.plaintext_out {
            Some(path) => Some(Output::new(Some(path), Privacy::Secret, session.global.json, None)?),
            None => None,
        };
        if plaintext_out.as_ref().is_some_and(|p| p.name() == blob_out.name()) {
            return Err(Failure::usage("the data key and its blob need two outputs")
                .hint("name another file with -o"));
        }
        let packed = session.context(&self.context.context)?;
        let context = Context::unpack(&packed)?;
        let stored = self.store_context.of();
        let store = session.store()?;
        let names: Vec<&str> = self.key.iter().chain(&self.also_key).map(String::as_str).collect();
        let keys = session::keys(&store, &names)?;
        let keys: Vec<&Key> = keys.iter().collect();
        let size = usize::from(self.bytes);
        let mut blob = vec![0; envelope::data_key_blob_size_under(&keys, size, stored.size(&context)?)?];
        let mut plaintext = match &plaintext_out {
            Some(_) => Some(SecretBytes::zeroed(size, OnFork::Wipe)?),
            None => None,
        };
        let key = plaintext.as_mut().map(SecretBytes::expose_mut);
        let len = envelope::generate_data_key(&keys, size, &context, &stored, key, &mut blob)
            .map_err(|e| session::by_an_alias(&store, e))?;
        // The blob first: a data key that was used and whose blob is lost is data lost.
        blob_out.write(&blob[..len])?;
        if let (Some(output), Some(key)) = (&plaintext_out, &plaintext) {
            output.write(key.expose())?;
        }
        report(session, || {
            json!({
                "output": blob_out.name(),
                "bytes": len,
                "plaintext_bytes": size,
                "plaintext_out": plaintext_out.as_ref().map(Output::name),
                "keys": keys.iter().map(|k| k.id().to_string()).collect::<Vec<_>>(),
            })
        })
    }

    fn open(self, session: &Session) -> Result<()> {
        if self.plaintext_out.is_some() && self.output.output.is_some() {
            return Err(Failure::usage("--open has one output").hint("give --plaintext-out or -o"));
        }
        let input = Input::open(self.open.as_deref())?;
        session.claim_stdin(input.is_stdin())?;
        let target = OutputArg { output: self.plaintext_out.or(self.output.output) };
        let output = output_for(session, &target, Privacy::Secret, Some(&input))?;
        let args = OpenArgs {
            key: self.key,
            context: self.context,
            accept_stored_context: self.accept_stored_context,
        };
        let store = session.store()?;
        let (name, argument) = (input.name(), input.argument());
        let blob = input.read(0, 0, MAX_BLOB)?;
        open_data_key(session, &store, &args, &blob, &name, &argument, &output)
    }
}
