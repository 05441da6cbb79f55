//! `keyfold reencrypt`.

use std::os::unix::fs::FileExt;

use clap::Args;
use serde_json::json;

use super::args::{ContextArgs, InputArg, OutputArg, StoreContext};
use super::data::FREE_CELL_FROM;
use super::exit::{Failure, Result};
use super::files::{Input, MAX_ENVELOPE, Privacy};
use super::opening::{OpenArgs, destination, is_data_key, output_for, report};
use super::session::Session;
use super::sys;
use crate::Status;
use crate::envelope::{self, Context, DecryptOptions, ReencryptOptions};
use crate::error::Error;
use crate::keystore::Key;

#[derive(Args)]
pub(super) struct Reencrypt {
    /// The key that the new envelope is under: id or alias
    #[arg(long, short, value_name = "NAME")]
    key: String,
    /// A further key that can open the new one
    #[arg(long, value_name = "NAME")]
    also_key: Vec<String>,
    /// A key that may open the old one; without one any key of the store may. May be given several times
    #[arg(long, value_name = "NAME")]
    source_key: Vec<String>,
    #[command(flatten)]
    context: ContextArgs,
    /// A pair of the new context. May be given several times; without one the context stays
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "no_context")]
    new_context: Vec<String>,
    /// Give the new envelope no context
    #[arg(long)]
    no_context: bool,
    /// What of the new context stands in the envelope, for everyone to read
    #[arg(long, value_enum, default_value = "none")]
    store_context: StoreContext,
    /// Accept context values that only the old envelope gives
    #[arg(long)]
    accept_stored_context: bool,
    /// Drop cells of keys that are out of reach
    #[arg(long)]
    drop_unreachable: bool,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    input: InputArg,
}

impl Reencrypt {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let input = Input::open(self.input.input.as_deref())?;
        session.claim_stdin(input.is_stdin())?;
        let output = output_for(session, &self.output, Privacy::Ordinary, Some(&input))?;
        let open = OpenArgs {
            key: self.source_key,
            context: self.context,
            accept_stored_context: self.accept_stored_context,
        };
        let (name, argument) = (input.name(), input.argument());
        let packed = session.context(&open.context.context)?;
        let context = Context::unpack(&packed)?;
        let _patience = sys::Patience::new();
        let store = session.store()?;
        let keys = destination(&store, &self.key, &self.also_key)?;
        let keys: Vec<&Key> = keys.iter().collect();
        let old = Old::of(input)?;
        let failure = |e| open.failure(&store, &name, &argument, e);

        let new = open.with_allowed(&store, |allowed| {
            // The context that stays is the whole one, which may be partly the envelope's own.
            let whole;
            let new_packed = if self.no_context {
                session.context(&[])?
            } else if !self.new_context.is_empty() {
                session.context(&self.new_context)?
            } else if self.accept_stored_context {
                let options = DecryptOptions { accept_stored_context: true, ..Default::default() };
                whole = envelope::authenticated_context(allowed, &old.front, &context, &options)
                    .map_err(failure)?;
                whole
            } else {
                packed.clone()
            };
            let new_context = Context::unpack(&new_packed)?;
            let options = ReencryptOptions {
                accept_stored_context: self.accept_stored_context,
                drop_unreachable: self.drop_unreachable,
                free_cells: u8::from(!is_data_key(&old.front) && old.whole >= FREE_CELL_FROM as u64),
            };
            envelope::reencrypt_front(
                allowed,
                &old.front,
                old.whole,
                &context,
                &keys,
                &new_context,
                &self.store_context.of(),
                &options,
            )
            .map_err(|e| match e {
                Error::NoUsableCell if !self.drop_unreachable => failure(e)
                    .hint("if it has cells of keys that are not here, drop them with --drop-unreachable"),
                e => failure(e),
            })
        })?;
        let mut sink = output.begin()?;
        sink.write(&new)?;
        let payload = old.payload(&mut |bytes| sink.write(bytes))?;
        sink.finish()?;
        report(session, || {
            json!({
                "output": output.name(),
                "bytes": new.len() as u64 + payload,
                "keys": keys.iter().map(|k| k.id().to_string()).collect::<Vec<_>>(),
            })
        })
    }
}

/// No head, and no data key blob, is larger.
const MAX_HEAD: usize = 64 << 10;

/// What is read and copied at once.
const PIECE: usize = 256 << 10;

/// The old envelope: of a regular file the front, of anything else all there is.
struct Old {
    front: Vec<u8>,
    whole: u64,
    rest: Option<Input>,
}

impl Old {
    fn of(input: Input) -> Result<Old> {
        let whole = input.len().unwrap_or(0);
        if whole <= MAX_HEAD as u64 {
            let front = input.read(0, 0, MAX_ENVELOPE)?;
            return Ok(Old { whole: front.len() as u64, front, rest: None });
        }
        let mut front = vec![0; MAX_HEAD];
        input.source()?.read_exact_at(&mut front, 0).map_err(|e| input.failed(&e))?;
        Ok(Old { front, whole, rest: Some(input) })
    }

    /// Gives out what stands behind the head, and tells how much that was.
    fn payload(&self, give: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<u64> {
        let head = envelope::head_len(&self.front)?;
        let Some(input) = &self.rest else {
            give(&self.front[head..])?;
            return Ok(self.whole - head as u64);
        };
        let (source, mut at) = (input.source()?, head as u64);
        let mut piece = vec![0; PIECE];
        while at < self.whole {
            if sys::cancelled_by().is_some() {
                return Err(Failure::new(Status::Cancelled, "interrupted"));
            }
            let piece = &mut piece[..usize::try_from(self.whole - at).map_or(PIECE, |left| left.min(PIECE))];
            source.read_exact_at(piece, at).map_err(|e| input.failed(&e))?;
            give(piece)?;
            at += piece.len() as u64;
        }
        Ok(self.whole - head as u64)
    }
}
