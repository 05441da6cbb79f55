//! Whether something would be allowed, without doing it. `docs/KEYS.md`, "Dry run".

use serde_json::{Map, Value};

use super::change::Deed;
use super::document::KeyDocument;
use super::handle::{Key, Wish};
use super::names::KeyName;
use super::snapshot::Snapshot;
use super::types::KeyUsage;
use super::{Store, access, counters, states, trail};
use crate::audit::KeyRef;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::operation::{Kind, Operation};

impl Store {
    /// Whether this handle's principal may do an operation on a key under a context now, without doing it (KMS's DryRun,
    /// which answers an error there and success here). It is an event, marked so. Asked: who may, the key's state and its usage;
    /// for what seals, whether there is a version that may. Not asked: approvals, limits, and whether any data opens.
    ///
    /// # Errors
    /// What the operation would answer: ACCESS_DENIED, KEY_NOT_FOUND, KEY_DISABLED, INVALID_KEY_STATE, INVALID_KEY_USAGE…
    pub fn dry_run(&self, operation: Operation, name: &KeyName, context: &Context<'_>) -> Result<()> {
        let mut told = None;
        let done = self.inner.read(|snapshot| {
            let key = snapshot.key(name)?;
            told = Some(key.clone());
            self.would(snapshot, operation, &key, name, context)
        });
        self.tell_dry_run(operation, name, told.as_ref(), context, done.as_ref().err());
        done
    }

    fn would(
        &self,
        snapshot: &mut Snapshot<'_>,
        operation: Operation,
        key: &KeyDocument,
        name: &KeyName,
        context: &Context<'_>,
    ) -> Result<()> {
        access::authorise_use(&self.inner, snapshot, operation, Some(key), Some(context))?;
        states::permit(operation, key, name, self.inner.options.recovery)?;
        let usage = key.spec.usage();
        if !fits(operation, usage) {
            return Err(Error::InvalidKeyUsage { name: name.to_string().into(), usage: usage.name() });
        }
        match counters::seals(operation) && key.current().is_none() {
            true => Err(Error::InvalidKeyState {
                name: name.to_string().into(),
                state: "without a version that may seal",
            }),
            false => Ok(()),
        }
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
    /// As [`Store::dry_run`], through this handle: what it was narrowed to is asked first.
    ///
    /// # Errors
    /// ACCESS_DENIED, and those of [`Store::dry_run`].
    pub fn dry_run(&self, operation: Operation, context: &Context<'_>) -> Result<()> {
        if operation.kind() == Kind::Use {
            // A refusal here is an event of the handle's own.
            self.view(&Wish::new(operation, context, 0), |_| Ok(()))?;
        } else if self.is_narrowed() {
            let principal = format!("a narrowed handle of {}", self.store().inner.actor.principal);
            return Err(access::denied(&principal, operation, &self.id().to_string()));
        }
        self.store().dry_run(operation, &KeyName::Id(self.id()), context)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::keystore::{CreateKey, KeySpec};

    /// Seen to fail when `would` does not ask `fits`.
    #[test]
    fn a_key_of_another_usage_is_refused_as_the_use_itself_is() {
        let store = Store::in_memory().unwrap();
        let made = |alias: &str, spec| {
            let alias = Some(alias.parse().unwrap());
            store.create_key(&CreateKey { alias, spec, ..CreateKey::default() }).unwrap();
        };
        made("wraps", KeySpec::Symmetric);
        made("mac", KeySpec::Hmac256);
        made("seals", KeySpec::X25519);
        let answer = |key: &str, operation| {
            store.dry_run(operation, &key.parse().unwrap(), &Context::EMPTY).map_err(|e| e.status())
        };
        let refused = Err(Status::InvalidKeyUsage);
        assert_eq!(answer("wraps", Operation::Encrypt), Ok(()));
        assert_eq!(answer("wraps", Operation::GenerateMac), refused);
        assert_eq!(answer("wraps", Operation::GetPublicKey), refused);
        assert_eq!(answer("mac", Operation::VerifyMac), Ok(()));
        assert_eq!(answer("mac", Operation::Encrypt), refused);
        assert_eq!(answer("mac", Operation::Decrypt), refused);
        assert_eq!(answer("seals", Operation::GetPublicKey), Ok(()));
        assert_eq!(answer("seals", Operation::GenerateMac), refused);
    }
}
