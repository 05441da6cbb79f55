//! From a backup to a store again: a new incarnation, where no store is. `docs/KEYSTORE.md`, "Backup and restore".

use std::path::Path;

use super::Store;
use super::access::{Actor, not_permitted};
use super::anchor::Anchor;
use super::approvals::two_principals;
use super::backup::{BackupReport, read_beginning, report};
use super::backup_file::{Reader, Record};
use super::change::Deed;
use super::epochs;
use super::inner::Inner;
use super::json::hex;
use super::open::{on_fork, start};
use super::options::{Location, OpenOptions};
use super::rebuild::Rebuild;
use super::secrets::Secrets;
use super::sqlite::Sqlite;
use super::unlock::unlock;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::root::Root;
use crate::secret::OnFork;

pub(super) fn verify(path: &Path, root: &dyn Root) -> Result<BackupReport> {
    start()?;
    let mut reader = Reader::open(path)?;
    let store_id = reader.header.store_id;
    let (secret, _) = unlock(root, &store_id, &reader.header.slots, OnFork::Wipe)?;
    let secrets = Secrets::derive(secret, store_id, OnFork::Wipe)?;
    reader.unlock(&secrets.store_secret)?;
    let (manifest, _, _) = read_beginning(&mut reader, &secrets)?;
    let (mut keys, mut events) = (0, 0);
    while let Some(record) = reader.next()? {
        match record {
            Record::Row(table, place, row) => {
                secrets.verify(table, &manifest.incarnation, &place, &row)?;
                keys += u64::from(table == super::backend::Table::Keys);
            }
            Record::Event(event) if event.seq == events => events += 1,
            Record::Event(_) => {
                return Err(Error::BackupInvalid { what: "its events are not in their order".into() });
            }
        }
    }
    match keys == manifest.keys {
        true => Ok(report(path, &manifest, events, reader.size)),
        false => Err(Error::BackupInvalid { what: "it has not as many keys as its manifest says".into() }),
    }
}

pub(super) fn restore(
    backup: &Path,
    to: &Location,
    roots: &[&dyn Root],
    options: &OpenOptions,
) -> Result<Store> {
    let first = roots.first().ok_or(Error::InvalidArgument { what: "a backup is restored under a root" })?;
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
    let mut made = None;
    let backend = Sqlite::make(&place, options, |backend| {
        let mut rebuild = Rebuild::begin(backend, &secrets, manifest, seen.mark(), &destroyed)?;
        rebuild.put(super::backend::Table::Settings, &store_id, row)?;
        while let Some(record) = reader.next()? {
            match record {
                Record::Row(table, place, row) => rebuild.put(table, &place, row)?,
                Record::Event(event) => rebuild.events(&[event])?,
            }
        }
        made = Some(rebuild.finish()?);
        Ok(())
    })?;
    let made = made.ok_or(Error::Internal { what: "a store was restored without a manifest" })?;
    seen.note(made.mark());
    let told = if anchor.is_there() { "present" } else { "missing" };
    let inner = Inner::new(Box::new(backend), secrets, seen, options.clone(), actor, anchor, Some(slot_id));
    let deed = Deed::new(Operation::RestoreStore)
        .with("backupManifest", hex(&was))
        .with("manifest", hex(&made.mac))
        .with("epoch", made.epoch)
        .with("anchor", told)
        .vouched();
    if !options.read_only {
        inner.change(deed, |change| {
            change.renew_manifest();
            Ok(())
        })?;
    }
    Ok(Store { inner })
}
