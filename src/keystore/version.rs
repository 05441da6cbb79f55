//! A version of a key as it is stored, and the pages that hold the older ones.

use serde_json::{Map, Value, json};

use super::document::{DOCUMENT_LIMIT, Unknown, Unreadable, VERSIONS_A_PAGE, read_date, read_time};
use super::json::{Fields, Refused, bytes, from_hex, hex};
use super::names::KeyId;
use super::policy::KeyPolicy;
use super::time::Time;
use super::types::{Origin, RotationType, VersionMetadata, VersionState};
use crate::crypto::{MaterialId, fill_random};

/// Former names of one version.
const FORMER: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct VersionDocument {
    pub(super) version: u32,
    pub(super) material_id: MaterialId,
    pub(super) state: VersionState,
    pub(super) origin: Origin,
    pub(super) created: Time,
    pub(super) rotation_type: RotationType,
    /// The principal who made it.
    pub(super) created_by: String,
    /// When imported material expires.
    pub(super) valid_to: Option<Time>,
    /// What imported material must be when it is imported again.
    pub(super) commitment: Option<[u8; 32]>,
    pub(super) nonce: [u8; 24],
    /// The material (32 to 64 bytes) and its tag; empty when it is gone.
    pub(super) wrapped: Vec<u8>,
    /// Names under which this material sealed elsewhere, before it was imported here.
    pub(super) former: Vec<(KeyId, u32)>,
    pub(super) other: Map<String, Value>,
}

/// The most bytes of material, and the tag.
const WRAPPED: usize = 64 + 16;

impl VersionDocument {
    /// The same version, its material wrapped for another place.
    pub(super) fn rewrapped(self, nonce: [u8; 24], wrapped: Vec<u8>) -> VersionDocument {
        VersionDocument { nonce, wrapped, ..self }
    }

    /// Why this version, a key's newest, may not seal, and what to do; `None` where it may.
    pub(super) fn seals_not(&self, policy: &KeyPolicy, now: Time) -> Option<&'static str> {
        let over = |end: Option<Time>| end.is_some_and(|end| end <= now);
        match self.state {
            VersionState::PendingImport => Some("its imported material was deleted; import it again"),
            _ if over(self.valid_to) => Some("its imported material has expired; import it again"),
            VersionState::Current if over(policy.originator_end(self.created)) => {
                Some("its newest version is past its originator period; rotate the key")
            }
            VersionState::Current => None,
            _ => Some("its newest version is not current; rotate the key"),
        }
    }

    /// Whether its material is there, wrapped: neither taken away nor overwritten.
    pub(super) fn holds_material(&self) -> bool {
        !self.wrapped.is_empty() && !self.is_overwritten()
    }

    /// Puts random bytes where its material was, until file and log are scrubbed of it. A nonce of zeros says so.
    pub(super) fn overwrite(&mut self) -> crate::error::Result<()> {
        self.nonce = [0; 24];
        fill_random(&mut self.wrapped)
    }

    pub(super) fn is_overwritten(&self) -> bool {
        self.nonce == [0; 24] && !self.wrapped.is_empty()
    }

    pub(super) fn read(value: Value) -> std::result::Result<VersionDocument, Unreadable> {
        let mut fields = Fields::from_value(value)?;
        let version = read_u32(fields.number("version")?)?;
        if version == 0 {
            return Err("version 0 does not exist".into());
        }
        let too_new = || Unreadable::TooNew("a later release".into());
        let state = VersionState::from_name(&fields.text("state")?).ok_or_else(too_new)?;
        let rotation_type = RotationType::from_name(&fields.text("rotation_type")?).ok_or_else(too_new)?;
        let wrapped = read_wrapped(&fields.text("wrapped")?)?;
        Ok(VersionDocument {
            version,
            material_id: fields.bytes("material_id")?,
            state,
            origin: read_origin(&fields.text("origin")?)?,
            created: read_time(&mut fields)?,
            rotation_type,
            created_by: fields.text("created_by")?,
            valid_to: read_date(&mut fields, "valid_to")?,
            commitment: fields.take_if_there("commitment").map(|value| bytes(&value)).transpose()?,
            nonce: fields.bytes("nonce")?,
            wrapped,
            former: read_former(fields.take_if_there("former"))?,
            other: fields.rest(),
        })
    }

    pub(super) fn write(&self) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| out.insert(name.into(), value);
        put("version", self.version.into());
        put("material_id", hex(&self.material_id).into());
        put("state", self.state.name().into());
        put("origin", origin_name(self.origin).into());
        put("created", self.created.to_string().into());
        put("rotation_type", self.rotation_type.name().into());
        put("created_by", self.created_by.clone().into());
        if let Some(valid_to) = self.valid_to {
            put("valid_to", valid_to.to_string().into());
        }
        if let Some(commitment) = &self.commitment {
            put("commitment", hex(commitment).into());
        }
        put("nonce", hex(&self.nonce).into());
        put("wrapped", hex(&self.wrapped).into());
        if !self.former.is_empty() {
            let names = self.former.iter().map(|(id, version)| json!([id.to_string(), version]));
            put("former", names.collect());
        }
        out.extend(self.other.clone());
        Value::Object(out)
    }

    pub(super) fn metadata(&self, policy: &KeyPolicy) -> VersionMetadata {
        VersionMetadata {
            version: self.version,
            material_id: self.material_id,
            state: self.state,
            origin: self.origin,
            created: self.created.to_string(),
            rotation_type: self.rotation_type,
            created_by: self.created_by.clone(),
            originator_end: policy.originator_end(self.created).map(|time| time.to_string()),
            recipient_end: policy.recipient_end(self.created).map(|time| time.to_string()),
            valid_to: self.valid_to.map(|time| time.to_string()),
        }
    }
}

/// A page of older versions.
pub(super) struct PageDocument {
    pub(super) versions: Vec<VersionDocument>,
    unknown: Unknown,
}

impl PageDocument {
    pub(super) fn new() -> PageDocument {
        PageDocument { versions: Vec::new(), unknown: Unknown::default() }
    }

    pub(super) fn read(text: &str) -> std::result::Result<PageDocument, Unreadable> {
        let mut fields = Fields::parse(text, DOCUMENT_LIMIT)?;
        let unknown = Unknown::begin(&mut fields, &["versions"])?;
        let versions = read_versions(fields.list("versions")?, VERSIONS_A_PAGE)?;
        Ok(PageDocument { versions, unknown: unknown.end(fields) })
    }

    pub(super) fn write(&self) -> String {
        let mut out = self.unknown.write_begin();
        out.insert("versions".into(), self.versions.iter().map(VersionDocument::write).collect());
        self.unknown.write_end(out)
    }
}

pub(super) fn read_versions(
    values: Vec<Value>,
    limit: usize,
) -> std::result::Result<Vec<VersionDocument>, Unreadable> {
    if values.len() > limit {
        return Err("there are more versions than there can be".into());
    }
    let versions =
        values.into_iter().map(VersionDocument::read).collect::<std::result::Result<Vec<_>, _>>()?;
    match versions.windows(2).all(|pair| pair[0].version <= pair[1].version) {
        true => Ok(versions),
        false => Err("its versions are not in order".into()),
    }
}

fn read_wrapped(text: &str) -> Refused<Vec<u8>> {
    let mut wrapped = vec![0; (text.len() / 2).min(WRAPPED)];
    match from_hex(text, &mut wrapped) {
        true => Ok(wrapped),
        false => Err("wrapped material is malformed"),
    }
}

fn read_former(value: Option<Value>) -> Refused<Vec<(KeyId, u32)>> {
    let names = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(names)) if names.len() <= FORMER => names,
        Some(_) => return Err("a short list of former names is expected"),
    };
    let name = |name: &Value| {
        let id = name.get(0)?.as_str()?.parse().ok()?;
        let version = u32::try_from(name.get(1)?.as_u64()?).ok()?;
        (name.as_array()?.len() == 2).then_some((id, version))
    };
    names.iter().map(name).collect::<Option<_>>().ok_or("a former name is malformed")
}

pub(super) fn read_origin(text: &str) -> std::result::Result<Origin, Unreadable> {
    match text {
        "KEYFOLD" => Ok(Origin::Keyfold),
        "EXTERNAL" => Ok(Origin::External),
        _ => Err(Unreadable::TooNew("a later release".into())),
    }
}

pub(super) fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Keyfold => "KEYFOLD",
        Origin::External => "EXTERNAL",
    }
}

pub(super) fn read_u32(number: u64) -> Refused<u32> {
    u32::try_from(number).map_err(|_| "a number is too large")
}
