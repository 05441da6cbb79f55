//! Management of keys and aliases. Each call is one transaction on verified documents.

use serde_json::json;

use super::change::{Change, Deed, refuse};
use super::document::{ALIASES, AliasDocument, KeyDocument, check_description};
use super::lifecycle::{read_tags, refuse_period};
use super::material::{Made, Material};
use super::names::{Alias, KeyId, KeyName};
use super::policy::KeyPolicy;
use super::snapshot::Snapshot;
use super::time::Time;
use super::types::{CreateKey, KeyMetadata, KeyState, KeyUsage, Origin, RotationType, VersionState};
use super::version::origin_name;
use super::{Store, access, clock, material, states, trail};
use crate::audit::KeyRef;
use crate::crypto::fill_random;
use crate::error::{Error, Result};
use crate::operation::Operation;

impl Store {
    /// A key by id or alias, verified.
    pub fn describe_key(&self, name: &KeyName) -> Result<KeyMetadata> {
        self.look(Operation::DescribeKey, name, describe)
    }

    /// Makes a key with its first version; without one, in PendingImport, where the request says `external`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a policy or tag out of its bounds; UNSUPPORTED_OPERATION for an external sealing key, or an
    /// external key with a rotation period; ALREADY_EXISTS for an alias that is taken.
    pub fn create_key(&self, request: &CreateKey) -> Result<KeyMetadata> {
        if request.external {
            if request.spec.usage() == KeyUsage::EncapsulateDecapsulate {
                let error =
                    Error::UnsupportedOperation { what: "a sealing key's material cannot be imported" };
                let deed = deed_of(Operation::CreateKey, request, Origin::External);
                return Err(refuse(&self.inner, deed, error));
            }
            return self.new_key(Operation::CreateKey, request, Origin::External, None);
        }
        let material = self.locked(material::draw(request.spec, self.inner.secrets.on_fork)?)?;
        self.new_key(Operation::CreateKey, request, Origin::Keyfold, Some(&material))
    }

    /// Makes a key of the caller's own material, of exactly the spec's size: 32, 48 or 64 bytes (refused when all are
    /// equal).
    pub fn import_key_material(&self, request: &CreateKey, material: &[u8]) -> Result<KeyMetadata> {
        let taken = material::take(request.spec, material, self.inner.secrets.on_fork);
        let material = taken.and_then(|material| self.locked(material)).map_err(|error| {
            let deed = deed_of(Operation::ImportKeyMaterial, request, Origin::External);
            refuse(&self.inner, deed, error)
        })?;
        self.new_key(Operation::ImportKeyMaterial, request, Origin::External, Some(&material))
    }

    /// Lets a key be used again.
    pub fn enable_key(&self, name: &KeyName) -> Result<KeyMetadata> {
        self.set_state(Operation::EnableKey, name, KeyState::Enabled)
    }

    /// Stops every use of a key until it is enabled. Its material has left the memory of this store handle when the call
    /// returns, but for what calls under way in other threads hold to their end; other handles and processes drop theirs
    /// at the key's next use.
    pub fn disable_key(&self, name: &KeyName) -> Result<KeyMetadata> {
        self.set_state(Operation::DisableKey, name, KeyState::Disabled)
    }

    /// Adds an alias to a key. ALREADY_EXISTS where it is taken.
    pub fn create_alias(&self, alias: &Alias, key: &KeyName) -> Result<KeyMetadata> {
        let deed = Deed::on(Operation::CreateAlias, key).with("aliasName", alias.as_str());
        self.inner.change(deed, |change| {
            let mut key = change.key(key)?;
            refuse_taken(change.snapshot(), alias)?;
            bear(&mut key, alias)?;
            change.put_alias(alias, None, key.id)?;
            change.update_key(&mut key)?;
            describe(change.snapshot(), &key)
        })
    }

    /// Moves an alias to another key, in one transaction. Moving it to the key that has it changes nothing.
    pub fn move_alias(&self, alias: &Alias, key: &KeyName) -> Result<KeyMetadata> {
        let deed = Deed::on(Operation::UpdateAlias, key).with("aliasName", alias.as_str());
        self.inner.change(deed, |change| {
            let mut to = change.key(key)?;
            let (mut from, row) = bearer(change, alias)?;
            if from.id != to.id {
                from.aliases.retain(|other| other != alias);
                bear(&mut to, alias)?;
                change.put_alias(alias, Some(row), to.id)?;
                change.update_key(&mut from)?;
                change.update_key(&mut to)?;
            }
            describe(change.snapshot(), &to)
        })
    }

    /// Removes an alias; its key stays.
    pub fn delete_alias(&self, alias: &Alias) -> Result<()> {
        let deed = Deed::new(Operation::DeleteAlias).with("aliasName", alias.as_str());
        self.inner.change(deed, |change| {
            let (mut key, (revision, _)) = bearer(change, alias)?;
            states::permit(Operation::DeleteAlias, &key, &KeyName::Alias(alias.clone()), false)?;
            key.aliases.retain(|other| other != alias);
            change.remove_alias(alias, revision)?;
            change.update_key(&mut key)
        })
    }

    /// Material in pages as the store's options want them.
    fn locked(&self, material: Material) -> Result<Material> {
        self.inner.options.check_locked().map(|()| material)
    }

    fn new_key(
        &self,
        operation: Operation,
        request: &CreateKey,
        origin: Origin,
        material: Option<&Material>,
    ) -> Result<KeyMetadata> {
        let checked = check_description(&request.description)
            .and_then(|()| request.policy.check())
            .and_then(|()| refuse_period(&request.policy, origin))
            .and_then(|()| read_tags(&request.tags));
        let deed = deed_of(operation, request, origin);
        let tags = match checked {
            Ok(tags) => tags,
            Err(error) => return Err(refuse(&self.inner, deed, error)),
        };
        let id = draw_id()?;
        self.inner.change(deed, |change| {
            let now = clock::now(change.snapshot());
            let principal = self.inner.actor.principal.clone();
            let mut key = KeyDocument::new(id, request.spec, origin, now, principal.clone());
            key.description = request.description.clone();
            key.tags = tags;
            key.policy = request.policy.clone();
            key.rotation_from = key.policy.rotation_period_days.map(|_| now);
            key.aliases = request.alias.iter().cloned().collect();
            match material {
                Some(material) => {
                    let made =
                        Made { origin, created: now, rotation_type: RotationType::Initial, by: principal };
                    key.versions =
                        vec![material::version(&self.inner.secrets, id, request.spec, 1, made, material)?];
                    key.next_version = 2;
                }
                None => key.state = KeyState::PendingImport,
            }
            if let Some(alias) = &request.alias {
                refuse_taken(change.snapshot(), alias)?;
                change.put_alias(alias, None, id)?;
            }
            change.create_key(&mut key, &[])?;
            describe(change.snapshot(), &key)
        })
    }

    fn set_state(&self, operation: Operation, name: &KeyName, state: KeyState) -> Result<KeyMetadata> {
        self.edit(Deed::on(operation, name), name, |_, key| {
            let changed = key.state != state;
            key.state = state;
            if changed {
                key.state_reason = None;
            }
            Ok(changed)
        })
    }

    /// Reads about one key, whose state must permit it.
    pub(super) fn look<R>(
        &self,
        operation: Operation,
        name: &KeyName,
        mut work: impl FnMut(&mut Snapshot<'_>, &KeyDocument) -> Result<R>,
    ) -> Result<R> {
        let mut about = Vec::new();
        let looked = self.inner.read(|snapshot| {
            let key = snapshot.key(name)?;
            let material_id = key.versions.last().map_or([0; 8], |newest| newest.material_id);
            about = vec![KeyRef { key_id: key.id.0, version: key.newest(), material_id }];
            access::authorise_read(&self.inner, snapshot, operation, Some(&key))?;
            states::permit(operation, &key, name, self.inner.options.recovery)?;
            work(snapshot, &key)
        });
        trail::read(&self.inner, Deed::on(operation, name), about, looked.as_ref().err());
        looked
    }
}

/// `requestParameters` of a new key.
fn deed_of(operation: Operation, request: &CreateKey, origin: Origin) -> Deed {
    let mut deed = Deed::new(operation)
        .with("keySpec", request.spec.name())
        .with("keyUsage", request.spec.usage().name())
        .with("origin", origin_name(origin));
    if let Some(alias) = &request.alias {
        deed = deed.with("aliasName", alias.as_str());
    }
    if !request.description.is_empty() {
        deed = deed.with("description", request.description.as_str());
    }
    if !request.tags.is_empty() {
        let tag = |(name, value): &(String, String)| json!({ "tagKey": name, "tagValue": value });
        deed = deed.with("tags", request.tags.iter().map(tag).collect::<Vec<_>>());
    }
    if request.policy != KeyPolicy::default() {
        // A policy is plain data: it always serialises.
        deed = deed.with("policy", serde_json::to_value(&request.policy).unwrap_or_default());
    }
    deed
}

pub(super) fn describe(snapshot: &mut Snapshot<'_>, key: &KeyDocument) -> Result<KeyMetadata> {
    let mut told = key.metadata(&snapshot.versions(key)?);
    let now = clock::now(snapshot);
    // Material that expired is gone for all uses, whether or not somebody has taken it out of the document yet.
    for version in &mut told.versions {
        let expired = version.valid_to.as_deref().and_then(Time::parse).is_some_and(|end| end <= now);
        if expired && version.state == VersionState::PendingRotation {
            version.state = VersionState::PendingImport;
        }
        if expired && matches!(version.state, VersionState::Current | VersionState::NonCurrent) {
            version.state = VersionState::PendingImport;
            if matches!(told.key_state, KeyState::Enabled | KeyState::Disabled) {
                told.key_state = KeyState::PendingImport;
            }
        }
    }
    Ok(told)
}

pub(super) fn refuse_taken(snapshot: &mut Snapshot<'_>, alias: &Alias) -> Result<()> {
    match snapshot.alias(alias)? {
        None => Ok(()),
        Some(_) => Err(Error::AlreadyExists { what: "alias", name: alias.as_str().into() }),
    }
}

/// The key that bears an alias, whatever its state, and the alias's row.
fn bearer(change: &mut Change<'_>, alias: &Alias) -> Result<(KeyDocument, (u64, AliasDocument))> {
    let row = change.snapshot().alias(alias)?;
    let row = row.ok_or_else(|| Error::KeyNotFound { name: alias.as_str().into() })?;
    Ok((change.key_in_any_state(&KeyName::Alias(alias.clone()))?, row))
}

/// Enters an alias in a key's document.
fn bear(key: &mut KeyDocument, alias: &Alias) -> Result<()> {
    if key.aliases.len() == ALIASES {
        return Err(Error::LimitExceeded { what: "aliases of a key", limit: ALIASES as u64 });
    }
    if let Err(at) = key.aliases.binary_search(alias) {
        key.aliases.insert(at, alias.clone());
    }
    Ok(())
}

/// A random UUID (RFC 9562, version 4).
pub(super) fn draw_id() -> Result<KeyId> {
    let mut id = [0; 16];
    fill_random(&mut id)?;
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    Ok(KeyId(id))
}
