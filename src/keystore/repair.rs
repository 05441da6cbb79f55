//! A store whose manifest, groups, buckets or other rows are damaged, made anew from the rows that verify: a new
//! incarnation, written beside the damaged file and put in its place when it is whole. `docs/KEYSTORE.md`, "Repair".

use std::path::PathBuf;

use super::Store;
use super::access::not_permitted;
use super::anchor::{self, Anchor};
use super::approvals::{DUAL_CONTROL, StoreSettings, two_principals};
use super::backend::{Access, Backend, Entry, Row, Table, Transaction};
use super::backup::RepairReport;
use super::change::Deed;
use super::epochs::{self, Mark};
use super::inner::Inner;
use super::json::{from_hex, hex};
use super::manifest::{Manifest, Settings, claimed_identity, roots_digest};
use super::mend::{Found, lenient, mend};
use super::open::{on_fork, start};
use super::options::{Location, OpenOptions};
use super::principal::Actor;
use super::roots::Slot;
use super::secrets::Secrets;
use super::snapshot::ROOTS_LIMIT;
use super::sqlite::Sqlite;
use super::unlock::unlock;
use crate::crypto::{ct_eq, ed25519_public};
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::root::{Root, StoreSecret};

const OPERATION: Operation = Operation::RepairStore;

pub(super) fn repair(
    location: &Location,
    roots: &[&dyn Root],
    options: &OpenOptions,
) -> Result<RepairReport> {
    start()?;
    let first = roots.first().ok_or(Error::InvalidArgument { what: "a store is repaired under a root" })?;
    if options.read_only {
        return Err(Error::StoreReadOnly);
    }
    let damaged = Sqlite::open(&location.path, options)?;
    let place = damaged.path().unwrap_or(&location.path).to_owned();
    roots.iter().try_for_each(|root| root.check(Some(&place)))?;
    // All of it in the one file, which is then the damaged store.
    if !damaged.scrub()? {
        return Err(Error::StoreBusy);
    }
    let stamp = damaged.data_version()?;
    let mut rows = damaged.begin(Access::Write)?;
    let slots = root_rows(&mut *rows)?;
    let opened = open_roots(&mut *rows, roots, &slots, options)?;
    let actor = Actor::through(options, opened.slots[0].principal.as_deref())?;
    let slot_in_use = opened.slots[0].id;
    let secrets = Secrets::derive(opened.secret, opened.store_id, on_fork(options))?;
    options.check_locked()?;
    let found = secrets.fingerprint();
    if location.fingerprint.is_some_and(|pinned| pinned != found) {
        return Err(Error::FingerprintMismatch { found: found.to_string().into() });
    }
    let seen = epochs::of(opened.store_id);
    // What is known from outside: the anchor, which goes into the process's memory.
    let anchor = Anchor::open(&secrets, &seen, &place, options)?;
    let known = anchor.load(&secrets)?;
    let life = known.as_ref().map(|known| known.incarnation);
    let found = find(&mut *rows, &secrets, &seen, life, &slots, &opened.slots)?;
    authorise(&found, &actor, &secrets, &opened.slots)?;
    let destroyed = known.map(|known| known.destroyed).unwrap_or_default();
    let was = found.genuine.then_some(found.manifest.mac);
    let mended = Sqlite::beside(&place)?;
    let made = (|| {
        let (mark, mut told) = (seen.mark(), None);
        let backend = Sqlite::make(&mended, options, |backend| {
            told = Some(mend(&mut *rows, backend, &secrets, found, mark, &destroyed, &actor)?);
            Ok(())
        })?;
        let told = told.ok_or(Error::Internal { what: "a store was repaired without its rows" })?;
        let deed = Deed::new(OPERATION)
            .with("damagedManifest", was.map_or_else(|| "unreadable".into(), |mac| hex(&mac)))
            .with("dropped", told.dropped.len() as u64)
            .with("doubtful", told.doubtful.len() as u64)
            .with("anchor", if anchor.is_there() { "present" } else { "missing" })
            .vouched();
        // Not yet the store: this process's memory of it stays as it is until it has the name.
        let apart = epochs::apart(secrets.store_id);
        let open = options.clone();
        let slot = Some(slot_in_use);
        let inner = Inner::new(Box::new(backend), secrets, apart, open, actor, Anchor::none(), slot);
        inner.change(deed, |change| {
            change.renew_manifest();
            Ok(())
        })?;
        let manifest = inner.read(|snapshot| Ok(Manifest::clone(&snapshot.manifest)))?;
        Ok((told, manifest))
    })();
    drop(rows);
    let made = made.and_then(|(told, manifest)| {
        let kept = damaged.give_way(&mended, stamp)?;
        Ok((told, manifest, kept))
    });
    if made.is_err() {
        Sqlite::discard(&mended);
    }
    let (told, manifest, kept): (_, Manifest, PathBuf) = made?;
    seen.note(manifest.mark());
    let store = Store::open(location, *first, options)?;
    anchor::confirm(&store.inner, OPERATION, &[])?;
    Ok(RepairReport {
        keys_kept: manifest.keys,
        dropped: told.dropped,
        doubtful: told.doubtful,
        kept_as: kept.to_string_lossy().into_owned(),
        epoch: manifest.epoch,
    })
}

/// The secrets, and the slot that each root opened.
struct Opened {
    store_id: [u8; 16],
    secret: StoreSecret,
    slots: Vec<Slot>,
}

/// Opens a slot with each root. Who the store is stands in several rows; the right one is where a slot opens.
fn open_roots(
    rows: &mut dyn Transaction,
    roots: &[&dyn Root],
    slots: &[(Vec<u8>, Row)],
    options: &OpenOptions,
) -> Result<Opened> {
    let mut refused =
        Error::StoreIntegrity { what: "no row says which store it is; restore a backup".into() };
    for store_id in claimed_ids(rows)? {
        let opened = roots.iter().map(|root| unlock(*root, &store_id, slots, on_fork(options)));
        match opened.collect::<Result<Vec<_>>>() {
            Ok(mut opened) => {
                // The admin seed may come from any of the roots.
                let seed = opened.iter().position(|(secret, _)| secret.admin.is_some()).unwrap_or(0);
                let (secrets, slots): (Vec<_>, Vec<_>) = opened.drain(..).unzip();
                let secret = secrets.into_iter().nth(seed);
                let secret = secret.ok_or(Error::Internal { what: "a root opened nothing" })?;
                return Ok(Opened { store_id, secret, slots });
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn claimed_ids(rows: &mut dyn Transaction) -> Result<Vec<[u8; 16]>> {
    let mut ids = Vec::new();
    for table in [Table::Manifest, Table::Settings, Table::Trail] {
        for place in rows.places(table, &[], 4)? {
            match <[u8; 16]>::try_from(&place[..]) {
                Ok(id) if !ids.contains(&id) => ids.push(id),
                _ => {}
            }
        }
    }
    Ok(ids)
}

/// Root slots' rows, unverified.
fn root_rows(rows: &mut dyn Transaction) -> Result<Vec<(Vec<u8>, Row)>> {
    let mut slots = Vec::new();
    for place in rows.places(Table::Roots, &[], 2 * ROOTS_LIMIT)? {
        slots.extend(lenient(rows, Table::Roots, &place)?.map(|row| (place, row)));
    }
    match slots.is_empty() {
        true => Err(Error::StoreIntegrity { what: "roots: there is no root slot; restore a backup".into() }),
        false => Ok(slots),
    }
}

/// What the store was: by its manifest if that is genuine, else by what can be known without one.
fn find(
    rows: &mut dyn Transaction,
    secrets: &Secrets,
    seen: &epochs::Seen,
    anchored: Option<[u8; 16]>,
    slots: &[(Vec<u8>, Row)],
    opened: &[Slot],
) -> Result<Found> {
    let id = &secrets.store_id;
    let row = lenient(rows, Table::Manifest, id)?;
    let mut claims: Vec<[u8; 16]> = row.iter().filter_map(|row| claimed_incarnation(&row.document)).collect();
    claims.extend(anchored);
    let settings = lenient(rows, Table::Settings, id)?;
    let trail = lenient(rows, Table::Trail, id)?;
    let bears = |incarnation: &[u8; 16]| {
        let singles = [(Table::Manifest, &row), (Table::Settings, &settings), (Table::Trail, &trail)];
        let verifies =
            |table, place: &[u8], row: &Row| secrets.verify(table, incarnation, place, row).is_ok();
        singles.iter().any(|(table, row)| row.as_ref().is_some_and(|row| verifies(*table, id, row)))
            || slots.iter().any(|(place, row)| verifies(Table::Roots, place, row))
    };
    let incarnation = claims.into_iter().find(bears).ok_or_else(|| Error::StoreIntegrity {
        what: "neither manifest nor anchor tells which incarnation its rows are of; restore a backup".into(),
    })?;
    let genuine = row.filter(|row| secrets.verify(Table::Manifest, &incarnation, id, row).is_ok());
    let before = seen.mark();
    let is_genuine = genuine.is_some();
    let manifest = match &genuine {
        Some(row) => {
            let manifest = Manifest::read(&row.document, row.revision, row.mac)
                .map_err(|unreadable| unreadable.error("the store"))?;
            super::admin::verify(&manifest, &row.document, Mark::default())?;
            // An older store is not made the latest by being repaired.
            seen.check(before, manifest.mark())?;
            manifest
        }
        None if anchored.is_some_and(|anchored| anchored != incarnation) => {
            return Err(Error::StoreIntegrity {
                what: "its rows are of another incarnation than the one the anchor knows; restore a backup"
                    .into(),
            });
        }
        None => {
            let mut manifest = Manifest::new(*id, incarnation, rows.schema()?);
            manifest.admin_public = secrets.store_secret.admin.as_ref().map(ed25519_public);
            manifest
        }
    };
    let entry =
        |(place, row): &(Vec<u8>, Row)| Entry { place: place.clone(), revision: row.revision, mac: row.mac };
    let digest = roots_digest(secrets, &incarnation, &slots.iter().map(entry).collect::<Vec<_>>());
    let named = is_genuine && ct_eq(&digest, &manifest.roots);
    let genuine_slot =
        |place: &[u8], row: &Row| secrets.verify(Table::Roots, &incarnation, place, row).is_ok();
    let read: Vec<Slot> = slots
        .iter()
        .filter(|(place, row)| genuine_slot(place, row))
        .filter_map(|(_, row)| Slot::read(&row.document).ok())
        .collect();
    // One that was removed and put back verifies too: without the manifest's word only what opens is kept.
    let kept = |place: &[u8]| named || opened.iter().any(|slot| slot.id == place);
    let (keep, drop): (Vec<_>, Vec<_>) = slots.iter().cloned().partition(|(place, _)| kept(place));
    let settings = settings
        .filter(|row| secrets.verify(Table::Settings, &incarnation, id, row).is_ok())
        .filter(|row| !is_genuine || ct_eq(&row.mac, &manifest.settings));
    let parsed = settings.as_ref().map(|row| Settings::read(&row.document));
    let parsed = parsed.transpose().map_err(|unreadable| unreadable.error("settings"))?;
    Ok(Found {
        manifest,
        genuine: is_genuine,
        needs_admin: before.admin.is_some() || read.iter().any(|slot| slot.admin),
        principals: read.into_iter().filter_map(|slot| slot.principal).collect(),
        present: opened.iter().filter_map(|slot| slot.principal.clone()).collect(),
        roots: keep,
        dropped_roots: drop.into_iter().map(|(place, _)| place).collect(),
        settings: settings.zip(parsed),
    })
}

/// The incarnation that a manifest names, be the rest of it damaged: what verifies under it proves it.
fn claimed_incarnation(document: &str) -> Option<[u8; 16]> {
    if let Ok((_, incarnation)) = claimed_identity(document) {
        return Some(incarnation);
    }
    let (_, rest) = document.split_once("\"incarnation\":\"")?;
    let mut incarnation = [0; 16];
    from_hex(rest.get(..32)?, &mut incarnation).then_some(incarnation)
}

/// An administrator's, with the admin seed where there is one, and with a second principal where settings ask for one, are
/// lost, or, being without a manifest, may be older ones.
fn authorise(found: &Found, actor: &Actor, secrets: &Secrets, opened: &[Slot]) -> Result<()> {
    let denied = || super::admin::denied(&actor.principal, OPERATION.name());
    if found.needs_admin && found.manifest.admin_public.is_none()
        || !super::admin::may_change(&found.manifest, secrets)
    {
        return Err(denied());
    }
    let always = StoreSettings { dual_control: vec![OPERATION.name().into()], ..StoreSettings::default() };
    let settings = match &found.settings {
        Some((_, settings)) => {
            if !settings.changeable.administrators.contains(&actor.principal) {
                return Err(not_permitted(actor, OPERATION, "that is for the store's administrators"));
            }
            let may_be_older = !found.genuine && found.principals.len() > 1;
            if may_be_older { &always } else { &settings.changeable }
        }
        None => &always,
    };
    two_principals(settings, OPERATION, opened.iter().map(|slot| slot.principal.as_deref()))
}

/// Settings in the place of lost ones: the two who are there are administrators, and everything that can needs both.
pub(super) fn strictest(opened: impl IntoIterator<Item = String>, actor: &Actor) -> Settings {
    let mut settings = Settings::new(false, &actor.principal);
    settings.changeable.administrators.extend(opened.into_iter().filter(|name| *name != actor.principal));
    settings.changeable.dual_control = DUAL_CONTROL.iter().map(|operation| operation.name().into()).collect();
    settings
}
