//! What stands around every exported function: the self-test, panics, and the detail of the last error.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::types::KEYFOLD_ERROR_SIZE;
use crate::crypto;
use crate::error::{Error, Result, Status};

/// Runs the body of an exported function: clears the last error, sees that the self-test has passed, and turns
/// errors and panics into statuses.
pub(super) fn guard(body: impl FnOnce() -> Result<()>) -> Status {
    clear_last_error();
    caught(|| crypto::self_test().and_then(|()| body()))
}

/// As [`guard`], for calls that clean up: works whatever the self-test said, and when it succeeds it leaves the last
/// error alone, so that callers may clean up before they report.
pub(super) fn close(body: impl FnOnce() -> Result<()>) -> Status {
    caught(body)
}

fn caught(body: impl FnOnce() -> Result<()>) -> Status {
    panics::keep_quiet();
    let _inside = panics::Inside::enter();
    // Unwind safety: bodies share only handles' objects, whose rooms keep their own invariants, and outputs, which
    // are wiped while the panic passes them.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "failpoints")]
        super::failpoint::maybe_panic();
        body()
    }));
    match ended {
        Ok(Ok(())) => Status::Ok,
        Ok(Err(error)) => keep(&error),
        // The hook has written the detail already.
        Err(_) => Status::Internal,
    }
}

/// What a panic does inside a call: nothing is printed, since standard streams are the host's; the place is kept as
/// the call's detail.
mod panics {
    use std::cell::Cell;
    use std::fmt::Write as _;
    use std::panic;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::LAST;

    thread_local! {
        static INSIDE: Cell<bool> = const { Cell::new(false) };
    }

    /// Lasts as long as this thread is inside a call; knows whether that is within another (a callback may call).
    pub(super) struct Inside(bool);

    impl Inside {
        pub(super) fn enter() -> Inside {
            Inside(INSIDE.replace(true))
        }
    }

    impl Drop for Inside {
        fn drop(&mut self) {
            INSIDE.set(self.0);
        }
    }

    /// Puts a hook before the one there is; panics outside our calls (a Rust program may share the hook) go on to
    /// that one. Done by the first call; no lock that a fork could leave held.
    #[inline]
    pub(super) fn keep_quiet() {
        static DONE: AtomicBool = AtomicBool::new(false);
        if !DONE.load(Ordering::Relaxed) && !DONE.swap(true, Ordering::Relaxed) {
            put_hook();
        }
    }

    #[cold]
    fn put_hook() {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| if INSIDE.get() { keep_place(info) } else { before(info) }));
    }

    /// File and line only: a message may have been formatted from data.
    fn keep_place(info: &panic::PanicHookInfo<'_>) {
        LAST.with(|last| {
            let Ok(mut last) = last.try_borrow_mut() else { return };
            last.len = 0;
            // `write_str` never fails.
            _ = last.write_str("internal error: panic");
            if let Some(place) = info.location() {
                let file = place.file().rsplit('/').next().unwrap_or_default();
                _ = write!(last, " at {file}:{}", place.line());
            }
            _ = last.write_str("; please report it");
        });
    }
}

/// The detail, in a fixed place: an error path that cannot allocate cannot fail.
struct Detail {
    len: usize,
    text: [u8; KEYFOLD_ERROR_SIZE as usize - 1],
}

thread_local! {
    // No destructor: it outlives whatever else a thread tears down.
    static LAST: RefCell<Detail> = const { RefCell::new(Detail { len: 0, text: [0; _] }) };
}
const _: () = assert!(!std::mem::needs_drop::<RefCell<Detail>>());

fn clear_last_error() {
    LAST.with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            last.len = 0;
        }
    });
}

fn keep(error: &Error) -> Status {
    let status = error.status();
    LAST.with(|last| {
        let Ok(mut last) = last.try_borrow_mut() else { return };
        last.len = 0;
        // Cut where it does not fit; `write_str` never fails.
        _ = write!(last, "{error}");
        // Errors that do not say what to do get the status's own advice.
        if !last.text[..last.len].contains(&b';')
            && let Some((_, advice)) = status.text().split_once("; ")
        {
            _ = write!(last, "; {advice}");
        }
    });
    status
}

impl fmt::Write for Detail {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            // Names come from callers: what would move a terminal's cursor becomes visible.
            let c = if c.is_control() { '\u{fffd}' } else { c };
            let Some(place) = self.text.get_mut(self.len..self.len + c.len_utf8()) else { break };
            c.encode_utf8(place);
            self.len += c.len_utf8();
        }
        Ok(())
    }
}

/// See [`super::library::keyfold_last_error`].
pub(super) unsafe fn copy_last_error(out: *mut u8, out_cap: usize, out_len: *mut usize) -> Status {
    if out.is_null() && out_cap > 0 {
        return Status::NullArgument;
    }
    LAST.with(|last| {
        let Ok(last) = last.try_borrow() else { return };
        let whole = std::str::from_utf8(&last.text[..last.len]).unwrap_or_default();
        if out_cap > 0 {
            let most = whole.len().min(out_cap - 1);
            let cut = (0..=most).rev().find(|at| whole.is_char_boundary(*at)).unwrap_or(0);
            // SAFETY: the caller gives `out_cap` bytes at `out`; `cut` and the NUL are within them. The detail is
            // ours and apart from any caller's buffer.
            unsafe {
                out.copy_from_nonoverlapping(whole.as_ptr(), cut);
                out.add(cut).write(0);
            }
        }
        if !out_len.is_null() {
            // SAFETY: not NULL, and the caller's by contract.
            unsafe { out_len.write_unaligned(whole.len()) };
        }
    });
    Status::Ok
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> String {
        let mut text = [0u8; KEYFOLD_ERROR_SIZE as usize];
        let mut len = 0;
        unsafe { copy_last_error(text.as_mut_ptr(), text.len(), &mut len) };
        String::from_utf8(text[..len].to_vec()).unwrap()
    }

    #[test]
    fn the_detail_names_what_was_given_and_says_what_to_do() {
        let status = close(|| Err(Error::KeyDisabled { name: "cards".into() }));
        assert_eq!(status, Status::KeyDisabled);
        assert_eq!(last(), "key \"cards\" is disabled; enable it with: keyfold key enable");
    }

    #[test]
    fn a_close_that_succeeds_leaves_the_detail_alone() {
        close(|| Err(Error::Auth));
        let before = last();
        close(|| Ok(()));
        assert_eq!(last(), before);
        assert!(before.starts_with("could not authenticate"));
    }

    #[test]
    fn a_panic_is_internal_and_its_message_is_not_shown() {
        let status = close(|| panic!("secret"));
        assert_eq!(status, Status::Internal);
        assert!(!last().contains("secret"));
        assert!(last().starts_with("internal error: panic at guard.rs:"));
    }

    /// Seen to fail with the cut made at a byte, not at a character.
    #[test]
    fn a_long_detail_is_cut_at_a_character_and_control_characters_are_shown() {
        for padding in 1..12 {
            // Every way in which the last character can meet the end.
            let name = "a".repeat(padding) + &"ü\x1b[2J\n".repeat(200);
            close(|| Err(Error::KeyNotFound { name: name.as_str().into() }));
            assert!(last().len() > 500);
        }
        let whole = last();
        assert!(whole.len() < KEYFOLD_ERROR_SIZE as usize);
        assert!(!whole.chars().any(char::is_control));
        for cap in 0..whole.len() {
            let mut out = vec![0xAAu8; cap + 1];
            let mut len = 0;
            unsafe { copy_last_error(out.as_mut_ptr(), cap, &mut len) };
            assert_eq!(len, whole.len());
            assert_eq!(out[cap], 0xAA, "nothing is written past the end");
            if cap > 0 {
                let text = std::ffi::CStr::from_bytes_until_nul(&out).unwrap().to_str().unwrap();
                assert!(whole.starts_with(text));
            }
        }
    }
}
