//! The user-space generator of FORMAT.md "Randomness": ChaCha20 with fast key erasure, seeded by the kernel.

use std::sync::atomic::{AtomicU64, Ordering};

use chacha20::variants::Ietf;
use chacha20::{ChaChaCore, KeyIvInit, R20};
use rand_core::block::Generator as _;

use crate::error::{Error, Result};
use crate::secret::{wipe, wipe_words, zero_valid};
use crate::sync::{self, ForkDetection};

/// Fresh kernel bytes are mixed in after so many output bytes.
const RESEED_BYTES: u64 = 1 << 20;
/// … and after so many milliseconds.
const RESEED_MILLIS: u64 = 1_000;
/// The clocks are read when so many ticks have gone by since they were read last, or the counter went back: well
/// under a millisecond on every processor, and nothing on a busy lane.
const CLOCK_TICKS: u64 = 1 << 20;
/// Clocks that part by more than this many nanoseconds tell of a suspend, a clone or a step of the wall clock; less
/// is a scheduler's pause between two readings.
const CLOCK_JUMP: u64 = 50_000_000;

const WORDS: usize = 64;
const KEY_WORDS: usize = 8;
/// Bytes that one step gives.
pub(super) const STEP: usize = (WORDS - KEY_WORDS) * 4;

zero_valid! {
    /// A generator's state; all-zero is "not seeded". Only a [`Seeded`] one gives bytes.
    pub(super) struct Generator {
        key: [u8; 32],
        /// One step's keystream; zero between draws.
        block: [u32; WORDS],
        /// Nonzero once the key has come from the kernel.
        seeded: u64,
        /// Steps made since the memory was new; goes into every step's nonce.
        steps: u64,
        bytes_since_seed: u64,
        seeded_at: u64,
        clock_ticks: u64,
        clock_millis: u64,
        suspended: i64,
        wall: i64,
        /// [`ASKED`] as last seen.
        asked: u64,
        /// How many signs of a suspend, a clone or a clock step were seen.
        jumps: u64,
    }
}

/// How often the host said that the machine was restored or cloned; every generator takes that for a sign of it.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// Makes every generator of this process take fresh bytes from the kernel before its next output, and every wrapping
/// key a fresh nonce prefix.
pub(crate) fn reseed() {
    ASKED.fetch_add(1, Ordering::Relaxed);
}

/// Proof that the generator was seeded and its clocks looked at just now.
pub(super) struct Seeded<'a>(&'a mut Generator);

impl Generator {
    /// Seeds or reseeds if it is time to. Errors: RANDOM if the kernel gives no bytes; nothing is drawn then.
    #[inline]
    pub(super) fn seeded(&mut self) -> Result<Seeded<'_>> {
        if self.look_at_clocks() || self.seeded == 0 || self.bytes_since_seed >= RESEED_BYTES {
            self.reseed()?;
        }
        Ok(Seeded(self))
    }

    /// Reads the clocks if a moment has passed since; whether they call for a reseed.
    #[inline]
    pub(super) fn look_at_clocks(&mut self) -> bool {
        let due = sync::ticks().wrapping_sub(self.clock_ticks) > CLOCK_TICKS
            || ASKED.load(Ordering::Relaxed) != self.asked;
        due && self.clocks_say_reseed()
    }

    /// Coarse milliseconds as last read: at most a moment behind while the generator is in use.
    pub(super) fn millis(&self) -> u64 {
        self.clock_millis
    }

    /// A number that changes when the machine seems to have been suspended or cloned, or its clock stepped.
    pub(super) fn jumps(&self) -> u64 {
        self.jumps
    }

    #[cold]
    fn clocks_say_reseed(&mut self) -> bool {
        self.clock_ticks = sync::ticks();
        self.clock_millis = sync::coarse_millis();
        let ahead = sync::clocks_ahead();
        let asked = ASKED.load(Ordering::Relaxed);
        let jumped = asked != self.asked
            || ahead.boottime.abs_diff(self.suspended) > CLOCK_JUMP
            || ahead.realtime.abs_diff(self.wall) > CLOCK_JUMP;
        // Seen to fail without `asked`: tests/c/allocations.c, a_reseed_reaches_the_next_draw.
        (self.suspended, self.wall, self.asked) = (ahead.boottime, ahead.realtime, asked);
        if jumped {
            self.jumps += 1;
        }
        jumped || self.clock_millis.wrapping_sub(self.seeded_at) >= RESEED_MILLIS
    }

    #[cold]
    fn reseed(&mut self) -> Result<()> {
        self.seeded = 0;
        let mut fresh = [0; 32];
        let result = entropy(&mut fresh);
        if result.is_ok() {
            for (key, fresh) in self.key.iter_mut().zip(fresh) {
                *key ^= fresh;
            }
            self.clock_millis = sync::coarse_millis();
            self.seeded_at = self.clock_millis;
            self.bytes_since_seed = 0;
            self.seeded = 1;
        }
        wipe(&mut fresh);
        result
    }
}

impl Seeded<'_> {
    /// One step: the key is replaced, and up to [`STEP`] bytes go to the outputs in turn. Nothing of the step's
    /// keystream stays behind.
    #[inline]
    pub(super) fn step(&mut self, outs: [&mut [u8]; 2]) {
        let state = &mut *self.0;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&sync::ticks().to_le_bytes());
        nonce[8..].copy_from_slice(&(state.steps as u32).to_le_bytes());
        state.steps = state.steps.wrapping_add(1);
        {
            let mut core = ChaChaCore::<R20, Ietf>::new((&state.key).into(), (&nonce).into());
            core.generate(&mut state.block);
        }
        let (key, mut rest) = state.block.split_at(KEY_WORDS);
        for (bytes, word) in state.key.as_chunks_mut::<4>().0.iter_mut().zip(key) {
            *bytes = word.to_le_bytes();
        }
        for out in outs {
            state.bytes_since_seed += out.len() as u64;
            let (whole, tail) = out.as_chunks_mut::<4>();
            let (words, after) = rest.split_at(whole.len());
            for (bytes, word) in whole.iter_mut().zip(words) {
                *bytes = word.to_le_bytes();
            }
            rest = after;
            if !tail.is_empty() {
                tail.copy_from_slice(&rest[0].to_le_bytes()[..tail.len()]);
                rest = &rest[1..];
            }
        }
        wipe_words(&mut state.block);
    }
}

/// Fills `out` from the kernel: all of it or an error. There is no other source and no second try.
fn entropy(out: &mut [u8]) -> Result<()> {
    #[cfg(test)]
    if let Some(result) = script::entropy(out) {
        return result;
    }
    crate::sync::kernel_random(out).then_some(()).ok_or(Error::Random)
}

/// Fills `out` straight from the kernel, for processes that cannot be sure to notice a fork.
#[cold]
pub(super) fn from_kernel(out: &mut [u8]) -> Result<()> {
    out.chunks_mut(256).try_for_each(entropy).inspect_err(|_| wipe(out))
}

/// Whether this process surely notices a fork.
pub(super) fn forks_are_seen() -> bool {
    sync::fork_detection() == ForkDetection::WipedPage
}

/// Randomness laid down in advance, for tests that reproduce vectors or make the kernel fail.
#[cfg(test)]
pub(crate) mod script {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use crate::error::{Error, Result};

    thread_local! {
        static BYTES: RefCell<VecDeque<u8>> = const { RefCell::new(VecDeque::new()) };
        static ENTROPY: RefCell<VecDeque<Option<Vec<u8>>>> = const { RefCell::new(VecDeque::new()) };
    }

    /// What this thread's lanes give next, in the order of draws. While bytes are left, `Lane::fill` takes its
    /// output from them, and `Kek::wrap` takes its whole 24-byte nonce (after the draws before it). A draw that
    /// needs more than is left is an error (RANDOM).
    pub(crate) fn push(bytes: &[u8]) {
        BYTES.with_borrow_mut(|script| script.extend(bytes));
    }

    /// Forgets what is left, and tells how many bytes that was.
    pub(crate) fn clear() -> usize {
        ENTROPY.with_borrow_mut(VecDeque::clear);
        BYTES.with_borrow_mut(|script| script.drain(..).count())
    }

    /// What this thread's next asks for kernel entropy find: these bytes (fewer than asked for is an error), or
    /// with `None` a failing system call.
    pub(crate) fn push_entropy(answer: Option<&[u8]>) {
        ENTROPY.with_borrow_mut(|script| script.push_back(answer.map(<[u8]>::to_vec)));
    }

    pub(in crate::crypto) fn take(out: &mut [u8]) -> Option<Result<()>> {
        BYTES.with_borrow_mut(|script| {
            if script.is_empty() {
                return None;
            }
            if script.len() < out.len() {
                return Some(Err(Error::Random));
            }
            let len = out.len();
            for (byte, scripted) in out.iter_mut().zip(script.drain(..len)) {
                *byte = scripted;
            }
            Some(Ok(()))
        })
    }

    pub(in crate::crypto) fn entropy(out: &mut [u8]) -> Option<Result<()>> {
        let answer = ENTROPY.with_borrow_mut(VecDeque::pop_front)?;
        Some(match answer {
            Some(bytes) if bytes.len() == out.len() => {
                out.copy_from_slice(&bytes);
                Ok(())
            }
            _ => Err(Error::Random),
        })
    }
}

#[cfg(test)]
#[path = "generator_tests.rs"]
mod tests;
