//! A dry run answers what the operation answers. docs/KEYS.md, "Dry run".

use serde_json::json;

use super::support::*;
use crate::audit::Filter;
use crate::context::Context;
use crate::crypto::{Kem, with_lane};
use crate::envelope::{
    Allowed, DecryptOptions, EncryptOptions, ReencryptOptions, StoredContext, decrypt_into, encrypt_into,
    generate_data_key, reencrypt,
};
use crate::keystore::clock::DAY;
use crate::keystore::failpoint::set_clock_ahead;
use crate::keystore::states::{Answer, answer};
use crate::keystore::{
    ApprovalRequest, CreateGrant, CreateKey, Key, KeyId, KeyName, KeyPolicy, KeySpec, KeyState, KeyView,
    Made, Narrowing, OpenOptions, PageRequest, SlotOptions, Store, StoreSettings, Wish, WrappingAlgorithm,
};
use crate::operation::Kind;
use crate::operation::Operation::{self, *};
use crate::{Result, Status};

const PLAIN: StoredContext<'static> = StoredContext::None;

/// A key in some situation, who is about to do something with it, and what there is to do it with.
struct Scene {
    store: Store,
    name: KeyName,
    /// Made under the key while it could.
    envelope: Option<Vec<u8>>,
    mac: Vec<u8>,
    /// Another key, which both its owner and the principal may use.
    other: KeyName,
}

/// What every scene begins with: a store, its owner's handle, and a key that all may use.
struct Stage {
    place: Place,
    owner: Store,
    other: KeyName,
}

impl Stage {
    fn new() -> Stage {
        let place = Place::new();
        let owner = place.init();
        let other = KeyName::Id(owner.create_key(&with_alias("other")).unwrap().key_id);
        grant(&owner, &other, "bob", &[Encrypt, Decrypt, ReEncryptFrom, ReEncryptTo, UpdateAlias], None);
        Stage { place, owner, other }
    }

    fn key(&self, spec: KeySpec, policy: KeyPolicy) -> KeyName {
        let request = CreateKey { spec, policy, ..CreateKey::default() };
        KeyName::Id(self.owner.create_key(&request).unwrap().key_id)
    }

    /// A scene with this key; what is made under it is made now.
    fn scene(&self, name: KeyName) -> Scene {
        let (mut envelope, mut mac) = (None, vec![0; 70]);
        if let Ok(key) = self.owner.key(&name) {
            envelope = seal(&key).ok();
            key.generate_mac(b"message", &mut mac).map(|len| mac.truncate(len)).unwrap_or_default();
        }
        Scene { store: self.owner.clone(), name, envelope, mac, other: self.other.clone() }
    }

    fn plain(&self) -> Scene {
        self.scene(self.key(KeySpec::Symmetric, KeyPolicy::default()))
    }

    fn imported(&self, valid_days: u32, policy: KeyPolicy) -> KeyName {
        let request = CreateKey { external: true, policy, ..CreateKey::default() };
        let name = KeyName::Id(self.owner.create_key(&request).unwrap().key_id);
        let parameters = self.owner.parameters_for_import(&name, WrappingAlgorithm::HpkeX25519).unwrap();
        let [token, public, info] =
            [&parameters.import_token, &parameters.public_key, &parameters.info].map(|hex| bytes(hex));
        let mut wrapped = vec![0; 32 + 32 + 16];
        let (enc, sealed) = wrapped.split_at_mut(32);
        let material: Vec<u8> = (0..32).collect();
        with_lane(|lane| Kem::X25519.seal(lane, &public, &info, &[], &material, (enc, sealed))).unwrap();
        self.owner.import_wrapped_key_material(&name, &token, &wrapped, None, valid_days).unwrap();
        name
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn grant(owner: &Store, name: &KeyName, to: &str, operations: &[Operation], uses: Option<u64>) {
    let of = |operation: &&Operation| operation.kind() == Kind::Use;
    let grant = CreateGrant {
        grantee_principal: to.into(),
        operations: operations.iter().filter(of).map(ToString::to_string).collect(),
        uses,
        ..CreateGrant::default()
    };
    owner.create_grant(name, &grant).unwrap();
}

fn uses() -> Vec<Operation> {
    Operation::ALL.iter().copied().filter(|operation| operation.kind() == Kind::Use).collect()
}

fn seal(key: &Key) -> Result<Vec<u8>> {
    let mut out = vec![0; 2_000];
    let size = encrypt_into(&[key], b"data", &Context::EMPTY, &PLAIN, &EncryptOptions::default(), &mut out)?;
    out.truncate(size);
    Ok(out)
}

/// Does it. `None`: there is nothing to do it with.
fn really(operation: Operation, scene: &Scene) -> Option<Result<()>> {
    let Scene { store, name, envelope, mac, other } = scene;
    let empty = Context::EMPTY;
    let with = |f: &dyn Fn(&Key) -> Result<()>| store.key(name).and_then(|key| f(&key));
    let move_to = |from: &Key, to: &Key, envelope: &[u8]| {
        let options = ReencryptOptions::default();
        reencrypt(Allowed::Keys(&[from]), envelope, &empty, &[to], &empty, &PLAIN, &options).map(drop)
    };
    let data_key = |key: &Key, plain: Option<&mut [u8]>| {
        generate_data_key(&[key], 32, &empty, &PLAIN, plain, &mut [0; 2_000]).map(drop)
    };
    // Macs and sealed bytes of another key do for one that made none: what refuses comes before they are looked at.
    let page = PageRequest::default();
    Some(match operation {
        Encrypt => with(&|key| seal(key).map(drop)),
        Decrypt => match envelope {
            None => return None,
            Some(envelope) => with(&|key| {
                let options = DecryptOptions::default();
                decrypt_into(Allowed::Keys(&[key]), envelope, &empty, &options, &mut [0; 64]).map(drop)
            }),
        },
        ReEncryptFrom => match envelope {
            None => return None,
            Some(envelope) => with(&|key| move_to(key, &store.key(other)?, envelope)),
        },
        ReEncryptTo => with(&|key| {
            let other = store.key(other)?;
            move_to(&other, key, &seal(&other)?)
        }),
        GenerateDataKey => with(&|key| data_key(key, Some(&mut [0; 32]))),
        GenerateDataKeyWithoutPlaintext => with(&|key| data_key(key, None)),
        GenerateMac => with(&|key| key.generate_mac(b"message", &mut [0; 70]).map(drop)),
        VerifyMac => with(&|key| key.verify_mac(b"message", mac)),
        GetPublicKey => with(&|key| key.public_key().map(drop)),
        Explain => with(&|key| {
            // As the explanation of an envelope does it, which answers no error of its own.
            let wish = Wish::without_context(Explain);
            let settle = |view: &KeyView<'_>| match view.current() {
                Ok(version) => Made::of(key, &wish, version, view.now).settle(),
                Err(_) => Ok(()),
            };
            key.view(&wish, |view| Ok(settle(view))).flatten()
        }),
        ExportKey => store.export_key(name, other).map(drop),
        DescribeKey => store.describe_key(name).map(drop),
        GetKeyRotationStatus => store.key_rotation_status(name).map(drop),
        ListKeyRotations => store.list_key_rotations(name, &page).map(drop),
        GetKeyLastUsage => store.key_last_usage(name).map(drop),
        GetKeyUsage => store.key_usage(name).map(drop),
        ListGrants => store.list_grants(name, &page).map(drop),
        ReadAuditTrail => {
            let filter = Filter { key_id: Some(name.to_string()), ..Filter::default() };
            store.read_trail(&filter, 0, 10).map(drop)
        }
        RotateKeyOnDemand => store.rotate_key(name).map(drop),
        EnableKey => store.enable_key(name).map(drop),
        DisableKey => store.disable_key(name).map(drop),
        UpdateKeyDescription => store.update_key_description(name, "new").map(drop),
        UpdateKeyPolicy => store.set_key_policy(name, &KeyPolicy::default()).map(drop),
        TagResource => store.tag_key(name, &[("a".into(), "b".into())]).map(drop),
        UntagResource => store.untag_key(name, &["a".into()]).map(drop),
        CreateAlias => store.create_alias(&alias(&format!("a{name}")), name).map(drop),
        Operation::CreateGrant => {
            let grant = CreateGrant {
                grantee_principal: "carl".into(),
                operations: vec!["Decrypt".into()],
                ..CreateGrant::default()
            };
            store.create_grant(name, &grant).map(drop)
        }
        RetireGrant => store.retire_grant(name, &"0".repeat(32)),
        RevokeGrant => store.revoke_grant(name, &"0".repeat(32)),
        ScheduleKeyDeletion => store.schedule_key_deletion(name, 7).map(drop),
        CancelKeyDeletion => store.cancel_key_deletion(name).map(drop),
        MarkKeyCompromised => store.mark_key_compromised(name, "").map(drop),
        GetParametersForImport => store.parameters_for_import(name, WrappingAlgorithm::HpkeX25519).map(drop),
        ImportKeyMaterial => store.import_wrapped_key_material(name, b"", b"", None, 0).map(drop),
        DeleteImportedKeyMaterial => store.delete_imported_key_material(name, None).map(drop),
        _ => return None,
    })
}

/// What a call with parameters that name nothing answers when it may.
fn as_a_dry_run(operation: Operation, answered: Status) -> Status {
    match (operation, answered) {
        (ImportKeyMaterial, Status::InvalidImportToken)
        | (RetireGrant | RevokeGrant, Status::GrantNotFound) => Status::Ok,
        (_, answered) => answered,
    }
}

/// Holds every operation's dry run against the operation, in a scene that is made anew for each that changes something.
fn hold(what: &str, mut scene: impl FnMut() -> Scene, refused: &[(Operation, Status)]) {
    let mut held = 0;
    let mut fresh = true;
    let mut now = scene();
    for &operation in Operation::ALL {
        if !fresh {
            now = scene();
        }
        let dry = status(now.store.dry_run(operation, &now.name, &Context::EMPTY));
        let Some(real) = really(operation, &now) else {
            fresh = true;
            continue;
        };
        let real = as_a_dry_run(operation, status(real));
        assert_eq!(dry, real, "{what}: {operation}");
        if let Some((_, expected)) = refused.iter().find(|(refused, _)| *refused == operation) {
            assert_eq!(dry, *expected, "{what}: {operation}");
        }
        held += 1;
        fresh = real != Status::Ok || operation.kind() == Kind::Read;
    }
    assert!(held >= 30, "{what}: {held}");
}

/// Mutation seen to fail it: `permit` left out of `state_permits`.
#[test]
fn in_every_state_and_for_every_usage() {
    let stage = Stage::new();
    for &state in KeyState::ALL {
        hold(&format!("{state:?}"), || in_state(&stage, state), &[]);
    }
    for spec in [KeySpec::Hmac256, KeySpec::X25519] {
        hold(spec.name(), || stage.scene(stage.key(spec, KeyPolicy::default())), &[]);
    }
}

fn in_state(stage: &Stage, state: KeyState) -> Scene {
    let (owner, mut scene) = (&stage.owner, stage.plain());
    let name = &scene.name;
    match state {
        KeyState::Enabled => {}
        KeyState::Disabled => drop(owner.disable_key(name).unwrap()),
        KeyState::PendingDeletion => drop(owner.schedule_key_deletion(name, 7).unwrap()),
        KeyState::Compromised => drop(owner.mark_key_compromised(name, "").unwrap()),
        KeyState::PendingImport => {
            let request = CreateKey { external: true, ..CreateKey::default() };
            scene.name = KeyName::Id(owner.create_key(&request).unwrap().key_id);
            scene.envelope = None;
        }
        KeyState::Destroyed => {
            owner.schedule_key_deletion(name, 7).unwrap();
            for (day, store) in [(8, owner.clone()), (9, stage.place.open().unwrap())] {
                set_clock_ahead(day * DAY as i64);
                store.destroy_due().unwrap();
            }
            set_clock_ahead(0);
        }
    }
    scene
}

/// Mutations seen to fail it: no look at the uses that are left; the context handed to operations that have none.
#[test]
fn for_principals_with_less_than_the_key() {
    let stage = Stage::new();
    let bob = stage.place.open_as("bob");
    let as_bob = |of: &dyn Fn(&KeyName)| {
        let scene = stage.plain();
        of(&scene.name);
        Scene { store: bob.clone(), ..scene }
    };
    let denied = |operation| (operation, Status::AccessDenied);
    let nothing = || as_bob(&|_| {});
    hold("a stranger", nothing, &[denied(Encrypt), denied(DisableKey), (DescribeKey, Status::Ok)]);
    let some = || as_bob(&|name| grant(&stage.owner, name, "bob", &[Decrypt], None));
    hold("one grant", some, &[denied(Encrypt), (Decrypt, Status::Ok)]);
    let spent = || {
        as_bob(&|name| {
            grant(&stage.owner, name, "bob", &uses(), Some(1));
            // Through another handle, which alone knows.
            let key = stage.place.open_as("bob").key(name).unwrap();
            seal(&key).unwrap();
        })
    };
    hold("a grant that is used up", spent, &[denied(Encrypt), denied(Decrypt)]);
    let condition = |name: &KeyName| {
        let grant = CreateGrant {
            grantee_principal: "bob".into(),
            operations: uses().iter().map(ToString::to_string).collect(),
            encryption_context_subset: Some([("tenant".to_owned(), "a".to_owned())].into()),
            ..CreateGrant::default()
        };
        stage.owner.create_grant(name, &grant).unwrap();
    };
    hold("a condition", || as_bob(&condition), &[denied(Encrypt), denied(Explain)]);
    // Under the context of the condition; what has no context to look at is not permitted by it all the same.
    let scene = as_bob(&condition);
    let packed = Context::pack(&[("tenant", "a")]).unwrap();
    let tenant = Context::unpack(&packed).unwrap();
    assert_eq!(scene.store.dry_run(Encrypt, &scene.name, &tenant), Ok(()));
    assert_eq!(status(scene.store.dry_run(Explain, &scene.name, &tenant)), Status::AccessDenied);
    assert_eq!(status(really(Explain, &scene).unwrap()), Status::AccessDenied);
    let many = || {
        let scene = stage.plain();
        (0..64).for_each(|_| grant(&stage.owner, &scene.name, "carl", &[Decrypt], None));
        scene
    };
    hold("64 grants", many, &[(Operation::CreateGrant, Status::LimitExceeded)]);
}

/// Mutations seen to fail it: no look at `seals_not`; `is_due` left out of it; `is_stopped` left out.
#[test]
fn for_keys_whose_time_or_number_is_over() {
    let stage = Stage::new();
    let days = |originator_days, recipient_days| KeyPolicy {
        originator_days,
        recipient_days,
        ..KeyPolicy::default()
    };
    // The store's clock does not go back: each scene is played after the one before.
    let today = std::cell::Cell::new(0);
    let day = |day: u64| {
        today.set(today.get() + day);
        set_clock_ahead((today.get() * DAY) as i64);
    };
    let later = |days: u64, scene: Scene| {
        day(days);
        // Through a handle that looks at the dates now: one that is ready does so once a minute.
        Scene { store: stage.place.open().unwrap(), ..scene }
    };
    let stopped = || {
        let policy = KeyPolicy { stop_after_failures: Some(1), ..KeyPolicy::default() };
        let scene = stage.scene(stage.key(KeySpec::Symmetric, policy));
        let mut changed = scene.envelope.clone().unwrap();
        // In the wrapped data key, before its tag.
        changed[110] ^= 1;
        let key = stage.owner.key(&scene.name).unwrap();
        let options = DecryptOptions::default();
        let opened = decrypt_into(Allowed::Keys(&[&key]), &changed, &Context::EMPTY, &options, &mut [0; 64]);
        assert_eq!(status(opened), Status::Auth);
        assert_eq!(stage.owner.describe_key(&scene.name).unwrap().key_state, KeyState::Disabled);
        scene
    };
    hold("stopped", stopped, &[(Encrypt, Status::KeyStopped), (RotateKeyOnDemand, Status::KeyDisabled)]);
    let spent = || {
        let policy = KeyPolicy { on_demand_limit: Some(0), ..KeyPolicy::default() };
        stage.scene(stage.key(KeySpec::Symmetric, policy))
    };
    hold("no rotation left", spent, &[(RotateKeyOnDemand, Status::LimitExceeded)]);
    let over = [(Encrypt, Status::InvalidKeyState), (Decrypt, Status::Ok)];
    let external = || {
        day(1);
        later(2, stage.scene(stage.imported(0, days(Some(1), None))))
    };
    hold("past the originator end, imported", external, &over);
    let rotates = || {
        day(1);
        later(2, stage.scene(stage.key(KeySpec::Symmetric, days(Some(1), None))))
    };
    hold("past the originator end", rotates, &[(Encrypt, Status::Ok)]);
    let expired = || {
        day(1);
        later(2, stage.scene(stage.imported(1, KeyPolicy::default())))
    };
    let both = [(Encrypt, Status::InvalidKeyState), (Decrypt, Status::InvalidKeyState)];
    hold("expired material", expired, &both);
    let ended = || {
        day(1);
        later(3, stage.scene(stage.imported(0, days(Some(1), Some(2)))))
    };
    hold("past the recipient end", ended, &[(Decrypt, Status::CryptoperiodEnded)]);
    set_clock_ahead(0);
}

/// Mutations seen to fail it: `may_change` that permits; `would_allow` left out; the read-only answer of a limited grant.
#[test]
fn for_stores_that_change_less() {
    let stage = Stage::new();
    let read_only = |principal: &str| {
        let options = OpenOptions { read_only: true, ..as_principal(principal) };
        stage.place.open_with(&options).unwrap()
    };
    let with = |policy: KeyPolicy| {
        let scene = stage.scene(stage.key(KeySpec::Symmetric, policy));
        Scene { store: read_only("default"), ..scene }
    };
    let no = |operation| (operation, Status::StoreReadOnly);
    hold("read-only", || with(KeyPolicy::default()), &[no(DisableKey), (Encrypt, Status::Ok)]);
    let limit = KeyPolicy { rotation_messages: Some(100), ..KeyPolicy::default() };
    hold("read-only with a limit", || with(limit.clone()), &[no(Encrypt), (Decrypt, Status::Ok)]);
    let closed = KeyPolicy { audit_fail_closed: true, ..KeyPolicy::default() };
    hold("read-only and fail-closed", || with(closed.clone()), &[(Decrypt, Status::TrailUnavailable)]);
    let limited = || {
        let scene = stage.plain();
        grant(&stage.owner, &scene.name, "bob", &uses(), Some(1));
        Scene { store: read_only("bob"), ..scene }
    };
    hold("read-only under a limited grant", limited, &[no(Encrypt), no(Decrypt)]);

    let scenes: Vec<Scene> = (0..16).map(|_| stage.plain()).collect();
    let policy = KeyPolicy { rotation_messages: Some(1), ..KeyPolicy::default() };
    let full = stage.scene(stage.key(KeySpec::Symmetric, policy));
    really(Encrypt, &full).unwrap().unwrap();
    stage.place.make_root("admin");
    let admin = SlotOptions { principal: None, admin: true };
    stage.owner.add_root_as(&stage.place.root("admin"), &admin).unwrap();
    let mut scenes = scenes.into_iter();
    let denied = |operation| (operation, Status::AccessDenied);
    hold("without the admin root", || scenes.next().unwrap(), &[denied(DisableKey), (Decrypt, Status::Ok)]);
    assert_eq!(status(full.store.dry_run(Encrypt, &full.name, &Context::EMPTY)), Status::AccessDenied);
    assert_eq!(status(really(Encrypt, &full).unwrap()), Status::AccessDenied);
}

/// Mutation seen to fail it: `there_is_one` that does not compare the principals.
#[test]
fn for_what_needs_an_approval() {
    let place = Place::new();
    let first = place.init();
    let (ann, ben) = (place.join(&first, "ann", "anns"), place.join(&first, "ben", "bens"));
    let settings = StoreSettings {
        dual_control: vec!["ScheduleKeyDeletion".into()],
        approval_seconds: 600,
        administrators: vec!["ann".into(), "ben".into()],
    };
    first.update_settings(&settings).unwrap();
    ann.create_key(&with_alias("k")).unwrap();
    let name = named("k");
    let dry = |store: &Store| status(store.dry_run(ScheduleKeyDeletion, &name, &Context::EMPTY));
    let delete = |store: &Store| status(store.schedule_key_deletion(&name, 7));
    assert_eq!((dry(&ann), delete(&ann)), (Status::ApprovalRequired, Status::ApprovalRequired));
    let says = place.open_as("ann");
    assert_eq!((dry(&says), delete(&says)), (Status::AccessDenied, Status::AccessDenied));
    let request = ApprovalRequest {
        operation: ScheduleKeyDeletion,
        request: json!({ "keyId": "k", "pendingWindowInDays": 7 }).as_object().unwrap().clone(),
        seconds: 0,
    };
    ann.approve(&request).unwrap();
    assert_eq!((dry(&ann), delete(&ann)), (Status::ApprovalRequired, Status::ApprovalRequired));
    let text = ann.schedule_key_deletion(&name, 7).unwrap_err().to_string();
    assert!(text.contains("the one that waits is by the same principal"), "{text}");
    ben.approve(&request).unwrap();
    assert_eq!((dry(&ann), delete(&ann)), (Status::Ok, Status::Ok));
}

/// Mutation seen to fail it: the narrowing not asked.
#[test]
fn through_a_handle_that_was_narrowed() {
    let store = Store::in_memory().unwrap();
    store.create_key(&with_alias("k")).unwrap();
    let key = store.key(&named("k")).unwrap();
    let two = key.narrow(&Narrowing { uses: Some(1), ..Narrowing::default() }).unwrap();
    let over = key.narrow(&Narrowing { millis: Some(0), ..Narrowing::default() }).unwrap();
    let other = Narrowing { operations: vec![Decrypt], ..Narrowing::default() };
    let other = key.narrow(&other).unwrap();
    let dry = |key: &Key| key.dry_run(Encrypt, &Context::EMPTY);
    assert_eq!((dry(&two), dry(&two)), (Ok(()), Ok(())), "a dry run is no use");
    use_key(&two, Encrypt, &[]).unwrap();
    for (key, why) in [(&two, "used up"), (&over, "time is over"), (&other, "other operations")] {
        let (dry, real) = (dry(key).unwrap_err(), use_key(key, Encrypt, &[]).unwrap_err());
        assert_eq!(dry, real);
        assert_eq!(dry.status(), Status::AccessDenied);
        assert!(dry.to_string().contains(why) && !dry.to_string().contains("grant"), "{dry}");
    }
}

/// Mutation seen to fail it: `on_a_key` that lets all pass.
#[test]
fn an_operation_that_is_not_on_a_key_is_named_in_the_answer() {
    let store = Store::in_memory().unwrap();
    let made = store.create_key(&with_alias("k")).unwrap();
    let key = store.key_by_id(made.key_id).unwrap();
    let elsewhere = |operation: &&Operation| {
        answer(**operation, KeyState::Enabled) == Answer::Any && **operation != ReadAuditTrail
    };
    let all: Vec<&Operation> = Operation::ALL.iter().filter(elsewhere).collect();
    assert!(all.contains(&&CreateKey) && all.len() > 20);
    for &operation in all {
        let name = named(&KeyId::to_string(&made.key_id));
        for refused in
            [store.dry_run(operation, &name, &Context::EMPTY), key.dry_run(operation, &Context::EMPTY)]
        {
            let error = refused.unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.to_string().starts_with(operation.name()), "{error}");
        }
    }
    let none = Operation::from_name("GenerateRandom").unwrap_err().to_string();
    assert!(none.contains("GenerateRandom"), "{none}");
}
