//! A store's rows as a new incarnation of it: every row sealed anew, the tree made from what is there, version numbers
//! at the next multiple of 65,536. Restore and repair end here.

use std::collections::{BTreeMap, BTreeSet};

use super::backend::{Access, Backend, Entry, EventRow, Row, Table, Transaction};
use super::backup::Taker;
use super::clock::Opening;
use super::document::{AliasDocument, KeyDocument};
use super::epochs::Mark;
use super::founding::put_manifest;
use super::json::hex;
use super::known::Held;
use super::manifest::{Group, Manifest, bucket_digest, roots_digest};
use super::names::KeyId;
#[cfg_attr(not(feature = "sqlite"), allow(unused_imports))] // a change of root is a store's on disk
use super::reseal::{Reseal, Resealed};
use super::secrets::Secrets;
use super::snapshot::{BUCKET_LIMIT, Bucket, ROOTS_LIMIT, Snapshot, bucket_of, page_place};
use super::types::{KeyState, VersionState};
use super::version::{PageDocument, VersionDocument};
use crate::audit::leaf_hash;
#[cfg_attr(not(feature = "sqlite"), allow(unused_imports))]
use crate::crypto::{ct_eq, ed25519_public, fill_random};
use crate::error::{Error, Result};

/// Version numbers of a new incarnation begin at a multiple of this.
const BLOCK: u32 = 65_536;

pub(super) struct Rebuild<'a> {
    secrets: &'a Secrets,
    /// Where the rows are of other secrets.
    reseal: Option<Reseal<'a>>,
    /// Buckets that got members in an order that is not theirs: read again at the end.
    members: BTreeSet<u16>,
    rows: Box<dyn Transaction + 'a>,
    /// The manifest of the incarnation that was.
    was: Manifest,
    now: Manifest,
    destroyed: BTreeSet<[u8; 16]>,
    /// Those of them that were still alive in the rows that came.
    buried: BTreeSet<[u8; 16]>,
    /// MACs of pages as their keys name them, and the pages.
    pages: BTreeMap<Vec<u8>, ([u8; 32], PageDocument)>,
    /// Those that may still get members, and the digests of the others.
    buckets: BTreeMap<u16, Bucket>,
    groups: BTreeMap<u8, Group>,
}

impl<'a> Rebuild<'a> {
    /// `was` is the manifest of the rows to come, `seen` what is known of the store from elsewhere, `destroyed` the keys
    /// that must not come back.
    pub(super) fn begin(
        backend: &'a dyn Backend,
        secrets: &'a Secrets,
        was: Manifest,
        seen: Mark,
        destroyed: &[[u8; 16]],
    ) -> Result<Rebuild<'a>> {
        let mut rows = backend.begin(Access::Write)?;
        let mut incarnation = [0; 16];
        fill_random(&mut incarnation)?;
        let mut now = was.clone();
        now.schema = rows.schema()?;
        now.begin_life(incarnation, seen);
        let destroyed = destroyed.iter().copied().collect();
        now.keys = 0;
        Ok(Rebuild {
            secrets,
            reseal: None,
            members: BTreeSet::new(),
            rows,
            was,
            now,
            destroyed,
            buried: BTreeSet::new(),
            pages: BTreeMap::new(),
            buckets: BTreeMap::new(),
            groups: BTreeMap::new(),
        })
    }

    /// The rows to come are of other secrets than those that the store is to have. Its root slots are [taken](Self::take)
    /// apart; checkpoints are not: they are signed by the seed that was.
    #[cfg(feature = "sqlite")]
    pub(super) fn reseal(&mut self, reseal: Reseal<'a>) {
        self.now.admin_public = self.secrets.store_secret.admin.as_ref().map(ed25519_public);
        self.reseal = Some(reseal);
    }

    /// What became of the keys that were resealed.
    #[cfg(feature = "sqlite")]
    pub(super) fn resealed(&mut self) -> Resealed {
        self.reseal.as_mut().map(|reseal| std::mem::take(&mut reseal.told)).unwrap_or_default()
    }

    /// Takes a row that verifies under the incarnation that was. A key's pages come before the key.
    pub(super) fn put(&mut self, table: Table, place: &[u8], row: Row) -> Result<()> {
        if matches!(table, Table::Manifest | Table::Groups | Table::Approvals) {
            // Made anew; approvals are for the incarnation that was.
            return Ok(());
        }
        let from = self.reseal.as_ref().map_or(self.secrets, |reseal| reseal.from);
        from.verify(table, &self.was.incarnation, place, &row)?;
        match table {
            Table::Roots | Table::Checkpoints if self.reseal.is_some() => Ok(()),
            Table::Pages => {
                let page = PageDocument::read(&row.document)
                    .map_err(|unreadable| unreadable.error(&format!("pages row {}", hex(place))))?;
                self.pages.insert(place.to_vec(), (row.mac, page));
                Ok(())
            }
            Table::Keys => self.put_key(place, &row),
            Table::Aliases => {
                let alias = AliasDocument::read(&row.document)
                    .map_err(|unreadable| unreadable.error(&format!("aliases row {}", hex(place))))?;
                match self.destroyed.contains(&alias.key_id.0) {
                    // A tombstone bears no alias.
                    true => Ok(()),
                    false => {
                        let (_, name) = place.split_at_checked(2).unwrap_or_default();
                        let place = self.secrets.place(table, name);
                        self.put_member(table, &place, row.revision, row.document)
                    }
                }
            }
            _ => {
                let mac = self.write(table, place, row.revision, row.document)?;
                if table == Table::Settings {
                    self.now.settings = mac;
                }
                Ok(())
            }
        }
    }

    /// Takes events as they are: their MACs are not of an incarnation.
    pub(super) fn events(&mut self, events: &[EventRow]) -> Result<()> {
        if self.reseal.is_none() {
            return self.rows.append_events(events);
        }
        let anew = |row: &EventRow| {
            let mac = self.secrets.event_mac(row.seq, &leaf_hash(row.event.as_bytes()));
            EventRow { mac, event: row.event.clone(), ..*row }
        };
        self.rows.append_events(&events.iter().map(anew).collect::<Vec<_>>())
    }

    /// Says that no key or alias of a bucket before this one is to come.
    pub(super) fn close_before(&mut self, number: u16) {
        let later = self.buckets.split_off(&number);
        let earlier = std::mem::replace(&mut self.buckets, later);
        earlier.into_iter().for_each(|(number, bucket)| self.close(number, bucket));
    }

    fn close(&mut self, number: u16, mut bucket: Bucket) {
        let [high, low] = number.to_be_bytes();
        bucket.keys.sort_by(|a, b| a.place.cmp(&b.place));
        bucket.aliases.sort_by(|a, b| a.place.cmp(&b.place));
        let incarnation = &self.now.incarnation;
        let digest = bucket_digest(self.secrets, incarnation, number, &bucket.keys, &bucket.aliases);
        self.groups.entry(high).or_default().buckets.insert(low, digest);
        self.now.keys += bucket.keys.len() as u64;
    }

    /// Writes the tree and the manifest, and commits. The state that the store is in then.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(super) fn finish(self) -> Result<Manifest> {
        self.finish_with(|_| Ok(()))
    }

    /// The same, with the event that `tell` appends.
    pub(super) fn finish_with(
        mut self,
        tell: impl FnOnce(&mut Snapshot<'_>) -> Result<()>,
    ) -> Result<Manifest> {
        for number in std::mem::take(&mut self.members) {
            let mut bucket = Bucket::default();
            for table in [Table::Keys, Table::Aliases] {
                *bucket.entries_mut(table) = self.rows.index(table, &number.to_be_bytes(), BUCKET_LIMIT)?;
            }
            self.close(number, bucket);
        }
        let rest = std::mem::take(&mut self.buckets);
        rest.into_iter().for_each(|(number, bucket)| self.close(number, bucket));
        for (number, group) in std::mem::take(&mut self.groups) {
            let mac = self.write(Table::Groups, &[number], 1, group.write())?;
            self.now.groups.insert(number, mac);
        }
        self.now.approvals = None;
        let slots = self.rows.index(Table::Roots, &[], ROOTS_LIMIT)?;
        self.now.roots = roots_digest(self.secrets, &self.now.incarnation, &slots);
        self.now.advance(Opening([0; 8]));
        let mut snapshot = Snapshot {
            rows: self.rows,
            secrets: self.secrets,
            manifest: Held::new(self.now),
            groups: BTreeMap::new(),
            buckets: BTreeMap::new(),
        };
        tell(&mut snapshot)?;
        put_manifest(&mut snapshot, None, None)?;
        let manifest = Manifest::clone(&snapshot.manifest);
        super::failpoint::hit("before rebuilt");
        snapshot.rows.commit()?;
        Ok(manifest)
    }

    /// Takes a row for what it says, whether it verifies or not.
    pub(super) fn take(&mut self, table: Table, place: &[u8], revision: u64, document: String) -> Result<()> {
        self.write(table, place, revision, document).map(drop)
    }

    /// The same for the settings.
    pub(super) fn take_settings(&mut self, revision: u64, document: String) -> Result<()> {
        let place = self.secrets.store_id;
        self.now.settings = self.write(Table::Settings, &place, revision, document)?;
        Ok(())
    }

    /// The size and the root of the trail that is taken.
    pub(super) fn trail(&mut self, size: u64, root: [u8; 32]) {
        (self.now.trail_size, self.now.trail_root) = (size, root);
    }

    /// Whether a page that was put is the one with this MAC.
    pub(super) fn has_page(&self, place: &[u8], mac: &[u8; 32]) -> bool {
        self.pages.get(place).is_some_and(|(found, _)| ct_eq(found, mac))
    }

    /// The places of pages that no key has taken.
    pub(super) fn pages_left(&self) -> Vec<Vec<u8>> {
        self.pages.keys().cloned().collect()
    }

    /// A key with those of its pages that are there.
    pub(super) fn put_key_with(
        &mut self,
        place: &[u8],
        mut key: KeyDocument,
        pages: &[(Vec<u8>, [u8; 32])],
    ) -> Result<()> {
        let there: Vec<_> = pages.iter().filter_map(|(at, _)| self.pages.remove(at)).collect();
        for (number, page) in there.into_iter().enumerate() {
            self.pages.insert(page_place(key.id, number), page);
        }
        key.pages = pages.iter().map(|(_, mac)| *mac).collect();
        self.put_document(place, key)
    }

    /// An alias of a key, unless that became a tombstone.
    pub(super) fn put_alias(
        &mut self,
        place: &[u8],
        key: KeyId,
        revision: u64,
        document: String,
    ) -> Result<()> {
        match self.buried.contains(&key.0) {
            true => Ok(()),
            false => self.put_member(Table::Aliases, place, revision, document),
        }
    }

    fn put_key(&mut self, place: &[u8], row: &Row) -> Result<()> {
        let key = KeyDocument::read(&row.document, row.revision)
            .map_err(|unreadable| unreadable.error(&format!("keys row {}", hex(place))))?;
        self.put_document(place, key)
    }

    fn put_document(&mut self, place: &[u8], mut key: KeyDocument) -> Result<()> {
        let gone = self.destroyed.contains(&key.id.0) && key.state != KeyState::Destroyed;
        if gone {
            self.buried.insert(key.id.0);
            key.state = KeyState::Destroyed;
            key.state_reason = Some("destroyed after the backup was made".into());
            key.deletion_date = Some(super::time::Time::now());
            key.grants.clear();
            key.aliases.clear();
            key.versions.iter_mut().for_each(bury);
            key.pending = None;
        }
        let mut pages = Vec::with_capacity(key.pages.len());
        for number in 0..key.pages.len() {
            let at = page_place(key.id, number);
            let named = self.pages.remove(&at).filter(|(mac, _)| ct_eq(mac, &key.pages[number]));
            let missing = || Table::Pages.broken(&at, "it is not the page its key names");
            let (_, mut page) = named.ok_or_else(missing)?;
            if gone {
                page.versions.iter_mut().for_each(bury);
            }
            pages.push(page);
        }
        key.next_version = self.next_version(key.next_version)?;
        key.revision += 1;
        let mut place = place.to_vec();
        if let Some(reseal) = &mut self.reseal {
            reseal.key(self.secrets, &mut key, &mut pages)?;
            place = self.secrets.key_place(key.id);
        }
        key.pages.clear();
        for (number, page) in pages.iter().enumerate() {
            let at = page_place(key.id, number);
            key.pages.push(self.write(Table::Pages, &at, 1, page.write())?);
        }
        self.put_member(Table::Keys, &place, key.revision, key.write())
    }

    /// The next multiple of 65,536; later ones where this store was restored before.
    fn next_version(&self, next: u32) -> Result<u32> {
        let block = u64::from(next / BLOCK + 1).max(self.now.life - 1);
        let number = block.checked_mul(u64::from(BLOCK)).and_then(|number| u32::try_from(number).ok());
        number.ok_or(Error::LimitExceeded { what: "incarnations of a store", limit: u64::from(BLOCK) - 1 })
    }

    fn put_member(&mut self, table: Table, place: &[u8], revision: u64, document: String) -> Result<()> {
        let mac = self.write(table, place, revision, document)?;
        if self.reseal.is_some() {
            self.members.insert(bucket_of(place));
            return Ok(());
        }
        let bucket = self.buckets.entry(bucket_of(place)).or_default();
        bucket.entries_mut(table).push(Entry { place: place.to_vec(), revision, mac });
        Ok(())
    }

    fn write(&mut self, table: Table, place: &[u8], revision: u64, document: String) -> Result<[u8; 32]> {
        let row = self.secrets.seal(table, &self.now.incarnation, place, revision, document);
        self.rows.put_if(table, place, None, &row)?;
        Ok(row.mac)
    }
}

impl Taker for Rebuild<'_> {
    fn row(&mut self, table: Table, place: &[u8], row: &Row) -> Result<()> {
        self.put(table, place, row.clone())
    }

    fn event(&mut self, event: &EventRow) -> Result<()> {
        self.events(std::slice::from_ref(event))
    }
}

/// Takes a version's material away: what was never in this file needs no scrubbing.
fn bury(version: &mut VersionDocument) {
    version.state = VersionState::Destroyed;
    version.nonce = [0; 24];
    version.wrapped.clear();
}
