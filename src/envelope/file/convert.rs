//! A file to a file, by as many threads as wanted, in constant memory.

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::in_order;
use super::places::{Ends, Slice, open_parts, seal_parts};
use crate::context::Context;
use crate::envelope::begin::{Unlocked, begin, begin_open, begin_public};
use crate::envelope::head::{Kind, Sizes};
use crate::envelope::stream::{AllowedKeys, Decryptor, Encryptor, Layout, read_head};
use crate::envelope::{Allowed, DecryptOptions, EncryptOptions, Opened, StoredContext, Work};
use crate::error::{Error, Result, Status};
use crate::keystore::{Key, SealingKey};
use crate::operation::Operation;

/// How many bytes went in and came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

/// What both directions take beside their own options, whose `work` is not looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileOptions<'a> {
    /// Threads, cancellation, progress.
    pub work: Work<'a>,
    /// Where names the input in errors; a path as the user gave it.
    pub input: &'a str,
    /// The same for the output.
    pub output: &'a str,
}

impl FileOptions<'_> {
    #[cold]
    pub(super) fn reading(&self, error: &std::io::Error) -> Error {
        Error::io("reading", Path::new(self.input), error)
    }

    #[cold]
    pub(super) fn writing(&self, error: &std::io::Error) -> Error {
        Error::io("writing", Path::new(self.output), error)
    }
}

/// Encrypts all of a file (from where it stands) into another (from where it stands). Regular files are read and written by
/// position and by several threads, the output preallocated and cut behind what is written; pipes, sockets and devices in
/// order. Memory: half a MiB for each thread. Nothing is synced: see [`super::Replacement`].
///
/// # Errors
/// As [`crate::envelope::encrypt_into`], IO, CANCELLED; INVALID_ARGUMENT where both are one file. What was written then is
/// worth nothing; a regular output is cut to where it stood.
pub fn encrypt_file(
    keys: &[&Key],
    from: &File,
    to: &File,
    context: &Context<'_>,
    stored: &StoredContext<'_>,
    options: &EncryptOptions<'_>,
    file: &FileOptions<'_>,
) -> Result<Converted> {
    let options = EncryptOptions { work: file.work, ..*options };
    match Ends::of(from, to, file)? {
        Ends::Places(from, to) => {
            let begun = begin(keys, context, stored, &options, from.size)?;
            seal_parts(&begun, &from, &to, file)
        }
        Ends::InOrder => {
            let stream = Encryptor::of(begin(keys, context, stored, &options, 0)?);
            in_order::encrypt(stream, from, to, file)
        }
    }
}

/// As [`encrypt_file`], to the public halves of sealing keys, without a store.
///
/// # Errors
/// As [`encrypt_file`], without a store's.
pub fn seal_file(
    keys: &[&SealingKey],
    from: &File,
    to: &File,
    context: &Context<'_>,
    stored: &StoredContext<'_>,
    file: &FileOptions<'_>,
) -> Result<Converted> {
    file.work.check()?;
    match Ends::of(from, to, file)? {
        Ends::Places(from, to) => seal_parts(&begin_public(keys, context, stored)?, &from, &to, file),
        Ends::InOrder => {
            let stream = Encryptor::of(begin_public(keys, context, stored)?);
            in_order::encrypt(stream, from, to, file)
        }
    }
}

/// Decrypts a file into another, as [`encrypt_file`]. A regular output that fails is cut to where it stood; what was
/// written to a pipe was authentic, and is the front of a message at most. A regular input whose head does not open is read
/// once more under a shared lock (FORMAT.md 9.8).
///
/// # Errors
/// As [`crate::envelope::decrypt_into`], IO, CANCELLED; INVALID_ARGUMENT where both are one file.
pub fn decrypt_file(
    allowed: Allowed<'_>,
    from: &File,
    to: &File,
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
    file: &FileOptions<'_>,
) -> Result<(Opened, Converted)> {
    let options = DecryptOptions { work: file.work, ..*options };
    match Ends::of(from, to, file)? {
        Ends::Places(from, to) => {
            let (unlocked, layout) = open_head(&allowed, &from, context, &options)?;
            let mut opened = unlocked.opened.clone();
            let converted = open_parts(&unlocked, &layout, &from, &to, file)?;
            opened.len = usize::try_from(layout.plain).unwrap_or(usize::MAX);
            Ok((opened, converted))
        }
        Ends::InOrder => {
            let stream = Decryptor::new(AllowedKeys::of(&allowed), context, &options)?;
            in_order::decrypt(stream, from, to, file)
        }
    }
}

/// The head of a file, read once more where a rewrap may have been under way.
fn open_head(
    allowed: &Allowed<'_>,
    from: &Slice<'_>,
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
) -> Result<(Unlocked, Layout)> {
    let head = read_head(from, from.size)?;
    let first = try_head(allowed, &head, from.size, context, options);
    let unsettled =
        [Status::Malformed, Status::Auth, Status::KeyNotFound, Status::KeyNotAllowed, Status::KeyDisabled];
    match &first {
        Err(error) if unsettled.contains(&error.status()) => {}
        _ => return first,
    }
    let Some(_locked) = lock(from.file) else { return first };
    let again = read_head(from, from.size)?;
    match again == head {
        true => first,
        false => try_head(allowed, &again, from.size, context, options),
    }
}

fn try_head(
    allowed: &Allowed<'_>,
    head: &[u8],
    whole: u64,
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
) -> Result<(Unlocked, Layout)> {
    let layout =
        Sizes::parse(head, Some(Kind::Envelope)).and_then(|sizes| Layout::of(sizes.head() as u64, whole));
    let layout = allowed.read(Operation::Decrypt, context, layout)?;
    let unlocked = begin_open(allowed, head, context, options, layout.plain)?;
    Ok((unlocked, layout))
}

/// A shared lock through a descriptor of its own, so that no lock of the caller's is changed; None where there is none
/// to be had. A rewrap holds its own for a few writes; who holds one for longer is not waited for.
fn lock(file: &File) -> Option<File> {
    use std::os::fd::AsRawFd;
    let own = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    let begun = Instant::now();
    loop {
        match own.try_lock_shared() {
            Ok(()) => return Some(own),
            Err(std::fs::TryLockError::WouldBlock) if begun.elapsed() < Duration::from_secs(5) => {
                sleep(Duration::from_millis(10));
            }
            Err(_) => return None,
        }
    }
}
