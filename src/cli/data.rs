//! `keyfold encrypt` and `decrypt`.

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::args::{ContextArgs, InputArg, OutputArg, StoreContext};
use super::exit::Result;
use super::files::{Input, MAX_ENVELOPE, MAX_INPUT, Output, Privacy};
use super::opening::{OpenArgs, destination, is_data_key, open_data_key, output_for, report, tell};
use super::session::{self, Session};
use crate::Status;
use crate::envelope::{self, Context, DecryptOptions, EncryptOptions};
use crate::keystore::Key;

/// No head is larger.
const MAX_HEAD: usize = 64 << 10;
/// From this size on an envelope gets a free cell, so that a rewrap need not write the whole file anew.
pub(super) const FREE_CELL_FROM: usize = 1 << 20;

#[derive(Args)]
pub(super) struct Encrypt {
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
    output: OutputArg,
    #[command(flatten)]
    input: InputArg,
}

#[derive(Args)]
pub(super) struct Decrypt {
    #[command(flatten)]
    open: OpenArgs,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    input: InputArg,
}

impl Encrypt {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let input = Input::open(self.input.input.as_deref())?;
        session.claim_stdin(input.is_stdin())?;
        let output = output_for(session, &self.output, Privacy::Ordinary, Some(&input))?;
        let packed = session::context(&self.context.context)?;
        let context = Context::unpack(&packed)?;
        let stored = self.store_context.of();

        let store = session.store()?;
        let keys = destination(&store, &self.key, &self.also_key)?;
        let keys: Vec<&Key> = keys.iter().collect();
        let stored_len = stored.size(&context)?;
        // In place behind the head; with one free cell it is as large as it gets unless more are asked for.
        let room = EncryptOptions { free_cells: self.free_cells.unwrap_or(1), ..Default::default() };
        let offset = envelope::head_size_under(&keys, stored_len, &room)?;
        // Room for the tags, so that a large input is not copied for want of it: a 1,024th, and some for small ones.
        let tags = usize::try_from(input.len().unwrap_or(0) / 1024).unwrap_or(0) + 4096;
        let mut buffer = Zeroizing::new(input.read(offset, tags, MAX_INPUT)?);
        let len = buffer.len() - offset;
        let free_cells = self.free_cells.unwrap_or(u8::from(len >= FREE_CELL_FROM));
        let options = EncryptOptions { free_cells, ..Default::default() };
        let size = envelope::encrypted_size_under(&keys, len, stored_len, &options)?;
        if size > buffer.len() {
            buffer.resize(size, 0);
        }
        let size = envelope::encrypt_in_place(&keys, &mut buffer, offset, len, &context, &stored, &options)
            .map_err(|e| session::by_an_alias(&store, e))?;
        output.write(&buffer[..size])?;
        report(session, || {
            json!({
                "output": output.name(),
                "bytes": size,
                "plaintext_bytes": len,
                "keys": keys.iter().map(|k| k.id().to_string()).collect::<Vec<_>>(),
            })
        })
    }
}

impl Decrypt {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let input = Input::open(self.input.input.as_deref())?;
        session.claim_stdin(input.is_stdin())?;
        let to = self.output.output.as_deref();
        let output = Output::new(to, Privacy::Secret, session.global.json, Some(&input))?;
        let (name, argument) = (input.name(), input.argument());
        let packed = session::context(&self.open.context.context)?;
        let context = Context::unpack(&packed)?;
        let store = session.store()?;
        let again = input.again();
        let mut buffer = Zeroizing::new(input.read(0, 0, MAX_ENVELOPE)?);
        if is_data_key(&buffer) {
            return open_data_key(session, &store, &self.open, &buffer, &name, &argument, &output);
        }
        let options =
            DecryptOptions { accept_stored_context: self.open.accept_stored_context, ..Default::default() };
        let opened = self.open.with_allowed(&store, |allowed| {
            let head = buffer[..buffer.len().min(MAX_HEAD)].to_vec();
            let failure = |e| self.open.failure(&store, &name, &argument, e);
            let first = envelope::decrypt_in_place(allowed, &mut buffer, &context, &options);
            match (first, again) {
                // A rewrap in place may have been under way: once more under its lock, FORMAT.md 9.8.
                (Err(e), Some(again)) if unsettled(e.status()) => {
                    buffer = Zeroizing::new(again.locked()?.read(0, 0, MAX_ENVELOPE)?);
                    match buffer.starts_with(&head) {
                        true => Err(failure(e)),
                        false => envelope::decrypt_in_place(allowed, &mut buffer, &context, &options)
                            .map_err(failure),
                    }
                }
                (first, _) => first.map_err(failure),
            }
        })?;
        output.write(&buffer[..opened.len])?;
        tell(session, &store, &self.open, &opened, &output)
    }
}

/// Whether a rewrap in the middle of reading can be the cause.
fn unsettled(status: Status) -> bool {
    matches!(
        status,
        Status::Malformed | Status::Auth | Status::KeyNotFound | Status::KeyNotAllowed | Status::KeyDisabled
    )
}
