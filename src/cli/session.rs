//! What every command starts from: the global options, and the store and root they name.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::PathBuf;

use super::args::Global;
use super::exit::{Failure, Result};
use super::output::safe;
use super::prompt::{self, Passphrase, THE_NEW_ONE, THE_ONE, THE_SECOND_ONE};
use crate::Status;
use crate::audit::FileSink;
use crate::envelope::Context;
use crate::error::Error;
use crate::keystore::{AnchorPolicy, Key, KeyMetadata, KeyName, Location, OpenOptions, Store};
use crate::root::{self, KeyFile, Root, RootUrl};

pub(super) struct Session {
    pub(super) global: Global,
}

/// A root that a store is to be wrapped under, and what was done to have it.
pub(super) struct NewRoot {
    pub(super) root: Box<dyn Root>,
    /// The key file that was made.
    pub(super) made: Option<PathBuf>,
}

impl Session {
    /// Opens the store that the options name.
    pub(super) fn store(&self) -> Result<Store> {
        let store = self.store_or_error()??;
        if store.info()?.development {
            self.note("this store was made for development; not for production")?;
        }
        Ok(store)
    }

    /// Opens the store for a report that goes on without it. Command lines that are wrong still fail.
    pub(super) fn store_or_error(&self) -> Result<crate::Result<Store>> {
        let location = self.location()?;
        // Asking for a passphrase for a store that is not there would be rude.
        if location.path.symlink_metadata().is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            return Ok(Err(Error::StoreNotFound { path: location.path.to_string_lossy().into() }));
        }
        let root = self.root()?;
        Ok(Store::open(&location, &*root, &self.open_options()).and_then(|store| self.with_sink(store)))
    }

    /// Copies the events of this command where --audit-file says. Whoever rotates that file moves it away.
    pub(super) fn with_sink(&self, store: Store) -> crate::Result<Store> {
        if let Some(path) = self.global.audit_file.clone().filter(|path| !path.as_os_str().is_empty()) {
            store.add_file_sink(&FileSink { path, rotate_bytes: 0, keep: 0 })?;
        }
        Ok(store)
    }

    pub(super) fn open_options(&self) -> OpenOptions {
        OpenOptions {
            read_only: self.global.read_only,
            allow_network_file_system: self.global.allow_network_file_system,
            principal: self.global.principal.clone().filter(|name| !name.is_empty()),
            user_agent: Some("keyfold-cli".into()),
            anchor: match &self.global.anchor {
                Some(path) if path.as_os_str() == "off" => AnchorPolicy::Off,
                Some(path) if !path.as_os_str().is_empty() => AnchorPolicy::File(path.clone()),
                _ => AnchorPolicy::Automatic,
            },
            recovery: self.global.recovery,
            ..OpenOptions::default()
        }
    }

    pub(super) fn location(&self) -> Result<Location> {
        match &self.global.store {
            Some(store) if !store.is_empty() => Ok(store.parse()?),
            _ => {
                Err(Failure::usage("no key store is named")
                    .hint("name it with --store PATH or KEYFOLD_STORE"))
            }
        }
    }

    pub(super) fn root_url(&self) -> Result<&str> {
        match &self.global.root {
            Some(url) if !url.is_empty() => Ok(url),
            _ => Err(Failure::usage("no root is named")
                .hint("name it with --root or KEYFOLD_ROOT: file:PATH or passphrase:")),
        }
    }

    /// The root that opens the store.
    pub(super) fn root(&self) -> Result<Box<dyn Root>> {
        let url = self.root_url()?;
        let passphrase = match url.parse()? {
            RootUrl::Passphrase => Some(self.passphrase(false)?),
            RootUrl::File(_) => None,
        };
        self.root_of(url, passphrase.as_ref())
    }

    /// A root for a new slot. A key file that is not there is made; a passphrase is asked for twice.
    pub(super) fn new_root(&self, url: &str, passphrase: NewPassphrase) -> Result<NewRoot> {
        if self.global.read_only {
            // Before a key file is made for nothing.
            return Err(Error::StoreReadOnly.into());
        }
        let (passphrase, made) = match url.parse()? {
            RootUrl::File(path) => {
                let file = self.key_file(path.clone());
                let made = file.create_if_missing(Some(&self.location()?.path))?;
                (None, made.then_some(path))
            }
            RootUrl::Passphrase => (Some(self.new_passphrase(passphrase)?), None),
        };
        Ok(NewRoot { root: self.root_of(url, passphrase.as_ref())?, made })
    }

    /// A further root that is there already.
    pub(super) fn other_root(&self, url: &str, passphrase: NewPassphrase) -> Result<Box<dyn Root>> {
        let passphrase = match url.parse()? {
            RootUrl::Passphrase => Some(self.new_passphrase(passphrase)?),
            RootUrl::File(_) => None,
        };
        self.root_of(url, passphrase.as_ref())
    }

    fn key_file(&self, path: PathBuf) -> KeyFile {
        KeyFile::new(path)
            .allow_readable(self.global.allow_readable_root)
            .allow_beside_store(self.global.allow_root_beside_store)
    }

    fn root_of(&self, url: &str, passphrase: Option<&Passphrase>) -> Result<Box<dyn Root>> {
        let options = root::UrlOptions {
            passphrase: passphrase.map(Passphrase::expose),
            allow_readable: self.global.allow_readable_root,
            allow_beside_store: self.global.allow_root_beside_store,
        };
        Ok(root::from_url(url, options)?)
    }

    /// The passphrase of the root in use: a descriptor, else what the environment names, else the terminal.
    fn passphrase(&self, new: bool) -> Result<Passphrase> {
        if let Some(fd) = self.global.passphrase_fd {
            return prompt::from_descriptor(fd);
        }
        match self.named_by(THE_ONE.variable)? {
            Some(passphrase) => Ok(passphrase),
            None if new => prompt::ask_new(THE_ONE, self.global.no_input),
            None => prompt::ask(THE_ONE, self.global.no_input),
        }
    }

    fn new_passphrase(&self, which: NewPassphrase) -> Result<Passphrase> {
        let passphrase = match which {
            NewPassphrase::OfInit => self.passphrase(true)?,
            NewPassphrase::Beside(Some(fd)) => prompt::from_descriptor(fd)?,
            NewPassphrase::Second(Some(fd)) => return prompt::from_descriptor(fd),
            NewPassphrase::Second(None) => return prompt::ask(THE_SECOND_ONE, self.global.no_input),
            NewPassphrase::Beside(None) => match self.named_by(THE_NEW_ONE.variable)? {
                Some(passphrase) => passphrase,
                None => prompt::ask_new(THE_NEW_ONE, self.global.no_input)?,
            },
        };
        if !passphrase.expose().is_ascii() {
            self.note(
                "the passphrase has characters that other keyboards and systems may send as other bytes",
            )?;
        }
        Ok(passphrase)
    }

    fn named_by(&self, variable: &str) -> Result<Option<Passphrase>> {
        let Some(value) = std::env::var_os(variable).filter(|v| !v.is_empty()) else { return Ok(None) };
        match value.to_str().and_then(|v| v.parse().ok()) {
            Some(fd) => prompt::from_descriptor(fd).map(Some),
            None => prompt::from_file(value.as_ref(), variable, self.global.allow_readable_root).map(Some),
        }
    }

    /// Refuses a second reader of standard input.
    pub(super) fn claim_stdin(&self, is_stdin: bool) -> Result<()> {
        let descriptor_0 = self.global.passphrase_fd == Some(0)
            || std::env::var_os("KEYFOLD_PASSPHRASE_FD").is_some_and(|v| v == "0");
        match is_stdin && descriptor_0 {
            true => Err(Failure::usage("standard input cannot be both the passphrase and the data")
                .hint("name the input file, or give the passphrase on another descriptor")),
            false => Ok(()),
        }
    }

    /// The canonical encoding of `NAME=VALUE` pairs, with a word about what should not be in one.
    pub(super) fn context(&self, pairs: &[String]) -> Result<Vec<u8>> {
        let packed = context(pairs)?;
        if let Some(name) = Context::unpack(&packed)?.card_number() {
            self.note(&format!(
                "the context's \"{name}\" looks like a card number: a context is not secret, and stands in the trail and perhaps in the envelope"
            ))?;
        }
        Ok(packed)
    }

    /// A remark for people, on standard error.
    pub(super) fn note(&self, text: &str) -> Result<()> {
        if !self.global.quiet && !self.global.json {
            let _ = writeln!(io::stderr(), "note: {}", safe(text));
        }
        Ok(())
    }

    /// What was done, for people, on standard output.
    pub(super) fn say(&self, text: impl AsRef<str>) -> Result<()> {
        if self.global.quiet || self.global.json { Ok(()) } else { super::output::line(text) }
    }
}

/// Where a passphrase for a new slot comes from.
#[derive(Clone, Copy)]
pub(super) enum NewPassphrase {
    /// There is no other: `--passphrase-fd`.
    OfInit,
    /// Beside the one that opens the store: `--new-passphrase-fd`.
    Beside(Option<i32>),
    /// Of a second principal's root, which is there already: `--second-passphrase-fd`.
    Second(Option<i32>),
}

/// The keys of these names, ready.
pub(super) fn keys(store: &Store, names: &[&str]) -> Result<Vec<Key>> {
    names.iter().map(|name| store.key(&key_name(name)?).map_err(|e| by_the_name(name, e).into())).collect()
}

/// An error about a key in the name that the user gave it.
pub(super) fn by_the_name(given: &str, error: Error) -> Error {
    let name: Box<str> = given.into();
    match error {
        Error::KeyDisabled { .. } => Error::KeyDisabled { name },
        Error::KeyDestroyed { .. } => Error::KeyDestroyed { name },
        Error::KeyStopped { .. } => Error::KeyStopped { name },
        Error::InvalidKeyState { state, .. } => Error::InvalidKeyState { name, state },
        Error::NothingSeals { why, .. } => Error::NothingSeals { name, why },
        Error::InvalidKeyUsage { usage, .. } => Error::InvalidKeyUsage { name, usage },
        Error::CryptoperiodEnded { version, .. } => Error::CryptoperiodEnded { name, version },
        Error::AccessDenied { principal, operation, .. } => {
            Error::AccessDenied { principal, operation, name }
        }
        other => other,
    }
}

/// The outcome of a call on the key that the user named so.
pub(super) fn on_key<R>(given: &str, result: crate::Result<R>) -> Result<R> {
    result.map_err(|error| by_the_name(given, error).into())
}

/// An error about a key by the name that people have for it, where nobody gave one.
pub(super) fn by_an_alias(store: &Store, error: Error) -> Error {
    let (Error::KeyDisabled { name }
    | Error::KeyDestroyed { name }
    | Error::KeyStopped { name }
    | Error::InvalidKeyState { name, .. }
    | Error::NothingSeals { name, .. }
    | Error::InvalidKeyUsage { name, .. }
    | Error::CryptoperiodEnded { name, .. }
    | Error::AccessDenied { name, .. }) = &error
    else {
        return error;
    };
    match name.parse().map(|id| store.describe_key(&KeyName::Id(id))) {
        Ok(Ok(KeyMetadata { aliases, .. })) if !aliases.is_empty() => by_the_name(aliases[0].as_str(), error),
        _ => error,
    }
}

pub(super) fn key_name(name: &str) -> Result<KeyName> {
    Ok(name.parse()?)
}

/// The canonical encoding of `NAME=VALUE` pairs.
pub(super) fn context(pairs: &[String]) -> Result<Vec<u8>> {
    let pairs = pairs_of(pairs, Status::InvalidContext, "context")?;
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    Ok(Context::pack(&pairs)?)
}

/// `NAME=VALUE` pairs, each name once. `of` is what they are of, for messages.
pub(super) fn pairs_of(pairs: &[String], status: Status, of: &str) -> Result<Vec<(String, String)>> {
    let one = of.trim_end_matches('s');
    let split = |pair: &'_ String| match pair.split_once('=') {
        Some(("", _)) => Err(Failure::new(status, format!("the {one} pair \"{pair}\" has no name"))),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Failure::new(status, format!("the {one} pair \"{pair}\" has no ="))
            .hint("write it as NAME=VALUE")),
    };
    let pairs = pairs.iter().map(split).collect::<Result<Vec<_>>>()?;
    let mut names = HashSet::new();
    match pairs.iter().find(|(name, _)| !names.insert(name.as_str())) {
        Some((name, _)) => Err(Failure::new(status, format!("the name \"{name}\" comes twice in the {of}"))
            .hint("give each name once")),
        None => Ok(pairs),
    }
}

/// Text that an argument gives: itself where it is JSON, else the contents of the file it names.
pub(super) fn json_or_file(argument: &str) -> Result<String> {
    if argument.trim_start().starts_with('{') {
        return Ok(argument.to_owned());
    }
    let path = std::path::Path::new(argument);
    let input = super::files::Input::open(Some(path))?;
    let name = input.name();
    String::from_utf8(input.read(0, 0, 1 << 20)?)
        .map_err(|_| Failure::new(Status::InvalidUtf8, format!("{name} is not valid UTF-8")))
}

/// Bytes in hexadecimal, of either case.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}
