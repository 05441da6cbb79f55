//! Management of keys and aliases. Each call is one transaction on verified documents.

use super::change::{Change, Deed};
use super::document::{ALIASES, AliasDocument, KeyDocument, check_description};
use super::material::Made;
use super::names::{Alias, KeyId, KeyName};
use super::snapshot::Snapshot;
use super::time::Time;
use super::types::{CreateKey, KeyMetadata, KeyState, Origin, RotationType, VersionState};
use super::{Store, material};
use crate::crypto::{Kek, fill_random};
use crate::error::{Error, Result};
use crate::operation::Operation;

impl Store {
    /// A key by id or alias, verified.
    pub fn describe_key(&self, name: &KeyName) -> Result<KeyMetadata> {
        self.inner.read(|snapshot| {
            let key = snapshot.key(name)?;
            describe(snapshot, &key)
        })
    }

    /// Makes a key with its first version.
    pub fn create_key(&self, request: &CreateKey) -> Result<KeyMetadata> {
        let material = self.locked(material::draw(self.inner.secrets.on_fork)?)?;
        self.new_key(Operation::CreateKey, request, Origin::Keyfold, &material)
    }

    /// Makes a key of exactly 32 bytes of the caller's own material (refused when all bytes are equal).
    pub fn import_key_material(&self, request: &CreateKey, material: &[u8]) -> Result<KeyMetadata> {
        let material = self.locked(material::take(material, self.inner.secrets.on_fork)?)?;
        self.new_key(Operation::ImportKeyMaterial, request, Origin::External, &material)
    }

    /// Adds a version, which new envelopes use at once; older versions go on opening what they sealed. Each call
    /// that returns success has added one version, whatever other processes do at the same time. KEY_DISABLED for a
    /// disabled key, which stays as it is.
    pub fn rotate_key(&self, name: &KeyName) -> Result<KeyMetadata> {
        let secrets = &self.inner.secrets;
        let material = self.locked(material::draw(secrets.on_fork)?)?;
        self.inner.change(Deed::on(Operation::RotateKeyOnDemand, name), |change| {
            let mut key = change.key(name)?;
            let number = key.next_version;
            let made = self.made(Origin::Keyfold, RotationType::OnDemand);
            let version = material::version(secrets, key.id, number, made, &material)?;
            if let Some(before) = key.versions.last_mut() {
                before.state = VersionState::NonCurrent;
            }
            key.next_version = number
                .checked_add(1)
                .ok_or(Error::LimitExceeded { what: "version numbers", limit: u32::MAX.into() })?;
            key.versions.push(version);
            change.update_key(&mut key)?;
            describe(change.snapshot(), &key)
        })
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
            let (mut from, row) = owner(change, alias)?;
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
            let (mut key, (revision, _)) = owner(change, alias)?;
            key.aliases.retain(|other| other != alias);
            change.remove_alias(alias, revision)?;
            change.update_key(&mut key)
        })
    }

    /// Material in pages as the store's options want them.
    fn locked(&self, material: Kek) -> Result<Kek> {
        self.inner.options.check_locked().map(|()| material)
    }

    /// A version that this handle's principal makes now.
    fn made(&self, origin: Origin, rotation_type: RotationType) -> Made {
        Made { origin, created: Time::now(), rotation_type, by: self.inner.actor.principal.clone() }
    }

    fn new_key(
        &self,
        operation: Operation,
        request: &CreateKey,
        origin: Origin,
        material: &Kek,
    ) -> Result<KeyMetadata> {
        check_description(&request.description)?;
        let secrets = &self.inner.secrets;
        let made = self.made(origin, RotationType::Initial);
        let (id, created) = (draw_id()?, made.created);
        let first = material::version(secrets, id, 1, made, material)?;
        let mut key = KeyDocument::new(id, request.spec, origin, created, self.inner.actor.principal.clone());
        key.description = request.description.clone();
        key.aliases = request.alias.iter().cloned().collect();
        key.next_version = 2;
        key.versions = vec![first];
        self.inner.change(Deed::new(operation), |change| {
            if let Some(alias) = &request.alias {
                refuse_taken(change.snapshot(), alias)?;
                change.put_alias(alias, None, id)?;
            }
            change.create_key(&mut key, &[])?;
            describe(change.snapshot(), &key)
        })
    }

    fn set_state(&self, operation: Operation, name: &KeyName, state: KeyState) -> Result<KeyMetadata> {
        let set = self.inner.change(Deed::on(operation, name), |change| {
            let mut key = change.key(name)?;
            if key.state != state {
                key.state = state;
                change.update_key(&mut key)?;
            }
            describe(change.snapshot(), &key)
        })?;
        if let Some(kept) = self.inner.kept_handle(set.key_id) {
            // For the sake of the material that goes with it. The change is made; should this fail, the handle's next
            // use tries again, and fails in its turn.
            let _ = kept.follow(&self.inner);
        }
        Ok(set)
    }
}

pub(super) fn describe(snapshot: &mut Snapshot<'_>, key: &KeyDocument) -> Result<KeyMetadata> {
    Ok(key.metadata(&snapshot.versions(key)?))
}

pub(super) fn refuse_taken(snapshot: &mut Snapshot<'_>, alias: &Alias) -> Result<()> {
    match snapshot.alias(alias)? {
        None => Ok(()),
        Some(_) => Err(Error::AlreadyExists { what: "alias", name: alias.as_str().into() }),
    }
}

/// The key that bears an alias, and the alias's row.
fn owner(change: &mut Change<'_>, alias: &Alias) -> Result<(KeyDocument, (u64, AliasDocument))> {
    let row = change.snapshot().alias(alias)?;
    let row = row.ok_or_else(|| Error::KeyNotFound { name: alias.as_str().into() })?;
    Ok((change.key(&KeyName::Alias(alias.clone()))?, row))
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
fn draw_id() -> Result<KeyId> {
    let mut id = [0; 16];
    fill_random(&mut id)?;
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    Ok(KeyId(id))
}
