//! Which state permits which operation: one table, that of docs/KEYS.md.

use super::document::KeyDocument;
use super::names::KeyName;
use super::types::KeyState;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Whether a key's state permits an operation.
///
/// # Errors
/// KEY_DISABLED, KEY_DESTROYED, INVALID_KEY_STATE, UNSUPPORTED_OPERATION.
pub(super) fn permit(operation: Operation, key: &KeyDocument, name: &KeyName) -> Result<()> {
    match (key.state, operation) {
        (KeyState::Disabled, Operation::RotateKeyOnDemand) => {
            Err(Error::KeyDisabled { name: name.to_string().into() })
        }
        _ => Ok(()),
    }
}
