#![allow(unsafe_code)]

/// The number of the user this process acts for.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory of ours and cannot fail.
    unsafe { libc::geteuid() }
}

/// How many processors this process may run on; 1 where the system does not say. Does not allocate.
pub(crate) fn processors() -> usize {
    // SAFETY: an all-zero set is valid and is filled by the call, which is told its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        match libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) {
            0 => libc::CPU_COUNT(&set).max(1) as usize,
            _ => 1,
        }
    }
}
