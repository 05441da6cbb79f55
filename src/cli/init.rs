//! `keyfold init`.

use serde_json::json;

use super::exit::{Failure, Result};
use super::output;
use super::session::{NewPassphrase, Session};
use crate::Status;
use crate::error::Error;
use crate::keystore::{InitOptions, SlotOptions, Store};

#[derive(clap::Args)]
pub(super) struct Init {
    /// Mark the store for development, for ever; doctor says so
    #[arg(long)]
    development: bool,
}

impl Init {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        if session.global.read_only {
            return Err(Failure::usage("init writes, so --read-only does not go with it"));
        }
        let location = session.location()?;
        if location.path.symlink_metadata().is_ok() {
            // Before a key file is made for nothing.
            return Err(Error::StoreExists { path: location.path.to_string_lossy().into() }.into());
        }
        let folder = location.path.parent().filter(|p| !p.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|f| !f.is_dir()) {
            return Err(Failure::new(
                Status::Io,
                format!("there is no folder {} for the key store", folder.display()),
            )
            .hint(format!(
                "make it with: mkdir -m 700 {}",
                super::opening::quoted(&folder.display().to_string())
            )));
        }
        let new = session.new_root(session.root_url()?, NewPassphrase::OfInit)?;
        let options = InitOptions {
            open: session.open_options(),
            development: self.development,
            slot: SlotOptions::default(),
        };
        let made = Store::init(&location, &*new.root, &options);
        let store = made.map_err(|error| match &new.made {
            Some(path) => Failure::from(error).hint(format!(
                "the root key file {} was made and is used when you try again",
                path.display()
            )),
            None => error.into(),
        })?;
        let info = session.with_sink(store)?.info()?;
        if session.global.json {
            return output::json(&json!({
                "store": info,
                "root": { "kind": new.root.kind(), "url": new.root.describe(), "made": new.made.is_some() },
            }));
        }
        session.say(format!("made key store {}", location.path.display()))?;
        session.say(format!("fingerprint {} (pin it with sqlite:PATH?fingerprint=…)", info.fingerprint))?;
        if let Some(path) = &new.made {
            session.say(format!("made root key file {}", path.display()))?;
            session.note("keep a copy of the root key file apart from copies of the store: without it nothing in the store opens")?;
        }
        Ok(())
    }
}
