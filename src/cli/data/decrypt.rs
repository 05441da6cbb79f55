//! `keyfold decrypt`.

use std::fs::File;
use std::os::unix::fs::FileExt;

use clap::Args;

use super::super::args::{InputArg, OutputArg};
use super::super::exit::{Failure, Result};
use super::super::files::{Input, Output, Privacy};
use super::super::opening::{OpenArgs, Opening, is_data_key, open_data_key, tell};
use super::super::progress::Progress;
use super::super::session::Session;
use super::super::sys;
use super::super::tree::{Plan, TreeArgs, convert_folder};
use super::range::Range;
use super::{Direction, Job, MAX_SHOWN, Pump, ThreadsArg, convert_file, folders};
use crate::envelope::{Context, Opened};

#[derive(Args)]
pub(in crate::cli) struct Decrypt {
    #[command(flatten)]
    open: OpenArgs,
    /// Only these bytes of the message: OFFSET:LENGTH, OFFSET: to its end, or -N: for its last N bytes
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true, conflicts_with = "recursive")]
    range: Option<Range>,
    #[command(flatten)]
    threads: ThreadsArg,
    #[command(flatten)]
    tree: TreeArgs,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    input: InputArg,
}

impl Decrypt {
    pub(in crate::cli) fn run(self, session: &Session) -> Result<()> {
        if self.tree.recursive {
            return self.folder(session);
        }
        let input = Input::open(self.input.input.as_deref())?;
        session.claim_stdin(input.is_stdin())?;
        let to = self.output.output.as_deref();
        let output = Output::new(to, Privacy::Secret, session.global.json, Some(&input))?;
        let packed = session.context(&self.open.context.context)?;
        let context = Context::unpack(&packed)?;
        let store = session.store()?;
        let opening = Opening::new(&store, &self.open)?;
        let _patience = sys::Patience::new();
        if let Some(range) = &self.range {
            return range.run(session, &opening, &context, &input, &output, self.threads.get());
        }
        let progress = Progress::of_bytes(session, "decrypting");
        progress.expect(input.len().unwrap_or(0));
        let source = input.source()?;
        let name = input.name();
        let file_to_file = input.len().is_some() && matches!(output, Output::File { .. });
        let opened = match file_to_file && !is_data_key(&front(&source, &input)?) {
            true => {
                let sink = output.begin()?;
                let job = Job {
                    from: &source,
                    to: sink.file(),
                    input: &name,
                    output: &output.name(),
                    context: &context,
                    context_pairs: &self.open.context.context,
                    threads: self.threads.get(),
                    progress: &progress,
                };
                let (_, opened) = convert_file(&Direction::Decrypt { opening: &opening }, &job)?;
                progress.hide();
                sink.finish()?;
                opened
            }
            false => {
                let pump = Pump {
                    input: &name,
                    whole: input.len(),
                    threads: self.threads.get(),
                    progress: &progress,
                };
                match self.in_order(session, &pump, &input, &source, &output, &opening, &context)? {
                    Some(opened) => opened,
                    None => return Ok(()),
                }
            }
        };
        progress.hide();
        tell(session, &store, &self.open, &opened, &output)
    }

    /// From or to what is no file. None where it was a data key blob, and all is said.
    #[allow(clippy::too_many_arguments)]
    fn in_order(
        &self,
        session: &Session,
        pump: &Pump<'_>,
        input: &Input,
        source: &File,
        output: &Output,
        opening: &Opening<'_>,
        context: &Context<'_>,
    ) -> Result<Option<Opened>> {
        let (store, name, argument) = (opening.store, input.name(), input.argument());
        let failure = |e| self.open.failure(store, &name, &argument, e);
        let first = pump.first(source)?;
        if is_data_key(&first) {
            open_data_key(session, store, &self.open, &first, &name, &argument, output)?;
            return Ok(None);
        }
        let again = input.again();
        if matches!(output, Output::Terminal) {
            // Text or nothing, which is known when all of it is.
            let mut message = zeroize::Zeroizing::new(Vec::new());
            let mut show = |bytes: &[u8]| match message.len() + bytes.len() {
                ..=MAX_SHOWN => {
                    message.extend_from_slice(bytes);
                    Ok(())
                }
                _ => Err(Failure::usage(format!("{name} is too long to be shown"))
                    .hint("use -o FILE, or -o - to force it")),
            };
            let opened = pump.decrypt(source, first, opening, context, again, &failure, &mut show)?;
            pump.progress.hide();
            output.write(&message)?;
            return Ok(Some(opened));
        }
        let mut sink = output.begin()?;
        let mut written = 0;
        let mut write = |bytes: &[u8]| {
            written += bytes.len();
            sink.write(bytes)
        };
        let opened = pump.decrypt(source, first, opening, context, again, &failure, &mut write);
        let opened = opened.map_err(|failure| match sink.is_stream() && written > 0 {
            true => failure.hint(front_only(written, output)),
            false => failure,
        })?;
        pump.progress.hide();
        sink.finish()?;
        Ok(Some(opened))
    }

    fn folder(self, session: &Session) -> Result<()> {
        let (from, to) = folders(&self.input, &self.output, "decrypt")?;
        let store = session.store()?;
        let opening = Opening::new(&store, &self.open)?;
        let plan = Plan {
            direction: Direction::Decrypt { opening: &opening },
            tree: &self.tree,
            context: &self.open.context.context,
            threads: self.threads.get(),
        };
        convert_folder(session, &plan, from, to)
    }
}

/// The first bytes of a file, which stays where it is.
fn front(file: &File, input: &Input) -> Result<[u8; 4]> {
    let mut front = [0; 4];
    file.read_at(&mut front, 0).map_err(|e| input.failed(&e))?;
    Ok(front)
}

fn front_only(written: usize, output: &Output) -> String {
    let output = match output {
        Output::Special(path) => path.display().to_string(),
        _ => "standard output".into(),
    };
    format!(
        "the {written} bytes that went to {output} are authentic, but only the front of a message: do not take them for the whole"
    )
}
