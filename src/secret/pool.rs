//! Places in secret pages that one thread at a time works in.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::OnFork;
use super::pages::{Area, relock};
use super::wipe::wipe_raw;
use crate::error::{Error, Result};
use crate::sync::fork_id;

/// Types for which all-zero bytes are a valid value, and which may be wiped without being dropped.
///
/// # Safety
/// Zeros must be a valid value of the type, and forgetting a value must be sound and leak nothing.
pub(crate) unsafe trait ZeroValid {}

// SAFETY: plain numbers.
unsafe impl ZeroValid for u8 {}
// SAFETY: plain numbers.
unsafe impl ZeroValid for u32 {}
// SAFETY: plain numbers.
unsafe impl ZeroValid for u64 {}
// SAFETY: plain numbers.
unsafe impl ZeroValid for i64 {}
// SAFETY: a plain number.
unsafe impl ZeroValid for AtomicU64 {}
// SAFETY: an array of what is valid is valid.
unsafe impl<T: ZeroValid, const N: usize> ZeroValid for [T; N] {}

/// An all-zero value, for what does not lie in secret pages.
pub(crate) fn zeroed<T: ZeroValid>() -> T {
    // SAFETY: `ZeroValid` says so.
    unsafe { std::mem::zeroed() }
}

/// Declares a struct whose fields are all [`ZeroValid`], and so itself.
macro_rules! zero_valid {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type,)* }
        // SAFETY: every field is `ZeroValid`, which the bounds check.
        #[allow(unsafe_code)]
        unsafe impl $crate::secret::ZeroValid for $name where $($type: $crate::secret::ZeroValid,)* {}
    };
}
pub(crate) use zero_valid;

/// The most places a pool can have.
pub(crate) const MAX_PLACES: usize = 1024;

/// Up to [`MAX_PLACES`] places, each in locked, guarded, wipe-on-fork pages of its own, made when first taken and
/// kept. Each has a part that every thread may touch (`S`) and a part for the one that has taken it (`T`). Both are
/// all-zero in a forked child, whoever held the place in the parent.
pub(crate) struct Pool<S: 'static, T: 'static> {
    places: [AtomicPtr<Place<S, T>>; MAX_PLACES],
    /// One more than the highest index in use.
    high: AtomicUsize,
}

#[repr(C)]
struct Place<S, T> {
    /// The fork id of the process that holds it, or zero. A holder of another process does not exist.
    owner: AtomicU64,
    /// The fork id of the process that used it last.
    used_in: AtomicU64,
    shared: S,
    work: std::cell::UnsafeCell<T>,
}

/// A place that this thread has to itself until this is dropped.
pub(crate) struct Taken<S: 'static, T: 'static> {
    place: &'static Place<S, T>,
    taken_in: u64,
}

impl<S: ZeroValid + Sync, T: ZeroValid + Send> Pool<S, T> {
    pub(crate) const fn new() -> Pool<S, T> {
        Pool { places: [const { AtomicPtr::new(ptr::null_mut()) }; MAX_PLACES], high: AtomicUsize::new(0) }
    }

    /// Takes place `index`, which is made if need be; `None` while another thread has it or there is no such place.
    #[inline]
    pub(crate) fn take(&self, index: usize) -> Result<Option<Taken<S, T>>> {
        let Some(cell) = self.places.get(index) else { return Ok(None) };
        let mut place = cell.load(Ordering::Acquire);
        if place.is_null() {
            place = self.make(index)?;
        }
        // SAFETY: what is in `places` was made by `make` and is never unmapped.
        Ok(Self::try_take(unsafe { &*place }))
    }

    /// How many places may exist: indices below this may have been made.
    pub(crate) fn high(&self) -> usize {
        self.high.load(Ordering::Acquire)
    }

    /// Calls `f` on the shared part of place `index` and, if it is free, the place itself. Nothing is called for a
    /// place that was never made or never used in this process.
    pub(crate) fn visit<R>(
        &self,
        index: usize,
        f: impl FnOnce(&S, &dyn Fn() -> Option<Taken<S, T>>) -> R,
    ) -> Option<R> {
        let place = self.places.get(index)?.load(Ordering::Acquire);
        // SAFETY: as in `take`.
        let place: &'static Place<S, T> = unsafe { place.as_ref()? };
        if place.used_in.load(Ordering::SeqCst) != fork_id() {
            return None;
        }
        Some(f(&place.shared, &|| Self::try_take(place)))
    }

    #[inline]
    fn try_take(place: &'static Place<S, T>) -> Option<Taken<S, T>> {
        let me = fork_id();
        let holder = place.owner.load(Ordering::Relaxed);
        if holder == me
            || place.owner.compare_exchange(holder, me, Ordering::SeqCst, Ordering::Relaxed).is_err()
        {
            return None;
        }
        let taken = Taken { place, taken_in: me };
        if place.used_in.load(Ordering::Relaxed) != me {
            taken.begin(me);
        }
        Some(taken)
    }

    #[cold]
    fn make(&self, index: usize) -> Result<*mut Place<S, T>> {
        const { assert!(align_of::<Place<S, T>>() <= 4096) };
        let size = size_of::<Place<S, T>>();
        let area = match Area::map(size, OnFork::Wipe, 0, false)? {
            Some(area) => area,
            None => return Err(Error::OutOfMemory { locked: true }),
        };
        let made: *mut Place<S, T> = area.data.as_ptr().cast();
        self.high.fetch_max(index + 1, Ordering::AcqRel);
        // A thread that loses this race leaves its pages unused: they count in the status and cost nothing else.
        Ok(
            match self.places[index].compare_exchange(
                ptr::null_mut(),
                made,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => made,
                Err(theirs) => theirs,
            },
        )
    }
}

impl<S, T> Taken<S, T> {
    /// Whether this is the process that took it. In a child forked meanwhile the place is free, or another's.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        self.taken_in == fork_id()
    }

    pub(crate) fn shared(&self) -> &S {
        &self.place.shared
    }

    /// The first use in this process. Where the kernel did not wipe the place in the fork, this does.
    #[cold]
    fn begin(&self, me: u64) {
        if self.place.used_in.load(Ordering::Relaxed) != 0 {
            // SAFETY: the place is ours, and `T: ZeroValid` (the only way here is through `Pool::try_take`) may be
            // wiped. The shared part needs no wipe: its content is a matter of the data in `work`.
            unsafe { wipe_raw(self.place.work.get().cast(), size_of::<T>()) };
        }
        relock();
        self.place.used_in.store(me, Ordering::SeqCst);
    }
}

impl<S, T> Deref for Taken<S, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `owner` gives this value the place alone, and zeros or what was left there are a valid `T`.
        unsafe { &*self.place.work.get() }
    }
}

impl<S, T> DerefMut for Taken<S, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; `&mut self` makes it the only borrow.
        unsafe { &mut *self.place.work.get() }
    }
}

impl<S, T> Drop for Taken<S, T> {
    #[inline]
    fn drop(&mut self) {
        // In a child forked while this was held, the place is free already and may be another thread's.
        if self.is_current() {
            self.place.owner.store(0, Ordering::Release);
        }
    }
}
