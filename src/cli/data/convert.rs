//! One file into another, by the library's file engine.

use std::fs::File;

use super::super::exit::Result;
use super::super::opening::Opening;
use super::super::progress::Progress;
use super::super::session;
use crate::envelope::{Context, EncryptOptions, Encryptor, Opened, StoredContext};
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
    let whole = job.from.metadata().map_or(0, |m| m.len());
    let pump = super::Pump { input: job.input, whole: None, threads: job.threads, progress: job.progress };
    let mut to = job.to;
    let mut written = 0;
    let mut write = |bytes: &[u8]| {
        written += bytes.len() as u64;
        std::io::Write::write_all(&mut to, bytes)
            .map_err(|e| super::super::files::failed("writing", job.output.as_ref(), &e))
    };
    match direction {
        Direction::Encrypt { store, keys, stored, free_cells } => {
            let start = |large| {
                let free_cells = free_cells.unwrap_or(u8::from(large));
                Encryptor::new(
                    keys,
                    job.context,
                    stored,
                    &EncryptOptions { free_cells, ..Default::default() },
                )
            };
            let done =
                pump.encrypt(job.from, &mut write, start, &|e| session::by_an_alias(store, e).into())?;
            Ok((done, Opened::nothing()))
        }
        Direction::Decrypt { opening } => {
            let failure =
                |e| super::super::opening::failure(opening.store, job.context_pairs, job.input, job.input, e);
            let first = pump.first(job.from)?;
            let opened = pump.decrypt(job.from, first, opening, job.context, None, &failure, &mut write)?;
            Ok(((whole, written), opened))
        }
    }
}
