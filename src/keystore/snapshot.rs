//! Reading: everything is verified upwards, from the row over its bucket and group to the manifest, in one snapshot.
//! "Not found" is an answer with a proof: the bucket lists all it has.

use std::collections::BTreeMap;

use super::admin;
use super::backend::{Access, Backend, Entry, Row, Table, Transaction};
use super::document::{AliasDocument, KeyDocument, Unreadable, VERSIONS_A_PAGE};
use super::epochs::{Mark, Seen};
use super::json::hex;
use super::known::Held;
use super::manifest::{Group, Manifest, Settings, bucket_digest, roots_digest};
use super::names::{Alias, KeyId, KeyName};
use super::secrets::Secrets;
use super::version::{PageDocument, VersionDocument};
use crate::crypto::ct_eq;
use crate::error::{Error, Result};

/// Rows that one bucket may hold. A million keys with an alias each make 31 a bucket on average.
pub(super) const BUCKET_LIMIT: usize = 4_096;
pub(super) const ROOTS_LIMIT: usize = 16;

/// One verified state of the store.
pub(super) struct Snapshot<'a> {
    pub(super) rows: Box<dyn Transaction + 'a>,
    pub(super) secrets: &'a Secrets,
    pub(super) manifest: Held<Manifest>,
    pub(super) groups: BTreeMap<u8, Held<Group>>,
    pub(super) buckets: BTreeMap<u16, Bucket>,
}

/// What a bucket holds, its digest verified.
#[derive(Clone, Default)]
pub(super) struct Bucket {
    pub(super) keys: Vec<Entry>,
    pub(super) aliases: Vec<Entry>,
}

impl Bucket {
    pub(super) fn entries(&self, table: Table) -> &[Entry] {
        if table == Table::Keys { &self.keys } else { &self.aliases }
    }
    pub(super) fn entries_mut(&mut self, table: Table) -> &mut Vec<Entry> {
        if table == Table::Keys { &mut self.keys } else { &mut self.aliases }
    }
}

impl<'a> Snapshot<'a> {
    /// Begins a transaction and verifies the manifest, schema and epoch it shows. Nothing of it is true for others before
    /// [`Snapshot::end`]: a file read past its locks may have moved.
    pub(super) fn begin(
        backend: &'a dyn Backend,
        secrets: &'a Secrets,
        seen: &Seen,
        access: Access,
    ) -> Result<Snapshot<'a>> {
        let before = seen.mark();
        Snapshot::of(backend.begin(access)?, before, secrets, seen)
    }

    /// The same for writing, if nobody else writes at the moment; else STORE_BUSY at once.
    pub(super) fn try_begin(
        backend: &'a dyn Backend,
        secrets: &'a Secrets,
        seen: &Seen,
    ) -> Result<Snapshot<'a>> {
        let before = seen.mark();
        Snapshot::of(backend.try_begin()?, before, secrets, seen)
    }

    fn of(
        mut rows: Box<dyn Transaction + 'a>,
        before: Mark,
        secrets: &'a Secrets,
        seen: &Seen,
    ) -> Result<Snapshot<'a>> {
        let manifest = read_manifest(&mut *rows, secrets, before)?;
        seen.check(before, manifest.mark())?;
        Ok(Snapshot { rows, secrets, manifest, groups: BTreeMap::new(), buckets: BTreeMap::new() })
    }

    /// Ends a snapshot that was read, and takes note of its epoch. STORE_BUSY: what was read is worth nothing.
    pub(super) fn end(self, seen: &Seen) -> Result<()> {
        let mark = self.manifest.mark();
        self.rows.commit()?;
        seen.note(mark);
        Ok(())
    }

    /// The key that goes by this name. KEY_NOT_FOUND is proved.
    pub(super) fn key(&mut self, name: &KeyName) -> Result<KeyDocument> {
        let not_found = || Error::KeyNotFound { name: name.to_string().into() };
        match name {
            KeyName::Id(id) => self.key_by_id(*id)?.ok_or_else(not_found),
            KeyName::Alias(alias) => {
                let id = self.alias(alias)?.ok_or_else(not_found)?.1.key_id;
                self.claimed(alias, id)
            }
        }
    }

    pub(super) fn key_by_id(&mut self, id: KeyId) -> Result<Option<KeyDocument>> {
        let place = self.secrets.key_place(id);
        let Some(row) = self.member(Table::Keys, &place)? else { return Ok(None) };
        let document = KeyDocument::read(&row.document, row.revision)
            .map_err(|unreadable| unreadable.error(&format!("keys row {id}")))?;
        match document.id == id {
            true => Ok(Some(document)),
            false => Err(Table::Keys.broken(&place, "it holds another key")),
        }
    }

    /// Where an alias leads, with its row's revision.
    pub(super) fn alias(&mut self, alias: &Alias) -> Result<Option<(u64, AliasDocument)>> {
        let place = self.secrets.place(Table::Aliases, alias.as_str().as_bytes());
        let Some(row) = self.member(Table::Aliases, &place)? else { return Ok(None) };
        let document = AliasDocument::read(&row.document)
            .map_err(|unreadable| unreadable.error(&format!("aliases row {alias}")))?;
        Ok(Some((row.revision, document)))
    }

    /// The key that an alias row leads to; it must claim the alias.
    pub(super) fn claimed(&mut self, alias: &Alias, id: KeyId) -> Result<KeyDocument> {
        let broken = |why: &str| Error::StoreIntegrity { what: format!("aliases row {alias}: {why}").into() };
        let document = self.key_by_id(id)?.ok_or_else(|| broken("its key is missing"))?;
        match document.aliases.binary_search(alias) {
            Ok(_) => Ok(document),
            Err(_) => Err(broken("its key does not bear it")),
        }
    }

    /// All versions of a key, oldest first.
    pub(super) fn versions(&mut self, document: &KeyDocument) -> Result<Vec<VersionDocument>> {
        let mut all = Vec::with_capacity(document.pages.len() * VERSIONS_A_PAGE + document.versions.len());
        for number in 0..document.pages.len() {
            all.extend(self.page(document, number)?.1.versions);
        }
        all.extend(document.versions.iter().cloned());
        Ok(all)
    }

    /// A page of a key's older versions, which its document names by MAC; with the row's revision.
    pub(super) fn page(&mut self, document: &KeyDocument, number: usize) -> Result<(u64, PageDocument)> {
        let place = page_place(document.id, number);
        let row = self.rows.get(Table::Pages, &place)?;
        let row = row.ok_or_else(|| Table::Pages.broken(&place, "it is missing"))?;
        if !ct_eq(&row.mac, &document.pages[number]) {
            return Err(Table::Pages.broken(&place, "it is not the page its key names"));
        }
        self.secrets.verify(Table::Pages, &self.manifest.incarnation, &place, &row)?;
        let page = PageDocument::read(&row.document)
            .map_err(|unreadable| unreadable.error(&format!("pages row {}", hex(&place))))?;
        Ok((row.revision, page))
    }

    pub(super) fn settings(&mut self) -> Result<Settings> {
        let store_id = self.secrets.store_id;
        let row = self.rows.get(Table::Settings, &store_id)?;
        let row = row.ok_or_else(|| Table::Settings.broken(&store_id, "it is missing"))?;
        if !ct_eq(&row.mac, &self.manifest.settings) {
            return Err(Table::Settings.broken(&store_id, "it is not the one the manifest names"));
        }
        self.secrets.verify(Table::Settings, &self.manifest.incarnation, &store_id, &row)?;
        Settings::read(&row.document).map_err(|unreadable| unreadable.error("settings"))
    }

    /// The root slots' rows, all verified.
    pub(super) fn root_rows(&mut self) -> Result<Vec<(Entry, Row)>> {
        let entries = self.rows.index(Table::Roots, &[], ROOTS_LIMIT)?;
        let digest = roots_digest(self.secrets, &self.manifest.incarnation, &entries);
        if !ct_eq(&digest, &self.manifest.roots) {
            return Err(Error::StoreIntegrity {
                what: "roots: the root slots are not those the manifest names".into(),
            });
        }
        let row = |entry: Entry| {
            let row = self.rows.get(Table::Roots, &entry.place)?;
            let row = row.ok_or_else(|| Table::Roots.broken(&entry.place, "it is missing"))?;
            self.secrets.verify(Table::Roots, &self.manifest.incarnation, &entry.place, &row)?;
            Ok((entry, row))
        };
        entries.into_iter().map(row).collect()
    }

    /// A row of a bucket: as the bucket lists it, and verified. `None` when the bucket does not list it.
    fn member(&mut self, table: Table, place: &[u8]) -> Result<Option<Row>> {
        let bucket = self.bucket(bucket_of(place))?;
        let entries = bucket.entries(table);
        let Ok(at) = entries.binary_search_by(|entry| entry.place.as_slice().cmp(place)) else {
            return Ok(None);
        };
        let listed = entries[at].clone();
        let row = self.rows.get(table, place)?.ok_or_else(|| table.broken(place, "it is missing"))?;
        if row.revision != listed.revision || !ct_eq(&row.mac, &listed.mac) {
            return Err(table.broken(place, "it is not the row its bucket lists"));
        }
        self.secrets.verify(table, &self.manifest.incarnation, place, &row)?;
        Ok(Some(row))
    }

    /// All members of a bucket, verified against its group.
    pub(super) fn bucket(&mut self, number: u16) -> Result<&Bucket> {
        if !self.buckets.contains_key(&number) {
            let [high, low] = number.to_be_bytes();
            let named = self.group(high)?.buckets.get(&low).copied();
            let prefix = number.to_be_bytes();
            let bucket = Bucket {
                keys: self.rows.index(Table::Keys, &prefix, BUCKET_LIMIT)?,
                aliases: self.rows.index(Table::Aliases, &prefix, BUCKET_LIMIT)?,
            };
            let digest = bucket_digest(
                self.secrets,
                &self.manifest.incarnation,
                number,
                &bucket.keys,
                &bucket.aliases,
            );
            let empty = bucket.keys.is_empty() && bucket.aliases.is_empty();
            if !match named {
                Some(named) => ct_eq(&digest, &named),
                None => empty,
            } {
                return Err(Error::StoreIntegrity {
                    what: format!("bucket {number:04x}: keys and aliases are not those that were written ({} and {} rows)", bucket.keys.len(), bucket.aliases.len()).into(),
                });
            }
            self.buckets.insert(number, bucket);
        }
        Ok(&self.buckets[&number])
    }

    /// A group of buckets, verified against the manifest.
    pub(super) fn group(&mut self, number: u8) -> Result<&mut Held<Group>> {
        if !self.groups.contains_key(&number) {
            let row = self.rows.get(Table::Groups, &[number])?;
            let group = match (self.manifest.groups.get(&number), row) {
                (None, None) => Held::new(Group::default()),
                (Some(named), Some(row)) if ct_eq(named, &row.mac) => {
                    self.secrets.verify(Table::Groups, &self.manifest.incarnation, &[number], &row)?;
                    match self.secrets.known.group(number, named) {
                        Some(group) => group,
                        None => {
                            let group = Group::read(&row.document, row.revision).map_err(|unreadable| {
                                unreadable.error(&format!("groups row {number:02x}"))
                            })?;
                            let group = Held::new(group);
                            self.secrets.known.keep_group(number, *named, group.clone());
                            group
                        }
                    }
                }
                _ => return Err(Table::Groups.broken(&[number], "it is not the row the manifest names")),
            };
            self.groups.insert(number, group);
        }
        // Just put there.
        self.groups.get_mut(&number).ok_or(Error::Internal { what: "a group was lost" })
    }
}

/// The one manifest, verified: MAC, identity, signature, schema.
fn read_manifest(rows: &mut dyn Transaction, secrets: &Secrets, before: Mark) -> Result<Held<Manifest>> {
    let place = &secrets.store_id;
    let known = match secrets.known.manifest() {
        Some(known)
            if the_manifest(rows)?.place == place && rows.holds(Table::Manifest, place, &known.0)? =>
        {
            Some(known.1.clone())
        }
        _ => None,
    };
    let manifest = match known {
        Some(known) => known,
        None => {
            let Claimed { store_id, incarnation, row } = claimed_manifest(rows, Some(*place))?;
            secrets.verify(Table::Manifest, &incarnation, &store_id, &row)?;
            let manifest = Manifest::read(&row.document, row.revision, row.mac)
                .map_err(|unreadable| unreadable.error("the store"))?;
            admin::verify(&manifest, &row.document, before)?;
            let manifest = Held::new(manifest);
            secrets.known.keep_manifest(row, manifest.clone());
            manifest
        }
    };
    match rows.schema()? == manifest.schema {
        true => Ok(manifest),
        false => Err(Error::SchemaChanged { what: "it is not the one the manifest names".into() }),
    }
}

/// Who a store says it is, and its manifest's row: all unverified.
pub(super) struct Claimed {
    pub(super) store_id: [u8; 16],
    pub(super) incarnation: [u8; 16],
    pub(super) row: Row,
}

/// What a store says of itself, of the store with this id when one is given.
pub(super) fn claimed_manifest(rows: &mut dyn Transaction, store_id: Option<[u8; 16]>) -> Result<Claimed> {
    let broken = |why: &str| Error::StoreIntegrity { what: format!("manifest: {why}").into() };
    let entry = the_manifest(rows)?;
    let row = rows.get(Table::Manifest, &entry.place)?.ok_or_else(|| broken("it is missing"))?;
    let (store_claimed, incarnation) = super::manifest::claimed_identity(&row.document)
        .map_err(|unreadable: Unreadable| unreadable.error("the store"))?;
    if entry.place != store_claimed || store_id.is_some_and(|id| id != store_claimed) {
        return Err(broken("it is another store's"));
    }
    Ok(Claimed { store_id: store_claimed, incarnation, row })
}

/// The one row that there may be.
fn the_manifest(rows: &mut dyn Transaction) -> Result<Entry> {
    let mut entries = rows.list(Table::Manifest, &[], 2)?;
    match (entries.pop(), entries.is_empty()) {
        (Some(entry), true) => Ok(entry),
        _ => Err(Error::StoreIntegrity { what: "manifest: there is not exactly one".into() }),
    }
}

pub(super) fn bucket_of(place: &[u8]) -> u16 {
    match place {
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

pub(super) fn page_place(id: KeyId, number: usize) -> Vec<u8> {
    [&id.0[..], &(number as u32).to_be_bytes()].concat()
}
