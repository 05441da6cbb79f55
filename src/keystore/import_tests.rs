use super::*;
use crate::crypto::{Kem, with_lane};
use crate::error::Status;
use crate::keystore::{CreateKey, KeySpec, failpoint};

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn external(store: &Store, spec: KeySpec) -> KeyName {
    let made = store.create_key(&CreateKey { spec, external: true, ..CreateKey::default() }).unwrap();
    assert_eq!((made.key_state, made.current_version), (KeyState::PendingImport, 0));
    KeyName::Id(made.key_id)
}

/// What someone who brings material does with the parameters.
fn wrap(parameters: &ImportParameters, material: &[u8]) -> Vec<u8> {
    let (public, info) = (unhex(&parameters.public_key), unhex(&parameters.info));
    let kem = match parameters.wrapping_algorithm {
        WrappingAlgorithm::HpkeX25519 => Kem::X25519,
        WrappingAlgorithm::HpkeXWing => Kem::XWing,
        #[cfg(feature = "aws-lc")]
        _ => return crate::crypto::rsa_seal(&public, material).unwrap(),
        #[cfg(not(feature = "aws-lc"))]
        _ => panic!("this build has no RSA"),
    };
    let mut out = vec![0; kem.encapsulated_size() + material.len() + 16];
    let (enc, sealed) = out.split_at_mut(kem.encapsulated_size());
    with_lane(|lane| kem.seal(lane, &public, &info, &[], material, (enc, sealed))).unwrap();
    out
}

fn import(
    store: &Store,
    name: &KeyName,
    algorithm: WrappingAlgorithm,
    material: &[u8],
    days: u32,
) -> Result<KeyMetadata> {
    bring(store, name, algorithm, material, None, days)
}

/// Wraps and imports.
pub(in crate::keystore) fn bring(
    store: &Store,
    name: &KeyName,
    algorithm: WrappingAlgorithm,
    material: &[u8],
    import_type: Option<ImportType>,
    days: u32,
) -> Result<KeyMetadata> {
    let parameters = store.parameters_for_import(name, algorithm)?;
    let wrapped = wrap(&parameters, material);
    store.import_wrapped_key_material(name, &unhex(&parameters.import_token), &wrapped, import_type, days)
}

fn material(seed: u8, size: usize) -> Vec<u8> {
    (0..size).map(|i| seed.wrapping_mul(31).wrapping_add(i as u8)).collect()
}

fn status<T>(result: Result<T>) -> Option<Status> {
    result.err().map(|error| error.status())
}

const X: WrappingAlgorithm = WrappingAlgorithm::HpkeX25519;

#[test]
fn material_comes_under_every_algorithm_and_makes_the_key_enabled() {
    let store = Store::in_memory().unwrap();
    let mut algorithms = vec![(X, KeySpec::Symmetric), (WrappingAlgorithm::HpkeXWing, KeySpec::Hmac512)];
    if cfg!(feature = "aws-lc") {
        algorithms.push((WrappingAlgorithm::RsaOaep3072, KeySpec::Hmac384));
        algorithms.push((WrappingAlgorithm::RsaOaep4096, KeySpec::Symmetric));
    }
    for (algorithm, spec) in algorithms {
        let name = external(&store, spec);
        let bytes = material(algorithm as u8 + 1, spec.size());
        let key = import(&store, &name, algorithm, &bytes, 0).unwrap();
        assert_eq!(
            (key.key_state, key.current_version, key.origin),
            (KeyState::Enabled, 1, Origin::External)
        );
        // The same bytes brought openly have the same id.
        let open = CreateKey { spec, ..CreateKey::default() };
        let twin = store.import_key_material(&open, &bytes).unwrap();
        assert_eq!(key.versions[0].material_id, twin.versions[0].material_id);
    }
    if !cfg!(feature = "aws-lc") {
        let name = external(&store, KeySpec::Symmetric);
        let refused = store.parameters_for_import(&name, WrappingAlgorithm::RsaOaep4096);
        assert_eq!(status(refused), Some(Status::UnsupportedOperation));
    }
}

/// T-115. Mutation seen to fail it: no look at the commitment.
#[test]
fn only_the_same_material_comes_back() {
    let store = Store::in_memory().unwrap();
    let name = external(&store, KeySpec::Hmac256);
    let (right, wrong) = (material(1, 32), material(2, 32));
    import(&store, &name, X, &right, 0).unwrap();
    let key = store.key(&name).unwrap();
    let mut mac = [0; 38];
    key.generate_mac(b"message", &mut mac).unwrap();
    // While it is there, too, nothing else is taken.
    assert_eq!(status(import(&store, &name, X, &wrong, 0)), Some(Status::IncorrectKeyMaterial));
    key.verify_mac(b"message", &mac).unwrap();

    let deleted = store.delete_imported_key_material(&name, None).unwrap();
    assert_eq!((deleted.key_state, deleted.current_version), (KeyState::PendingImport, 0));
    assert_eq!(key.held(), 0);
    assert_eq!(status(key.verify_mac(b"message", &mac)), Some(Status::InvalidKeyState));
    assert_eq!(status(import(&store, &name, X, &wrong, 0)), Some(Status::IncorrectKeyMaterial));
    assert_eq!(store.describe_key(&name).unwrap().key_state, KeyState::PendingImport);
    let back = import(&store, &name, X, &right, 30).unwrap();
    assert_eq!((back.key_state, back.current_version), (KeyState::Enabled, 1));
    assert!(back.versions[0].valid_to.is_some());
    key.verify_mac(b"message", &mac).unwrap();
    // A second deletion finds nothing else to do.
    store.delete_imported_key_material(&name, None).unwrap();
    store.delete_imported_key_material(&name, None).unwrap();
}

/// Mutations seen to fail it: `imports` unchecked; the key id of the token unchecked.
#[test]
fn a_token_serves_one_import_of_one_key_for_a_day() {
    let store = Store::in_memory().unwrap();
    let (name, other) = (external(&store, KeySpec::Symmetric), external(&store, KeySpec::Symmetric));
    let parameters = store.parameters_for_import(&name, X).unwrap();
    let (token, wrapped) = (unhex(&parameters.import_token), wrap(&parameters, &material(1, 32)));
    let take = |name: &KeyName, token: &[u8], wrapped: &[u8]| {
        status(store.import_wrapped_key_material(name, token, wrapped, None, 0))
    };
    assert_eq!(take(&other, &token, &wrapped), Some(Status::InvalidImportToken));
    for at in 0..token.len() {
        let mut changed = token.clone();
        changed[at] ^= 1;
        assert_eq!(take(&name, &changed, &wrapped), Some(Status::InvalidImportToken), "{at}");
    }
    for len in 0..token.len() {
        assert_eq!(take(&name, &token[..len], &wrapped), Some(Status::InvalidImportToken), "{len}");
    }
    let foreign = Store::in_memory().unwrap();
    let theirs = external(&foreign, KeySpec::Symmetric);
    let strange = unhex(&foreign.parameters_for_import(&theirs, X).unwrap().import_token);
    assert_eq!(take(&name, &strange, &wrapped), Some(Status::InvalidImportToken));
    // A change to the wrapped bytes, other sizes, and what no random key is.
    for at in [0, 31, 32, wrapped.len() - 1] {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        assert_eq!(take(&name, &token, &changed), Some(Status::Auth), "{at}");
    }
    assert_eq!(take(&name, &token, &[]), Some(Status::Auth));
    for bad in [material(1, 31), material(1, 33), vec![7; 32]] {
        assert_eq!(take(&name, &token, &wrap(&parameters, &bad)), Some(Status::InvalidKeyMaterial));
    }
    failpoint::set_clock_ahead(86_400);
    assert_eq!(take(&name, &token, &wrapped), Some(Status::ExpiredImportToken));
    failpoint::set_clock_ahead(86_300);
    let second = store.parameters_for_import(&name, X).unwrap();
    assert_eq!(take(&name, &token, &wrapped), None);
    failpoint::set_clock_ahead(0);
    // Used up, and with it the one that was made before.
    assert_eq!(take(&name, &token, &wrapped), Some(Status::InvalidImportToken));
    let late = wrap(&second, &material(1, 32));
    assert_eq!(take(&name, &unhex(&second.import_token), &late), Some(Status::InvalidImportToken));
}

#[test]
fn material_expires_and_keys_of_the_store_take_none() {
    let store = Store::in_memory().unwrap();
    let name = external(&store, KeySpec::Hmac256);
    assert_eq!(status(import(&store, &name, X, &material(1, 32), 366)), Some(Status::InvalidArgument));
    import(&store, &name, X, &material(1, 32), 1).unwrap();
    let mut mac = [0; 38];
    store.key(&name).unwrap().generate_mac(b"m", &mut mac).unwrap();
    failpoint::set_clock_ahead(86_401);
    let late = Store::key(&store, &name).and_then(|key| {
        // A change to the key makes its handle load it again at once.
        store.update_key_description(&name, "late")?;
        key.verify_mac(b"m", &mac)
    });
    assert_eq!(status(late), Some(Status::InvalidKeyState));
    let told = store.describe_key(&name).unwrap();
    assert_eq!(
        (told.key_state, told.versions[0].state),
        (KeyState::PendingImport, VersionState::PendingImport)
    );
    import(&store, &name, X, &material(1, 32), 0).unwrap();
    store.key(&name).unwrap().verify_mac(b"m", &mac).unwrap();
    failpoint::set_clock_ahead(0);

    let own = KeyName::Id(store.create_key(&CreateKey::default()).unwrap().key_id);
    assert_eq!(status(store.parameters_for_import(&own, X)), Some(Status::UnsupportedOperation));
    assert_eq!(status(store.delete_imported_key_material(&own, None)), Some(Status::UnsupportedOperation));
}

const NEW: Option<ImportType> = Some(ImportType::NewKeyMaterial);
const OLD: Option<ImportType> = Some(ImportType::ExistingKeyMaterial);

fn states(key: &KeyMetadata) -> Vec<(u32, VersionState)> {
    key.versions.iter().map(|version| (version.version, version.state)).collect()
}

/// Mutations seen to fail it: `add_version` that draws material for every origin; `take_pending` that leaves the version
/// where it is; `next` without its look at what the key has.
#[test]
fn new_material_waits_until_a_rotation_makes_it_current_and_none_is_ever_drawn() {
    use VersionState::{Current, NonCurrent, PendingImport, PendingRotation};
    let store = Store::in_memory().unwrap();
    let name = external(&store, KeySpec::Hmac256);
    let (one, two, three) = (material(1, 32), material(2, 32), material(3, 32));
    bring(&store, &name, X, &one, NEW, 0).unwrap();
    let key = store.key(&name).unwrap();
    let (mut first, mut second, mut expected) = ([0; 38], [0; 38], [0; 38]);
    key.generate_mac(b"m", &mut first).unwrap();
    assert_eq!(status(store.rotate_key(&name)), Some(Status::InvalidKeyState));
    assert_eq!(store.key_rotation_status(&name).unwrap().on_demand_rotations, 0);

    let waits = bring(&store, &name, X, &two, NEW, 0).unwrap();
    assert_eq!((waits.key_state, waits.current_version), (KeyState::Enabled, 1));
    assert_eq!(states(&waits), [(1, Current), (2, PendingRotation)]);
    assert_eq!(store.list_key_rotations(&name, &Default::default()).unwrap().rotations.len(), 2);
    key.generate_mac(b"m", &mut second).unwrap();
    assert_eq!(first, second, "what is pending makes nothing");
    for (bytes, kind, refused) in [
        (&one, NEW, Status::AlreadyExists),
        (&two, NEW, Status::AlreadyExists),
        (&three, NEW, Status::AlreadyExists),
        (&three, OLD, Status::IncorrectKeyMaterial),
        (&three, None, Status::IncorrectKeyMaterial),
    ] {
        assert_eq!(status(bring(&store, &name, X, bytes, kind, 0)), Some(refused), "{kind:?}");
    }
    let renewed = bring(&store, &name, X, &two, OLD, 9).unwrap();
    assert!(renewed.versions[1].valid_to.is_some() && renewed.versions[0].valid_to.is_none());
    assert_eq!(states(&renewed), states(&waits));

    let turned = store.rotate_key(&name).unwrap();
    assert_eq!(states(&turned), [(1, NonCurrent), (2, Current)]);
    assert_eq!(turned.versions[1].rotation_type, RotationType::OnDemand);
    assert!(turned.versions.iter().all(|version| version.origin == Origin::External));
    key.generate_mac(b"m", &mut second).unwrap();
    let request = CreateKey { spec: KeySpec::Hmac256, ..CreateKey::default() };
    let twin = store.import_key_material(&request, &two).unwrap();
    store.key_by_id(twin.key_id).unwrap().generate_mac(b"m", &mut expected).unwrap();
    assert_eq!(second[6..], expected[6..], "the MAC is under the bytes that were brought");
    key.verify_mac(b"m", &first).unwrap();
    assert_eq!(status(store.rotate_key(&name)), Some(Status::InvalidKeyState));
    for had in [&one, &two] {
        assert_eq!(status(bring(&store, &name, X, had, NEW, 0)), Some(Status::AlreadyExists));
    }
    store.verify(&mut |_, _| {}).unwrap();

    // One version's material goes and comes again; the others wait for it.
    let ids: Vec<_> = turned.versions.iter().map(|version| version.material_id).collect();
    let without = store.delete_imported_key_material(&name, Some(ids[0])).unwrap();
    assert_eq!(states(&without), [(1, PendingImport), (2, Current)]);
    assert_eq!(without.key_state, KeyState::PendingImport);
    assert_eq!(bring(&store, &name, X, &one, None, 0).unwrap().key_state, KeyState::Enabled);
    key.verify_mac(b"m", &first).unwrap();
    let none = store.delete_imported_key_material(&name, Some([0; 8]));
    assert_eq!(status(none), Some(Status::KeyNotFound));

    // What only waits is deleted and forgotten, and its number is not used again.
    let id = bring(&store, &name, X, &three, NEW, 0).unwrap().versions[2].material_id;
    let gone = store.delete_imported_key_material(&name, Some(id)).unwrap();
    assert_eq!((gone.key_state, gone.versions.len()), (KeyState::Enabled, 2));
    assert_eq!(status(bring(&store, &name, X, &three, OLD, 0)), Some(Status::IncorrectKeyMaterial));
    // What expired while it waited is not rotated to, and makes room for other.
    assert_eq!(states(&bring(&store, &name, X, &three, NEW, 1).unwrap())[2], (4, PendingRotation));
    failpoint::set_clock_ahead(86_401);
    assert_eq!(states(&store.describe_key(&name).unwrap())[2], (4, PendingImport));
    assert_eq!(status(store.rotate_key(&name)), Some(Status::InvalidKeyState));
    let other = bring(&store, &name, X, &material(4, 32), NEW, 0).unwrap();
    failpoint::set_clock_ahead(0);
    assert_eq!(states(&other), [(1, NonCurrent), (2, Current), (5, PendingRotation)]);
    store.verify(&mut |_, _| {}).unwrap();
}

/// The rows of docs/KEYS.md, "Where a key of origin EXTERNAL needs more than its state".
#[test]
fn imports_and_rotations_of_external_keys_answer_what_the_page_says() {
    let page = include_str!("../../docs/KEYS.md");
    let rows = page.split("needs more than its state").nth(1).unwrap().lines();
    let rows: Vec<_> =
        rows.skip_while(|l| !l.starts_with("| Call")).take_while(|l| l.starts_with('|')).collect();
    let (one, two, three) = (material(1, 32), material(2, 32), material(3, 32));
    for line in &rows[2..] {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        for (&state, expected) in KeyState::ALL.iter().zip(&cells[1..]) {
            let column = ["Enabled", "Disabled", "PendingDeletion", "PendingImport", "Compromised"];
            let state = *KeyState::ALL.iter().find(|s| s.name() == column[state as usize]).unwrap();
            let store = Store::in_memory().unwrap();
            let name = external(&store, KeySpec::Symmetric);
            bring(&store, &name, X, &one, NEW, 0).unwrap();
            if cells[0].ends_with(", pending") {
                bring(&store, &name, X, &two, NEW, 0).unwrap();
            }
            // Before the state: in some of them none is given.
            let given = store.parameters_for_import(&name, X).unwrap();
            let material_id = store.describe_key(&name).unwrap().versions[0].material_id;
            match state {
                KeyState::Disabled => drop(store.disable_key(&name).unwrap()),
                KeyState::PendingDeletion => drop(store.schedule_key_deletion(&name, 7).unwrap()),
                KeyState::PendingImport => {
                    drop(store.delete_imported_key_material(&name, Some(material_id)).unwrap());
                }
                KeyState::Compromised => drop(store.mark_key_compromised(&name, "").unwrap()),
                _ => {}
            }
            assert_eq!(store.describe_key(&name).unwrap().key_state, state);
            let take = |bytes: &[u8], kind| {
                let token = unhex(&given.import_token);
                store.import_wrapped_key_material(&name, &token, &wrap(&given, bytes), kind, 0)
            };
            let found = match cells[0].split(',').next().unwrap() {
                "rotate" => store.rotate_key(&name),
                "import NEW_KEY_MATERIAL" => take(&three, NEW),
                _ if cells[0].ends_with("the same") => take(&one, OLD),
                _ => take(&three, OLD),
            };
            let expected = match *expected {
                "yes" => None,
                "MISSING" | "STATE" => Some(Status::InvalidKeyState),
                "DISABLED" => Some(Status::KeyDisabled),
                "UNSUPPORTED" => Some(Status::UnsupportedOperation),
                "TAKEN" => Some(Status::AlreadyExists),
                "OTHER" => Some(Status::IncorrectKeyMaterial),
                other => panic!("{other} in {line}"),
            };
            assert_eq!(status(found), expected, "{} in {state}", cells[0]);
        }
    }
    assert_eq!(rows.len(), 8);
}
