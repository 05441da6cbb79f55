//! What a change writes: each kind of row, sealed, and the bucket it lies in brought up to date.

use super::backend::{Entry, Row, Table, conflict};
use super::change::Change;
use super::document::{AliasDocument, DOCUMENT_LIMIT, KeyDocument, PAGES, VERSIONS_A_PAGE};
use super::manifest::Settings;
use super::names::{Alias, KeyId};
use super::snapshot::{bucket_of, page_place};
use super::version::{PageDocument, VersionDocument};
use crate::crypto::ed25519_public;
use crate::error::{Error, Result};
use crate::secret::Key32;

impl Change<'_> {
    /// Writes a key that is not there yet; `older` are the versions its document does not hold.
    pub(super) fn create_key(&mut self, key: &mut KeyDocument, older: &[VersionDocument]) -> Result<()> {
        for version in older {
            self.page_out(key, version.clone())?;
        }
        key.revision = 1;
        self.tell(key);
        self.snapshot.manifest.keys += 1;
        self.put_key(key, None)
    }

    /// Writes a key over the one that was read in this change.
    pub(super) fn update_key(&mut self, key: &mut KeyDocument) -> Result<()> {
        while key.versions.len() > VERSIONS_A_PAGE {
            let oldest = key.versions.remove(0);
            self.page_out(key, oldest)?;
        }
        let was = key.revision;
        key.revision = was.checked_add(1).ok_or(Error::Internal { what: "a key's revisions are used up" })?;
        self.tell(key);
        self.put_key(key, Some(was))
    }

    /// Points an alias at a key, whose document claims it.
    pub(super) fn put_alias(
        &mut self,
        alias: &Alias,
        was: Option<(u64, AliasDocument)>,
        key: KeyId,
    ) -> Result<()> {
        let place = self.snapshot.secrets.place(Table::Aliases, alias.as_str().as_bytes());
        let (was, mut document) = match was {
            Some((revision, document)) => (Some(revision), document),
            None => (None, AliasDocument::new(key)),
        };
        document.key_id = key;
        let row = self.seal(Table::Aliases, &place, was.unwrap_or(0) + 1, document.write());
        self.put_member(Table::Aliases, place, was, row)
    }

    pub(super) fn remove_alias(&mut self, alias: &Alias, was: u64) -> Result<()> {
        let place = self.snapshot.secrets.place(Table::Aliases, alias.as_str().as_bytes());
        self.snapshot.bucket(bucket_of(&place))?;
        self.snapshot.rows.remove_if(Table::Aliases, &place, was)?;
        self.touch(Table::Aliases, &place, None)
    }

    /// From this change on only who has this seed may change the store. STORE_BUSY where another was quicker.
    pub(super) fn begin_admin(&mut self, seed: Key32) -> Result<()> {
        match self.snapshot.manifest.admin_public.replace(ed25519_public(&seed)) {
            None => self.admin = Some(seed),
            Some(_) => return Err(Error::StoreBusy),
        }
        self.written = true;
        Ok(())
    }

    pub(super) fn put_root(&mut self, slot_id: &[u8; 16], document: String) -> Result<()> {
        let row = self.seal(Table::Roots, slot_id, 1, document);
        self.written = true;
        self.snapshot.rows.put_if(Table::Roots, slot_id, None, &row)
    }

    pub(super) fn remove_root(&mut self, entry: &Entry) -> Result<()> {
        self.written = true;
        self.snapshot.rows.remove_if(Table::Roots, &entry.place, entry.revision)
    }

    /// Writes the settings over those that were read in this change.
    pub(super) fn put_settings(&mut self, settings: &Settings) -> Result<()> {
        let place = self.snapshot.secrets.store_id;
        let row = self.put_single(Table::Settings, &place, settings.write())?;
        self.snapshot.manifest.settings = row;
        Ok(())
    }

    /// Writes the row of approvals.
    pub(super) fn put_approvals(&mut self, document: String) -> Result<()> {
        let place = self.snapshot.secrets.store_id;
        let row = self.put_single(Table::Approvals, &place, document)?;
        self.snapshot.manifest.approvals = Some(row);
        Ok(())
    }

    /// Writes a row that the manifest names; its MAC.
    fn put_single(&mut self, table: Table, place: &[u8], document: String) -> Result<[u8; 32]> {
        let was = self.snapshot.rows.get(table, place)?.map(|row| row.revision);
        let row = self.seal(table, place, was.unwrap_or(0) + 1, document);
        self.written = true;
        self.snapshot.rows.put_if(table, place, was, &row)?;
        Ok(row.mac)
    }

    /// Begins or ends the count of a limited grant's uses. The row is outside the tree.
    pub(super) fn put_uses(&mut self, place: &[u8], document: String) -> Result<()> {
        let row = self.seal(Table::GrantUses, place, 1, document);
        self.snapshot.rows.put_if(Table::GrantUses, place, None, &row)
    }

    pub(super) fn remove_uses(&mut self, place: &[u8]) -> Result<()> {
        match self.snapshot.rows.get(Table::GrantUses, place)? {
            Some(row) => self.snapshot.rows.remove_if(Table::GrantUses, place, row.revision),
            None => Ok(()),
        }
    }

    /// Writes a row as a library of another time might have.
    #[cfg(all(test, feature = "sqlite"))]
    pub(super) fn put_raw(&mut self, table: Table, place: &[u8], document: String) -> Result<[u8; 32]> {
        let was = self.snapshot.rows.get(table, place)?.map(|row| row.revision);
        let row = self.seal(table, place, was.unwrap_or(0) + 1, document);
        let mac = row.mac;
        self.written = true;
        self.authority = super::access::Authority::given();
        match table {
            Table::Keys | Table::Aliases => self.put_member(table, place.to_vec(), was, row)?,
            _ => self.snapshot.rows.put_if(table, place, was, &row)?,
        }
        Ok(mac)
    }

    fn put_key(&mut self, key: &KeyDocument, was: Option<u64>) -> Result<()> {
        let text = key.write();
        if text.len() > DOCUMENT_LIMIT {
            return Err(Error::LimitExceeded { what: "a key's document", limit: DOCUMENT_LIMIT as u64 });
        }
        let place = self.snapshot.secrets.key_place(key.id);
        let row = self.seal(Table::Keys, &place, key.revision, text);
        self.put_member(Table::Keys, place, was, row)
    }

    /// Appends a version to the last page of older ones, or to a new one.
    fn page_out(&mut self, key: &mut KeyDocument, version: VersionDocument) -> Result<()> {
        let last = match key.pages.len().checked_sub(1) {
            Some(number) => Some((number, self.snapshot.page(key, number)?)),
            None => None,
        };
        let (number, was, mut page) = match last {
            Some((number, (revision, page))) if page.versions.len() < VERSIONS_A_PAGE => {
                (number, Some(revision), page)
            }
            _ => (key.pages.len(), None, PageDocument::new()),
        };
        if number == PAGES {
            let limit = (PAGES + 1) * VERSIONS_A_PAGE;
            return Err(Error::LimitExceeded { what: "versions of a key", limit: limit as u64 });
        }
        page.versions.push(version);
        let place = page_place(key.id, number);
        let row = self.seal(Table::Pages, &place, was.unwrap_or(0) + 1, page.write());
        self.snapshot.rows.put_if(Table::Pages, &place, was, &row)?;
        key.pages.truncate(number);
        key.pages.push(row.mac);
        Ok(())
    }

    /// Changes every version of a key, those in pages and a pending one too. The document is written by [`Change::update_key`].
    pub(super) fn edit_versions(
        &mut self,
        key: &mut KeyDocument,
        mut edit: impl FnMut(&mut VersionDocument) -> Result<()>,
    ) -> Result<()> {
        key.versions.iter_mut().chain(&mut key.pending).try_for_each(&mut edit)?;
        for number in 0..key.pages.len() {
            let (was, mut page) = self.snapshot.page(key, number)?;
            page.versions.iter_mut().try_for_each(&mut edit)?;
            let place = page_place(key.id, number);
            let row = self.seal(Table::Pages, &place, was + 1, page.write());
            self.snapshot.rows.put_if(Table::Pages, &place, Some(was), &row)?;
            key.pages[number] = row.mac;
        }
        self.written = true;
        Ok(())
    }

    fn seal(&self, table: Table, place: &[u8], revision: u64, document: String) -> Row {
        self.snapshot.secrets.seal(table, &self.snapshot.manifest.incarnation, place, revision, document)
    }

    fn put_member(&mut self, table: Table, place: Vec<u8>, was: Option<u64>, row: Row) -> Result<()> {
        // Verified before anything in it is written.
        self.snapshot.bucket(bucket_of(&place))?;
        self.snapshot.rows.put_if(table, &place, was, &row)?;
        let entry = Entry { place: place.clone(), revision: row.revision, mac: row.mac };
        self.touch(table, &place, Some(entry))
    }

    /// Brings the list of a verified bucket up to date.
    fn touch(&mut self, table: Table, place: &[u8], entry: Option<Entry>) -> Result<()> {
        let number = bucket_of(place);
        let bucket = self.snapshot.buckets.entry(number).or_default();
        let entries = bucket.entries_mut(table);
        match (entries.binary_search_by(|e| e.place.as_slice().cmp(place)), entry) {
            (Ok(at), Some(entry)) => entries[at] = entry,
            (Err(at), Some(entry)) => entries.insert(at, entry),
            (Ok(at), None) => drop(entries.remove(at)),
            (Err(_), None) => return Err(conflict(table, place)),
        }
        self.touched.insert(number);
        self.written = true;
        Ok(())
    }

    pub(super) fn put_group(&mut self, number: u8) -> Result<()> {
        let group = self.snapshot.group(number)?.clone();
        let was = self.snapshot.manifest.groups.contains_key(&number).then_some(group.revision);
        let row = self.seal(Table::Groups, &[number], group.revision + 1, group.write());
        self.snapshot.manifest.groups.insert(number, row.mac);
        self.snapshot.group(number)?.revision = row.revision;
        let now = self.snapshot.group(number)?.clone();
        self.snapshot.secrets.known.keep_group(number, row.mac, now);
        self.snapshot.rows.put_if(Table::Groups, &[number], was, &row)
    }
}
