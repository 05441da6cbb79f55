//! Keys put into a store as a test says, with numbers and material that nobody would draw.

use super::change::Deed;
use super::document::{KeyDocument, VERSIONS_A_PAGE};
use super::manage::describe;
use super::material::Made;
use super::names::Alias;
use super::policy::KeyPolicy;
use super::time::Time;
use super::types::{KeyMetadata, KeySpec, Origin, RotationType, VersionState};
use super::{KeyId, Store, material};
use crate::error::{Error, Result};
use crate::operation::Operation;

/// One version to plant.
#[derive(Clone, Debug)]
pub struct Planted {
    /// Its number, from 1; several may bear the same.
    pub version: u32,
    /// Its material. Test vectors only: it is not kept as a secret.
    pub material: [u8; 32],
    /// Key ids and version numbers under which the material also goes.
    pub former: Vec<(KeyId, u32)>,
}

impl Store {
    /// How many transactions wrote events that had waited, through this handle. For tests and benches.
    pub fn trail_transactions(&self) -> u64 {
        self.inner.trail.transactions()
    }

    /// Writes a key of this id with these versions (in the order of their numbers; the last becomes the current
    /// one), as a change like any other. For tests: it exists in test builds only.
    pub fn plant(&self, id: KeyId, versions: &[Planted]) -> Result<KeyMetadata> {
        let secrets = &self.inner.secrets;
        let mut documents = Vec::new();
        for planted in versions {
            let kek = material::of(KeySpec::Symmetric, &planted.material, secrets.on_fork)?;
            let now = Time::now();
            let made = Made {
                origin: Origin::External,
                created: now,
                rotation_type: RotationType::Imported,
                by: self.inner.actor.principal.clone(),
            };
            let mut version =
                material::version(secrets, id, KeySpec::Symmetric, planted.version, made, &kek)?;
            version.state = VersionState::NonCurrent;
            version.former = planted.former.clone();
            documents.push(version);
        }
        let last = documents.last().ok_or(Error::InvalidArgument { what: "no version to plant" })?.version;
        let mut newest = documents.split_off(documents.len().saturating_sub(VERSIONS_A_PAGE));
        if let Some(current) = newest.last_mut() {
            current.state = VersionState::Current;
        }
        let owner = self.inner.actor.principal.clone();
        let mut key = KeyDocument::new(id, KeySpec::Symmetric, Origin::Keyfold, Time::now(), owner);
        key.next_version = last.saturating_add(1);
        key.versions = newest;
        self.inner.change(Deed::new(Operation::ImportKey), |change| {
            if change.snapshot().key_by_id(id)?.is_some() {
                return Err(Error::AlreadyExists { what: "key", name: id.to_string().into() });
            }
            change.create_key(&mut key, &documents)?;
            describe(change.snapshot(), &key)
        })
    }
}

/// Keys of a large store, made many at a time.
impl Store {
    /// Makes so many keys, with the aliases `prefix` followed by 0, 1 … For benches: a thousand in a transaction.
    pub fn plant_keys(&self, keys: u64, prefix: &str) -> Result<()> {
        self.plant_many(keys, prefix, Time::now(), KeyPolicy::default())
    }

    /// The same, of keys that have been due for their rotation by period since yesterday.
    pub fn plant_due_keys(&self, keys: u64, prefix: &str) -> Result<()> {
        let made = Time(Time::now().0.saturating_sub(91 * 86_400));
        let policy = KeyPolicy { rotation_period_days: Some(90), ..KeyPolicy::default() };
        self.plant_many(keys, prefix, made, policy)
    }

    fn plant_many(&self, keys: u64, prefix: &str, created: Time, policy: KeyPolicy) -> Result<()> {
        const STRIDE: u64 = 10_000;
        let secrets = &self.inner.secrets;
        let owner = &self.inner.actor.principal;
        for from in (0..keys).step_by(STRIDE as usize) {
            self.inner.change(Deed::new(Operation::ImportKey), |change| {
                for number in from..keys.min(from + STRIDE) {
                    let id = super::manage::draw_id()?;
                    let alias: Alias = format!("{prefix}{number}").parse()?;
                    let made = Made {
                        origin: Origin::Keyfold,
                        created,
                        rotation_type: RotationType::Initial,
                        by: owner.clone(),
                    };
                    let kek = material::draw(KeySpec::Symmetric, secrets.on_fork)?;
                    let mut key =
                        KeyDocument::new(id, KeySpec::Symmetric, Origin::Keyfold, created, owner.clone());
                    key.policy = policy.clone();
                    key.rotation_from = policy.rotation_period_days.map(|_| created);
                    key.aliases = vec![alias.clone()];
                    key.next_version = 2;
                    key.versions = vec![material::version(secrets, id, KeySpec::Symmetric, 1, made, &kek)?];
                    change.put_alias(&alias, None, id)?;
                    change.create_key(&mut key, &[])?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
