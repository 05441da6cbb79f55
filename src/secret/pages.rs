//! Areas of secret pages: one mapping each, `header | guard | data | guard`. The header lies in ordinary memory that
//! children inherit, so that what is taken stays taken there, whatever happens to the data.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::{OnFork, Protection};
use crate::error::{Error, Result};
use crate::sync::fork_id;

/// Words of the header's bitmap: one bit a slot.
pub(super) const BITMAP_WORDS: usize = 224;

/// The header of an area; lives as long as the process.
pub(super) struct Area {
    pub(super) data: NonNull<u8>,
    pub(super) len: usize,
    pub(super) on_fork: OnFork,
    /// The fork id of the process for which the pages are locked (locks are not inherited); 0 if refused.
    locked_for: AtomicU64,
    dumpable: bool,
    not_wiped: bool,
    next: AtomicPtr<Area>,

    // What follows is the slab's; a lane's area leaves it zero.
    pub(super) stride: usize,
    pub(super) slots: u32,
    pub(super) used: AtomicU32,
    pub(super) next_of_class: AtomicPtr<Area>,
    pub(super) taken: [AtomicU64; BITMAP_WORDS],
}

// SAFETY: `data` is a plain address; who may touch what behind it is decided by bits of `taken` or a pool's owner
// word, both atomic. Everything else is atomic or never changes after `map`.
unsafe impl Sync for Area {}
// SAFETY: as above.
unsafe impl Send for Area {}

/// All areas of the process, newest first. Only ever pushed to.
static AREAS: AtomicPtr<Area> = AtomicPtr::new(ptr::null_mut());
/// The process for which `relock` went through the areas last.
static RELOCKED_FOR: AtomicU64 = AtomicU64::new(0);

impl Area {
    /// A new area of at least `len` bytes, all zero, in slots of `stride` (0 for an area without slots). With
    /// `must_lock` an area that cannot be locked is given back and `None` returned.
    pub(super) fn map(
        len: usize,
        on_fork: OnFork,
        stride: usize,
        must_lock: bool,
    ) -> Result<Option<&'static Area>> {
        let page = page_size();
        let no_memory = Error::OutOfMemory { locked: false };
        let header = size_of::<Area>().next_multiple_of(page);
        let len = len.checked_next_multiple_of(page).ok_or(no_memory.clone())?;
        let whole = len.checked_add(header + 2 * page).ok_or(no_memory.clone())?;
        // SAFETY: a fresh anonymous mapping without access; nothing of ours is touched.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                whole,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(no_memory);
        }
        let base: *mut u8 = base.cast();
        // SAFETY: both offsets lie within the mapping.
        let data = unsafe { base.add(header + page) };
        let read_write = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: both ranges lie within the mapping made above.
        let opened = unsafe {
            libc::mprotect(base.cast(), header, read_write) == 0
                && libc::mprotect(data.cast(), len, read_write) == 0
        };
        // SAFETY: as above.
        let locked = opened && unsafe { lock(data, len) };
        if !opened || (must_lock && !locked) {
            // SAFETY: no one else has seen the mapping.
            unsafe { libc::munmap(base.cast(), whole) };
            return if opened { Ok(None) } else { Err(no_memory) };
        }
        // SAFETY: the range is the mapping's data.
        let dumpable = unsafe { libc::madvise(data.cast(), len, libc::MADV_DONTDUMP) } != 0;
        let not_wiped = on_fork == OnFork::Wipe
            // SAFETY: as above.
            && unsafe { libc::madvise(data.cast(), len, libc::MADV_WIPEONFORK) } != 0;

        let area: *mut Area = base.cast();
        // SAFETY: `area` is page-aligned, writable and large enough; no one else has seen it. It is never unmapped,
        // so `'static` holds. `data` is not null.
        let area = unsafe {
            area.write(Area {
                data: NonNull::new_unchecked(data),
                len,
                on_fork,
                locked_for: AtomicU64::new(if locked { fork_id() } else { 0 }),
                dumpable,
                not_wiped,
                next: AtomicPtr::new(ptr::null_mut()),
                stride,
                slots: 0,
                used: AtomicU32::new(0),
                next_of_class: AtomicPtr::new(ptr::null_mut()),
                taken: [const { AtomicU64::new(0) }; BITMAP_WORDS],
            });
            if let Some(slots) = len.checked_div(stride) {
                (*area).slots = slots.min(BITMAP_WORDS * 64) as u32;
            }
            &*area
        };
        push(&AREAS, area, |area| &area.next);
        Ok(Some(area))
    }
}

/// Puts `area` at the head of a list.
pub(super) fn push(head: &AtomicPtr<Area>, area: &'static Area, next: impl Fn(&Area) -> &AtomicPtr<Area>) {
    let mut first = head.load(Ordering::Acquire);
    loop {
        next(area).store(first, Ordering::Relaxed);
        let area = ptr::from_ref(area).cast_mut();
        match head.compare_exchange(first, area, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(now) => first = now,
        }
    }
}

/// The areas of a list, newest first.
pub(super) fn walk(
    head: &AtomicPtr<Area>,
    next: impl Fn(&Area) -> &AtomicPtr<Area>,
) -> impl Iterator<Item = &'static Area> {
    let mut at = head.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: lists hold only what `push` put there: areas that are never unmapped.
        let area = unsafe { at.as_ref()? };
        at = next(area).load(Ordering::Acquire);
        Some(area)
    })
}

/// Locks the areas again where a fork has left them unlocked. One load when there is nothing to do.
pub(crate) fn relock() {
    let me = fork_id();
    if RELOCKED_FOR.load(Ordering::Acquire) == me {
        return;
    }
    for area in walk(&AREAS, |area| &area.next) {
        let locked_for = area.locked_for.load(Ordering::Acquire);
        if locked_for != 0 && locked_for != me {
            // SAFETY: the range is the area's data, mapped for the life of the process.
            let locked = unsafe { lock(area.data.as_ptr(), area.len) };
            area.locked_for.store(if locked { me } else { 0 }, Ordering::Release);
        }
    }
    RELOCKED_FOR.store(me, Ordering::Release);
}

pub(super) fn protection() -> Protection {
    let me = fork_id();
    let mut sum = Protection::default();
    for area in walk(&AREAS, |area| &area.next) {
        let len = area.len as u64;
        sum.bytes += len;
        if area.locked_for.load(Ordering::Acquire) != me {
            sum.unlocked_bytes += len;
        }
        if area.dumpable {
            sum.dumpable_bytes += len;
        }
        if area.not_wiped {
            sum.not_wiped_bytes += len;
        }
    }
    sum
}

/// Whether the system locks these pages.
///
/// # Safety
/// The range must be mapped.
unsafe fn lock(data: *mut u8, len: usize) -> bool {
    // Plain mlock, not mlock2(MLOCK_ONFAULT): pages that are there already cannot fail to come later.
    // SAFETY: the caller's promise; locking changes no bytes.
    unsafe { libc::mlock(data.cast(), len) == 0 }
}

fn page_size() -> usize {
    // SAFETY: takes a number, touches nothing.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}
