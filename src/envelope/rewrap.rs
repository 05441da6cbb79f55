//! Rewrap: an envelope's cells under their keys' current versions. FORMAT.md section 11.

use std::sync::Arc;

use serde::Serialize;

use super::Allowed;
use super::cells::{Cell, KeyCell, PREFIX, TAG, TYPE_FREE, WRAPPED_AT, write_named, write_prefix};
use super::head::{Head, Kind};
use super::reach::{Misses, unwrap};
use super::seal::Recipient;
use super::stored::agrees;
use super::suite::{AnyDek, commits};
use crate::context::Context;
use crate::crypto::{Lane, ct_eq, with_lane};
use crate::error::{Error, Result};
use crate::keystore::{Key, Made, Served, Settled, Version, VersionUsage, Wish};
use crate::operation::Operation;

/// What a rewrap did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rewrapped {
    /// Cells newly wrapped.
    pub cells_rewrapped: u32,
    /// Cells already under the target version, left alone.
    pub cells_current: u32,
    /// Cells of keys out of reach, of unknown types, or that did not authenticate: left alone.
    pub cells_skipped: u32,
    /// Old cells only set free, because a cell of the target version with the same DEK was there already: a rewrap
    /// that had been interrupted is now finished.
    pub cells_freed: u32,
}

/// Rewraps every cell of the allowed keys to its key's current version, in memory: `envelope` may be a whole
/// envelope, a data key blob, or a head alone; its size does not change. No context is needed; with `context` the
/// commitment is checked first, and cells that do not agree with it are left alone.
///
/// # Errors
/// NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED; KEY_NOT_FOUND, KEY_NOT_ALLOWED, KEY_DISABLED where no cell is of an
/// allowed key that may be used; AUTH where all of those failed. The envelope is as before then.
pub fn rewrap(allowed: Allowed<'_>, envelope: &mut [u8], context: Option<&Context<'_>>) -> Result<Rewrapped> {
    let told = *context.unwrap_or(&Context::EMPTY);
    let head = allowed.read(Operation::ReEncryptFrom, &told, parse(envelope))?;
    let area_at = head.whole_fixed().len();
    let plan = with_lane(|lane| plan(lane, &allowed, &head, context))?;
    for step in &plan.steps {
        step.apply(&mut envelope[area_at..]);
    }
    Ok(plan.report)
}

/// A head; of a data key blob, all there is.
pub(super) fn parse(bytes: &[u8]) -> Result<Head<'_>> {
    let head = Head::parse(bytes, None)?;
    match head.kind {
        Kind::Envelope => Ok(head),
        Kind::DataKey => Head::parse_blob(bytes),
    }
}

/// One old cell's fate.
pub(super) struct Step {
    /// Where the old cell lies in the cell area.
    pub(super) old: usize,
    pub(super) size: usize,
    /// The cell to take its place; None: it is only set free.
    pub(super) new: Option<Vec<u8>>,
}

impl Step {
    /// Does it at once, in memory.
    pub(super) fn apply(&self, area: &mut [u8]) {
        let cell = &mut area[self.old..self.old + self.size];
        match &self.new {
            Some(new) => cell.copy_from_slice(new),
            None => {
                write_prefix(cell, TYPE_FREE, self.size);
                cell[PREFIX..].fill(0);
            }
        }
    }
}

/// What is to be done, in an order that never leaves a head without the DEK.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) report: Rewrapped,
}

enum Outcome {
    Current,
    Failed,
    /// Its DEK is in a cell of the target version: one of the head, or one that an earlier step makes.
    Twin {
        of_head: bool,
    },
    New(Vec<u8>),
}

/// Looks at every cell. Each old cell is rewrapped for itself, with its own DEK.
pub(super) fn plan(
    lane: &mut Lane,
    allowed: &Allowed<'_>,
    head: &Head<'_>,
    context: Option<&Context<'_>>,
) -> Result<Plan> {
    let wish = Wish { operation: Operation::ReEncryptFrom, context: context.copied(), bytes: 0 };
    let to = Wish { operation: Operation::ReEncryptTo, ..wish };
    if context.is_some_and(|context| !head.stored().is_empty() && !agrees(head.stored(), context)) {
        return Err(allowed.refuse(&wish, Error::Auth));
    }
    let mut misses = Misses::default();
    let mut used: Vec<Used> = Vec::new();
    let mut plan = Plan { steps: Vec::new(), report: Rewrapped::default() };
    let [dek, other] = [(); 2].map(|()| AnyDek::zeroed(head.dek.unwrap_or(0)));
    let mut work = Work { lane, head, context, dek, other };
    for cell in head.cells() {
        let Some(key) = cell.key() else {
            plan.report.cells_skipped += u32::from(cell.tag() != TYPE_FREE);
            continue;
        };
        let mut outcome = None;
        let mut first = misses.first.take();
        let reached = misses.reach(
            allowed,
            &wish,
            &key,
            |handle, view, version| {
                let target = view.current()?;
                let current = names(&key, target);
                if !current {
                    // Whoever may open may not for that reason wrap anew.
                    handle.peek(&to, |_| Ok(()))?;
                }
                let fate = work.fate(&cell, &key, version, target, &plan.steps)?;
                let failed = matches!(fate, Outcome::Failed);
                // Without a context a current cell is not opened at all.
                let opened = !failed && (!current || context.is_some());
                match opened {
                    true => {
                        Used::enter(&mut used, handle, version, Some(target).filter(|_| !current), view.now)
                    }
                    false if failed => {
                        Misses::missed(&mut first, handle, version.reference());
                    }
                    false => {}
                }
                outcome = Some(fate);
                Ok(())
            },
            |_| Ok(()),
        );
        misses.first = first;
        reached.map_err(|error| used.iter().fold(error, |error, one| one.key.refuse(&wish, error)))?;
        let (old, size) = (cell.offset, cell.bytes.len());
        match outcome {
            None => plan.report.cells_skipped += 1,
            Some(Outcome::Failed) => {
                misses.tried = true;
                plan.report.cells_skipped += 1;
            }
            Some(Outcome::Current) => plan.report.cells_current += 1,
            Some(Outcome::Twin { of_head }) => {
                plan.report.cells_freed += 1;
                // First, for the free cell that it makes.
                let place = if of_head { 0 } else { plan.steps.len() };
                plan.steps.insert(place, Step { old, size, new: None });
            }
            Some(Outcome::New(new)) => {
                plan.report.cells_rewrapped += 1;
                plan.steps.push(Step { old, size, new: Some(new) });
            }
        }
    }
    let Rewrapped { cells_rewrapped, cells_current, cells_freed, .. } = plan.report;
    match cells_rewrapped + cells_current + cells_freed {
        0 => Err(misses.answer(allowed, &wish, head)),
        _ => {
            Used::settle(&used, (&wish, &to), None)?;
            Ok(plan)
        }
    }
}

/// A key that a rewrap opened cells of: one use of it, and one more where it wrapped too, however many cells there were.
struct Used {
    key: Key,
    from: (Served, Arc<VersionUsage>),
    to: Option<(Served, Arc<VersionUsage>)>,
    now: u64,
}

impl Used {
    fn enter(used: &mut Vec<Used>, key: &Key, version: &Version, target: Option<&Version>, now: u64) {
        let told = |version: &Version| (version.reference(), version.usage.clone());
        let at = used.iter().position(|other| other.key.id() == key.id()).unwrap_or_else(|| {
            used.push(Used { key: key.clone(), from: told(version), to: None, now });
            used.len() - 1
        });
        if used[at].to.is_none() {
            used[at].to = target.map(told);
        }
    }

    /// Settles all uses as one. `wishes`: of a key that was opened with, and of one that was wrapped under.
    fn settle(used: &[Used], wishes: (&Wish<'_>, &Wish<'_>), before: Option<&Made<'_>>) -> Settled {
        let Some((one, others)) = used.split_first() else {
            return before.map_or(Ok(()), Made::settle);
        };
        let from = Made::later(&one.key, wishes.0, one.from.0, &one.from.1, one.now).with(before);
        match &one.to {
            None => Used::settle(others, wishes, Some(&from)),
            Some((served, usage)) => {
                let to = Made::later(&one.key, wishes.1, *served, usage, one.now).with(Some(&from));
                Used::settle(others, wishes, Some(&to))
            }
        }
    }
}

/// What looking at cells needs.
struct Work<'a, 'h> {
    lane: &'a mut Lane,
    head: &'a Head<'h>,
    context: Option<&'a Context<'a>>,
    dek: AnyDek,
    other: AnyDek,
}

impl Work<'_, '_> {
    /// What is to become of one cell of a key whose current version is `target`.
    fn fate(
        &mut self,
        cell: &Cell<'_>,
        key: &KeyCell<'_>,
        version: &Version,
        target: &Version,
        steps: &[Step],
    ) -> Result<Outcome> {
        let current = names(key, target);
        if current && self.context.is_none() {
            return Ok(Outcome::Current);
        }
        let Work { lane, head, context, dek, .. } = self;
        if !unwrap(lane, head, cell, key, version, dek.room())
            || context.is_some_and(|context| !commits(head.kind, dek.expose(), &head.fixed, context))
        {
            return Ok(Outcome::Failed);
        }
        if current {
            return Ok(Outcome::Current);
        }
        if self.head.cells().any(|cell| self.same(&cell, target)) {
            return Ok(Outcome::Twin { of_head: true });
        }
        if steps.iter().filter_map(made).any(|cell| self.same(&cell, target)) {
            return Ok(Outcome::Twin { of_head: false });
        }
        let new = wrap(self.lane, self.head, target, self.dek.expose())?;
        // A wrap that does not open must never replace one that does; and lengths never change (FORMAT.md 3.3).
        match new.len() == cell.bytes.len() && self.same(&Cell { offset: usize::MAX, bytes: &new }, target) {
            true => Ok(Outcome::New(new)),
            false => Err(Error::Internal { what: "a new cell does not open" }),
        }
    }

    /// Whether a cell is of the target version and opens to the DEK at hand.
    fn same(&mut self, cell: &Cell<'_>, target: &Version) -> bool {
        let Work { lane, head, dek, other, .. } = self;
        cell.key().is_some_and(|key| {
            names(&key, target)
                && unwrap(lane, head, cell, &key, target, other.room())
                && ct_eq(dek.expose(), other.expose())
        })
    }
}

fn names(cell: &KeyCell<'_>, version: &Version) -> bool {
    (cell.key_id(), cell.version(), cell.material_id())
        == (version.key_id, version.version, version.material_id)
}

/// A cell that a step makes, as one that is not the first: its AAD is put together.
fn made(step: &Step) -> Option<Cell<'_>> {
    step.new.as_ref().map(|bytes| Cell { offset: usize::MAX, bytes })
}

/// A new cell for a head.
fn wrap(lane: &mut Lane, head: &Head<'_>, target: &Version, dek: &[u8]) -> Result<Vec<u8>> {
    if target.sealing().is_ok() {
        let recipient = Recipient::of_version(target)?;
        let mut cell = vec![0; recipient.cell_size(dek.len())];
        recipient.write_cell(lane, head.whole_fixed(), dek, &mut cell)?;
        return Ok(cell);
    }
    let size = WRAPPED_AT + dek.len() + TAG;
    let mut cell = vec![0; size];
    write_named(&mut cell, size, target.key_id, target.version, target.material_id);
    let (named, rest) = cell.split_at_mut(super::cells::NAMED);
    let aad = [head.whole_fixed(), named].concat();
    let (nonce, wrapped) = rest.split_at_mut(WRAPPED_AT - named.len());
    let nonce =
        nonce.first_chunk_mut().ok_or(Error::Internal { what: "a cell without room for its nonce" })?;
    target.kek()?.wrap(lane, &aad, dek, nonce, wrapped)?;
    Ok(cell)
}
