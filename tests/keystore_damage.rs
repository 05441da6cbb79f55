//! A store's file with a bit flipped anywhere, and what processes that died leave beside it: a clear error or right answers,
//! never a crash, a wrong answer, or "not found".
#![cfg(feature = "sqlite")]

mod keystore_support;

use std::fs;
use std::path::PathBuf;

use keyfold::envelope::{
    Allowed, Context, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, encrypt_into,
};
use keyfold::keystore::{AnchorPolicy, OpenOptions, PageRequest, Store};
use keyfold::{Error, Status};
use keystore_support::{Place, long, named, set_mode, with_alias};

fn options() -> OpenOptions {
    OpenOptions { anchor: AnchorPolicy::Off, ..OpenOptions::default() }
}

const KEYS: [&str; 3] = ["a", "b", "c"];
const TEXT: &[u8] = b"what was sealed";

/// A store of some keys and pages of the file, and an envelope of each key's first version.
fn furnished() -> (Place, Vec<Vec<u8>>) {
    let place = Place::new();
    let store = place.init(options());
    let seal = |name: &str| {
        store.create_key(&with_alias(name)).unwrap();
        let (key, mut out) = (store.key(&named(name)).unwrap(), vec![0; 512]);
        let (context, stored, how) = (Context::EMPTY, StoredContext::None, EncryptOptions::default());
        let len = encrypt_into(&[&key], TEXT, &context, &stored, &how, &mut out).unwrap();
        out.truncate(len);
        out
    };
    let envelopes = KEYS.map(seal).to_vec();
    for _ in 0..70 {
        store.rotate_key(&named("b")).unwrap();
    }
    drop(store);
    (place, envelopes)
}

fn beside(place: &Place, ending: &str) -> PathBuf {
    let mut name = place.path.clone().into_os_string();
    name.push(ending);
    name.into()
}

/// Puts the file as it is given, with nothing beside it.
fn put(place: &Place, bytes: &[u8]) {
    for ending in ["-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(place, ending));
    }
    fs::write(&place.path, bytes).unwrap();
    set_mode(&place.path, 0o600);
}

/// A key that is there is never just not there, and nothing is an error of our own making.
fn honest(error: &Error) -> bool {
    !matches!(error.status(), Status::Internal | Status::KeyNotFound | Status::Auth)
}

/// Everything that a store answers is right. Whether it answered everything.
fn look(store: &Store, envelopes: &[Vec<u8>], what: &str) -> bool {
    let mut whole = true;
    let mut told = |result: Result<(), Error>| match result {
        Ok(()) => {}
        Err(error) => {
            assert!(honest(&error), "{what}: {error:?}");
            whole = false;
        }
    };
    for (name, envelope) in KEYS.iter().zip(envelopes) {
        let mut out = [0; 64];
        let opened = store.key(&named(name)).and_then(|key| {
            let (keys, how) = ([&key], DecryptOptions::default());
            decrypt_into(Allowed::Keys(&keys), envelope, &Context::EMPTY, &how, &mut out)
        });
        told(opened.map(|opened| assert_eq!(&out[..opened.len], TEXT, "{what}")));
        let described = store.describe_key(&named(name));
        told(described.map(|key| {
            let versions = if *name == "b" { 71 } else { 1 };
            assert_eq!((key.versions.len(), key.aliases.len()), (versions, 1), "{what}: {name}");
        }));
    }
    told(store.list_keys(&PageRequest::default()).map(|page| assert_eq!(page.keys.len(), 3, "{what}")));
    told(store.verify(&mut |_, _| {}).map(drop));
    whole
}

#[test]
fn a_flipped_bit_anywhere_in_the_file_is_an_error_or_changes_nothing() {
    let (place, envelopes) = furnished();
    let bytes = fs::read(&place.path).unwrap();
    let (mut random, mut refused, mut harmless) = (0x2545_f491_4f6c_dd1du64, 0, 0);
    for round in 0..if long() { 20_000 } else { 150 } {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Half of them in the headers of pages and of the file, where SQLite finds its way.
        let at = match round % 2 {
            0 => (random >> 8) as usize % bytes.len(),
            _ => ((random >> 8) as usize % (bytes.len() / 4_096)) * 4_096 + (random >> 40) as usize % 108,
        };
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (random & 7);
        put(&place, &flipped);
        let what = format!("bit {} of byte {at}", random & 7);
        let whole = match place.open(&options()) {
            Ok(store) => look(&store, &envelopes, &what),
            Err(error) => {
                assert!(honest(&error), "{what}: {error:?}");
                false
            }
        };
        *if whole { &mut harmless } else { &mut refused } += 1;
    }
    assert!(refused > harmless / 8, "{refused} refused, {harmless} harmless");
    put(&place, &bytes);
    assert!(look(&place.open(&options()).unwrap(), &envelopes, "as it was"));
}

/// A process that died leaves the log, its shared memory with marks of locks, and files under temporary names.
#[test]
fn what_a_dead_process_left_beside_the_store_is_in_nobodys_way() {
    let noise: Vec<u8> = (0..32_768_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (round, shared) in
        [None, Some(&noise[..]), Some(&[0xff; 32_768]), Some(&[0; 32_768]), Some(b""), Some(b"x")]
            .into_iter()
            .enumerate()
    {
        // One each: this process remembers the states it saw.
        let (place, envelopes) = furnished();
        let store = place.open(&options()).unwrap();
        store.rotate_key(&named("a")).unwrap();
        // As the file system has it at this moment: what a killed process would leave.
        let kept: Vec<(PathBuf, Vec<u8>)> = ["", "-wal", "-shm"]
            .map(|ending| {
                let path = beside(&place, ending);
                let copy = place.roots.path().join(format!("copy{ending}"));
                assert!(std::process::Command::new("cp").args([&path, &copy]).status().unwrap().success());
                (path, fs::read(copy).unwrap())
            })
            .to_vec();
        assert!(kept[1].1.len() > 4_096 && kept[2].1.len() >= 32_768, "there are a log and shared memory");
        drop(store);
        put(&place, &kept[0].1);
        fs::write(&kept[1].0, &kept[1].1).unwrap();
        fs::write(&kept[2].0, shared.unwrap_or(&kept[2].1)).unwrap();
        fs::write(beside(&place, "-journal"), b"").unwrap();
        fs::write(place.folder.path().join(".keys.db.init-0123456789abcdef"), b"half a store").unwrap();
        let store = place.open(&options()).unwrap_or_else(|e| panic!("round {round}: {e:?}"));
        assert_eq!(store.describe_key(&named("a")).unwrap().current_version, 2, "what was acknowledged");
        store.rotate_key(&named("c")).unwrap();
        store.disable_key(&named("c")).unwrap();
        store.enable_key(&named("c")).unwrap();
        let key = store.key(&named("b")).unwrap();
        let mut out = [0; 64];
        let how = DecryptOptions::default();
        let opened = decrypt_into(Allowed::Keys(&[&key]), &envelopes[1], &Context::EMPTY, &how, &mut out);
        assert_eq!(&out[..opened.unwrap().len], TEXT);
        store.verify(&mut |_, _| {}).unwrap();
        assert!(store.verify_trail(None, &mut |_, _| {}).unwrap().ok);
        drop((store, key));
        let left = ["-wal", "-shm"].map(|ending| beside(&place, ending).exists());
        assert_eq!(left, [false; 2], "the log is folded in");
        assert!(Status::Ok == status_of_reading(&place), "and it is whole without it");
    }
}

fn status_of_reading(place: &Place) -> Status {
    let read = OpenOptions { read_only: true, ..options() };
    match place.open(&read).and_then(|store| store.verify(&mut |_, _| {})) {
        Ok(_) => Status::Ok,
        Err(error) => error.status(),
    }
}

/// The anchor's lock is the kernel's: a file that a dead process left holds nobody.
#[test]
fn a_lock_file_of_the_anchor_that_nobody_holds_is_in_nobodys_way() {
    let place = Place::new();
    let anchor = place.roots.path().join("anchor");
    let options = OpenOptions { anchor: AnchorPolicy::File(anchor.clone()), ..OpenOptions::default() };
    drop(place.init(options.clone()));
    fs::write(place.roots.path().join("anchor.lock"), b"1234\n").unwrap();
    fs::write(place.roots.path().join("anchor.new"), b"half an anchor").unwrap();
    fs::write(place.roots.path().join("anchor.next"), b"of no store").unwrap();
    let store = place.open(&options).unwrap();
    store.create_key(&with_alias("k")).unwrap();
    store.disable_key(&named("k")).unwrap();
    assert!(store.info().unwrap().anchor.starts_with("fresh"));
}
