#![allow(unsafe_code)]

/// Milliseconds of a coarse monotonic clock (vDSO, no system call).
pub(crate) fn coarse_millis() -> u64 {
    (nanos(libc::CLOCK_MONOTONIC_COARSE) / 1_000_000) as u64
}

/// How far two clocks are ahead of the monotonic one, in nanoseconds.
#[derive(Clone, Copy)]
pub(crate) struct ClocksAhead {
    /// The clock that counts suspended time: grows by the length of every suspend.
    pub(crate) boottime: i64,
    /// The wall clock: changes when it is stepped, as happens to a restored or cloned machine.
    pub(crate) realtime: i64,
}

/// Reads the clocks against each other. Readings that a pause of this thread fell between are taken again.
pub(crate) fn clocks_ahead() -> ClocksAhead {
    let mut before = nanos(libc::CLOCK_MONOTONIC);
    let mut tries = 0;
    loop {
        let (boottime, realtime) = (nanos(libc::CLOCK_BOOTTIME), nanos(libc::CLOCK_REALTIME));
        let after = nanos(libc::CLOCK_MONOTONIC);
        tries += 1;
        if after - before < 1_000_000 || tries == 10 {
            return ClocksAhead { boottime: boottime - after, realtime: realtime - after };
        }
        before = after;
    }
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

fn nanos(clock: libc::clockid_t) -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the call to fill. The clocks named in this file exist on every Linux
    // that Rust supports; a failure would leave zero, which only makes the callers reseed less by time.
    unsafe { libc::clock_gettime(clock, &mut now) };
    // 292 years fit.
    now.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_move_forward_and_their_differences_stay() {
        let (millis, tick) = (coarse_millis(), ticks());
        let ahead = clocks_ahead();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(coarse_millis() > millis);
        assert_ne!(ticks(), tick);
        let now = clocks_ahead();
        assert!((now.boottime - ahead.boottime).abs() < 1_000_000_000);
        assert!((now.realtime - ahead.realtime).abs() < 1_000_000_000);
    }
}
