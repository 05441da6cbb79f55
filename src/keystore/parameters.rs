//! The parameters that a request under dual control has: an approval with others would fit nothing, ever.
//! `docs/KEYS.md`, "Dual control".

use serde_json::{Map, Value};

use super::approvals::StoreSettings;
use super::import::ImportType;
use super::names::KeyName;
use super::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// # Errors
/// INVALID_ARGUMENT, which says what the operation's request has.
pub(super) fn check(operation: Operation, request: &Map<String, Value>) -> Result<()> {
    let (names, what): (&[&str], &'static str) = match operation {
        Operation::DestroyKey => (&[], "request: DestroyKey has keyId alone"),
        Operation::ScheduleKeyDeletion => (
            &["pendingWindowInDays"],
            "request: ScheduleKeyDeletion has keyId, and pendingWindowInDays: a number, 7 to 30",
        ),
        Operation::ExportKey => (&["wrappingKeyId"], "request: ExportKey has keyId and wrappingKeyId"),
        Operation::ImportKey => (
            &["importedKeyId", "wrappingKeyId"],
            "request: ImportKey has importedKeyId (an id) and wrappingKeyId",
        ),
        Operation::ImportKeyMaterial => (
            &["expirationModel", "importType", "validDays"],
            "request: ImportKeyMaterial has keyId, expirationModel, importType, and validDays: a number, 0 to 365",
        ),
        Operation::AddRoot => (&["slot"], "request: AddRoot has slot, an object as the trail shows it"),
        Operation::ChangeRoot => {
            (&["slotId", "slot"], "request: ChangeRoot has slotId, and slot: an object as the trail shows it")
        }
        Operation::RemoveRoot => (&["slotId"], "request: RemoveRoot has slotId"),
        Operation::UpdateStoreSettings => {
            (&["settings"], "request: UpdateStoreSettings has settings, an object")
        }
        _ => return Ok(()),
    };
    let given = request.keys().filter(|name| *name != "keyId");
    let fit = given.clone().count() == names.len()
        && given.clone().all(|name| names.contains(&name.as_str()))
        && names.iter().all(|name| request.get(*name).is_some_and(|value| fits(name, value)));
    if fit { Ok(()) } else { Err(Error::InvalidArgument { what }) }
}

fn fits(name: &str, value: &Value) -> bool {
    match name {
        "pendingWindowInDays" => value.as_u64().is_some_and(|days| (7..=30).contains(&days)),
        "validDays" => value.as_u64().is_some_and(|days| days <= 365),
        "expirationModel" => {
            matches!(value.as_str(), Some("KEY_MATERIAL_DOES_NOT_EXPIRE" | "KEY_MATERIAL_EXPIRES"))
        }
        "importType" => value.as_str().and_then(ImportType::from_name).is_some(),
        "slot" | "settings" => value.is_object(),
        "importedKeyId" => matches!(value.as_str().map(str::parse), Some(Ok(KeyName::Id(_)))),
        "wrappingKeyId" => value.as_str().is_some_and(|name| name.parse::<KeyName>().is_ok()),
        _ => value.is_string(),
    }
}

/// Brings the parameters into the form in which the operation itself tells them: ids for names, settings with all fields
/// and in order.
///
/// # Errors
/// KEY_NOT_FOUND; INVALID_ARGUMENT for settings that no store takes.
pub(super) fn resolve(snapshot: &mut Snapshot<'_>, request: &mut Map<String, Value>) -> Result<()> {
    if let Some(name) = request.get("wrappingKeyId").and_then(Value::as_str) {
        let id = match name.parse()? {
            // Perhaps not of this store yet.
            KeyName::Id(id) => id,
            name => snapshot.key(&name)?.id,
        };
        request.insert("wrappingKeyId".into(), id.to_string().into());
    }
    if let Some(settings) = request.get("settings") {
        let settings = StoreSettings::from_json(&settings.to_string())?.checked()?;
        // Plain data: it always serialises.
        let settings = serde_json::to_value(settings).unwrap_or_default();
        request.insert("settings".into(), super::approval_document::canonical_value(&settings));
    }
    Ok(())
}
