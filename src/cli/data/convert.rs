//! One file into another, by the library's file engine.

use std::cell::Cell;
use std::fs::File;

use super::super::exit::Result;
use super::super::opening::{Opening, failure};
use super::super::progress::Progress;
use super::super::{session, sys};
use super::FREE_CELL_FROM;
use crate::envelope::{self, Context, EncryptOptions, FileOptions, Opened, StoredContext, Work};
use crate::keystore::{Key, Store};

/// What is done with a file.
pub(in crate::cli) enum Direction<'a> {
    Encrypt {
        store: &'a Store,
        keys: &'a [&'a Key],
        stored: StoredContext<'a>,
        /// None: by the file's size.
        free_cells: Option<u8>,
    },
    Decrypt {
        opening: &'a Opening<'a>,
    },
}

impl Direction<'_> {
    /// For a bar.
    pub(in crate::cli) fn title(&self) -> &'static str {
        match self {
            Direction::Encrypt { .. } => "encrypting",
            Direction::Decrypt { .. } => "decrypting",
        }
    }
}

/// The file.
pub(in crate::cli) struct Job<'a> {
    pub(in crate::cli) from: &'a File,
    pub(in crate::cli) to: &'a File,
    /// Names for messages.
    pub(in crate::cli) input: &'a str,
    pub(in crate::cli) output: &'a str,
    pub(in crate::cli) context: &'a Context<'a>,
    /// The same as the user would give it.
    pub(in crate::cli) context_pairs: &'a [String],
    pub(in crate::cli) threads: u32,
    pub(in crate::cli) progress: &'a Progress,
}

/// Does it; bytes read and written, and what opened it (nothing, where it was encrypted). What was written is whole, and
/// not yet on disk.
pub(in crate::cli) fn convert_file(direction: &Direction<'_>, job: &Job<'_>) -> Result<((u64, u64), Opened)> {
    let told = Cell::new(0);
    let progress = |done: u64, _: u64| {
        job.progress.add(done.saturating_sub(told.replace(done)));
        true
    };
    let options = FileOptions {
        work: Work { threads: job.threads, cancel: Some(sys::cancel_flag()), progress: Some(&progress) },
        input: job.input,
        output: job.output,
    };
    let converted = match direction {
        Direction::Encrypt { store, keys, stored, free_cells } => {
            let large = job.from.metadata().is_ok_and(|m| m.len() >= FREE_CELL_FROM as u64);
            let encrypt =
                EncryptOptions { free_cells: free_cells.unwrap_or(u8::from(large)), ..Default::default() };
            envelope::encrypt_file(keys, job.from, job.to, job.context, stored, &encrypt, &options)
                .map(|done| (done, Opened::nothing()))
                .map_err(|e| session::by_an_alias(store, e).into())
        }
        Direction::Decrypt { opening } => {
            let decrypt = opening.options();
            opening
                .with_allowed(|allowed| {
                    envelope::decrypt_file(allowed, job.from, job.to, job.context, &decrypt, &options)
                })
                .map(|(opened, done)| (done, opened))
                .map_err(|e| failure(opening.store, job.context_pairs, job.input, job.input, e))
        }
    };
    let (done, opened) = converted?;
    // What is left below the engine's last word, so that bars of whole folders add up.
    job.progress.add(done.read.saturating_sub(told.get()));
    Ok(((done.read, done.written), opened))
}
