//! A root that was compromised: new secrets for a store, under new root slots. The store is written anew beside the one
//! that is and takes its name by one rename, so that at every moment there is a whole store. `docs/KEYSTORE.md`, "A root
//! that was compromised".

use std::path::Path;

use super::Store;
use super::access::not_permitted;
use super::anchor::{self, Anchor};
use super::anchor_file::Anchored;
use super::approvals::two_principals;
use super::backend::{Access, Backend, Table};
use super::backup::{RootChangeReport, copy};
use super::change::Deed;
use super::epochs::{self, Seen};
use super::failpoint;
use super::json::hex;
use super::manifest::Manifest;
use super::open::{claimed_slots, on_fork, start};
use super::options::{Location, OpenOptions};
use super::principal::Actor;
use super::rebuild::Rebuild;
use super::reseal::{Reseal, Resealed};
use super::roots::{Slot, draw_store, read_slots};
use super::secrets::Secrets;
use super::snapshot::{ROOTS_LIMIT, Snapshot};
use super::sqlite::Sqlite;
use super::trail::{self, Head};
use super::unlock::unlock;
use crate::audit::hand_over;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::root::Root;

const OPERATION: Operation = Operation::ChangeRoot;

/// Who is there, and what the store was: everything that decides whether, and what is made.
struct Old<'a> {
    secrets: Secrets,
    /// The slots that roots opened, those of whoever changes first.
    acting: Vec<Slot>,
    new: &'a dyn Root,
    keep: &'a [&'a dyn Root],
}

pub(super) fn change(
    location: &Location,
    roots: &[&dyn Root],
    new: &dyn Root,
    keep: &[&dyn Root],
    options: &OpenOptions,
) -> Result<RootChangeReport> {
    start()?;
    if roots.is_empty() {
        return Err(Error::InvalidArgument { what: "a root is changed by a root that opens the store" });
    }
    if keep.len() >= ROOTS_LIMIT {
        return Err(Error::LimitExceeded { what: "root slots", limit: ROOTS_LIMIT as u64 });
    }
    if options.read_only {
        return Err(Error::StoreReadOnly);
    }
    let store = Sqlite::open(&location.path, options)?;
    let place = store.path().unwrap_or(&location.path).to_owned();
    roots.iter().chain(keep).chain([&new]).try_for_each(|root| root.check(Some(&place)))?;
    let (store_id, rows) = claimed_slots(&store)?;
    let opened = roots.iter().map(|root| unlock(*root, &store_id, &rows, on_fork(options)));
    let (mut given, acting): (Vec<_>, Vec<_>) = opened.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let actor = Actor::through(options, acting[0].principal.as_deref())?;
    // The admin seed may come from any of the roots.
    let with_seed = given.iter().position(|secret| secret.admin.is_some()).unwrap_or(0);
    let secrets = Secrets::derive(given.swap_remove(with_seed), store_id, on_fork(options))?;
    options.check_locked()?;
    let found = secrets.fingerprint();
    if location.fingerprint.is_some_and(|pinned| pinned != found) {
        return Err(Error::FingerprintMismatch { found: found.to_string().into() });
    }
    let seen = epochs::of(store_id);
    let anchor = Anchor::open(&secrets, &seen, &place, options)?;
    let known = anchor.load(&secrets)?;
    // All of it in the one file, which nobody may have open.
    if !store.scrub()? {
        return Err(Error::StoreBusy);
    }
    let stamp = store.data_version()?;
    let old = Old { secrets, acting, new, keep };
    let finished = Sqlite::beside(&place)?;
    let made = old.make(&store, &seen, &finished, &actor, known.as_ref(), options);
    let made = made.and_then(|(next, report, manifest)| {
        failpoint::hit("root change made");
        let state = Anchored {
            incarnation: manifest.incarnation,
            life: manifest.life,
            epoch: manifest.epoch,
            manifest: manifest.mac,
            admin: manifest.admin_public,
            trail: Some((manifest.trail_size, manifest.trail_root)),
            destroyed: known.map(|known| known.destroyed).unwrap_or_default(),
        };
        anchor.succeed(&next, &state)?;
        failpoint::hit("root change anchored");
        store.end_for(&finished, stamp).inspect_err(|_| anchor.stay())?;
        failpoint::hit("root change named");
        seen.note(manifest.mark());
        Ok(report)
    });
    if made.is_err() {
        Sqlite::discard(&finished);
    }
    let report = made?;
    // Found by whoever opens it next; told now where it cannot be.
    let again = Store::open(&Location { path: location.path.clone(), fingerprint: None }, new, options)?;
    anchor::confirm(&again.inner, OPERATION, &[])?;
    Ok(report)
}

impl Old<'_> {
    /// Writes the store anew under other secrets, to `finished`.
    fn make(
        &self,
        store: &Sqlite,
        seen: &Seen,
        finished: &Path,
        actor: &Actor,
        known: Option<&Anchored>,
        options: &OpenOptions,
    ) -> Result<(Secrets, RootChangeReport, Manifest)> {
        // For writing: nobody changes it from here on until it is gone.
        let mut snapshot = Snapshot::begin(store, &self.secrets, seen, Access::Write)?;
        let slots = read_slots(&mut snapshot)?;
        self.authorise(&mut snapshot, actor)?;
        let admin = snapshot.manifest.admin_public.is_some();
        let store_id = self.secrets.store_id;
        let (secret, _, _) = draw_store(on_fork(options), admin)?;
        let (fresh, dropped) = self.slots(&slots, &store_id, &secret)?;
        if admin && !fresh.iter().any(|slot| slot.admin) {
            return Err(Error::LastRoot);
        }
        let next = Secrets::derive(secret, store_id, on_fork(options))?;
        options.check_locked()?;
        let was = snapshot.manifest.clone();
        let destroyed = known.map(|known| known.destroyed.clone()).unwrap_or_default();
        let ids =
            |slots: &mut dyn Iterator<Item = &Slot>| slots.map(|slot| hex(&slot.id)).collect::<Vec<_>>();
        let deed = Deed::new(OPERATION)
            .with("because", "COMPROMISED")
            .with("slots", fresh.iter().map(Slot::told).collect::<Vec<_>>())
            .with("droppedSlotIds", ids(&mut dropped.iter().copied()))
            .with("formerFingerprint", self.secrets.fingerprint().to_string())
            .with("fingerprint", next.fingerprint().to_string())
            .with("formerManifest", hex(&was.mac));
        let source = trail::source(options, actor, &next);
        let mut made = None;
        Sqlite::make(finished, options, |backend| {
            let mut rebuild = Rebuild::begin(backend, &next, Manifest::clone(&was), seen.mark(), &destroyed)?;
            let by = actor.principal.clone();
            rebuild.reseal(Reseal { from: &self.secrets, by, told: Resealed::default() });
            for slot in &fresh {
                rebuild.take(Table::Roots, &slot.id, 1, slot.write())?;
            }
            copy(&mut snapshot, &mut rebuild)?;
            let resealed = rebuild.resealed();
            let manifest = rebuild.finish_with(|snapshot| {
                let (former, verifier) = (self.secrets.signing_key()?, next.signing_key()?.verifier());
                let edge = Head::read(snapshot)?.edge;
                let deed = deed
                    .with("rotatedKeys", resealed.rotated)
                    .with("formerVerifierKey", former.verifier().to_string())
                    .with("verifierKey", verifier.to_string())
                    .with("keyChange", hand_over(&former, &verifier, edge.size(), &edge.root())?);
                trail::made(snapshot, &source, &deed)
            })?;
            made = Some((resealed, manifest));
            Ok(())
        })
        .map(drop)?;
        let made = made.ok_or(Error::Internal { what: "a store was written anew without a manifest" })?;
        let (resealed, manifest) = made;
        let report = RootChangeReport {
            keys: manifest.keys,
            rotated: resealed.rotated,
            known_keys: resealed.known.iter().map(ToString::to_string).collect(),
            slots: fresh.iter().map(|slot| slot.describe(None)).collect(),
            dropped_slots: ids(&mut dropped.iter().copied()),
            fingerprint: next.fingerprint().to_string(),
            verifier_key: next.signing_key()?.verifier().to_string(),
            incarnation: hex(&manifest.incarnation),
            epoch: manifest.epoch,
        };
        Ok((next, report, manifest))
    }

    /// An administrator's, with the admin seed where there is one, and with a second principal where the settings ask for
    /// one.
    fn authorise(&self, snapshot: &mut Snapshot<'_>, actor: &Actor) -> Result<()> {
        let settings = snapshot.settings()?.changeable;
        if !settings.administrators.contains(&actor.principal) {
            return Err(not_permitted(actor, OPERATION, "that is for the store's administrators"));
        }
        if !super::admin::may_change(&snapshot.manifest, &self.secrets) {
            return Err(super::admin::denied(&actor.principal, OPERATION.name()));
        }
        let principals = self.acting.iter().map(|slot| slot.principal.as_deref());
        two_principals(&settings, OPERATION, principals)
    }

    /// The slots of the store that is made: the new root in the place of the first that acts, and those that are kept,
    /// each as it was; and the slots that are no more.
    fn slots<'s>(
        &self,
        slots: &'s [Slot],
        store_id: &[u8; 16],
        secret: &crate::root::StoreSecret,
    ) -> Result<(Vec<Slot>, Vec<&'s Slot>)> {
        let on_fork = self.secrets.on_fork;
        let rows: Vec<_> = slots.iter().map(|slot| (slot.id.to_vec(), slot.row())).collect();
        if let Ok((_, slot)) = unlock(self.new, store_id, &rows, on_fork) {
            return Err(Error::AlreadyExists { what: "root", name: hex(&slot.wrapped.fingerprint).into() });
        }
        let mut fresh = vec![Slot::make(self.new, store_id, secret, &self.acting[0].options())?];
        let mut kept = Vec::new();
        for root in self.keep {
            let (_, slot) = unlock(*root, store_id, &rows, on_fork)?;
            if slot.id == self.acting[0].id {
                return Err(Error::InvalidArgument {
                    what: "the root that the store is opened with is the one that is changed; to keep it, open the \
                           store with the one that was compromised",
                });
            }
            if !kept.contains(&slot.id) {
                fresh.push(Slot::make(*root, store_id, secret, &slot.options())?);
                kept.push(slot.id);
            }
        }
        let dropped = slots.iter().filter(|slot| !kept.contains(&slot.id)).collect();
        Ok((fresh, dropped))
    }
}
