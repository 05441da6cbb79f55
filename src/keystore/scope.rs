//! Whom each operation is for, and sets of operations.

use crate::operation::{Kind, Operation};

/// Whom an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every principal who can open the store.
    Anyone,
    /// The key's owner, and whom a grant lets.
    Use,
    /// The key's owner, the store's administrators, and whom a grant lets where it can be granted.
    Manage,
    /// The store's administrators.
    Administer,
}

/// The table of docs/KEYS.md, "Who may".
pub(super) fn scope(operation: Operation) -> Scope {
    use Operation::*;
    match operation {
        Encrypt
        | Decrypt
        | ReEncryptFrom
        | ReEncryptTo
        | GenerateDataKey
        | GenerateDataKeyWithoutPlaintext
        | GenerateMac
        | VerifyMac
        | GetPublicKey
        | ExportKey
        | Explain => Scope::Use,
        // Names, states, dates and counts are not secret: whoever has the file reads them.
        DescribeKey | ListKeys | ListAliases | ListRoots | GetKeyRotationStatus | ListKeyRotations
        | GetKeyLastUsage | GetKeyUsage | ListApprovals | DescribeStore | VerifyStore | VerifyAuditTrail
        | OpenStore => Scope::Anyone,
        CreateKey | ImportKey | InitializeStore | Heartbeat => Scope::Anyone,
        // What was decided before and is due now: the library's own doing, whoever's call it happens in.
        RotateKey | StopKey | DestroyKey => Scope::Anyone,
        // Decided once more where they are done, by what they are about.
        ListRetirableGrants | Approve | WithdrawApproval => Scope::Anyone,
        ListGrants
        | ReadAuditTrail
        | ImportKeyMaterial
        | GetParametersForImport
        | RotateKeyOnDemand
        | EnableKey
        | CancelKeyDeletion
        | UpdateKeyDescription
        | UpdateKeyPolicy
        | TagResource
        | UntagResource
        | CreateAlias
        | CreateGrant
        | RetireGrant
        | DisableKey
        | ScheduleKeyDeletion
        | MarkKeyCompromised
        | DeleteImportedKeyMaterial
        | UpdateAlias
        | DeleteAlias
        | RevokeGrant => Scope::Manage,
        ExportAuditTrail | BackUpStore | AddRoot | RemoveRoot | ChangeRoot | UpdateStoreSettings
        | RestoreStore | RepairStore => Scope::Administer,
    }
}

/// Whether a grant can have the operation.
pub(crate) fn is_grantable(operation: Operation) -> bool {
    operation.kind() == Kind::Use
        || matches!(operation, Operation::DescribeKey | Operation::CreateGrant | Operation::RetireGrant)
}

/// A set of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operations(u128);

const _: () = assert!(Operation::ALL.len() <= 128);

impl Operations {
    pub(super) const ALL: Operations = Operations(u128::MAX);

    pub(super) fn of(operations: &[Operation]) -> Operations {
        Operations(operations.iter().fold(0, |set, &operation| set | 1 << operation as u32))
    }

    #[inline]
    pub(super) fn has(self, operation: Operation) -> bool {
        self.0 & 1 << operation as u32 != 0
    }

    pub(super) fn and(self, other: Operations) -> Operations {
        Operations(self.0 & other.0)
    }
}
