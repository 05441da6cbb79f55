//! A store and its root in folders of their own, and processes to share them with.
#![allow(dead_code)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use keyfold::keystore::{CreateKey, InitOptions, KeyName, KeyPolicy, Location, OpenOptions, Store};
use keyfold::root::KeyFile;

pub struct Place {
    pub folder: tempfile::TempDir,
    pub roots: tempfile::TempDir,
    pub path: PathBuf,
    pub root: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        let private = || {
            let folder = tempfile::tempdir().unwrap();
            set_mode(folder.path(), 0o700);
            folder
        };
        let (folder, roots) = (private(), private());
        let (path, root) = (folder.path().join("keys.db"), roots.path().join("root"));
        KeyFile::create(&root).unwrap();
        Place { folder, roots, path, root }
    }

    pub fn init(&self, open: OpenOptions) -> Store {
        let options = InitOptions { open, ..InitOptions::default() };
        Store::init(&location(&self.path), &KeyFile::new(&self.root), &options).unwrap()
    }

    pub fn open(&self, options: &OpenOptions) -> keyfold::Result<Store> {
        Store::open(&location(&self.path), &KeyFile::new(&self.root), options)
    }

    /// This test program again, as the ignored test `role`; its lines of output that begin with `=`.
    pub fn spawn(&self, role: &str) -> (Child, impl Iterator<Item = String> + use<>) {
        self.spawn_at(role, 0)
    }

    /// The same, its clock ahead by so many seconds (in builds with `failpoints`).
    pub fn spawn_at(&self, role: &str, clock_ahead: u64) -> (Child, impl Iterator<Item = String> + use<>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", role, "--ignored", "--nocapture", "--test-threads=1"])
            .env("KEYFOLD_TEST_STORE", &self.path)
            .env("KEYFOLD_TEST_ROOT", &self.root)
            .env("KEYFOLD_CLOCK_AHEAD", clock_ahead.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ours = lines.map_while(Result::ok).filter_map(|line| {
            let at = line.find('=')?;
            // A line cut by a kill has no end mark and was not acknowledged.
            line[at + 1..].strip_suffix(';').map(str::to_owned)
        });
        (child, ours)
    }
}

/// The store that the parent of this process told of.
pub fn told(options: &OpenOptions) -> Store {
    let path = PathBuf::from(std::env::var_os("KEYFOLD_TEST_STORE").unwrap());
    let root = KeyFile::new(std::env::var_os("KEYFOLD_TEST_ROOT").unwrap());
    Store::open(&location(&path), &root, options).unwrap()
}

pub fn location(path: &Path) -> Location {
    Location { path: path.to_owned(), fingerprint: None }
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn named(text: &str) -> KeyName {
    text.parse().unwrap()
}

pub fn with_alias(text: &str) -> CreateKey {
    let policy = KeyPolicy { on_demand_limit: Some(10_000), ..KeyPolicy::default() };
    CreateKey { alias: Some(text.parse().unwrap()), policy, ..CreateKey::default() }
}

pub fn long() -> bool {
    std::env::var_os("KEYFOLD_LONG").is_some_and(|value| value == "1")
}
