//! `keyfold encrypt`, `decrypt` and `reencrypt`.

use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::args::{ContextArgs, InputArg, OutputArg, StoreContext};
use super::exit::{Failure, Result};
use super::files::{Input, MAX_ENVELOPE, MAX_INPUT, Output, Privacy};
use super::output;
use super::session::{self, Session};
use crate::Status;
use crate::envelope::{
    self, Allowed, Context, DecryptOptions, EncryptOptions, Opened, ReencryptOptions, StoredContext,
};
use crate::error::Error;
use crate::keystore::{Key, Store};
use crate::secret::{OnFork, SecretBytes};

/// No head is larger.
const MAX_HEAD: usize = 64 << 10;
/// From this size on an envelope gets a free cell, so that a rewrap need not write the whole file anew.
const FREE_CELL_FROM: usize = 1 << 20;

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
pub(super) struct OpenArgs {
    /// A key that may open it; without one any key of the store may. May be given several times
    #[arg(long, short, value_name = "NAME")]
    pub(super) key: Vec<String>,
    #[command(flatten)]
    pub(super) context: ContextArgs,
    /// Accept context values that only the envelope gives; whoever moved the envelope moved them too
    #[arg(long)]
    pub(super) accept_stored_context: bool,
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
        let room = EncryptOptions { free_cells: self.free_cells.unwrap_or(1) };
        let offset = envelope::head_size(keys.len(), stored_len, &room)?;
        let mut buffer = Zeroizing::new(input.read(offset, TAGS, MAX_INPUT)?);
        let len = buffer.len() - offset;
        let free_cells = self.free_cells.unwrap_or(u8::from(len >= FREE_CELL_FROM));
        let options = EncryptOptions { free_cells };
        let size = envelope::encrypted_size(len, keys.len(), stored_len, &options)?;
        if size > buffer.len() {
            buffer.resize(size, 0);
        }
        let size = envelope::encrypt_in_place(&keys, &mut buffer, offset, len, &context, &stored, &options)?;
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

/// Enough for the tags of small inputs, so that they are not copied for want of room.
const TAGS: usize = 4096;

impl Decrypt {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let input = Input::open(self.input.input.as_deref())?;
        session.claim_stdin(input.is_stdin())?;
        let output = output_for(session, &self.output, Privacy::Secret, Some(&input))?;
        let (name, argument) = (input.name(), input.argument());
        let packed = session::context(&self.open.context.context)?;
        let context = Context::unpack(&packed)?;
        let store = session.store()?;
        let again = input.again();
        let mut buffer = Zeroizing::new(input.read(0, 0, MAX_ENVELOPE)?);
        if is_data_key(&buffer) {
            return open_data_key(session, &store, &self.open, &buffer, &name, &argument, &output);
        }
        let options = DecryptOptions { accept_stored_context: self.open.accept_stored_context };
        let opened = self.open.with_allowed(&store, |allowed| {
            let head = buffer[..buffer.len().min(MAX_HEAD)].to_vec();
            let failure = |e| self.open.failure(&name, &argument, e);
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
    matches!(status, Status::Malformed | Status::Auth | Status::KeyNotFound | Status::KeyNotAllowed)
}

/// Whether this is a data key blob and not an envelope, by its magic.
fn is_data_key(data: &[u8]) -> bool {
    data.starts_with(b"KFD")
}

/// Opens a data key blob; the key's bytes go from locked memory to the output.
pub(super) fn open_data_key(
    session: &Session,
    store: &Store,
    args: &OpenArgs,
    blob: &[u8],
    name: &str,
    argument: &str,
    output: &Output,
) -> Result<()> {
    let packed = session::context(&args.context.context)?;
    let context = Context::unpack(&packed)?;
    let failure = |e| args.failure(name, argument, e);
    let size = envelope::data_key_size(blob).map_err(failure)?;
    let mut key = SecretBytes::zeroed(size, OnFork::Wipe)?;
    let options = DecryptOptions { accept_stored_context: args.accept_stored_context };
    let opened = args.with_allowed(store, |allowed| {
        envelope::decrypt_data_key_into(allowed, blob, &context, &options, key.expose_mut()).map_err(failure)
    })?;
    output.write(&key.expose()[..opened.len])?;
    tell(session, store, args, &opened, output)
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
        let packed = session::context(&open.context.context)?;
        let context = Context::unpack(&packed)?;
        let store = session.store()?;
        let keys = destination(&store, &self.key, &self.also_key)?;
        let keys: Vec<&Key> = keys.iter().collect();
        let old = input.read(0, 0, MAX_ENVELOPE)?;
        let failure = |e| open.failure(&name, &argument, e);

        let new = open.with_allowed(&store, |allowed| {
            // The context that stays is the whole one, which may be partly the envelope's own.
            let whole;
            let new_packed = if self.no_context {
                session::context(&[])?
            } else if !self.new_context.is_empty() {
                session::context(&self.new_context)?
            } else if self.accept_stored_context {
                let options = DecryptOptions { accept_stored_context: true };
                whole =
                    envelope::authenticated_context(allowed, &old, &context, &options).map_err(failure)?;
                whole
            } else {
                packed.clone()
            };
            let new_context = Context::unpack(&new_packed)?;
            let options = ReencryptOptions {
                accept_stored_context: self.accept_stored_context,
                drop_unreachable: self.drop_unreachable,
                free_cells: u8::from(!is_data_key(&old) && old.len() >= FREE_CELL_FROM),
            };
            envelope::reencrypt(
                allowed,
                &old,
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
        output.write(&new)?;
        report(session, || {
            json!({
                "output": output.name(),
                "bytes": new.len(),
                "keys": keys.iter().map(|k| k.id().to_string()).collect::<Vec<_>>(),
            })
        })
    }
}

impl OpenArgs {
    /// Runs `f` with the keys that may open the data.
    pub(super) fn with_allowed<R>(
        &self,
        store: &Store,
        f: impl FnOnce(Allowed<'_>) -> Result<R>,
    ) -> Result<R> {
        with_allowed(store, &self.key, f)
    }

    /// An error about the data, with the way to find out more.
    fn failure(&self, name: &str, argument: &str, error: Error) -> Failure {
        let explainable = argument != "-" && error == Error::Auth;
        let failure = about(name, error);
        match explainable {
            true => {
                let context: String =
                    self.context.context.iter().map(|c| format!(" --context {}", quoted(c))).collect();
                failure.hint(format!(
                    "see which part disagrees, without decrypting: keyfold explain {}{context}",
                    quoted(argument)
                ))
            }
            false => failure,
        }
    }
}

/// Runs `f` with the keys of these names, or with any key of the store if there are none.
pub(super) fn with_allowed<R>(
    store: &Store,
    names: &[String],
    f: impl FnOnce(Allowed<'_>) -> Result<R>,
) -> Result<R> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let keys = session::keys(store, &names)?;
    let keys: Vec<&Key> = keys.iter().collect();
    f(if keys.is_empty() { Allowed::AnyKeyOf(store) } else { Allowed::Keys(&keys) })
}

/// An error about the contents of `name`.
pub(super) fn about(name: &str, error: Error) -> Failure {
    let message = match &error {
        Error::Auth => {
            Some(format!("could not authenticate {name} (wrong key, wrong context, or changed data)"))
        }
        Error::NotAnEnvelope => Some(format!("{name} is not a Keyfold envelope or data key blob")),
        Error::KeyNotAllowed => Some(format!("{name} is under a key other than the one named")),
        Error::Malformed { .. }
        | Error::UnsupportedFormat { .. }
        | Error::NoUsableCell
        | Error::InvalidKeyMaterial { .. }
        | Error::ContextRequired { .. } => Some(format!("{name}: {error}")),
        _ => None,
    };
    let failure = Failure::from(error);
    Failure { message: message.unwrap_or(failure.message), ..failure }
}

fn destination(store: &Store, key: &str, also: &[String]) -> Result<Vec<Key>> {
    let names: Vec<&str> = std::iter::once(key).chain(also.iter().map(String::as_str)).collect();
    session::keys(store, &names)
}

pub(super) fn output_for(
    session: &Session,
    output: &OutputArg,
    privacy: Privacy,
    input: Option<&Input>,
) -> Result<Output> {
    Output::new(output.output.as_deref(), privacy, session.global.json, input)
}

/// JSON, if it is asked for; people see the file.
pub(super) fn report(session: &Session, value: impl FnOnce() -> Value) -> Result<()> {
    if session.global.json { output::json(&value()) } else { Ok(()) }
}

/// Which key opened it, and the context that was taken from the envelope itself.
fn tell(session: &Session, store: &Store, args: &OpenArgs, opened: &Opened, output: &Output) -> Result<()> {
    let pairs: Option<Vec<(String, String)>> = match &opened.context {
        Some(bytes) => {
            Some(Context::unpack(bytes)?.pairs().map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
        }
        None => None,
    };
    if session.global.json {
        let context = pairs.map(|p| p.into_iter().map(|(n, v)| (n, Value::from(v))).collect::<Value>());
        return output::json(&json!({
            "output": output.name(),
            "bytes": opened.len,
            "key_id": opened.key_id.to_string(),
            "version": opened.version,
            "context": context,
        }));
    }
    if args.key.is_empty() && std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        let name = super::keys::names_of(store, &[opened.key_id]).concat();
        session.note(&format!("opened under key {name}, version {}", opened.version))?;
    }
    if let Some(pairs) = pairs.filter(|p| !p.is_empty()) {
        let pairs: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
        session.note(&format!("the envelope's own context: {}", pairs.join(", ")))?;
    }
    Ok(())
}

impl StoreContext {
    pub(super) fn of(self) -> StoredContext<'static> {
        match self {
            StoreContext::None => StoredContext::None,
            StoreContext::Names => StoredContext::Names,
            StoreContext::All => StoredContext::All,
        }
    }
}

/// An argument as a shell takes it.
pub(super) fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./=:@%+,-".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_can_be_pasted_into_a_shell() {
        for argument in ["plain.kf", "a b", "it's", "", "$(x)", "tenant=Zürich"] {
            let line = format!("printf %s {}", quoted(argument));
            let shell = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            assert_eq!(String::from_utf8(shell.stdout).unwrap(), argument);
        }
        assert_eq!(quoted("a/b-c.kf"), "a/b-c.kf");
    }
}
