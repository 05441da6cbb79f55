//! Every public operation comes to the one decision. docs/KEYS.md, "Who may".

use super::support::*;
use crate::context::Context;
use crate::envelope::{
    Allowed, DecryptOptions, EncryptOptions, ReencryptOptions, StoredContext, decrypt_into, encrypt_into,
    encrypted_size, explain, reencrypt, rewrap,
};
use crate::keystore::access::tests::DECISIONS;
use crate::keystore::change::Deed;
use crate::keystore::{
    ApprovalRequest, CreateGrant, CreateKey, Key, KeyPolicy, PageRequest, SlotOptions, Store,
};
use crate::operation::Operation::{self, *};
use crate::{Result, Status};

const WHOLE: StoredContext<'static> = StoredContext::None;

fn seal(key: &Key, pairs: &[(&str, &str)]) -> Result<Vec<u8>> {
    let bytes = Context::pack(pairs).unwrap();
    let context = Context::unpack(&bytes).unwrap();
    let mut out = vec![0; encrypted_size(5, 1, 0, &EncryptOptions::default()).unwrap()];
    encrypt_into(&[key], b"plain", &context, &WHOLE, &EncryptOptions::default(), &mut out)?;
    Ok(out)
}

fn open(key: &Key, envelope: &[u8], pairs: &[(&str, &str)]) -> Result<()> {
    let bytes = Context::pack(pairs).unwrap();
    let context = Context::unpack(&bytes).unwrap();
    let mut out = [0; 5];
    decrypt_into(Allowed::Keys(&[key]), envelope, &context, &DecryptOptions::default(), &mut out).map(drop)
}

/// T-43: a counter in the decision. Mutations seen to fail it: `authorise_key` taken out of `Change::key`; the call taken out
/// of `look`; `permit` past `decide`.
#[test]
fn every_public_operation_reaches_the_decision() {
    let place = Place::new();
    let store = place.init();
    store.create_key(&with_alias("k")).unwrap();
    store.create_key(&with_alias("l")).unwrap();
    let (k, l) = (store.key(&named("k")).unwrap(), store.key(&named("l")).unwrap());
    let envelope = seal(&k, &[]).unwrap();
    let empty = Context::EMPTY;
    let page = PageRequest::default();
    let grant = CreateGrant {
        grantee_principal: "bob".into(),
        operations: vec!["Encrypt".into()],
        ..CreateGrant::default()
    };
    let granted = store.create_grant(&named("k"), &grant).unwrap().grant_id;
    let retired = store.create_grant(&named("k"), &grant).unwrap().grant_id;
    place.make_root("second");
    let call = |operation: Operation, what: &dyn Fn() -> Result<()>| {
        let before = DECISIONS.get();
        let outcome = what();
        assert!(
            outcome.is_ok() || outcome.as_ref().is_err_and(|e| e.status() == Status::AccessDenied),
            "{operation}: {outcome:?}"
        );
        assert!(DECISIONS.get() > before, "{operation} asked nobody");
    };
    let name = named("k");
    call(Encrypt, &|| seal(&k, &[]).map(drop));
    call(Decrypt, &|| open(&k, &envelope, &[]));
    call(Decrypt, &|| {
        decrypt_into(Allowed::AnyKeyOf(&store), &envelope, &empty, &DecryptOptions::default(), &mut [0; 5])
            .map(drop)
    });
    call(ReEncryptFrom, &|| {
        let options = ReencryptOptions::default();
        reencrypt(Allowed::Keys(&[&k]), &envelope, &empty, &[&l], &empty, &WHOLE, &options).map(drop)
    });
    call(ReEncryptTo, &|| rewrap(Allowed::Keys(&[&k]), &mut envelope.clone(), None).map(drop));
    call(Explain, &|| {
        explain(Ok(&store), None, &envelope, None, &empty);
        Ok(())
    });
    call(ExportKey, &|| store.export_key(&name, &named("l")).map(drop));
    call(DescribeKey, &|| store.describe_key(&name).map(drop));
    call(ListKeys, &|| store.list_keys(&page).map(drop));
    call(ListAliases, &|| store.list_aliases(&page).map(drop));
    call(ListRoots, &|| store.roots().map(drop));
    call(DescribeStore, &|| store.info().map(drop));
    call(DescribeStore, &|| store.settings().map(drop));
    call(VerifyStore, &|| store.verify(&mut |_, _| {}).map(drop));
    call(GetKeyRotationStatus, &|| store.key_rotation_status(&name).map(drop));
    call(ListKeyRotations, &|| store.list_key_rotations(&name, &page).map(drop));
    call(ListGrants, &|| store.list_grants(&name, &page).map(drop));
    call(ListRetirableGrants, &|| store.list_retirable_grants("bob", &page).map(drop));
    call(ListApprovals, &|| store.list_approvals().map(drop));
    call(CreateKey, &|| store.create_key(&crate::keystore::CreateKey::default()).map(drop));
    call(ImportKeyMaterial, &|| {
        let material: Vec<u8> = (0..32).collect();
        store.import_key_material(&crate::keystore::CreateKey::default(), &material).map(drop)
    });
    call(RotateKeyOnDemand, &|| store.rotate_key(&name).map(drop));
    call(DisableKey, &|| store.disable_key(&name).map(drop));
    call(EnableKey, &|| store.enable_key(&name).map(drop));
    call(CreateAlias, &|| store.create_alias(&alias("a"), &name).map(drop));
    call(UpdateAlias, &|| store.move_alias(&alias("a"), &named("l")).map(drop));
    call(DeleteAlias, &|| store.delete_alias(&alias("a")));
    call(UpdateKeyDescription, &|| store.update_key_description(&name, "d").map(drop));
    call(UpdateKeyPolicy, &|| store.set_key_policy(&name, &KeyPolicy::default()).map(drop));
    call(TagResource, &|| store.tag_key(&name, &[("t".into(), "v".into())]).map(drop));
    call(UntagResource, &|| store.untag_key(&name, &["t".into()]).map(drop));
    call(ScheduleKeyDeletion, &|| store.schedule_key_deletion(&name, 7).map(drop));
    call(CancelKeyDeletion, &|| store.cancel_key_deletion(&name).map(drop));
    call(EnableKey, &|| store.enable_key(&name).map(drop));
    call(Operation::CreateGrant, &|| store.create_grant(&name, &grant).map(drop));
    call(RevokeGrant, &|| store.revoke_grant(&name, &granted));
    call(RetireGrant, &|| store.retire_grant(&name, &retired));
    call(MarkKeyCompromised, &|| store.mark_key_compromised(&name, "lost").map(drop));
    call(AddRoot, &|| store.add_root_as(&place.root("second"), &SlotOptions::default()).map(drop));
    call(UpdateStoreSettings, &|| store.update_settings(&store.settings()?).map(drop));
    call(Approve, &|| {
        let slot = [("slotId".to_owned(), "00".repeat(16).into())];
        let request =
            ApprovalRequest { operation: RemoveRoot, request: slot.into_iter().collect(), seconds: 0 };
        store.approve(&request).map(drop)
    });
}

/// A change whose author forgot to ask is an error, not a change. Mutation seen to fail it: `conclude` that lets it pass.
#[test]
fn nothing_that_nobody_decided_about_is_written() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let before = store.describe_key(&named("k")).unwrap().revision;
    let changed = store.inner.change(Deed::on(EnableKey, &named("k")), |change| {
        let mut key = change.snapshot().key(&named("k"))?;
        change.update_key(&mut key)
    });
    assert_eq!(status(changed), Status::Internal);
    assert_eq!(store.describe_key(&named("k")).unwrap().revision, before);
}

/// The data path through the envelope: what a constrained grant lets through, T-43 and T-46.
#[test]
fn a_condition_on_the_context_holds_through_the_whole_data_path() {
    let place = Place::new();
    let owner = place.init();
    owner.create_key(&with_alias("k")).unwrap();
    owner.create_key(&with_alias("l")).unwrap();
    let (a, b) = (&[("tenant", "a")][..], &[("tenant", "b")][..]);
    let key = owner.key(&named("k")).unwrap();
    let (of_a, of_b) = (seal(&key, a).unwrap(), seal(&key, b).unwrap());
    let grant = CreateGrant {
        grantee_principal: "bob".into(),
        operations: vec!["Decrypt".into(), "ReEncryptFrom".into()],
        encryption_context_equals: Some([("tenant".to_owned(), "a".to_owned())].into()),
        ..CreateGrant::default()
    };
    let granted = owner.create_grant(&named("k"), &grant).unwrap().grant_id;
    let bob = place.open_as("bob");
    let bobs = bob.key(&named("k")).unwrap();
    assert_eq!(open(&bobs, &of_a, a), Ok(()));
    assert_eq!(status(open(&bobs, &of_b, b)), Status::AccessDenied);
    // The wrong context that the grant would let through is wrong.
    assert_eq!(status(open(&bobs, &of_b, a)), Status::Auth);
    assert_eq!(status(seal(&bobs, a)), Status::AccessDenied);
    // To a key of its own, out of one that it may rewrap from; and not to one that it was not given.
    bob.create_key(&CreateKey { alias: Some(alias("bobs")), ..CreateKey::default() }).unwrap();
    let target = bob.key(&named("l")).unwrap();
    let context = Context::pack(a).unwrap();
    let context = Context::unpack(&context).unwrap();
    let options = ReencryptOptions::default();
    let to =
        |key: &Key| reencrypt(Allowed::Keys(&[&bobs]), &of_a, &context, &[key], &context, &WHOLE, &options);
    assert_eq!(status(to(&target)), Status::AccessDenied);
    // T-48: the right to rewrap is not the right to read. Mutation seen to fail it: `refuse_moving` not called.
    let rewraps = CreateGrant { operations: vec!["ReEncryptFrom".into()], ..grant.clone() };
    owner.revoke_grant(&named("k"), &granted).unwrap();
    owner.create_grant(&named("k"), &rewraps).unwrap();
    let own = bob.key(&named("bobs")).unwrap();
    assert_eq!(status(to(&own)), Status::AccessDenied);
    let into = CreateGrant { operations: vec!["ReEncryptTo".into()], ..grant.clone() };
    owner.create_grant(&named("l"), &into).unwrap();
    assert!(to(&target).is_ok());
    owner.create_grant(&named("k"), &grant).unwrap();
    assert!(to(&own).is_ok());
    // Explain tells nothing that was not granted.
    let told = explain(Ok(&bob), None, &of_b, None, &Context::EMPTY);
    assert_eq!((told.head_opens, told.answer, told.cells[0].unwraps), (false, "ACCESS_DENIED", None));
    assert_eq!(explain(Ok(&owner), None, &of_b, None, &Context::EMPTY).cells[0].unwraps, Some(true));
}

/// A root that must not be called.
struct Untouched;

impl crate::root::Root for Untouched {
    fn kind(&self) -> &'static str {
        "untouched"
    }
    fn describe(&self) -> String {
        "a root that must not be called".into()
    }
    fn check(&self, _store: Option<&std::path::Path>) -> crate::error::Result<()> {
        Ok(())
    }
    fn wrap(
        &self,
        _bind: &[u8],
        _secret: &crate::root::StoreSecret,
    ) -> crate::error::Result<crate::root::Wrapped> {
        panic!("it was given the store's secret to wrap")
    }
    fn unwrap(
        &self,
        _bind: &[u8],
        _slot: &crate::root::Wrapped,
        _on_fork: crate::root::Inherit,
    ) -> crate::error::Result<crate::root::StoreSecret> {
        panic!("it was asked to unwrap")
    }
}

/// Must fail unless the right is asked for ahead of the root's call.
#[test]
fn who_may_not_add_a_root_has_none_wrap_the_secret() {
    let place = Place::new();
    let owner = place.init();
    let slot = owner.roots().unwrap().remove(0).slot_id;
    let bob = place.open_as("bob");
    assert_eq!(status(bob.add_root(&Untouched)), Status::AccessDenied);
    assert_eq!(status(bob.change_root(Some(&slot), &Untouched)), Status::AccessDenied);
    bob.flush_trail().unwrap();
    let refused = owner.tail_trail(&Default::default(), 20).unwrap().events;
    for name in ["AddRoot", "ChangeRoot"] {
        let told = |event: &&serde_json::Value| event["eventName"] == name && !event["errorCode"].is_null();
        assert_eq!(refused.iter().filter(told).count(), 1, "{name}");
    }
}
