//! Rotation: on demand, by period, by count, at the end of an originator period. `docs/KEYS.md`, "Rotation".

use serde::Serialize;

use super::backend::Table;
use super::change::{Change, Deed};
use super::clock::{self, DAY};
use super::document::KeyDocument;
use super::inner::Inner;
use super::key_inner::KeyInner;
use super::list::key_of;
use super::manage::describe;
use super::material::Made;
use super::names::{KeyId, KeyName};
use super::time::Time;
use super::types::{KeyMetadata, KeyState, Origin, PageRequest, RotationType, VersionMetadata, VersionState};
use super::version::VersionDocument;
use super::{Store, material, trail};
use crate::audit::KeyRef;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Keys looked at, and rotated, in one transaction.
const BATCH: usize = 256;
/// How long a rotation that failed waits for another attempt, and how long a handle goes without a look: milliseconds.
const AGAIN: u64 = 600_000;
const LOOK: u64 = 60_000;

/// When a key rotates next by itself, and why. `None` for a key in a state that never rotates.
pub(super) fn next(key: &KeyDocument) -> Option<(Time, &'static str)> {
    if !matches!(key.state, KeyState::Enabled | KeyState::Disabled) {
        return None;
    }
    let by_period = match (key.policy.rotation_period_days, key.rotation_from) {
        (Some(days), Some(from)) => Some((from.plus_days(days), "ROTATION_PERIOD")),
        _ => None,
    };
    // The next material of an imported key is its owner's to bring.
    let current = key.current().filter(|_| key.origin != Origin::External);
    let by_end = current.and_then(|current| key.policy.originator_end(current.created));
    by_period.into_iter().chain(by_end.map(|end| (end, "ORIGINATOR_PERIOD"))).min_by_key(|(time, _)| *time)
}

/// Whether a key rotates now.
pub(super) fn is_due(key: &KeyDocument, now: Time) -> bool {
    key.state == KeyState::Enabled && next(key).is_some_and(|(time, _)| time <= now)
}

/// Whether a key may rotate on demand once more. LIMIT_EXCEEDED.
pub(super) fn check_on_demand(key: &KeyDocument) -> Result<()> {
    let limit = key.policy.on_demand_limit();
    match key.on_demand_rotations < limit {
        true => Ok(()),
        false => Err(Error::LimitExceeded {
            what: "rotations on demand of this key (on_demand_limit in its policy)",
            limit: limit.into(),
        }),
    }
}

/// Rotates a key that is due, exactly once, whatever other processes do; and has the handle look again where a date has
/// come for a version. Answers in how many milliseconds at most it wants to be asked again. That a key cannot be rotated
/// is no reason to refuse its use: what may not seal any more does not.
pub(super) fn attend(inner: &Inner, key: &KeyInner) -> Result<u64> {
    let mut longest = LOOK;
    let dates = key.dates();
    let now = clock::at(dates.high);
    if let Some((due, reason)) = dates.due
        && due <= now
    {
        // The refusal is an event already.
        if rotate_when(inner, key.id(), reason, is_due).is_err() {
            longest = AGAIN;
        }
        key.follow(inner)?;
    }
    if key.dates().turns.is_some_and(|turns| turns <= now) {
        key.reload(inner)?;
    }
    let dates = key.dates();
    let due = dates.due.map(|(due, _)| due).filter(|due| *due > now);
    let soonest = [due, dates.turns].into_iter().flatten().min();
    let wait = soonest.map_or(u64::MAX, |time| time.0.saturating_sub(now.0).max(1).saturating_mul(1_000));
    Ok(wait.min(longest))
}

/// Rotates a key whose newest version is still the expected one, for a reason that the caller found. Whether it did; if
/// not, another process was first.
///
/// # Errors
/// Those of any change; KEY_DISABLED and the like by the key's state.
pub(super) fn rotate_now(
    inner: &Inner,
    key_id: KeyId,
    reason: &'static str,
    expected_version: u32,
) -> Result<bool> {
    rotate_when(inner, key_id, reason, |key, _| key.newest() == expected_version)
}

fn rotate_when(
    inner: &Inner,
    id: KeyId,
    reason: &'static str,
    when: impl Fn(&KeyDocument, Time) -> bool,
) -> Result<bool> {
    let name = KeyName::Id(id);
    let deed =
        || Deed::on(Operation::RotateKey, &name).with("rotationType", "AUTOMATIC").with("reason", reason);
    if inner.options.read_only {
        let about = KeyRef { key_id: id.0, version: 0, material_id: [0; 8] };
        trail::refused(inner, deed(), vec![about], &Error::StoreReadOnly);
        return Err(Error::StoreReadOnly);
    }
    inner.change(deed(), |change| {
        let now = clock::now(change.snapshot());
        // As it stands now: whoever comes second goes on with what the first one made.
        let Some(mut key) = change.key_when(id, |key| when(key, now))? else {
            change.nothing_to_do();
            return Ok(false);
        };
        add_version(change, &mut key, RotationType::Automatic)?;
        Ok(true)
    })
}

/// Adds a version as the current one: of fresh material, or, for a key of origin EXTERNAL, the one its owner brought.
fn add_version(change: &mut Change<'_>, key: &mut KeyDocument, why: RotationType) -> Result<()> {
    let now = clock::now(change.snapshot());
    let version = match key.origin {
        Origin::External => take_pending(key, why, now)?,
        Origin::Keyfold => draw_version(change, key, why, now)?,
    };
    if let Some(before) = key.versions.last_mut().filter(|before| before.state == VersionState::Current) {
        before.state = VersionState::NonCurrent;
    }
    key.versions.push(version);
    match why {
        RotationType::OnDemand => key.on_demand_rotations += 1,
        _ => come_round(key, now),
    }
    change.update_key(key)
}

fn draw_version(
    change: &Change<'_>,
    key: &mut KeyDocument,
    why: RotationType,
    now: Time,
) -> Result<VersionDocument> {
    let inner = change.inner;
    let material = material::draw(key.spec, inner.secrets.on_fork)?;
    inner.options.check_locked()?;
    let by = inner.actor.principal.clone();
    let made = Made { origin: Origin::Keyfold, created: now, rotation_type: why, by };
    let number = key.take_number()?;
    material::version(&inner.secrets, key.id, key.spec, number, made, &material)
}

/// The material that waits for this rotation. INVALID_KEY_STATE where there is none, or it expired.
fn take_pending(key: &mut KeyDocument, why: RotationType, now: Time) -> Result<VersionDocument> {
    check_pending(key, now)?;
    match key.pending.take() {
        // Its material is bound to the time of its import: that stays its `created`.
        Some(version) => Ok(VersionDocument { state: VersionState::Current, rotation_type: why, ..version }),
        None => Err(nothing_pending(key)),
    }
}

/// Whether a key of origin EXTERNAL has the material that its next rotation needs; others draw theirs.
///
/// # Errors
/// INVALID_KEY_STATE.
pub(super) fn check_pending(key: &KeyDocument, now: Time) -> Result<()> {
    let serves = |version: &VersionDocument| {
        version.state == VersionState::PendingRotation
            && version.holds_material()
            && version.valid_to.is_none_or(|end| now < end)
    };
    match key.origin == Origin::Keyfold || key.pending.as_ref().is_some_and(serves) {
        true => Ok(()),
        false => Err(nothing_pending(key)),
    }
}

fn nothing_pending(key: &KeyDocument) -> Error {
    Error::InvalidKeyState {
        name: key.id.to_string().into(),
        state: "without imported material that is pending rotation (import it as NEW_KEY_MATERIAL first)",
    }
}

/// Moves a schedule on by the periods that are over: whole ones, so that late rotations do not move it.
fn come_round(key: &mut KeyDocument, now: Time) {
    if let (Some(from), Some(days)) = (key.rotation_from, key.policy.rotation_period_days) {
        let period = u64::from(days).max(1) * DAY;
        let over = now.0.saturating_sub(from.0) / period;
        key.rotation_from = Some(Time(from.0 + over * period));
    }
}

/// How a key's rotation stands.
#[derive(Clone, Debug, Serialize)]
pub struct RotationStatus {
    /// The key.
    pub key_id: String,
    /// Whether it rotates by period.
    pub key_rotation_enabled: bool,
    /// Days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_period_in_days: Option<u32>,
    /// RFC 3339: its next rotation by period, or by the end of its current version's originator period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation_date: Option<String>,
    /// Whether it is due now.
    pub due: bool,
    /// Rotations on demand so far, and how many there may be.
    pub on_demand_rotations: u32,
    #[allow(missing_docs)]
    pub on_demand_limit: u32,
}

/// A page of a key's versions as rotations, the newest first (KMS's ListKeyRotations with ALL_KEY_MATERIAL).
#[derive(Clone, Debug, Serialize)]
pub struct RotationPage {
    /// Versions.
    pub rotations: Vec<VersionMetadata>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl Store {
    /// Adds a version, which new envelopes use at once; older versions go on opening what they sealed. Each call
    /// that returns success has added one version, whatever other processes do at the same time.
    ///
    /// A key of origin EXTERNAL rotates to the material that was imported for it as NEW_KEY_MATERIAL.
    ///
    /// # Errors
    /// INVALID_KEY_STATE for a key of origin EXTERNAL that has no such material. LIMIT_EXCEEDED after as many as the key's policy permits (25 unless it says otherwise); KEY_DISABLED for a
    /// disabled key, which stays as it is; by the table of docs/KEYS.md in other states.
    pub fn rotate_key(&self, name: &KeyName) -> Result<KeyMetadata> {
        self.inner.change(Deed::on(Operation::RotateKeyOnDemand, name), |change| {
            let mut key = change.key(name)?;
            check_on_demand(&key)?;
            add_version(change, &mut key, RotationType::OnDemand)?;
            describe(change.snapshot(), &key)
        })
    }

    /// Whether and when a key rotates.
    ///
    /// # Errors
    /// UNSUPPORTED_OPERATION for a key without material, KEY_DESTROYED.
    pub fn key_rotation_status(&self, name: &KeyName) -> Result<RotationStatus> {
        self.look(Operation::GetKeyRotationStatus, name, |snapshot, key| {
            let now = clock::now(snapshot);
            Ok(RotationStatus {
                key_id: key.id.to_string(),
                key_rotation_enabled: key.policy.rotation_period_days.is_some(),
                rotation_period_in_days: key.policy.rotation_period_days,
                next_rotation_date: next(key).map(|(time, _)| time.to_string()),
                due: is_due(key, now),
                on_demand_rotations: key.on_demand_rotations,
                on_demand_limit: key.policy.on_demand_limit(),
            })
        })
    }

    /// A key's versions: when, why, by whom.
    pub fn list_key_rotations(&self, name: &KeyName, page: &PageRequest) -> Result<RotationPage> {
        let limit = if page.limit == 0 { 100 } else { page.limit };
        if limit > 1_000 {
            return Err(Error::TooLarge { what: "a page's limit", limit: 1_000 });
        }
        // How many are older than the page: none of those is ever taken away, and new ones come at the end.
        let bad = Error::InvalidArgument { what: "this is not where a page of rotations begins" };
        let below = match &page.after {
            None => None,
            Some(token) => Some(token.parse::<usize>().map_err(|_| bad.clone())?),
        };
        self.look(Operation::ListKeyRotations, name, |snapshot, key| {
            let mut versions = snapshot.versions(key)?;
            versions.extend(key.pending.clone());
            let end = below.unwrap_or(versions.len());
            if end > versions.len() {
                return Err(bad.clone());
            }
            let begin = end.saturating_sub(limit as usize);
            let rotations =
                versions[begin..end].iter().rev().map(|version| version.metadata(&key.policy)).collect();
            Ok(RotationPage { rotations, next: (begin > 0).then(|| begin.to_string()) })
        })
    }

    /// Rotates every key that is due, up to 256 in one transaction; for cron. `progress` is told how many of how many
    /// keys were looked at, outside any transaction.
    pub fn rotate_due(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<KeyMetadata>> {
        let inner = &*self.inner;
        if inner.options.read_only {
            return Err(Error::StoreReadOnly);
        }
        let total = inner.read(|snapshot| Ok(snapshot.manifest.keys))?;
        let (mut looked, mut after, mut rotated) = (0, Vec::new(), Vec::new());
        progress(0, total);
        loop {
            let (last, count, due) = inner.read(|snapshot| {
                let now = clock::now(snapshot);
                let entries = snapshot.rows.list(Table::Keys, &after, BATCH)?;
                let mut due = Vec::new();
                for entry in &entries {
                    let key = key_of(snapshot, entry)?;
                    due.extend(is_due(&key, now).then_some(key.id));
                }
                Ok((entries.last().map(|last| last.place.clone()), entries.len() as u64, due))
            })?;
            let Some(last) = last else { break };
            if !due.is_empty() {
                rotated.extend(self.rotate_all(&due)?);
            }
            (looked, after) = (looked + count, last);
            progress(looked, total.max(looked));
        }
        Ok(rotated)
    }

    /// Those of the keys that are still due, in one transaction.
    fn rotate_all(&self, ids: &[KeyId]) -> Result<Vec<KeyMetadata>> {
        self.inner.change(Deed::new(Operation::RotateKey).with("keys", ids.len()), |change| {
            let mut rotated = Vec::new();
            for id in ids {
                let now = clock::now(change.snapshot());
                if let Some(mut key) = change.key_when(*id, |key| is_due(key, now))? {
                    add_version(change, &mut key, RotationType::Automatic)?;
                    rotated.push(describe(change.snapshot(), &key)?);
                }
            }
            if rotated.is_empty() {
                change.nothing_to_do();
            }
            Ok(rotated)
        })
    }
}
