//! The library's errors in the command's words: what happened, then what to type.

use crate::Operation;
use crate::error::{Error, Status};
use crate::operation::Kind;

/// The message and the hints for an error.
pub(super) fn words(error: &Error) -> (String, Vec<String>) {
    let text = without_numbers(&error.to_string());
    match error {
        // These end in what to do, behind the first semicolon.
        Error::RootUnsafe { .. } | Error::StoreUnsafe { .. } | Error::RootInvalid { .. } => {
            match text.split_once("; ") {
                Some((what, todo)) => (what.to_owned(), vec![flags(todo)]),
                None => (text, Vec::new()),
            }
        }
        Error::KeyDisabled { name } => (text, vec![format!("enable it with: keyfold key enable {name}")]),
        Error::KeyNotFound { .. } => (text, one("list the keys with: keyfold key list")),
        Error::NoUsableCell => (text, one("see which keys it is under with: keyfold inspect FILE")),
        Error::KeyNotAllowed => (
            text,
            one(
                "see which keys it is under with keyfold inspect, or leave out --key to try any key of the store",
            ),
        ),
        Error::InvalidKeyState { name, state } => (
            text,
            vec![match *state {
                "PendingDeletion" => format!("keep it with: keyfold key cancel-deletion {name}"),
                "PendingImport" => {
                    format!(
                        "give it its material: keyfold key import-parameters {name}, then import-material"
                    )
                }
                "Compromised" => {
                    "open what it sealed for recovery with --recovery, and use another key".into()
                }
                _ => format!("see it with: keyfold key show {name}"),
            }],
        ),
        Error::NothingSeals { name, .. } => match text.split_once("; ") {
            Some((what, "rotate the key")) => {
                (what.to_owned(), vec![format!("rotate it with: keyfold key rotate {name}")])
            }
            Some((what, _)) => (
                what.to_owned(),
                vec![format!("import it again: keyfold key import-parameters {name}, then import-material")],
            ),
            None => (text, Vec::new()),
        },
        Error::InvalidImportToken { .. } | Error::NoOperation { .. } => match text.split_once("; ") {
            Some((what, todo)) => (what.to_owned(), one(todo)),
            None => (text, Vec::new()),
        },
        Error::OtherPrincipal { .. } | Error::HandleNarrowed { .. } => match text.split_once("; ") {
            Some((what, todo)) => (what.to_owned(), one(&todo.replace("the principal", "--principal"))),
            None => (text, Vec::new()),
        },
        Error::ContextRequired { name } => (
            text,
            vec![format!(
                "give it with: --context {name}=VALUE, or trust the stored values with --accept-stored-context"
            )],
        ),
        Error::StoreNotFound { .. } => {
            (text, one("check the path in --store or KEYFOLD_STORE, or make a store with: keyfold init"))
        }
        Error::StoreExists { .. } => (text, one("open it as it is, or choose another path")),
        Error::RootNotFound { .. } => {
            (text, one("check the path in --root or KEYFOLD_ROOT; without its root a store does not open"))
        }
        Error::RootMismatch => {
            (text, one("use the key file or passphrase of one of its roots; keyfold root show lists them"))
        }
        Error::StoreRolledBack { .. } => (
            text,
            one(
                "find out who put an old copy back, or whether a backup of it was restored on this host, which is then the store; to look at it all the same: --anchor off",
            ),
        ),
        Error::LastRoot => (text, one("add another one first: keyfold root add --new-root URL")),
        Error::StoreReadOnly => {
            (text, one("leave out --read-only, or make the store and its folder writable"))
        }
        Error::KeyStopped { name } => (
            text,
            vec![format!(
                "find out where the failures come from (keyfold audit tail --failed --key {name}), then: keyfold key enable {name}"
            )],
        ),
        Error::CryptoperiodEnded { .. } => {
            (text, one("open it for recovery with --recovery, which the trail records"))
        }
        Error::AccessDenied { principal, operation, name } => (text, who_could(principal, operation, name)),
        // Its text says why, and who may.
        Error::NotPermitted { .. } => (text, Vec::new()),
        Error::ApprovalRequired { operation: "RestoreStore" | "RepairStore", .. } => {
            (text, one("name the root of a second principal, who is there too: --second-root URL"))
        }
        Error::ApprovalRequired { operation, .. } => (
            text,
            vec![
                format!(
                    "have another principal, with a root of their own, approve exactly this with: keyfold approve {operation}; then repeat it"
                ),
                "its --key and --param are the requestParameters of: keyfold audit tail --failed -n 1 --json"
                    .into(),
            ],
        ),
        Error::GrantNotFound { .. } => {
            (text, one("see a key's grants with: keyfold grant list KEY; it may be retired, revoked or over"))
        }
        Error::AnchorUnavailable { .. } => {
            (text, one("make the file and its folder writable, or name another with --anchor FILE"))
        }
        // The table's sentence ends in what to do; it fits where it speaks to people at a terminal.
        other => (text, table_hint(other.status())),
    }
}

/// Who could do what was refused.
fn who_could(principal: &str, operation: &str, name: &str) -> Vec<String> {
    match Operation::from_name(operation).map(|operation| operation.kind() == Kind::Use) {
        Ok(true) => vec![format!(
            "the key's owner can grant it: keyfold grant create {name} --to {principal} --operation {operation}"
        )],
        Ok(false) => one("the key's owner can, and the store's administrators: see keyfold store settings"),
        Err(_) => Vec::new(),
    }
}

fn table_hint(status: Status) -> Vec<String> {
    let for_callers_in_c = matches!(
        status,
        Status::NullArgument
            | Status::InvalidArgument
            | Status::InvalidHandle
            | Status::InvalidContext
            | Status::BufferTooSmall
            | Status::BuffersOverlap
            | Status::Busy
            | Status::Forked
            | Status::Auth
            | Status::Io
            | Status::StoreIo
            | Status::LimitExceeded
    );
    match status.text().split_once("; ") {
        Some((_, todo)) if !for_callers_in_c => vec![todo.to_owned()],
        _ => Vec::new(),
    }
}

/// The library's option names as this command's flags.
pub(super) fn flags(todo: &str) -> String {
    todo.replace("set allow_readable_root", "pass --allow-readable-root")
        .replace("set allow_root_beside_store", "pass --allow-root-beside-store")
        .replace("set allow_network_file_system", "pass --allow-network-file-system")
}

/// The system's words without Rust's "(os error N)".
fn without_numbers(text: &str) -> String {
    let Some((before, after)) = text.split_once(" (os error ") else { return text.to_owned() };
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{}", after.strip_prefix(')').unwrap_or(after))
}

fn one(hint: &str) -> Vec<String> {
    vec![hint.to_owned()]
}
