use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Inherit, Root, StoreSecret, Wrapped, key_text, safety, seal};
use crate::crypto::{ct_eq, fill_random, hkdf_sha256};
use crate::error::{Error, Result};
use crate::secret::{Key32, OnFork, SecretBytes};

const SALT: &[u8] = b"keyfold root file 1";

/// A root kept in a file: 32 random bytes in a small text format with a checksum, mode 0600, made by
/// [`KeyFile::create`].
///
/// Every use opens the file anew, without following a symbolic link, and looks at the descriptor: a regular file,
/// closed to group and others, owned by this user or root, in a folder that group and others can neither list nor
/// change. The bytes go straight into locked memory. The wrapping key and the fingerprint are HKDF-SHA-256
/// (RFC 5869) of them under two labels.
pub struct KeyFile {
    path: PathBuf,
    allow_readable: bool,
    allow_beside_store: bool,
}

impl KeyFile {
    /// A root read from `path` when needed.
    pub fn new(path: impl Into<PathBuf>) -> KeyFile {
        KeyFile { path: path.into(), allow_readable: false, allow_beside_store: false }
    }

    /// Accepts a file or folder that others can read or change (`--allow-readable-root`).
    pub fn allow_readable(self, allow: bool) -> KeyFile {
        KeyFile { allow_readable: allow, ..self }
    }

    /// Accepts a file in the store's folder or below it (`--allow-root-beside-store`).
    pub fn allow_beside_store(self, allow: bool) -> KeyFile {
        KeyFile { allow_beside_store: allow, ..self }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a new key file: O_EXCL, O_NOFOLLOW, 0600 whatever the umask, synced with its folder before it returns.
    /// A missing folder is made too, 0700. FILE_EXISTS where there is something already.
    pub fn create(path: &Path) -> Result<()> {
        let folder = safety::folder(path);
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => sync_folder(safety::folder(folder))?,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io("making", folder, &e)),
        }
        let mut text = SecretBytes::zeroed(key_text::SIZE, OnFork::Wipe)?;
        let key = Key32::new_with(OnFork::Wipe, |key| fill_random(key))?;
        let out = text.expose_mut().try_into().map_err(|_| Error::Internal { what: "key text size" })?;
        key_text::write(key.expose(), out);

        let open = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path);
        let mut file = open.map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => Error::FileExists { path: path.to_string_lossy().into() },
            _ => Error::io("making", path, &e),
        })?;
        let written = file
            .set_permissions(Permissions::from_mode(0o600))
            .and_then(|()| file.write_all(text.expose()))
            .and_then(|()| file.sync_all())
            .map_err(|e| Error::io("writing", path, &e))
            .and_then(|()| sync_folder(folder));
        if written.is_err() {
            // It is ours (O_EXCL) and nothing depends on it yet.
            let _ = std::fs::remove_file(path);
        }
        written
    }

    /// As [`KeyFile::create`], but looks first whether the place is one that [`Root::check`] will accept, and leaves
    /// a file that is there already alone. Whether it made one.
    pub fn create_if_missing(&self, store: Option<&Path>) -> Result<bool> {
        if self.path.symlink_metadata().is_ok() {
            return Ok(false);
        }
        if safety::folder(&self.path).exists() {
            self.check_folder()?;
        }
        self.check_apart(store)?;
        KeyFile::create(&self.path).map(|()| true)
    }

    fn check_folder(&self) -> Result<()> {
        if self.allow_readable { Ok(()) } else { safety::check_folder(&self.path) }
    }

    fn check_apart(&self, store: Option<&Path>) -> Result<()> {
        match store {
            Some(store) if !self.allow_beside_store => safety::check_apart(&self.path, store),
            _ => Ok(()),
        }
    }

    /// The open file, after every check that can be made on a descriptor.
    fn open(&self) -> Result<File> {
        let open = OpenOptions::new()
            .read(true)
            // O_NONBLOCK: a pipe in the file's place must not hang us.
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(&self.path);
        let file = open.map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::RootNotFound { what: self.describe().into() },
            _ if e.raw_os_error() == Some(libc::ELOOP) => safety::symbolic_link(&self.path),
            _ => Error::io("reading root key file", &self.path, &e),
        })?;
        let metadata = file.metadata().map_err(|e| Error::io("reading root key file", &self.path, &e))?;
        if !metadata.is_file() {
            return Err(self.invalid("this is not a regular file"));
        }
        if metadata.len() > key_text::SIZE as u64 {
            return Err(self.invalid("this is not a Keyfold root key file"));
        }
        if !self.allow_readable {
            safety::check_file(&self.path, &metadata)?;
            safety::check_folder(&self.path)?;
        }
        Ok(file)
    }

    /// The file's 32 bytes. Never in memory that is not locked: `read(2)` goes into a secret slot.
    fn read(&self) -> Result<Key32> {
        let mut file = self.open()?;
        // One byte more than a whole file, so that a longer one is seen.
        let mut text = SecretBytes::zeroed(key_text::SIZE + 1, OnFork::Wipe)?;
        let mut len = 0;
        while len < text.expose().len() {
            match file.read(&mut text.expose_mut()[len..]) {
                Ok(0) => break,
                Ok(n) => len += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("reading root key file", &self.path, &e)),
            }
        }
        Key32::new_with(OnFork::Wipe, |key| {
            key_text::read(&text.expose()[..len], key).map_err(|why| self.invalid(why))
        })
    }

    fn invalid(&self, why: &'static str) -> Error {
        Error::RootInvalid { what: self.describe().into(), why }
    }
}

impl Root for KeyFile {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn describe(&self) -> String {
        format!("file:{}", self.path.display())
    }

    fn check(&self, store: Option<&Path>) -> Result<()> {
        self.open()?;
        self.check_folder()?;
        self.check_apart(store)
    }

    fn wrap(&self, bind: &[u8], secret: &StoreSecret) -> Result<Wrapped> {
        let key = self.read()?;
        let fingerprint = fingerprint(&key);
        let wrapped = seal::wrap(wrapping_key(&key)?, bind, &fingerprint, secret)?;
        Ok(Wrapped { fingerprint, parameters: serde_json::json!({}), wrapped })
    }

    fn unwrap(&self, bind: &[u8], slot: &Wrapped, on_fork: Inherit) -> Result<StoreSecret> {
        let key = self.read()?;
        let fingerprint = fingerprint(&key);
        if !ct_eq(&fingerprint, &slot.fingerprint) {
            return Err(Error::RootMismatch);
        }
        seal::unwrap(wrapping_key(&key)?, bind, &fingerprint, &slot.wrapped, on_fork)
    }
}

fn wrapping_key(key: &Key32) -> Result<Key32> {
    Key32::new_with(OnFork::Wipe, |out| {
        hkdf_sha256(SALT, key.expose(), b"wrap", out);
        Ok(())
    })
}

fn fingerprint(key: &Key32) -> [u8; 16] {
    let mut out = [0; 16];
    hkdf_sha256(SALT, key.expose(), b"fingerprint", &mut out);
    out
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io("syncing", folder, &e))
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
