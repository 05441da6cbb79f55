//! A store in a folder of its own, its root in another, and the hands of someone who has the file and not the root.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::{Connection, params};

use crate::context::Context;
use crate::error::{Result, Status};
use crate::keystore::backend::Table;
use crate::keystore::{
    Alias, AnchorPolicy, CreateKey, InitOptions, Key, KeyName, KeyPolicy, Location, Made, OpenOptions,
    SlotOptions, Store, Wish,
};
use crate::operation::Operation;
use crate::root::KeyFile;

pub(super) struct Place {
    pub(super) folder: tempfile::TempDir,
    roots: tempfile::TempDir,
    pub(super) path: PathBuf,
}

/// The tables that stand still while keys are only used. Counters and the trail have rules and tests of their own.
fn tree() -> impl Iterator<Item = Table> {
    let outside = [Table::Counters, Table::Trail, Table::Checkpoints];
    Table::ALL.into_iter().filter(move |table| !outside.contains(table))
}

/// A row as it stands in the file.
pub(super) type Cells = (i64, Vec<u8>, String);
pub(super) type Dump = BTreeMap<(Table, Vec<u8>), Cells>;

impl Place {
    pub(super) fn new() -> Place {
        let private = || {
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
            folder
        };
        let (folder, roots) = (private(), private());
        let path = folder.path().join("keys.db");
        let place = Place { folder, roots, path };
        place.make_root("root");
        place
    }

    pub(super) fn make_root(&self, name: &str) {
        KeyFile::create(&self.root_path(name)).unwrap();
    }

    pub(super) fn root(&self, name: &str) -> KeyFile {
        KeyFile::new(self.root_path(name))
    }

    pub(super) fn root_path(&self, name: &str) -> PathBuf {
        self.roots.path().join(name)
    }

    pub(super) fn location(&self) -> Location {
        Location { path: self.path.clone(), fingerprint: None }
    }

    pub(super) fn init(&self) -> Store {
        Store::init(&self.location(), &self.root("root"), &InitOptions::default()).unwrap()
    }

    pub(super) fn open(&self) -> Result<Store> {
        self.open_with(&OpenOptions::default())
    }

    /// Where an anchor may be: beside the roots.
    pub(super) fn anchor(&self) -> PathBuf {
        self.roots.path().join("state/anchor")
    }

    /// Options with that anchor.
    pub(super) fn anchored(&self) -> OpenOptions {
        OpenOptions { anchor: AnchorPolicy::File(self.anchor()), ..OpenOptions::default() }
    }

    /// What this process remembers of the store is forgotten, as if it began anew. No store may be open.
    pub(super) fn forget(&self) {
        let text: String =
            self.sql().query_row("SELECT hex(id) FROM manifest", [], |row| row.get(0)).unwrap();
        let mut id = [0; 16];
        assert!(crate::keystore::json::from_hex(&text.to_lowercase(), &mut id));
        crate::keystore::epochs::forget(&crate::keystore::epochs::of(id));
    }

    /// The store as a principal whom nobody vouches for.
    pub(super) fn open_as(&self, principal: &str) -> Store {
        self.open_with(&as_principal(principal)).unwrap()
    }

    /// A root of its own for a principal, in a slot that bears its name; and the store opened through it.
    pub(super) fn join(&self, store: &Store, principal: &str, root: &str) -> Store {
        self.make_root(root);
        let options = SlotOptions { principal: Some(principal.into()), ..SlotOptions::default() };
        store.add_root_as(&self.root(root), &options).unwrap();
        self.open_through(root)
    }

    pub(super) fn open_through(&self, root: &str) -> Store {
        let options = OpenOptions { refresh: Duration::ZERO, ..OpenOptions::default() };
        Store::open(&self.location(), &self.root(root), &options).unwrap()
    }

    pub(super) fn open_with(&self, options: &OpenOptions) -> Result<Store> {
        Store::open(&self.location(), &self.root("root"), options)
    }

    /// Opens the store and reads all of it; the status of what that comes to.
    pub(super) fn verify(&self) -> Status {
        self.verify_with("root")
    }

    pub(super) fn verify_with(&self, root: &str) -> Status {
        let opened = Store::open(&self.location(), &self.root(root), &OpenOptions::default());
        match opened.and_then(|store| store.verify(&mut |_, _| {})) {
            Ok(_) => Status::Ok,
            Err(error) => error.status(),
        }
    }

    /// The file, in the hands of someone without the root. No store may be open.
    pub(super) fn sql(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    /// The same from another process, beside stores that are open here.
    pub(super) fn sql_elsewhere(&self, sql: &str) {
        self.elsewhere("sql", sql);
    }

    /// Has another process do something with the store; see [`elsewhere`].
    pub(super) fn elsewhere(&self, what: &str, with: &str) {
        assert!(self.elsewhere_at(what, with, ""), "{what} {with}");
    }

    /// The same, with an end at a failpoint. Whether the process got to its own end.
    pub(super) fn elsewhere_at(&self, what: &str, with: &str, failpoint: &str) -> bool {
        let ran = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "keystore::tests::support::elsewhere", "--ignored"])
            .env("KEYFOLD_TEST_STORE", &self.path)
            .env("KEYFOLD_TEST_ROOT", self.root_path("root"))
            .env("KEYFOLD_TEST_ANCHOR", self.anchor())
            .env("KEYFOLD_TEST_DO", what)
            .env("KEYFOLD_TEST_WITH", with)
            .env("KEYFOLD_FAILPOINT", failpoint)
            .stdout(Stdio::null())
            .status();
        ran.unwrap().success()
    }

    /// Has another process do something with the store, which tells what it did, and is ended by [`std::process::Child::kill`].
    pub(super) fn elsewhere_until_killed(
        &self,
        what: &str,
        with: &str,
        failpoint: &str,
    ) -> std::process::Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "keystore::tests::support::elsewhere", "--ignored", "--nocapture"])
            .env("KEYFOLD_TEST_STORE", &self.path)
            .env("KEYFOLD_TEST_ROOT", self.root_path("root"))
            .env("KEYFOLD_TEST_ANCHOR", self.anchor())
            .env("KEYFOLD_TEST_DO", what)
            .env("KEYFOLD_TEST_WITH", with)
            .env("KEYFOLD_FAILPOINT", failpoint);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub(super) fn dump(&self) -> Dump {
        let connection = self.sql();
        let mut dump = Dump::new();
        for table in tree() {
            let sql = format!("SELECT id, revision, mac, document FROM {}", table.name());
            let mut statement = connection.prepare(&sql).unwrap();
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))
                .unwrap();
            dump.extend(rows.map(|row| row.map(|(id, cells)| ((table, id), cells)).unwrap()));
        }
        dump
    }

    /// Puts a row as it is given, or takes it away.
    pub(super) fn put(&self, at: &(Table, Vec<u8>), cells: Option<&Cells>) {
        put(&self.sql(), at, cells);
    }

    pub(super) fn put_all(&self, dump: &Dump) {
        let connection = self.sql();
        connection.execute_batch("BEGIN").unwrap();
        for table in tree() {
            connection.execute(&format!("DELETE FROM {}", table.name()), []).unwrap();
        }
        dump.iter().for_each(|(at, cells)| put(&connection, at, Some(cells)));
        connection.execute_batch("COMMIT").unwrap();
    }

    /// Names of all that lies in the store's folder, with sizes.
    pub(super) fn listing(&self) -> Vec<(String, u64)> {
        let mut names: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()))
            .collect();
        names.sort();
        names
    }

    pub(super) fn write_file(&self, bytes: &[u8]) {
        fs::write(&self.path, bytes).unwrap();
        self.set_mode(0o600);
    }

    pub(super) fn set_mode(&self, mode: u32) {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn put(connection: &Connection, at: &(Table, Vec<u8>), cells: Option<&Cells>) {
    let table = at.0.name();
    let done = match cells {
        Some((revision, mac, document)) => connection.execute(
            &format!("INSERT OR REPLACE INTO {table} (id, revision, mac, document) VALUES (?1, ?2, ?3, ?4)"),
            params![at.1, revision, mac, document],
        ),
        None => connection.execute(&format!("DELETE FROM {table} WHERE id = ?1"), params![at.1]),
    };
    assert!(done.unwrap() <= 1);
}

#[test]
#[ignore = "run by other tests in a process of its own"]
fn elsewhere() {
    let path = PathBuf::from(std::env::var_os("KEYFOLD_TEST_STORE").unwrap());
    let root = KeyFile::new(std::env::var_os("KEYFOLD_TEST_ROOT").unwrap());
    let with = std::env::var("KEYFOLD_TEST_WITH").unwrap();
    let open = |options: &OpenOptions| {
        Store::open(&Location { path: path.clone(), fingerprint: None }, &root, options)
    };
    match std::env::var("KEYFOLD_TEST_DO").unwrap().as_str() {
        "sql" => Connection::open(&path).unwrap().execute_batch(&with).unwrap(),
        "be kept out" => {
            let short = OpenOptions { busy_timeout: Duration::from_millis(100), ..OpenOptions::default() };
            let error = open(&short).unwrap().rotate_key(&named(&with)).unwrap_err();
            assert_eq!(error.status(), Status::StoreBusy);
        }
        "use up" => {
            let (key, times) = with.split_once(' ').unwrap();
            let key = open(&as_principal("bob")).unwrap().key(&named(key)).unwrap();
            for _ in 0..times.parse::<u32>().unwrap() {
                use_key(&key, Operation::Encrypt, &[]).unwrap();
            }
            assert_eq!(status(use_key(&key, Operation::Encrypt, &[])), Status::AccessDenied);
        }
        "revoke" => {
            let (key, grant) = with.split_once(' ').unwrap();
            open(&OpenOptions::default()).unwrap().revoke_grant(&named(key), grant).unwrap();
        }
        // Uses a key, and asks for a flush now and then.
        "trail" => {
            let (key, times) = with.split_once(' ').unwrap();
            let store =
                open(&OpenOptions { busy_timeout: Duration::from_secs(60), ..Default::default() }).unwrap();
            let handle = store.key(&named(key)).unwrap();
            for n in 0..times.parse::<u32>().unwrap() {
                super::trail::seal(&[&handle], b"message", &[]).unwrap();
                if n % 50 == 9 {
                    store.flush_trail().unwrap();
                    store.update_key_description(&named(key), &n.to_string()).unwrap();
                }
            }
        }
        "move" => {
            let (moving, key) = with.split_once(' ').unwrap();
            let store = open(&OpenOptions::default()).unwrap();
            store.move_alias(&alias(moving), &named(key)).unwrap();
        }
        "delete alias" => open(&OpenOptions::default()).unwrap().delete_alias(&alias(&with)).unwrap(),
        "rotate" => drop(open(&OpenOptions::default()).unwrap().rotate_key(&named(&with)).unwrap()),
        // Ends without closing the store, right after it was told that this is done.
        "disable, anchored, and end" => {
            let anchor = AnchorPolicy::File(std::env::var_os("KEYFOLD_TEST_ANCHOR").unwrap().into());
            let store = open(&OpenOptions { anchor, ..OpenOptions::default() }).unwrap();
            store.disable_key(&named(&with)).unwrap();
            std::process::exit(0);
        }
        // Tells each change that was acknowledged on the standard output, until it is killed.
        "disable and enable, telling" => {
            use std::io::Write;
            let anchor = AnchorPolicy::File(std::env::var_os("KEYFOLD_TEST_ANCHOR").unwrap().into());
            let store = open(&OpenOptions { anchor, ..OpenOptions::default() }).unwrap();
            // Past the test harness, which keeps what is printed.
            let mut told = std::fs::File::options().append(true).open("/dev/stdout").unwrap();
            for enabled in std::iter::repeat([false, true]).flatten() {
                match enabled {
                    true => store.enable_key(&named(&with)).unwrap(),
                    false => store.disable_key(&named(&with)).unwrap(),
                };
                told.write_all(b"\nchanged\n").unwrap();
            }
        }
        "change the root" => {
            let anchor = AnchorPolicy::File(std::env::var_os("KEYFOLD_TEST_ANCHOR").unwrap().into());
            let (options, new) = (OpenOptions { anchor, ..OpenOptions::default() }, KeyFile::new(with));
            let location = Location { path: path.clone(), fingerprint: None };
            Store::change_compromised_root(&location, &[&root], &new, &[], &options).unwrap();
        }
        other => panic!("nobody does {other}"),
    }
}

pub(super) fn as_principal(principal: &str) -> OpenOptions {
    let principal = Some(principal.to_owned());
    OpenOptions { principal, refresh: Duration::ZERO, ..OpenOptions::default() }
}

/// One use of a key, as the data path makes it: permitted, done, settled.
pub(super) fn use_key(key: &Key, operation: Operation, pairs: &[(&str, &str)]) -> Result<()> {
    let bytes = Context::pack(pairs).unwrap();
    let wish = Wish::new(operation, &Context::unpack(&bytes).unwrap(), 16);
    key.view(&wish, |view| Ok(Made::of(key, &wish, view.current()?, view.now).settle())).flatten()
}

pub(super) fn alias(text: &str) -> Alias {
    text.parse().unwrap()
}

pub(super) fn named(text: &str) -> KeyName {
    text.parse().unwrap()
}

pub(super) fn with_alias(text: &str) -> CreateKey {
    let policy = KeyPolicy { on_demand_limit: Some(10_000), ..KeyPolicy::default() };
    CreateKey { alias: Some(alias(text)), policy, ..CreateKey::default() }
}

pub(super) fn status<T>(result: Result<T>) -> Status {
    match result {
        Ok(_) => Status::Ok,
        Err(error) => error.status(),
    }
}

/// Whether the long variants were asked for.
pub(super) fn long() -> bool {
    std::env::var_os("KEYFOLD_LONG").is_some_and(|value| value == "1")
}
