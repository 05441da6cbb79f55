//! What becomes of a use that was permitted: charged to what limits it, told in the trail, counted. In this order, so
//! that nothing counts as done that was refused.

use super::access::Limits;
use super::grants::GrantId;
use super::handle::{Key, Wish};
use super::key_version::{Served, Version};
use super::usage::{Record, VersionUsage};
use super::{grants, trail};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::secret::OnFork;
use crate::sync::coarse_millis;
use std::sync::Arc;

/// What settling came to. An error in it has its events in the trail, one for each key.
pub(crate) type Settled = Result<()>;

/// A use of a key that is done, and not given out yet. Those of one call's other keys hang on it: they stand or fall
/// together.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    key: &'a Key,
    wish: &'a Wish<'a>,
    served: Served,
    usage: &'a Arc<VersionUsage>,
    /// Coarse milliseconds, as [`super::KeyView::now`].
    now: u64,
    before: Option<&'a Made<'a>>,
}

impl<'a> Made<'a> {
    /// The use of `version` that `wish` was for, in the view of its key, which has the time.
    #[inline]
    pub(crate) fn of(key: &'a Key, wish: &'a Wish<'a>, version: &'a Version, now: u64) -> Made<'a> {
        Made { key, wish, served: version.reference(), usage: &version.usage, now, before: None }
    }

    /// The same for one whose view is over.
    pub(crate) fn later(
        key: &'a Key,
        wish: &'a Wish<'a>,
        served: Served,
        usage: &'a Arc<VersionUsage>,
        now: u64,
    ) -> Made<'a> {
        Made { key, wish, served, usage, now, before: None }
    }

    /// Hangs it on what the call did before.
    #[inline]
    pub(crate) fn with(self, before: Option<&'a Made<'a>>) -> Made<'a> {
        Made { before, ..self }
    }

    /// What forked children find in secrets of this use.
    pub(crate) fn on_fork(&self) -> OnFork {
        self.key.store().on_fork()
    }

    fn all(&self) -> impl Iterator<Item = &Made<'a>> {
        std::iter::successors(Some(self), |made| made.before)
    }

    /// Settles this use and all that it hangs on: once, when the outcome of the whole call is known and before anything
    /// is given out. Only what this answers well is counted. May run in a view: a store may be called from there.
    ///
    /// # Errors
    /// ACCESS_DENIED, where a limit was reached; TRAIL_UNAVAILABLE, where a key permits no use without an event. Then
    /// nothing may be given out.
    #[inline]
    pub(crate) fn settle(&self) -> Settled {
        self.permit()?;
        for made in self.all() {
            made.usage.count(made.wish.operation, made.wish.bytes, made.now);
        }
        Ok(())
    }

    /// The same for uses that go on: their bytes are counted when they end ([`Going::end`]).
    ///
    /// # Errors
    /// As [`Made::settle`].
    #[cold]
    pub(crate) fn settle_going(&self, going: &mut Vec<Going>) -> Settled {
        self.permit()?;
        for made in self.all() {
            made.usage.count(made.wish.operation, 0, made.now);
            going.push(Going {
                key: made.key.clone(),
                operation: made.wish.operation,
                context: made.wish.context.map(|context| context.as_bytes().into()),
                told: made.wish.bytes,
                served: made.served,
                usage: made.usage.clone(),
            });
        }
        Ok(())
    }

    #[inline]
    fn permit(&self) -> Settled {
        if self.all().any(|made| made.served.record != Record::Counted || made.key.is_counted()) {
            self.settle_cold()?;
        }
        Ok(())
    }

    #[cold]
    fn settle_cold(&self) -> Settled {
        let mut charged = Vec::new();
        for made in self.all().filter(|made| made.key.is_counted()) {
            match made.key.charge(made.wish) {
                Ok(charge) => charged.push((made.key, charge)),
                Err(error) => return Err(self.refuse(None, &charged, error)),
            }
        }
        for made in self.all().filter(|made| made.served.record != Record::Counted) {
            let store = &made.key.store().inner;
            if let Err(error) = trail::used(store, made.key, made.wish, made.served, Ok(())) {
                // Its own event became that of the refusal, or a gap.
                return Err(self.refuse(Some(made), &charged, error));
            }
        }
        Ok(())
    }

    /// Gives back what the call took of limits, and has the events of its refusal, for all keys but one that has it.
    fn refuse(&self, told: Option<&Made<'_>>, charged: &[(&Key, Charge)], error: Error) -> Error {
        charged.iter().for_each(|(key, charge)| key.give_back(charge));
        for made in self.all() {
            made.key.give_back_reserved(made.wish, made.served.about.version);
        }
        for made in self.all().filter(|made| told.is_none_or(|told| !std::ptr::eq(*made, told))) {
            trail::use_refused(&made.key.store().inner, Some(made.key), made.wish, &error);
        }
        error
    }
}

/// A use that was settled when it began and goes on: a stream's.
pub(crate) struct Going {
    key: Key,
    operation: Operation,
    context: Option<Box<[u8]>>,
    /// Bytes that were known of then.
    told: u64,
    served: Served,
    usage: Arc<VersionUsage>,
}

impl Going {
    /// Counts its bytes, now that it is over.
    pub(crate) fn end(&self, bytes: u64) {
        self.usage.add_bytes(self.operation, bytes, coarse_millis());
        self.key.owe(self.operation, self.served.about.version, bytes.saturating_sub(self.told));
    }

    /// Has the event of a failure after its beginning, which is a failed use of the version that served it.
    pub(crate) fn failed(&self, bytes: u64, error: &Error) {
        let context = self.context.as_deref().map(Context::trusted);
        let wish = Wish { operation: self.operation, context, bytes };
        if let Error::Auth = error {
            self.key.note_failure();
        }
        // It was charged when it began, and what it gave out is out: no refusal could take that back.
        let _ = trail::used(&self.key.store().inner, &self.key, &wish, self.served, Err(error));
    }
}

impl Key {
    /// Says that a use that was permitted came to nothing: once for each key and call. `tried` is the version that was.
    ///
    /// # Errors
    /// ACCESS_DENIED, where even a failed use is one too many; it has its event then, in place of that of the failure.
    #[cold]
    pub(crate) fn settle_failed(&self, wish: &Wish<'_>, tried: Served, error: &Error) -> Result<()> {
        if let Error::Auth | Error::InvalidMac = error {
            self.note_failure();
        }
        if self.is_counted() {
            self.charge(wish).map(drop).map_err(|error| self.refuse(wish, error))?;
        }
        trail::used(&self.store().inner, self, wish, tried, Err(error))
    }

    /// Takes back a charge of a call that was refused for another reason.
    #[cold]
    fn give_back(&self, charge: &Charge) {
        if let Some(narrowed) = self.narrowed().filter(|_| charge.narrowed) {
            narrowed.give_back();
        }
        if let Some(grant) = charge.grant {
            // Where that cannot be written, a use is counted that was none: never the other way round.
            let _ = grants::give_back(&self.store().inner, self.id(), grant);
            self.unexhaust(grant);
        }
    }

    /// Counts one use against what limits this handle and the grant that permits it.
    #[cold]
    fn charge(&self, wish: &Wish<'_>) -> Result<Charge> {
        let (id, store) = (self.id(), &*self.store().inner);
        let granted = self.limits(wish);
        let spent = match self.narrowed() {
            Some(narrowed) => narrowed.spend(id, wish)?,
            None => false,
        };
        let grant = match granted {
            Limits::None => None,
            Limits::Of(limited) => grants::spend(store, id, wish, &limited, |grant| self.exhaust(grant))
                .inspect_err(|_| self.give_back(&Charge { narrowed: spent, grant: None }))?,
        };
        Ok(Charge { narrowed: spent, grant })
    }
}

/// What one use was counted against.
struct Charge {
    /// The handle's own number of uses.
    narrowed: bool,
    grant: Option<GrantId>,
}
