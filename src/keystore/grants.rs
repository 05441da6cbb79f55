//! Grants: what a key's owner lets others do. `docs/KEYS.md`, "Grants".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Store;
use super::access::{self, Access};
use super::backend::Table;
use super::change::{Change, Deed, refuse};
use super::clock;
use super::document::KeyDocument;
pub(super) use super::grant_document::{GrantDocument, GrantId};
use super::grant_document::{NAME_LIMIT, uses_document, uses_left, uses_place};
use super::handle::Wish;
use super::inner::Inner;
use super::list::{key_of, walk};
use super::names::{KeyId, KeyName};
use super::principal::check_principal;
use super::scope;
use super::snapshot::Snapshot;
use super::time::Time;
use super::trail;
use super::types::PageRequest;
use crate::audit::KeyRef;
use crate::crypto::fill_random;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Grants of one key.
pub(super) const GRANTS: usize = 64;
const PAGE: usize = 100;
const PAGE_LIMIT: usize = 1_000;
/// Keys looked at in one transaction for a page of retirable grants.
const STRIDE: u32 = 256;

/// A grant to make.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CreateGrant {
    /// Who gets it.
    pub grantee_principal: String,
    /// Who may retire it, beside the key's owner and, where RetireGrant is among the operations, the grantee.
    pub retiring_principal: Option<String>,
    /// Names of operations: uses, DescribeKey, CreateGrant, RetireGrant.
    pub operations: Vec<String>,
    /// The encryption context must be exactly this.
    pub encryption_context_equals: Option<BTreeMap<String, String>>,
    /// The encryption context must have these pairs.
    pub encryption_context_subset: Option<BTreeMap<String, String>>,
    /// A name, up to 256 characters: the same name with the same parameters gives the same grant.
    pub name: Option<String>,
    /// RFC 3339: when it ends.
    pub expires: Option<String>,
    /// So many uses at most, over all processes.
    pub uses: Option<u64>,
}

/// A grant.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct GrantMetadata {
    pub grant_id: String,
    pub key_id: String,
    pub name: Option<String>,
    pub creation_date: String,
    pub issuing_principal: String,
    pub grantee_principal: String,
    pub retiring_principal: Option<String>,
    pub operations: Vec<&'static str>,
    pub encryption_context_equals: Option<BTreeMap<String, String>>,
    pub encryption_context_subset: Option<BTreeMap<String, String>>,
    pub expires: Option<String>,
    pub uses: Option<u64>,
    pub uses_left: Option<u64>,
}

/// A page of grants.
#[derive(Clone, Debug, Serialize)]
pub struct GrantPage {
    /// The grants.
    pub grants: Vec<GrantMetadata>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl CreateGrant {
    /// From JSON. INVALID_ARGUMENT for anything but an object of these fields; the values are checked when the grant is
    /// made.
    pub fn from_json(text: &str) -> Result<CreateGrant> {
        if text.len() > 65_536 {
            return Err(Error::TooLarge { what: "a grant's JSON", limit: 65_536 });
        }
        serde_json::from_str(text).map_err(|_| Error::InvalidArgument {
            what: "a grant is a JSON object of grantee_principal, operations, and if wanted retiring_principal, encryption_context_equals, encryption_context_subset, name, expires, uses",
        })
    }

    /// The grant as its key's document will hold it; checked.
    fn document(&self, issuer: &str) -> Result<GrantDocument> {
        let bad = |what| Error::InvalidArgument { what };
        check_principal(&self.grantee_principal)?;
        self.retiring_principal.as_deref().map_or(Ok(()), check_principal)?;
        let grantable = |name: &String| {
            let operation = Operation::from_name(name)?;
            match scope::is_grantable(operation) {
                true => Ok(operation),
                false => Err(Error::InvalidField {
                    field: format!("operations: {operation}").into(),
                    why: "a grant has uses of the key, DescribeKey, CreateGrant and RetireGrant",
                }),
            }
        };
        let mut operations = self.operations.iter().map(grantable).collect::<Result<Vec<_>>>()?;
        operations.sort_unstable();
        operations.dedup();
        if operations.is_empty() {
            return Err(bad("operations: a grant has one at least"));
        }
        if let Some(name) = &self.name
            && (name.is_empty() || name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control))
        {
            return Err(bad("name: 1 to 256 characters, none of them a control character"));
        }
        let expires = match &self.expires {
            None => None,
            Some(text) => Some(
                Time::parse(text).ok_or(bad("expires: an RFC 3339 time in UTC, as 2026-11-25T21:00:00Z"))?,
            ),
        };
        if self.uses.is_some_and(|uses| uses == 0 || uses > i64::MAX as u64 - 1) {
            return Err(bad("uses: 1 at least"));
        }
        let mut id = [0; 16];
        fill_random(&mut id)?;
        GrantDocument::new(GrantDocument {
            id: GrantId(id),
            name: self.name.clone(),
            created: Time(0),
            issuer: issuer.into(),
            grantee: self.grantee_principal.clone(),
            retiring: self.retiring_principal.clone(),
            operations,
            equals: self.encryption_context_equals.clone(),
            subset: self.encryption_context_subset.clone(),
            expires,
            uses: self.uses,
            constraint: Default::default(),
        })
    }

    /// Values of the constraints stand in it as in the context of a use: hidden where the key's policy says so, and all of
    /// them where there is no such key.
    fn deed(&self, inner: &Inner, name: &KeyName) -> Deed {
        let mut deed = Deed::on(Operation::CreateGrant, name)
            .with("granteePrincipal", self.grantee_principal.clone())
            .with("operations", self.operations.clone());
        let hidden = inner.read(|snapshot| Ok(snapshot.key(name)?.policy.audit_redact.clone())).ok();
        let pairs = |map| inner.trail.hide(map, hidden.as_deref());
        let mut constraints = serde_json::Map::new();
        for (name, map) in [
            ("encryptionContextEquals", &self.encryption_context_equals),
            ("encryptionContextSubset", &self.encryption_context_subset),
        ] {
            if let Some(map) = map {
                constraints.insert(name.into(), pairs(map));
            }
        }
        if !constraints.is_empty() {
            deed = deed.with("constraints", constraints);
        }
        for (parameter, text) in [
            ("retiringPrincipal", &self.retiring_principal),
            ("name", &self.name),
            ("expires", &self.expires),
        ] {
            if let Some(text) = text {
                deed = deed.with(parameter, text.clone());
            }
        }
        match self.uses {
            Some(uses) => deed.with("uses", uses),
            None => deed,
        }
    }
}

impl Store {
    /// Lets a principal do something with a key. The same name with the same parameters answers the grant there is.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming the field, INVALID_CONTEXT; ACCESS_DENIED, also where a grantee would pass on more than it
    /// has; LIMIT_EXCEEDED beyond 64 grants of a key or 64 KiB of its document.
    pub fn create_grant(&self, name: &KeyName, grant: &CreateGrant) -> Result<GrantMetadata> {
        let inner = &*self.inner;
        let made = grant.document(&inner.actor.principal);
        let mut made = made.map_err(|error| refuse(inner, grant.deed(inner, name), error))?;
        inner.change(grant.deed(inner, name), |change| {
            let mut key = change.key(name)?;
            let now = clock::now(change.snapshot());
            if made.expires.is_some_and(|end| end <= now) {
                return Err(Error::InvalidArgument { what: "expires: this time is over" });
            }
            let same =
                |other: &&GrantDocument| made.name.is_some() && made.is_like(other) && !other.is_over(now);
            if let Some(there) = key.grants.iter().find(same) {
                return describe(change.snapshot(), key.id, there);
            }
            let own = key.owner == inner.actor.principal || change.authority.administrator;
            if !own && !key.grants.iter().any(|g| !g.is_over(now) && g.may_pass_on(&made, &inner.actor)) {
                return Err(access::denied(
                    &inner.actor.principal,
                    Operation::CreateGrant,
                    &name.to_string(),
                ));
            }
            drop_over(change, &mut key, now)?;
            if key.grants.len() == GRANTS {
                return Err(Error::LimitExceeded {
                    what: "the number of a key's grants (revoke one that is not needed)",
                    limit: GRANTS as u64,
                });
            }
            made.created = now;
            if made.uses.is_some() {
                change.put_uses(&uses_place(key.id, made.id), uses_document(0))?;
            }
            let at = key.grants.partition_point(|other| other.id < made.id);
            key.grants.insert(at, made.clone());
            change.update_key(&mut key)?;
            describe(change.snapshot(), key.id, &made)
        })
    }

    /// A key's grants, by id. For the key's owner, the store's administrators, and who may describe the key by a grant.
    pub fn list_grants(&self, name: &KeyName, page: &PageRequest) -> Result<GrantPage> {
        let limit = page_limit(page)?;
        let after = page.after.as_deref().map(parse_id).transpose()?;
        let deed = Deed::on(Operation::ListGrants, name);
        let mut about = Vec::new();
        let listed = self.inner.read(|snapshot| {
            let key = snapshot.key(name)?;
            about = vec![whole(key.id)];
            access::authorise_read(&self.inner, snapshot, Operation::ListGrants, Some(&key))?;
            let mut rest = key.grants.iter().filter(|grant| after.is_none_or(|after| grant.id > after));
            let grants = rest.by_ref().take(limit).map(|grant| describe(snapshot, key.id, grant));
            let grants = grants.collect::<Result<Vec<_>>>()?;
            let next = rest.next().and_then(|_| grants.last().map(|last| last.grant_id.clone()));
            Ok(GrantPage { grants, next })
        });
        trail::read(&self.inner, deed, about, listed.as_ref().err());
        listed
    }

    /// Grants of all keys that this principal may retire by name. For that principal itself, and the store's administrators.
    pub fn list_retirable_grants(&self, principal: &str, page: &PageRequest) -> Result<GrantPage> {
        let deed = Deed::new(Operation::ListRetirableGrants).with("retiringPrincipal", principal);
        let listed = self.retirable(principal, page);
        trail::read(&self.inner, deed, Vec::new(), listed.as_ref().err());
        listed
    }

    fn retirable(&self, principal: &str, page: &PageRequest) -> Result<GrantPage> {
        check_principal(principal)?;
        let inner = &*self.inner;
        let limit = page_limit(page)?;
        inner.read(|snapshot| {
            access::authorise_read(inner, snapshot, Operation::ListRetirableGrants, None)?;
            if principal != inner.actor.principal && !access::is_administrator(inner, snapshot)? {
                let why = "only its own, unless it is an administrator of the store";
                return Err(access::not_permitted(&inner.actor, Operation::ListRetirableGrants, why));
            }
            Ok(())
        })?;
        // A token names the last key that is done with, and the last grant of the one after it.
        let (mut done, mut within) = match page.after.as_deref().map(|token| token.split_once(':')) {
            None => (None, None),
            Some(Some((place, id))) => {
                (Some(place.to_owned()).filter(|place| !place.is_empty()), Some(parse_id(id)?))
            }
            Some(None) => (page.after.clone(), None),
        };
        let mut grants = Vec::new();
        loop {
            let step = PageRequest { after: done.clone(), limit: STRIDE };
            let (found, next) = inner.read(|snapshot| {
                let (entries, next) = walk(snapshot, Table::Keys, &step)?;
                let mut found = Vec::new();
                for entry in &entries {
                    let key = key_of(snapshot, entry)?;
                    let theirs = key.grants.iter().filter(|g| g.retiring.as_deref() == Some(principal));
                    let theirs = theirs.map(|grant| Ok((grant.id, describe(snapshot, key.id, grant)?)));
                    found.push((super::json::hex(&entry.place), theirs.collect::<Result<Vec<_>>>()?));
                }
                Ok((found, next))
            })?;
            for (place, theirs) in found {
                let begin = within;
                for (id, grant) in theirs.into_iter().filter(|(id, _)| begin.is_none_or(|after| *id > after))
                {
                    if grants.len() == limit {
                        // The page is full, and there is more: it goes on behind the last grant that was put in.
                        let last = within.map_or(String::new(), |last| format!(":{last}"));
                        let next = Some(format!("{}{last}", done.unwrap_or_default()));
                        return Ok(GrantPage { grants, next: next.filter(|next| !next.is_empty()) });
                    }
                    within = Some(id);
                    grants.push(grant);
                }
                (done, within) = (Some(place), None);
            }
            if next.is_none() {
                return Ok(GrantPage { grants, next: None });
            }
        }
    }

    /// Ends a grant: its grantee (if the grant has RetireGrant), its retiring principal, the key's owner or an
    /// administrator. GRANT_NOT_FOUND.
    pub fn retire_grant(&self, name: &KeyName, grant_id: &str) -> Result<()> {
        self.end_grant(Operation::RetireGrant, name, grant_id)
    }

    /// Ends a grant: the key's owner or an administrator. Takes hold of ready handles at their next call, in other processes
    /// within the refresh interval. GRANT_NOT_FOUND.
    pub fn revoke_grant(&self, name: &KeyName, grant_id: &str) -> Result<()> {
        self.end_grant(Operation::RevokeGrant, name, grant_id)
    }

    fn end_grant(&self, operation: Operation, name: &KeyName, grant_id: &str) -> Result<()> {
        let deed = Deed::on(operation, name).with("grantId", grant_id);
        let id = match parse_id(grant_id) {
            Ok(id) => id,
            Err(error) => return Err(refuse(&self.inner, deed, error)),
        };
        self.inner.change(deed, |change| {
            let mut key = change.key(name)?;
            let at = key.grants.iter().position(|grant| grant.id == id);
            let at = at.ok_or_else(|| Error::GrantNotFound { grant: grant_id.into() })?;
            let ended = key.grants.remove(at);
            forget_uses(change, key.id, &ended)?;
            let now = clock::now(change.snapshot());
            drop_over(change, &mut key, now)?;
            change.update_key(&mut key)
        })
    }
}

/// Takes one use from the first of these grants that has one left, in a transaction of its own, answers which, and says
/// which of them have none. Exact over processes: the row is read, compared and written under the store's write lock.
///
/// # Errors
/// ACCESS_DENIED when none has one; STORE_READ_ONLY where uses cannot be counted.
pub(super) fn spend(
    inner: &Inner,
    key: KeyId,
    wish: &Wish<'_>,
    grants: &[GrantId],
    mut exhausted: impl FnMut(GrantId),
) -> Result<Option<GrantId>> {
    let denied = || access::denied(&inner.actor.principal, wish.operation, &key.to_string());
    if grants.is_empty() {
        return Err(denied());
    }
    if inner.options.read_only {
        return Err(Error::StoreReadOnly);
    }
    inner.check_usable()?;
    let mut snapshot =
        Snapshot::begin(&*inner.backend, &inner.secrets, &inner.seen, super::backend::Access::Write)?;
    let document = snapshot.key_by_id(key)?.ok_or_else(denied)?;
    // As the store stands now: a grant may have gone, or come, since the call began.
    let access = Access::compile(&document, &inner.actor, clock::now(&snapshot));
    let now = match access.limits(wish) {
        super::access::Limits::None => return Ok(None),
        super::access::Limits::Of(now) => now,
    };
    for id in now {
        let Some(uses) = document.grants.iter().find(|grant| grant.id == id).and_then(|grant| grant.uses)
        else {
            continue;
        };
        let used = snapshot.uses(key, id)?;
        if used >= uses {
            exhausted(id);
            continue;
        }
        let place = uses_place(key, id);
        let incarnation = snapshot.manifest.incarnation;
        let row =
            inner.secrets.seal(Table::GrantUses, &incarnation, &place, used + 2, uses_document(used + 1));
        snapshot.rows.put_if(Table::GrantUses, &place, Some(used + 1), &row)?;
        snapshot.rows.commit()?;
        if used + 1 == uses {
            exhausted(id);
        }
        return Ok(Some(id));
    }
    Err(denied())
}

/// Takes back what [`spend`] counted, for a call that was refused after it. A grant that has gone meanwhile needs nothing.
///
/// # Errors
/// Those of a write.
pub(super) fn give_back(inner: &Inner, key: KeyId, grant: GrantId) -> Result<()> {
    inner.check_usable()?;
    let mut snapshot =
        Snapshot::begin(&*inner.backend, &inner.secrets, &inner.seen, super::backend::Access::Write)?;
    let there = snapshot.key_by_id(key)?.is_some_and(|key| key.grants.iter().any(|one| one.id == grant));
    if !there {
        return Ok(());
    }
    let used = snapshot.uses(key, grant)?;
    let Some(before) = used.checked_sub(1) else { return Ok(()) };
    let (place, incarnation) = (uses_place(key, grant), snapshot.manifest.incarnation);
    let row = inner.secrets.seal(Table::GrantUses, &incarnation, &place, used, uses_document(before));
    snapshot.rows.put_if(Table::GrantUses, &place, Some(used + 1), &row)?;
    snapshot.rows.commit()
}

/// Takes grants whose time is over out of a document that is about to be written.
fn drop_over(change: &mut Change<'_>, key: &mut KeyDocument, now: Time) -> Result<()> {
    let (over, left) = std::mem::take(&mut key.grants).into_iter().partition(|grant| grant.is_over(now));
    key.grants = left;
    let over: Vec<GrantDocument> = over;
    over.iter().try_for_each(|grant| forget_uses(change, key.id, grant))
}

/// Takes all grants out of a document that is about to be written.
pub(super) fn forget_all(change: &mut Change<'_>, key: &mut KeyDocument) -> Result<()> {
    std::mem::take(&mut key.grants).iter().try_for_each(|grant| forget_uses(change, key.id, grant))
}

fn forget_uses(change: &mut Change<'_>, key: KeyId, grant: &GrantDocument) -> Result<()> {
    match grant.uses {
        Some(_) => change.remove_uses(&uses_place(key, grant.id)),
        None => Ok(()),
    }
}

fn describe(snapshot: &mut Snapshot<'_>, key: KeyId, grant: &GrantDocument) -> Result<GrantMetadata> {
    let left = match grant.uses {
        Some(uses) => Some(uses_left(uses, snapshot.uses(key, grant.id)?)),
        None => None,
    };
    Ok(grant.metadata(key, left))
}

fn page_limit(page: &PageRequest) -> Result<usize> {
    match page.limit as usize {
        0 => Ok(PAGE),
        limit if limit <= PAGE_LIMIT => Ok(limit),
        _ => Err(Error::TooLarge { what: "a page's limit", limit: PAGE_LIMIT as u64 }),
    }
}

fn parse_id(text: &str) -> Result<GrantId> {
    GrantId::parse(text)
        .ok_or(Error::InvalidArgument { what: "a grant's id is 32 hexadecimal digits in lower case" })
}

/// A key, no version of it.
fn whole(key: KeyId) -> KeyRef {
    KeyRef { key_id: key.0, version: 0, material_id: [0; 8] }
}
