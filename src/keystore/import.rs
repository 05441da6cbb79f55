//! Importing key material that was wrapped for this store: KMS's GetParametersForImport and ImportKeyMaterial.
//! `docs/KEYS.md`, "Import".

use std::cmp::Ordering;

use serde::Serialize;

use super::change::{Change, Deed, refuse};
use super::clock;
use super::document::KeyDocument;
use super::import_token::{Token, WrappingPair};
use super::json::hex;
use super::manage::describe;
use super::material::{self, Binding, Made, Material};
use super::names::KeyName;
use super::snapshot::Snapshot;
use super::time::Time;
use super::types::{KeyMetadata, KeyState, Origin, RotationType, VersionState};
use super::version::VersionDocument;
use super::{Store, access, states};
use crate::crypto::{MaterialId, ct_eq};
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Days after which imported material may expire (those of AWS KMS).
const VALID_DAYS: u32 = 365;

/// How the material is wrapped on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum WrappingAlgorithm {
    /// RSAES-OAEP with SHA-256 under a 3,072-bit key.
    #[serde(rename = "RSAES_OAEP_SHA_256/RSA_3072")]
    RsaOaep3072,
    /// RSAES-OAEP with SHA-256 under a 4,096-bit key.
    #[serde(rename = "RSAES_OAEP_SHA_256/RSA_4096")]
    RsaOaep4096,
    /// HPKE base mode: DHKEM(X25519, HKDF-SHA-256), HKDF-SHA-256, AES-256-GCM.
    #[serde(rename = "HPKE_X25519")]
    HpkeX25519,
    /// HPKE base mode: X-Wing, HKDF-SHA-256, AES-256-GCM.
    #[serde(rename = "HPKE_X_WING")]
    HpkeXWing,
}

impl WrappingAlgorithm {
    /// As JSON and the trail have it.
    pub fn name(self) -> &'static str {
        match self {
            WrappingAlgorithm::RsaOaep3072 => "RSAES_OAEP_SHA_256/RSA_3072",
            WrappingAlgorithm::RsaOaep4096 => "RSAES_OAEP_SHA_256/RSA_4096",
            WrappingAlgorithm::HpkeX25519 => "HPKE_X25519",
            WrappingAlgorithm::HpkeXWing => "HPKE_X_WING",
        }
    }
}

/// Which material is brought (KMS's ImportType).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ImportType {
    /// Material that the key never had: its first, or the one that its next rotation makes current.
    NewKeyMaterial,
    /// Material that the key had before.
    ExistingKeyMaterial,
}

impl ImportType {
    /// As KMS and the trail have it.
    pub fn name(self) -> &'static str {
        match self {
            ImportType::NewKeyMaterial => "NEW_KEY_MATERIAL",
            ImportType::ExistingKeyMaterial => "EXISTING_KEY_MATERIAL",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<ImportType> {
        [ImportType::NewKeyMaterial, ImportType::ExistingKeyMaterial].into_iter().find(|t| t.name() == name)
    }
}

/// What a person who brings material needs.
#[derive(Clone, Debug, Serialize)]
pub struct ImportParameters {
    /// The key it is for.
    pub key_id: String,
    /// Hexadecimal; given back with the material. Authenticated, and of one use.
    pub import_token: String,
    /// Hexadecimal: SubjectPublicKeyInfo in DER for RSA, the raw public key for HPKE.
    pub public_key: String,
    /// The algorithm.
    pub wrapping_algorithm: WrappingAlgorithm,
    /// Hexadecimal: HPKE's info. Empty for RSA.
    pub info: String,
    /// RFC 3339: 24 hours from now.
    pub parameters_valid_to: String,
}

impl Store {
    /// A wrapping key and a token for importing material into a key whose origin is EXTERNAL. Nothing is stored: the
    /// wrapping key's private half is in the token, sealed. RSA takes up to some seconds.
    ///
    /// # Errors
    /// UNSUPPORTED_OPERATION for a key of another origin, and for RSA in a build without aws-lc; INVALID_KEY_STATE and
    /// the other refusals of the key.
    pub fn parameters_for_import(
        &self,
        name: &KeyName,
        algorithm: WrappingAlgorithm,
    ) -> Result<ImportParameters> {
        let secrets = &self.inner.secrets;
        // Not in the transaction, which others wait for; and not for a key that cannot be imported into.
        let may = self.inner.read(|snapshot| {
            let key = snapshot.key(name)?;
            let operation = Operation::GetParametersForImport;
            access::authorise_read(&self.inner, snapshot, operation, Some(&key))?;
            states::permit(operation, &key, name, self.inner.options.recovery)?;
            Ok(key.origin == Origin::External)
        });
        // What is refused is refused by the change below, with its event.
        let pair =
            may.unwrap_or(false).then(|| WrappingPair::draw(algorithm, secrets.on_fork)).transpose()?;
        let deed = Deed::on(Operation::GetParametersForImport, name)
            .with("wrappingAlgorithm", algorithm.name())
            .with("wrappingKeySpec", algorithm.name());
        self.inner.change(deed, |change| {
            let key = change.key(name)?;
            let pair = pair.as_ref().ok_or(Error::StoreBusy)?;
            let expires = clock::now(change.snapshot()).plus_days(1);
            let token = Token { algorithm, key_id: key.id, imports: key.imports, expires };
            Ok(ImportParameters {
                key_id: key.id.to_string(),
                import_token: hex(&token.seal(secrets, pair)?),
                public_key: hex(pair.public()),
                wrapping_algorithm: algorithm,
                info: hex(&token.info()),
                parameters_valid_to: expires.to_string(),
            })
        })
    }

    /// Takes wrapped material. NEW_KEY_MATERIAL: the key's first, which makes it Enabled; or, of a key that has material,
    /// what the next [`Store::rotate_key`] makes current. EXISTING_KEY_MATERIAL: what the key had before, after it expired
    /// or was deleted, or to set its expiry anew (INCORRECT_KEY_MATERIAL for any other). `None`: the first while the key
    /// has none, and then the second, as in KMS. `valid_days`: it expires after so many days (1 to 365; 0: it does not).
    /// An import uses up every token that the key was given before it.
    ///
    /// # Errors
    /// INVALID_IMPORT_TOKEN, EXPIRED_IMPORT_TOKEN; AUTH for material that is not wrapped under the token's key;
    /// INVALID_KEY_MATERIAL for another size than the spec's; INCORRECT_KEY_MATERIAL; ALREADY_EXISTS for new material that
    /// the key has or had, or while other material is pending; the key's refusals.
    pub fn import_wrapped_key_material(
        &self,
        name: &KeyName,
        token: &[u8],
        wrapped: &[u8],
        import_type: Option<ImportType>,
        valid_days: u32,
    ) -> Result<KeyMetadata> {
        let secrets = &self.inner.secrets;
        // Said here and not in the transaction, so that the event of a refusal and an approval name it too. Whoever is
        // quicker with an import uses the token up.
        let import_type = import_type.unwrap_or_else(|| {
            match self.inner.read(|snapshot| Ok(snapshot.key(name)?.versions.is_empty())) {
                Ok(false) => ImportType::ExistingKeyMaterial,
                _ => ImportType::NewKeyMaterial,
            }
        });
        let model = match valid_days {
            0 => "KEY_MATERIAL_DOES_NOT_EXPIRE",
            _ => "KEY_MATERIAL_EXPIRES",
        };
        let deed = Deed::on(Operation::ImportKeyMaterial, name)
            .with("expirationModel", model)
            .with("importType", import_type.name())
            .with("validDays", valid_days);
        if valid_days > VALID_DAYS {
            let what = "imported material is valid for 1 to 365 days, or 0 for ever";
            return Err(refuse(&self.inner, deed, Error::InvalidArgument { what }));
        }
        self.inner.change(deed, |change| {
            let mut key = change.key(name)?;
            let (token, private) = Token::open(token, secrets)?;
            if token.key_id != key.id {
                let why = "is another key's; get parameters for this one";
                return Err(Error::InvalidImportToken { why });
            }
            if token.imports != key.imports {
                let why = "is used up: material was imported since it was given; get new parameters";
                return Err(Error::InvalidImportToken { why });
            }
            let now = clock::now(change.snapshot());
            if now >= token.expires {
                return Err(Error::ExpiredImportToken);
            }
            let bytes = private.unwrap(&token, wrapped, secrets.on_fork)?;
            let material = material::take(key.spec, bytes.expose(), secrets.on_fork)?;
            self.inner.options.check_locked()?;
            let valid_to = (valid_days > 0).then(|| now.plus_days(valid_days));
            let material_id = match (import_type, key.versions.is_empty()) {
                (ImportType::NewKeyMaterial, true) => first(change, &mut key, &material, now, valid_to)?,
                (ImportType::NewKeyMaterial, false) => next(change, &mut key, &material, now, valid_to)?,
                (ImportType::ExistingKeyMaterial, _) => again(change, &mut key, &material, valid_to, name)?,
            };
            key.imports = key
                .imports
                .checked_add(1)
                .ok_or(Error::LimitExceeded { what: "imports", limit: u32::MAX.into() })?;
            change.respond("keyMaterialId", hex(&material_id));
            change.update_key(&mut key)?;
            describe(change.snapshot(), &key)
        })
    }

    /// Deletes imported material at once: that of one version, or all that the key has. Unless it was only pending
    /// rotation the key is then PendingImport (or stays PendingDeletion), and the same material can be imported again.
    /// Material that the store drew stays.
    ///
    /// # Errors
    /// KEY_NOT_FOUND for a material id that the key has not; UNSUPPORTED_OPERATION for a key of another origin; the key's
    /// refusals.
    pub fn delete_imported_key_material(
        &self,
        name: &KeyName,
        material_id: Option<MaterialId>,
    ) -> Result<KeyMetadata> {
        let mut deed = Deed::on(Operation::DeleteImportedKeyMaterial, name);
        if let Some(id) = &material_id {
            deed = deed.with("keyMaterialId", hex(id));
        }
        let deleted = self.inner.change(deed, |change| {
            let mut key = change.key(name)?;
            let (mut found, mut told, mut served) = (false, material_id.is_none(), false);
            let mut forget = |version: &mut VersionDocument| {
                if version.origin != Origin::External
                    || material_id.is_some_and(|id| id != version.material_id)
                {
                    return Ok(());
                }
                told = true;
                if version.holds_material() {
                    version.overwrite()?;
                    version.valid_to = None;
                    if matches!(version.state, VersionState::Current | VersionState::NonCurrent) {
                        version.state = VersionState::PendingImport;
                        served = true;
                    }
                    found = true;
                }
                Ok(())
            };
            change.edit_versions(&mut key, &mut forget)?;
            if !told {
                let id = material_id.unwrap_or_default();
                return Err(Error::KeyNotFound { name: format!("{name}, key material {}", hex(&id)).into() });
            }
            if found {
                if served && matches!(key.state, KeyState::Enabled | KeyState::Disabled) {
                    key.state = KeyState::PendingImport;
                }
                change.update_key(&mut key)?;
            }
            describe(change.snapshot(), &key)
        })?;
        if let Some(kept) = self.inner.kept_handle(deleted.key_id) {
            // For the sake of the material that goes with it, as when a key is disabled.
            let _ = kept.follow(&self.inner);
        }
        // What stays of it in the file's log or free pages while others read goes with the next `destroy_due`.
        match self.inner.backend.scrub()? {
            true => self.empty(deleted.key_id).and_then(|()| self.inner.read(|s| told_now(s, &deleted))),
            false => Ok(deleted),
        }
    }
}

/// The key as it stands, after what was deleted is gone from it too.
fn told_now(snapshot: &mut Snapshot<'_>, was: &KeyMetadata) -> Result<KeyMetadata> {
    match snapshot.key_by_id(was.key_id)? {
        Some(key) => describe(snapshot, &key),
        None => Ok(was.clone()),
    }
}

/// A version of what was brought, with a number of its own.
fn made(
    change: &Change<'_>,
    key: &mut KeyDocument,
    material: &Material,
    now: Time,
    valid_to: Option<Time>,
) -> Result<VersionDocument> {
    let inner = change.inner;
    let made = Made {
        origin: Origin::External,
        created: now,
        rotation_type: RotationType::Initial,
        by: inner.actor.principal.clone(),
    };
    let number = key.take_number()?;
    let mut version = material::version(&inner.secrets, key.id, key.spec, number, made, material)?;
    version.valid_to = valid_to;
    Ok(version)
}

/// The key's first material.
fn first(
    change: &mut Change<'_>,
    key: &mut KeyDocument,
    material: &Material,
    now: Time,
    valid_to: Option<Time>,
) -> Result<MaterialId> {
    let version = made(change, key, material, now, valid_to)?;
    let id = version.material_id;
    key.versions.push(version);
    if key.state == KeyState::PendingImport {
        key.state = KeyState::Enabled;
    }
    Ok(id)
}

/// Material for the key's next rotation. What the key has or had is not new, and one waits at a time.
fn next(
    change: &mut Change<'_>,
    key: &mut KeyDocument,
    material: &Material,
    now: Time,
    valid_to: Option<Time>,
) -> Result<MaterialId> {
    let commitment = material.commitment(&change.inner.secrets.store_id, key.spec);
    let known = |version: &VersionDocument| version.commitment.is_some_and(|c| ct_eq(&c, &commitment));
    let taken = |version: &VersionDocument| Error::AlreadyExists {
        what: "key material",
        name: hex(&version.material_id).into(),
    };
    if let Some(version) = change.snapshot().versions(key)?.iter().find(|version| known(version)) {
        return Err(taken(version));
    }
    let serves = |version: &VersionDocument| version.holds_material() && !expired(version, now);
    if let Some(pending) = key.pending.as_ref().filter(|pending| known(pending) || serves(pending)) {
        return Err(taken(pending));
    }
    let mut version = made(change, key, material, now, valid_to)?;
    version.state = VersionState::PendingRotation;
    let id = version.material_id;
    key.pending = Some(version);
    Ok(id)
}

fn expired(version: &VersionDocument, now: Time) -> bool {
    version.valid_to.is_some_and(|end| end <= now)
}

/// Material that the key had before, for the version that it was of; its expiry is set anew.
fn again(
    change: &mut Change<'_>,
    key: &mut KeyDocument,
    material: &Material,
    valid_to: Option<Time>,
    name: &KeyName,
) -> Result<MaterialId> {
    let secrets = &change.inner.secrets;
    let (id, spec, newest) = (key.id, key.spec, key.newest());
    let commitment = material.commitment(&secrets.store_id, spec);
    let (mut found, mut missing) = (None, false);
    change.edit_versions(key, |version| {
        if version.origin != Origin::External
            || matches!(version.state, VersionState::Compromised | VersionState::Destroyed)
        {
            return Ok(());
        }
        if version.commitment.is_some_and(|theirs| ct_eq(&theirs, &commitment)) {
            let binding = Binding::stored(secrets, id, spec, version);
            (version.nonce, version.wrapped) = material::wrap(&secrets.material, &binding, material)?;
            version.valid_to = valid_to;
            version.state = match version.version.cmp(&newest) {
                Ordering::Greater => VersionState::PendingRotation,
                Ordering::Equal => VersionState::Current,
                Ordering::Less => VersionState::NonCurrent,
            };
            found = Some(version.material_id);
        }
        missing |= version.state == VersionState::PendingImport;
        Ok(())
    })?;
    let found = found.ok_or_else(|| Error::IncorrectKeyMaterial { name: name.to_string().into() })?;
    if key.state == KeyState::PendingImport && !missing {
        key.state = KeyState::Enabled;
    }
    Ok(found)
}

#[cfg(test)]
#[path = "import_tests.rs"]
pub(super) mod tests;
