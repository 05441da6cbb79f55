//! A key as it is stored: one JSON document, authenticated as its bytes stand.
//!
//! Fields that this version does not know are kept and written back, unless the document calls them critical: then
//! the key is refused, naming the library version it needs.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::backend::Mac;
use super::clock::Sighting;
use super::grants::GrantDocument;
use super::json::{Fields, Refused, bytes, hex};
use super::names::{Alias, KeyId};
use super::policy::KeyPolicy;
use super::time::Time;
use super::types::{KeyMetadata, KeySpec, KeyState, KeyUsage, Origin, VersionState};
use super::version::{VersionDocument, origin_name, read_origin, read_u32, read_versions};
use crate::error::{Error, Result};

/// The newest versions stand in the document itself, older ones in pages of as many.
pub(super) const VERSIONS_A_PAGE: usize = 64;
/// A document, a page: bytes at most.
pub(super) const DOCUMENT_LIMIT: usize = 65_536;
/// Pages a key can have; with the document's own, 12,352 versions.
pub(super) const PAGES: usize = 192;
/// Aliases of one key.
pub(super) const ALIASES: usize = 50;
pub(super) const DESCRIPTION_LIMIT: usize = 8_192;
const FORMAT: u64 = 1;

#[derive(Clone, Debug)]
pub(super) struct KeyDocument {
    pub(super) id: KeyId,
    pub(super) revision: u64,
    pub(super) description: String,
    pub(super) spec: KeySpec,
    pub(super) state: KeyState,
    /// Why it is in that state: free text of whoever put it there, or the library's.
    pub(super) state_reason: Option<String>,
    pub(super) origin: Origin,
    pub(super) created: Time,
    /// The principal who made it.
    pub(super) owner: String,
    /// Sorted.
    pub(super) aliases: Vec<Alias>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) policy: KeyPolicy,
    /// By id.
    pub(super) grants: Vec<GrantDocument>,
    /// When a key in PendingDeletion is destroyed.
    pub(super) deletion_date: Option<Time>,
    /// That the waiting period was found to be over, for the first of two times.
    pub(super) deletion_seen: Option<Sighting>,
    /// When it was marked as compromised; that stays with it in whatever state.
    pub(super) compromised: Option<Time>,
    /// Rotations on demand so far.
    pub(super) on_demand_rotations: u32,
    /// Imports of wrapped material so far: each uses up the tokens that were made before it.
    pub(super) imports: u32,
    /// When the policy's period was set or last came round; the next automatic rotation is a period later.
    pub(super) rotation_from: Option<Time>,
    /// The number of the next version: higher than any that ever was.
    pub(super) next_version: u32,
    /// The newest versions, oldest first; the last is the current one. None while the first import is awaited.
    pub(super) versions: Vec<VersionDocument>,
    /// Imported material that the next rotation makes current; it has its number, and no use yet.
    pub(super) pending: Option<VersionDocument>,
    /// MACs of the pages of older versions, oldest first.
    pub(super) pages: Vec<Mac>,
    pub(super) unknown: Unknown,
}

/// What a document says that this version does not know.
#[derive(Clone, Debug, Default)]
pub(super) struct Unknown {
    critical: Vec<String>,
    needs: Option<String>,
    other: Map<String, Value>,
}

/// Why a document is not taken.
pub(super) enum Unreadable {
    /// It is not in the form this store writes.
    Damaged(&'static str),
    /// It is of a later time; the library version it needs.
    TooNew(String),
}

impl Unreadable {
    pub(super) fn error(self, what: &str) -> Error {
        match self {
            Unreadable::Damaged(why) => Error::StoreIntegrity { what: format!("{what}: {why}").into() },
            Unreadable::TooNew(needs) => Error::StoreTooNew { what: what.into(), needs: needs.into() },
        }
    }
}

impl From<&'static str> for Unreadable {
    fn from(why: &'static str) -> Unreadable {
        Unreadable::Damaged(why)
    }
}

impl Unknown {
    /// Reads `format`, `critical` and `needs`, which every document begins with. Refuses a later format, and critical
    /// fields that are not among `known`.
    pub(super) fn begin(fields: &mut Fields, known: &[&str]) -> std::result::Result<Unknown, Unreadable> {
        let needs = match fields.take_if_there("needs") {
            None => None,
            Some(Value::String(needs)) => Some(needs.chars().take(32).collect()),
            Some(_) => return Err("a text is expected".into()),
        };
        let too_new = || Unreadable::TooNew(needs.clone().unwrap_or_else(|| "a later release".into()));
        if fields.number("format")? != FORMAT {
            return Err(too_new());
        }
        let mut critical = Vec::new();
        for name in fields.list("critical")? {
            match name {
                Value::String(name) if known.contains(&name.as_str()) => critical.push(name),
                Value::String(_) => return Err(too_new()),
                _ => return Err("a list of names is expected".into()),
            }
        }
        Ok(Unknown { critical, needs, other: Map::new() })
    }

    pub(super) fn end(mut self, fields: Fields) -> Unknown {
        self.other = fields.rest();
        self
    }

    /// The head of a document.
    pub(super) fn write_begin(&self) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("format".into(), FORMAT.into());
        out.insert("critical".into(), self.critical.clone().into());
        if let Some(needs) = &self.needs {
            out.insert("needs".into(), needs.clone().into());
        }
        out
    }

    pub(super) fn write_end(&self, mut out: Map<String, Value>) -> String {
        out.extend(self.other.clone());
        Value::Object(out).to_string()
    }
}

const KEY_FIELDS: &[&str] = &[
    "key_id",
    "description",
    "key_usage",
    "key_spec",
    "key_state",
    "state_reason",
    "owner",
    "tags",
    "policy",
    "grants",
    "deletion_date",
    "deletion_seen",
    "compromised",
    "on_demand_rotations",
    "imports",
    "rotation_from",
    "origin",
    "created",
    "aliases",
    "current_version",
    "next_version",
    "pages",
    "versions",
    "pending",
];

impl KeyDocument {
    /// A key as it begins: enabled, of nobody but its owner, without versions.
    pub(super) fn new(id: KeyId, spec: KeySpec, origin: Origin, created: Time, owner: String) -> KeyDocument {
        KeyDocument {
            id,
            revision: 0,
            description: String::new(),
            spec,
            state: KeyState::Enabled,
            state_reason: None,
            origin,
            created,
            owner,
            aliases: Vec::new(),
            tags: BTreeMap::new(),
            policy: KeyPolicy::default(),
            grants: Vec::new(),
            deletion_date: None,
            deletion_seen: None,
            compromised: None,
            on_demand_rotations: 0,
            imports: 0,
            rotation_from: None,
            next_version: 1,
            versions: Vec::new(),
            pending: None,
            pages: Vec::new(),
            unknown: Unknown::default(),
        }
    }

    pub(super) fn read(text: &str, revision: u64) -> std::result::Result<KeyDocument, Unreadable> {
        KeyDocument::read_bounded(text, revision, DOCUMENT_LIMIT, VERSIONS_A_PAGE)
    }

    /// An exported key is one document with all its versions; else the bounds are those of a stored one.
    pub(super) fn read_bounded(
        text: &str,
        revision: u64,
        limit: usize,
        versions: usize,
    ) -> std::result::Result<KeyDocument, Unreadable> {
        let mut fields = Fields::parse(text, limit)?;
        let unknown = Unknown::begin(&mut fields, KEY_FIELDS)?;
        let id = fields.text("key_id")?.parse().map_err(|_| "the key id is malformed")?;
        let description = fields.text("description")?;
        let too_new = || Unreadable::TooNew("a later release".into());
        let (usage, spec) = (fields.text("key_usage")?, fields.text("key_spec")?);
        let spec = KeySpec::from_name(&spec).ok_or_else(too_new)?;
        if spec.usage() != KeyUsage::from_name(&usage).ok_or_else(too_new)? {
            return Err("its usage and spec do not fit together".into());
        }
        let state = KeyState::from_name(&fields.text("key_state")?).ok_or_else(too_new)?;
        let state_reason = fields.text_if_there("state_reason")?;
        let owner = fields.text("owner")?;
        let tags = read_tags(fields.object("tags")?)?;
        let policy =
            serde_json::from_value(Value::Object(fields.object("policy")?)).map_err(|_| too_new())?;
        let grants = GrantDocument::read_all(fields.list("grants")?)?;
        let deletion_date = read_date(&mut fields, "deletion_date")?;
        let deletion_seen = Sighting::read(fields.take_if_there("deletion_seen"))?;
        let compromised = read_date(&mut fields, "compromised")?;
        let on_demand_rotations = read_u32(fields.number("on_demand_rotations")?)?;
        let imports = match fields.take_if_there("imports") {
            None => 0,
            Some(imports) => read_u32(imports.as_u64().ok_or("a whole number is expected")?)?,
        };
        let rotation_from = read_date(&mut fields, "rotation_from")?;
        let origin = read_origin(&fields.text("origin")?)?;
        let created = read_time(&mut fields)?;
        let aliases = read_aliases(fields.list("aliases")?)?;
        let current = fields.number("current_version")?;
        let next_version = read_u32(fields.number("next_version")?)?;
        let pages = fields.list("pages")?.iter().map(bytes).collect::<Refused<Vec<Mac>>>()?;
        let versions = read_versions(fields.list("versions")?, versions)?;
        let newest = versions.last().map_or(0, |newest| newest.version);
        if u64::from(newest) != current || newest >= next_version || pages.len() > PAGES {
            return Err("its version numbers do not fit together".into());
        }
        let pending = fields.take_if_there("pending").map(VersionDocument::read).transpose()?;
        if pending.as_ref().is_some_and(|p| p.version <= newest || p.version >= next_version) {
            return Err("the number of its pending version does not fit".into());
        }
        let unknown = unknown.end(fields);
        Ok(KeyDocument {
            id,
            revision,
            description,
            spec,
            state,
            state_reason,
            origin,
            created,
            owner,
            aliases,
            tags,
            policy,
            grants,
            deletion_date,
            deletion_seen,
            compromised,
            on_demand_rotations,
            imports,
            rotation_from,
            next_version,
            versions,
            pending,
            pages,
            unknown,
        })
    }

    pub(super) fn write(&self) -> String {
        let mut out = self.unknown.write_begin();
        let mut put = |name: &str, value: Value| out.insert(name.into(), value);
        put("key_id", self.id.to_string().into());
        put("description", self.description.clone().into());
        put("key_usage", self.spec.usage().name().into());
        put("key_spec", self.spec.name().into());
        put("key_state", self.state.to_string().into());
        put_if(&mut put, "state_reason", &self.state_reason);
        put("owner", self.owner.clone().into());
        put(
            "tags",
            self.tags.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect(),
        );
        // A policy is plain data: it always serialises.
        put("policy", serde_json::to_value(&self.policy).unwrap_or_default());
        put("grants", self.grants.iter().map(GrantDocument::write).collect());
        put_if(&mut put, "deletion_date", &self.deletion_date);
        if let Some(seen) = &self.deletion_seen {
            put("deletion_seen", seen.write());
        }
        put_if(&mut put, "compromised", &self.compromised);
        put("on_demand_rotations", self.on_demand_rotations.into());
        if self.imports > 0 {
            put("imports", self.imports.into());
        }
        put_if(&mut put, "rotation_from", &self.rotation_from);
        put("origin", origin_name(self.origin).into());
        put("created", self.created.to_string().into());
        put("aliases", self.aliases.iter().map(Alias::as_str).collect());
        put("current_version", self.newest().into());
        put("next_version", self.next_version.into());
        put("pages", self.pages.iter().map(|mac| hex(mac)).collect());
        put("versions", self.versions.iter().map(VersionDocument::write).collect());
        if let Some(pending) = &self.pending {
            put("pending", pending.write());
        }
        self.unknown.write_end(out)
    }

    /// The number of the newest version; 0 when there is none.
    pub(super) fn newest(&self) -> u32 {
        self.versions.last().map_or(0, |newest| newest.version)
    }

    /// The number of a version that is about to be made.
    pub(super) fn take_number(&mut self) -> Result<u32> {
        let number = self.next_version;
        self.next_version = number
            .checked_add(1)
            .ok_or(Error::LimitExceeded { what: "version numbers", limit: u32::MAX.into() })?;
        Ok(number)
    }

    /// The version that new cells are wrapped under, where there is one.
    pub(super) fn current(&self) -> Option<&VersionDocument> {
        self.versions.last().filter(|newest| newest.state == VersionState::Current)
    }

    /// What callers see; `versions` are all of them, oldest first, but for the pending one.
    pub(super) fn metadata(&self, versions: &[VersionDocument]) -> KeyMetadata {
        KeyMetadata {
            key_id: self.id,
            aliases: self.aliases.clone(),
            description: self.description.clone(),
            key_state: self.state,
            state_reason: self.state_reason.clone(),
            key_usage: self.spec.usage(),
            key_spec: self.spec,
            origin: self.origin,
            created: self.created.to_string(),
            owner: self.owner.clone(),
            tags: self.tags.clone(),
            policy: self.policy.clone(),
            next_rotation: super::rotation::next(self).map(|(time, _)| time.to_string()),
            deletion_date: self.deletion_date.map(|time| time.to_string()),
            grants: u32::try_from(self.grants.len()).unwrap_or(u32::MAX),
            revision: self.revision,
            current_version: self.current().map_or(0, |current| current.version),
            versions: versions.iter().chain(&self.pending).map(|v| v.metadata(&self.policy)).collect(),
        }
    }
}

/// An alias row says nothing but which key it leads to; the key's document must say so too.
pub(super) struct AliasDocument {
    pub(super) key_id: KeyId,
    unknown: Unknown,
}

impl AliasDocument {
    pub(super) fn new(key_id: KeyId) -> AliasDocument {
        AliasDocument { key_id, unknown: Unknown::default() }
    }

    pub(super) fn read(text: &str) -> std::result::Result<AliasDocument, Unreadable> {
        let mut fields = Fields::parse(text, 4_096)?;
        let unknown = Unknown::begin(&mut fields, &["key_id"])?;
        let key_id = fields.text("key_id")?.parse().map_err(|_| "the key id is malformed")?;
        Ok(AliasDocument { key_id, unknown: unknown.end(fields) })
    }

    pub(super) fn write(&self) -> String {
        let mut out = self.unknown.write_begin();
        out.insert("key_id".into(), self.key_id.to_string().into());
        self.unknown.write_end(out)
    }
}

/// A description as a document takes it: bounded, and without characters that a terminal would obey.
pub(super) fn check_description(text: &str) -> Result<()> {
    if text.len() > DESCRIPTION_LIMIT {
        return Err(Error::TooLarge { what: "a description", limit: DESCRIPTION_LIMIT as u64 });
    }
    match text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        true => Err(Error::InvalidArgument { what: "a description has no control characters" }),
        false => Ok(()),
    }
}

fn read_aliases(values: Vec<Value>) -> Refused<Vec<Alias>> {
    let alias = |value: &Value| value.as_str()?.parse::<Alias>().ok();
    let aliases: Vec<Alias> =
        values.iter().map(alias).collect::<Option<_>>().ok_or("an alias is malformed")?;
    match aliases.len() <= ALIASES && aliases.windows(2).all(|pair| pair[0] < pair[1]) {
        true => Ok(aliases),
        false => Err("its aliases are not a sorted short list"),
    }
}

/// Tags: 50 at most.
pub(super) const TAGS: usize = 50;

fn read_tags(object: Map<String, Value>) -> Refused<BTreeMap<String, String>> {
    if object.len() > TAGS {
        return Err("it has more tags than a key can have");
    }
    let tag = |(name, value): (String, Value)| match value {
        Value::String(value) => Ok((name, value)),
        _ => Err("a tag's value is not a text"),
    };
    object.into_iter().map(tag).collect()
}

/// A field that may be left out.
fn put_if<T: ToString>(put: &mut impl FnMut(&str, Value) -> Option<Value>, name: &str, value: &Option<T>) {
    if let Some(value) = value {
        put(name, value.to_string().into());
    }
}

/// A date that may be left out.
pub(super) fn read_date(fields: &mut Fields, name: &'static str) -> Refused<Option<Time>> {
    match fields.text_if_there(name)? {
        None => Ok(None),
        Some(text) => Time::parse(&text).map(Some).ok_or("a date is malformed"),
    }
}

pub(super) fn read_time(fields: &mut Fields) -> Refused<Time> {
    Time::parse(&fields.text("created")?).ok_or("a date is malformed")
}
