//! What the commands share that open envelopes and data key blobs: which keys may, what failed, and what came of it.

use clap::Args;
use serde_json::{Value, json};

use super::args::{ContextArgs, OutputArg, StoreContext};
use super::exit::{Failure, Result};
use super::files::{Input, Output, Privacy};
use super::output;
use super::session::{self, Session};
use crate::envelope::{self, Allowed, AllowedKeys, Context, DecryptOptions, Opened, StoredContext};
use crate::error::Error;
use crate::keystore::{Key, Store};
use crate::secret::{OnFork, SecretBytes};

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
    pub(super) fn failure(&self, store: &Store, name: &str, argument: &str, error: Error) -> Failure {
        failure(store, &self.context.context, name, argument, error)
    }
}

/// What may open data, held as long as a command needs it.
pub(super) struct Opening<'a> {
    pub(super) store: &'a Store,
    pub(super) args: &'a OpenArgs,
    keys: Vec<Key>,
}

impl<'a> Opening<'a> {
    pub(super) fn new(store: &'a Store, args: &'a OpenArgs) -> Result<Opening<'a>> {
        let names: Vec<&str> = args.key.iter().map(String::as_str).collect();
        Ok(Opening { store, args, keys: session::keys(store, &names)? })
    }

    /// The keys, or the whole store where none is named.
    pub(super) fn keys(&self) -> AllowedKeys {
        match self.keys.is_empty() {
            true => AllowedKeys::AnyKeyOf(self.store.clone()),
            false => AllowedKeys::Keys(self.keys.clone()),
        }
    }

    /// The same for a call.
    pub(super) fn with_allowed<R>(&self, f: impl FnOnce(Allowed<'_>) -> R) -> R {
        let keys: Vec<&Key> = self.keys.iter().collect();
        f(if keys.is_empty() { Allowed::AnyKeyOf(self.store) } else { Allowed::Keys(&keys) })
    }

    pub(super) fn options(&self) -> DecryptOptions<'static> {
        DecryptOptions { accept_stored_context: self.args.accept_stored_context, ..Default::default() }
    }
}

/// An error about data under a context, with the way to find out more.
pub(super) fn failure(store: &Store, pairs: &[String], name: &str, argument: &str, error: Error) -> Failure {
    let explainable = argument != "-" && error == Error::Auth;
    let failure = about(name, session::by_an_alias(store, error));
    match explainable {
        true => {
            let context: String = pairs.iter().map(|c| format!(" --context {}", quoted(c))).collect();
            failure.hint(format!(
                "see which part disagrees, without decrypting: keyfold explain {}{context}",
                quoted(argument)
            ))
        }
        false => failure,
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

/// Whether this is a data key blob and not an envelope, by its magic.
pub(super) fn is_data_key(data: &[u8]) -> bool {
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
    let packed = session.context(&args.context.context)?;
    let context = Context::unpack(&packed)?;
    let failure = |e| args.failure(store, name, argument, e);
    let size = envelope::data_key_size(blob).map_err(failure)?;
    let mut key = SecretBytes::zeroed(size, OnFork::Wipe)?;
    let options = DecryptOptions { accept_stored_context: args.accept_stored_context, ..Default::default() };
    let opened = args.with_allowed(store, |allowed| {
        envelope::decrypt_data_key_into(allowed, blob, &context, &options, key.expose_mut()).map_err(failure)
    })?;
    output.write(&key.expose()[..opened.len])?;
    tell(session, store, args, &opened, output)
}

/// Which key opened it, and the context that was taken from the envelope itself.
pub(super) fn tell(
    session: &Session,
    store: &Store,
    args: &OpenArgs,
    opened: &Opened,
    output: &Output,
) -> Result<()> {
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

/// The keys of a new envelope.
pub(super) fn destination(store: &Store, key: &str, also: &[String]) -> Result<Vec<Key>> {
    let names: Vec<&str> = std::iter::once(key).chain(also.iter().map(String::as_str)).collect();
    session::keys(store, &names)
}

/// Where binary data goes.
pub(super) fn output_for(
    session: &Session,
    output: &OutputArg,
    privacy: Privacy,
    input: Option<&Input>,
) -> Result<Output> {
    Output::new(output.output.as_deref(), privacy, session.global.json, input)?.binary()
}

/// JSON, if it is asked for; people see the file.
pub(super) fn report(session: &Session, value: impl FnOnce() -> Value) -> Result<()> {
    if session.global.json { output::json(&value()) } else { Ok(()) }
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
