use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::{hint, thread};

use rand_core::{TryCryptoRng, TryRng};

use super::cache::Cache;
use super::generator::{self, Generator, STEP};
use super::{AeadKey, self_test};
use crate::error::{Error, Result};
use crate::secret::{Pool, Taken, wipe, zero_valid};
use crate::sync::thread_index;

/// Ids of dropped Keks that can wait for a lane that is at work.
const NOTES: usize = 16;
/// Bytes of a draw that are put aside for the wrap of the same call: a prefix and a nonce's random part.
pub(super) const SPARE: usize = 20;

zero_valid! {
    /// One call's workbench: generator, ready wrapping contexts and scratch for secrets, in locked wipe-on-fork pages.
    /// A call takes one with a single compare-exchange; threads spread over lanes by `sync::thread_index`. All-zero
    /// memory is the valid empty state, so a forked child finds every lane free, unseeded and empty.
    pub(crate) struct Lane {
        /// Scratch for the call's own use, zero when a call begins; `with_lane` wipes it when the call is over.
        pub(crate) payload_key: [u8; 32],
        /// Scratch, as `payload_key`.
        pub(crate) payload: AeadKey,
        pub(super) generator: Generator,
        pub(super) cache: Cache,
        /// Bytes from the last draw of this call, for its wrap; zero and `spare_left` 0 between calls.
        spare: [u8; SPARE],
        spare_left: u64,
    }
}

zero_valid! {
    /// The part of a lane that other threads reach: which Keks to forget.
    struct Notes {
        forget: [AtomicU64; NOTES],
        forget_all: AtomicU64,
        any: AtomicU64,
    }
}

static LANES: Pool<Notes, Lane> = Pool::new();

impl Lane {
    /// Fresh random bytes from this lane's generator (FORMAT.md "Randomness"). Errors: RANDOM; `out` is then zero.
    /// No bytes asked for touch nothing.
    pub(crate) fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        #[cfg(test)]
        if let Some(result) = generator::script::take(out) {
            return result.inspect_err(|_| wipe(out));
        }
        if !generator::forks_are_seen() {
            self.generator.look_at_clocks();
            return generator::from_kernel(out);
        }
        let result = self.draw(out);
        if result.is_err() {
            wipe(out);
        }
        result
    }

    fn draw(&mut self, out: &mut [u8]) -> Result<()> {
        let Lane { generator, spare, spare_left, .. } = self;
        if out.len() <= STEP - SPARE {
            // One step serves a whole call: its DEK here, and the wrap's nonce from what is put aside. The spare
            // bytes are gone when the call is.
            generator.seeded()?.step([out, spare]);
            *spare_left = SPARE as u64;
            return Ok(());
        }
        for part in out.chunks_mut(STEP) {
            generator.seeded()?.step([part, &mut []]);
        }
        Ok(())
    }

    /// Random bytes for a nonce: from what this call's last draw put aside, else a draw of their own.
    pub(super) fn fill_nonce(&mut self, out: &mut [u8]) -> Result<()> {
        let left = self.spare_left as usize;
        if left < out.len() {
            return self.fill(out);
        }
        let from = SPARE - left;
        let taken = &mut self.spare[from..from + out.len()];
        out.copy_from_slice(taken);
        wipe(taken);
        self.spare_left -= out.len() as u64;
        Ok(())
    }

    /// Wipes what a call leaves behind.
    #[inline]
    fn tidy(&mut self) {
        wipe(&mut self.payload_key);
        self.payload.clear();
        if self.spare_left != 0 {
            wipe(&mut self.spare);
            self.spare_left = 0;
        }
    }
}

impl TryRng for Lane {
    type Error = Error;

    fn try_next_u32(&mut self) -> Result<u32> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<()> {
        self.fill(out)
    }
}

impl TryCryptoRng for Lane {}

/// Runs `f` with a lane; no allocation after the lane's first use. `f` may call `with_lane` again (a nested call
/// takes another lane), once deep.
#[inline]
pub(crate) fn with_lane<R>(f: impl FnOnce(&mut Lane) -> Result<R>) -> Result<R> {
    self_test()?;
    let mut held = Held(take()?);
    f(&mut held.0)
}

/// Fresh random bytes, outside a lane.
pub(crate) fn fill_random(out: &mut [u8]) -> Result<()> {
    with_lane(|lane| lane.fill(out))
}

/// Makes every lane of this process forget a Kek: those at rest at once. A lane at work wipes what it has of it when its
/// call ends, or, where it ended just as its note was left, when it is next taken. Ids are never used again, so no
/// look-up finds it meanwhile.
pub(super) fn forget(kek: u64) {
    for index in 0..LANES.high() {
        LANES.visit(index, |notes, try_take| {
            leave(notes, kek);
            // Taking the lane is what acts on the note; its holder does so too, on its way out.
            for round in 0..100 {
                if try_take().map(Held).is_some() || notes.any.load(Ordering::SeqCst) == 0 {
                    return;
                }
                if round > 90 { thread::yield_now() } else { hint::spin_loop() }
            }
        });
    }
}

fn leave(notes: &Notes, kek: u64) {
    let placed = notes
        .forget
        .iter()
        .any(|note| note.compare_exchange(0, kek, Ordering::SeqCst, Ordering::Relaxed).is_ok());
    if !placed {
        notes.forget_all.store(1, Ordering::SeqCst);
    }
    notes.any.store(1, Ordering::SeqCst);
}

/// A lane in use; tidied and let go when dropped, by a panic too.
struct Held(Taken<Notes, Lane>);

impl Held {
    fn heed_notes(&mut self) {
        if self.0.shared().any.load(Ordering::Relaxed) != 0 {
            self.act_on_notes();
        }
    }

    #[cold]
    fn act_on_notes(&mut self) {
        // Cleared first: a note left from here on sets it again.
        self.0.shared().any.store(0, Ordering::SeqCst);
        if self.0.shared().forget_all.swap(0, Ordering::SeqCst) != 0 {
            self.0.cache.forget_all();
        }
        for i in 0..NOTES {
            match self.0.shared().forget[i].swap(0, Ordering::SeqCst) {
                0 => {}
                kek => self.0.cache.forget(kek),
            }
        }
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_current() {
            self.0.tidy();
            self.heed_notes();
        }
    }
}

/// A free lane: the thread's own, else a neighbour, else after a short wait a new one, within bounds.
#[inline]
fn take() -> Result<Taken<Notes, Lane>> {
    let own = thread_index() & (width() - 1);
    match LANES.take(own)? {
        Some(lane) => Ok(lane),
        None => take_another(own),
    }
}

#[cold]
fn take_another(own: usize) -> Result<Taken<Notes, Lane>> {
    let width = width();
    let mut round = 0_usize;
    loop {
        // All of the first lanes; then, every few rounds that found none, one more beyond them. Lanes are held for
        // a call each, and a nested call needs a second one: the pool's own limit is far above both.
        let reach = (width + round / 8 * width).max(LANES.high());
        for i in 1..=reach {
            if let Some(lane) = LANES.take((own + i) % reach)? {
                return Ok(lane);
            }
        }
        round += 1;
        if round < 4 { hint::spin_loop() } else { thread::yield_now() }
    }
}

/// How many lanes threads spread over: two or more for each processor this process may run on, 4 to 64; a power of
/// two.
fn width() -> usize {
    static WIDTH: AtomicUsize = AtomicUsize::new(0);
    match WIDTH.load(Ordering::Relaxed) {
        0 => {
            let width = (2 * crate::sync::processors()).next_power_of_two().clamp(4, 64);
            WIDTH.store(width, Ordering::Relaxed);
            width
        }
        width => width,
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
pub(super) mod tests;
