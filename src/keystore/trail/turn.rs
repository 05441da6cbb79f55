//! Whose turn it is to write, and what becomes of an event that a call waits for.
//!
//! Who waits for an event sleeps until a turn ends, and not for the turn itself: a thread whose event went with another's
//! transaction goes on at once, and of those whose event did not, one has the next turn and writes for all.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::waiting::Register;
use crate::error::{Error, Result};
use crate::sync::{Bell, ForkGuard, ForkLock, thread_index};

/// No thread waits longer for others to come along.
const LONGEST: Duration = Duration::from_millis(1);

/// What became of an event: asked by the one call that may not go on without it.
pub(super) struct Ticket {
    outcome: AtomicU8,
    /// Whose it is: see [`thread_index`].
    thread: usize,
}

impl Ticket {
    pub(super) fn new() -> Ticket {
        Ticket { outcome: AtomicU8::new(0), thread: thread_index() }
    }

    pub(super) fn done(&self, well: bool) {
        self.outcome.store(if well { 1 } else { 2 }, Ordering::Release);
    }

    /// None while it waits.
    pub(super) fn outcome(&self) -> Option<bool> {
        match self.outcome.load(Ordering::Acquire) {
            0 => None,
            outcome => Some(outcome == 1),
        }
    }

    pub(super) fn thread(&self) -> usize {
        self.thread
    }
}

/// The outcome of a ticket as a call answers it.
pub(super) fn answered(well: bool) -> Result<()> {
    match well {
        true => Ok(()),
        false => Err(Error::TrailUnavailable { reason: "its event could not be written".into() }),
    }
}

/// The turn of a register, held over the transaction, so always taken before one; the fork handlers take it before they
/// wait for any store's transaction.
#[derive(Default)]
pub(super) struct Turns {
    last: ForkLock<Last>,
    ended: Bell,
}

/// The last transaction.
#[derive(Default)]
pub(super) struct Last {
    /// Threads that waited for it.
    pub(super) threads: Vec<usize>,
    pub(super) took: Duration,
}

/// The right to write. Dropping it wakes those who wait for an event.
pub(super) struct Turn<'a> {
    pub(super) last: ForkGuard<'a, Last>,
    // Dropped after the guard.
    _end: End<'a>,
}

struct End<'a>(&'a Bell);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl Turns {
    /// Waits for the turn.
    pub(super) fn wait(&self) -> Turn<'_> {
        self.begun(self.last.lock())
    }

    /// The turn, if nobody has it.
    pub(super) fn try_now(&self) -> Option<Turn<'_>> {
        self.last.try_lock().map(|last| self.begun(last))
    }

    fn begun<'a>(&'a self, last: ForkGuard<'a, Last>) -> Turn<'a> {
        Turn { last, _end: End(&self.ended) }
    }

    /// The turn, or the ticket's outcome, whichever comes first.
    pub(super) fn wait_or(&self, ticket: &Ticket) -> std::result::Result<Turn<'_>, bool> {
        loop {
            let heard = self.ended.heard();
            if let Some(outcome) = ticket.outcome() {
                return Err(outcome);
            }
            match self.try_now() {
                // It may have been answered between the two looks.
                Some(turn) => return ticket.outcome().map_or(Ok(turn), Err),
                None => self.ended.wait(heard),
            }
        }
    }

    pub(super) fn keep_across_fork(&self) {
        self.last.lock().keep_across_fork();
    }

    pub(super) fn resume(&self) {
        drop(self.last.resume());
        self.ended.ring();
    }
}

impl Turn<'_> {
    /// Waits for events of the threads that the last transaction was for, half as long as that took: they are mostly back
    /// by then, and one sync serves all.
    pub(super) fn gather(&self, register: &Register) {
        let until = Instant::now() + (self.last.took / 2).min(LONGEST);
        while !register.waits_for_all(&self.last.threads) && Instant::now() < until {
            std::thread::yield_now();
        }
    }
}
