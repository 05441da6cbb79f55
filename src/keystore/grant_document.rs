//! A grant as a key's document holds it, and the row that counts its uses. `docs/KEYS.md`, "Grants".

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::backend::Table;
use super::constraint::Constraint;
use super::document::{Unknown, Unreadable, read_date, read_time};
use super::grants::GrantMetadata;
use super::json::{Fields, Refused, from_hex, hex};
use super::names::KeyId;
use super::principal::{Actor, check_principal};
use super::scope::is_grantable;
use super::snapshot::Snapshot;
use super::time::Time;
use crate::error::Result;
use crate::operation::Operation;

/// Characters of a grant's name.
pub(super) const NAME_LIMIT: usize = 256;

/// Names a grant: 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GrantId(pub(super) [u8; 16]);

impl GrantId {
    pub(super) fn parse(text: &str) -> Option<GrantId> {
        let mut id = [0; 16];
        from_hex(text, &mut id).then_some(GrantId(id))
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A grant.
#[derive(Clone, Debug)]
pub(super) struct GrantDocument {
    pub(super) id: GrantId,
    pub(super) name: Option<String>,
    pub(super) created: Time,
    pub(super) issuer: String,
    pub(super) grantee: String,
    pub(super) retiring: Option<String>,
    /// Sorted.
    pub(super) operations: Vec<Operation>,
    pub(super) equals: Option<BTreeMap<String, String>>,
    pub(super) subset: Option<BTreeMap<String, String>>,
    pub(super) expires: Option<Time>,
    pub(super) uses: Option<u64>,
    /// Made of `equals` and `subset`.
    pub(super) constraint: Constraint,
}

impl GrantDocument {
    /// With its constraint made ready.
    pub(super) fn new(mut grant: GrantDocument) -> Result<GrantDocument> {
        grant.constraint = Constraint::new(grant.equals.as_ref(), grant.subset.as_ref())?;
        Ok(grant)
    }

    pub(super) fn read_all(values: Vec<Value>) -> std::result::Result<Vec<GrantDocument>, Unreadable> {
        let grants =
            values.into_iter().map(GrantDocument::read).collect::<std::result::Result<Vec<_>, _>>()?;
        match grants.windows(2).all(|pair| pair[0].id < pair[1].id) {
            true => Ok(grants),
            false => Err("its grants are not in order".into()),
        }
    }

    /// A field that this version does not know may narrow the grant, so it is never passed over.
    fn read(value: Value) -> std::result::Result<GrantDocument, Unreadable> {
        let mut fields = Fields::from_value(value)?;
        let too_new = || Unreadable::TooNew("a later release".into());
        let operation = |value: &Value| {
            let operation = Operation::from_name(value.as_str()?).ok()?;
            is_grantable(operation).then_some(operation)
        };
        let operations = fields.list("operations")?.iter().map(operation).collect::<Option<_>>();
        let grant = GrantDocument {
            id: GrantId(fields.bytes("grant_id")?),
            name: fields.text_if_there("name")?,
            created: read_time(&mut fields)?,
            issuer: fields.text("issuer")?,
            grantee: fields.text("grantee")?,
            retiring: fields.text_if_there("retiring")?,
            operations: operations.ok_or_else(too_new)?,
            equals: read_pairs(fields.take_if_there("equals"))?,
            subset: read_pairs(fields.take_if_there("subset"))?,
            expires: read_date(&mut fields, "expires")?,
            uses: match fields.take_if_there("uses") {
                None => None,
                Some(uses) => Some(uses.as_u64().ok_or("a whole number is expected")?),
            },
            constraint: Constraint::default(),
        };
        if !fields.rest().is_empty() {
            return Err(too_new());
        }
        check_principal(&grant.grantee).map_err(|_| "a grant's principal is malformed")?;
        GrantDocument::new(grant).map_err(|_| "a grant's condition is malformed".into())
    }

    pub(super) fn write(&self) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| drop(out.insert(name.into(), value));
        put("grant_id", self.id.to_string().into());
        if let Some(name) = &self.name {
            put("name", name.clone().into());
        }
        put("created", self.created.to_string().into());
        put("issuer", self.issuer.clone().into());
        put("grantee", self.grantee.clone().into());
        if let Some(retiring) = &self.retiring {
            put("retiring", retiring.clone().into());
        }
        put("operations", self.operations.iter().map(|operation| Value::from(operation.name())).collect());
        for (name, pairs) in [("equals", &self.equals), ("subset", &self.subset)] {
            if let Some(pairs) = pairs {
                put(name, pairs.iter().map(|(n, v)| (n.clone(), Value::from(v.clone()))).collect());
            }
        }
        if let Some(expires) = self.expires {
            put("expires", expires.to_string().into());
        }
        if let Some(uses) = self.uses {
            put("uses", uses.into());
        }
        Value::Object(out)
    }

    pub(super) fn metadata(&self, key: KeyId, uses_left: Option<u64>) -> GrantMetadata {
        GrantMetadata {
            grant_id: self.id.to_string(),
            key_id: key.to_string(),
            name: self.name.clone(),
            creation_date: self.created.to_string(),
            issuing_principal: self.issuer.clone(),
            grantee_principal: self.grantee.clone(),
            retiring_principal: self.retiring.clone(),
            operations: self.operations.iter().map(|operation| operation.name()).collect(),
            encryption_context_equals: self.equals.clone(),
            encryption_context_subset: self.subset.clone(),
            expires: self.expires.map(|end| end.to_string()),
            uses: self.uses,
            uses_left,
        }
    }

    pub(super) fn is_over(&self, now: Time) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// The same name and parameters.
    pub(super) fn is_like(&self, other: &GrantDocument) -> bool {
        let parts = |g: &GrantDocument| {
            (g.name.clone(), g.issuer.clone(), g.grantee.clone(), g.retiring.clone(), g.operations.clone())
        };
        let conditions = |g: &GrantDocument| (g.equals.clone(), g.subset.clone(), g.expires, g.uses);
        parts(self) == parts(other) && conditions(self) == conditions(other)
    }

    /// Whether the actor may retire it without owning the key.
    pub(super) fn retired_by(&self, actor: &Actor) -> bool {
        self.retiring.as_ref() == Some(&actor.principal)
            || self.grantee == actor.principal && self.operations.contains(&Operation::RetireGrant)
    }

    /// Whether the actor, as this grant's grantee, may make a grant of what it gives, or of less. A number of uses cannot be
    /// passed on.
    pub(super) fn may_pass_on(&self, made: &GrantDocument, actor: &Actor) -> bool {
        self.grantee == actor.principal
            && self.operations.contains(&Operation::CreateGrant)
            && self.uses.is_none()
            && made.operations.iter().all(|operation| self.operations.contains(operation))
            && self.constraint.covers(&made.constraint)
            && self.expires.is_none_or(|end| made.expires.is_some_and(|made| made <= end))
    }
}

fn read_pairs(value: Option<Value>) -> Refused<Option<BTreeMap<String, String>>> {
    let Some(value) = value else { return Ok(None) };
    let Value::Object(fields) = value else { return Err("an object is expected") };
    let pair = |(name, value): (String, Value)| match value {
        Value::String(value) => Ok((name, value)),
        _ => Err("a text is expected"),
    };
    fields.into_iter().map(pair).collect::<Refused<_>>().map(Some)
}

/// Where a limited grant's uses are counted.
pub(super) fn uses_place(key: KeyId, grant: GrantId) -> Vec<u8> {
    [key.0, grant.0].concat()
}

/// The count as it is stored. The row's revision is one more.
pub(super) fn uses_document(used: u64) -> String {
    let mut out = Unknown::default().write_begin();
    out.insert("used".into(), used.into());
    Unknown::default().write_end(out)
}

pub(super) fn uses_left(uses: u64, used: u64) -> u64 {
    uses.saturating_sub(used)
}

impl Snapshot<'_> {
    /// How often a limited grant was used.
    pub(super) fn uses(&mut self, key: KeyId, grant: GrantId) -> Result<u64> {
        let place = uses_place(key, grant);
        let row = self.rows.get(Table::GrantUses, &place)?;
        let row = row.ok_or_else(|| Table::GrantUses.broken(&place, "it is missing"))?;
        self.secrets.verify(Table::GrantUses, &self.manifest.incarnation, &place, &row)?;
        let unreadable =
            |unreadable: Unreadable| unreadable.error(&format!("grant_uses row {}", hex(&place)));
        let mut fields = Fields::parse(&row.document, 4_096).map_err(|why| unreadable(why.into()))?;
        Unknown::begin(&mut fields, &["used"]).map_err(unreadable)?;
        let used = fields.number("used").map_err(|why| unreadable(why.into()))?;
        match used.checked_add(1) == Some(row.revision) {
            true => Ok(used),
            false => Err(Table::GrantUses.broken(&place, "its count and its revision do not agree")),
        }
    }
}
