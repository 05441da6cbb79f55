//! A key's life beyond enabled and disabled: description, tags, policy, deletion, compromise. `docs/KEYS.md`.

use std::collections::BTreeMap;

use super::Store;
use super::change::{Change, Deed, refuse};
use super::clock;
use super::document::{DESCRIPTION_LIMIT, KeyDocument, TAGS, check_description};
use super::manage::describe;
use super::names::KeyName;
use super::policy::KeyPolicy;
use super::types::{KeyMetadata, KeyState, Origin, VersionState};
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Days in which a deletion can be taken back: AWS KMS's.
const WAITING_DAYS: std::ops::RangeInclusive<u32> = 7..=30;

impl Store {
    /// Replaces a key's description.
    pub fn update_key_description(&self, name: &KeyName, description: &str) -> Result<KeyMetadata> {
        let deed = Deed::on(Operation::UpdateKeyDescription, name);
        // What it was is not told: it may be of any size.
        check_description(description).map_err(|error| refuse(&self.inner, deed.clone(), error))?;
        let deed = deed.with("description", description);
        self.edit(deed, name, |_, key| {
            let changed = key.description != description;
            key.description = description.into();
            Ok(changed)
        })
    }

    /// Adds tags to a key, or replaces their values.
    ///
    /// # Errors
    /// LIMIT_EXCEEDED beyond 50 tags; INVALID_ARGUMENT for a name or value out of its bounds, or a name given twice.
    pub fn tag_key(&self, name: &KeyName, tags: &[(String, String)]) -> Result<KeyMetadata> {
        let deed = Deed::on(Operation::TagResource, name);
        let tags = read_tags(tags).map_err(|error| refuse(&self.inner, deed.clone(), error))?;
        let names: Vec<&str> = tags.keys().map(String::as_str).collect();
        let deed = deed.with("tagKeys", names);
        self.edit(deed, name, |_, key| {
            let before = key.tags.clone();
            key.tags.extend(tags);
            match key.tags.len() <= TAGS {
                true => Ok(key.tags != before),
                false => Err(Error::LimitExceeded { what: "tags of a key", limit: TAGS as u64 }),
            }
        })
    }

    /// Removes tags of these names; names that it has not are no error.
    pub fn untag_key(&self, name: &KeyName, names: &[String]) -> Result<KeyMetadata> {
        let deed = Deed::on(Operation::UntagResource, name).with("tagKeys", names.to_vec());
        self.edit(deed, name, |_, key| {
            let before = key.tags.len();
            key.tags.retain(|tag, _| !names.contains(tag));
            Ok(key.tags.len() != before)
        })
    }

    /// Replaces a key's whole policy.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, naming the field; UNSUPPORTED_OPERATION for a rotation period on a key of origin EXTERNAL.
    pub fn set_key_policy(&self, name: &KeyName, policy: &KeyPolicy) -> Result<KeyMetadata> {
        // A policy is plain data: it always serialises.
        let text = serde_json::to_value(policy).unwrap_or_default();
        let deed = Deed::on(Operation::UpdateKeyPolicy, name).with("policy", text);
        policy.check().map_err(|error| refuse(&self.inner, deed.clone(), error))?;
        self.edit(deed, name, |change, key| {
            refuse_period(policy, key.origin)?;
            if key.policy.rotation_period_days != policy.rotation_period_days {
                key.rotation_from = policy.rotation_period_days.map(|_| clock::now(change.snapshot()));
            }
            let changed = key.policy != *policy;
            key.policy = policy.clone();
            Ok(changed)
        })
    }

    /// Puts a key into PendingDeletion; it is destroyed by [`Store::destroy_due`] after `days` (7 to 30; 0 means 30).
    pub fn schedule_key_deletion(&self, name: &KeyName, days: u32) -> Result<KeyMetadata> {
        let days = if days == 0 { *WAITING_DAYS.end() } else { days };
        let deed = Deed::on(Operation::ScheduleKeyDeletion, name).with("pendingWindowInDays", days);
        if !WAITING_DAYS.contains(&days) {
            let what = "a key's deletion waits for 7 to 30 days";
            return Err(refuse(&self.inner, deed, Error::InvalidArgument { what }));
        }
        self.edit(deed, name, |change, key| {
            key.state = KeyState::PendingDeletion;
            key.deletion_date = Some(clock::now(change.snapshot()).plus_days(days));
            key.deletion_seen = None;
            Ok(true)
        })
    }

    /// Takes a key out of PendingDeletion; it is then Disabled (Compromised if it was, PendingImport if it has no
    /// material).
    pub fn cancel_key_deletion(&self, name: &KeyName) -> Result<KeyMetadata> {
        self.edit(Deed::on(Operation::CancelKeyDeletion, name), name, |_, key| {
            key.state = match (key.compromised, key.current()) {
                (Some(_), _) => KeyState::Compromised,
                (None, Some(_)) => KeyState::Disabled,
                (None, None) => KeyState::PendingImport,
            };
            key.deletion_date = None;
            key.deletion_seen = None;
            Ok(true)
        })
    }

    /// Marks a key as compromised: it seals nothing more, and opens only for recovery ([`super::OpenOptions::recovery`]).
    /// There is no way back; make a new key and re-encrypt. `reason`: up to 8,192 bytes, kept in `state_reason`. A key
    /// that is marked already stays as it is.
    pub fn mark_key_compromised(&self, name: &KeyName, reason: &str) -> Result<KeyMetadata> {
        let deed = Deed::on(Operation::MarkKeyCompromised, name);
        let fits = match reason.len() <= DESCRIPTION_LIMIT {
            true => check_description(reason),
            false => Err(Error::TooLarge { what: "a reason", limit: DESCRIPTION_LIMIT as u64 }),
        };
        fits.map_err(|error| refuse(&self.inner, deed.clone(), error))?;
        let deed = deed.with("reason", reason);
        self.edit(deed, name, |change, key| {
            if key.state == KeyState::Compromised {
                return Ok(false);
            }
            key.state = KeyState::Compromised;
            key.state_reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
            key.compromised = Some(clock::now(change.snapshot()));
            change.edit_versions(key, |version| {
                if matches!(version.state, VersionState::Current | VersionState::NonCurrent) {
                    version.state = VersionState::Compromised;
                }
                Ok(())
            })?;
            Ok(true)
        })
    }

    /// Changes one key, if `work` says that it changed. Handles of this process know when it returns.
    pub(super) fn edit(
        &self,
        deed: Deed,
        name: &KeyName,
        work: impl FnOnce(&mut Change<'_>, &mut KeyDocument) -> Result<bool>,
    ) -> Result<KeyMetadata> {
        let edited = self.inner.change(deed, |change| {
            let mut key = change.key(name)?;
            if work(change, &mut key)? {
                change.update_key(&mut key)?;
            }
            describe(change.snapshot(), &key)
        })?;
        if let Some(kept) = self.inner.kept_handle(edited.key_id) {
            // For the sake of the material that may go with it. The change is made; should this fail, the handle's next
            // use tries again, and fails in its turn.
            let _ = kept.follow(&self.inner);
        }
        Ok(edited)
    }
}

/// UNSUPPORTED_OPERATION for a period on imported keys, whose next material is their owner's to bring.
pub(super) fn refuse_period(policy: &KeyPolicy, origin: Origin) -> Result<()> {
    match origin == Origin::External && policy.rotation_period_days.is_some() {
        true => {
            Err(Error::UnsupportedOperation { what: "a key of imported material does not rotate by period" })
        }
        false => Ok(()),
    }
}

/// Tags as a document takes them.
pub(super) fn read_tags(tags: &[(String, String)]) -> Result<BTreeMap<String, String>> {
    let refuse = |what| Err(Error::InvalidArgument { what });
    let mut read = BTreeMap::new();
    for (name, value) in tags {
        if !(1..=128).contains(&name.chars().count()) {
            return refuse("a tag's name has 1 to 128 characters");
        }
        if value.chars().count() > 256 {
            return refuse("a tag's value has up to 256 characters");
        }
        if name.chars().chain(value.chars()).any(char::is_control) {
            return refuse("a tag has no control characters");
        }
        if read.insert(name.clone(), value.clone()).is_some() {
            return refuse("a tag's name is given twice");
        }
    }
    match read.len() <= TAGS {
        true => Ok(read),
        false => Err(Error::LimitExceeded { what: "tags of a key", limit: TAGS as u64 }),
    }
}
