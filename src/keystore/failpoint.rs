//! Points at which the fault suites stop a process or fail a call. Empty without the feature `failpoints`.

/// Ends the process at once, without any handler of its own, at the point named in KEYFOLD_FAILPOINT (`POINT`, or
/// `POINT:N` for the Nth time).
#[cfg(any(test, feature = "failpoints"))]
pub(super) fn hit(point: &str) {
    if reached(point, "KEYFOLD_FAILPOINT") {
        std::process::abort();
    }
}

/// Whether the call at this point shall fail as the test said (KEYFOLD_FAIL).
#[cfg(any(test, feature = "failpoints"))]
pub(super) fn fails(point: &str) -> bool {
    reached(point, "KEYFOLD_FAIL")
}

#[cfg(any(test, feature = "failpoints"))]
fn reached(point: &str, variable: &str) -> bool {
    use std::sync::atomic::{AtomicU64, Ordering};
    static HITS: AtomicU64 = AtomicU64::new(0);
    let Ok(wanted) = std::env::var(variable) else { return false };
    let (name, nth) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    name == point && HITS.fetch_add(1, Ordering::Relaxed) + 1 == nth.parse().unwrap_or(1)
}

#[cfg(not(any(test, feature = "failpoints")))]
#[inline(always)]
pub(super) fn hit(_point: &str) {}

#[cfg(not(any(test, feature = "failpoints")))]
#[inline(always)]
pub(super) fn fails(_point: &str) -> bool {
    false
}
