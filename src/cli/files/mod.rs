//! Files: what comes in, and what is there whole or not at all. Names are looked up in open folders.

mod folder;
mod input;
mod output;
mod temporary;

pub(super) use folder::{Folder, failed};
pub(super) use input::{Input, MAX_ENVELOPE, MAX_INPUT};
pub(super) use output::{Output, Privacy};
pub(super) use temporary::{Temporary, is_hidden_name, sweep};
