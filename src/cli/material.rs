//! `keyfold key import-parameters`, `import-material` and `delete-material`: material of one's own, wrapped on its way.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit::{Failure, Result};
use super::files::{Input, Output, Privacy};
use super::keys::changed;
use super::output;
use super::session::{Session, from_hex, key_name, on_key};
use crate::Status;
use crate::keystore::{ImportType, VersionState, WrappingAlgorithm};

/// A token or wrapped material: bytes at most.
const MAX_FILE: u64 = 64 << 10;

#[derive(Args)]
pub(super) struct ImportParameters {
    /// Key id or alias; the key was made with --external
    name: String,
    /// How the material is wrapped on its way
    #[arg(long, value_enum, default_value = "rsa-4096")]
    algorithm: Algorithm,
    /// Write the public key to this file: SubjectPublicKeyInfo in DER for RSA, its raw bytes for HPKE
    #[arg(long, value_name = "FILE", required_unless_present = "json")]
    public_key: Option<PathBuf>,
    /// Write the token that comes back with the material to this file
    #[arg(long, value_name = "FILE", required_unless_present = "json")]
    token: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct ImportMaterial {
    /// Key id or alias
    name: String,
    /// File with the token
    #[arg(long, value_name = "FILE")]
    token: PathBuf,
    /// File with the wrapped material
    #[arg(long, value_name = "FILE")]
    wrapped: PathBuf,
    /// New material, which `key rotate` then makes current; without it the material that the key had before is expected
    /// (a key's first is always new)
    #[arg(long = "new")]
    is_new: bool,
    /// The material expires after so many days: 1 to 365; without it never
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=365))]
    valid_days: Option<u32>,
}

/// The ways of wrapping.
#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    /// RSAES-OAEP with SHA-256, 3,072 bits
    #[value(name = "rsa-3072")]
    Rsa3072,
    /// RSAES-OAEP with SHA-256, 4,096 bits
    #[value(name = "rsa-4096")]
    Rsa4096,
    /// HPKE with X25519
    #[value(name = "x25519")]
    X25519,
    /// HPKE with X-Wing, safe against quantum computers too
    #[value(name = "x-wing")]
    XWing,
}

impl ImportParameters {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let to = |path: &Option<PathBuf>| match path {
            Some(path) => Output::new(Some(path), Privacy::Ordinary, session.global.json, None).map(Some),
            None => Ok(None),
        };
        let (public_key, token) = (to(&self.public_key)?, to(&self.token)?);
        let algorithm = match self.algorithm {
            Algorithm::Rsa3072 => WrappingAlgorithm::RsaOaep3072,
            Algorithm::Rsa4096 => WrappingAlgorithm::RsaOaep4096,
            Algorithm::X25519 => WrappingAlgorithm::HpkeX25519,
            Algorithm::XWing => WrappingAlgorithm::HpkeXWing,
        };
        let parameters = session.store()?.parameters_for_import(&key_name(&self.name)?, algorithm);
        let parameters = on_key(&self.name, parameters)?;
        if let Some(file) = &public_key {
            file.write(&bytes(&parameters.public_key)?)?;
        }
        if let Some(file) = &token {
            file.write(&bytes(&parameters.import_token)?)?;
        }
        if session.global.json {
            return output::json(&parameters);
        }
        let mut pairs = vec![("key id", parameters.key_id.clone())];
        pairs.extend(public_key.iter().map(|file| ("public key", file.name())));
        pairs.extend(token.iter().map(|file| ("token", file.name())));
        pairs.push(("algorithm", super::describe::word(&parameters.wrapping_algorithm)));
        if !parameters.info.is_empty() {
            pairs.push(("info", parameters.info.clone()));
        }
        pairs.push(("valid to", parameters.parameters_valid_to.clone()));
        output::pairs(&pairs)
    }
}

impl ImportMaterial {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let (token, wrapped) = (Input::open(Some(&self.token))?, Input::open(Some(&self.wrapped))?);
        if token.is_stdin() && wrapped.is_stdin() {
            return Err(Failure::usage("standard input cannot be both the token and the material"));
        }
        session.claim_stdin(token.is_stdin() || wrapped.is_stdin())?;
        let (token, wrapped) = (token.read(0, 0, MAX_FILE)?, wrapped.read(0, 0, MAX_FILE)?);
        let days = self.valid_days.unwrap_or(0);
        let (store, name) = (session.store()?, key_name(&self.name)?);
        let kind = self.is_new.then_some(ImportType::NewKeyMaterial);
        let key = on_key(&self.name, store.import_wrapped_key_material(&name, &token, &wrapped, kind, days))?;
        if key.versions.last().is_some_and(|last| last.state == VersionState::PendingRotation) && self.is_new
        {
            changed(
                session,
                &key,
                &format!("key \"{}\" has new material that is pending rotation", self.name),
            )?;
            return session
                .note(&format!("it is used once the key is rotated: keyfold key rotate {}", self.name));
        }
        changed(session, &key, &format!("key \"{}\" has its material", self.name))
    }
}

#[derive(Args)]
pub(super) struct DeleteMaterial {
    /// Key id or alias
    name: String,
    /// Only the material of this id, as key describe shows it; without it all that was imported
    #[arg(long, value_name = "ID")]
    material_id: Option<String>,
}

pub(super) fn delete(session: &Session, deletion: &DeleteMaterial) -> Result<()> {
    let name = &deletion.name;
    let id = match &deletion.material_id {
        None => None,
        Some(text) => match from_hex(text).and_then(|bytes| bytes.try_into().ok()) {
            Some(id) => Some(id),
            None => {
                return Err(Failure::usage("a material id is 16 hexadecimal digits: keyfold key describe"));
            }
        },
    };
    let key = on_key(name, session.store()?.delete_imported_key_material(&key_name(name)?, id))?;
    changed(session, &key, &format!("deleted the material of key \"{name}\""))?;
    session.note("the same material, and no other, can be imported again")
}

/// Bytes that the library gave in hexadecimal.
fn bytes(text: &str) -> Result<Vec<u8>> {
    from_hex(text).ok_or_else(|| Failure::new(Status::Internal, "internal error: hexadecimal is expected"))
}
