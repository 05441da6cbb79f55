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
    let parameters = store.parameters_for_import(name, algorithm)?;
    let wrapped = wrap(&parameters, material);
    store.import_wrapped_key_material(name, &unhex(&parameters.import_token), &wrapped, days)
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

    let deleted = store.delete_imported_key_material(&name).unwrap();
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
    store.delete_imported_key_material(&name).unwrap();
    store.delete_imported_key_material(&name).unwrap();
}

/// Mutations seen to fail it: `imports` unchecked; the key id of the token unchecked.
#[test]
fn a_token_serves_one_import_of_one_key_for_a_day() {
    let store = Store::in_memory().unwrap();
    let (name, other) = (external(&store, KeySpec::Symmetric), external(&store, KeySpec::Symmetric));
    let parameters = store.parameters_for_import(&name, X).unwrap();
    let (token, wrapped) = (unhex(&parameters.import_token), wrap(&parameters, &material(1, 32)));
    let take = |name: &KeyName, token: &[u8], wrapped: &[u8]| {
        status(store.import_wrapped_key_material(name, token, wrapped, 0))
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
    assert_eq!(status(store.delete_imported_key_material(&own)), Some(Status::UnsupportedOperation));
}
