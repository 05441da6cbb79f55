//! The one place where a store is changed: a transaction that reads and verifies, lets a [`Deed`] do its work on
//! documents, and writes them with their digests, the next manifest and their event.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::access::{self, Authority};
use super::backend::{Access, Backend, Entry, Row, Table, conflict};
use super::clock::Opening;
use super::document::{AliasDocument, DOCUMENT_LIMIT, KeyDocument, PAGES, VERSIONS_A_PAGE};
use super::epochs::{Mark, Seen};
use super::failpoint;
use super::inner::Inner;
use super::manifest::{Manifest, Settings, WRITER, bucket_digest, roots_digest};
use super::names::{Alias, KeyId, KeyName};
use super::secrets::Secrets;
use super::snapshot::{ROOTS_LIMIT, Snapshot, bucket_of, page_place};
use super::version::{PageDocument, VersionDocument};
use super::{admin, anchor, states, trail};
use crate::audit::{KeyRef, Source};
use crate::crypto::ed25519_public;
use crate::error::{Error, Result};
use crate::operation::{Kind, Operation};
use crate::secret::Key32;

/// A management call, as authority, dual control and the trail see it.
pub(super) struct Deed {
    pub(super) operation: Operation,
    /// `requestParameters`, under KMS's names; without secrets.
    pub(super) request: Map<String, Value>,
    /// Whoever approves was there in person: two roots were opened.
    vouched: bool,
}

impl Deed {
    pub(super) fn new(operation: Operation) -> Deed {
        Deed { operation, request: Map::new(), vouched: false }
    }

    /// On the key that the caller named so.
    pub(super) fn on(operation: Operation, name: &KeyName) -> Deed {
        Deed::new(operation).with("keyId", name.to_string())
    }

    /// Approved by two roots with different principals, or needs no approval.
    #[cfg(feature = "sqlite")]
    #[allow(dead_code, reason = "a store whose event is written by a change of its own")]
    pub(super) fn vouched(self) -> Deed {
        Deed { vouched: true, ..self }
    }

    pub(super) fn with(mut self, parameter: &str, value: impl Into<Value>) -> Deed {
        self.request.insert(parameter.into(), value.into());
        self
    }
}

/// Runs `work` in one transaction and commits what it wrote, with its event. Nothing `work` made may be used before
/// this returns. A refusal is an event too, written after the transaction was undone.
pub(super) fn change<R>(
    inner: &Inner,
    deed: Deed,
    work: impl FnOnce(&mut Change<'_>) -> Result<R>,
) -> Result<R> {
    let mut about = Vec::new();
    let operation = deed.operation;
    let done = try_change(inner, &deed, &mut about, work);
    match done {
        Ok(result) => {
            trail::committed(inner);
            match operation.kind() {
                Kind::Lower => anchor::confirm(inner, operation, &about)?,
                _ => anchor::later(inner),
            }
            Ok(result)
        }
        Err(error) => {
            trail::refused(inner, deed, about, &error);
            Err(error)
        }
    }
}

/// Has the event of a call that came to nothing before it had a transaction.
#[cold]
pub(super) fn refuse(inner: &Inner, deed: Deed, error: Error) -> Error {
    trail::refused(inner, deed, Vec::new(), &error);
    error
}

fn try_change<R>(
    inner: &Inner,
    deed: &Deed,
    about: &mut Vec<KeyRef>,
    work: impl FnOnce(&mut Change<'_>) -> Result<R>,
) -> Result<R> {
    let (backend, secrets, seen) = (&*inner.backend, &inner.secrets, &*inner.seen);
    let snapshot = Snapshot::begin(backend, secrets, seen, Access::Write)?;
    // Nobody else writes from here on, so this state stands whatever becomes of the change.
    seen.note(snapshot.manifest.mark());
    if snapshot.manifest.min_writer > WRITER {
        let needs = format!("a later release (writer {})", snapshot.manifest.min_writer);
        return Err(Error::StoreTooNew { what: "writing to the store".into(), needs: needs.into() });
    }
    admin::permit(&snapshot.manifest, secrets, &inner.actor, deed.operation)?;
    let (authority, touched) = (Authority::default(), BTreeSet::new());
    let mut change = Change {
        snapshot,
        inner,
        deed,
        about,
        response: Map::new(),
        authority,
        touched,
        written: false,
        quiet: false,
        admin: None,
    };
    if deed.vouched {
        change.authority.approve();
    }
    access::authorise_change(&mut change)?;
    let result = work(&mut change)?;
    seen.note(change.finish()?);
    Ok(result)
}

/// A change under way.
pub(super) struct Change<'a> {
    snapshot: Snapshot<'a>,
    pub(super) inner: &'a Inner,
    pub(super) deed: &'a Deed,
    /// The keys it is about, for its event.
    about: &'a mut Vec<KeyRef>,
    /// What has been decided about it so far.
    pub(super) authority: Authority,
    /// `responseElements`, under KMS's names; without secrets.
    response: Map<String, Value>,
    touched: BTreeSet<u16>,
    written: bool,
    /// There was nothing to do after all, and nothing to tell.
    quiet: bool,
    /// The admin seed that this change brings.
    admin: Option<Key32>,
}

impl<'a> Change<'a> {
    /// The store as it stood when the change began, with what has been written since.
    pub(super) fn snapshot(&mut self) -> &mut Snapshot<'a> {
        &mut self.snapshot
    }

    /// The key of this name, on which the deed's operation is about to be done: found, permitted to the principal, and
    /// in a state that permits it. Every management call comes to its keys through here.
    pub(super) fn key(&mut self, name: &KeyName) -> Result<KeyDocument> {
        let key = self.snapshot.key(name)?;
        self.tell(&key);
        access::authorise_key(self, &key)?;
        states::permit(self.deed.operation, &key, name, self.inner.options.recovery)?;
        Ok(key)
    }

    /// The same, whatever its state: for a key that only loses something by the deed.
    pub(super) fn key_in_any_state(&mut self, name: &KeyName) -> Result<KeyDocument> {
        let key = self.snapshot.key(name)?;
        self.tell(&key);
        access::authorise_key(self, &key)?;
        Ok(key)
    }

    /// The change found that another one did already what it was for: it leaves no event.
    pub(super) fn nothing_to_do(&mut self) {
        self.quiet = true;
    }

    /// Writes the change's manifest even if nothing else is written, for its time.
    pub(super) fn renew_manifest(&mut self) {
        self.written = true;
    }

    /// Names a key, with its newest version, in the deed's event.
    pub(super) fn tell(&mut self, key: &KeyDocument) {
        let material_id = key.versions.last().map_or([0; 8], |newest| newest.material_id);
        self.about.retain(|about| about.key_id != key.id.0);
        self.about.push(KeyRef { key_id: key.id.0, version: key.newest(), material_id });
    }

    /// Tells something of the deed's answer in its event.
    #[allow(dead_code, reason = "not every deed answers something that is told")]
    pub(super) fn respond(&mut self, element: &str, value: impl Into<Value>) {
        self.response.insert(element.into(), value.into());
    }

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
        self.authority = Authority::given();
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

    /// Changes every version of a key, those in pages too. The document is written by [`Change::update_key`].
    pub(super) fn edit_versions(
        &mut self,
        key: &mut KeyDocument,
        mut edit: impl FnMut(&mut VersionDocument) -> Result<()>,
    ) -> Result<()> {
        key.versions.iter_mut().try_for_each(&mut edit)?;
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

    /// Writes the groups that were touched and the next manifest, and commits. A change that found nothing to do
    /// leaves the store as it is.
    fn finish(mut self) -> Result<Mark> {
        if self.written || !self.quiet {
            access::conclude(&self)?;
        }
        if !self.written {
            if !self.quiet {
                trail::done(&mut self.snapshot, self.inner, self.deed, self.about, &self.response, false)?;
            }
            let mark = self.snapshot.manifest.mark();
            self.snapshot.rows.commit()?;
            return Ok(mark);
        }
        let mut groups = BTreeSet::new();
        for number in std::mem::take(&mut self.touched) {
            let [high, low] = number.to_be_bytes();
            let bucket = self.snapshot.buckets.entry(number).or_default().clone();
            let incarnation = self.snapshot.manifest.incarnation;
            let digest =
                bucket_digest(self.snapshot.secrets, &incarnation, number, &bucket.keys, &bucket.aliases);
            let group = self.snapshot.group(high)?;
            match bucket.keys.is_empty() && bucket.aliases.is_empty() {
                true => group.buckets.remove(&low),
                false => group.buckets.insert(low, digest),
            };
            groups.insert(high);
        }
        groups.into_iter().try_for_each(|number| self.put_group(number))?;
        if let Some(found) = self.snapshot.manifest.finds_step(self.inner.opening) {
            let mut details = Map::new();
            details.insert("storeTime".into(), self.snapshot.manifest.time().to_string().into());
            details.insert("systemTime".into(), found.to_string().into());
            trail::service(&mut self.snapshot, self.inner, "ClockStepped", &[], details)?;
        }
        trail::done(&mut self.snapshot, self.inner, self.deed, self.about, &self.response, true)?;
        let slots = self.snapshot.rows.index(Table::Roots, &[], ROOTS_LIMIT)?;
        let manifest = &mut self.snapshot.manifest;
        manifest.roots = roots_digest(self.snapshot.secrets, &manifest.incarnation, &slots);
        let was = manifest.epoch;
        manifest.advance(self.inner.opening);
        put_manifest(&mut self.snapshot, Some(was), self.admin.as_ref())?;
        failpoint::hit("before commit");
        let mark = self.snapshot.manifest.mark();
        self.snapshot.rows.commit()?;
        failpoint::hit("after commit");
        Ok(mark)
    }

    fn put_group(&mut self, number: u8) -> Result<()> {
        let group = self.snapshot.group(number)?.clone();
        let was = self.snapshot.manifest.groups.contains_key(&number).then_some(group.revision);
        let row = self.seal(Table::Groups, &[number], group.revision + 1, group.write());
        self.snapshot.manifest.groups.insert(number, row.mac);
        self.snapshot.rows.put_if(Table::Groups, &[number], was, &row)
    }
}

/// The first state of a new store: settings, root slots and manifest, in one transaction.
pub(super) fn found(
    backend: &dyn Backend,
    secrets: &Secrets,
    seen: &Seen,
    incarnation: [u8; 16],
    settings: &str,
    slot: Option<(&[u8; 16], String)>,
    source: &Source,
) -> Result<()> {
    let mut rows = backend.begin(Access::Write)?;
    let mut manifest = Manifest::new(secrets.store_id, incarnation, rows.schema()?);
    let settings = secrets.seal(Table::Settings, &incarnation, &secrets.store_id, 1, settings.into());
    manifest.settings = settings.mac;
    manifest.admin_public = secrets.store_secret.admin.as_ref().map(ed25519_public);
    rows.put_if(Table::Settings, &secrets.store_id, None, &settings)?;
    if let Some((slot_id, document)) = slot {
        let row = secrets.seal(Table::Roots, &incarnation, slot_id, 1, document);
        rows.put_if(Table::Roots, slot_id, None, &row)?;
    }
    let slots = rows.index(Table::Roots, &[], ROOTS_LIMIT)?;
    manifest.roots = roots_digest(secrets, &incarnation, &slots);
    manifest.advance(Opening([0; 8]));
    let mut snapshot =
        Snapshot { rows, secrets, manifest, groups: Default::default(), buckets: Default::default() };
    trail::first(&mut snapshot, source)?;
    put_manifest(&mut snapshot, None, None)?;
    let mark = snapshot.manifest.mark();
    snapshot.rows.commit()?;
    seen.note(mark);
    Ok(())
}

/// Writes the manifest, signed by this seed or else by the handle's own where the store asks for that.
pub(super) fn put_manifest(
    snapshot: &mut Snapshot<'_>,
    was: Option<u64>,
    seed: Option<&Key32>,
) -> Result<()> {
    let (manifest, secrets) = (&snapshot.manifest, snapshot.secrets);
    let text = admin::sign(manifest, seed.or(secrets.store_secret.admin.as_ref()))?;
    let place = &secrets.store_id;
    let row = secrets.seal(Table::Manifest, &manifest.incarnation, place, manifest.epoch, text);
    snapshot.rows.put_if(Table::Manifest, place, was, &row)?;
    snapshot.manifest.mac = row.mac;
    Ok(())
}
