//! Points at which the fault suites stop a process or fail a call. Empty without the feature `failpoints`.

#[cfg(any(test, feature = "failpoints"))]
mod armed {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[cfg(feature = "sqlite")]
    thread_local! {
        static FAILS: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    thread_local! {
        static CLOCK_AHEAD: Cell<i64> = const { Cell::new(0) };
    }

    #[cfg(test)]
    type Meanwhile = (&'static str, Box<dyn FnOnce()>);

    #[cfg(test)]
    thread_local! {
        static MEANWHILE: Cell<Option<Meanwhile>> = const { Cell::new(None) };
    }

    /// Has this thread do something when it next comes to the point.
    #[cfg(all(test, feature = "sqlite"))]
    pub(in crate::keystore) fn meanwhile(point: &'static str, work: impl FnOnce() + 'static) {
        MEANWHILE.set(Some((point, Box::new(work))));
    }

    /// Sets this thread's clock ahead (or back) by so many seconds.
    #[cfg(test)]
    pub(in crate::keystore) fn set_clock_ahead(seconds: i64) {
        CLOCK_AHEAD.set(seconds);
    }

    /// How far the clock of this thread is ahead, and that of the process by KEYFOLD_CLOCK_AHEAD: seconds.
    pub(in crate::keystore) fn clock_ahead_seconds() -> i64 {
        let process = std::env::var("KEYFOLD_CLOCK_AHEAD").ok().and_then(|text| text.parse().ok());
        CLOCK_AHEAD.get().saturating_add(process.unwrap_or(0))
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
        #[cfg(test)]
        match MEANWHILE.take() {
            Some((wanted, work)) if wanted == point => work(),
            other => MEANWHILE.set(other),
        }
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
#[cfg(all(test, feature = "sqlite"))]
pub(super) use armed::meanwhile;
#[cfg(test)]
pub(super) use armed::set_clock_ahead;
#[cfg(any(test, feature = "failpoints"))]
pub(super) use armed::{clock_ahead_seconds, hit};

#[cfg(not(any(test, feature = "failpoints")))]
#[inline(always)]
pub(super) fn clock_ahead_seconds() -> i64 {
    0
}

#[cfg(not(any(test, feature = "failpoints")))]
#[inline(always)]
pub(super) fn hit(_point: &str) {}

#[cfg(all(feature = "sqlite", not(any(test, feature = "failpoints"))))]
#[inline(always)]
pub(super) fn fails(_point: &str) -> bool {
    false
}
