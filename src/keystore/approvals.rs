//! Dual control: an operation that needs two principals. `docs/KEYS.md`, "Dual control".

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Store;
use crate::error::Result;
use crate::operation::Operation;

/// What is approved: exactly one operation on one key with these parameters.
#[derive(Clone, Debug)]
pub struct ApprovalRequest {
    /// The operation.
    pub operation: Operation,
    /// The request's parameters as the trail names them (`keyId` is resolved to the id).
    pub request: Map<String, Value>,
    /// Ends after so many seconds; 0: the store's window.
    pub seconds: u32,
}

/// An approval that waits for its use.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Approval {
    pub approval_id: String,
    pub operation: String,
    pub request: Map<String, Value>,
    pub principal: String,
    pub created: String,
    pub expires: String,
}

/// What holds for a whole store and can be changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// Operations that need the approval of a second principal: of DestroyKey, ScheduleKeyDeletion, ExportKey,
    /// ImportKey, ImportKeyMaterial, AddRoot, ChangeRoot, RemoveRoot, RestoreStore, RepairStore, UpdateStoreSettings.
    pub dual_control: Vec<String>,
    /// Seconds for which an approval counts; 3,600 when 0.
    pub approval_seconds: u32,
    /// Principals who manage every key and the store beside the keys' owners. The one who made the store, at first.
    pub administrators: Vec<String>,
}

impl Store {
    /// The store's settings.
    pub fn settings(&self) -> Result<StoreSettings> {
        todo!()
    }

    /// Replaces them. Administrators alone; lowering dual control is itself under dual control.
    pub fn update_settings(&self, _settings: &StoreSettings) -> Result<StoreSettings> {
        todo!()
    }

    /// Approves what another principal is about to do. The approver's root slot must bear a principal, other than that
    /// of whoever then does it.
    pub fn approve(&self, _request: &ApprovalRequest) -> Result<Approval> {
        todo!()
    }

    /// Approvals that wait.
    pub fn list_approvals(&self) -> Result<Vec<Approval>> {
        todo!()
    }

    /// Withdraws an approval.
    pub fn withdraw_approval(&self, _approval_id: &str) -> Result<()> {
        todo!()
    }

    /// Whether this handle's principal may do an operation on a key under a context now, without doing it (KMS's DryRun,
    /// which answers an error there and success here). It is an event, marked so.
    pub fn dry_run(
        &self,
        _operation: Operation,
        _name: &super::KeyName,
        _context: &crate::envelope::Context<'_>,
    ) -> Result<()> {
        todo!()
    }
}
