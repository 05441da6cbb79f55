//! The one error enum. Every room's failures are variants here, and [`Error::status`] is the only map to the
//! stable numbers of the C ABI.
//!
//! Messages say what happened, with the name the user gave, and end in what to do. They carry no secret, and for
//! data that does not authenticate there is one message whatever the cause (no oracle).

mod status;

pub use status::Status;
pub(crate) use status::TABLE;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A required pointer was NULL.
    #[error("argument {what} is NULL")]
    NullArgument { what: &'static str },
    /// A handle was not usable.
    #[error("the handle is {why}")]
    InvalidHandle { why: &'static str },
    /// An argument had a value the call does not take.
    #[error("{what}")]
    InvalidArgument { what: &'static str },
    /// A field of a structured request that does not exist, or has a value that it does not take.
    #[error("{field}: {why}")]
    InvalidField { field: Box<str>, why: &'static str },
    /// No operation has this name; `meant` is the one that is spelled almost so.
    #[error("there is no operation \"{given}\"{}", .meant.map(|meant| format!("; it is spelled {meant}")).unwrap_or_default())]
    NoOperation { given: Box<str>, meant: Option<&'static str> },
    /// The output does not fit.
    #[error("the output needs {needed} bytes")]
    BufferTooSmall { needed: usize },
    /// Text that must be UTF-8 is not.
    #[error("{what} is not valid UTF-8")]
    InvalidUtf8 { what: &'static str },
    /// Two buffers that must be apart share bytes.
    #[error("input and output overlap; use separate buffers or an in-place call")]
    BuffersOverlap,
    /// An option from a later version, or a reserved byte that is not zero.
    #[error("option {what} is not supported by this version of the library")]
    UnsupportedOption { what: &'static str },
    /// An exclusive object is in use by another thread.
    #[error("the object is in use by another thread")]
    Busy,
    /// A forked child used what it may not use.
    #[error(
        "this handle does not work in a forked child; open the store again there, or open it with fork=inherit before forking"
    )]
    Forked,
    /// An encryption context that is not canonical or is over a limit.
    #[error("encryption context: {why}")]
    InvalidContext { why: &'static str },
    /// A size over a documented limit.
    #[error("{what} is over the limit of {limit}")]
    TooLarge { what: &'static str, limit: u64 },
    /// The caller stopped the call.
    #[error("cancelled")]
    Cancelled,
    /// The stream was finished, or failed before.
    #[error("the stream {why}; open a new one")]
    StreamEnded { why: &'static str },
    /// The stream was closed before its end.
    #[error("the stream was closed before its end: {what}")]
    StreamUnfinished { what: &'static str },
    /// A callback of the caller's reported a failure.
    #[error("the {what} callback answered {code}")]
    CallbackFailed { what: &'static str, code: i32 },
    /// A callback of the caller's told a length that cannot be.
    #[error("the {what} callback did not tell how many bytes it gave, or told more than it was asked for")]
    CallbackLied { what: &'static str },

    /// No key of this name.
    #[error("key \"{name}\" is not in this store")]
    KeyNotFound { name: Box<str> },
    /// No cell of the data names a key, version and material that this store holds.
    #[error("no cell names a key version that this store holds")]
    NoUsableCell,
    /// The key is disabled.
    #[error("key \"{name}\" is disabled")]
    KeyDisabled { name: Box<str> },
    /// A name or id that is taken.
    #[error("{what} \"{name}\" exists already")]
    AlreadyExists { what: &'static str, name: Box<str> },
    /// The data is under keys other than those the caller named.
    #[error("the data is under a key other than the one named")]
    KeyNotAllowed,
    /// A malformed key id or alias.
    #[error("\"{name}\" is not a key id or alias: {why}")]
    InvalidName { name: Box<str>, why: &'static str },
    /// Key material or an exported key that cannot be taken.
    #[error("key material: {why}")]
    InvalidKeyMaterial { why: &'static str },
    /// A stored context name whose value the caller did not give.
    #[error("the envelope's context has the name \"{name}\", which was not given")]
    ContextRequired { name: Box<str> },
    /// A documented limit of a key or store.
    #[error("{what} is limited to {limit}")]
    LimitExceeded { what: &'static str, limit: u64 },
    /// The key's state does not permit the operation.
    #[error("key \"{name}\" is {state}, which does not permit this")]
    InvalidKeyState { name: Box<str>, state: &'static str },
    /// The key is enabled, and none of its versions may seal; `why` ends in what to do.
    #[error("key \"{name}\" is Enabled and opens what it sealed, but it cannot seal now: {why}")]
    NothingSeals { name: Box<str>, why: &'static str },

    /// Not an envelope, blob or exported key at all.
    #[error("not a Keyfold envelope or data key blob")]
    NotAnEnvelope,
    /// A later format version or suite.
    #[error("format version or suite {found} is later than this library knows")]
    UnsupportedFormat { found: u8 },
    /// A head whose parts do not fit together.
    #[error("the head is damaged: {why}")]
    Malformed { why: &'static str },
    /// Wrong key, wrong context or changed data: one answer for all.
    #[error("could not authenticate (wrong key, wrong context, or changed data)")]
    Auth,

    /// The root is not where it should be.
    #[error("root {what} is not there")]
    RootNotFound { what: Box<str> },
    /// The root does not open any slot of the store.
    #[error("this root does not open this store")]
    RootMismatch,
    /// The root's secret is exposed; `what` says how and how to mend or override it.
    #[error("{what}")]
    RootUnsafe { what: Box<str> },
    /// A damaged key file, or parameters outside their bounds.
    #[error("root {what}: {why}")]
    RootInvalid { what: Box<str>, why: &'static str },
    /// The last root slot cannot go.
    #[error("the last root of a store cannot be removed")]
    LastRoot,
    /// The root cannot be reached at the moment.
    #[error("root {what} cannot be reached")]
    RootUnavailable { what: Box<str> },

    /// No store here.
    #[error("no key store at {path}")]
    StoreNotFound { path: Box<str> },
    /// `init` where something is already.
    #[error("{path} exists already")]
    StoreExists { path: Box<str> },
    /// A file that is not a store.
    #[error("{path} is not a key store: {why}")]
    NotAStore { path: Box<str>, why: &'static str },
    /// Written by a later library.
    #[error("{what} needs version {needs} of the library")]
    StoreTooNew { what: Box<str>, needs: Box<str> },
    /// A row, document, page, bucket or manifest does not verify, or is missing.
    #[error("the store was changed without its root: {what}")]
    StoreIntegrity { what: Box<str> },
    /// An epoch lower than one seen.
    #[error("the store went back from epoch {seen} to {found}")]
    StoreRolledBack { seen: u64, found: u64 },
    /// Tables, indexes, triggers or views that are not ours.
    #[error("the store's schema was changed: {what}")]
    SchemaChanged { what: Box<str> },
    /// Another process holds the store.
    #[error("the store is busy: another process holds it")]
    StoreBusy,
    /// SQLite or the system failed.
    #[error("{doing} the key store failed: {reason}")]
    StoreIo { doing: &'static str, reason: Box<str> },
    /// Writing where it is not allowed.
    #[error("the key store is read-only")]
    StoreReadOnly,
    /// No space left.
    #[error("the disk that holds the key store is full")]
    StoreFull,
    /// Another store than the pinned one.
    #[error("the store's fingerprint is {found}, not the one given")]
    FingerprintMismatch { found: Box<str> },
    /// A failed sync: nothing can be claimed about the file any more.
    #[error("an earlier write to the key store failed; close it and open it again")]
    StorePoisoned,
    /// A place a store must not be used from.
    #[error("{what}")]
    StoreUnsafe { what: Box<str> },
    /// A file could not be read or written.
    #[error("{doing} {path} failed: {reason}")]
    Io { doing: &'static str, path: Box<str>, reason: Box<str> },
    /// A file to be made is there.
    #[error("{path} exists already")]
    FileExists { path: Box<str> },

    /// The principal may not do this with the key.
    #[error("{principal} may not {operation} with key \"{name}\"")]
    AccessDenied { principal: Box<str>, operation: &'static str, name: Box<str> },
    /// The handle was narrowed, and what it was narrowed to does not permit this; `why` ends in what to do.
    #[error("this narrowed handle may not {operation} with key \"{name}\": {why}")]
    HandleNarrowed { operation: &'static str, name: Box<str>, why: &'static str },
    /// The root bears a principal, and the store was to be opened as another.
    #[error(
        "this root is {borne}'s, and does not open the store as {asked}; leave out the principal, or open it with a root of {asked}'s"
    )]
    OtherPrincipal { borne: Box<str>, asked: Box<str> },
    /// The principal may not do this with the store.
    #[error("{principal} may not {operation}: {why}")]
    NotPermitted { principal: Box<str>, operation: &'static str, why: &'static str },
    /// The key, or the version that the data is under, was destroyed.
    #[error("key \"{name}\" was destroyed")]
    KeyDestroyed { name: Box<str> },
    /// The version's recipient period is over; it opens nothing unless that is overridden for recovery.
    #[error("version {version} of key \"{name}\" is past its recipient period")]
    CryptoperiodEnded { name: Box<str>, version: u32 },
    /// The key's usage or spec does not fit the operation.
    #[error("key \"{name}\" is for {usage} alone")]
    InvalidKeyUsage { name: Box<str>, usage: &'static str },
    /// The material is not the one that this key had.
    #[error("this is not the material that key \"{name}\" had")]
    IncorrectKeyMaterial { name: Box<str> },
    /// The import token is not one of this key, is damaged, or is used up.
    #[error("the import token {why}")]
    InvalidImportToken { why: &'static str },
    /// The import token is over.
    #[error("the import token has expired")]
    ExpiredImportToken,
    /// The message authentication code is not that of the message under this key.
    #[error("the message authentication code does not agree")]
    InvalidMac,
    /// The operation is not one that this key or store can do.
    #[error("{what}")]
    UnsupportedOperation { what: &'static str },
    /// The key has no such grant.
    #[error("there is no grant {grant} on this key")]
    GrantNotFound { grant: Box<str> },
    /// The operation needs the approval of another principal.
    #[error(
        "{operation} needs the approval of another principal{}",
        if *.own { ": the one that waits is by the same principal, for which it does not count" } else { "" }
    )]
    ApprovalRequired { operation: &'static str, own: bool },
    /// The key was stopped after a burst of failed decrypts.
    #[error("key \"{name}\" was stopped after too many failed decrypts")]
    KeyStopped { name: Box<str> },
    /// The store's present state and one seen before exclude each other.
    #[error("the store at epoch {epoch} is not the one seen before")]
    StoreForked { epoch: u64 },
    /// The anchor cannot be read or written, so what must wait for it was not done.
    #[error("the anchor {path} cannot be used: {reason}")]
    AnchorUnavailable { path: Box<str>, reason: Box<str> },
    /// The trail cannot take the event, and the key permits no use without one.
    #[error("the trail cannot take the event: {reason}")]
    TrailUnavailable { reason: Box<str> },
    /// The trail was changed, or is not whole.
    #[error("the trail is not whole: {what}")]
    TrailInvalid { what: Box<str> },
    /// The file is not a backup, is damaged, or is not of a store that the root opens.
    #[error("the backup cannot be used: {what}")]
    BackupInvalid { what: Box<str> },

    /// A defect of the library.
    #[error("internal error: {what}")]
    Internal { what: &'static str },
    /// The start-up self-test failed.
    #[error("the self-test failed: {what}")]
    SelfTest { what: &'static str },
    /// No entropy.
    #[error("the system gives no random bytes")]
    Random,
    /// Memory, or lockable memory, is used up.
    #[error("out of memory{}", if *.locked { " that may be locked (RLIMIT_MEMLOCK)" } else { "" })]
    OutOfMemory { locked: bool },
}

impl Error {
    /// The stable status of this error: the only map from errors to numbers.
    pub fn status(&self) -> Status {
        match self {
            Error::NullArgument { .. } => Status::NullArgument,
            Error::InvalidHandle { .. } => Status::InvalidHandle,
            Error::InvalidArgument { .. } | Error::InvalidField { .. } | Error::NoOperation { .. } => {
                Status::InvalidArgument
            }
            Error::BufferTooSmall { .. } => Status::BufferTooSmall,
            Error::InvalidUtf8 { .. } => Status::InvalidUtf8,
            Error::BuffersOverlap => Status::BuffersOverlap,
            Error::UnsupportedOption { .. } => Status::UnsupportedOption,
            Error::Busy => Status::Busy,
            Error::Forked => Status::Forked,
            Error::InvalidContext { .. } => Status::InvalidContext,
            Error::TooLarge { .. } => Status::TooLarge,
            Error::Cancelled => Status::Cancelled,
            Error::StreamEnded { .. } => Status::StreamEnded,
            Error::StreamUnfinished { .. } => Status::StreamUnfinished,
            Error::CallbackFailed { .. } | Error::CallbackLied { .. } => Status::CallbackFailed,
            Error::KeyNotFound { .. } | Error::NoUsableCell => Status::KeyNotFound,
            Error::KeyDisabled { .. } => Status::KeyDisabled,
            Error::AlreadyExists { .. } => Status::AlreadyExists,
            Error::KeyNotAllowed => Status::KeyNotAllowed,
            Error::InvalidName { .. } => Status::InvalidName,
            Error::InvalidKeyMaterial { .. } => Status::InvalidKeyMaterial,
            Error::ContextRequired { .. } => Status::ContextRequired,
            Error::LimitExceeded { .. } => Status::LimitExceeded,
            Error::InvalidKeyState { .. } | Error::NothingSeals { .. } => Status::InvalidKeyState,
            Error::NotAnEnvelope => Status::NotAnEnvelope,
            Error::UnsupportedFormat { .. } => Status::UnsupportedFormat,
            Error::Malformed { .. } => Status::Malformed,
            Error::Auth => Status::Auth,
            Error::RootNotFound { .. } => Status::RootNotFound,
            Error::RootMismatch => Status::RootMismatch,
            Error::RootUnsafe { .. } => Status::RootUnsafe,
            Error::RootInvalid { .. } => Status::RootInvalid,
            Error::LastRoot => Status::LastRoot,
            Error::RootUnavailable { .. } => Status::RootUnavailable,
            Error::StoreNotFound { .. } => Status::StoreNotFound,
            Error::StoreExists { .. } => Status::StoreExists,
            Error::NotAStore { .. } => Status::NotAStore,
            Error::StoreTooNew { .. } => Status::StoreTooNew,
            Error::StoreIntegrity { .. } => Status::StoreIntegrity,
            Error::StoreRolledBack { .. } => Status::StoreRolledBack,
            Error::SchemaChanged { .. } => Status::SchemaChanged,
            Error::StoreBusy => Status::StoreBusy,
            Error::StoreIo { .. } => Status::StoreIo,
            Error::StoreReadOnly => Status::StoreReadOnly,
            Error::StoreFull => Status::StoreFull,
            Error::FingerprintMismatch { .. } => Status::FingerprintMismatch,
            Error::StorePoisoned => Status::StorePoisoned,
            Error::StoreUnsafe { .. } => Status::StoreUnsafe,
            Error::Io { .. } => Status::Io,
            Error::FileExists { .. } => Status::FileExists,
            Error::AccessDenied { .. }
            | Error::NotPermitted { .. }
            | Error::HandleNarrowed { .. }
            | Error::OtherPrincipal { .. } => Status::AccessDenied,
            Error::KeyDestroyed { .. } => Status::KeyDestroyed,
            Error::CryptoperiodEnded { .. } => Status::CryptoperiodEnded,
            Error::InvalidKeyUsage { .. } => Status::InvalidKeyUsage,
            Error::IncorrectKeyMaterial { .. } => Status::IncorrectKeyMaterial,
            Error::InvalidImportToken { .. } => Status::InvalidImportToken,
            Error::ExpiredImportToken => Status::ExpiredImportToken,
            Error::InvalidMac => Status::InvalidMac,
            Error::UnsupportedOperation { .. } => Status::UnsupportedOperation,
            Error::GrantNotFound { .. } => Status::GrantNotFound,
            Error::ApprovalRequired { .. } => Status::ApprovalRequired,
            Error::KeyStopped { .. } => Status::KeyStopped,
            Error::StoreForked { .. } => Status::StoreForked,
            Error::AnchorUnavailable { .. } => Status::AnchorUnavailable,
            Error::TrailUnavailable { .. } => Status::TrailUnavailable,
            Error::TrailInvalid { .. } => Status::TrailInvalid,
            Error::BackupInvalid { .. } => Status::BackupInvalid,
            Error::Internal { .. } => Status::Internal,
            Error::SelfTest { .. } => Status::SelfTest,
            Error::Random => Status::Random,
            Error::OutOfMemory { .. } => Status::OutOfMemory,
        }
    }

    /// An [`Error::Io`] from the system's error.
    pub(crate) fn io(doing: &'static str, path: &std::path::Path, error: &std::io::Error) -> Error {
        Error::Io { doing, path: path.to_string_lossy().into(), reason: error.to_string().into() }
    }
}
