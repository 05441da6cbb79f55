//! Which state permits which operation: one table, that of docs/KEYS.md, for management and data path alike.

use Answer::{Any, Destroyed, Disabled, Recovery, State, Unsupported, Yes};

use super::document::KeyDocument;
use super::names::KeyName;
use super::types::{KeyState, Origin};
use crate::error::{Error, Result};
use crate::operation::Operation;

/// What a key in some state answers to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Permitted.
    Yes,
    /// Permitted where the store was opened for recovery; else as [`Answer::State`].
    Recovery,
    /// KEY_DISABLED.
    Disabled,
    /// INVALID_KEY_STATE, with the state.
    State,
    /// KEY_DESTROYED.
    Destroyed,
    /// UNSUPPORTED_OPERATION.
    Unsupported,
    /// The operation is not on a key, or on one that is not there yet.
    Any,
}

/// Operations and their answers in the order Enabled, Disabled, PendingDeletion, PendingImport, Compromised, Destroyed.
type Row = (&'static [Operation], [Answer; 6]);

/// The table of docs/KEYS.md, "States and operations".
const TABLE: &[Row] = {
    use Operation::*;
    &[
        (
            &[
                Encrypt,
                ReEncryptTo,
                GenerateDataKey,
                GenerateDataKeyWithoutPlaintext,
                GenerateMac,
                GetPublicKey,
                CreateGrant,
            ],
            [Yes, Disabled, State, State, State, Destroyed],
        ),
        (&[Decrypt, ReEncryptFrom, VerifyMac, Explain], [Yes, Disabled, State, State, Recovery, Destroyed]),
        (&[ExportKey], [Yes, Yes, State, State, Recovery, Destroyed]),
        (
            &[DescribeKey, ListKeyRotations, GetKeyLastUsage, GetKeyUsage, ListGrants],
            [Yes, Yes, Yes, Yes, Yes, Yes],
        ),
        (&[GetKeyRotationStatus], [Yes, Yes, Yes, Unsupported, Yes, Destroyed]),
        (&[RotateKeyOnDemand, RotateKey], [Yes, Disabled, State, Unsupported, State, Destroyed]),
        (&[EnableKey, DisableKey, StopKey], [Yes, Yes, State, State, State, Destroyed]),
        (
            &[UpdateKeyDescription, UpdateKeyPolicy, TagResource, UntagResource],
            [Yes, Yes, State, Yes, Yes, Destroyed],
        ),
        (&[CreateAlias, UpdateAlias], [Yes, Yes, State, Yes, State, Destroyed]),
        (&[DeleteAlias, RetireGrant, RevokeGrant], [Yes, Yes, Yes, Yes, Yes, Destroyed]),
        (&[ScheduleKeyDeletion], [Yes, Yes, State, Yes, Yes, Destroyed]),
        (&[CancelKeyDeletion, DestroyKey], [State, State, Yes, State, State, Destroyed]),
        (&[MarkKeyCompromised], [Yes, Yes, State, Yes, Yes, Destroyed]),
        (&[GetParametersForImport, ImportKeyMaterial], [Yes, Yes, State, Yes, State, Destroyed]),
        (&[DeleteImportedKeyMaterial], [Yes, Yes, Yes, Yes, State, Destroyed]),
        (
            &[
                CreateKey,
                ImportKey,
                ListKeys,
                ListAliases,
                ListRoots,
                ListRetirableGrants,
                ListApprovals,
                DescribeStore,
                VerifyStore,
                ReadAuditTrail,
                VerifyAuditTrail,
                ExportAuditTrail,
                BackUpStore,
                OpenStore,
                Approve,
                WithdrawApproval,
                AddRoot,
                RemoveRoot,
                ChangeRoot,
                InitializeStore,
                Heartbeat,
                UpdateStoreSettings,
                RestoreStore,
                RepairStore,
            ],
            [Any, Any, Any, Any, Any, Any],
        ),
    ]
};

/// Operations on imported material: UNSUPPORTED_OPERATION for a key whose origin is not EXTERNAL, unless it is destroyed.
const EXTERNAL: &[Operation] =
    &[Operation::GetParametersForImport, Operation::ImportKeyMaterial, Operation::DeleteImportedKeyMaterial];

/// The table's answer. An operation that the table leaves out is permitted in no state; a test sees to it that none is.
pub(super) fn answer(operation: Operation, state: KeyState) -> Answer {
    let column = match state {
        KeyState::Enabled => 0,
        KeyState::Disabled => 1,
        KeyState::PendingDeletion => 2,
        KeyState::PendingImport => 3,
        KeyState::Compromised => 4,
        KeyState::Destroyed => 5,
    };
    let row = TABLE.iter().find(|(operations, _)| operations.contains(&operation));
    row.map_or(State, |(_, answers)| answers[column])
}

/// Whether a key's state permits an operation on it.
///
/// # Errors
/// KEY_DISABLED, KEY_DESTROYED, INVALID_KEY_STATE, UNSUPPORTED_OPERATION.
pub(super) fn permit(operation: Operation, key: &KeyDocument, name: &KeyName, recovery: bool) -> Result<()> {
    if EXTERNAL.contains(&operation) && key.origin != Origin::External && key.state != KeyState::Destroyed {
        return Err(Error::UnsupportedOperation { what: "this key's material was not imported" });
    }
    permit_state(operation, key.state, recovery, || name.to_string().into())
}

/// The same for a use, whose key is known by its state alone.
pub(super) fn permit_state(
    operation: Operation,
    state: KeyState,
    recovery: bool,
    name: impl FnOnce() -> Box<str>,
) -> Result<()> {
    match answer(operation, state) {
        Yes | Any => Ok(()),
        Recovery if recovery => Ok(()),
        Recovery | State => Err(Error::InvalidKeyState { name: name(), state: state.name() }),
        Disabled => Err(Error::KeyDisabled { name: name() }),
        Destroyed => Err(Error::KeyDestroyed { name: name() }),
        Unsupported => Err(Error::UnsupportedOperation { what: "a key without material cannot do this" }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::keystore::KeyId;
    use crate::keystore::document::KeyDocument;
    use crate::keystore::time::Time;
    use crate::keystore::types::KeySpec;
    use crate::operation::Kind;

    /// The rows of the page's table, by operation.
    fn page() -> BTreeMap<Operation, [Answer; 6]> {
        let text = include_str!("../../docs/KEYS.md");
        let section = text.split("## States and operations").nth(1).unwrap().split("\n## ").next().unwrap();
        let mut rows = BTreeMap::new();
        for line in section.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 7, "{line}");
            let answer = |cell: &&str| match *cell {
                "yes" => Yes,
                "recovery" => Recovery,
                "DISABLED" => Disabled,
                "STATE" => State,
                "DESTROYED" => Destroyed,
                "UNSUPPORTED" => Unsupported,
                "–" => Any,
                other => panic!("{other} in {line}"),
            };
            let answers: Vec<Answer> = cells[1..].iter().map(answer).collect();
            for name in cells[0].split_whitespace() {
                let operation = Operation::from_name(name.trim_matches('`')).unwrap();
                assert!(
                    rows.insert(operation, answers.clone().try_into().unwrap()).is_none(),
                    "{name} twice"
                );
            }
        }
        rows
    }

    /// Mutation seen to fail it: one cell of `TABLE` changed.
    #[test]
    fn every_operation_in_every_state_answers_what_the_page_says() {
        let page = page();
        for &operation in Operation::ALL {
            let listed = TABLE.iter().filter(|(operations, _)| operations.contains(&operation)).count();
            assert_eq!(listed, 1, "{operation} stands once in the table");
            let row = page.get(&operation).unwrap_or_else(|| panic!("{operation} is not on the page"));
            for (&state, &expected) in KeyState::ALL.iter().zip(row) {
                for (origin, recovery) in [
                    (Origin::Keyfold, false),
                    (Origin::Keyfold, true),
                    (Origin::External, false),
                    (Origin::External, true),
                ] {
                    let owner = "default".to_owned();
                    let mut key =
                        KeyDocument::new(KeyId([1; 16]), KeySpec::Symmetric, origin, Time(1), owner);
                    key.state = state;
                    let name = KeyName::Id(key.id);
                    let text: Box<str> = name.to_string().into();
                    let found = permit(operation, &key, &name, recovery);
                    let imports = page_external().contains(&operation);
                    let expected = match expected {
                        Destroyed => Err(Error::KeyDestroyed { name: text }),
                        _ if imports && origin == Origin::Keyfold => {
                            Err(Error::UnsupportedOperation { what: "this key's material was not imported" })
                        }
                        Yes | Any => Ok(()),
                        Recovery if recovery => Ok(()),
                        Recovery | State => Err(Error::InvalidKeyState { name: text, state: state.name() }),
                        Disabled => Err(Error::KeyDisabled { name: text }),
                        Unsupported => {
                            Err(Error::UnsupportedOperation { what: "a key without material cannot do this" })
                        }
                    };
                    assert_eq!(found, expected, "{operation} in {state}, {origin:?}, recovery {recovery}");
                }
            }
        }
        assert_eq!(page.len(), Operation::ALL.len());
    }

    /// The operations that the page says are for keys of origin EXTERNAL alone.
    fn page_external() -> Vec<Operation> {
        let text = include_str!("../../docs/KEYS.md");
        let line = text.lines().find(|line| line.starts_with("EXTERNAL alone:")).unwrap();
        line.split('`')
            .skip(1)
            .step_by(2)
            .map(Operation::from_name)
            .collect::<crate::error::Result<_>>()
            .unwrap()
    }

    /// The data path looks at the table only for a key that is not enabled.
    #[test]
    fn an_enabled_key_permits_every_use() {
        for operation in Operation::ALL.iter().filter(|operation| operation.kind() == Kind::Use) {
            assert_eq!(answer(*operation, KeyState::Enabled), Yes, "{operation}");
        }
    }
}
