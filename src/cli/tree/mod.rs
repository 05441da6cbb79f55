//! Commands on whole folders: what they walk, what they do with each file, and what they say of it in the end.

mod census;
mod convert;
mod crew;
mod head;
mod options;
mod pair;
mod report;
mod rewrap;
mod walk;

pub(super) use convert::{Plan, convert_folder};
pub(super) use options::{TreeArgs, jobs};
pub(super) use rewrap::{RewrapTree, rewrap_trees};
