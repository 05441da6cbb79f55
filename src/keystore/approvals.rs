//! Dual control: an operation that needs two principals. `docs/KEYS.md`, "Dual control".

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Store;
use super::access;
use super::approval_document::{Pending, canonical};
use super::change::{Change, Deed, refuse};
use super::clock;
use super::inner::Inner;
use super::names::{KeyId, KeyName};
use super::parameters;
use super::principal::check_principal;
use super::snapshot::Snapshot;
use super::time::Time;
use super::trail;
use crate::crypto::fill_random;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Operations that settings can put under dual control.
pub(super) const DUAL_CONTROL: [Operation; 11] = [
    Operation::DestroyKey,
    Operation::ScheduleKeyDeletion,
    Operation::ExportKey,
    Operation::ImportKey,
    Operation::ImportKeyMaterial,
    Operation::AddRoot,
    Operation::ChangeRoot,
    Operation::RemoveRoot,
    Operation::RestoreStore,
    Operation::RepairStore,
    Operation::UpdateStoreSettings,
];
/// Whether settings can put an operation under dual control.
#[cfg(feature = "cli")]
pub(crate) fn can_be_approved(operation: Operation) -> bool {
    DUAL_CONTROL.contains(&operation)
}

/// Approvals that may wait at a time.
const PENDING: usize = 64;
/// The window where the settings name none: seconds.
const WINDOW: u32 = 3_600;
/// The longest window: a week.
const WINDOW_LIMIT: u32 = 604_800;
const ADMINISTRATORS: usize = 32;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// Operations that need the approval of a second principal: of DestroyKey, ScheduleKeyDeletion, ExportKey,
    /// ImportKey, ImportKeyMaterial, AddRoot, ChangeRoot, RemoveRoot, RestoreStore, RepairStore, UpdateStoreSettings.
    pub dual_control: Vec<String>,
    /// Seconds for which an approval counts. Given as 0 it is 3,600, and is told so.
    pub approval_seconds: u32,
    /// Principals who manage every key and the store beside the keys' owners. The one who made the store, at first.
    pub administrators: Vec<String>,
}

impl StoreSettings {
    /// Reads settings from JSON; their values are checked when they are made the store's.
    ///
    /// # Errors
    /// INVALID_ARGUMENT.
    pub fn from_json(text: &str) -> Result<StoreSettings> {
        if text.len() > 65_536 {
            return Err(Error::TooLarge { what: "the settings' JSON", limit: 65_536 });
        }
        serde_json::from_str(text).map_err(|_| Error::InvalidArgument {
            what: "settings are a JSON object of dual_control, approval_seconds and administrators",
        })
    }

    /// Seconds for which an approval counts at most.
    fn window(&self) -> u32 {
        if self.approval_seconds == 0 { WINDOW } else { self.approval_seconds }
    }

    /// As they are told: with the time that holds.
    fn told(mut self) -> StoreSettings {
        self.approval_seconds = self.window();
        self
    }

    /// As they are stored: checked, in order, nothing twice.
    pub(super) fn checked(&self) -> Result<StoreSettings> {
        let bad = |what| Err(Error::InvalidArgument { what });
        let mut checked = self.clone();
        for list in [&mut checked.dual_control, &mut checked.administrators] {
            list.sort_unstable();
            list.dedup();
        }
        for name in &checked.dual_control {
            let operation = Operation::from_name(name)?;
            if !DUAL_CONTROL.contains(&operation) {
                return Err(Error::InvalidField {
                    field: format!("dual_control: {operation}").into(),
                    why: "under dual control can be DestroyKey, ScheduleKeyDeletion, ExportKey, ImportKey, ImportKeyMaterial, AddRoot, ChangeRoot, RemoveRoot, RestoreStore, RepairStore and UpdateStoreSettings",
                });
            }
        }
        if checked.approval_seconds > WINDOW_LIMIT {
            return bad("approval_seconds: 604,800 (a week) at most");
        }
        checked.administrators.iter().try_for_each(|name| check_principal(name))?;
        let least = if checked.dual_control.is_empty() { 1 } else { 2 };
        match checked.administrators.len() {
            0 => bad("administrators: a store has one at least"),
            1 if least == 2 => bad("administrators: dual control needs two at least"),
            n if n > ADMINISTRATORS => {
                Err(Error::LimitExceeded { what: "administrators", limit: ADMINISTRATORS as u64 })
            }
            _ => Ok(checked),
        }
    }

    /// Whether going on to `new` makes dual control weaker: an operation leaves it, approvals count longer, or others are
    /// administrators (a principal more is somebody who can approve).
    fn is_lowered_by(&self, new: &StoreSettings) -> bool {
        !self.dual_control.is_empty()
            && (!self.dual_control.iter().all(|operation| new.dual_control.contains(operation))
                || new.window() > self.window()
                || new.administrators != self.administrators)
    }
}

/// Whether an operation needs an approval. Under any dual control, adding or changing a root does: it can bear a second
/// principal's name.
pub(super) fn needed(settings: &StoreSettings, operation: Operation) -> bool {
    let listed = settings.dual_control.iter().any(|name| name == operation.name());
    let makes_principals = matches!(operation, Operation::AddRoot | Operation::ChangeRoot);
    listed || makes_principals && !settings.dual_control.is_empty()
}

/// For RestoreStore and RepairStore, where no store can keep an approval: two different principals, both borne by the root
/// slots that were opened.
///
/// # Errors
/// APPROVAL_REQUIRED.
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
pub(super) fn two_principals<'a>(
    settings: &StoreSettings,
    operation: Operation,
    principals: impl IntoIterator<Item = Option<&'a str>>,
) -> Result<()> {
    let mut there: Vec<&str> = principals.into_iter().flatten().collect();
    there.sort_unstable();
    there.dedup();
    match needed(settings, operation) && there.len() < 2 {
        true => Err(Error::ApprovalRequired { operation: operation.name(), own: false }),
        false => Ok(()),
    }
}

/// Uses up the approval of the deed under way, in its own transaction: for exactly this operation, key, parameters and
/// incarnation, not over, of another verified principal.
///
/// # Errors
/// APPROVAL_REQUIRED; ACCESS_DENIED where no root slot vouches for who is doing it.
pub(super) fn consume(change: &mut Change<'_>, key: Option<KeyId>) -> Result<()> {
    if change.authority.is_approved() {
        return Ok(());
    }
    let (actor, deed) = (&change.inner.actor, change.deed);
    if !actor.verified {
        return Err(access::not_permitted(actor, deed.operation, UNVERIFIED));
    }
    let now = clock::now(change.snapshot());
    let incarnation = change.snapshot().manifest.incarnation;
    let request = canonical(&deed.request);
    let mut approvals = change.snapshot().approvals()?;
    let fits = |pending: &&Pending| {
        now < pending.expires && pending.is_for(&incarnation, deed.operation, key, &request)
    };
    let by_another = |pending: &Pending| pending.principal != actor.principal;
    let found = approvals.pending.iter().position(|pending| by_another(pending) && fits(&pending));
    let Some(found) = found else {
        let own = approvals.pending.iter().any(|pending| fits(&pending));
        return Err(Error::ApprovalRequired { operation: deed.operation.name(), own });
    };
    approvals.pending.remove(found);
    change.put_approvals(approvals.write())?;
    change.authority.approve();
    Ok(())
}

/// For a dry run, which knows the operation and the key and no other parameter: whether an approval of that waits.
///
/// # Errors
/// As [`consume`].
pub(super) fn there_is_one(
    inner: &Inner,
    snapshot: &mut Snapshot<'_>,
    operation: Operation,
    key: KeyId,
) -> Result<()> {
    if !needed(&snapshot.settings()?.changeable, operation) {
        return Ok(());
    }
    let actor = &inner.actor;
    if !actor.verified {
        return Err(access::not_permitted(actor, operation, UNVERIFIED));
    }
    let (now, incarnation) = (clock::now(snapshot), snapshot.manifest.incarnation);
    let approvals = snapshot.approvals()?;
    let fit = |pending: &&Pending| {
        now < pending.expires && pending.is_for_some_request(&incarnation, operation, Some(key))
    };
    match approvals.pending.iter().filter(fit).map(|pending| pending.principal != actor.principal).max() {
        Some(true) => Ok(()),
        own => Err(Error::ApprovalRequired { operation: operation.name(), own: own.is_some() }),
    }
}

const UNVERIFIED: &str =
    "it is under dual control, and the root slot that the store was opened through bears no principal";

/// The key that a request names, if it is of an operation that can be approved.
fn approvable(request: &ApprovalRequest) -> Result<Option<KeyName>> {
    let bad = |what| Error::InvalidArgument { what };
    if !DUAL_CONTROL.contains(&request.operation) {
        return Err(bad("this operation is never under dual control"));
    }
    if matches!(request.operation, Operation::RestoreStore | Operation::RepairStore) {
        return Err(bad(
            "no store keeps an approval of this: a second principal's root is given with it (--second-root)",
        ));
    }
    parameters::check(request.operation, &request.request)?;
    let named = request.request.get("keyId").map(|name| name.as_str().unwrap_or("").parse::<KeyName>());
    let named = named.transpose()?;
    match named.is_none() && takes_key(request.operation) {
        true => Err(bad("request: keyId is missing")),
        false => Ok(named),
    }
}

impl Store {
    /// The store's settings.
    pub fn settings(&self) -> Result<StoreSettings> {
        self.inner.read(|snapshot| {
            access::authorise_read(&self.inner, snapshot, Operation::DescribeStore, None)?;
            Ok(snapshot.settings()?.changeable.told())
        })
    }

    /// Replaces them, and answers them as they are then. Administrators alone; lowering dual control is itself under dual
    /// control.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming the field; ACCESS_DENIED, APPROVAL_REQUIRED.
    pub fn update_settings(&self, settings: &StoreSettings) -> Result<StoreSettings> {
        let deed = Deed::new(Operation::UpdateStoreSettings);
        let new = match settings.checked() {
            Ok(new) => new,
            Err(error) => return Err(refuse(&self.inner, deed, error)),
        };
        self.inner.change(deed.with("settings", as_json(&new)), |change| {
            let mut settings = change.snapshot().settings()?;
            if settings.changeable.is_lowered_by(&new) {
                consume(change, None)?;
            }
            if settings.changeable != new {
                settings.changeable = new.clone();
                change.put_settings(&settings)?;
            }
            Ok(new.told())
        })
    }

    /// Approves what another principal is about to do. The approver is an administrator of the store or the key's owner, and
    /// its root slot bears its principal, other than that of whoever then does it.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an operation that cannot be under dual control, and a time beyond the window; ACCESS_DENIED;
    /// LIMIT_EXCEEDED when 64 approvals wait.
    pub fn approve(&self, request: &ApprovalRequest) -> Result<Approval> {
        let deed = Deed::new(Operation::Approve)
            .with("operation", request.operation.name())
            .with("request", request.request.clone());
        let named = match approvable(request) {
            Ok(named) => named,
            Err(error) => return Err(refuse(&self.inner, deed, error)),
        };
        let operation = request.operation;
        let mut parameters = canonical(&request.request);
        self.inner.change(deed, |change| {
            parameters::resolve(change.snapshot(), &mut parameters)?;
            let actor = &change.inner.actor;
            let key = match &named {
                Some(name) => Some(change.snapshot().key(name)?),
                None => None,
            };
            if let Some(key) = &key {
                change.tell(key);
            }
            let owns = key.as_ref().is_some_and(|key| key.owner == actor.principal);
            if !actor.verified {
                let why = "the root slot that the store was opened through bears no principal";
                return Err(access::not_permitted(actor, Operation::Approve, why));
            }
            if !owns && !change.authority.administrator {
                let why = "that is for the store's administrators and the key's owner";
                return Err(access::not_permitted(actor, Operation::Approve, why));
            }
            if let Some(key) = &key {
                let administrators = change.snapshot().settings()?.changeable.administrators;
                if !access::another_could(key, operation, &actor.principal, &administrators) {
                    return Err(access::not_permitted(actor, Operation::Approve, ALONE));
                }
            }
            let window = change.snapshot().settings()?.changeable.window();
            let seconds = if request.seconds == 0 { window } else { request.seconds };
            if seconds > window {
                let what = "seconds: an approval counts no longer than the store's settings let it";
                return Err(Error::InvalidArgument { what });
            }
            let now = clock::now(change.snapshot());
            let incarnation = change.snapshot().manifest.incarnation;
            let mut approvals = change.snapshot().approvals()?;
            approvals.drop_over(now);
            if approvals.pending.len() == PENDING {
                return Err(Error::LimitExceeded { what: "approvals that wait", limit: PENDING as u64 });
            }
            let mut id = [0; 16];
            fill_random(&mut id)?;
            let key = key.map(|key| key.id);
            let expires = Time(now.0.saturating_add(seconds.into()));
            let principal = actor.principal.clone();
            let pending = Pending::new(id, &incarnation, operation, key, parameters, principal, now, expires);
            let approval = pending.describe();
            approvals.pending.push(pending);
            change.put_approvals(approvals.write())?;
            Ok(approval)
        })
    }

    /// Approvals that wait and are not over.
    pub fn list_approvals(&self) -> Result<Vec<Approval>> {
        let listed = self.inner.read(|snapshot| {
            access::authorise_read(&self.inner, snapshot, Operation::ListApprovals, None)?;
            let now = clock::now(snapshot);
            let mut approvals = snapshot.approvals()?;
            approvals.drop_over(now);
            Ok(approvals.pending.iter().map(Pending::describe).collect())
        });
        trail::read(&self.inner, Deed::new(Operation::ListApprovals), Vec::new(), listed.as_ref().err());
        listed
    }

    /// Withdraws an approval: whoever gave it, or an administrator.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when there is none of this id; ACCESS_DENIED.
    pub fn withdraw_approval(&self, approval_id: &str) -> Result<()> {
        let deed = Deed::new(Operation::WithdrawApproval).with("approvalId", approval_id);
        self.inner.change(deed, |change| {
            let mut approvals = change.snapshot().approvals()?;
            let found = approvals.pending.iter().position(|pending| pending.approval_id() == approval_id);
            let found = found.ok_or(Error::InvalidArgument { what: "there is no approval of this id" })?;
            let actor = &change.inner.actor;
            if approvals.pending[found].principal != actor.principal && !change.authority.administrator {
                let why = "that is for whoever gave it, and the store's administrators";
                return Err(access::not_permitted(actor, Operation::WithdrawApproval, why));
            }
            approvals.pending.remove(found);
            change.put_approvals(approvals.write())
        })
    }
}

const ALONE: &str = "nobody but this principal itself could then do it, and an approval does not count for whoever gave it; have another principal approve, or grant the operation to the one who is to do it";

/// Operations that are always on a key.
fn takes_key(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::DestroyKey
            | Operation::ScheduleKeyDeletion
            | Operation::ExportKey
            | Operation::ImportKeyMaterial
    )
}

fn as_json(settings: &StoreSettings) -> Value {
    // Plain data: it always serialises.
    serde_json::to_value(settings).unwrap_or_default()
}
