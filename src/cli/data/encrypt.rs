//! `keyfold encrypt`.

use clap::Args;
use serde_json::json;

use super::super::args::{ContextArgs, InputArg, OutputArg, StoreContext};
use super::super::exit::Result;
use super::super::files::{Input, Privacy};
use super::super::opening::{destination, output_for, report};
use super::super::progress::Progress;
use super::super::session::{self, Session};
use super::super::sys;
use super::super::tree::{Plan, TreeArgs, convert_folder};
use super::{Direction, Job, Pump, ThreadsArg, convert_file, folders};
use crate::envelope::{Context, EncryptOptions, Encryptor};
use crate::keystore::Key;

#[derive(Args)]
pub(in crate::cli) struct Encrypt {
    /// The key to encrypt under: id or alias
    #[arg(long, short, value_name = "NAME")]
    key: String,
    /// A further key that can open it
    #[arg(long, value_name = "NAME")]
    also_key: Vec<String>,
    #[command(flatten)]
    context: ContextArgs,
    /// What of the context stands in the envelope, for everyone to read
    #[arg(long, value_enum, default_value = "none")]
    store_context: StoreContext,
    /// Room for this many later cells, 0 to 8; without it one from 1 MiB on, and none below
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=8))]
    free_cells: Option<u8>,
    #[command(flatten)]
    threads: ThreadsArg,
    #[command(flatten)]
    tree: TreeArgs,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    input: InputArg,
}

impl Encrypt {
    pub(in crate::cli) fn run(self, session: &Session) -> Result<()> {
        if self.tree.recursive {
            return self.folder(session);
        }
        let input = Input::open(self.input.input.as_deref())?;
        session.claim_stdin(input.is_stdin())?;
        let output = output_for(session, &self.output, Privacy::Ordinary, Some(&input))?;
        let packed = session.context(&self.context.context)?;
        let context = Context::unpack(&packed)?;
        let store = session.store()?;
        let keys = destination(&store, &self.key, &self.also_key)?;
        let keys: Vec<&Key> = keys.iter().collect();
        let stored = self.store_context.of();

        let _patience = sys::Patience::new();
        let progress = Progress::of_bytes(session, "encrypting");
        progress.expect(input.len().unwrap_or(0));
        let mut sink = output.begin()?;
        let (read, written) = match input.len() {
            Some(_) if !sink.is_stream() => {
                let direction =
                    Direction::Encrypt { store: &store, keys: &keys, stored, free_cells: self.free_cells };
                convert_file(
                    &direction,
                    &Job {
                        from: &input.source()?,
                        to: sink.file(),
                        input: &input.name(),
                        output: &output.name(),
                        context: &context,
                        context_pairs: &self.context.context,
                        threads: self.threads.get(),
                        progress: &progress,
                    },
                )?
                .0
            }
            _ => {
                let pump = Pump {
                    input: &input.name(),
                    whole: input.len(),
                    threads: self.threads.get(),
                    progress: &progress,
                };
                pump.encrypt(
                    &input.source()?,
                    &mut |bytes| sink.write(bytes),
                    |large| {
                        let free_cells = self.free_cells.unwrap_or(u8::from(large));
                        Encryptor::new(
                            &keys,
                            &context,
                            &stored,
                            &EncryptOptions { free_cells, ..Default::default() },
                        )
                    },
                    &|e| session::by_an_alias(&store, e).into(),
                )?
            }
        };
        progress.hide();
        sink.finish()?;
        report(session, || {
            json!({
                "output": output.name(),
                "bytes": written,
                "plaintext_bytes": read,
                "keys": keys.iter().map(|k| k.id().to_string()).collect::<Vec<_>>(),
            })
        })
    }

    fn folder(self, session: &Session) -> Result<()> {
        let (from, to) = folders(&self.input, &self.output, "encrypt")?;
        let store = session.store()?;
        let keys = destination(&store, &self.key, &self.also_key)?;
        let keys: Vec<&Key> = keys.iter().collect();
        let direction = Direction::Encrypt {
            store: &store,
            keys: &keys,
            stored: self.store_context.of(),
            free_cells: self.free_cells,
        };
        let plan =
            Plan { direction, tree: &self.tree, context: &self.context.context, threads: self.threads.get() };
        convert_folder(session, &plan, from, to)
    }
}
