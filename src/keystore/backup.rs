//! Backup, restore, repair. `docs/KEYSTORE.md`, "Backup and restore".

use std::path::Path;

use serde::Serialize;

use super::Store;
use super::backend::{EventRow, Row, Table};
use super::backup_file::{Header, Writer};
#[cfg(feature = "sqlite")]
use super::backup_file::{Reader, Record};
use super::change::Deed;
use super::contents::Contents;
use super::json::hex;
use super::list::{count, key_of};
use super::manifest::Manifest;
#[cfg(feature = "sqlite")]
use super::manifest::Settings;
use super::options::{Location, OpenOptions};
#[cfg(feature = "sqlite")]
use super::restore;
#[cfg(feature = "sqlite")]
use super::root_change;
use super::snapshot::{Bucket, Snapshot, page_place};
use super::{access, trail};
use crate::error::{Error, Result};
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
    /// What may be missing, or older than the last, and cannot be known.
    pub doubtful: Vec<String>,
    /// The damaged file's name from now on.
    pub kept_as: String,
    pub epoch: u64,
}

/// What became of a store whose root was compromised.
#[derive(Clone, Debug, Serialize)]
pub struct RootChangeReport {
    /// Keys of the store.
    pub keys: u64,
    /// Those that have a new version, which nobody knows who had the old root.
    pub rotated: u64,
    /// Keys in use that have none, because their material is imported or their versions are used up.
    pub known_keys: Vec<String>,
    /// The root slots there are now.
    pub slots: Vec<super::RootSlot>,
    /// Ids of the slots that are no more.
    pub dropped_slots: Vec<String>,
    /// Names the store from now on, for whoever pins it.
    pub fingerprint: String,
    /// Verifies the trail's checkpoints from now on.
    pub verifier_key: String,
    /// The store's new incarnation and its epoch.
    pub incarnation: String,
    #[allow(missing_docs)]
    pub epoch: u64,
}

/// Rows, or events, read at a time.
const BATCH: usize = 256;

impl Store {
    /// Writes the whole store, as it is in one moment, into one encrypted and authenticated file that any of its roots
    /// opens. Others go on using the store meanwhile. FILE_EXISTS where there is something already. `progress` is told
    /// the number of keys before and after; no transaction is open then. Its event is on disk before the file is.
    ///
    /// # Errors
    /// STORE_INTEGRITY, TRAIL_INVALID for a store or a trail that is not whole; TRAIL_UNAVAILABLE; ACCESS_DENIED.
    pub fn back_up(&self, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<BackupReport> {
        let total = self.inner.read(|snapshot| Ok(snapshot.manifest.keys))?;
        progress(0, total);
        let deed = || Deed::new(Operation::BackUpStore).with("path", path.to_string_lossy().into_owned());
        let done =
            self.announce(deed).and_then(|()| self.inner.read(|snapshot| self.write_backup(snapshot, path)));
        if self.inner.options.read_only || done.is_err() {
            trail::read(&self.inner, deed(), Vec::new(), done.as_ref().err());
        }
        let report = done?;
        progress(report.keys, report.keys);
        Ok(report)
    }

    /// Has the event on disk before the file is there, unless nothing may be written.
    fn announce(&self, deed: impl Fn() -> Deed) -> Result<()> {
        self.inner
            .read(|snapshot| access::authorise_read(&self.inner, snapshot, Operation::BackUpStore, None))?;
        match self.inner.options.read_only {
            true => Ok(()),
            false => trail::read_on_disk(&self.inner, deed()),
        }
    }

    fn write_backup(&self, snapshot: &mut Snapshot<'_>, path: &Path) -> Result<BackupReport> {
        let secrets = &self.inner.secrets;
        let manifest = snapshot.manifest.clone();
        let slots =
            snapshot.root_rows()?.into_iter().map(|(entry, row)| (entry.place, row)).collect::<Vec<_>>();
        if slots.is_empty() {
            return Err(Error::UnsupportedOperation {
                what: "a store in memory has no root, so nothing could open a backup of it",
            });
        }
        let header = Header::new(manifest.store_id, manifest.incarnation, manifest.epoch, slots)?;
        let mut writer = Writer::create(path, &secrets.store_secret, &header)?;
        let events = copy(snapshot, &mut writer)?;
        let bytes = writer.finish()?;
        Ok(report(path, &manifest, events, bytes))
    }

    /// Verifies a backup without restoring it: everything in it is read and authenticated. BACKUP_INVALID, ROOT_MISMATCH.
    pub fn verify_backup(path: &Path, root: &dyn Root) -> Result<BackupReport> {
        restore::verify(path, root)
    }

    /// Makes a store from a backup where none is, as a new incarnation of it: its version numbers go on at the next
    /// multiple of 65,536, keys that the anchor knows to be destroyed stay so. Where the store's settings put
    /// RestoreStore under dual control, two roots with different principals are needed.
    ///
    /// # Errors
    /// BACKUP_INVALID, ROOT_MISMATCH, APPROVAL_REQUIRED, STORE_EXISTS; ACCESS_DENIED where the store has an admin root
    /// that is not among `roots`, or the first root's principal is no administrator.
    pub fn restore(
        backup: &Path,
        to: &Location,
        roots: &[&dyn Root],
        options: &OpenOptions,
    ) -> Result<Store> {
        restore::restore(backup, to, roots, options)
    }

    /// The automatic anchor by which this host knows the store that a backup is of, where there is one.
    #[cfg(feature = "cli")]
    pub(crate) fn known_here(
        backup: &Path,
        to: &Location,
        options: &OpenOptions,
    ) -> Result<Option<std::path::PathBuf>> {
        restore::known_here(backup, to, options)
    }

    /// Mends a store whose manifest, tree or other rows are damaged, from the rows that verify: a new incarnation, as after
    /// [`Store::restore`]. It is written beside the damaged file, which keeps another name; nobody may have it open. Two
    /// roots with different principals where the store's settings ask for that, or cannot be read.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where nothing is damaged; STORE_INTEGRITY where no row tells which store it was, or which
    /// incarnation; STORE_BUSY where somebody has it open; STORE_ROLLED_BACK for an older store; APPROVAL_REQUIRED,
    /// ACCESS_DENIED as [`Store::restore`].
    pub fn repair(location: &Location, roots: &[&dyn Root], options: &OpenOptions) -> Result<RepairReport> {
        restore::repair(location, roots, options)
    }

    /// For a root that was compromised: gives the store a new store secret and new seeds, wraps all material anew, and
    /// rotates every key whose material the store draws. `new` takes the place of the slot that the first of `roots`
    /// opens; of the others those that roots in `keep` open are kept, and all the rest are no more: add them again. The
    /// store is a new incarnation with another fingerprint, written beside the file that is and put in its place; nobody may
    /// have it open. What was opened under the old secrets stays as open as it was in copies of the file and in backups.
    ///
    /// # Errors
    /// ALREADY_EXISTS for a new root that opens the store already; ROOT_MISMATCH for one that opens nothing, or is to be
    /// kept; LAST_ROOT where none that is left gives the admin seed; STORE_BUSY where somebody has the store open;
    /// APPROVAL_REQUIRED, ACCESS_DENIED as [`Store::restore`], for ChangeRoot.
    pub fn change_compromised_root(
        location: &Location,
        roots: &[&dyn Root],
        new: &dyn Root,
        keep: &[&dyn Root],
        options: &OpenOptions,
    ) -> Result<RootChangeReport> {
        root_change::change(location, roots, new, keep, options)
    }

    /// Seals the manifest anew with its time, so that readers who refuse an old one go on.
    pub fn heartbeat(&self) -> Result<()> {
        self.inner.change(Deed::new(Operation::Heartbeat), |change| {
            change.renew_manifest();
            Ok(())
        })
    }
}

/// Where the rows and events of a whole store go.
pub(super) trait Taker {
    fn row(&mut self, table: Table, place: &[u8], row: &Row) -> Result<()>;
    fn event(&mut self, event: &EventRow) -> Result<()>;
}

/// Hands on everything that a store has, but approvals, each held against the tree and the trail's head: what does not
/// verify now would not be restored, and what is not the latest would be made so. The number of events.
///
/// # Errors
/// STORE_INTEGRITY, TRAIL_INVALID; the taker's.
pub(super) fn copy(snapshot: &mut Snapshot<'_>, taker: &mut dyn Taker) -> Result<u64> {
    let (secrets, manifest) = (snapshot.secrets, snapshot.manifest.clone());
    let mut contents = Contents::begin(secrets, &manifest);
    for table in [Table::Manifest, Table::Settings] {
        let row = snapshot.rows.get(table, &manifest.store_id)?;
        let row = row.ok_or_else(|| table.broken(&manifest.store_id, "it is missing"))?;
        taker.row(table, &manifest.store_id, &row)?;
    }
    snapshot.settings()?;
    let mut out = Copying { contents: &mut contents, taker, members: 0 };
    out.table(snapshot, Table::Roots)?;
    out.table(snapshot, Table::Groups)?;
    for high in manifest.groups.keys() {
        let lows: Vec<u8> = snapshot.group(*high)?.buckets.keys().copied().collect();
        for low in lows {
            out.bucket(snapshot, u16::from_be_bytes([*high, low]))?;
        }
        snapshot.buckets.clear();
    }
    if count(snapshot, Table::Keys)? + count(snapshot, Table::Aliases)? != out.members {
        return Err(Error::StoreIntegrity { what: "there are rows that nothing leads to".into() });
    }
    for table in [Table::GrantUses, Table::Counters, Table::Trail, Table::Checkpoints] {
        out.table(snapshot, table)?;
    }
    let mut events = 0;
    loop {
        let batch = snapshot.rows.events(events, BATCH)?;
        for event in &batch {
            contents.event(event)?;
            taker.event(event)?;
        }
        match batch.last() {
            Some(last) => events = last.seq + 1,
            None => break,
        }
    }
    contents.end()?;
    Ok(events)
}

/// Rows on their way out of a store, each held against the tree.
struct Copying<'a, 'b> {
    contents: &'a mut Contents<'b>,
    taker: &'a mut dyn Taker,
    /// Keys and aliases so far.
    members: u64,
}

impl Copying<'_, '_> {
    fn table(&mut self, snapshot: &mut Snapshot<'_>, table: Table) -> Result<()> {
        let mut after = Vec::new();
        loop {
            let entries = snapshot.rows.list(table, &after, BATCH)?;
            entries.iter().try_for_each(|entry| self.row(snapshot, table, &entry.place))?;
            match entries.last() {
                Some(last) => after.clone_from(&last.place),
                None => return Ok(()),
            }
        }
    }

    fn bucket(&mut self, snapshot: &mut Snapshot<'_>, number: u16) -> Result<()> {
        let Bucket { keys, aliases } = snapshot.bucket(number)?.clone();
        self.members += (keys.len() + aliases.len()) as u64;
        for entry in keys {
            let key = key_of(snapshot, &entry)?;
            (0..key.pages.len())
                .try_for_each(|number| self.row(snapshot, Table::Pages, &page_place(key.id, number)))?;
            self.row(snapshot, Table::Keys, &entry.place)?;
        }
        aliases.iter().try_for_each(|entry| self.row(snapshot, Table::Aliases, &entry.place))
    }

    fn row(&mut self, snapshot: &mut Snapshot<'_>, table: Table, place: &[u8]) -> Result<()> {
        let row = snapshot.rows.get(table, place)?.ok_or_else(|| table.broken(place, "it is missing"))?;
        self.contents.row(table, place, &row)?;
        self.taker.row(table, place, &row)
    }
}

pub(super) fn report(path: &Path, manifest: &Manifest, events: u64, bytes: u64) -> BackupReport {
    BackupReport {
        path: path.to_string_lossy().into_owned(),
        store_id: hex(&manifest.store_id),
        incarnation: hex(&manifest.incarnation),
        epoch: manifest.epoch,
        keys: manifest.keys,
        trail_events: events,
        bytes,
    }
}

/// The first two records of every backup, verified.
#[cfg(feature = "sqlite")]
pub(super) fn read_beginning(
    reader: &mut Reader,
    secrets: &super::secrets::Secrets,
) -> Result<(Manifest, Settings, Row)> {
    let invalid = |what: &str| Error::BackupInvalid { what: what.into() };
    let mut row = |table: Table| match reader.next()? {
        Some(Record::Row(found, place, row)) if found == table && place == secrets.store_id => Ok(row),
        _ => Err(invalid("it does not begin as a backup of this store does")),
    };
    let (manifest, settings) = (row(Table::Manifest)?, row(Table::Settings)?);
    let incarnation = reader.header.incarnation;
    for (table, row) in [(Table::Manifest, &manifest), (Table::Settings, &settings)] {
        secrets.verify(table, &incarnation, &secrets.store_id, row)?;
    }
    let read = Manifest::read(&manifest.document, manifest.revision, manifest.mac)
        .map_err(|unreadable| unreadable.error("the backup's manifest"))?;
    super::admin::verify(&read, &manifest.document, super::epochs::Mark::default())?;
    let whole = read.incarnation == incarnation && read.settings == settings.mac;
    if !whole {
        return Err(invalid("its header, manifest and settings are not of one store"));
    }
    let parsed =
        Settings::read(&settings.document).map_err(|unreadable| unreadable.error("the backup's settings"))?;
    Ok((read, parsed, settings))
}

/// Nor one whose root could be changed.
#[cfg(not(feature = "sqlite"))]
mod root_change {
    use super::*;

    pub(super) fn change(
        _location: &Location,
        _roots: &[&dyn Root],
        _new: &dyn Root,
        _keep: &[&dyn Root],
        _options: &OpenOptions,
    ) -> Result<RootChangeReport> {
        Err(Error::UnsupportedOperation { what: "this build has no SQLite, so no store has a root" })
    }
}

/// Without SQLite there is no file to restore to, nor one that a backup could have been made of.
#[cfg(not(feature = "sqlite"))]
mod restore {
    use super::*;

    const NONE: Error = Error::UnsupportedOperation { what: "this build has no SQLite, so no backups" };

    pub(super) fn verify(_path: &Path, _root: &dyn Root) -> Result<BackupReport> {
        Err(NONE)
    }

    pub(super) fn repair(
        _location: &Location,
        _roots: &[&dyn Root],
        _options: &OpenOptions,
    ) -> Result<RepairReport> {
        Err(Error::UnsupportedOperation { what: "this build has no SQLite, so nothing to repair" })
    }

    pub(super) fn restore(
        _backup: &Path,
        _to: &Location,
        _roots: &[&dyn Root],
        _options: &OpenOptions,
    ) -> Result<Store> {
        Err(NONE)
    }
}
