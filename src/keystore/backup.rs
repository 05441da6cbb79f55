//! Backup, restore, repair. `docs/KEYSTORE.md`, "Backup and restore".

use std::path::Path;

use serde::Serialize;

use super::Store;
use super::change::Deed;
use super::options::{Location, OpenOptions};
use crate::error::Result;
use crate::operation::Operation;
use crate::root::Root;

/// What a backup holds.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct BackupReport {
    pub path: String,
    pub store_id: String,
    pub incarnation: String,
    pub epoch: u64,
    pub keys: u64,
    pub trail_events: u64,
    pub bytes: u64,
}

/// What was done to a store that was damaged.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct RepairReport {
    pub keys_kept: u64,
    /// What did not verify and was left out, each with why.
    pub dropped: Vec<String>,
    pub epoch: u64,
}

impl Store {
    /// Writes the whole store, as it is in one moment, into one encrypted and authenticated file that any of its roots
    /// opens. Others go on using the store meanwhile.
    pub fn back_up(&self, _path: &Path, _progress: &mut dyn FnMut(u64, u64)) -> Result<BackupReport> {
        todo!()
    }

    /// Verifies a backup without restoring it.
    pub fn verify_backup(_path: &Path, _root: &dyn Root) -> Result<BackupReport> {
        todo!()
    }

    /// Makes a store from a backup where none is, as a new incarnation of it: its version numbers go on at the next
    /// multiple of 65,536, keys that the anchor or the trail knows to be destroyed stay so. Where the store's settings
    /// put RestoreStore under dual control, two roots with different principals are needed.
    pub fn restore(
        _backup: &Path,
        _to: &Location,
        _roots: &[&dyn Root],
        _options: &OpenOptions,
    ) -> Result<Store> {
        todo!()
    }

    /// Mends a store whose manifest or tree is damaged, from the documents that verify: a new incarnation. Two roots with
    /// different principals where the store's settings ask for that.
    pub fn repair(
        _location: &Location,
        _roots: &[&dyn Root],
        _options: &OpenOptions,
    ) -> Result<RepairReport> {
        todo!()
    }

    /// Seals the manifest anew with its time, so that readers who refuse an old one go on.
    pub fn heartbeat(&self) -> Result<()> {
        self.inner.change(Deed::new(Operation::Heartbeat), |change| {
            change.renew_manifest();
            Ok(())
        })
    }
}
