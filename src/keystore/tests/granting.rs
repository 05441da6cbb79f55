//! Grants: what they let through, how they end, and how their uses are counted. docs/KEYS.md, "Grants".

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use super::support::*;
use crate::Status;
use crate::audit::Filter;
use crate::context::Context;
use crate::envelope::{
    Allowed, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, encrypt_into, encrypted_size,
};
use crate::keystore::backend::Table;
use crate::keystore::failpoint::set_clock_ahead;
use crate::keystore::time::Time;
use crate::keystore::{
    CreateGrant, CreateKey, GrantMetadata, KeyName, KeySpec, OpenOptions, PageRequest, Store,
};
use crate::operation::Operation::{self, *};

fn to_bob(operations: &[Operation]) -> CreateGrant {
    CreateGrant {
        grantee_principal: "bob".into(),
        operations: operations.iter().map(|operation| operation.name().into()).collect(),
        ..CreateGrant::default()
    }
}

fn pairs(list: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    Some(list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

fn grants(store: &Store) -> Vec<GrantMetadata> {
    store.list_grants(&named("k"), &PageRequest::default()).unwrap().grants
}

fn uses_rows(place: &Place) -> usize {
    place.dump().keys().filter(|(table, _)| *table == Table::GrantUses).count()
}

/// T-43: by handle, by id and by alias alike; an alias of another's key leads to that key's grants. Mutation seen to fail
/// it: `permit` that answers Ok.
#[test]
fn a_grantee_may_do_what_the_grant_says_and_nothing_else() {
    let place = Place::new();
    let owner = place.init();
    let id = owner.create_key(&with_alias("k")).unwrap().key_id;
    owner.create_key(&with_alias("other")).unwrap();
    let bob = place.open_as("bob");
    let before = bob.key(&named("k")).unwrap();
    assert_eq!(status(use_key(&before, Encrypt, &[])), Status::AccessDenied);
    // Who may not use a key has none of it in memory.
    assert_eq!(before.held(), 0);
    let grant =
        CreateGrant { encryption_context_subset: pairs(&[("tenant", "a")]), ..to_bob(&[Encrypt, Decrypt]) };
    let made = owner.create_grant(&named("k"), &grant).unwrap();
    assert_eq!(
        (made.operations.as_slice(), made.issuing_principal.as_str()),
        (&["Encrypt", "Decrypt"][..], "default")
    );
    let handles = [before, bob.key(&named("k")).unwrap(), bob.key_by_id(id).unwrap()];
    for key in &handles {
        assert_eq!(use_key(key, Encrypt, &[("tenant", "a")]), Ok(()));
        assert_eq!(use_key(key, Decrypt, &[("row", "1"), ("tenant", "a")]), Ok(()));
        for context in [&[][..], &[("tenant", "b")], &[("tenan", "a")], &[("row", "a")]] {
            assert_eq!(status(use_key(key, Encrypt, context)), Status::AccessDenied, "{context:?}");
        }
        assert_eq!(status(use_key(key, GenerateDataKey, &[("tenant", "a")])), Status::AccessDenied);
    }
    // The alias moves to a key that is not granted: the grant does not go with it.
    owner.create_alias(&alias("loan"), &named("k")).unwrap();
    owner.move_alias(&alias("loan"), &named("other")).unwrap();
    let moved = bob.key(&named("loan")).unwrap();
    assert_eq!(status(use_key(&moved, Encrypt, &[("tenant", "a")])), Status::AccessDenied);
    // And a grant to use is none to manage.
    assert_eq!(status(bob.disable_key(&named("k"))), Status::AccessDenied);
    assert_eq!(status(bob.rotate_key(&named("k"))), Status::AccessDenied);
    assert_eq!(status(bob.create_grant(&named("k"), &to_bob(&[Encrypt]))), Status::AccessDenied);
    assert_eq!(status(bob.list_grants(&named("k"), &PageRequest::default())), Status::AccessDenied);
    assert_eq!(status(bob.revoke_grant(&named("k"), &made.grant_id)), Status::AccessDenied);
}

/// Administrators manage and do not use.
#[test]
fn an_administrator_manages_every_key_and_uses_none() {
    let place = Place::new();
    let admin = place.init();
    let bob = place.open_as("bob");
    bob.create_key(&with_alias("k")).unwrap();
    assert_eq!(status(use_key(&admin.key(&named("k")).unwrap(), Encrypt, &[])), Status::AccessDenied);
    admin.rotate_key(&named("k")).unwrap();
    admin.disable_key(&named("k")).unwrap();
    admin.enable_key(&named("k")).unwrap();
    assert_eq!(use_key(&bob.key(&named("k")).unwrap(), Encrypt, &[]), Ok(()));
    assert_eq!(status(bob.update_settings(&admin.settings().unwrap())), Status::AccessDenied);
    assert_eq!(status(bob.add_root(&place.root("root"))), Status::AccessDenied);
}

/// Exact over handles, threads and processes. Mutations seen to fail it: a transaction that only
/// reads; `>=` as `>` in `spend`.
#[test]
fn a_limited_grant_is_used_so_often_and_no_more() {
    let place = Place::new();
    let owner = place.init();
    owner.create_key(&with_alias("k")).unwrap();
    owner.create_grant(&named("k"), &CreateGrant { uses: Some(30), ..to_bob(&[Encrypt]) }).unwrap();
    let done = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let bob = place.open_as("bob");
            let done = &done;
            scope.spawn(move || {
                let key = bob.key(&named("k")).unwrap();
                for _ in 0..8 {
                    use_key(&key, Encrypt, &[]).unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(grants(&owner)[0].uses_left, Some(6));
    let bob = place.open_as("bob");
    let key = bob.key(&named("k")).unwrap();
    use_key(&key, Encrypt, &[]).unwrap();
    // Refused ones are not counted.
    assert_eq!(status(use_key(&key, Decrypt, &[])), Status::AccessDenied);
    place.elsewhere("use up", "k 5");
    assert_eq!(status(use_key(&key, Encrypt, &[])), Status::AccessDenied);
    assert_eq!(grants(&owner)[0].uses_left, Some(0));
    assert_eq!(place.verify(), Status::Ok);
    // Each call of the data path is one use.
    owner.create_grant(&named("k"), &CreateGrant { uses: Some(3), ..to_bob(&[Encrypt, Decrypt]) }).unwrap();
    let size = encrypted_size(5, 1, 0, &EncryptOptions::default()).unwrap();
    let (mut envelope, mut plain) = (vec![0; size], [0; 5]);
    let mut seal = || {
        let (none, options) = (StoredContext::None, EncryptOptions::default());
        encrypt_into(&[&key], b"plain", &Context::EMPTY, &none, &options, &mut envelope).map(drop)
    };
    assert_eq!(seal(), Ok(()));
    assert_eq!(seal(), Ok(()));
    let mut open = || {
        let options = DecryptOptions::default();
        decrypt_into(Allowed::Keys(&[&key]), &envelope, &Context::EMPTY, &options, &mut plain).map(drop)
    };
    assert_eq!(open(), Ok(()));
    assert_eq!(status(open()), Status::AccessDenied);
    // A grant without a number beside it is used instead.
    owner.create_grant(&named("k"), &to_bob(&[Encrypt])).unwrap();
    assert_eq!(use_key(&key, Encrypt, &[]), Ok(()));
}

/// T-45. Mutation seen to fail it: grants looked at when the handle is opened and not again.
#[test]
fn a_revoked_grant_ends_in_ready_handles_at_their_next_call() {
    let place = Place::new();
    let owner = place.init();
    owner.create_key(&with_alias("k")).unwrap();
    let bob = place.open_as("bob");
    let key = bob.key(&named("k")).unwrap();
    for elsewhere in [false, true] {
        let grant = owner.create_grant(&named("k"), &to_bob(&[Encrypt])).unwrap();
        let copy = key.clone();
        assert_eq!(use_key(&copy, Encrypt, &[]), Ok(()));
        match elsewhere {
            true => place.elsewhere("revoke", &format!("k {}", grant.grant_id)),
            false => owner.revoke_grant(&named("k"), &grant.grant_id).unwrap(),
        }
        assert_eq!(status(use_key(&copy, Encrypt, &[])), Status::AccessDenied);
        let moved = std::thread::spawn(move || status(use_key(&copy, Encrypt, &[])));
        assert_eq!(moved.join().unwrap(), Status::AccessDenied);
        assert_eq!(status(owner.revoke_grant(&named("k"), &grant.grant_id)), Status::GrantNotFound);
    }
}

/// Mutation seen to fail it: `Rule::allows` without the system's clock.
#[test]
fn a_grant_ends_at_its_time_in_handles_that_are_ready_too() {
    let place = Place::new();
    let owner = place.init();
    owner.create_key(&with_alias("k")).unwrap();
    let end = Time(Time::now().0 + 3_600).to_string();
    let grant = CreateGrant { expires: Some(end), ..to_bob(&[Encrypt]) };
    owner.create_grant(&named("k"), &grant).unwrap();
    owner.create_grant(&named("k"), &CreateGrant { uses: Some(9), ..grant.clone() }).unwrap();
    let key = place.open_as("bob").key(&named("k")).unwrap();
    assert_eq!(use_key(&key, Encrypt, &[]), Ok(()));
    set_clock_ahead(3_601);
    assert_eq!(status(use_key(&key, Encrypt, &[])), Status::AccessDenied);
    assert_eq!(status(owner.create_grant(&named("k"), &grant)), Status::InvalidArgument);
    // The next change to the key's grants drops it, and its count.
    owner.create_grant(&named("k"), &to_bob(&[Decrypt])).unwrap();
    set_clock_ahead(0);
    assert_eq!(grants(&owner).iter().map(|grant| &grant.operations[..]).collect::<Vec<_>>(), [["Decrypt"]]);
    drop((owner, key));
    assert_eq!(uses_rows(&place), 0);
}

#[test]
fn the_same_name_and_parameters_give_the_same_grant() {
    let place = Place::new();
    let owner = place.init();
    owner.create_key(&with_alias("k")).unwrap();
    let grant = CreateGrant { name: Some("nightly".into()), ..to_bob(&[Encrypt]) };
    let first = owner.create_grant(&named("k"), &grant).unwrap();
    let epoch = owner.info().unwrap().epoch;
    assert_eq!(owner.create_grant(&named("k"), &grant).unwrap().grant_id, first.grant_id);
    assert_eq!(owner.info().unwrap().epoch, epoch);
    let wider = CreateGrant { operations: vec!["Encrypt".into(), "Decrypt".into()], ..grant };
    assert_ne!(owner.create_grant(&named("k"), &wider).unwrap().grant_id, first.grant_id);
    let nameless = to_bob(&[Encrypt]);
    let [one, other] = [(); 2].map(|()| owner.create_grant(&named("k"), &nameless).unwrap().grant_id);
    assert_ne!(one, other);
}

#[test]
fn grants_are_retired_by_whom_they_name() {
    let place = Place::new();
    let owner = place.init();
    owner.create_key(&with_alias("k")).unwrap();
    owner.create_key(&with_alias("l")).unwrap();
    let (bob, carol) = (place.open_as("bob"), place.open_as("carol"));
    let by_carol = CreateGrant { retiring_principal: Some("carol".into()), ..to_bob(&[Encrypt]) };
    let one = owner.create_grant(&named("k"), &by_carol).unwrap().grant_id;
    let own = owner.create_grant(&named("k"), &to_bob(&[Encrypt, RetireGrant])).unwrap().grant_id;
    let third = owner.create_grant(&named("l"), &by_carol).unwrap().grant_id;
    assert_eq!(status(bob.retire_grant(&named("k"), &one)), Status::AccessDenied);
    assert_eq!(status(carol.retire_grant(&named("k"), &own)), Status::AccessDenied);
    let mut found = Vec::new();
    let mut page = PageRequest { after: None, limit: 1 };
    loop {
        let listed = carol.list_retirable_grants("carol", &page).unwrap();
        found.extend(listed.grants.into_iter().map(|grant| grant.grant_id));
        match listed.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    found.sort();
    let mut both = vec![one.clone(), third];
    both.sort();
    assert_eq!(found, both);
    assert_eq!(status(bob.list_retirable_grants("carol", &page)), Status::AccessDenied);
    assert_eq!(owner.list_retirable_grants("carol", &PageRequest::default()).unwrap().grants.len(), 2);
    carol.retire_grant(&named("k"), &one).unwrap();
    bob.retire_grant(&named("k"), &own).unwrap();
    assert!(grants(&owner).is_empty());
}

/// Mutation seen to fail it: `may_pass_on` without `covers`.
#[test]
fn a_grantee_passes_on_no_more_than_it_has() {
    let place = Place::new();
    let owner = place.init();
    owner.create_key(&with_alias("k")).unwrap();
    let had = CreateGrant {
        encryption_context_subset: pairs(&[("tenant", "a")]),
        expires: Some(Time(Time::now().0 + 3_600).to_string()),
        ..to_bob(&[Encrypt, CreateGrant])
    };
    owner.create_grant(&named("k"), &had).unwrap();
    let bob = place.open_as("bob");
    let on = |edit: &dyn Fn(&mut crate::keystore::CreateGrant)| {
        let mut grant = crate::keystore::CreateGrant {
            grantee_principal: "carol".into(),
            operations: vec!["Encrypt".into()],
            ..had.clone()
        };
        edit(&mut grant);
        status(bob.create_grant(&named("k"), &grant))
    };
    assert_eq!(on(&|_| {}), Status::Ok);
    assert_eq!(
        on(&|grant| grant.encryption_context_subset = pairs(&[("row", "1"), ("tenant", "a")])),
        Status::Ok
    );
    assert_eq!(on(&|grant| grant.encryption_context_subset = None), Status::AccessDenied);
    assert_eq!(
        on(&|grant| grant.encryption_context_subset = pairs(&[("tenant", "b")])),
        Status::AccessDenied
    );
    assert_eq!(on(&|grant| grant.operations = vec!["Decrypt".into()]), Status::AccessDenied);
    assert_eq!(on(&|grant| grant.expires = None), Status::AccessDenied);
    let carol = place.open_as("carol").key(&named("k")).unwrap();
    assert_eq!(use_key(&carol, Encrypt, &[("tenant", "a")]), Ok(()));
    assert_eq!(status(use_key(&carol, Encrypt, &[])), Status::AccessDenied);
}

#[test]
fn a_key_has_64_grants_and_fields_have_bounds() {
    let place = Place::new();
    let owner = place.init();
    owner.create_key(&with_alias("k")).unwrap();
    let bad: [&dyn Fn(&mut CreateGrant); 9] = [
        &|grant| grant.grantee_principal.clear(),
        &|grant| grant.operations.clear(),
        &|grant| grant.operations = vec!["DisableKey".into()],
        &|grant| grant.operations = vec!["encrypt".into()],
        &|grant| grant.name = Some(String::new()),
        &|grant| grant.expires = Some("tomorrow".into()),
        &|grant| grant.uses = Some(0),
        &|grant| grant.encryption_context_subset = Some(BTreeMap::new()),
        &|grant| grant.retiring_principal = Some("a\nb".into()),
    ];
    for edit in bad {
        let mut grant = to_bob(&[Encrypt]);
        edit(&mut grant);
        assert_eq!(status(owner.create_grant(&named("k"), &grant)), Status::InvalidArgument, "{grant:?}");
    }
    assert!(
        CreateGrant::from_json(r#"{"grantee_principal":"b","operations":["Encrypt"],"usess":1}"#).is_err()
    );
    assert!(CreateGrant::from_json(r#"{"grantee_principal":"b","operations":["Encrypt"],"uses":1}"#).is_ok());
    for _ in 0..64 {
        owner.create_grant(&named("k"), &to_bob(&[Encrypt])).unwrap();
    }
    assert_eq!(status(owner.create_grant(&named("k"), &to_bob(&[Encrypt]))), Status::LimitExceeded);
    let page = owner.list_grants(&named("k"), &PageRequest { after: None, limit: 60 }).unwrap();
    assert_eq!((page.grants.len(), page.next.is_some()), (60, true));
    let rest = owner.list_grants(&named("k"), &PageRequest { after: page.next, limit: 60 }).unwrap();
    assert_eq!((rest.grants.len(), rest.next), (4, None));
}

/// The row is outside the tree: a changed or missing one is refused, an older one put back whole is not (docs/KEYS.md says
/// so). Mutation seen to fail it: `uses` without `verify`.
#[test]
fn a_count_of_uses_that_was_changed_is_refused() {
    let place = Place::new();
    let owner = place.init();
    let id = owner.create_key(&with_alias("k")).unwrap().key_id;
    owner.create_grant(&named("k"), &CreateGrant { uses: Some(2), ..to_bob(&[Encrypt]) }).unwrap();
    let bob = place.open_as("bob");
    use_key(&bob.key(&KeyName::Id(id)).unwrap(), Encrypt, &[]).unwrap();
    drop((owner, bob));
    let dump = place.dump();
    let (at, cells) = dump.iter().find(|((table, _), _)| *table == Table::GrantUses).unwrap();
    let mut changed = cells.clone();
    changed.2 = changed.2.replace("\"used\":1", "\"used\":0");
    assert_ne!(&changed, cells);
    changed.0 -= 1;
    for row in [Some(&changed), None] {
        place.put(at, row);
        let bob = place
            .open_with(&OpenOptions { principal: Some("bob".into()), ..OpenOptions::default() })
            .unwrap();
        let used = use_key(&bob.key(&KeyName::Id(id)).unwrap(), Encrypt, &[]);
        assert_eq!(status(used), Status::StoreIntegrity);
        drop(bob);
        assert_eq!(place.verify(), Status::StoreIntegrity);
    }
    place.put(at, Some(cells));
    assert_eq!(place.verify(), Status::Ok);
}

/// The one event and the counts of a use that a limit refused, of each kind of use. Must fail with: counting
/// before the charge.
#[test]
fn a_use_that_its_limit_refuses_is_not_counted() {
    let place = Place::new();
    let owner = place.init();
    let spec = KeySpec::Hmac256;
    let mac = KeyName::Id(owner.create_key(&CreateKey { spec, ..CreateKey::default() }).unwrap().key_id);
    for name in ["a", "b"] {
        owner.create_key(&with_alias(name)).unwrap();
    }
    let once = |name: &KeyName, operation: &str, uses| {
        let grant = CreateGrant {
            grantee_principal: "bob".into(),
            operations: vec![operation.into()],
            uses,
            ..CreateGrant::default()
        };
        owner.create_grant(name, &grant).unwrap();
    };
    once(&mac, "GenerateMac", Some(1));
    once(&named("a"), "Encrypt", None);
    once(&named("b"), "Encrypt", Some(1));
    let (one, other) = (place.open_as("bob"), place.open_as("bob"));
    let ids = ["a", "b"].map(|name| owner.describe_key(&named(name)).unwrap().key_id);
    let mut out = [0; 1_000];
    let options = EncryptOptions::default();
    let context = Context::EMPTY;
    // Both know of the grants before either has used one up.
    let held =
        [&one, &other].map(|store| (store.key(&mac).unwrap(), ids.map(|id| store.key_by_id(id).unwrap())));
    for ((maker, [a, b]), expected) in held.iter().zip([Status::Ok, Status::AccessDenied]) {
        assert_eq!(status(maker.generate_mac(b"m", &mut out)), expected);
        let made = encrypt_into(&[a, b], b"m", &context, &StoredContext::None, &options, &mut out);
        assert_eq!(status(made), expected);
    }
    one.flush_trail().unwrap();
    other.flush_trail().unwrap();
    for name in [&mac, &named("a"), &named("b")] {
        let counts = owner.key_usage(name).unwrap();
        assert_eq!(counts.iter().map(|version| version.messages).sum::<u64>(), 1, "{name}");
    }
    let failed = owner.tail_trail(&Filter { failed: true, ..Filter::default() }, 10).unwrap().events;
    let denied = failed.iter().filter(|event| event["errorCode"] == "AccessDeniedException");
    assert_eq!(denied.count(), 3, "one for each key and call");
}
