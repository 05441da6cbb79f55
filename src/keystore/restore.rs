//! From a backup to a store again: a new incarnation, where no store is. `docs/KEYSTORE.md`, "Backup and restore".

use std::path::Path;

use super::Store;
use super::access::not_permitted;
use super::anchor::{Anchor, confirm};
use super::approvals::two_principals;
use super::backend::Table;
use super::backup::{BackupReport, read_beginning, report};
use super::backup_file::{Reader, Record};
use super::change::Deed;
use super::contents::Contents;
use super::epochs;
use super::inner::Inner;
use super::json::hex;
use super::open::{on_fork, start};
#[cfg(feature = "cli")]
use super::options::AnchorPolicy;
use super::options::{Location, OpenOptions};
use super::principal::Actor;
use super::rebuild::Rebuild;
use super::secrets::Secrets;
use super::snapshot::bucket_of;
use super::sqlite::Sqlite;
use super::trail;
use super::unlock::unlock;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::root::Root;
use crate::secret::OnFork;

pub(super) use super::repair::repair;

pub(super) fn verify(path: &Path, root: &dyn Root) -> Result<BackupReport> {
    start()?;
    let mut reader = Reader::open(path)?;
    let store_id = reader.header.store_id;
    let (secret, _) = unlock(root, &store_id, &reader.header.slots, OnFork::Wipe)?;
    let secrets = Secrets::derive(secret, store_id, OnFork::Wipe)?;
    reader.unlock(&secrets.store_secret)?;
    let (manifest, _, _) = read_beginning(&mut reader, &secrets)?;
    let mut contents = Contents::begin(&secrets, &manifest);
    while let Some(record) = reader.next()? {
        held(match record {
            Record::Row(table, place, row) => contents.row(table, &place, &row),
            Record::Event(event) => contents.event(&event),
        })?;
    }
    let events = held(contents.end())?;
    Ok(report(path, &manifest, events, reader.size))
}

/// What is wrong with a store is wrong with its backup.
fn held<T>(found: Result<T>) -> Result<T> {
    found.map_err(|error| match error {
        Error::StoreIntegrity { what } | Error::TrailInvalid { what } => Error::BackupInvalid { what },
        error => error,
    })
}

/// The automatic anchor that a restored store would have, where it is there already: then this host has the store in use,
/// or had. None for an anchor that the caller names, or none at all.
#[cfg(feature = "cli")]
pub(super) fn known_here(
    backup: &Path,
    to: &Location,
    options: &OpenOptions,
) -> Result<Option<std::path::PathBuf>> {
    if options.anchor != AnchorPolicy::Automatic {
        return Ok(None);
    }
    let store_id = Reader::open(backup)?.header.store_id;
    Ok(super::anchor::automatic(&to.path, &store_id).filter(|path| path.exists()))
}

pub(super) fn restore(
    backup: &Path,
    to: &Location,
    roots: &[&dyn Root],
    options: &OpenOptions,
) -> Result<Store> {
    let first = roots.first().ok_or(Error::InvalidArgument { what: "a backup is restored under a root" })?;
    if options.read_only {
        return Err(Error::StoreReadOnly);
    }
    // Whole and authentic before anything is made of it.
    verify(backup, *first)?;
    let place = Sqlite::vacant(&to.path, options)?;
    let mut reader = Reader::open(backup)?;
    let store_id = reader.header.store_id;
    let mut opened = Vec::new();
    for root in roots {
        root.check(Some(&place))?;
        opened.push(unlock(*root, &store_id, &reader.header.slots, on_fork(options))?);
    }
    let actor = Actor::through(options, opened[0].1.principal.as_deref())?;
    let principals: Vec<Option<String>> = opened.iter().map(|(_, slot)| slot.principal.clone()).collect();
    let slot_id = opened[0].1.id;
    // The admin seed may come from any of the roots.
    let with_seed = opened.iter().position(|(secret, _)| secret.admin.is_some()).unwrap_or(0);
    let secrets = Secrets::derive(opened.swap_remove(with_seed).0, store_id, on_fork(options))?;
    options.check_locked()?;
    let found = secrets.fingerprint();
    if to.fingerprint.is_some_and(|pinned| pinned != found) {
        return Err(Error::FingerprintMismatch { found: found.to_string().into() });
    }
    reader.unlock(&secrets.store_secret)?;
    let (manifest, settings, row) = read_beginning(&mut reader, &secrets)?;
    if !settings.changeable.administrators.contains(&actor.principal) {
        return Err(not_permitted(&actor, Operation::RestoreStore, "that is for the store's administrators"));
    }
    let principals = principals.iter().map(Option::as_deref);
    two_principals(&settings.changeable, Operation::RestoreStore, principals)?;
    if !super::admin::may_change(&manifest, &secrets) {
        return Err(super::admin::denied(&actor.principal, Operation::RestoreStore.name()));
    }
    let seen = epochs::of(store_id);
    // What is known from outside: the anchor, which goes into the process's memory.
    let anchor = Anchor::open(&secrets, &seen, &place, options)?;
    let known = anchor.load(&secrets)?;
    let destroyed = known.map(|known| known.destroyed).unwrap_or_default();
    let was = manifest.mac;
    let told = if anchor.is_there() { "present" } else { "missing" };
    let deed = Deed::new(Operation::RestoreStore).with("backupManifest", hex(&was)).with("anchor", told);
    let source = trail::source(options, &actor, &secrets);
    let mut made = None;
    let backend = Sqlite::make(&place, options, |backend| {
        // Once more, since it is read once more.
        let mut contents = Contents::begin(&secrets, &manifest);
        let mut rebuild = Rebuild::begin(backend, &secrets, manifest, seen.mark(), &destroyed)?;
        rebuild.put(Table::Settings, &store_id, row)?;
        while let Some(record) = reader.next()? {
            match record {
                Record::Row(table, place, row) => {
                    held(contents.row(table, &place, &row))?;
                    if matches!(table, Table::Keys | Table::Aliases) {
                        rebuild.close_before(bucket_of(&place));
                    }
                    rebuild.put(table, &place, row)?;
                }
                Record::Event(event) => {
                    held(contents.event(&event))?;
                    rebuild.events(&[event])?;
                }
            }
        }
        held(contents.end())?;
        // In the one transaction that makes the store: there is none without it.
        made = Some(rebuild.finish_with(|snapshot| {
            let deed = deed.with("epoch", snapshot.manifest.epoch);
            trail::made(snapshot, &source, &deed)
        })?);
        Ok(())
    })?;
    let made = made.ok_or(Error::Internal { what: "a store was restored without a manifest" })?;
    seen.note(made.mark());
    let inner = Inner::new(Box::new(backend), secrets, seen, options.clone(), actor, anchor, Some(slot_id));
    confirm(&inner, Operation::RestoreStore, &[])?;
    Ok(Store { inner })
}
