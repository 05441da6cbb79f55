//! What a command comes to: an exit code as a type, and failures as people and programs read them.

use std::io::{self, Write};
use std::process::ExitCode;

use super::output::safe;
use crate::error::{Error, Status};

/// The exit codes. `keyfold help exit-codes` prints [`EXIT_CODES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Data = 3,
    Key = 4,
    Unreachable = 5,
    // 130 is what a shell shows for SIGINT, which ends the process by itself: signals.rs.
}

/// The help topic.
pub(super) const EXIT_CODES: &str = "\
Exit codes of keyfold

  0    done
  1    failed: a file could not be read or written, a name is taken, a limit is reached, a check of doctor failed
  2    usage: an option, name or context that the command does not take
  3    the data, the code, the backup or the trail did not authenticate, is damaged, or is no Keyfold envelope
  4    the key is missing, in a state or period that forbids it, not among those named, or not yours to use
  5    the store, its root, its anchor or its trail is missing, unsafe or cannot be used
  130  interrupted (the process ends by SIGINT; shells show 130)

A reader that closes standard output early (keyfold key list | head -1) is not a failure.
With --json an error is one JSON object on standard error, with the status name of the C interface.
";

impl Exit {
    pub(super) fn of(status: Status) -> Exit {
        use Status::*;
        match status {
            Ok => Exit::Done,
            NullArgument | InvalidArgument | InvalidUtf8 | UnsupportedOption | InvalidContext
            | InvalidName | UnsupportedOperation => Exit::Usage,
            Auth | NotAnEnvelope | UnsupportedFormat | Malformed | ContextRequired | InvalidMac
            | BackupInvalid | TrailInvalid => Exit::Data,
            KeyNotFound | KeyDisabled | KeyNotAllowed | InvalidKeyState | AccessDenied | KeyDestroyed
            | CryptoperiodEnded | InvalidKeyUsage | KeyStopped | ApprovalRequired | GrantNotFound => {
                Exit::Key
            }
            RootNotFound | RootMismatch | RootUnsafe | RootInvalid | RootUnavailable | StoreNotFound
            | NotAStore | StoreTooNew | StoreIntegrity | StoreRolledBack | SchemaChanged | StoreBusy
            | StoreIo | StoreReadOnly | StoreFull | FingerprintMismatch | StorePoisoned | StoreUnsafe
            | StoreForked | AnchorUnavailable | TrailUnavailable => Exit::Unreachable,
            InvalidHandle | BufferTooSmall | BuffersOverlap | Busy | Forked | TooLarge | AlreadyExists
            | InvalidKeyMaterial | IncorrectKeyMaterial | InvalidImportToken | ExpiredImportToken
            | LimitExceeded | LastRoot | StoreExists | Io | FileExists | Internal | SelfTest | Random
            | OutOfMemory | Cancelled | StreamEnded | StreamUnfinished | CallbackFailed => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A command that failed: what happened, what to do, and the code to end with.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) hints: Vec<String>,
    pub(super) status: Status,
    /// End with this and without a word: it has been said, or nobody reads any more.
    pub(super) quiet: Option<Exit>,
}

pub(super) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(super) fn new(status: Status, message: impl Into<String>) -> Failure {
        Failure { message: message.into(), hints: Vec::new(), status, quiet: None }
    }

    /// The caller's mistake: exit code 2.
    pub(super) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Status::InvalidArgument, message)
    }

    /// A failed system call: exit code 1.
    pub(super) fn io(doing: &str, error: &io::Error) -> Failure {
        Failure::new(Status::Io, format!("{doing} failed: {}", reason(error)))
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    pub(super) fn exit(&self) -> Exit {
        self.quiet.unwrap_or(Exit::of(self.status))
    }

    /// The failure as the value of `"error"` in JSON.
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "status": self.status.name(),
            "code": self.status as i32,
            "exit_code": self.exit() as u8,
            "retryable": self.status.is_retryable(),
            "message": self.message,
            "hints": self.hints,
        })
    }

    /// Says it on standard error. A failure to do so has nowhere to go.
    pub(super) fn report(&self, json: bool) -> Exit {
        if self.quiet.is_none() {
            let text = match json {
                true => {
                    format!("{}\n", super::output::json_text(&serde_json::json!({ "error": self.to_json() })))
                }
                false => {
                    let hints: String = self.hints.iter().map(|h| format!("hint: {}\n", safe(h))).collect();
                    format!("keyfold: error: {}\n{hints}", safe(&self.message))
                }
            };
            let _ = io::stderr().write_all(text.as_bytes());
        }
        self.exit()
    }
}

/// The system's words without Rust's "(os error N)".
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let status = error.status();
        let (message, hints) = super::hints::words(&error);
        Failure { message, hints, status, quiet: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TABLE;

    #[test]
    fn every_status_but_ok_has_an_exit_code_that_is_not_zero() {
        for row in TABLE {
            assert_eq!(Exit::of(row.0) == Exit::Done, row.0 == Status::Ok, "{}", row.1);
        }
        for (status, code) in
            [(Status::Auth, 3), (Status::KeyDisabled, 4), (Status::StoreNotFound, 5), (Status::RootUnsafe, 5)]
        {
            assert_eq!(Exit::of(status) as u8, code);
            assert!(EXIT_CODES.contains(&format!("\n  {code}  ")));
        }
    }
}
