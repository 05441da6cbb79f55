//! The end of a key: waiting periods that are over, material that is overwritten, and the tombstone. `docs/KEYS.md`,
//! "Deletion".

use serde::Serialize;

use super::backend::Table;
use super::change::Deed;
use super::clock::{self, Sighting};
use super::document::KeyDocument;
use super::list::key_of;
use super::names::{KeyId, KeyName};
use super::snapshot::Snapshot;
use super::time::Time;
use super::types::{KeyState, Origin, VersionState};
use super::{Store, anchor, grants};
use crate::crypto::fill_random;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Keys looked at in one transaction.
const BATCH: usize = 256;

/// A key that [`Store::destroy_due`] destroyed.
#[derive(Clone, Debug, Serialize)]
pub struct Destroyed {
    /// Its id.
    pub key_id: String,
    /// Its wrapped material is out of the file, its log and its free pages. False: a reader holds old pages; the next
    /// call tries again.
    pub scrubbed: bool,
}

/// A key whose waiting period is over and which [`Store::destroy_due`] may not destroy.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedKey {
    /// Its id.
    pub key_id: String,
    /// Why: the error's name and text.
    pub error: String,
}

/// What [`Store::destroy_due`] did.
#[derive(Debug, Default, Serialize)]
pub struct DestroyReport {
    /// Destroyed, or destroyed before and scrubbed now.
    pub destroyed: Vec<Destroyed>,
    /// Left as they are: an approval is missing, say.
    pub refused: Vec<RefusedKey>,
    /// The first refusal.
    #[serde(skip)]
    pub first_refusal: Option<Error>,
}

/// What is to be done about keys that end.
#[derive(Default)]
struct Ending {
    /// Their periods are over for the first time, or turn out not to be.
    sighted: Vec<KeyId>,
    /// To be destroyed.
    due: Vec<KeyId>,
    /// Destroyed before, their random bytes still to be taken away.
    unscrubbed: Vec<KeyId>,
    /// Imported material of theirs was deleted, and its random bytes are still to be taken away.
    overwritten: Vec<KeyId>,
}

impl Store {
    /// Destroys every key whose waiting period is over: overwrites its wrapped material, leaves a tombstone, scrubs file
    /// and log. For cron; `open` does not do it. A period counts as over when two openings of the store, at least twelve
    /// hours apart, found it so: the first call that finds it answers nothing for the key. A key that may not be destroyed
    /// is reported, and does not hold up the others. Looks at every key.
    ///
    /// # Errors
    /// STORE_READ_ONLY, and those of any change: the first of them, after all other keys were seen to and scrubbed.
    /// ANCHOR_UNAVAILABLE: keys are destroyed and the anchor may not know it yet; the next call tries again.
    pub fn destroy_due(&self) -> Result<DestroyReport> {
        if self.inner.options.read_only {
            return Err(Error::StoreReadOnly);
        }
        let Ending { sighted, due, unscrubbed, overwritten } = self.ending()?;
        if !sighted.is_empty() {
            self.take_note(&sighted)?;
        }
        let (mut gone, mut failed, mut report) = (unscrubbed, Ok(()), DestroyReport::default());
        for id in due {
            match self.destroy(id) {
                Ok(destroyed) => gone.extend(destroyed.then_some(id)),
                Err(
                    error @ (Error::ApprovalRequired { .. }
                    | Error::NotPermitted { .. }
                    | Error::AccessDenied { .. }),
                ) => {
                    let why = format!("{}: {error}", error.status().name());
                    report.refused.push(RefusedKey { key_id: id.to_string(), error: why });
                    report.first_refusal.get_or_insert(error);
                }
                // One that fails keeps no other; one that is destroyed but not anchored is still to be scrubbed.
                Err(error) => {
                    gone.extend(self.is_tombstone(id)?.then_some(id));
                    failed = failed.and(Err(error));
                }
            }
        }
        if gone.is_empty() && overwritten.is_empty() {
            return failed.map(|()| report);
        }
        // Once more, for those whose change was made and not anchored: a tombstone without bytes is not seen again.
        let anchored = anchor::destroyed(&self.inner, &gone);
        let scrubbed = self.inner.backend.scrub()?;
        anchored?;
        if scrubbed {
            gone.iter().chain(&overwritten).try_for_each(|id| self.empty(*id))?;
        }
        failed?;
        report.destroyed =
            gone.into_iter().map(|id| Destroyed { key_id: id.to_string(), scrubbed }).collect();
        Ok(report)
    }

    fn is_tombstone(&self, id: KeyId) -> Result<bool> {
        let key = self.inner.read(|snapshot| snapshot.key_by_id(id))?;
        Ok(key.is_some_and(|key| key.state == KeyState::Destroyed))
    }

    fn ending(&self) -> Result<Ending> {
        let (mut ending, mut after) = (Ending::default(), Vec::new());
        loop {
            let (last, found) = self.inner.read(|snapshot| {
                let mut found = Ending::default();
                let entries = snapshot.rows.list(Table::Keys, &after, BATCH)?;
                for entry in &entries {
                    let key = key_of(snapshot, entry)?;
                    let imported = key.origin == Origin::External && key.state != KeyState::Destroyed;
                    let mut all = snapshot.versions(&key)?.into_iter().chain(key.pending.clone());
                    if imported && all.any(|version| version.is_overwritten()) {
                        found.overwritten.push(key.id);
                    }
                    match key.state {
                        KeyState::Destroyed if holds_bytes(snapshot, &key)? => found.unscrubbed.push(key.id),
                        KeyState::PendingDeletion if self.confirmed(snapshot, &key) => found.due.push(key.id),
                        KeyState::PendingDeletion if self.sighting(snapshot, &key) != key.deletion_seen => {
                            found.sighted.push(key.id);
                        }
                        _ => {}
                    }
                }
                Ok((entries.last().map(|last| last.place.clone()), found))
            })?;
            ending.sighted.extend(found.sighted);
            ending.due.extend(found.due);
            ending.unscrubbed.extend(found.unscrubbed);
            ending.overwritten.extend(found.overwritten);
            match last {
                Some(last) => after = last,
                None => return Ok(ending),
            }
        }
    }

    /// What is to be remembered of a look at a key that waits for its deletion.
    fn sighting(&self, snapshot: &Snapshot<'_>, key: &KeyDocument) -> Option<Sighting> {
        let now = over(snapshot, key)?;
        // The earlier of two looks counts, unless it was from a time that is not yet.
        key.deletion_seen.filter(|seen| seen.at <= now).or(Some(Sighting { at: now, by: self.inner.opening }))
    }

    fn confirmed(&self, snapshot: &Snapshot<'_>, key: &KeyDocument) -> bool {
        match (over(snapshot, key), key.deletion_seen) {
            (Some(now), Some(seen)) => seen.confirmed(now, self.inner.opening),
            _ => false,
        }
    }

    /// Writes down that waiting periods were found to be over, or not to be.
    fn take_note(&self, ids: &[KeyId]) -> Result<()> {
        let keys: Vec<String> = ids.iter().map(KeyId::to_string).collect();
        let deed = Deed::new(Operation::Heartbeat).with("waitingPeriodsLookedAt", keys);
        self.inner.change(deed, |change| {
            for id in ids {
                let Some(mut key) = change.snapshot().key_by_id(*id)? else { continue };
                let seen = self.sighting(change.snapshot(), &key);
                if key.state == KeyState::PendingDeletion && seen != key.deletion_seen {
                    key.deletion_seen = seen;
                    change.update_key(&mut key)?;
                }
            }
            Ok(())
        })
    }

    /// Makes a key its tombstone, its wrapped material random bytes. Whether it was still to be destroyed.
    fn destroy(&self, id: KeyId) -> Result<bool> {
        let name = KeyName::Id(id);
        let destroyed = self.inner.change(Deed::on(Operation::DestroyKey, &name), |change| {
            let found = change.snapshot().key_by_id(id)?;
            let due = found.is_some_and(|key| {
                key.state == KeyState::PendingDeletion && self.confirmed(change.snapshot(), &key)
            });
            if !due {
                change.nothing_to_do();
                return Ok(false);
            }
            let mut key = change.key(&name)?;
            change.edit_versions(&mut key, |version| {
                version.state = VersionState::Destroyed;
                fill_random(&mut version.nonce)?;
                fill_random(&mut version.wrapped)
            })?;
            for alias in std::mem::take(&mut key.aliases) {
                if let Some((revision, _)) = change.snapshot().alias(&alias)? {
                    change.remove_alias(&alias, revision)?;
                }
            }
            grants::forget_all(change, &mut key)?;
            key.state = KeyState::Destroyed;
            key.deletion_date = Some(clock::now(change.snapshot()));
            key.deletion_seen = None;
            change.update_key(&mut key)?;
            Ok(true)
        })?;
        if let Some(kept) = self.inner.kept_handle(id) {
            // As in `edit`: for the material that goes with it.
            let _ = kept.follow(&self.inner);
        }
        Ok(destroyed)
    }

    /// Takes the random bytes away: then nothing of the key is left to scrub.
    pub(super) fn empty(&self, id: KeyId) -> Result<()> {
        let deed = Deed::new(Operation::Heartbeat).with("scrubbedKeyId", id.to_string());
        self.inner.change(deed, |change| match change.snapshot().key_by_id(id)? {
            Some(mut key) => {
                let destroyed = key.state == KeyState::Destroyed;
                change.edit_versions(&mut key, |version| {
                    if destroyed || version.is_overwritten() {
                        version.nonce = [0; 24];
                        version.wrapped.clear();
                    }
                    Ok(())
                })?;
                key.pending = key.pending.filter(|pending| !pending.wrapped.is_empty());
                change.update_key(&mut key)
            }
            None => Ok(()),
        })
    }
}

/// The time by which a key's waiting period is over: by the system's clock and by the store's.
fn over(snapshot: &Snapshot<'_>, key: &KeyDocument) -> Option<Time> {
    let now = clock::now(snapshot);
    let date = key.deletion_date?;
    (date <= now && date <= Time::now()).then_some(now)
}

/// Whether a tombstone still has bytes where its material was.
fn holds_bytes(snapshot: &mut Snapshot<'_>, key: &KeyDocument) -> Result<bool> {
    // All versions are emptied at once, so the newest tells; pages are read only where there is none.
    match key.versions.last() {
        Some(newest) => Ok(!newest.wrapped.is_empty() || key.pending.is_some()),
        None => Ok(snapshot.versions(key)?.iter().any(|version| !version.wrapped.is_empty())),
    }
}
