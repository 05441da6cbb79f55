//! Grants: what a key's owner lets others do. `docs/KEYS.md`, "Grants".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Store;
use super::document::Unreadable;
use super::names::KeyName;
use super::types::PageRequest;
use crate::error::Result;

/// A grant as a key's document holds it.
#[derive(Clone, Debug)]
pub(super) struct GrantDocument {
    whole: Value,
}

impl GrantDocument {
    pub(super) fn read_all(values: Vec<Value>) -> std::result::Result<Vec<GrantDocument>, Unreadable> {
        Ok(values.into_iter().map(|whole| GrantDocument { whole }).collect())
    }

    pub(super) fn write(&self) -> Value {
        self.whole.clone()
    }
}

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
    /// From JSON. INVALID_ARGUMENT, naming the field.
    pub fn from_json(_text: &str) -> Result<CreateGrant> {
        todo!()
    }
}

impl Store {
    /// Lets a principal do something with a key.
    pub fn create_grant(&self, _name: &KeyName, _grant: &CreateGrant) -> Result<GrantMetadata> {
        todo!()
    }

    /// A key's grants.
    pub fn list_grants(&self, _name: &KeyName, _page: &PageRequest) -> Result<GrantPage> {
        todo!()
    }

    /// Grants of all keys that this principal may retire.
    pub fn list_retirable_grants(&self, _principal: &str, _page: &PageRequest) -> Result<GrantPage> {
        todo!()
    }

    /// Ends a grant: its grantee (if the grant has RetireGrant), its retiring principal or the key's owner.
    pub fn retire_grant(&self, _name: &KeyName, _grant_id: &str) -> Result<()> {
        todo!()
    }

    /// Ends a grant: the key's owner. Takes hold of ready handles at their next call, in other processes within the
    /// refresh interval.
    pub fn revoke_grant(&self, _name: &KeyName, _grant_id: &str) -> Result<()> {
        todo!()
    }
}
