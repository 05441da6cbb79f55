//! `keyfold doctor`.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::exit::{Failure, Result};
use super::output::{self, safe};
use super::progress::Progress;
use super::session::Session;
use crate::keystore::{RootSlot, Store, StoreInfo};
use crate::root::{KeyFile, Root, RootUrl};
use crate::secret::{self, Key32, OnFork, Protection};
use crate::{Status, crypto};

/// File systems whose locks SQLite cannot rely on.
const NETWORK: [&str; 11] =
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs"];

#[derive(Args)]
pub(super) struct Doctor {
    /// Also read the whole store and verify every key, alias and page of it
    #[arg(long)]
    full: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warning,
    Error,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    level: Level,
    text: String,
    hint: Option<String>,
}

#[derive(Default)]
pub(super) struct Report {
    checks: Vec<Check>,
    first_error: Option<Status>,
    store: Option<StoreInfo>,
    roots: Vec<RootSlot>,
    verified: Option<u64>,
}

impl Doctor {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut report = Report::default();
        report.library();
        match session.global.store.as_deref().filter(|s| !s.is_empty()) {
            None => report.warning(
                "store",
                "no key store is named, so none was looked at",
                "name it with --store or KEYFOLD_STORE",
            ),
            Some(_) => self.store(session, &mut report),
        }
        // Something secret, so that there is a page to look at even without a store.
        let probe = Key32::new_with(OnFork::Wipe, |key| crypto::fill_random(key));
        let protection = secret::protection();
        if let Err(error) = probe {
            report.failure("memory", error.into());
        }
        report.memory(&protection);
        report.print(session, &protection)
    }

    fn store(&self, session: &Session, report: &mut Report) {
        if let Ok(location) = session.location() {
            report.place(&location.path);
        }
        report.root_place(session);
        let store = match session.store() {
            Ok(store) => store,
            Err(failure) => return report.failure("store", failure),
        };
        match store.info() {
            Ok(info) => {
                report.info(info.clone());
                report.who_and_what(&info);
            }
            Err(error) => return report.failure("store", error.into()),
        }
        match store.roots() {
            Ok(roots) => report.roots(roots),
            Err(error) => report.failure("roots", error.into()),
        }
        report.lives(&store, self.full);
        if self.full {
            report.trail(session, &store);
            report.verify(session, &store);
        }
    }
}

impl Report {
    fn library(&mut self) {
        let engine = if cfg!(feature = "aws-lc") { "aws-lc" } else { "aes-gcm" };
        self.ok("library", format!("keyfold {}, engine {engine}", env!("CARGO_PKG_VERSION")));
        match crypto::self_test_all() {
            Ok(()) => self.ok("self-test", "every algorithm gives its known answers, both engines the same"),
            Err(error) => self.failure("self-test", error.into()),
        }
    }

    fn memory(&mut self, protection: &Protection) {
        let Protection { bytes, unlocked_bytes, dumpable_bytes, not_wiped_bytes } = *protection;
        match unlocked_bytes {
            0 => self.ok("memory", format!("all {bytes} bytes for secrets are locked")),
            n => self.warning(
                "memory",
                format!("{n} of {bytes} bytes for secrets are not locked and can reach swap"),
                "raise RLIMIT_MEMLOCK (ulimit -l), or use encrypted swap",
            ),
        }
        if dumpable_bytes > 0 {
            self.warning(
                "memory",
                format!("{dumpable_bytes} bytes for secrets would be in a core dump"),
                "turn core dumps off (ulimit -c 0)",
            );
        }
        if not_wiped_bytes > 0 {
            self.warning(
                "memory",
                format!("{not_wiped_bytes} bytes for secrets are not wiped in forked children"),
                "use a kernel from 4.14 on (MADV_WIPEONFORK)",
            );
        }
    }

    /// What can be seen of the store's file by its path. It is never opened here: closing it would drop SQLite's locks.
    fn place(&mut self, path: &Path) {
        let Ok(file) = path.metadata() else { return };
        match file.mode() & 0o077 {
            0 => self.ok("store file", format!("{} is closed to others", path.display())),
            mode => self.warning(
                "store file",
                format!(
                    "{} can be opened by others (mode {:o}{mode:02o}): they see names and dates",
                    path.display(),
                    file.mode() >> 6 & 7
                ),
                &format!("chmod 600 {}", path.display()),
            ),
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Ok(metadata) = folder.metadata()
            && metadata.mode() & 0o022 != 0
            && metadata.mode() & 0o1000 == 0
        {
            self.warning(
                "store folder",
                format!("others can replace files in {}", folder.display()),
                &format!("chmod go-w {}", folder.display()),
            );
        }
        match file_system(file.dev()) {
            Some(kind) if NETWORK.contains(&kind.as_str()) => self.warning(
                "file system",
                format!("the store is on {kind}, where SQLite's locks may not work"),
                "keep the store on a disk of this machine",
            ),
            Some(kind) => self.ok("file system", kind),
            None => {}
        }
    }

    /// What a key file would be refused for, even where the options let it pass.
    fn root_place(&mut self, session: &Session) {
        let (Ok(url), Ok(location)) = (session.root_url(), session.location()) else { return };
        let Ok(RootUrl::File(path)) = url.parse() else { return };
        let root = KeyFile::new(path);
        match root.check(Some(&location.path)) {
            Ok(()) => self
                .ok("root", format!("{} is kept apart from the store and closed to others", root.describe())),
            Err(error) => {
                let failure = Failure::from(error);
                let hint = failure.hints.first().cloned().unwrap_or_default();
                self.warning("root", failure.message, &hint);
            }
        }
    }

    fn info(&mut self, info: StoreInfo) {
        self.ok(
            "store",
            format!("fingerprint {}, epoch {}, {}", info.fingerprint, info.epoch, counted(info.keys)),
        );
        if let Some(version) = &info.sqlite_version {
            self.ok("sqlite", version.clone());
        }
        self.ok("refresh", format!("changes by other processes are seen within {} ms", info.refresh_millis));
        if info.development {
            self.warning(
                "development",
                "this store was made for development; not for production",
                "make another one with: keyfold init",
            );
        }
        self.store = Some(info);
    }

    fn roots(&mut self, roots: Vec<RootSlot>) {
        let kinds: Vec<&str> = roots.iter().map(|r| r.kind.as_str()).collect();
        match roots.len() {
            1 => self.warning(
                "roots",
                format!("only one root opens the store ({})", kinds.concat()),
                "if it is lost so is everything: add another with keyfold root add, or keep a copy apart",
            ),
            n => self.ok("roots", format!("{n} roots open the store ({})", kinds.join(", "))),
        }
        self.roots = roots;
    }

    fn verify(&mut self, session: &Session, store: &Store) {
        let progress = Progress::new(session, "verifying");
        let verified = store.verify(&mut |done, of| progress.at(done, of));
        progress.hide();
        match verified {
            Ok(keys) => {
                self.verified = Some(keys);
                self.ok(
                    "contents",
                    format!("{}, with aliases and pages: all as the root left them", counted(keys)),
                );
            }
            Err(error) => self.failure("contents", error.into()),
        }
    }

    pub(super) fn ok(&mut self, name: &'static str, text: impl Into<String>) {
        self.checks.push(Check { name, level: Level::Ok, text: text.into(), hint: None });
    }

    pub(super) fn warning(&mut self, name: &'static str, text: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.checks.push(Check { name, level: Level::Warning, text: text.into(), hint });
    }

    pub(super) fn failure(&mut self, name: &'static str, failure: Failure) {
        self.first_error.get_or_insert(failure.status);
        let hint = failure.hints.first().cloned();
        self.checks.push(Check { name, level: Level::Error, text: failure.message, hint });
    }

    fn print(self, session: &Session, protection: &Protection) -> Result<()> {
        if session.global.json {
            output::json(&json!({
                "ok": self.first_error.is_none(),
                "version": env!("CARGO_PKG_VERSION"),
                "engine": if cfg!(feature = "aws-lc") { "aws-lc" } else { "aes-gcm" },
                "memory": {
                    "bytes": protection.bytes,
                    "unlocked_bytes": protection.unlocked_bytes,
                    "dumpable_bytes": protection.dumpable_bytes,
                    "not_wiped_bytes": protection.not_wiped_bytes,
                },
                "store": self.store,
                "roots": self.roots,
                "verified_keys": self.verified,
                "checks": self.checks,
            }))?;
        } else {
            let mut text = String::new();
            for check in self.checks.iter().filter(|c| !session.global.quiet || c.level != Level::Ok) {
                let level = match check.level {
                    Level::Ok => "ok",
                    Level::Warning => "warning",
                    Level::Error => "error",
                };
                text += &format!("{level:<9}{:<14}{}\n", check.name, safe(&check.text));
                if let Some(hint) = &check.hint {
                    text += &format!("{:<9}{:<14}hint: {}\n", "", "", safe(hint));
                }
            }
            output::write_stdout(text.as_bytes())?;
        }
        match self.first_error {
            None => Ok(()),
            Some(status) => {
                let errors = self.checks.iter().filter(|c| c.level == Level::Error).count();
                let words = if errors == 1 { "1 check".to_owned() } else { format!("{errors} checks") };
                Err(Failure::new(status, format!("{words} failed")))
            }
        }
    }
}

pub(super) fn counted(keys: u64) -> String {
    if keys == 1 { "1 key".into() } else { format!("{keys} keys") }
}

/// The type of the mounted file system with this device number, from the kernel's table.
fn file_system(device: u64) -> Option<String> {
    let (major, minor) = (libc::major(device), libc::minor(device));
    let number = format!("{major}:{minor}");
    let table = io::read_to_string(std::fs::File::open("/proc/self/mountinfo").ok()?).ok()?;
    // "36 35 98:0 /root /mount options - type source options", proc(5).
    let line = table.lines().find(|l| l.split(' ').nth(2) == Some(&number))?;
    line.split_once(" - ")?.1.split(' ').next().map(str::to_owned)
}
