//! `keyfold mac` and `verify-mac`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::args::InputArg;
use super::exit::{Failure, Result};
use super::files::{Input, MAX_INPUT, Output, Privacy};
use super::output;
use super::session::{Session, by_the_name, from_hex, key_name};
use crate::Status;
use crate::error::Error;
use crate::keystore::Key;

/// Name of the version, and HMAC-SHA-512.
const MAX_MAC: usize = 128;

#[derive(Args)]
pub(super) struct Mac {
    /// Key id or alias of an HMAC key
    name: String,
    #[command(flatten)]
    input: InputArg,
    /// Write the code to this file, in binary; without it, it is printed in hexadecimal
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct VerifyMac {
    /// Key id or alias of an HMAC key
    name: String,
    /// The code, in hexadecimal
    #[arg(long, value_name = "HEX", required_unless_present = "mac_file", conflicts_with = "mac_file")]
    mac: Option<String>,
    /// File with the code, in binary
    #[arg(long, value_name = "FILE")]
    mac_file: Option<PathBuf>,
    #[command(flatten)]
    input: InputArg,
}

impl Mac {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let input = Input::open(self.input.input.as_deref())?;
        session.claim_stdin(input.is_stdin())?;
        let to = match &self.output {
            Some(path) => {
                Some(Output::new(Some(path), Privacy::Ordinary, session.global.json, Some(&input))?)
            }
            None => None,
        };
        let key = open(session, &self.name)?;
        let message = zeroize::Zeroizing::new(input.read(0, 0, MAX_INPUT)?);
        let mut code = [0; MAX_MAC];
        let len = key.generate_mac(&message, &mut code).map_err(|e| by_the_name(&self.name, e))?;
        let code = &code[..len];
        let hex: String = code.iter().map(|b| format!("{b:02x}")).collect();
        if let Some(to) = &to {
            to.write(code)?;
        }
        match (session.global.json, to) {
            (true, _) => output::json(&json!({ "mac": hex, "bytes": len, "key_id": key.id().to_string() })),
            (false, None) => output::line(hex),
            (false, Some(_)) => Ok(()),
        }
    }
}

impl VerifyMac {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let input = Input::open(self.input.input.as_deref())?;
        session.claim_stdin(input.is_stdin())?;
        let code = match (&self.mac, &self.mac_file) {
            (Some(hex), _) => from_hex(hex)
                .ok_or_else(|| Failure::new(Status::InvalidMac, "the code is not hexadecimal"))?,
            (None, Some(path)) => Input::open(Some(path))?.read(0, 0, MAX_MAC as u64)?,
            // One of the two is required.
            (None, None) => Vec::new(),
        };
        let key = open(session, &self.name)?;
        let name = input.name();
        let message = zeroize::Zeroizing::new(input.read(0, 0, MAX_INPUT)?);
        key.verify_mac(&message, &code).map_err(|error| match error {
            Error::InvalidMac => {
                let failure = Failure::from(error);
                Failure {
                    message: format!("the code is not that of {name} under key \"{}\"", self.name),
                    ..failure
                }
            }
            error => by_the_name(&self.name, error).into(),
        })?;
        match session.global.json {
            true => output::json(&json!({ "mac_valid": true, "key_id": key.id().to_string() })),
            false => session.say(format!("{name} is as it was when its code was made")),
        }
    }
}

fn open(session: &Session, name: &str) -> Result<Key> {
    Ok(session.store()?.key(&key_name(name)?).map_err(|e| by_the_name(name, e))?)
}
