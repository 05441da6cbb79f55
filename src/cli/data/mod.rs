//! `keyfold encrypt` and `decrypt`: files of any size, pipes, folders, and ranges of a message.

mod convert;
mod decrypt;
mod encrypt;
mod pump;
mod range;

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{InputArg, OutputArg};
use super::exit::{Failure, Result};

pub(super) use convert::{Direction, Job, convert_file};
pub(super) use decrypt::Decrypt;
pub(super) use encrypt::Encrypt;
pub(super) use pump::Pump;

/// From this size on an envelope gets a free cell, so that a rewrap need not write the whole file anew.
pub(super) const FREE_CELL_FROM: usize = 1 << 20;

#[derive(Args)]
pub(super) struct ThreadsArg {
    /// Threads that work on one file; without it as many as it is worth
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ThreadsArg {
    fn get(&self) -> u32 {
        self.threads.map_or(0, u32::from)
    }
}

/// Most bytes that are shown on a terminal.
const MAX_SHOWN: usize = 16 << 20;

/// The two folders of `-r`.
fn folders<'a>(input: &'a InputArg, output: &'a OutputArg, verb: &str) -> Result<(&'a Path, &'a Path)> {
    let named = |path: &'a Option<PathBuf>| path.as_deref().filter(|p| *p != Path::new("-"));
    match (named(&input.input), named(&output.output)) {
        (Some(from), Some(to)) => Ok((from, to)),
        _ => Err(Failure::usage("with -r both folders have to be named")
            .hint(format!("keyfold {verb} -r … -o TARGET SOURCE"))),
    }
}
