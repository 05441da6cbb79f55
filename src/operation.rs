//! What can be done with a store and its keys: the one list of operations, under AWS KMS's names where KMS has the
//! thing. The trail, grants, dual control, the table of key states and the dry run all speak of these.

use std::fmt;

use crate::error::{Error, Result};

/// How an operation is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Uses key material. Grantable.
    Use,
    /// Reads what stands in the store.
    Read,
    /// Changes the store, so that at most more is possible than before.
    Raise,
    /// Changes the store, so that less is possible than before: acknowledged only once the anchor has it
    /// (docs/KEYSTORE.md, "Freshness").
    Lower,
}

macro_rules! operations {
    ($($kind:ident: $($name:ident)*;)*) => {
        /// An operation. The variant's name is the event's name in the trail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Operation { $($($name,)*)* }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Operation] = &[$($(Operation::$name,)*)*];

            /// As the trail, grants and the command line spell it.
            pub fn name(self) -> &'static str {
                match self { $($(Operation::$name => stringify!($name),)*)* }
            }

            pub(crate) fn kind(self) -> Kind {
                match self { $($(Operation::$name)|* => Kind::$kind,)* }
            }
        }
    };
}

operations! {
    Use: Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateMac
        VerifyMac GetPublicKey ExportKey Explain;
    Read: DescribeKey ListKeys ListAliases ListRoots GetKeyRotationStatus ListKeyRotations GetKeyLastUsage
        GetKeyUsage ListGrants ListRetirableGrants ListApprovals DescribeStore VerifyStore ReadAuditTrail
        VerifyAuditTrail ExportAuditTrail BackUpStore OpenStore;
    Raise: CreateKey ImportKey ImportKeyMaterial GetParametersForImport RotateKeyOnDemand RotateKey EnableKey
        CancelKeyDeletion UpdateKeyDescription UpdateKeyPolicy TagResource UntagResource CreateAlias CreateGrant
        RetireGrant Approve AddRoot InitializeStore Heartbeat;
    Lower: DisableKey StopKey ScheduleKeyDeletion DestroyKey MarkKeyCompromised DeleteImportedKeyMaterial UpdateAlias
        DeleteAlias RevokeGrant RemoveRoot ChangeRoot UpdateStoreSettings WithdrawApproval RestoreStore RepairStore;
}

impl Operation {
    /// The operation of this name.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, with the name and, where it is almost right, how it is spelled.
    pub fn from_name(name: &str) -> Result<Operation> {
        match Operation::ALL.iter().find(|operation| operation.name() == name) {
            Some(found) => Ok(*found),
            None => Err(Error::NoOperation { given: shown(name), meant: Operation::meant_by(name) }),
        }
    }

    /// The operation that was meant, where its name differs in case alone.
    pub(crate) fn meant_by(name: &str) -> Option<&'static str> {
        let mut all = Operation::ALL.iter().map(|operation| operation.name());
        all.find(|known| known.eq_ignore_ascii_case(name))
    }
}

/// A name that is none, as far as it is worth repeating.
fn shown(name: &str) -> Box<str> {
    name.chars().take(80).collect::<String>().into()
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for Operation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
