//! Handles with fewer rights than their key's: for plugins and threads. `docs/KEYS.md`, "Narrowed handles".

use super::handle::{Key, Wish};
use crate::error::Result;
use crate::operation::Operation;

/// What a handle is to be narrowed to. All that is given holds together with what the handle was narrowed to before.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    /// Uses that stay allowed; empty: all.
    pub operations: Vec<Operation>,
    /// The context must be exactly this one.
    pub context_equals: Option<Vec<(String, String)>>,
    /// The context must have these pairs.
    pub context_subset: Option<Vec<(String, String)>>,
    /// So many uses at most, refused ones not counted.
    pub uses: Option<u64>,
    /// Milliseconds from now until it ends.
    pub millis: Option<u64>,
}

pub(super) struct Narrowed {}

impl Narrowed {
    /// # Errors
    /// ACCESS_DENIED.
    pub(super) fn permit(&self, _wish: &Wish<'_>) -> Result<()> {
        todo!()
    }
}

impl Key {
    /// Another handle on the same key with fewer rights; this one stays as it is. It can be narrowed further and cannot be
    /// widened.
    ///
    /// # Errors
    /// INVALID_ARGUMENT.
    pub fn narrow(&self, _to: &Narrowing) -> Result<Key> {
        todo!()
    }
}
