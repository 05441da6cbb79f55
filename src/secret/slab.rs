//! Slots of secret memory, in runs of one size class each.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::OnFork;
use super::pages::{Area, push, relock, walk};
use super::wipe::wipe_raw;
use crate::error::{Error, Result};
use crate::sync::fork_id;

/// Usable bytes of the size classes. A slot has its canary behind them.
const CLASSES: [usize; 8] = [32, 64, 128, 256, 512, 1024, 2048, 4096];
const CANARY: usize = size_of::<u64>();
/// Bytes of the first run of a class; each next one is twice as long, up to `LARGEST_RUN`.
const FIRST_RUN: usize = 16 << 10;
const LARGEST_RUN: usize = 512 << 10;

/// The runs of each class, those wiped on fork first.
static RUNS: [AtomicPtr<Area>; 2 * CLASSES.len()] =
    [const { AtomicPtr::new(ptr::null_mut()) }; 2 * CLASSES.len()];

/// One slot, zero when new; wiped and given back when dropped.
pub(super) struct Slot {
    at: NonNull<u8>,
    run: &'static Area,
    /// The fork id of the process that made it.
    born_in: u64,
}

// SAFETY: a Slot owns its bytes alone (its bit in the run's map is set until drop); `&self` only reads them.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

impl Slot {
    /// A slot of at least `len` bytes (1 to 4,096).
    pub(super) fn new(len: usize, on_fork: OnFork) -> Result<Slot> {
        relock();
        let class = CLASSES
            .iter()
            .position(|size| len <= *size)
            .ok_or(Error::Internal { what: "a secret over the largest size class" })?;
        let runs = &RUNS[class + CLASSES.len() * usize::from(on_fork == OnFork::Inherit)];
        loop {
            if let Some(slot) = walk(runs, |run| &run.next_of_class).find_map(claim) {
                return Ok(slot);
            }
            grow(runs, class, on_fork)?;
        }
    }

    fn len(&self) -> usize {
        self.run.stride - CANARY
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the slot is this value's alone and `len` bytes long; the run is never unmapped.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.len()) }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` makes it the only borrow.
        unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr(), self.len()) }
    }

    pub(super) fn as_array(&self) -> &[u8; 32] {
        // SAFETY: every class has at least 32 bytes; bytes have no alignment.
        unsafe { &*self.at.as_ptr().cast() }
    }

    pub(super) fn as_array_mut(&mut self) -> &mut [u8; 32] {
        // SAFETY: as in `as_array`, and `&mut self` makes it the only borrow.
        unsafe { &mut *self.at.as_ptr().cast() }
    }

    pub(super) fn lost_to_fork(&self) -> bool {
        self.run.on_fork == OnFork::Wipe && self.born_in != fork_id()
    }

    fn canary_at(&self) -> *mut u64 {
        // SAFETY: the canary lies behind the usable bytes, within the slot; strides and sizes are multiples of 8.
        unsafe { self.at.as_ptr().add(self.len()).cast() }
    }

    fn canary(&self) -> u64 {
        canary_word() ^ self.at.as_ptr() as u64 | 1
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: within the slot, aligned (see `canary_at`).
        let found = unsafe { self.canary_at().read() };
        if found != self.canary() && !(found == 0 && self.lost_to_fork()) {
            die("keyfold: secret memory was overrun; stopping before damaged keys are used\n");
        }
        // SAFETY: the slot is ours until its bit is cleared below.
        unsafe { wipe_raw(self.at.as_ptr(), self.run.stride) };
        let index = (self.at.as_ptr() as usize - self.run.data.as_ptr() as usize) / self.run.stride;
        self.run.taken[index / 64].fetch_and(!(1 << (index % 64)), Ordering::Release);
        self.run.used.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A free slot of `run`, if it has one.
fn claim(run: &'static Area) -> Option<Slot> {
    if run.used.load(Ordering::Relaxed) >= run.slots {
        return None;
    }
    for (w, word) in run.taken[..run.slots.div_ceil(64) as usize].iter().enumerate() {
        loop {
            let bit = word.load(Ordering::Relaxed).trailing_ones();
            let index = w * 64 + bit as usize;
            if bit == 64 || index >= run.slots as usize {
                break;
            }
            if word.fetch_or(1 << bit, Ordering::Acquire) & (1 << bit) != 0 {
                continue;
            }
            run.used.fetch_add(1, Ordering::Relaxed);
            // SAFETY: `index < slots`, so the slot lies within the run's data.
            let at = unsafe { run.data.add(index * run.stride) };
            let slot = Slot { at, run, born_in: fork_id() };
            // SAFETY: the bit was clear and is now set by us alone, so the slot is ours; aligned (`canary_at`).
            unsafe { slot.canary_at().write(slot.canary()) };
            return Some(slot);
        }
    }
    None
}

/// Adds a run. Where the system does not lock a long one, a short one is tried, and then taken unlocked: the
/// protection status counts it.
fn grow(runs: &AtomicPtr<Area>, class: usize, on_fork: OnFork) -> Result<()> {
    let count = walk(runs, |run| &run.next_of_class).count().min(16);
    let wanted = (FIRST_RUN << count).min(LARGEST_RUN);
    let stride = CLASSES[class] + CANARY;
    for (len, must_lock) in [(wanted, true), (FIRST_RUN, true), (wanted, false)] {
        if let Some(run) = Area::map(len, on_fork, stride, must_lock)? {
            push(runs, run, |run| &run.next_of_class);
            return Ok(());
        }
    }
    Err(Error::OutOfMemory { locked: true })
}

/// Sixteen random bytes lie ready for every process; the canaries are as secret as those are.
fn canary_word() -> u64 {
    // SAFETY: AT_RANDOM, where present, is the address of 16 bytes that live as long as the process.
    unsafe {
        let random = libc::getauxval(libc::AT_RANDOM) as *const u64;
        if random.is_null() { 0x5bf0_3635_d8a1_9e4c } else { random.read_unaligned() }
    }
}

/// Ends the process: what overran a slot may have written anywhere, and nothing that is held can be trusted.
#[cold]
fn die(message: &str) -> ! {
    // SAFETY: writes a constant to standard error and ends the process.
    unsafe {
        libc::write(2, message.as_ptr().cast(), message.len());
        libc::abort()
    }
}
