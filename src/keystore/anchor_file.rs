//! The anchor's file: one document of one store, in a folder that is not the store's. Written by temporary file, sync,
//! rename and sync of the folder, under a lock; the higher of what stands there and what is to be written stays.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::document::{Unknown, Unreadable};
use super::epochs::Mark;
use super::json::{Fields, bytes, from_hex, hex};
use super::secrets::Secrets;
use crate::crypto::ct_eq;
use crate::error::{Error, Result};

/// Keys known to be destroyed that an anchor holds; beyond that the oldest go.
pub(super) const DESTROYED: usize = 10_000;
/// An anchor: bytes at most.
const LIMIT: usize = 1 << 20;
const FIELDS: &[&str] = &[
    "store_id",
    "fingerprint",
    "incarnation",
    "life",
    "epoch",
    "manifest",
    "admin_public",
    "trail_size",
    "trail_root",
    "destroyed",
];

/// What an anchor remembers of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Anchored {
    pub(super) incarnation: [u8; 16],
    pub(super) life: u64,
    pub(super) epoch: u64,
    pub(super) manifest: [u8; 32],
    pub(super) admin: Option<[u8; 32]>,
    /// Events in the trail and their root hash, which grow without the epoch.
    pub(super) trail: Option<(u64, [u8; 32])>,
    /// Ids of keys that were destroyed, in the order in which that was seen.
    pub(super) destroyed: Vec<[u8; 16]>,
}

impl Anchored {
    pub(super) fn mark(&self) -> Mark {
        Mark { life: self.life, epoch: self.epoch, mac: self.manifest, admin: self.admin }
    }

    /// The later state of both, and what either knows to be destroyed. STORE_FORKED where they exclude each other.
    fn merge(self, other: Anchored) -> Result<Anchored> {
        let place = |a: &Anchored| (a.life, a.epoch);
        if place(&self) == place(&other) && self.manifest != other.manifest {
            return Err(Error::StoreForked { epoch: self.epoch });
        }
        let (mut later, earlier) = if place(&self) > place(&other) { (self, other) } else { (other, self) };
        // A new life's trail is that of what it was made from, and may have lost events.
        if later.life == earlier.life {
            later.trail = longer(later.trail, earlier.trail)?;
        }
        let mut destroyed = earlier.destroyed;
        destroyed.retain(|id| !later.destroyed.contains(id));
        destroyed.append(&mut later.destroyed);
        destroyed.drain(..destroyed.len().saturating_sub(DESTROYED));
        later.destroyed = destroyed;
        later.admin = later.admin.or(earlier.admin);
        Ok(later)
    }

    fn write(&self, secrets: &Secrets) -> Result<String> {
        let mut out = Unknown::default().write_begin();
        let mut put = |name: &str, value: Value| out.insert(name.into(), value);
        put("store_id", hex(&secrets.store_id).into());
        put("fingerprint", secrets.fingerprint().to_string().into());
        put("incarnation", hex(&self.incarnation).into());
        put("life", self.life.into());
        put("epoch", self.epoch.into());
        put("manifest", hex(&self.manifest).into());
        if let Some(public) = &self.admin {
            put("admin_public", hex(public).into());
        }
        if let Some((size, root)) = &self.trail {
            put("trail_size", (*size).into());
            put("trail_root", hex(root).into());
        }
        put("destroyed", self.destroyed.iter().map(|id| hex(id)).collect());
        let text = Value::Object(out).to_string();
        let mac = hex(&secrets.anchor_mac(&text)?);
        Ok([&text, "\n", &mac, "\n"].concat())
    }

    /// Reads what [`Anchored::write`] wrote. FINGERPRINT_MISMATCH where the anchor is another store's.
    fn read(text: &str, secrets: &Secrets, path: &Path) -> Result<Anchored> {
        let broken = |why: &str| unavailable(path, why);
        let (text, mac) = text
            .strip_suffix('\n')
            .and_then(|lines| lines.split_once('\n'))
            .ok_or_else(|| broken("it is not an anchor"))?;
        let parsed = read_document(text, secrets);
        let (anchored, fingerprint) = match parsed {
            Ok(parsed) => parsed,
            Err(unreadable) => return Err(broken(&unreadable.error("its document").to_string())),
        };
        if fingerprint != secrets.fingerprint().to_string() {
            return Err(Error::FingerprintMismatch { found: secrets.fingerprint().to_string().into() });
        }
        let mut found = [0; 32];
        match from_hex(mac, &mut found) && ct_eq(&found, &secrets.anchor_mac(text)?) {
            true => Ok(anchored),
            false => Err(broken("it was changed without the store's root")),
        }
    }
}

type Trail = Option<(u64, [u8; 32])>;

/// The longer of two trails of one life. TRAIL_INVALID where they are of one length and not one.
fn longer(a: Trail, b: Trail) -> Result<Trail> {
    match (a, b) {
        (Some(a), Some(b)) if a.0 == b.0 && a.1 != b.1 => Err(Error::TrailInvalid {
            what: format!("the anchor knows other events than these {}", a.0).into(),
        }),
        (a, b) => Ok(a.max(b)),
    }
}

fn read_document(text: &str, secrets: &Secrets) -> std::result::Result<(Anchored, String), Unreadable> {
    let mut fields = Fields::parse(text, LIMIT)?;
    Unknown::begin(&mut fields, FIELDS)?;
    let store_id: [u8; 16] = fields.bytes("store_id")?;
    let fingerprint = fields.text("fingerprint")?;
    let destroyed =
        fields.list("destroyed")?.iter().map(bytes).collect::<std::result::Result<Vec<_>, _>>()?;
    let anchored = Anchored {
        incarnation: fields.bytes("incarnation")?,
        life: fields.number("life")?,
        epoch: fields.number("epoch")?,
        manifest: fields.bytes("manifest")?,
        admin: fields.take_if_there("admin_public").as_ref().map(bytes).transpose()?,
        trail: match fields.take_if_there("trail_size") {
            None => None,
            Some(size) => {
                Some((size.as_u64().ok_or("a whole number is expected")?, fields.bytes("trail_root")?))
            }
        },
        destroyed,
    };
    // Another store's anchor is told by its fingerprint, which the caller compares.
    let fingerprint = if store_id == secrets.store_id { fingerprint } else { String::from("another store") };
    Ok((anchored, fingerprint))
}

/// What stands in the file; `None` where there is none. Where it is of the secrets that the store had before, what
/// [`succeed`] laid beside it for those that it has now takes its place: a change of secrets ended between the two.
pub(super) fn load(path: &Path, secrets: &Secrets) -> Result<Option<Anchored>> {
    let mismatch = match read(path, secrets) {
        Err(mismatch @ Error::FingerprintMismatch { .. }) => mismatch,
        read => return read,
    };
    let next = sibling(path, NEXT);
    match read(&next, secrets) {
        Ok(Some(anchored)) => {
            let put = fs::rename(&next, path).and_then(|()| File::open(folder(path))?.sync_all());
            put.map_err(|error| unavailable(path, &error.to_string()))?;
            Ok(Some(anchored))
        }
        _ => Err(mismatch),
    }
}

/// Lays the anchor of a store's next secrets beside that of those it has; on disk when this returns.
#[cfg(feature = "sqlite")]
pub(super) fn succeed(path: &Path, next: &Secrets, state: &Anchored) -> Result<()> {
    make_folder(folder(path)).map_err(|error| unavailable(path, &error.to_string()))?;
    put(&sibling(path, NEXT), &state.write(next)?)
}

/// Takes that back.
#[cfg(feature = "sqlite")]
pub(super) fn stay(path: &Path) {
    let _ = fs::remove_file(sibling(path, NEXT));
}

const NEXT: &str = ".next";

fn read(path: &Path, secrets: &Secrets) -> Result<Option<Anchored>> {
    let open = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    let file = match open {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(path, &error.to_string())),
    };
    let mut text = String::new();
    let read = file.take(LIMIT as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| unavailable(path, &error.to_string()))?;
    Anchored::read(&text, secrets, path).map(Some)
}

/// Brings the file up to this state, unless it stands at a later one; on disk when this returns. `wait` for others who
/// write it.
pub(super) fn raise(path: &Path, secrets: &Secrets, state: Anchored, wait: Duration) -> Result<Anchored> {
    let failed = |error: std::io::Error| unavailable(path, &error.to_string());
    make_folder(folder(path)).map_err(failed)?;
    // Held until the end: whoever comes next finds what is written here.
    let _lock = lock(path, wait)?;
    let (merged, new) = match load(path, secrets)? {
        None => (state, true),
        Some(there) => {
            let merged = there.clone().merge(state)?;
            (merged.clone(), merged != there)
        }
    };
    if new {
        put(path, &merged.write(secrets)?)?;
    }
    Ok(merged)
}

/// By another name, sync, rename and sync of the folder.
fn put(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| unavailable(path, &error.to_string());
    let temporary = sibling(path, ".new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(&temporary)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)?;
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// The anchor of a store in the state folder of the user or of the host: the first that can be, outside the store's
/// folder. `variable` reads the environment.
pub(super) fn automatic(
    store: &Path,
    store_id: &[u8; 16],
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folders = [
        absolute("XDG_STATE_HOME").map(|home| home.join("keyfold")),
        absolute("HOME").map(|home| home.join(".local/state/keyfold")),
        Some(PathBuf::from("/var/lib/keyfold")),
    ];
    let place = fs::canonicalize(folder(store)).ok()?;
    let usable = |folder: &PathBuf| {
        // The host's folder is the administrator's to make.
        (folder.starts_with("/var") || make_folder(folder).is_ok())
            && fs::canonicalize(folder).is_ok_and(|folder| !folder.starts_with(&place) && writable(&folder))
    };
    let folder = folders.into_iter().flatten().find(usable)?;
    Some(folder.join(format!("{}.anchor", hex(store_id))))
}

fn writable(folder: &Path) -> bool {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&probe).is_ok();
    made && fs::remove_file(&probe).is_ok()
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    match folder.is_dir() {
        true => Ok(()),
        false => DirBuilder::new().recursive(true).mode(0o700).create(folder),
    }
}

fn lock(path: &Path, wait: Duration) -> Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(sibling(path, ".lock"))
        .map_err(|error| unavailable(path, &error.to_string()))?;
    let until = Instant::now() + wait;
    while file.try_lock().is_err() {
        if Instant::now() >= until {
            return Err(unavailable(path, "another process holds its lock"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(file)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn sibling(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn unavailable(path: &Path, reason: &str) -> Error {
    Error::AnchorUnavailable { path: path.to_string_lossy().into(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystore::roots::draw_store;
    use crate::secret::OnFork;

    fn secrets() -> Secrets {
        let (secret, store_id, _) = draw_store(OnFork::Wipe, false).unwrap();
        Secrets::derive(secret, store_id, OnFork::Wipe).unwrap()
    }

    fn at(life: u64, epoch: u64) -> Anchored {
        Anchored { life, epoch, manifest: [epoch as u8; 32], ..Anchored::default() }
    }

    #[test]
    fn an_anchor_never_goes_back_and_forgets_no_destroyed_key() {
        let (folder, secrets) = (tempfile::tempdir().unwrap(), secrets());
        let path = folder.path().join("made/a.anchor");
        let raise = |state: Anchored| raise(&path, &secrets, state, Duration::ZERO);
        assert_eq!(load(&path, &secrets).unwrap(), None);
        raise(Anchored { destroyed: vec![[1; 16]], ..at(1, 9) }).unwrap();
        assert_eq!(raise(at(1, 3)).unwrap().epoch, 9);
        let later = raise(Anchored { destroyed: vec![[2; 16]], ..at(2, 4) }).unwrap();
        assert_eq!((later.life, later.epoch), (2, 4));
        assert_eq!(load(&path, &secrets).unwrap().unwrap().destroyed, [[1; 16], [2; 16]]);
        let forked = raise(Anchored { manifest: [0xff; 32], ..at(2, 4) });
        assert_eq!(forked, Err(Error::StoreForked { epoch: 4 }));
        let many = (0..DESTROYED as u32 + 5).map(|n| [&n.to_be_bytes()[..], &[7; 12]].concat());
        let many = many.map(|id| id.try_into().unwrap()).collect();
        assert_eq!(raise(Anchored { destroyed: many, ..at(2, 5) }).unwrap().destroyed.len(), DESTROYED);
        assert_eq!(load(&path, &secrets).unwrap().unwrap().destroyed.len(), DESTROYED);
    }

    /// S-08.
    #[test]
    fn an_anchor_that_was_changed_or_is_of_another_store_is_refused() {
        let (folder, secrets) = (tempfile::tempdir().unwrap(), secrets());
        let path = folder.path().join("a.anchor");
        raise(&path, &secrets, at(1, 9), Duration::ZERO).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(matches!(load(&path, &self::secrets()), Err(Error::FingerprintMismatch { .. })));
        for (from, to) in [("\"epoch\":9", "\"epoch\":8"), ("\n", ""), ("{", "[")] {
            fs::write(&path, text.replace(from, to)).unwrap();
            assert!(matches!(load(&path, &secrets), Err(Error::AnchorUnavailable { .. })), "{to}");
            assert!(raise(&path, &secrets, at(1, 10), Duration::ZERO).is_err(), "nothing is written over it");
        }
        let held = lock(&path, Duration::ZERO).unwrap();
        assert!(raise(&path, &secrets, at(1, 10), Duration::from_millis(5)).is_err());
        drop(held);
    }

    #[test]
    fn the_automatic_place_is_the_first_state_folder_outside_the_stores() {
        let (home, stores) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let found = |store: &Path, xdg: Option<&Path>| {
            automatic(store, &[7; 16], |name| match name {
                "XDG_STATE_HOME" => xdg.map(|path| path.as_os_str().to_owned()),
                "HOME" => Some(home.path().into()),
                _ => None,
            })
        };
        let name = format!("keyfold/{}.anchor", "07".repeat(16));
        let (store, state) = (stores.path().join("keys.db"), home.path().join("state"));
        assert_eq!(found(&store, Some(&state)), Some(state.join(&name)));
        let usual = home.path().join(".local/state").join(&name);
        assert_eq!(found(&store, None), Some(usual.clone()));
        assert_eq!(found(&store, Some(Path::new("relative"))), Some(usual.clone()));
        assert_eq!(
            found(&store, Some(&stores.path().join("state"))),
            Some(usual),
            "below the store's folder"
        );
    }
}
