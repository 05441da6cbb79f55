//! The options of commands that turn one folder into another.

use clap::Args;

use super::super::exit::{Failure, Result};
use super::crew::processors;

#[derive(Args, Debug)]
pub(in crate::cli) struct TreeArgs {
    /// Take a whole folder: one envelope a file, names, modes and times kept, into the folder that -o names
    #[arg(long, short)]
    pub(in crate::cli) recursive: bool,
    /// What the names of envelopes end in
    #[arg(long, value_name = "SUFFIX", default_value = ".kfe", requires = "recursive")]
    pub(in crate::cli) suffix: String,
    /// Bind each file to its place: its path below the folder, with /, as one more pair of its context
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "path",
        requires = "recursive"
    )]
    pub(in crate::cli) bind_path: Option<String>,
    /// Replace files that are there
    #[arg(long, requires = "recursive")]
    pub(in crate::cli) force: bool,
    /// Replace files that are older than what they are made from, and leave the others
    #[arg(long, requires = "recursive", conflicts_with = "force")]
    pub(in crate::cli) update: bool,
    /// Follow symbolic links, wherever they lead
    #[arg(long, requires = "recursive")]
    pub(in crate::cli) follow_links: bool,
    /// Keep owner and group, or fail; root keeps them anyway
    #[arg(long, requires = "recursive")]
    pub(in crate::cli) owner: bool,
    /// Files worked on at once; without it one for each processor
    #[arg(long, value_name = "N", requires = "recursive", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(in crate::cli) jobs: Option<u8>,
}

impl TreeArgs {
    pub(in crate::cli) fn jobs(&self) -> usize {
        jobs(self.jobs)
    }

    /// Refuses what would leave the folder, or collide with the context.
    pub(in crate::cli) fn check(&self, context: &[String]) -> Result<()> {
        if self.suffix.contains(['/', '\0']) {
            return Err(Failure::usage(format!(
                "the suffix \"{}\" is no part of a file's name",
                self.suffix
            ))
            .hint("it is appended to names as it is: --suffix .kfe"));
        }
        match &self.bind_path {
            Some(name) if context.iter().any(|pair| pair.split_once('=').is_some_and(|(n, _)| n == name)) => {
                Err(Failure::usage(format!("the context has a pair \"{name}\" already"))
                    .hint("give the path another name: --bind-path=NAME"))
            }
            _ => Ok(()),
        }
    }
}

/// How many jobs at once, where so many were asked for.
pub(in crate::cli) fn jobs(asked: Option<u8>) -> usize {
    asked.map_or_else(|| processors().min(64), usize::from)
}
