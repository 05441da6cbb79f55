use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

const BIND: &[u8] = b"store and slot";
const INHERIT: Inherit = Inherit(OnFork::Wipe);

/// A folder that is its owner's alone, whatever the umask.
fn private_folder() -> tempfile::TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

/// A private folder and a key file in it.
fn made() -> (tempfile::TempDir, PathBuf) {
    let folder = private_folder();
    let path = folder.path().join("root.key");
    KeyFile::create(&path).unwrap();
    (folder, path)
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn secret() -> StoreSecret {
    StoreSecret::draw(OnFork::Wipe).unwrap()
}

fn refusal(root: &KeyFile, store: Option<&Path>) -> String {
    match root.check(store) {
        Err(Error::RootUnsafe { what }) => what.into(),
        other => panic!("not refused as unsafe: {other:?}"),
    }
}

#[test]
fn a_new_key_file_is_private_and_opens_what_it_wrapped() {
    let (_folder, path) = made();
    let metadata = fs::symlink_metadata(&path).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.len()), (0o600, key_text::SIZE as u64));
    let root = KeyFile::new(&path);
    let secret = secret();
    let slot = root.wrap(BIND, &secret).unwrap();
    assert_eq!(root.unwrap(BIND, &slot, INHERIT).map(|s| *s.secret.expose()), Ok(*secret.secret.expose()));
    assert_eq!(root.wrap(BIND, &secret).unwrap().fingerprint, slot.fingerprint);

    let (_other_folder, other) = made();
    assert_eq!(KeyFile::new(&other).unwrap(BIND, &slot, INHERIT).map(|_| ()), Err(Error::RootMismatch));
    assert_eq!(root.unwrap(b"another slot", &slot, INHERIT).map(|_| ()), Err(Error::RootMismatch));
}

// Seen to fail when `create` opens without `create_new`.
#[test]
fn an_existing_file_or_link_is_never_written_over() {
    let (folder, path) = made();
    let before = fs::read(&path).unwrap();
    assert!(matches!(KeyFile::create(&path), Err(Error::FileExists { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
    let link = folder.path().join("dangling");
    symlink(folder.path().join("target"), &link).unwrap();
    assert!(matches!(KeyFile::create(&link), Err(Error::FileExists { .. })));
    assert!(!folder.path().join("target").exists());
    assert_eq!(KeyFile::new(&path).create_if_missing(None), Ok(false));
}

#[test]
fn a_missing_folder_is_made_private() {
    let folder = private_folder();
    let path = folder.path().join("secrets/root.key");
    assert_eq!(KeyFile::new(&path).create_if_missing(None), Ok(true));
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(KeyFile::new(&path).check(None), Ok(()));
}

// Seen to fail for every mode when `check_file` always agrees.
#[test]
fn a_file_open_to_others_is_refused_with_the_way_to_mend_it() {
    let (_folder, path) = made();
    let p = path.display();
    for mode in [0o640, 0o604, 0o644, 0o660, 0o602, 0o610] {
        chmod(&path, mode);
        let what = refusal(&KeyFile::new(&path), None);
        assert!(what.starts_with(&format!("root key file {p} can be ")), "{what}");
        assert!(what.contains(&format!("; chmod 600 {p}, or set allow_readable_root if ")), "{what}");
        // Not only `check`: no use of it gets by.
        assert!(matches!(KeyFile::new(&path).wrap(BIND, &secret()), Err(Error::RootUnsafe { .. })));
        assert_eq!(KeyFile::new(&path).allow_readable(true).check(None), Ok(()));
    }
    chmod(&path, 0o640);
    assert!(refusal(&KeyFile::new(&path), None).contains(" can be read by group \""));
    chmod(&path, 0o604);
    assert!(refusal(&KeyFile::new(&path), None).contains(" can be read by everyone"));
    chmod(&path, 0o400);
    assert_eq!(KeyFile::new(&path).check(None), Ok(()));
}

#[test]
fn a_folder_open_to_others_is_refused_with_the_way_to_mend_it() {
    let (folder, path) = made();
    for mode in [0o755, 0o750, 0o704, 0o720, 0o1777] {
        chmod(folder.path(), mode);
        let what = refusal(&KeyFile::new(&path), None);
        assert!(
            what.contains(&format!("; chmod 700 {}, or set allow_readable_root", folder.path().display())),
            "{what}"
        );
        assert_eq!(KeyFile::new(&path).allow_readable(true).check(None), Ok(()));
        let other = folder.path().join("other.key");
        assert!(KeyFile::new(&other).create_if_missing(None).is_err(), "made nothing in such a folder");
        assert!(!other.exists());
    }
    // Passing through shows nothing.
    chmod(folder.path(), 0o711);
    assert_eq!(KeyFile::new(&path).check(None), Ok(()));
}

#[test]
fn a_file_in_the_stores_folder_is_refused_by_whatever_path() {
    let (folder, path) = made();
    let store = folder.path().join("store.db");
    let what = refusal(&KeyFile::new(&path), Some(&store));
    assert!(what.starts_with("the root must not lie in the key store's folder ("), "{what}");
    let elsewhere = private_folder();
    let alias = elsewhere.path().join("alias");
    symlink(folder.path(), &alias).unwrap();
    refusal(&KeyFile::new(&path), Some(&alias.join("store.db")));
    assert_eq!(KeyFile::new(&path).allow_beside_store(true).check(Some(&store)), Ok(()));
    assert_eq!(KeyFile::new(&path).check(Some(&elsewhere.path().join("store.db"))), Ok(()));
    let new = folder.path().join("new.key");
    assert!(KeyFile::new(&new).create_if_missing(Some(&store)).is_err());
    assert!(!new.exists());
}

// Seen to fail when only the root's own folder is compared with the store's.
#[test]
fn a_file_below_the_stores_folder_is_refused_by_whatever_path() {
    let top = private_folder();
    let store = top.path().join("store.db");
    let folder = |name: &str| {
        let made = top.path().join(name);
        DirBuilder::new().mode(0o700).recursive(true).create(&made).unwrap();
        made
    };
    let deep = folder("a/b").join("root.key");
    KeyFile::create(&deep).unwrap();
    refusal(&KeyFile::new(&deep), Some(&store));
    assert_eq!(KeyFile::new(&deep).allow_beside_store(true).check(Some(&store)), Ok(()));
    // Through a link from elsewhere, and where neither the folder nor the file exists yet.
    let elsewhere = private_folder();
    symlink(folder("a"), elsewhere.path().join("link")).unwrap();
    refusal(&KeyFile::new(elsewhere.path().join("link/b/root.key")), Some(&store));
    let new = top.path().join("new/root.key");
    assert!(KeyFile::new(&new).create_if_missing(Some(&store)).is_err());
    assert!(!top.path().join("new").exists());
    // The store below the root's folder, and a neighbour whose name begins alike, are another matter.
    assert_eq!(KeyFile::new(&deep).check(Some(&folder("a/b/c").join("store.db"))), Ok(()));
    assert_eq!(KeyFile::new(&deep).check(Some(&folder("a/bb").join("store.db"))), Ok(()));
    let back = folder("a/store").join("../fresh/root.key");
    assert_eq!(KeyFile::new(&back).create_if_missing(Some(&top.path().join("a/store/keys.db"))), Ok(true));
}

// T-84. Seen to fail when `open` follows links.
#[test]
fn a_link_swapped_in_after_the_check_is_refused() {
    let (_folder, path) = made();
    let (_other_folder, other) = made();
    let root = KeyFile::new(&path);
    let slot = root.wrap(BIND, &secret()).unwrap();
    root.check(None).unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&other, &path).unwrap();
    assert!(matches!(root.unwrap(BIND, &slot, INHERIT), Err(Error::RootUnsafe { .. })));
    assert!(refusal(&root.allow_readable(true), None).contains(&other.display().to_string()));
}

#[test]
fn what_is_missing_damaged_or_no_file_is_told_apart() {
    let (folder, path) = made();
    let slot = KeyFile::new(&path).wrap(BIND, &secret()).unwrap();
    let open = |path: &Path| KeyFile::new(path).unwrap(BIND, &slot, INHERIT).map(|_| ()).unwrap_err();

    let absent = folder.path().join("absent");
    assert_eq!(open(&absent), Error::RootNotFound { what: format!("file:{}", absent.display()).into() });

    let mut text = fs::read(&path).unwrap();
    text[30] = if text[30] == b'0' { b'1' } else { b'0' };
    fs::write(&path, &text).unwrap();
    assert!(matches!(open(&path), Error::RootInvalid { why, .. } if why.contains("checksum")));
    for junk in [&b""[..], b"hello\n", &[b'x'; 100_000]] {
        fs::write(&path, junk).unwrap();
        assert!(matches!(open(&path), Error::RootInvalid { .. }));
    }
    let private = folder.path().join("folder");
    fs::create_dir(&private).unwrap();
    assert!(matches!(open(&private), Error::RootInvalid { .. }));
    // A pipe without a writer would block for ever without O_NONBLOCK.
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(matches!(open(&pipe), Error::RootInvalid { .. }));
}
