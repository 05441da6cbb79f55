//! Points at which the fault suites stop a process or fail a call. Empty without the feature `failpoints`.

#[cfg(any(test, feature = "failpoints"))]
mod armed {
    #[cfg(feature = "sqlite")]
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[cfg(feature = "sqlite")]
    thread_local! {
        static FAILS: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Has this thread's next call fail at the point.
    #[cfg(all(test, feature = "sqlite"))]
    pub(in crate::keystore) fn fail_once(point: &'static str) {
        FAILS.set(Some(point));
    }

    /// Whether the call at this point shall fail: as this thread was told, or by KEYFOLD_FAIL (`POINT`, or `POINT:N`
    /// for the Nth time).
    #[cfg(feature = "sqlite")]
    pub(in crate::keystore) fn fails(point: &str) -> bool {
        if FAILS.get() == Some(point) {
            FAILS.set(None);
            return true;
        }
        reached(point, "KEYFOLD_FAIL")
    }

    /// Ends the process at once, without any handler of its own, at the point named in KEYFOLD_FAILPOINT.
    pub(in crate::keystore) fn hit(point: &str) {
        if reached(point, "KEYFOLD_FAILPOINT") {
            std::process::abort();
        }
    }

    fn reached(point: &str, variable: &str) -> bool {
        static HITS: AtomicU64 = AtomicU64::new(0);
        let Ok(wanted) = std::env::var(variable) else { return false };
        let (name, nth) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        name == point && HITS.fetch_add(1, Ordering::Relaxed) + 1 == nth.parse().unwrap_or(1)
    }
}

#[cfg(all(test, feature = "sqlite"))]
pub(super) use armed::fail_once;
#[cfg(all(feature = "sqlite", any(test, feature = "failpoints")))]
pub(super) use armed::fails;
#[cfg(any(test, feature = "failpoints"))]
pub(super) use armed::hit;

#[cfg(not(any(test, feature = "failpoints")))]
#[inline(always)]
pub(super) fn hit(_point: &str) {}

#[cfg(all(feature = "sqlite", not(any(test, feature = "failpoints"))))]
#[inline(always)]
pub(super) fn fails(_point: &str) -> bool {
    false
}
