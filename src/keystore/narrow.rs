//! Handles with fewer rights than their key's: for plugins and threads. `docs/KEYS.md`, "Narrowed handles".

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::constraint::Constraint;
use super::handle::{Key, Wish};
use super::names::KeyId;
use super::scope::Operations;
use super::time::Time;
use crate::error::{Error, Result};
use crate::operation::{Kind, Operation};
use crate::sync::{coarse_millis, fork_id};

/// Narrowings of one handle, one upon the other.
const DEPTH: usize = 32;

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

/// What a handle was narrowed to, by all its narrowings together.
#[derive(Clone)]
pub(super) struct Narrowed {
    operations: Operations,
    constraints: Vec<Constraint>,
    /// Uses left: of this handle, and of each it was narrowed from that had a number. Shared with all copies.
    left: Vec<Arc<AtomicU64>>,
    /// When it ends: milliseconds of the coarse clock, and of the system's. A suspended machine stops the one, and the other
    /// can be set; whichever comes first holds.
    until: (u64, u64),
    /// A copy of the counters in a forked child would be uses twice over.
    born: u64,
    depth: usize,
}

impl Narrowed {
    fn everything() -> Narrowed {
        Narrowed {
            operations: Operations::ALL,
            constraints: Vec::new(),
            left: Vec::new(),
            until: (u64::MAX, u64::MAX),
            born: fork_id(),
            depth: 0,
        }
    }

    fn narrow(mut self, to: &Narrowing) -> Result<Narrowed> {
        if to.operations.iter().any(|operation| operation.kind() != Kind::Use) {
            return Err(Error::InvalidArgument { what: "a handle is narrowed to uses of its key" });
        }
        if self.depth == DEPTH {
            return Err(Error::LimitExceeded { what: "narrowings of one handle", limit: DEPTH as u64 });
        }
        if !to.operations.is_empty() {
            self.operations = self.operations.and(Operations::of(&to.operations));
        }
        if to.context_equals.is_some() || to.context_subset.is_some() {
            let [equals, subset] = [&to.context_equals, &to.context_subset]
                .map(|pairs| pairs.as_ref().map(|pairs| pairs.iter().map(|(name, value)| (name, value))));
            self.constraints.push(Constraint::new(equals, subset)?);
        }
        if let Some(uses) = to.uses {
            self.left.push(Arc::new(AtomicU64::new(uses)));
        }
        if let Some(millis) = to.millis {
            let (coarse, wall) = self.until;
            self.until = (
                coarse.min(coarse_millis().saturating_add(millis)),
                wall.min(Time::now_millis().saturating_add(millis)),
            );
        }
        self.depth += 1;
        Ok(self)
    }

    /// # Errors
    /// ACCESS_DENIED.
    pub(super) fn permit(&self, key: KeyId, wish: &Wish<'_>, now: u64) -> Result<()> {
        let (coarse, wall) = self.until;
        let in_time = now < coarse && (wall == u64::MAX || Time::now_millis() < wall);
        let here = self.left.is_empty() || fork_id() == self.born;
        let why = if !self.operations.has(wish.operation) {
            "it is narrowed to other operations; use a handle that has this one"
        } else if !self.constraints.iter().all(|constraint| constraint.holds(wish.context.as_ref())) {
            "it is narrowed to another context; give that one, or use another handle"
        } else if !in_time {
            "its time is over; have whoever gave it narrow another one"
        } else if !here {
            "one with a number of uses does not work in a forked child; narrow another one there"
        } else if !self.left.iter().all(|left| left.load(Ordering::Relaxed) > 0) {
            USED_UP
        } else {
            return Ok(());
        };
        Err(refused(key, wish.operation, why))
    }

    /// Takes one use; whether there was a number to take it from.
    ///
    /// # Errors
    /// ACCESS_DENIED when none is left; then none is taken.
    pub(super) fn spend(&self, key: KeyId, wish: &Wish<'_>) -> Result<bool> {
        for (at, left) in self.left.iter().enumerate() {
            let took = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if took.is_err() {
                give_back(&self.left[..at]);
                return Err(refused(key, wish.operation, USED_UP));
            }
        }
        Ok(!self.left.is_empty())
    }

    /// Gives back what [`Narrowed::spend`] took.
    pub(super) fn give_back(&self) {
        give_back(&self.left);
    }
}

fn give_back(left: &[Arc<AtomicU64>]) {
    for left in left {
        left.fetch_add(1, Ordering::Relaxed);
    }
}

const USED_UP: &str = "its uses are used up; have whoever gave it narrow another one";

#[cold]
pub(super) fn refused(key: KeyId, operation: Operation, why: &'static str) -> Error {
    Error::HandleNarrowed { operation: operation.name(), name: key.to_string().into(), why }
}

impl Key {
    /// Another handle on the same key with fewer rights; this one stays as it is. It can be narrowed further and cannot be
    /// widened: what it was narrowed to goes with every copy. The store that [`Key::store`] answers is a wider right; give a
    /// narrowed handle to code that cannot reach it.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for operations that are no uses and for conditions without a pair; LIMIT_EXCEEDED after 32
    /// narrowings.
    pub fn narrow(&self, to: &Narrowing) -> Result<Key> {
        let before = self.narrowed().map_or_else(Narrowed::everything, |narrowed| (**narrowed).clone());
        Ok(self.with_narrowed(Arc::new(before.narrow(to)?)))
    }

    /// Whether it has fewer rights than its key's.
    pub fn is_narrowed(&self) -> bool {
        self.narrowed().is_some()
    }
}
