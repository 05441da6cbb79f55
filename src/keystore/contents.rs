//! What a backup holds, held against what its manifest says: the tree, row by row in its own order, and the trail. Memory
//! for one bucket and one key's pages. Used while a backup is written, and while one is read.

use std::collections::BTreeMap;

use super::backend::{Entry, EventRow, Row, Table};
use super::document::{KeyDocument, PAGES};
use super::manifest::{Group, Manifest, bucket_digest, roots_digest};
use super::secrets::Secrets;
use super::snapshot::{Bucket, ROOTS_LIMIT, bucket_of, page_place};
use super::trail::Head;
use crate::audit::{RightEdge, leaf_hash};
use crate::crypto::ct_eq;
use crate::error::{Error, Result};

pub(super) struct Contents<'a> {
    secrets: &'a Secrets,
    manifest: Manifest,
    roots: Vec<Entry>,
    groups: BTreeMap<u8, Group>,
    /// The bucket whose members are coming.
    bucket: Option<(u16, Bucket)>,
    /// MACs of the pages of the key that comes next.
    pages: BTreeMap<Vec<u8>, [u8; 32]>,
    keys: u64,
    head: Option<RightEdge>,
    edge: RightEdge,
}

impl<'a> Contents<'a> {
    /// `manifest` has verified; settings are held against it by the caller.
    pub(super) fn begin(secrets: &'a Secrets, manifest: &Manifest) -> Contents<'a> {
        Contents {
            secrets,
            manifest: manifest.clone(),
            roots: Vec::new(),
            groups: BTreeMap::new(),
            bucket: None,
            pages: BTreeMap::new(),
            keys: 0,
            head: None,
            edge: RightEdge::default(),
        }
    }

    /// The next row: roots, groups, then bucket by bucket each key after its pages and then the aliases, then what is
    /// outside the tree.
    ///
    /// # Errors
    /// STORE_INTEGRITY, TRAIL_INVALID.
    pub(super) fn row(&mut self, table: Table, place: &[u8], row: &Row) -> Result<()> {
        self.secrets.verify(table, &self.manifest.incarnation, place, row)?;
        match table {
            Table::Manifest | Table::Settings => Err(table.broken(place, "there is more than one")),
            Table::Roots if self.roots.len() == ROOTS_LIMIT => Err(table.broken(place, "there are too many")),
            Table::Roots => {
                self.roots.push(entry(place, row));
                Ok(())
            }
            Table::Groups => self.group(place, row),
            Table::Pages if self.pages.len() == PAGES => Err(table.broken(place, "there are too many")),
            Table::Pages => {
                self.pages.insert(place.to_vec(), row.mac);
                Ok(())
            }
            Table::Keys => self.key(place, row),
            Table::Aliases => self.member(table, place, row),
            Table::Trail => {
                self.head = Head::edge_of(&row.document, row.revision);
                match &self.head {
                    Some(_) if place == self.secrets.store_id => Ok(()),
                    _ => Err(invalid("its head does not fit together".into())),
                }
            }
            Table::Approvals | Table::GrantUses | Table::Counters | Table::Checkpoints => Ok(()),
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// TRAIL_INVALID.
    pub(super) fn event(&mut self, event: &EventRow) -> Result<()> {
        let seq = self.edge.size();
        if event.seq != seq {
            return Err(invalid(format!("event {seq} is missing")));
        }
        let leaf = leaf_hash(event.event.as_bytes());
        if !ct_eq(&event.mac, &self.secrets.event_mac(seq, &leaf)) {
            return Err(invalid(format!("event {seq} is not as it was written")));
        }
        self.edge.push(leaf);
        let named = self.edge.size() == self.manifest.trail_size;
        match named && !ct_eq(&self.edge.root(), &self.manifest.trail_root) {
            true => Err(invalid(format!("its first {} events are not those the manifest names", seq + 1))),
            false => Ok(()),
        }
    }

    /// Whether all came. The number of events.
    ///
    /// # Errors
    /// STORE_INTEGRITY, TRAIL_INVALID.
    pub(super) fn end(mut self) -> Result<u64> {
        self.close()?;
        let broken = |what: String| Err(Error::StoreIntegrity { what: what.into() });
        let missing = self.groups.iter().find(|(_, group)| !group.buckets.is_empty());
        if let Some((high, group)) = missing {
            let low = group.buckets.keys().next().copied().unwrap_or_default();
            return broken(format!("bucket {high:02x}{low:02x}: it is missing"));
        }
        if let Some(number) = self.manifest.groups.keys().find(|number| !self.groups.contains_key(number)) {
            return broken(format!("groups row {number:02x}: it is missing"));
        }
        if self.keys != self.manifest.keys || !self.pages.is_empty() {
            return broken("it has not the keys and pages that its manifest counts".into());
        }
        self.roots.sort_by(|a, b| a.place.cmp(&b.place));
        if !ct_eq(&roots_digest(self.secrets, &self.manifest.incarnation, &self.roots), &self.manifest.roots)
        {
            return broken("roots: the root slots are not those the manifest names".into());
        }
        let head = self.head.unwrap_or_default();
        if head.size() != self.edge.size() || head.size() < self.manifest.trail_size {
            return Err(invalid(format!(
                "it has {} events; its head counts {}",
                self.edge.size(),
                head.size()
            )));
        }
        match ct_eq(&head.root(), &self.edge.root()) {
            true => Ok(self.edge.size()),
            false => Err(invalid("its events do not come to what its head says".into())),
        }
    }

    fn group(&mut self, place: &[u8], row: &Row) -> Result<()> {
        let named = match place {
            [number] => self.manifest.groups.get(number).filter(|mac| ct_eq(*mac, &row.mac)).map(|_| *number),
            _ => None,
        };
        let number =
            named.ok_or_else(|| Table::Groups.broken(place, "it is not the row the manifest names"))?;
        let group = Group::read(&row.document, row.revision)
            .map_err(|unreadable| unreadable.error(&format!("groups row {number:02x}")))?;
        match self.groups.insert(number, group) {
            None => Ok(()),
            Some(_) => Err(Table::Groups.broken(place, "it comes twice")),
        }
    }

    fn key(&mut self, place: &[u8], row: &Row) -> Result<()> {
        let key = KeyDocument::read(&row.document, row.revision)
            .map_err(|unreadable| unreadable.error("a keys row"))?;
        for (number, mac) in key.pages.iter().enumerate() {
            let at = page_place(key.id, number);
            if !self.pages.remove(&at).is_some_and(|found| ct_eq(&found, mac)) {
                return Err(Table::Pages.broken(&at, "it is not the page its key names"));
            }
        }
        if let Some(at) = self.pages.keys().next() {
            return Err(Table::Pages.broken(at, "its key does not name it"));
        }
        self.keys += 1;
        self.member(Table::Keys, place, row)
    }

    fn member(&mut self, table: Table, place: &[u8], row: &Row) -> Result<()> {
        let number = bucket_of(place);
        match &self.bucket {
            Some((under_way, _)) if *under_way == number => {}
            Some((under_way, _)) if *under_way > number => {
                return Err(table.broken(place, "it does not come in its bucket"));
            }
            _ => {
                self.close()?;
                self.bucket = Some((number, Bucket::default()));
            }
        }
        if let Some((_, bucket)) = &mut self.bucket {
            bucket.entries_mut(table).push(entry(place, row));
        }
        Ok(())
    }

    /// Holds the bucket that is whole now against its group.
    fn close(&mut self) -> Result<()> {
        let Some((number, bucket)) = self.bucket.take() else { return Ok(()) };
        let [high, low] = number.to_be_bytes();
        let named = self.groups.get_mut(&high).and_then(|group| group.buckets.remove(&low));
        let incarnation = &self.manifest.incarnation;
        let digest = bucket_digest(self.secrets, incarnation, number, &bucket.keys, &bucket.aliases);
        match named.is_some_and(|named| ct_eq(&named, &digest)) {
            true => Ok(()),
            false => Err(Error::StoreIntegrity {
                what: format!("bucket {number:04x}: keys and aliases are not those that were written").into(),
            }),
        }
    }
}

fn entry(place: &[u8], row: &Row) -> Entry {
    Entry { place: place.to_vec(), revision: row.revision, mac: row.mac }
}

fn invalid(what: String) -> Error {
    Error::TrailInvalid { what: what.into() }
}
