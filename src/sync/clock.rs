#![allow(unsafe_code)]

/// Milliseconds of a coarse monotonic clock (vDSO, no system call).
pub(crate) fn coarse_millis() -> u64 {
    (nanos(libc::CLOCK_MONOTONIC_COARSE) / 1_000_000) as u64
}

/// How far the clock that counts suspended time is ahead of the one that does not, in nanoseconds. It grows by the
/// length of every suspend.
pub(crate) fn boottime_minus_monotonic() -> i128 {
    nanos(libc::CLOCK_BOOTTIME) - nanos(libc::CLOCK_MONOTONIC)
}

/// How far the wall clock is ahead of the monotonic one, in nanoseconds. It changes when the wall clock is stepped,
/// as happens to a restored or cloned machine.
pub(crate) fn realtime_minus_monotonic() -> i128 {
    nanos(libc::CLOCK_REALTIME) - nanos(libc::CLOCK_MONOTONIC)
}

/// A number that grows with time at about the processor's clock: the time-stamp counter, or nanoseconds where there
/// is none. For mixing into random draws and for asking "has a moment passed?", never for measuring.
#[inline]
pub(crate) fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86_64 processor has the instruction; it touches no memory.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        nanos(libc::CLOCK_MONOTONIC) as u64
    }
}

fn nanos(clock: libc::clockid_t) -> i128 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the call to fill. The clocks named in this file exist on every Linux
    // that Rust supports; a failure would leave zero, which only makes the callers reseed less by time.
    unsafe { libc::clock_gettime(clock, &mut now) };
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_move_forward_and_their_differences_stay() {
        let (millis, tick) = (coarse_millis(), ticks());
        let (suspended, wall) = (boottime_minus_monotonic(), realtime_minus_monotonic());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(coarse_millis() > millis);
        assert_ne!(ticks(), tick);
        // A scheduler's pause between the two readings is all that may differ.
        assert!((boottime_minus_monotonic() - suspended).abs() < 1_000_000_000);
        assert!((realtime_minus_monotonic() - wall).abs() < 1_000_000_000);
    }
}
