//! Walking a store: pages of keys and aliases, and the full check.

use std::collections::BTreeSet;

use super::backend::{Entry, Table};
use super::document::{AliasDocument, KeyDocument};
use super::json::{from_hex, hex};
use super::manage::describe;
use super::names::{Alias, KeyId};
use super::snapshot::{Snapshot, bucket_of, page_place};
use super::types::{AliasMetadata, AliasPage, KeyPage, PageRequest, StoreInfo, VersionState};
use super::{Store, access, material, trail};
use crate::error::{Error, Result};
use crate::operation::Operation;

const PAGE: u32 = 100;
const PAGE_LIMIT: u32 = 1_000;
/// Keys verified in one transaction of a full check.
const STRIDE: usize = 256;

impl Store {
    /// Keys, a page at a time, in a fixed order (that of the store's buckets, which looks like none). Each page is
    /// one verified state, and complete: a key that someone took out of the store is an error, not a gap.
    pub fn list_keys(&self, page: &PageRequest) -> Result<KeyPage> {
        self.inner.read(|snapshot| {
            access::authorise_read(&self.inner, snapshot, Operation::ListKeys, None)?;
            let (entries, next) = walk(snapshot, Table::Keys, page)?;
            let keys = entries.iter().map(|entry| {
                let key = key_of(snapshot, entry)?;
                describe(snapshot, &key)
            });
            Ok(KeyPage { keys: keys.collect::<Result<_>>()?, next })
        })
    }

    /// Aliases, a page at a time, in a fixed order, as [`Store::list_keys`].
    pub fn list_aliases(&self, page: &PageRequest) -> Result<AliasPage> {
        self.inner.read(|snapshot| {
            access::authorise_read(&self.inner, snapshot, Operation::ListAliases, None)?;
            let (entries, next) = walk(snapshot, Table::Aliases, page)?;
            let aliases = entries.iter().map(|entry| alias_of(snapshot, entry));
            Ok(AliasPage { aliases: aliases.collect::<Result<_>>()?, next })
        })
    }

    /// Identity and state of the store.
    pub fn info(&self) -> Result<StoreInfo> {
        let inner = &*self.inner;
        inner.read(|snapshot| {
            access::authorise_read(inner, snapshot, Operation::DescribeStore, None)?;
            let settings = snapshot.settings()?;
            Ok(StoreInfo {
                store_id: hex(&snapshot.manifest.store_id),
                incarnation: hex(&snapshot.manifest.incarnation),
                fingerprint: inner.secrets.fingerprint().to_string(),
                epoch: snapshot.manifest.epoch,
                keys: snapshot.manifest.keys,
                backend: inner.backend.kind(),
                path: inner.path().map(|path| path.to_string_lossy().into_owned()),
                created: settings.created.to_string(),
                read_only: inner.options.read_only,
                development: settings.development,
                refresh_millis: u64::try_from(inner.options.refresh.as_millis()).unwrap_or(u64::MAX),
                principal: inner.actor.principal.clone(),
                principal_verified: inner.actor.verified,
                admin_root: snapshot.manifest.admin_public.is_some(),
                is_admin: super::admin::may_change(&snapshot.manifest, &inner.secrets),
                anchor: inner.anchor.describe(),
                trail_events: trail::size(snapshot)?,
                trail_key: inner.secrets.signing_key()?.verifier().to_string(),
                sqlite_version: inner.backend.engine_version(),
            })
        })
    }

    /// Reads everything and verifies it: every document, page, bucket, alias, every version's material. Answers the
    /// number of keys checked. `progress` is told how many of how many, outside any transaction; other processes may
    /// go on changing the store meanwhile.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<u64> {
        let total = self.inner.read(|snapshot| {
            access::authorise_read(&self.inner, snapshot, Operation::VerifyStore, None)?;
            snapshot.rows.self_check()?;
            snapshot.settings()?;
            snapshot.approvals()?;
            snapshot.root_rows()?;
            (0..=u8::MAX).try_for_each(|number| snapshot.group(number).map(drop))?;
            Ok(snapshot.manifest.keys)
        })?;
        progress(0, total);
        let (mut checked, mut after) = (0, Vec::new());
        loop {
            let step = self.inner.read(|snapshot| self.verify_keys(snapshot, &after))?;
            let Some((last, count)) = step else { break };
            (checked, after) = (checked + count, last);
            progress(checked, total.max(checked));
        }
        self.verify_rest(Table::Aliases)?;
        self.verify_rest(Table::Pages)?;
        self.inner.read(count_all)?;
        progress(checked, checked);
        Ok(checked)
    }

    /// Verifies the keys whose places come after `after`; the last place and how many, or `None` at the end.
    fn verify_keys(&self, snapshot: &mut Snapshot<'_>, after: &[u8]) -> Result<Option<(Vec<u8>, u64)>> {
        let entries = snapshot.rows.list(Table::Keys, after, STRIDE)?;
        for entry in &entries {
            let key = key_of(snapshot, entry)?;
            for version in snapshot.versions(&key)?.into_iter().chain(key.pending.clone()) {
                if version.state == VersionState::Destroyed || !version.holds_material() {
                    continue;
                }
                material::open(&self.inner.secrets, key.id, key.spec, &version)?;
            }
            for grant in key.grants.iter().filter(|grant| grant.uses.is_some()) {
                snapshot.uses(key.id, grant.id)?;
            }
            for alias in &key.aliases {
                if snapshot.alias(alias)?.map(|(_, row)| row.key_id) != Some(key.id) {
                    let what = format!("keys row {}: its alias {alias} leads elsewhere", key.id);
                    return Err(Error::StoreIntegrity { what: what.into() });
                }
            }
        }
        Ok(entries.last().map(|last| (last.place.clone(), entries.len() as u64)))
    }

    /// Verifies that every row of a table is one that some key names.
    fn verify_rest(&self, table: Table) -> Result<()> {
        let mut after = Vec::new();
        loop {
            let last = self.inner.read(|snapshot| {
                let entries = snapshot.rows.list(table, &after, STRIDE)?;
                for entry in &entries {
                    match table {
                        Table::Pages => named_page(snapshot, entry)?,
                        _ => drop(alias_of(snapshot, entry)?),
                    }
                }
                Ok(entries.last().map(|last| last.place.clone()))
            })?;
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }
}

/// Verifies in one state that the buckets hold as many keys as the manifest says, and that no table has a row that
/// nothing leads to.
fn count_all(snapshot: &mut Snapshot<'_>) -> Result<()> {
    let (mut keys, mut members) = (0, 0);
    let numbers: Vec<u8> = snapshot.manifest.groups.keys().copied().collect();
    for high in numbers {
        let lows: Vec<u8> = snapshot.group(high)?.buckets.keys().copied().collect();
        for low in lows {
            let bucket = snapshot.bucket(u16::from_be_bytes([high, low]))?;
            keys += bucket.keys.len() as u64;
            members += (bucket.keys.len() + bucket.aliases.len()) as u64;
        }
        snapshot.buckets.clear();
    }
    let groups = snapshot.manifest.groups.len() as u64;
    let rows = count(snapshot, Table::Keys)? + count(snapshot, Table::Aliases)?;
    let single = count(snapshot, Table::Settings)? + count(snapshot, Table::Manifest)?;
    match keys == snapshot.manifest.keys
        && rows == members
        && single == 2
        && count(snapshot, Table::Groups)? == groups
    {
        true => Ok(()),
        false => Err(Error::StoreIntegrity { what: "there are rows that nothing leads to".into() }),
    }
}

pub(super) fn count(snapshot: &mut Snapshot<'_>, table: Table) -> Result<u64> {
    let (mut count, mut after) = (0, Vec::new());
    loop {
        let entries = snapshot.rows.list(table, &after, 1_024)?;
        match entries.last() {
            None => return Ok(count),
            Some(last) => after = last.place.clone(),
        }
        count += entries.len() as u64;
    }
}

/// The entries of a page, and where the next begins. Whole verified buckets are walked, so nothing can be missing.
pub(super) fn walk(
    snapshot: &mut Snapshot<'_>,
    table: Table,
    page: &PageRequest,
) -> Result<(Vec<Entry>, Option<String>)> {
    let limit = if page.limit == 0 { PAGE } else { page.limit };
    if limit > PAGE_LIMIT {
        return Err(Error::TooLarge { what: "a page's limit", limit: PAGE_LIMIT.into() });
    }
    let after = match &page.after {
        Some(token) => parse_token(token)?,
        None => Vec::new(),
    };
    let first = bucket_of(&after);
    let mut found = Vec::new();
    for high in first.to_be_bytes()[0]..=u8::MAX {
        let lows: BTreeSet<u8> = snapshot.group(high)?.buckets.keys().copied().collect();
        for low in lows {
            let number = u16::from_be_bytes([high, low]);
            if number < first {
                continue;
            }
            let entries = snapshot.bucket(number)?.entries(table);
            found.extend(entries.iter().filter(|entry| entry.place > after).cloned());
            // One more than asked for tells that there is a next page.
            if found.len() > limit as usize {
                found.truncate(limit as usize);
                let next = found.last().map(|last| hex(&last.place));
                return Ok((found, next));
            }
        }
    }
    Ok((found, None))
}

pub(super) fn key_of(snapshot: &mut Snapshot<'_>, entry: &Entry) -> Result<KeyDocument> {
    let id = match entry.place.get(2..).map(<[u8; 16]>::try_from) {
        Some(Ok(id)) if snapshot.secrets.key_place(KeyId(id)) == entry.place => KeyId(id),
        _ => return Err(Table::Keys.broken(&entry.place, "it is in a place where no key can be")),
    };
    snapshot.key_by_id(id)?.ok_or_else(|| Table::Keys.broken(&entry.place, "its bucket does not list it"))
}

fn alias_of(snapshot: &mut Snapshot<'_>, entry: &Entry) -> Result<AliasMetadata> {
    let broken = |why| Table::Aliases.broken(&entry.place, why);
    let name = entry.place.get(2..).and_then(|name| std::str::from_utf8(name).ok());
    let alias = name
        .and_then(|name| name.parse::<Alias>().ok())
        .filter(|alias| snapshot.secrets.place(Table::Aliases, alias.as_str().as_bytes()) == entry.place);
    let alias = alias.ok_or_else(|| broken("it is in a place where no alias can be"))?;
    let row: Option<(u64, AliasDocument)> = snapshot.alias(&alias)?;
    let key_id = row.ok_or_else(|| broken("its bucket does not list it"))?.1.key_id;
    snapshot.claimed(&alias, key_id)?;
    Ok(AliasMetadata { alias, key_id })
}

/// Verifies that a page is one its key names.
fn named_page(snapshot: &mut Snapshot<'_>, entry: &Entry) -> Result<()> {
    let stray = || Table::Pages.broken(&entry.place, "no key names it");
    let id = entry.place.get(..16).and_then(|id| <[u8; 16]>::try_from(id).ok()).ok_or_else(stray)?;
    let key = snapshot.key_by_id(KeyId(id))?.ok_or_else(stray)?;
    match (0..key.pages.len()).any(|number| page_place(key.id, number) == entry.place) {
        true => Ok(()),
        false => Err(stray()),
    }
}

fn parse_token(token: &str) -> Result<Vec<u8>> {
    let mut place = vec![0; token.len() / 2];
    match (3..=258).contains(&place.len()) && from_hex(token, &mut place) {
        true => Ok(place),
        false => Err(Error::InvalidArgument { what: "this is not the `next` of a page" }),
    }
}
