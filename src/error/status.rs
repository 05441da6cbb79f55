//! The one table of status codes: numbers, names, texts and whether trying again can help.
//!
//! Numbers are part of the ABI. They are grouped by hundreds, because programs branch on the group: 1xx the
//! caller's mistake, 2xx a key's state or policy, 3xx the data, 4xx roots, 5xx the store and input/output, 9xx
//! internal. A number is never used again for something else.

/// What a call came to. 0 is success; every other value is an error whose hundreds name its category: 1xx the
/// caller's mistake, 2xx a key's state or policy, 3xx the data, 4xx roots, 5xx the store and input/output, 9xx
/// internal. Numbers never change their meaning.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The call did what it says.
    Ok = 0,
    /// A required pointer is NULL.
    NullArgument = 100,
    /// The handle is NULL, closed, of another kind, or from another copy of the library.
    InvalidHandle = 101,
    /// An argument has a value that the call does not take.
    InvalidArgument = 102,
    /// The output buffer is too small; the size needed has been reported and nothing was done.
    BufferTooSmall = 103,
    /// Text is not valid UTF-8.
    InvalidUtf8 = 104,
    /// Input and output buffers overlap.
    BuffersOverlap = 105,
    /// An option was set that this version of the library does not know.
    UnsupportedOption = 106,
    /// Another thread is using an object that serves one at a time. Trying again may help.
    Busy = 107,
    /// The call was made in a forked child that may not make it.
    Forked = 108,
    /// The encryption context is not in the canonical encoding, or breaks one of its limits.
    InvalidContext = 109,
    /// A size is over the documented limit.
    TooLarge = 110,
    /// The caller stopped the call, by its flag or its callback.
    Cancelled = 111,
    /// The stream has ended, well or not: no more can be pushed or pulled.
    StreamEnded = 112,
    /// The stream was closed before its end: what it gave is worth nothing (encrypting) or a front only (decrypting).
    StreamUnfinished = 113,
    /// A callback of the caller's reported a failure.
    CallbackFailed = 114,
    /// The key, alias or version is not in the store, or no cell of the envelope names one that is.
    KeyNotFound = 200,
    /// The key is disabled.
    KeyDisabled = 201,
    /// A key or alias of this name, or a key of this id, exists already.
    AlreadyExists = 202,
    /// The envelope is under a key other than the one named.
    KeyNotAllowed = 203,
    /// The name is not a well-formed key id or alias.
    InvalidName = 204,
    /// Key material or an exported key is not acceptable.
    InvalidKeyMaterial = 205,
    /// A name in the stored encryption context was not given by the caller.
    ContextRequired = 206,
    /// A limit on a key or store has been reached.
    LimitExceeded = 207,
    /// The key's state does not permit the operation.
    InvalidKeyState = 208,
    /// The principal may not do this with the key.
    AccessDenied = 209,
    /// The key, or the version that the data is under, was destroyed.
    KeyDestroyed = 210,
    /// The version's recipient period is over; it opens nothing unless that is overridden for recovery.
    CryptoperiodEnded = 211,
    /// The key's usage or spec does not fit the operation.
    InvalidKeyUsage = 212,
    /// The material is not the one that this key had.
    IncorrectKeyMaterial = 213,
    /// The import token is not one of this key, or is damaged.
    InvalidImportToken = 214,
    /// The import token is over.
    ExpiredImportToken = 215,
    /// The message authentication code is not that of the message under this key.
    InvalidMac = 216,
    /// The operation is not one that this key or store can do.
    UnsupportedOperation = 217,
    /// The key has no such grant.
    GrantNotFound = 218,
    /// The operation needs the approval of another principal.
    ApprovalRequired = 219,
    /// The key was stopped after a burst of failed decrypts.
    KeyStopped = 220,
    /// The data is not a Keyfold envelope, data key blob or exported key.
    NotAnEnvelope = 300,
    /// The data is in a later format or suite than this library knows.
    UnsupportedFormat = 301,
    /// The head of the data is damaged: sizes, cells or stored context do not fit together.
    Malformed = 302,
    /// The data could not be authenticated: wrong key, wrong context, or changed data.
    Auth = 303,
    /// The root is not where it was said to be.
    RootNotFound = 400,
    /// The root does not open this store: wrong passphrase or wrong key file.
    RootMismatch = 401,
    /// The root's secret is not kept safely: others can read it, or it lies beside the store.
    RootUnsafe = 402,
    /// The root's file or parameters are not valid.
    RootInvalid = 403,
    /// The last root of a store cannot be removed.
    LastRoot = 404,
    /// The root could not be reached. Trying again may help.
    RootUnavailable = 405,
    /// There is no key store at this place.
    StoreNotFound = 500,
    /// There is a file at this place already.
    StoreExists = 501,
    /// The file is not a key store.
    NotAStore = 502,
    /// The store, or a key in it, was written by a later version of the library.
    StoreTooNew = 503,
    /// Something in the store was changed by someone without its root, or is missing.
    StoreIntegrity = 504,
    /// The store is older than a state this process has already seen.
    StoreRolledBack = 505,
    /// The store's tables are not the ones the library made.
    SchemaChanged = 506,
    /// Another process holds the store for longer than the call may wait. Trying again may help.
    StoreBusy = 507,
    /// Reading or writing the store failed.
    StoreIo = 508,
    /// The store was opened read-only, or the file system is.
    StoreReadOnly = 509,
    /// The disk is full.
    StoreFull = 510,
    /// The store is not the one whose fingerprint was given.
    FingerprintMismatch = 511,
    /// An earlier write failed in a way that leaves the file's state unknown; close the store and open it again.
    StorePoisoned = 512,
    /// The store cannot be used from here: a network file system, or another copy of SQLite holds it in this process.
    StoreUnsafe = 513,
    /// Reading or writing a file failed.
    Io = 514,
    /// A file that should be made exists already.
    FileExists = 515,
    /// The store's present state and one seen before exclude each other.
    StoreForked = 516,
    /// The anchor cannot be read or written, so what must wait for it was not done.
    AnchorUnavailable = 517,
    /// The trail cannot take the event, and the key permits no use without one. Trying again may help.
    TrailUnavailable = 518,
    /// The trail was changed, or is not whole.
    TrailInvalid = 519,
    /// The file is not a backup, is damaged, or is not of a store that the root opens.
    BackupInvalid = 520,
    /// The library met a defect of its own.
    Internal = 900,
    /// The start-up self-test failed; no call works.
    SelfTest = 901,
    /// The system gives no random bytes. Trying again may help.
    Random = 902,
    /// There is not enough memory, or not enough of it may be locked.
    OutOfMemory = 903,
}

/// One row of the table: status, stable name, retryable, a sentence that ends in what to do, and the `errorCode` of the
/// audit trail: AWS KMS's name where KMS has the error, or one in its manner.
pub(crate) struct Row(pub Status, pub &'static str, pub bool, pub &'static str, pub &'static str);

pub(crate) const TABLE: &[Row] = &[
    Row(Status::Ok, "OK", false, "success", "Success"),
    Row(
        Status::NullArgument,
        "NULL_ARGUMENT",
        false,
        "a required pointer is NULL; pass a valid address",
        "ValidationException",
    ),
    Row(
        Status::InvalidHandle,
        "INVALID_HANDLE",
        false,
        "the handle is NULL, closed, of another kind or of another copy of the library; open a new one",
        "ValidationException",
    ),
    Row(
        Status::InvalidArgument,
        "INVALID_ARGUMENT",
        false,
        "an argument has a value the call does not take; see its documentation",
        "ValidationException",
    ),
    Row(
        Status::BufferTooSmall,
        "BUFFER_TOO_SMALL",
        false,
        "the output buffer is too small; call again with the size reported",
        "ValidationException",
    ),
    Row(
        Status::InvalidUtf8,
        "INVALID_UTF8",
        false,
        "text is not valid UTF-8; encode it as UTF-8",
        "ValidationException",
    ),
    Row(
        Status::BuffersOverlap,
        "BUFFERS_OVERLAP",
        false,
        "input and output overlap; use separate buffers or an in-place call",
        "ValidationException",
    ),
    Row(
        Status::UnsupportedOption,
        "UNSUPPORTED_OPTION",
        false,
        "an option is set that this library version does not know; upgrade the library or clear it",
        "ValidationException",
    ),
    Row(
        Status::Busy,
        "BUSY",
        true,
        "another thread is using this object; wait for it or use one object per thread",
        "ConflictException",
    ),
    Row(
        Status::Forked,
        "FORKED",
        false,
        "this handle does not work in a forked child; open the store again in the child, or open it with fork=inherit in the parent",
        "ForkedException",
    ),
    Row(
        Status::InvalidContext,
        "INVALID_CONTEXT",
        false,
        "the encryption context is not canonical or breaks a limit; build it with the library's context packer",
        "ValidationException",
    ),
    Row(
        Status::TooLarge,
        "TOO_LARGE",
        false,
        "a size is over the documented limit; split the input",
        "ValidationException",
    ),
    Row(
        Status::Cancelled,
        "CANCELLED",
        false,
        "the call was stopped by its caller's flag or callback; begin anew if that was not meant",
        "CancelledException",
    ),
    Row(
        Status::StreamEnded,
        "STREAM_ENDED",
        false,
        "the stream was finished, or has failed before; open a new one",
        "ValidationException",
    ),
    Row(
        Status::StreamUnfinished,
        "STREAM_UNFINISHED",
        false,
        "the stream was closed before its end; throw away what it gave, and finish the next one before closing it",
        "ValidationException",
    ),
    Row(
        Status::CallbackFailed,
        "CALLBACK_FAILED",
        false,
        "a callback given to this call reported a failure; look at what it met",
        "CallbackFailedException",
    ),
    Row(
        Status::KeyNotFound,
        "KEY_NOT_FOUND",
        false,
        "no such key, alias or version in this store; list what there is with: keyfold key list",
        "NotFoundException",
    ),
    Row(
        Status::KeyDisabled,
        "KEY_DISABLED",
        false,
        "the key is disabled; enable it with: keyfold key enable",
        "DisabledException",
    ),
    Row(
        Status::AlreadyExists,
        "ALREADY_EXISTS",
        false,
        "the name or key id is taken; choose another or use the existing key",
        "AlreadyExistsException",
    ),
    Row(
        Status::KeyNotAllowed,
        "KEY_NOT_ALLOWED",
        false,
        "the data is under a key other than the one named; name that key, or use a call that accepts any key of the store",
        "IncorrectKeyException",
    ),
    Row(
        Status::InvalidName,
        "INVALID_NAME",
        false,
        "not a key id or alias; aliases are 1 to 256 of A-Z a-z 0-9 / _ - and do not begin with keyfold/",
        "InvalidAliasNameException",
    ),
    Row(
        Status::InvalidKeyMaterial,
        "INVALID_KEY_MATERIAL",
        false,
        "the key material is not acceptable; give exactly 32 random bytes, or an unchanged exported key",
        "InvalidKeyMaterialException",
    ),
    Row(
        Status::ContextRequired,
        "CONTEXT_REQUIRED",
        false,
        "the envelope binds a context name the call did not give; supply its value",
        "InvalidCiphertextException",
    ),
    Row(
        Status::LimitExceeded,
        "LIMIT_EXCEEDED",
        false,
        "a limit of the key or store is reached; see the message for which",
        "LimitExceededException",
    ),
    Row(
        Status::InvalidKeyState,
        "INVALID_KEY_STATE",
        false,
        "the key's state does not permit this; describe the key to see it (keyfold key show NAME)",
        "KMSInvalidStateException",
    ),
    Row(
        Status::AccessDenied,
        "ACCESS_DENIED",
        false,
        "no grant or ownership lets this principal do that; ask the key's owner for a grant",
        "AccessDeniedException",
    ),
    Row(
        Status::KeyDestroyed,
        "KEY_DESTROYED",
        false,
        "the key was destroyed and cannot come back; what was under it alone is gone",
        "KMSInvalidStateException",
    ),
    Row(
        Status::CryptoperiodEnded,
        "CRYPTOPERIOD_ENDED",
        false,
        "the version is past its recipient period; override it for recovery, which the trail records",
        "CryptoperiodEndedException",
    ),
    Row(
        Status::InvalidKeyUsage,
        "INVALID_KEY_USAGE",
        false,
        "use a key whose usage fits the operation",
        "InvalidKeyUsageException",
    ),
    Row(
        Status::IncorrectKeyMaterial,
        "INCORRECT_KEY_MATERIAL",
        false,
        "only the same material can be imported again; make a new key for other material",
        "IncorrectKeyMaterialException",
    ),
    Row(
        Status::InvalidImportToken,
        "INVALID_IMPORT_TOKEN",
        false,
        "get new parameters for the import and wrap the material under their public key",
        "InvalidImportTokenException",
    ),
    Row(
        Status::ExpiredImportToken,
        "EXPIRED_IMPORT_TOKEN",
        false,
        "get new parameters for the import; they last 24 hours",
        "ExpiredImportTokenException",
    ),
    Row(
        Status::InvalidMac,
        "INVALID_MAC",
        false,
        "the message or its code was changed, or the key is another",
        "KMSInvalidMacException",
    ),
    Row(
        Status::UnsupportedOperation,
        "UNSUPPORTED_OPERATION",
        false,
        "see the message for why, and docs/KEYS.md for what can be done",
        "UnsupportedOperationException",
    ),
    Row(
        Status::GrantNotFound,
        "GRANT_NOT_FOUND",
        false,
        "list the key's grants; it may be retired, revoked or over",
        "InvalidGrantIdException",
    ),
    Row(
        Status::ApprovalRequired,
        "APPROVAL_REQUIRED",
        false,
        "have another principal, who opens the store with a root of their own, approve exactly this; then repeat it",
        "ApprovalRequiredException",
    ),
    Row(
        Status::KeyStopped,
        "KEY_STOPPED",
        false,
        "find out where the failures come from, then enable the key",
        "KeyStoppedException",
    ),
    Row(
        Status::NotAnEnvelope,
        "NOT_AN_ENVELOPE",
        false,
        "the data is not a Keyfold envelope or data key blob; check that it was stored and read whole, in binary",
        "InvalidCiphertextException",
    ),
    Row(
        Status::UnsupportedFormat,
        "UNSUPPORTED_FORMAT",
        false,
        "the data is in a later format than this library knows; upgrade the library",
        "InvalidCiphertextException",
    ),
    Row(
        Status::Malformed,
        "MALFORMED",
        false,
        "the head of the data is damaged; restore it from a good copy",
        "InvalidCiphertextException",
    ),
    Row(
        Status::Auth,
        "AUTH",
        false,
        "could not authenticate (wrong key, wrong context, or changed data); compare with: keyfold explain",
        "InvalidCiphertextException",
    ),
    Row(
        Status::RootNotFound,
        "ROOT_NOT_FOUND",
        false,
        "the root is not there; check the path given as root",
        "RootException",
    ),
    Row(
        Status::RootMismatch,
        "ROOT_MISMATCH",
        false,
        "this root does not open this store; use the passphrase or key file the store was made with",
        "RootException",
    ),
    Row(
        Status::RootUnsafe,
        "ROOT_UNSAFE",
        false,
        "the root's secret is not kept safely; the message says how to mend or override it",
        "RootException",
    ),
    Row(
        Status::RootInvalid,
        "ROOT_INVALID",
        false,
        "the root's file or parameters are not valid; restore the key file from its backup",
        "RootException",
    ),
    Row(
        Status::LastRoot,
        "LAST_ROOT",
        false,
        "the last root cannot be removed, or nothing could open the store; add another one first",
        "LastRootException",
    ),
    Row(
        Status::RootUnavailable,
        "ROOT_UNAVAILABLE",
        true,
        "the root cannot be reached now; try again",
        "DependencyTimeoutException",
    ),
    Row(
        Status::StoreNotFound,
        "STORE_NOT_FOUND",
        false,
        "there is no key store here; check the path, or make one with: keyfold init",
        "StoreNotFoundException",
    ),
    Row(
        Status::StoreExists,
        "STORE_EXISTS",
        false,
        "a file is here already; open it, or choose another path",
        "AlreadyExistsException",
    ),
    Row(
        Status::NotAStore,
        "NOT_A_STORE",
        false,
        "the file is not a key store; check the path",
        "StoreIntegrityException",
    ),
    Row(
        Status::StoreTooNew,
        "STORE_TOO_NEW",
        false,
        "the store or key was written by a later version; upgrade the library",
        "UnsupportedOperationException",
    ),
    Row(
        Status::StoreIntegrity,
        "STORE_INTEGRITY",
        false,
        "something in the store was changed without its root, or is missing; stop and restore the store from a backup",
        "StoreIntegrityException",
    ),
    Row(
        Status::StoreRolledBack,
        "STORE_ROLLED_BACK",
        false,
        "the store is older than it was; find out who put an old copy back, or whether a backup of it was restored on this host",
        "StoreRolledBackException",
    ),
    Row(
        Status::SchemaChanged,
        "SCHEMA_CHANGED",
        false,
        "the store's tables were altered; restore the store from a backup",
        "StoreIntegrityException",
    ),
    Row(
        Status::StoreBusy,
        "STORE_BUSY",
        true,
        "another process holds the store; try again",
        "DependencyTimeoutException",
    ),
    Row(
        Status::StoreIo,
        "STORE_IO",
        false,
        "reading or writing the store failed; see the message for the system's reason",
        "KMSInternalException",
    ),
    Row(
        Status::StoreReadOnly,
        "STORE_READ_ONLY",
        false,
        "the store is read-only; open it for writing on a writable file system",
        "StoreReadOnlyException",
    ),
    Row(Status::StoreFull, "STORE_FULL", false, "the disk is full; free some space", "StoreFullException"),
    Row(
        Status::FingerprintMismatch,
        "FINGERPRINT_MISMATCH",
        false,
        "this is not the store whose fingerprint was given; check the path and the pinned fingerprint",
        "StoreIntegrityException",
    ),
    Row(
        Status::StorePoisoned,
        "STORE_POISONED",
        false,
        "an earlier write failed and the file's state is unknown; close the store and open it again",
        "KMSInternalException",
    ),
    Row(
        Status::StoreUnsafe,
        "STORE_UNSAFE",
        false,
        "the store cannot be used safely from here; the message says why and how to override it",
        "StoreUnsafeException",
    ),
    Row(
        Status::Io,
        "IO",
        false,
        "reading or writing a file failed; see the message for the system's reason",
        "KMSInternalException",
    ),
    Row(
        Status::FileExists,
        "FILE_EXISTS",
        false,
        "the file exists already; choose another name or remove it",
        "AlreadyExistsException",
    ),
    Row(
        Status::StoreForked,
        "STORE_FORKED",
        false,
        "two copies of the store went on from one state; find out who made the second",
        "StoreRolledBackException",
    ),
    Row(
        Status::AnchorUnavailable,
        "ANCHOR_UNAVAILABLE",
        false,
        "make the anchor's file writable, or name another; see docs/KEYSTORE.md",
        "AnchorUnavailableException",
    ),
    Row(
        Status::TrailUnavailable,
        "TRAIL_UNAVAILABLE",
        true,
        "free the disk or mend the store, then try again; nothing was done",
        "TrailUnavailableException",
    ),
    Row(
        Status::TrailInvalid,
        "TRAIL_INVALID",
        false,
        "run `keyfold audit verify`, which names the first bad entry",
        "TrailInvalidException",
    ),
    Row(
        Status::BackupInvalid,
        "BACKUP_INVALID",
        false,
        "check the file and the root",
        "BackupInvalidException",
    ),
    Row(
        Status::Internal,
        "INTERNAL",
        false,
        "a defect in the library; please report it",
        "KMSInternalException",
    ),
    Row(
        Status::SelfTest,
        "SELF_TEST",
        false,
        "the self-test failed: this build or machine computes wrongly; do not use it",
        "KMSInternalException",
    ),
    Row(
        Status::Random,
        "RANDOM",
        true,
        "the system gives no random bytes; see that getrandom works here",
        "KMSInternalException",
    ),
    Row(
        Status::OutOfMemory,
        "OUT_OF_MEMORY",
        false,
        "not enough memory, or not enough may be locked; raise the memory or RLIMIT_MEMLOCK",
        "KMSInternalException",
    ),
];

impl Status {
    fn row(self) -> &'static Row {
        // Every variant has a row: `every_status_has_one_row` below walks them all.
        TABLE.iter().find(|r| r.0 == self).unwrap_or(&TABLE[TABLE.len() - 4])
    }

    /// The status with this number, if there is one.
    pub fn from_code(code: i32) -> Option<Status> {
        TABLE.iter().find(|r| r.0 as i32 == code).map(|r| r.0)
    }

    /// The stable name, such as `KEY_DISABLED`; for logs and for programs.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// A sentence that says what happened and what to do.
    pub fn text(self) -> &'static str {
        self.row().3
    }

    /// The `errorCode` of the audit trail (docs/AUDIT.md): AWS KMS's name of the exception where KMS has it.
    pub fn kms_name(self) -> &'static str {
        self.row().4
    }

    /// Whether the same call may succeed later without anything being mended.
    pub fn is_retryable(self) -> bool {
        self.row().2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_row() {
        for pair in TABLE.windows(2) {
            assert!((pair[0].0 as i32) < (pair[1].0 as i32), "rows stand in the order of their numbers");
        }
        for row in TABLE {
            assert_eq!(Status::from_code(row.0 as i32), Some(row.0));
            assert_eq!(row.1, row.1.to_uppercase());
        }
        assert_eq!(TABLE[TABLE.len() - 4].0, Status::Internal);
    }

    /// Programs loop on these. What somebody must mend first (a full disk, a limit on memory) is not among them.
    #[test]
    fn these_and_no_others_may_succeed_when_tried_again() {
        let retryable: Vec<&str> = TABLE.iter().filter(|row| row.2).map(|row| row.1).collect();
        assert_eq!(retryable, ["BUSY", "ROOT_UNAVAILABLE", "STORE_BUSY", "TRAIL_UNAVAILABLE", "RANDOM"]);
    }
}
