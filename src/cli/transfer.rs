//! `keyfold key import` and `key export`: material of one's own, and whole keys between stores.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::args::OutputArg;
use super::exit::{Failure, Result};
use super::files::{Input, Privacy};
use super::keys::{changed, named};
use super::session::{Session, key_name};
use super::{opening, sys};
use crate::Status;
use crate::error::Error;
use crate::keystore::CreateKey;
use crate::secret::{OnFork, SecretBytes};

#[derive(Args)]
pub(super) struct Import {
    /// An alias for the new key
    #[arg(required_unless_present = "wrapped", conflicts_with = "wrapped")]
    name: Option<String>,
    /// File of exactly 32 random bytes (- for standard input)
    #[arg(long, value_name = "FILE", required_unless_present_any = ["wrapped", "material_fd"], conflicts_with_all = ["wrapped", "material_fd"])]
    material: Option<PathBuf>,
    /// Open descriptor that gives exactly 32 random bytes
    #[arg(long, value_name = "N", conflicts_with = "wrapped")]
    material_fd: Option<i32>,
    /// File that key export wrote; the key it is under must be in this store
    #[arg(long, value_name = "FILE")]
    wrapped: Option<PathBuf>,
    /// Free text; not secret
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT",
        conflicts_with = "wrapped"
    )]
    description: String,
}

#[derive(Args)]
pub(super) struct Export {
    /// Key id or alias of the key to write
    name: String,
    /// The key to wrap it under
    #[arg(long, value_name = "KEY")]
    under: String,
    #[command(flatten)]
    output: OutputArg,
}

impl Import {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        if let Some(path) = &self.wrapped {
            let input = Input::open(Some(path))?;
            session.claim_stdin(input.is_stdin())?;
            let (name, exported) = (input.name(), input.read(0, 0, 1 << 20)?);
            let key = session.store()?.import_key(&exported).map_err(|e| match &e {
                Error::KeyNotFound { name: under } => Failure::new(
                    e.status(),
                    format!("{name} is wrapped under key {under}, which is not in this store"),
                )
                .hint("import the same 32 bytes into both stores as a key, and export under that"),
                Error::AlreadyExists { what: "key", name: id } => {
                    Failure::new(e.status(), format!("key {id} of {name} is already in this store"))
                        .hint(format!("see it with: keyfold key show {id}"))
                }
                _ => opening::about(&name, e),
            })?;
            return changed(session, &key, &format!("imported key {}{}", key.key_id, named(&key)));
        }
        let name = self.name.unwrap_or_default();
        let alias = Some(name.parse()?);
        let request = CreateKey { alias, description: self.description, ..CreateKey::default() };
        let (material, len) = match (self.material, self.material_fd) {
            (Some(path), _) if path.as_os_str() != "-" => {
                let file = std::fs::File::open(&path)
                    .map_err(|e| Failure::io(&format!("reading {}", path.display()), &e))?;
                if file.metadata().is_ok_and(|m| m.is_file() && m.mode() & 0o077 != 0) {
                    session.note(&format!(
                        "{} is open to others: whoever read it can open what the key protects",
                        path.display()
                    ))?;
                }
                material(|out| std::io::Read::read(&mut &file, out))?
            }
            (_, fd) => {
                session.claim_stdin(fd.is_none_or(|fd| fd == 0))?;
                material(|out| sys::read_fd(fd.unwrap_or(0), out))?
            }
        };
        if len != 32 {
            return Err(Failure::new(
                Status::InvalidKeyMaterial,
                match len {
                    33.. => "the key material is longer than 32 bytes".to_owned(),
                    n => format!("the key material has {n} bytes, not 32"),
                },
            )
            .hint("give exactly 32 random bytes, in binary (from hexadecimal: xxd -r -p)"));
        }
        let key = session.store()?.import_key_material(&request, &material.expose()[..32])?;
        changed(session, &key, &format!("imported key \"{name}\" ({})", key.key_id))
    }
}

/// Up to 33 bytes, straight into locked memory, and how many they are.
fn material(mut read: impl FnMut(&mut [u8]) -> std::io::Result<usize>) -> Result<(SecretBytes, usize)> {
    let mut bytes = SecretBytes::zeroed(33, OnFork::Wipe)?;
    let mut len = 0;
    while len < 33 {
        match read(&mut bytes.expose_mut()[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Failure::io("reading the key material", &e)),
        }
    }
    Ok((bytes, len))
}

impl Export {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let output = opening::output_for(session, &self.output, Privacy::Secret, None)?;
        let exported = session.store()?.export_key(&key_name(&self.name)?, &key_name(&self.under)?);
        let exported = exported.map_err(|error| {
            let line = format!("ExportKey --key {} --param wrappingKeyId={}", self.name, self.under);
            super::approvals::needed(error.into(), &line)
        })?;
        output.write(&exported)?;
        match session.global.json {
            true => super::output::json(&json!({ "output": output.name(), "bytes": exported.len() })),
            false => Ok(()),
        }
    }
}
