//! A terminal that shows nothing of what is typed.

use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};

/// A terminal that shows nothing of what is typed, until this is dropped or a signal ends the process.
pub(in crate::cli) struct EchoOff<'a> {
    terminal: &'a File,
}

struct Saved(UnsafeCell<MaybeUninit<libc::termios>>);
// SAFETY: written only while `TERMINAL` is -1 by the one thread that prompts, read only after that thread has
// stored a descriptor in it with Release.
unsafe impl Sync for Saved {}

/// The terminal whose settings the signal handler puts back, or -1.
static TERMINAL: AtomicI32 = AtomicI32::new(-1);
static SAVED: Saved = Saved(UnsafeCell::new(MaybeUninit::uninit()));

impl<'a> EchoOff<'a> {
    pub(in crate::cli) fn new(terminal: &'a File) -> io::Result<EchoOff<'a>> {
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

/// For the signal handler: puts back what a prompt took, if there is one. Async-signal-safe.
pub(super) fn put_right() {
    let terminal = TERMINAL.load(Ordering::Acquire);
    if terminal >= 0 {
        restore(terminal);
        // SAFETY: one byte from a static; write is async-signal-safe.
        unsafe { libc::write(terminal, b"\n".as_ptr().cast(), 1) };
    }
}

fn restore(fd: c_int) {
    // SAFETY: called only while TERMINAL holds `fd`, so SAVED is initialised. tcsetattr is async-signal-safe (POSIX).
    unsafe { libc::tcsetattr(fd, libc::TCSANOW, (*SAVED.0.get()).as_ptr()) };
}
