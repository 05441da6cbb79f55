//! The one place where a store is changed: a transaction that reads and verifies, lets a [`Deed`] do its work on
//! documents, and writes them with their digests, the next manifest and their event.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::access::{self, Authority};
use super::backend::{Access, Table};
use super::document::KeyDocument;
use super::epochs::Mark;
use super::failpoint;
use super::founding::put_manifest;
use super::inner::Inner;
use super::manifest::{Manifest, WRITER, bucket_digest, roots_digest};
use super::names::{KeyId, KeyName};
use super::snapshot::{ROOTS_LIMIT, Snapshot};
use super::{admin, anchor, states, trail};
use crate::audit::KeyRef;
use crate::error::{Error, Result};
use crate::operation::{Kind, Operation};
use crate::secret::Key32;

/// A management call, as authority, dual control and the trail see it.
#[derive(Clone)]
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
    check_writer(&snapshot.manifest)?;
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

/// Whether this library may write to a store of this manifest. STORE_TOO_NEW.
pub(super) fn check_writer(manifest: &Manifest) -> Result<()> {
    if manifest.min_writer <= WRITER {
        return Ok(());
    }
    let needs = format!("a later release (writer {})", manifest.min_writer);
    Err(Error::StoreTooNew { what: "writing to the store".into(), needs: needs.into() })
}

/// A change under way.
pub(super) struct Change<'a> {
    pub(super) snapshot: Snapshot<'a>,
    pub(super) inner: &'a Inner,
    pub(super) deed: &'a Deed,
    /// The keys it is about, for its event.
    about: &'a mut Vec<KeyRef>,
    /// What has been decided about it so far.
    pub(super) authority: Authority,
    /// `responseElements`, under KMS's names; without secrets.
    response: Map<String, Value>,
    pub(super) touched: BTreeSet<u16>,
    pub(super) written: bool,
    /// There was nothing to do after all, and nothing to tell.
    quiet: bool,
    /// The admin seed that this change brings.
    pub(super) admin: Option<Key32>,
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
        self.permitted(key, name)
    }

    /// The same for a key that is there and of which `when` holds; None, and nothing decided or told, for another.
    pub(super) fn key_when(
        &mut self,
        id: KeyId,
        when: impl FnOnce(&KeyDocument) -> bool,
    ) -> Result<Option<KeyDocument>> {
        match self.snapshot.key_by_id(id)?.filter(when) {
            Some(key) => self.permitted(key, &KeyName::Id(id)).map(Some),
            None => Ok(None),
        }
    }

    fn permitted(&mut self, key: KeyDocument, name: &KeyName) -> Result<KeyDocument> {
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
}
