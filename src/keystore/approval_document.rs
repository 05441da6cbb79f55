//! The row of approvals, and what an approval is an approval of. `docs/KEYS.md`, "Dual control".

use serde_json::{Map, Value};

use super::approvals::Approval;
use super::backend::Table;
use super::document::{Unknown, Unreadable, read_date, read_time};
use super::json::{Fields, hex};
use super::names::KeyId;
use super::snapshot::Snapshot;
use super::time::Time;
use crate::crypto::{ct_eq, sha256_into};
use crate::error::Result;
use crate::operation::Operation;

/// The row: bytes at most.
const LIMIT: usize = 262_144;

/// All approvals that wait.
#[derive(Default)]
pub(super) struct Approvals {
    pub(super) pending: Vec<Pending>,
    unknown: Unknown,
}

/// One approval.
pub(super) struct Pending {
    id: [u8; 16],
    operation: String,
    key: Option<KeyId>,
    /// Canonical; without the key.
    request: Map<String, Value>,
    /// Of all that it approves.
    digest: [u8; 32],
    pub(super) principal: String,
    created: Time,
    pub(super) expires: Time,
}

impl Pending {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(
        id: [u8; 16],
        incarnation: &[u8; 16],
        operation: Operation,
        key: Option<KeyId>,
        request: Map<String, Value>,
        principal: String,
        created: Time,
        expires: Time,
    ) -> Pending {
        let digest = digest(incarnation, operation, key, &request, &principal, expires);
        Pending { id, operation: operation.name().into(), key, request, digest, principal, created, expires }
    }

    /// Whether it approves exactly this.
    pub(super) fn is_for(
        &self,
        incarnation: &[u8; 16],
        operation: Operation,
        key: Option<KeyId>,
        request: &Map<String, Value>,
    ) -> bool {
        let asked = digest(incarnation, operation, key, request, &self.principal, self.expires);
        ct_eq(&asked, &self.digest)
    }

    /// Whether it approves this with parameters of some kind.
    pub(super) fn is_for_some_request(
        &self,
        incarnation: &[u8; 16],
        operation: Operation,
        key: Option<KeyId>,
    ) -> bool {
        self.is_for(incarnation, operation, key, &self.request)
    }

    pub(super) fn approval_id(&self) -> String {
        hex(&self.id)
    }

    pub(super) fn describe(&self) -> Approval {
        let mut request = Map::new();
        if let Some(key) = self.key {
            request.insert("keyId".into(), key.to_string().into());
        }
        request.extend(self.request.clone());
        Approval {
            approval_id: self.approval_id(),
            operation: self.operation.clone(),
            request,
            principal: self.principal.clone(),
            created: self.created.to_string(),
            expires: self.expires.to_string(),
        }
    }

    fn read(value: Value) -> std::result::Result<Pending, Unreadable> {
        let mut fields = Fields::from_value(value)?;
        let key = fields.text_if_there("key_id")?;
        let key = key.map(|key| key.parse().map_err(|_| "the key id is malformed")).transpose()?;
        let pending = Pending {
            id: fields.bytes("approval_id")?,
            operation: fields.text("operation")?,
            key,
            request: fields.object("request")?,
            digest: fields.bytes("digest")?,
            principal: fields.text("principal")?,
            created: read_time(&mut fields)?,
            expires: read_date(&mut fields, "expires")?.ok_or("a field is missing")?,
        };
        match fields.rest().is_empty() {
            true => Ok(pending),
            false => Err(Unreadable::TooNew("a later release".into())),
        }
    }

    fn write(&self) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| drop(out.insert(name.into(), value));
        put("approval_id", self.approval_id().into());
        put("operation", self.operation.clone().into());
        if let Some(key) = self.key {
            put("key_id", key.to_string().into());
        }
        put("request", self.request.clone().into());
        put("digest", hex(&self.digest).into());
        put("principal", self.principal.clone().into());
        put("created", self.created.to_string().into());
        put("expires", self.expires.to_string().into());
        Value::Object(out)
    }
}

impl Approvals {
    fn read(text: &str) -> std::result::Result<Approvals, Unreadable> {
        let mut fields = Fields::parse(text, LIMIT)?;
        let unknown = Unknown::begin(&mut fields, &["approvals"])?;
        let pending = fields.list("approvals")?.into_iter().map(Pending::read);
        let pending = pending.collect::<std::result::Result<_, _>>()?;
        Ok(Approvals { pending, unknown: unknown.end(fields) })
    }

    pub(super) fn write(&self) -> String {
        let mut out = self.unknown.write_begin();
        out.insert("approvals".into(), self.pending.iter().map(Pending::write).collect());
        self.unknown.write_end(out)
    }

    pub(super) fn drop_over(&mut self, now: Time) {
        self.pending.retain(|pending| now < pending.expires);
    }
}

impl Snapshot<'_> {
    /// The approvals that wait, as the manifest names them.
    pub(super) fn approvals(&mut self) -> Result<Approvals> {
        let place = self.secrets.store_id;
        let row = match (self.manifest.approvals, self.rows.get(Table::Approvals, &place)?) {
            (None, None) => return Ok(Approvals::default()),
            (Some(named), Some(row)) if ct_eq(&named, &row.mac) => row,
            _ => return Err(Table::Approvals.broken(&place, "it is not the one the manifest names")),
        };
        self.secrets.verify(Table::Approvals, &self.manifest.incarnation, &place, &row)?;
        Approvals::read(&row.document).map_err(|unreadable| unreadable.error("approvals"))
    }
}

/// A request's parameters in the one form that is compared: sorted by name at every level, and without the key, whose name
/// is resolved.
pub(super) fn canonical(request: &Map<String, Value>) -> Map<String, Value> {
    let mut sorted: Vec<_> = request.iter().filter(|(name, _)| *name != "keyId").collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    sorted.into_iter().map(|(name, value)| (name.clone(), canonical_value(value))).collect()
}

pub(super) fn canonical_value(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            Value::Object(sorted.into_iter().map(|(n, v)| (n.clone(), canonical_value(v))).collect())
        }
        Value::Array(items) => items.iter().map(canonical_value).collect(),
        other => other.clone(),
    }
}

fn digest(
    incarnation: &[u8; 16],
    operation: Operation,
    key: Option<KeyId>,
    request: &Map<String, Value>,
    principal: &str,
    expires: Time,
) -> [u8; 32] {
    let request = Value::Object(request.clone()).to_string();
    let key = key.map_or(Vec::new(), |key| key.0.to_vec());
    let mut hash = [0; 32];
    let fields: [&[u8]; 7] = [
        b"keyfold/approval/1",
        incarnation,
        operation.name().as_bytes(),
        &key,
        request.as_bytes(),
        principal.as_bytes(),
        &expires.0.to_be_bytes(),
    ];
    let lengths = fields.map(|field| (field.len() as u64).to_be_bytes());
    let parts: Vec<&[u8]> = fields.iter().zip(&lengths).flat_map(|(field, len)| [&len[..], field]).collect();
    sha256_into(&parts, &mut hash);
    hash
}
