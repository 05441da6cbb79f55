//! `keyfold seal` and `key public`: encryption by those who cannot decrypt.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::args::{ContextArgs, InputArg, OutputArg, StoreContext};
use super::data::Pump;
use super::exit::{Failure, Result};
use super::files::{Input, Privacy};
use super::opening::{output_for, report};
use super::progress::Progress;
use super::session::{Session, by_the_name, key_name};
use super::sys;
use crate::envelope::{Context, Encryptor};
use crate::keystore::SealingKey;

/// Most bytes of a public key's file.
const MAX_PUBLIC: u64 = 16 << 10;

#[derive(Args)]
pub(super) struct Seal {
    /// File with a sealing key's public half, as key public writes it. May be given several times
    #[arg(long, value_name = "FILE", required = true)]
    to: Vec<PathBuf>,
    #[command(flatten)]
    context: ContextArgs,
    /// What of the context stands in the envelope, for everyone to read
    #[arg(long, value_enum, default_value = "none")]
    store_context: StoreContext,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    input: InputArg,
}

#[derive(Args)]
pub(super) struct Public {
    /// Key id or alias of a sealing key
    name: String,
    #[command(flatten)]
    output: OutputArg,
}

impl Seal {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let input = Input::open(self.input.input.as_deref())?;
        let output = output_for(session, &self.output, Privacy::Ordinary, Some(&input))?;
        let packed = session.context(&self.context.context)?;
        let context = Context::unpack(&packed)?;
        let stored = self.store_context.of();
        let public = |path: &PathBuf| {
            let input = Input::open(Some(path))?;
            let name = input.name();
            SealingKey::from_bytes(&input.read(0, 0, MAX_PUBLIC)?).map_err(|error| {
                let hints = vec!["have it written anew with: keyfold key public NAME -o FILE".to_owned()];
                Failure { hints, ..super::opening::about(&name, error) }
            })
        };
        let keys = self.to.iter().map(public).collect::<Result<Vec<_>>>()?;
        let keys: Vec<&SealingKey> = keys.iter().collect();
        let _patience = sys::Patience::new();
        let progress = Progress::of_bytes(session, "encrypting");
        let mut sink = output.begin()?;
        let (read, written) =
            Pump { input: &input.name(), whole: input.len(), threads: 0, progress: &progress }.encrypt(
                &input.source()?,
                &mut |bytes| sink.write(bytes),
                |_| Encryptor::to_public(&keys, &context, &stored),
                &|e| e.into(),
            )?;
        progress.hide();
        sink.finish()?;
        report(session, || {
            json!({
                "output": output.name(),
                "bytes": written,
                "plaintext_bytes": read,
                "keys": keys.iter().map(|key| key.key_id.to_string()).collect::<Vec<_>>(),
            })
        })
    }
}

impl Public {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let output = output_for(session, &self.output, Privacy::Ordinary, None)?;
        let key = session.store()?.key(&key_name(&self.name)?).map_err(|e| by_the_name(&self.name, e))?;
        let public = key.public_key().map_err(|e| by_the_name(&self.name, e))?;
        let bytes = public.to_bytes();
        output.write(&bytes)?;
        report(session, || {
            json!({
                "output": output.name(),
                "bytes": bytes.len(),
                "key_id": public.key_id.to_string(),
                "version": public.version,
            })
        })
    }
}
