//! The rows of a damaged store that verify, taken over into the mended one; and what is left out, with why.

use std::collections::BTreeMap;

use super::backend::{Backend, Entry, EventRow, Row, Table, Transaction};
use super::document::{AliasDocument, KeyDocument};
use super::epochs::Mark;
use super::json::hex;
use super::manifest::{Group, Manifest, Settings, bucket_digest};
use super::names::KeyId;
use super::principal::Actor;
use super::rebuild::Rebuild;
use super::repair::strictest;
use super::secrets::Secrets;
use super::snapshot::{Bucket, bucket_of, page_place};
use super::trail::Head;
use crate::audit::{RightEdge, leaf_hash};
use crate::crypto::ct_eq;
use crate::error::{Error, Result};

/// Rows, or events, read at a time.
const BATCH: usize = 256;
/// What is said to be left out or doubtful: sentences at most; the rest are counted.
const TOLD: usize = 1_000;

/// What a damaged store was, as far as it can be known.
pub(super) struct Found {
    /// The store's own, or one of what is known without it.
    pub(super) manifest: Manifest,
    pub(super) genuine: bool,
    /// There is, or was, an admin root.
    pub(super) needs_admin: bool,
    /// Principals of the root slots that verify.
    pub(super) principals: Vec<String>,
    /// Principals who are there: of the slots that were opened.
    pub(super) present: Vec<String>,
    /// Root slots that are kept, and places of those that are not.
    pub(super) roots: Vec<(Vec<u8>, Row)>,
    pub(super) dropped_roots: Vec<Vec<u8>>,
    /// The settings' row, where it can be believed.
    pub(super) settings: Option<(Row, Settings)>,
}

/// What is to be told of a repair.
#[derive(Default)]
pub(super) struct Told {
    pub(super) dropped: Vec<String>,
    pub(super) doubtful: Vec<String>,
}

struct Mend<'a, 'b> {
    rows: &'a mut dyn Transaction,
    rebuild: Rebuild<'b>,
    secrets: &'b Secrets,
    was: Manifest,
    genuine: bool,
    told: Told,
}

/// Takes over everything that verifies from `rows` into `backend`.
///
/// # Errors
/// INVALID_ARGUMENT where nothing is damaged; STORE_TOO_NEW for a genuine row of a later release.
pub(super) fn mend(
    rows: &mut dyn Transaction,
    backend: &dyn Backend,
    secrets: &Secrets,
    mut found: Found,
    seen: Mark,
    destroyed: &[[u8; 16]],
    actor: &Actor,
) -> Result<Told> {
    if !found.genuine {
        found.manifest.life = found.manifest.life.max(highest_life(rows, secrets, &found.manifest)?);
    }
    let rebuild = Rebuild::begin(backend, secrets, found.manifest.clone(), seen, destroyed)?;
    let (was, genuine) = (found.manifest.clone(), found.genuine);
    let mut mend = Mend { rows, rebuild, secrets, was, genuine, told: Told::default() };
    if !genuine {
        mend.doubt("the manifest is not as it was written: keys and aliases may be missing, and those kept may be older than the last; which cannot be known".into());
    }
    mend.singles(found, actor)?;
    mend.keys()?;
    for table in [Table::GrantUses, Table::Counters] {
        mend.each(table, |mend, place, row| mend.rebuild.put(table, place, row))?;
    }
    mend.trail()?;
    if mend.genuine && mend.told.dropped.is_empty() && mend.told.doubtful.is_empty() {
        return Err(Error::InvalidArgument { what: "the store is whole; there is nothing to repair" });
    }
    let counted = mend.was.keys;
    let (manifest, genuine, mut told) = (mend.rebuild.finish()?, mend.genuine, mend.told);
    if genuine && manifest.keys < counted {
        told.doubtful
            .push(format!("the manifest counts {counted} keys, of which {} are kept", manifest.keys));
    }
    Ok(told)
}

impl Mend<'_, '_> {
    /// Root slots and settings, and rows in places of their tables where none can be.
    fn singles(&mut self, found: Found, actor: &Actor) -> Result<()> {
        let id = self.secrets.store_id;
        let strict = strictest(found.present, actor);
        match found.settings {
            Some((row, _)) => self.rebuild.take_settings(row.revision, row.document)?,
            None => {
                self.drop(
                    Table::Settings,
                    &id,
                    "it is not the one that was written; new ones ask two principals for everything",
                );
                self.rebuild.take_settings(1, strict.write())?;
            }
        }
        for (place, row) in found.roots {
            self.rebuild.take(Table::Roots, &place, row.revision, row.document)?;
        }
        for place in found.dropped_roots {
            self.drop(Table::Roots, &place, "whether it was removed before cannot be known, and no root was given that opens it; add it anew");
        }
        for table in [Table::Settings, Table::Manifest, Table::Approvals, Table::Trail] {
            for place in self.places(table)? {
                if place != id {
                    self.drop(table, &place, "there is one such row a store");
                }
            }
        }
        let approvals = lenient(self.rows, Table::Approvals, &id)?.map(|row| row.mac);
        if self.genuine && approvals != self.was.approvals {
            self.drop(Table::Approvals, &id, "it is not the row the manifest names; ask for approvals again");
        }
        Ok(())
    }

    /// Keys with the pages they name and the aliases they bear.
    fn keys(&mut self) -> Result<()> {
        let mut buckets: BTreeMap<u16, Bucket> = BTreeMap::new();
        // Who bears an alias, by its own document; and where the alias's row leads.
        let mut claims: BTreeMap<Vec<u8>, Vec<KeyId>> = BTreeMap::new();
        let mut leads: BTreeMap<Vec<u8>, (Row, KeyId)> = BTreeMap::new();
        self.each(Table::Pages, |mend, place, row| mend.rebuild.put(Table::Pages, place, row))?;
        self.every(Table::Keys, &mut buckets, |mend, place, row| {
            let key = read_key(place, &row)?;
            for alias in &key.aliases {
                let at = mend.secrets.place(Table::Aliases, alias.as_str().as_bytes());
                claims.entry(at).or_default().push(key.id);
            }
            Ok(())
        })?;
        self.every(Table::Aliases, &mut buckets, |_, place, row| {
            let alias = AliasDocument::read(&row.document)
                .map_err(|unreadable| unreadable.error(&format!("aliases row {}", hex(place))))?;
            leads.insert(place.to_vec(), (row, alias.key_id));
            Ok(())
        })?;
        self.compare(&mut buckets)?;
        let mut bearers: BTreeMap<Vec<u8>, KeyId> = BTreeMap::new();
        for (place, claimants) in &claims {
            let led = leads.get(place).map(|(_, key)| *key).filter(|key| claimants.contains(key));
            match (led, &claimants[..]) {
                (Some(key), _) => drop(bearers.insert(place.clone(), key)),
                (None, [key]) => drop(bearers.insert(place.clone(), *key)),
                _ => self.drop(Table::Aliases, place, "several keys bear it, and it leads to none of them"),
            }
        }
        for place in self.places(Table::Keys)? {
            let Some(row) = self.genuine_row(Table::Keys, &place)? else { continue };
            let mut key = read_key(&place, &row)?;
            let id = key.id;
            let bears = |place: &[u8]| bearers.get(place) == Some(&id);
            key.aliases.retain(|alias| bears(&self.secrets.place(Table::Aliases, alias.as_str().as_bytes())));
            let mut kept = Vec::new();
            for (number, mac) in key.pages.iter().enumerate() {
                let at = page_place(id, number);
                match self.rebuild.has_page(&at, mac) {
                    true => kept.push((at, *mac)),
                    false => self.drop(
                        Table::Pages,
                        &at,
                        &format!(
                            "it is not the page that key {id} names; these older versions of it are gone"
                        ),
                    ),
                }
            }
            self.rebuild.put_key_with(&place, key, &kept)?;
        }
        for place in self.rebuild.pages_left() {
            self.drop(Table::Pages, &place, "no key names it");
        }
        for (place, key) in &bearers {
            let row = leads.remove(place).filter(|(_, led)| led == key).map(|(row, _)| row);
            let (revision, document) = match row {
                Some(row) => (row.revision, row.document),
                None => (1, AliasDocument::new(*key).write()),
            };
            self.rebuild.put_alias(place, *key, revision, document)?;
        }
        for place in leads.keys().filter(|place| !bearers.contains_key(*place)) {
            self.drop(Table::Aliases, place, "its key does not bear it");
        }
        Ok(())
    }

    /// Tells which buckets are not as they were written, where manifest and group still say how.
    fn compare(&mut self, buckets: &mut BTreeMap<u16, Bucket>) -> Result<()> {
        for place in self.places(Table::Groups)? {
            if place.len() != 1 {
                self.drop(Table::Groups, &place, "there is no such group");
            }
        }
        if !self.genuine {
            return Ok(());
        }
        let incarnation = self.was.incarnation;
        for number in 0..=u8::MAX {
            let row = lenient(self.rows, Table::Groups, &[number])?;
            let group = match (self.was.groups.get(&number), row) {
                (None, None) => Some(Group::default()),
                (None, Some(_)) => {
                    self.drop(Table::Groups, &[number], "the manifest names none");
                    Some(Group::default())
                }
                (Some(named), Some(row)) if ct_eq(named, &row.mac) => self
                    .secrets
                    .verify(Table::Groups, &incarnation, &[number], &row)
                    .ok()
                    .and_then(|()| Group::read(&row.document, row.revision).ok()),
                _ => None,
            };
            let Some(group) = group else {
                self.doubt(format!("group {number:02x} is not as it was written: keys and aliases of its 256 buckets may be missing, and those kept may be older than the last; which cannot be known"));
                continue;
            };
            for low in 0..=u8::MAX {
                let at = u16::from_be_bytes([number, low]);
                let bucket = buckets.remove(&at).unwrap_or_default();
                let empty = bucket.keys.is_empty() && bucket.aliases.is_empty();
                let whole = match group.buckets.get(&low) {
                    Some(named) => {
                        let (keys, aliases) = (&bucket.keys, &bucket.aliases);
                        ct_eq(named, &bucket_digest(self.secrets, &incarnation, at, keys, aliases))
                    }
                    None => empty,
                };
                if !whole {
                    self.doubt(format!("bucket {at:04x} is not as it was written: keys and aliases of it may be missing, and those kept may be older than the last; which cannot be known"));
                }
            }
        }
        Ok(())
    }

    /// The trail as it stands, under its head; or, where that is not to be believed, the events up to the first that is not
    /// in its place.
    fn trail(&mut self) -> Result<()> {
        let id = self.secrets.store_id;
        let head = self.genuine_row(Table::Trail, &id)?;
        let head = head.and_then(|row| Some((row.clone(), Head::edge_of(&row.document, row.revision)?)));
        let (size, root) = (self.was.trail_size, self.was.trail_root);
        let fits = |edge: &RightEdge| edge.size() > size || edge.size() == size && ct_eq(&edge.root(), &root);
        let mut edge = RightEdge::default();
        let size = match head.filter(|(_, edge)| !self.genuine || size == 0 || fits(edge)) {
            Some((row, whole)) => {
                self.rebuild.put(Table::Trail, &id, row)?;
                self.rebuild.trail(whole.size(), whole.root());
                self.events(whole.size(), |_| true)?;
                whole.size()
            }
            None => {
                let secrets = self.secrets;
                self.events(u64::MAX, |event| {
                    let leaf = leaf_hash(event.event.as_bytes());
                    let genuine =
                        event.seq == edge.size() && ct_eq(&event.mac, &secrets.event_mac(event.seq, &leaf));
                    if genuine {
                        edge.push(leaf);
                    }
                    genuine
                })?;
                let size = edge.size();
                self.drop(Table::Trail, &id, &format!("it is not the head that was written; a new one counts the {size} events that are in their places"));
                self.rebuild.trail(size, edge.root());
                size
            }
        };
        let mut covered = 0;
        for place in self.places(Table::Checkpoints)? {
            let Some(row) = self.genuine_row(Table::Checkpoints, &place)? else { continue };
            match <[u8; 8]>::try_from(&place[..]).map(u64::from_be_bytes) {
                Ok(at) if at <= size => {
                    self.rebuild.put(Table::Checkpoints, &place, row)?;
                    covered = at;
                }
                _ => self.drop(Table::Checkpoints, &place, "it covers events that are not there"),
            }
        }
        if edge.size() > 0 {
            self.rebuild.take(Table::Trail, &id, size + 1, Head::anew(edge, covered))?;
        }
        Ok(())
    }

    /// Takes over events below `end` until one is not to be taken, and tells how many are left out.
    fn events(&mut self, end: u64, mut takes: impl FnMut(&EventRow) -> bool) -> Result<()> {
        let (mut from, mut left, mut over) = (0, 0_u64, false);
        loop {
            let mut batch = match self.rows.events(from, BATCH) {
                // One row of the batch has values that it cannot have.
                Err(Error::TrailInvalid { .. }) => match self.rows.events(from, 1) {
                    Err(Error::TrailInvalid { .. }) => {
                        (from, left) = (from + 1, left + 1);
                        continue;
                    }
                    one => one?,
                },
                batch => batch?,
            };
            let Some(last) = batch.last() else { break };
            from = last.seq + 1;
            let all = batch.len() as u64;
            batch.retain(|event| {
                over = over || event.seq >= end || !takes(event);
                !over
            });
            left += all - batch.len() as u64;
            self.rebuild.events(&batch)?;
        }
        if left > 0 {
            self.told
                .dropped
                .push(format!("events: {left} are not in the places that the trail's head counts"));
        }
        Ok(())
    }

    /// Hands on each genuine row of a table, and tells the others.
    fn each(
        &mut self,
        table: Table,
        mut take: impl FnMut(&mut Self, &[u8], Row) -> Result<()>,
    ) -> Result<()> {
        for place in self.places(table)? {
            if let Some(row) = self.genuine_row(table, &place)? {
                take(self, &place, row)?;
            }
        }
        Ok(())
    }

    /// The same for keys and aliases, with what stands in each bucket, be it genuine or not.
    fn every(
        &mut self,
        table: Table,
        buckets: &mut BTreeMap<u16, Bucket>,
        mut take: impl FnMut(&mut Self, &[u8], Row) -> Result<()>,
    ) -> Result<()> {
        for place in self.places(table)? {
            if let Some(row) = lenient(self.rows, table, &place)? {
                let entry = Entry { place: place.clone(), revision: row.revision, mac: row.mac };
                buckets.entry(bucket_of(&place)).or_default().entries_mut(table).push(entry);
                if self.secrets.verify(table, &self.was.incarnation, &place, &row).is_ok() {
                    take(self, &place, row)?;
                    continue;
                }
            }
            self.drop(table, &place, "it was not written by this store");
        }
        Ok(())
    }

    fn genuine_row(&mut self, table: Table, place: &[u8]) -> Result<Option<Row>> {
        let row = lenient(self.rows, table, place)?;
        let row = row.filter(|row| self.secrets.verify(table, &self.was.incarnation, place, row).is_ok());
        // Keys are read twice, and told the first time.
        if row.is_none() && !matches!(table, Table::Keys | Table::Trail) {
            self.drop(table, place, "it was not written by this store");
        }
        Ok(row)
    }

    fn places(&mut self, table: Table) -> Result<Vec<Vec<u8>>> {
        places(self.rows, table)
    }

    fn drop(&mut self, table: Table, place: &[u8], why: &str) {
        if let Error::StoreIntegrity { what } = table.broken(place, why) {
            tell(&mut self.told.dropped, what.into());
        }
    }

    fn doubt(&mut self, what: String) {
        tell(&mut self.told.doubtful, what);
    }
}

fn tell(told: &mut Vec<String>, what: String) {
    match told.len() {
        ..TOLD => told.push(what),
        TOLD => told.push("and more".into()),
        _ => {}
    }
}

/// The lives of a store whose manifest is lost, by the numbers that its keys' next versions have come to.
fn highest_life(rows: &mut dyn Transaction, secrets: &Secrets, was: &Manifest) -> Result<u64> {
    let mut life = 1;
    for place in places(rows, Table::Keys)? {
        let Some(row) = lenient(rows, Table::Keys, &place)? else { continue };
        if secrets.verify(Table::Keys, &was.incarnation, &place, &row).is_ok() {
            life = life.max(u64::from(read_key(&place, &row)?.next_version / 65_536) + 1);
        }
    }
    Ok(life)
}

fn places(rows: &mut dyn Transaction, table: Table) -> Result<Vec<Vec<u8>>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        let after = all.last().cloned().unwrap_or_default();
        let batch = rows.places(table, &after, BATCH)?;
        match batch.is_empty() {
            true => return Ok(all),
            false => all.extend(batch),
        }
    }
}

/// A row; `None` also where a column of it has a value that it cannot have.
pub(super) fn lenient(rows: &mut dyn Transaction, table: Table, place: &[u8]) -> Result<Option<Row>> {
    match rows.get(table, place) {
        Err(Error::StoreIntegrity { .. }) => Ok(None),
        row => row,
    }
}

fn read_key(place: &[u8], row: &Row) -> Result<KeyDocument> {
    KeyDocument::read(&row.document, row.revision)
        .map_err(|unreadable| unreadable.error(&format!("keys row {}", hex(place))))
}
