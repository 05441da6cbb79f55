//! Whether something would be allowed, without doing it. `docs/KEYS.md`, "Dry run".

use serde_json::{Map, Value};

use super::access::{self, Access, Limits};
use super::change::{self, Deed};
use super::document::KeyDocument;
use super::grants::GRANTS;
use super::handle::{Key, Wish};
use super::key_version::Barred;
use super::names::KeyName;
use super::snapshot::Snapshot;
use super::states::{self, Answer};
use super::types::{KeyState, KeyUsage, VersionState};
use super::{Store, admin, approvals, clock, counters, narrow, rotation, trail};
use crate::audit::KeyRef;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::operation::{Kind, Operation};
use crate::sync::coarse_millis;

impl Store {
    /// Whether this handle's principal may do an operation on a key under a context now, without doing it (KMS's DryRun,
    /// which answers an error there and success here). It is an event, marked so. Asked is all that the operation itself
    /// asks before it looks at data and parameters: who may, uses that a grant has left, an approval, the key's state and
    /// usage, whether a version may seal or open, and what the store may still write. Nothing is counted and nothing rotates.
    ///
    /// # Errors
    /// What the operation would answer: ACCESS_DENIED, KEY_NOT_FOUND, KEY_DISABLED, INVALID_KEY_STATE, INVALID_KEY_USAGE,
    /// LIMIT_EXCEEDED, STORE_READ_ONLY… INVALID_ARGUMENT for an operation that is not one on a key.
    pub fn dry_run(&self, operation: Operation, name: &KeyName, context: &Context<'_>) -> Result<()> {
        self.try_out(operation, name, context, || Ok(()))
    }

    fn try_out(
        &self,
        operation: Operation,
        name: &KeyName,
        context: &Context<'_>,
        first: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let mut told = None;
        let done = on_a_key(operation).and_then(|()| first()).and_then(|()| {
            let key = self.inner.read(|snapshot| {
                self.may_change(snapshot, operation)?;
                let key = snapshot.key(name)?;
                told = Some(key.clone());
                self.may(snapshot, operation, &key, context)?;
                self.state_permits(operation, &key, name)?;
                Ok(key)
            })?;
            if key.state == KeyState::Enabled && key.policy.audit_fail_closed && through_a_handle(operation) {
                // In no transaction: it may write what waits.
                self.inner.trail.check_open(&self.inner)?;
            }
            self.inner.read(|snapshot| self.could(snapshot, operation, &key, name, context))
        });
        self.tell_dry_run(operation, name, told.as_ref(), context, done.as_ref().err());
        done
    }

    /// Whether the store can be changed at all, where the operation is a change.
    fn may_change(&self, snapshot: &Snapshot<'_>, operation: Operation) -> Result<()> {
        let inner = &*self.inner;
        if !matches!(operation.kind(), Kind::Raise | Kind::Lower) {
            return Ok(());
        }
        if inner.options.read_only {
            return Err(Error::StoreReadOnly);
        }
        change::check_writer(&snapshot.manifest)?;
        admin::permit(&snapshot.manifest, &inner.secrets, &inner.actor, operation)
    }

    /// Whether the principal may: by ownership, by a grant that has a use left, and by an approval.
    fn may(
        &self,
        snapshot: &mut Snapshot<'_>,
        operation: Operation,
        key: &KeyDocument,
        context: &Context<'_>,
    ) -> Result<()> {
        let inner = &*self.inner;
        access::authorise_try(inner, snapshot, operation, key, wish(operation, context).context.as_ref())?;
        if through_a_handle(operation)
            && !inner.options.read_only
            && let Some(grants) = self.limiting(snapshot, operation, key, context)
        {
            let mut left = false;
            for grant in key.grants.iter().filter(|grant| grants.contains(&grant.id)) {
                left |= grant
                    .uses
                    .is_none_or(|uses| snapshot.uses(key.id, grant.id).is_ok_and(|used| used < uses));
            }
            if !left {
                return Err(access::denied(&inner.actor.principal, operation, &key.id.to_string()));
            }
        }
        approvals::there_is_one(inner, snapshot, operation, key.id)
    }

    /// The grants one of which the use would be charged to.
    fn limiting(
        &self,
        snapshot: &Snapshot<'_>,
        operation: Operation,
        key: &KeyDocument,
        context: &Context<'_>,
    ) -> Option<Vec<super::grants::GrantId>> {
        let access = Access::compile(key, &self.inner.actor, clock::now(snapshot));
        match access.limits(&wish(operation, context)) {
            Limits::None => None,
            Limits::Of(grants) => Some(grants),
        }
    }

    fn state_permits(&self, operation: Operation, key: &KeyDocument, name: &KeyName) -> Result<()> {
        if through_a_handle(operation) && counters::is_stopped(key) {
            return Err(Error::KeyStopped { name: name.to_string().into() });
        }
        states::permit(operation, key, name, self.inner.options.recovery)
    }

    /// What comes after authority and state.
    fn could(
        &self,
        snapshot: &mut Snapshot<'_>,
        operation: Operation,
        key: &KeyDocument,
        name: &KeyName,
        context: &Context<'_>,
    ) -> Result<()> {
        let inner = &*self.inner;
        let usage = key.spec.usage();
        match operation {
            Operation::RotateKeyOnDemand => {
                rotation::check_on_demand(key)?;
                rotation::check_pending(key, clock::now(snapshot))?;
            }
            Operation::CreateGrant => {
                let now = clock::now(snapshot);
                if key.grants.iter().filter(|grant| !grant.is_over(now)).count() >= GRANTS {
                    return Err(Error::LimitExceeded { what: "grants of a key", limit: GRANTS as u64 });
                }
            }
            _ => {}
        }
        if !through_a_handle(operation) {
            return Ok(());
        }
        if counters::seals(operation) {
            counters::would_allow(inner, snapshot, key)?;
        }
        if counters::seals(operation) || operation == Operation::GetPublicKey {
            self.some_version_seals(snapshot, key, name)?;
        }
        if !fits(operation, usage) {
            return Err(Error::InvalidKeyUsage { name: name.to_string().into(), usage: usage.name() });
        }
        if matches!(operation, Operation::Decrypt | Operation::ReEncryptFrom | Operation::VerifyMac) {
            self.some_version_opens(snapshot, key)?;
        }
        match inner.options.read_only && self.limiting(snapshot, operation, key, context).is_some() {
            // Its use cannot be counted.
            true => Err(Error::StoreReadOnly),
            false => Ok(()),
        }
    }

    fn some_version_seals(&self, snapshot: &Snapshot<'_>, key: &KeyDocument, name: &KeyName) -> Result<()> {
        let inner = &*self.inner;
        let now = clock::now(snapshot);
        let why = key.versions.last().map(|newest| newest.seals_not(&key.policy, now));
        let rotates = || {
            !inner.options.read_only
                && rotation::is_due(key, now)
                && admin::may_change(&snapshot.manifest, &inner.secrets)
        };
        match why {
            Some(None) => Ok(()),
            // The first use does that.
            Some(Some(_)) if rotates() => Ok(()),
            Some(Some(why)) => Err(Error::NothingSeals { name: name.to_string().into(), why }),
            None => Err(Error::InvalidKeyState { name: name.to_string().into(), state: key.state.name() }),
        }
    }

    /// Where none does, whatever the data: what the newest answers.
    fn some_version_opens(&self, snapshot: &mut Snapshot<'_>, key: &KeyDocument) -> Result<()> {
        let (now, recovery) = (clock::now(snapshot), self.inner.options.recovery);
        let mut newest = None;
        let stored = snapshot.versions(key)?;
        for version in stored.into_iter().filter(|version| version.state != VersionState::PendingRotation) {
            match Barred::of(key, &version, now, recovery) {
                Some(barred) => newest = Some(barred),
                None => return Ok(()),
            }
        }
        newest.map_or(Ok(()), |barred| Err(barred.error()))
    }

    fn tell_dry_run(
        &self,
        operation: Operation,
        name: &KeyName,
        key: Option<&KeyDocument>,
        context: &Context<'_>,
        error: Option<&Error>,
    ) {
        let mut deed = Deed::on(operation, name).with("dryRun", true);
        if operation.kind() == Kind::Use {
            // Values that the key's policy redacts are left out, as far as it is known which.
            let redacted =
                |name: &str| key.is_none_or(|key| key.policy.audit_redact.iter().any(|r| r == name));
            let pairs: Map<String, Value> =
                context.pairs().filter(|(n, _)| !redacted(n)).map(|(n, v)| (n.into(), v.into())).collect();
            deed = deed.with("encryptionContext", pairs);
        }
        let about = key.map(|key| KeyRef { key_id: key.id.0, version: 0, material_id: [0; 8] });
        trail::read(&self.inner, deed, about.into_iter().collect(), error);
    }
}

impl Key {
    /// As [`Store::dry_run`], through this handle: what it was narrowed to, and what is left of its uses, is asked first.
    ///
    /// # Errors
    /// ACCESS_DENIED, and those of [`Store::dry_run`].
    pub fn dry_run(&self, operation: Operation, context: &Context<'_>) -> Result<()> {
        let narrowed = || match self.narrowed() {
            None => Ok(()),
            Some(narrowed) if operation.kind() == Kind::Use => {
                narrowed.permit(self.id(), &wish(operation, context), coarse_millis())
            }
            Some(_) => {
                let why = "it has uses of its key alone; do this through the store";
                Err(narrow::refused(self.id(), operation, why))
            }
        };
        self.store().try_out(operation, &KeyName::Id(self.id()), context, narrowed)
    }
}

/// # Errors
/// INVALID_ARGUMENT, with the operation.
fn on_a_key(operation: Operation) -> Result<()> {
    match is_on_a_key(operation) {
        true => Ok(()),
        false => Err(Error::InvalidField {
            field: operation.name().into(),
            why: "this operation is not on a key, so there is no dry run of it with one",
        }),
    }
}

/// Whether an operation is one on a key, of which there is a dry run. Reading the trail is one where a key is named.
pub(crate) fn is_on_a_key(operation: Operation) -> bool {
    states::answer(operation, KeyState::Enabled) != Answer::Any || operation == Operation::ReadAuditTrail
}

/// The use as it is wished for when it is made: some have no context to look at.
fn wish<'a>(operation: Operation, context: &Context<'a>) -> Wish<'a> {
    use Operation::{Explain, ExportKey, GenerateMac, GetPublicKey, VerifyMac};
    match operation {
        Explain | ExportKey | GenerateMac | GetPublicKey | VerifyMac => Wish::without_context(operation),
        _ => Wish::new(operation, context, 0),
    }
}

/// Whether it is a use that a key's handle makes. The others among the uses are calls of the store.
fn through_a_handle(operation: Operation) -> bool {
    operation.kind() == Kind::Use && operation != Operation::ExportKey
}

/// Whether a key of this usage can do a use at all.
fn fits(operation: Operation, usage: KeyUsage) -> bool {
    match operation {
        Operation::GenerateMac | Operation::VerifyMac => usage == KeyUsage::GenerateVerifyMac,
        Operation::GetPublicKey => usage == KeyUsage::EncapsulateDecapsulate,
        Operation::Encrypt
        | Operation::Decrypt
        | Operation::ReEncryptFrom
        | Operation::ReEncryptTo
        | Operation::GenerateDataKey
        | Operation::GenerateDataKeyWithoutPlaintext => usage != KeyUsage::GenerateVerifyMac,
        _ => true,
    }
}
