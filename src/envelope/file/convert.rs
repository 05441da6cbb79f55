//! A file to a file, by as many threads as wanted, in constant memory.

use std::fs::File;

use crate::context::Context;
use crate::envelope::{Allowed, DecryptOptions, EncryptOptions, Opened, StoredContext, Work};
use crate::error::Result;
use crate::keystore::Key;

/// How many bytes went in and came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

/// What both directions take beside their own options.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileOptions<'a> {
    /// Threads, cancellation, progress.
    pub work: Work<'a>,
    /// Where names the input in errors; a path as the user gave it.
    pub input: &'a str,
    /// The same for the output.
    pub output: &'a str,
}

/// Encrypts all of a file (from where it stands) into another (from where it stands). Regular files are read and written by
/// position and by several threads, the output preallocated; pipes, sockets and devices in order. Memory under 16 MiB. Nothing is
/// synced: see [`super::Replacement`].
///
/// # Errors
/// As [`crate::envelope::encrypt_into`], IO, CANCELLED. What was written then is worth nothing.
pub fn encrypt_file(
    _keys: &[&Key],
    _from: &File,
    _to: &File,
    _context: &Context<'_>,
    _stored: &StoredContext<'_>,
    _options: &EncryptOptions<'_>,
    _file: &FileOptions<'_>,
) -> Result<Converted> {
    todo!()
}

/// Decrypts a file into another, as [`encrypt_file`]. A regular output that fails is cut to nothing; what was written to a pipe was
/// authentic, and is the front of a message at most. A regular input whose head does not open is read once more under
/// a shared lock (FORMAT.md 9.8).
///
/// # Errors
/// As [`crate::envelope::decrypt_into`], IO, CANCELLED.
pub fn decrypt_file(
    _allowed: Allowed<'_>,
    _from: &File,
    _to: &File,
    _context: &Context<'_>,
    _options: &DecryptOptions<'_>,
    _file: &FileOptions<'_>,
) -> Result<(Opened, Converted)> {
    todo!()
}
