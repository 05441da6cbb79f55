#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use super::pool::ZeroValid;
use super::wipe::wipe_raw;

/// Storage for an `A`, a `B` or neither, in one place. All-zero bytes are its empty state; whatever was in it is
/// dropped and its bytes wiped when it is cleared, replaced or dropped.
#[repr(C)]
pub(crate) struct Either<A: ZeroValid, B> {
    holds: u64,
    value: Storage<A, B>,
}

#[repr(C)]
union Storage<A: ZeroValid, B> {
    a: std::mem::ManuallyDrop<A>,
    b: std::mem::ManuallyDrop<MaybeUninit<B>>,
}

const EMPTY: u64 = 0;
const HOLDS_A: u64 = 1;
const HOLDS_B: u64 = 2;

// SAFETY: with `holds` zero the storage is not read.
unsafe impl<A: ZeroValid, B> ZeroValid for Either<A, B> {}

impl<A: ZeroValid, B> Either<A, B> {
    /// An empty one, for tests and known keys; secrets belong in lanes.
    pub(crate) fn empty() -> Either<A, B> {
        super::zeroed()
    }

    /// Clears the place and makes it hold an all-zero `A`, to be filled where it lies.
    #[cfg(feature = "aws-lc")]
    pub(crate) fn make_a(&mut self) -> &mut A {
        self.clear();
        self.holds = HOLDS_A;
        // SAFETY: `clear` left zeros, which are a valid `A`.
        unsafe { &mut self.value.a }
    }

    /// Clears the place and puts a `B` in it.
    pub(crate) fn put_b(&mut self, b: B) {
        self.clear();
        self.value.b = std::mem::ManuallyDrop::new(MaybeUninit::new(b));
        self.holds = HOLDS_B;
    }

    #[cfg(any(feature = "aws-lc", test))]
    #[inline]
    pub(crate) fn a(&self) -> Option<&A> {
        // SAFETY: `holds` says that the storage is an `A`.
        (self.holds == HOLDS_A).then(|| unsafe { &*self.value.a })
    }

    #[inline]
    pub(crate) fn b(&self) -> Option<&B> {
        // SAFETY: `holds` says that the storage is a `B` that was put.
        (self.holds == HOLDS_B).then(|| unsafe { self.value.b.assume_init_ref() })
    }

    /// Drops what is held and wipes the place.
    pub(crate) fn clear(&mut self) {
        match self.holds {
            EMPTY => return,
            // SAFETY: `holds` says that the storage is an `A`; it is not used again.
            HOLDS_A => unsafe { std::mem::ManuallyDrop::drop(&mut self.value.a) },
            // SAFETY: likewise for a `B`.
            _ => unsafe { (*self.value.b).assume_init_drop() },
        }
        // SAFETY: the bytes are ours and hold nothing that is still to be dropped; zeros are the empty state.
        unsafe { wipe_raw(std::ptr::from_mut(self).cast(), size_of::<Self>()) };
    }
}

impl<A: ZeroValid, B> Drop for Either<A, B> {
    fn drop(&mut self) {
        self.clear();
    }
}
