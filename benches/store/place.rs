//! A store in a folder of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyfold::keystore::{
    AnchorPolicy, CreateKey, InitOptions, KeyName, KeyPolicy, Location, OpenOptions, Store,
};
use keyfold::root::KeyFile;
use tempfile::TempDir;

pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(place.path("root")).expect("a folder for the root");
        private(&place.path("root"));
        std::fs::create_dir(place.path("store")).expect("a folder for the store");
        KeyFile::create(&place.path("root/key")).expect("a key file");
        let options = InitOptions { open: options(), ..InitOptions::default() };
        Store::init(&place.location(), &root(place.folder()), &options).expect("a store");
        place
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn location(&self) -> Location {
        location(self.folder())
    }

    pub fn open(&self, options: &OpenOptions) -> Store {
        open(self.folder(), options)
    }
}

pub fn open(folder: &Path, options: &OpenOptions) -> Store {
    Store::open(&location(folder), &root(folder), options).expect("the store")
}

fn location(folder: &Path) -> Location {
    Location { path: folder.join("store/keys.db"), fingerprint: None }
}

fn root(folder: &Path) -> KeyFile {
    KeyFile::new(folder.join("root/key"))
}

fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("our own folder");
}

/// No anchor: what is measured is the store.
pub fn options() -> OpenOptions {
    OpenOptions { anchor: AnchorPolicy::Off, ..OpenOptions::default() }
}

pub fn with_policy(alias: &str, policy: KeyPolicy) -> CreateKey {
    CreateKey { alias: Some(alias.parse().expect("an alias")), policy, ..CreateKey::default() }
}

pub fn named(alias: &str) -> KeyName {
    alias.parse().expect("a name")
}

/// No refresh: another process's changes are none of this.
pub fn quiet(interval: Duration) -> OpenOptions {
    OpenOptions { trail_interval: interval, ..options() }
}
