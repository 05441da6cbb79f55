//! What this process knows of a key at one revision, and how it is read from the store.

use std::sync::Arc;

use super::access::Access;
use super::document::KeyDocument;
use super::inner::Inner;
use super::key_version::{Barred, Version};
use super::names::KeyId;
use super::snapshot::Snapshot;
use super::time::Time;
use super::types::{KeySpec, KeyState, VersionState};
use super::usage::{Record, VersionUsage};
use super::version::VersionDocument;
use super::{clock, counters, material, rotation};
use crate::audit::KeyRef;
use crate::error::{Error, Result};

/// A key at one revision, for one principal: what may be done with it, and its versions.
pub(super) struct State {
    pub(super) id: KeyId,
    pub(super) revision: u64,
    pub(super) spec: KeySpec,
    pub(super) key_state: KeyState,
    /// Disabled because of too many failed decrypts.
    pub(super) stopped: bool,
    /// Failed decrypts that stop the key, and seconds within which.
    pub(super) stop: Option<(u32, u32)>,
    /// What may still be sealed under the current version, where a limit hangs on it.
    pub(super) allowance: Option<Arc<counters::Allowance>>,
    pub(super) access: Access,
    pub(super) record: Record,
    /// Names of the context whose values stand hashed in the trail.
    pub(super) redact: Box<[String]>,
    /// In the order of their numbers; the last is the current one. None unless the key is enabled.
    pub(super) versions: Box<[Version]>,
    /// The same material under the names it sealed by elsewhere.
    pub(super) former: Box<[Version]>,
    /// Versions that open nothing, under all their names.
    pub(super) barred: Box<[Barred]>,
    pub(super) dates: Dates,
    /// Why nothing seals, where that is so although the key is enabled.
    pub(super) seals_not: Option<&'static str>,
}

/// When something comes to a key by time alone.
#[derive(Clone, Copy)]
pub(super) struct Dates {
    /// Its next rotation, and why.
    pub(super) due: Option<(Time, &'static str)>,
    /// The next end of what a version may do.
    pub(super) turns: Option<Time>,
    /// The store's highest time when this was found.
    pub(super) high: Time,
}

impl State {
    /// Unwraps a key's versions, but for those that are held already. A key that may not be used has none in memory.
    pub(super) fn load(
        store: &Inner,
        snapshot: &mut Snapshot<'_>,
        document: &KeyDocument,
        held: Option<&[Version]>,
    ) -> Result<State> {
        let mut versions = Vec::new();
        let mut former = Vec::new();
        let mut barred = Vec::new();
        let mut turns = Vec::new();
        let recovery = store.options.recovery;
        let now = clock::now(snapshot);
        let access = Access::compile(document, &store.actor, now);
        // Who may not use a key has none of it in memory.
        let usable = access.may_use()
            && match document.state {
                KeyState::Enabled => true,
                KeyState::Compromised => recovery,
                _ => false,
            };
        let record = match &document.policy {
            policy if policy.audit_fail_closed => Record::Closed,
            policy if policy.audit_each_use => Record::Each,
            _ => Record::Counted,
        };
        let stored = if usable { snapshot.versions(document)? } else { Vec::new() };
        let none = stored.is_empty();
        for version in stored {
            let ends = [
                document.policy.originator_end(version.created),
                document.policy.recipient_end(version.created),
                version.valid_to,
            ];
            turns.extend(ends.into_iter().flatten().filter(|end| *end > now));
            let [originator_over, recipient_over, _] = ends.map(|end| end.is_some_and(|end| end <= now));
            if let Some(own) = Barred::of(document, &version, now, recovery) {
                let names = version.former.iter().copied().chain([(document.id, version.version)]);
                barred.extend(names.map(|(key_id, version)| Barred { key_id, version, ..own }));
                continue;
            }
            let ready = held.and_then(|held| find(held, &version));
            let about =
                KeyRef { key_id: document.id.0, version: version.version, material_id: version.material_id };
            let recovered = recipient_over || version.state == VersionState::Compromised;
            let record = match record {
                // For recovery alone: every such use is an event.
                Record::Counted if recovered => Record::Each,
                record => record,
            };
            let usage = match ready {
                Some(ready) if ready.usage.record() == record => ready.usage.clone(),
                _ => Arc::new(VersionUsage::new(about, record, store.trail.register())),
            };
            let material = match ready {
                Some(ready) => ready.material.clone(),
                None => material::open(&store.secrets, document.id, document.spec, &version)?,
            };
            let one = Version {
                key_id: document.id,
                version: version.version,
                material_id: version.material_id,
                material,
                usage,
                seals: version.state == VersionState::Current && !originator_over,
            };
            for (key_id, version) in version.former {
                former.push(Version { key_id, version, ..one.clone() });
            }
            versions.push(one);
        }
        store.options.check_locked()?;
        if usable && none && document.state == KeyState::Enabled
            || versions.windows(2).any(|pair| pair[0].version > pair[1].version)
        {
            return Err(Error::StoreIntegrity {
                what: format!("keys row {}: its versions do not fit together", document.id).into(),
            });
        }
        Ok(State {
            id: document.id,
            revision: document.revision,
            spec: document.spec,
            key_state: document.state,
            stopped: counters::is_stopped(document),
            stop: counters::stop_of(&document.policy),
            allowance: counters::Allowance::of(&document.policy).map(Arc::new),
            access,
            record,
            redact: document.policy.audit_redact.clone().into(),
            barred: barred.into(),
            dates: Dates {
                due: rotation::next(document).filter(|_| document.state == KeyState::Enabled),
                turns: turns.into_iter().min(),
                high: snapshot.manifest.time(),
            },
            versions: versions.into(),
            former: former.into(),
            seals_not: document
                .versions
                .last()
                .filter(|_| usable)
                .and_then(|newest| newest.seals_not(&document.policy, now)),
        })
    }
}

fn find<'a>(held: &'a [Version], version: &VersionDocument) -> Option<&'a Version> {
    let first = held.partition_point(|held| held.version < version.version);
    held[first..]
        .iter()
        .take_while(|held| held.version == version.version)
        .find(|held| held.material_id == version.material_id)
}
