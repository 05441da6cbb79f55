use std::path::{Path, PathBuf};

use super::{Inherit, Root, StoreSecret, Wrapped};
use crate::error::Result;

/// A root kept in a file: 32 random bytes in a small text format with a checksum, mode 0600, made by [`KeyFile::create`].
pub struct KeyFile {
    _path: PathBuf,
}

impl KeyFile {
    /// A root read from `path` when needed.
    pub fn new(_path: impl Into<PathBuf>) -> KeyFile {
        todo!()
    }
    /// Accepts a file or folder that others can read (`--allow-readable-root`).
    pub fn allow_readable(self, _allow: bool) -> KeyFile {
        todo!()
    }
    /// Accepts a file in the store's folder (`--allow-root-beside-store`).
    pub fn allow_beside_store(self, _allow: bool) -> KeyFile {
        todo!()
    }
    /// Makes a new key file: O_EXCL, O_NOFOLLOW, 0600, synced with its folder before it returns.
    pub fn create(_path: &Path) -> Result<()> {
        todo!()
    }
}

impl Root for KeyFile {
    fn kind(&self) -> &'static str {
        "file"
    }
    fn describe(&self) -> String {
        todo!()
    }
    fn check(&self, _store: Option<&Path>) -> Result<()> {
        todo!()
    }
    fn wrap(&self, _bind: &[u8], _secret: &StoreSecret) -> Result<Wrapped> {
        todo!()
    }
    fn unwrap(&self, _bind: &[u8], _slot: &Wrapped, _on_fork: Inherit) -> Result<StoreSecret> {
        todo!()
    }
}
