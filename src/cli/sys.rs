//! The few system calls that the standard library has no safe form of: reading a descriptor by its number, a
//! terminal's echo, and leaving nothing behind when a signal ends the process.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::{CString, c_char, c_int};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// `read(2)` on a descriptor that the caller of the command opened for us.
pub(super) fn read_fd(fd: i32, out: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `out` is valid for `out.len()` writes; the kernel checks the descriptor.
    let n = unsafe { libc::read(fd, out.as_mut_ptr().cast(), out.len()) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// A terminal that shows nothing of what is typed, until this is dropped or a signal ends the process.
pub(super) struct EchoOff<'a> {
    terminal: &'a File,
}

struct Saved(UnsafeCell<MaybeUninit<libc::termios>>);
// SAFETY: written only while `TERMINAL` is -1 by the one thread that prompts, read only after that thread has
// stored a descriptor in it with Release.
unsafe impl Sync for Saved {}

/// The terminal whose settings the signal handler puts back, or -1.
static TERMINAL: AtomicI32 = AtomicI32::new(-1);
static SAVED: Saved = Saved(UnsafeCell::new(MaybeUninit::uninit()));

/// The files that the signal handler removes: an output and a second one.
static TEMPORARY: [AtomicPtr<c_char>; 2] = [AtomicPtr::new(null_mut()), AtomicPtr::new(null_mut())];

impl<'a> EchoOff<'a> {
    pub(super) fn new(terminal: &'a File) -> io::Result<EchoOff<'a>> {
        let fd = terminal.as_raw_fd();
        let mut settings = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: `settings` is valid for one termios, which tcgetattr fills when it returns 0.
        let mut settings = unsafe {
            if libc::tcgetattr(fd, settings.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            settings.assume_init()
        };
        // SAFETY: prompts follow each other on one thread, and TERMINAL is -1 between them, so nobody reads SAVED now.
        unsafe { (*SAVED.0.get()).write(settings) };
        TERMINAL.store(fd, Ordering::Release);
        settings.c_lflag &= !(libc::ECHO | libc::ECHONL);
        settings.c_lflag |= libc::ICANON | libc::ISIG;
        // SAFETY: a valid descriptor and termios. TCSAFLUSH drops what was typed before the prompt stood there.
        match unsafe { libc::tcsetattr(fd, libc::TCSAFLUSH, &settings) } {
            0 => Ok(EchoOff { terminal }),
            _ => {
                let error = io::Error::last_os_error();
                TERMINAL.store(-1, Ordering::Release);
                Err(error)
            }
        }
    }
}

impl Drop for EchoOff<'_> {
    fn drop(&mut self) {
        restore(self.terminal.as_raw_fd());
        TERMINAL.store(-1, Ordering::Release);
    }
}

fn restore(fd: c_int) {
    // SAFETY: called only while TERMINAL holds `fd`, so SAVED is initialised. tcsetattr is async-signal-safe (POSIX).
    unsafe { libc::tcsetattr(fd, libc::TCSANOW, (*SAVED.0.get()).as_ptr()) };
}

/// Has the file at `path` removed if a signal ends the process. The slot to give to [`forget_temporary`].
pub(super) fn remember_temporary(path: &Path) -> Option<usize> {
    let name = CString::new(path.as_os_str().as_bytes()).ok()?.into_raw();
    let free = TEMPORARY.iter().position(|slot| {
        slot.compare_exchange(null_mut(), name, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    });
    if free.is_none() {
        // SAFETY: made by into_raw above and stored nowhere.
        drop(unsafe { CString::from_raw(name) });
    }
    free
}

pub(super) fn forget_temporary(slot: usize) {
    let name = TEMPORARY[slot].swap(null_mut(), Ordering::AcqRel);
    if !name.is_null() {
        // SAFETY: made by into_raw in `remember_temporary`; the swap took it out, so nobody else frees it. A handler
        // that runs later finds NULL.
        drop(unsafe { CString::from_raw(name) });
    }
}

/// From here on SIGINT, SIGTERM and SIGHUP put the terminal right, remove temporary files, and then end the process
/// as they would have. Signals that the caller ignores (nohup) stay ignored.
pub(super) fn tidy_up_on_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: both actions are valid and zero is a valid sigaction; the handler makes async-signal-safe calls
        // only. SA_RESETHAND makes the handler's own raise() deadly.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &mut action) != 0
                || action.sa_sigaction == libc::SIG_IGN
            {
                continue;
            }
            action = std::mem::zeroed();
            action.sa_sigaction = on_signal as extern "C" fn(c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_RESETHAND;
            libc::sigaction(signal, &action, null_mut());
        }
    }
}

extern "C" fn on_signal(signal: c_int) {
    let terminal = TERMINAL.load(Ordering::Acquire);
    if terminal >= 0 {
        restore(terminal);
        // SAFETY: one byte from a static; write is async-signal-safe.
        unsafe { libc::write(terminal, b"\n".as_ptr().cast(), 1) };
    }
    for slot in &TEMPORARY {
        let name = slot.load(Ordering::Acquire);
        if !name.is_null() {
            // SAFETY: a NUL-terminated name that `forget_temporary` frees only after taking it out; it runs on the
            // thread that this handler interrupts. unlink is async-signal-safe.
            unsafe { libc::unlink(name) };
        }
    }
    // SAFETY: async-signal-safe; delivered with the default action as soon as this handler returns.
    unsafe { libc::raise(signal) };
}
