//! What SIGINT, SIGTERM and SIGHUP do: long work is asked to stop, and whatever else is under way ends as it
//! stands, with the terminal put right and no temporary file left.

use std::cell::UnsafeCell;
use std::ffi::{OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, Ordering};

use super::terminal;

/// Seconds that work which was asked to stop gets before the process ends under it: a reader that waits for a pipe
/// does not hear the question.
const PATIENCE: u32 = 2;

/// The signal that asked work to stop, or 0.
static CANCEL: AtomicU32 = AtomicU32::new(0);
/// How much work is under way that looks at `CANCEL`.
static PATIENT: AtomicU32 = AtomicU32::new(0);

/// The flag for `Work::cancel`.
pub(in crate::cli) fn cancel_flag() -> &'static AtomicU32 {
    &CANCEL
}

/// The signal that asked work to stop, if one did.
pub(in crate::cli) fn cancelled_by() -> Option<c_int> {
    c_int::try_from(CANCEL.load(Ordering::Acquire)).ok().filter(|signal| *signal != 0)
}

/// While this lives, a signal first asks: the work looks at [`cancel_flag`], ends, and tidies up by itself. A second
/// one, or two seconds, end the process as it stands.
pub(in crate::cli) struct Patience(());

impl Patience {
    pub(in crate::cli) fn new() -> Patience {
        PATIENT.fetch_add(1, Ordering::AcqRel);
        Patience(())
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        PATIENT.fetch_sub(1, Ordering::AcqRel);
    }
}

/// From here on SIGINT, SIGTERM and SIGHUP stop the process tidily. Signals that the caller ignores (nohup) stay
/// ignored. A file that becomes larger than the limit (SIGXFSZ) is an error like a full disk.
pub(in crate::cli) fn tidy_up_on_signals() {
    // SAFETY: SIG_IGN is a valid disposition.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGALRM] {
        // SAFETY: both actions are valid and zero is a valid sigaction; the handler makes async-signal-safe calls only.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &mut action) != 0
                || action.sa_sigaction == libc::SIG_IGN
            {
                continue;
            }
            action = std::mem::zeroed();
            action.sa_sigaction = on_signal as extern "C" fn(c_int) as libc::sighandler_t;
            // One handler at a time, and interrupted reads return, so that whoever reads can look at the flag.
            libc::sigfillset(&mut action.sa_mask);
            libc::sigaction(signal, &action, null_mut());
        }
    }
}

extern "C" fn on_signal(signal: c_int) {
    let asked = CANCEL.load(Ordering::Acquire);
    if signal != libc::SIGALRM && asked == 0 && PATIENT.load(Ordering::Acquire) > 0 {
        CANCEL.store(signal.unsigned_abs(), Ordering::Release);
        // SAFETY: async-signal-safe.
        unsafe { libc::alarm(PATIENCE) };
        return;
    }
    terminal::put_right();
    remove_temporaries();
    // An alarm speaks for the signal that set it.
    end_by(match (signal, c_int::try_from(asked)) {
        (libc::SIGALRM, Ok(first)) if first != 0 => first,
        _ => signal,
    });
}

/// Ends the process by this signal, as if nobody had caught it: shells see 130 for SIGINT, and know why.
pub(in crate::cli) fn end_by(signal: c_int) {
    // SAFETY: all three are async-signal-safe and their arguments valid. Called by the handler, the signal is
    // delivered as soon as it returns.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Keeps signals from a thread that this command starts; the first thread handles them.
pub(in crate::cli) fn block_in_this_thread() {
    // SAFETY: a full set is made in a valid place, and blocked for this thread alone.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, null_mut());
    }
}

const FREE: u8 = 0;
/// Being filled in.
const TAKEN: u8 = 1;
const READY: u8 = 2;
/// The handler has it, and nobody gets it back.
const GONE: u8 = 3;

/// A name in an open folder that the handler removes.
struct Slot {
    state: AtomicU8,
    folder: AtomicI32,
    name: UnsafeCell<[u8; 256]>,
}
// SAFETY: the name is written by whoever turned FREE into TAKEN, and read by the handler, after it turned READY into
// GONE; nobody writes it again then.
unsafe impl Sync for Slot {}

static SLOTS: [Slot; 96] = [const {
    Slot { state: AtomicU8::new(FREE), folder: AtomicI32::new(-1), name: UnsafeCell::new([0; 256]) }
}; 96];
/// The handler is at its last work: nobody makes a file any more.
static ENDING: AtomicBool = AtomicBool::new(false);

/// A name that is removed if a signal ends the process while this lives. The folder's descriptor has to outlive it.
pub(in crate::cli) struct Remembered(&'static Slot);

impl Remembered {
    /// None where nothing is free, or the name too long for any file system.
    pub(in crate::cli) fn new(folder: c_int, name: &OsStr) -> Option<Remembered> {
        let name = name.as_bytes();
        if name.len() >= 256 {
            return None;
        }
        let slot = SLOTS.iter().find(|slot| {
            slot.state.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        })?;
        slot.folder.store(folder, Ordering::Relaxed);
        // SAFETY: this thread has made it TAKEN, so nobody else reads or writes the name.
        let room = unsafe { &mut *slot.name.get() };
        room[..name.len()].copy_from_slice(name);
        room[name.len()] = 0;
        slot.state.store(READY, Ordering::SeqCst);
        while ENDING.load(Ordering::SeqCst) {
            // The process ends in a moment; a file that is made now would stay.
            std::thread::park();
        }
        Some(Remembered(slot))
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        // The handler may have it: it stays as it is then.
        let _ = self.0.state.compare_exchange(READY, FREE, Ordering::AcqRel, Ordering::Relaxed);
    }
}

fn remove_temporaries() {
    ENDING.store(true, Ordering::SeqCst);
    for slot in &SLOTS {
        if slot.state.compare_exchange(READY, GONE, Ordering::SeqCst, Ordering::Relaxed).is_ok() {
            // SAFETY: a NUL-terminated name that nobody writes any more. unlinkat is async-signal-safe.
            unsafe {
                libc::unlinkat(slot.folder.load(Ordering::Relaxed), slot.name.get().cast::<c_char>(), 0)
            };
        }
    }
}
