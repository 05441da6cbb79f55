//! Outputs: buffers claimed before the work, wiped when it fails; sizes, handles, reports and memory we give out.

use std::mem::size_of;

use serde::Serialize;
use zeroize::Zeroize;

use super::args::{Span, span};
use super::options::{SizeFirst, checked_size};
use super::types::keyfold_buffer;
use crate::error::{Error, Result};

/// A caller's buffer for as long as a call writes to it. Wiped when dropped, unless the call says [`Out::keep`].
pub(super) struct Out {
    at: *mut u8,
    len: usize,
    /// What is wiped when the call fails: all that the caller said was there.
    cap: usize,
    /// Where the length was reported; it is 0 again if the call fails.
    reported: Option<Size>,
    on_drop: OnDrop,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDrop {
    Wipe,
    WipeInPanic,
    Keep,
}

impl Out {
    /// Claims `size` of the `cap` bytes at `at` and reports `size` as the length. BUFFER_TOO_SMALL leaves everything
    /// else untouched, so that it can be asked for.
    ///
    /// # Safety
    /// The caller of the ABI promises that `cap` bytes at `at` may be written.
    #[inline(always)]
    pub(super) unsafe fn claim(
        at: *mut u8,
        cap: usize,
        len: Size,
        size: usize,
        inputs: &[&[u8]],
    ) -> Result<Out> {
        unsafe { Out::claim_beside(at, cap, len, size, inputs, &[]) }
    }

    /// As [`Out::claim`], with other outputs that it must be apart from.
    #[inline(always)]
    pub(super) unsafe fn claim_beside(
        at: *mut u8,
        cap: usize,
        len: Size,
        size: usize,
        inputs: &[&[u8]],
        outputs: &[Span],
    ) -> Result<Out> {
        if at.is_null() && cap > 0 {
            return Err(Error::NullArgument { what: "out" });
        }
        let claimed = span(at, cap, "the output buffer")?;
        if !apart_from(len.place(), inputs, &[claimed]) {
            return Err(Error::BuffersOverlap);
        }
        if size > cap {
            len.put(size);
            return Err(Error::BufferTooSmall { needed: size });
        }
        if !apart_from(claimed, inputs, outputs) {
            return Err(Error::BuffersOverlap);
        }
        len.put(size);
        Ok(Out { at, len: size, cap, reported: Some(len), on_drop: OnDrop::Wipe })
    }

    /// A buffer of which all is written and whose length the caller chose.
    pub(super) unsafe fn exactly(at: *mut u8, len: usize, what: &'static str) -> Result<Out> {
        let mut out = unsafe { Out::inout(at, len, what, &[], &[])? };
        out.on_drop = OnDrop::Wipe;
        Ok(out)
    }

    /// A buffer that is both input and output. What it holds when the call fails is the work's decision.
    pub(super) unsafe fn inout(
        at: *mut u8,
        len: usize,
        what: &'static str,
        inputs: &[&[u8]],
        outputs: &[Span],
    ) -> Result<Out> {
        if at.is_null() && len > 0 {
            return Err(Error::NullArgument { what });
        }
        if !apart_from(span(at, len, what)?, inputs, outputs) {
            return Err(Error::BuffersOverlap);
        }
        Ok(Out { at, len, cap: len, reported: None, on_drop: OnDrop::WipeInPanic })
    }

    /// Reports a length that is 0 again if the call fails.
    pub(super) fn report(&mut self, len: Size, size: usize) {
        len.put(size);
        self.reported = Some(len);
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        if self.at.is_null() {
            return &mut [];
        }
        // SAFETY: checked when claimed: not NULL, does not wrap, apart from every input and other output; the
        // caller promises the rest.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.len) }
    }

    pub(super) fn span(&self) -> Span {
        // Checked when claimed.
        span(self.at, self.len, "").unwrap_or(Span::NOTHING)
    }

    /// The call has succeeded, or has not touched the buffer.
    pub(super) fn keep(&mut self) {
        self.on_drop = OnDrop::Keep;
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        let wipe = match self.on_drop {
            OnDrop::Wipe => true,
            OnDrop::WipeInPanic => std::thread::panicking(),
            OnDrop::Keep => false,
        };
        if wipe {
            self.len = self.cap;
            self.bytes().zeroize();
        }
        if self.on_drop != OnDrop::Keep
            && let Some(len) = self.reported
        {
            len.put(0);
        }
    }
}

/// What a call answers that failed before the size of its output was known. The buffer is wiped as after any later
/// failure, unless it is the call's arguments that were refused.
#[cold]
pub(super) unsafe fn refused(
    error: Error,
    at: *mut u8,
    cap: usize,
    len: Size,
    inputs: &[&[u8]],
    outputs: &[Span],
) -> Error {
    if error.status() as i32 / 100 == 1 {
        return error;
    }
    // Dropped, it wipes.
    match unsafe { Out::claim_beside(at, cap, len, 0, inputs, outputs) } {
        Ok(_) => error,
        Err(argument) => argument,
    }
}

/// Inlined, it is a comparison or two for each of the few spans that a call has.
#[inline(always)]
fn apart_from(this: Span, inputs: &[&[u8]], outputs: &[Span]) -> bool {
    inputs.iter().all(|input| !this.meets(Span::of(input)))
        && outputs.iter().all(|output| !this.meets(*output))
}

/// A length or count that a call reports; 0 until it is known. Never read.
#[derive(Clone, Copy)]
pub(super) struct Size(*mut usize);

impl Size {
    /// Claimed before any input becomes a slice, since it is written at once.
    pub(super) unsafe fn claim(at: *mut usize, what: &'static str) -> Result<Size> {
        if at.is_null() {
            return Err(Error::NullArgument { what });
        }
        let size = Size(at);
        size.put(0);
        Ok(size)
    }

    pub(super) fn put(self, value: usize) {
        // SAFETY: not NULL; the caller promises that it may be written.
        unsafe { self.0.write_unaligned(value) };
    }

    pub(super) fn place(self) -> Span {
        span(self.0, size_of::<usize>(), "").unwrap_or(Span::NOTHING)
    }
}

/// A number that the caller may not want.
pub(super) unsafe fn number(at: *mut u64, value: u64) {
    if !at.is_null() {
        // SAFETY: not NULL; the caller promises that it may be written.
        unsafe { at.write_unaligned(value) };
    }
}

/// Where in a batch a call is; the caller finds there where it stopped.
pub(super) struct Failed(*mut usize);

impl Failed {
    pub(super) unsafe fn claim(at: *mut usize, count: usize) -> Failed {
        let failed = Failed(at);
        failed.at(count);
        failed
    }

    pub(super) fn at(&self, i: usize) {
        if !self.0.is_null() {
            // SAFETY: not NULL; the caller promises that it may be written.
            unsafe { self.0.write_unaligned(i) };
        }
    }

    pub(super) fn place(&self) -> Span {
        let len = if self.0.is_null() { 0 } else { size_of::<usize>() };
        span(self.0, len, "").unwrap_or(Span::NOTHING)
    }
}

/// The offsets that a batch reports: `count + 1` of them.
pub(super) struct Places {
    at: *mut u64,
    count: usize,
}

impl Places {
    pub(super) unsafe fn claim(
        at: *mut u64,
        count: usize,
        inputs: &[&[u8]],
        outputs: &[Span],
    ) -> Result<Places> {
        if at.is_null() {
            return Err(Error::NullArgument { what: "out_offsets" });
        }
        let places = Places { at, count };
        // `count + 1` offsets of the input are a slice already, so this does not overflow.
        span(at, (count + 1) * size_of::<u64>(), "out_offsets")?;
        if apart_from(places.span(), inputs, outputs) { Ok(places) } else { Err(Error::BuffersOverlap) }
    }

    pub(super) fn put(&self, i: usize, offset: usize) {
        assert!(i <= self.count);
        // SAFETY: within the `count + 1` offsets that the caller promises may be written.
        unsafe { self.at.add(i).write_unaligned(offset as u64) };
    }

    pub(super) fn span(&self) -> Span {
        span(self.at, (self.count + 1) * size_of::<u64>(), "").unwrap_or(Span::NOTHING)
    }
}

/// A place for a new handle; NULL until there is one.
pub(super) struct Handle<T>(*mut *mut T);

impl<T> Handle<T> {
    pub(super) unsafe fn claim(at: *mut *mut T, what: &'static str) -> Result<Handle<T>> {
        if at.is_null() {
            return Err(Error::NullArgument { what });
        }
        let place = Handle(at);
        place.put(std::ptr::null_mut());
        Ok(place)
    }

    pub(super) fn put(&self, handle: *mut T) {
        // SAFETY: not NULL; the caller promises that it may be written.
        unsafe { self.0.write_unaligned(handle) };
    }
}

/// A size-first result struct that the caller may not want.
pub(super) struct Report<T>(Option<(*mut T, usize)>);

impl<T: SizeFirst> Report<T> {
    pub(super) fn none() -> Report<T> {
        Report(None)
    }

    pub(super) unsafe fn claim(at: *mut T) -> Result<Report<T>> {
        if at.is_null() {
            return Err(Error::NullArgument { what: "out" });
        }
        unsafe { Report::claim_nullable(at) }
    }

    /// Its size is read before the work, so that a struct that was not initialised costs nothing.
    pub(super) unsafe fn claim_nullable(at: *mut T) -> Result<Report<T>> {
        if at.is_null() {
            return Ok(Report(None));
        }
        Ok(Report(Some((at, unsafe { checked_size::<T>(at)? }))))
    }

    /// Writes what the caller's struct has room for, and zeros into fields that we do not know.
    pub(super) fn put(self, value: T) {
        let Some((at, size)) = self.0 else { return };
        let known = size.min(size_of::<T>());
        // SAFETY: the caller promises `size` writable bytes; `T` has no padding (`SizeFirst`); the size field is
        // the first four bytes.
        unsafe {
            at.cast::<u8>().copy_from(std::ptr::from_ref(&value).cast(), known);
            at.cast::<u8>().add(known).write_bytes(0, size - known);
            at.cast::<u32>().write_unaligned(size as u32);
        }
    }

    pub(super) fn span(&self) -> Span {
        self.0.and_then(|(at, size)| span(at, size, "").ok()).unwrap_or(Span::NOTHING)
    }
}

/// Memory that we give out; NULL and 0 until there is some.
pub(super) struct Made(*mut keyfold_buffer);

impl Made {
    pub(super) unsafe fn claim(at: *mut keyfold_buffer, what: &'static str) -> Result<Made> {
        if at.is_null() {
            return Err(Error::NullArgument { what });
        }
        Ok(unsafe { Made::claim_nullable(at) })
    }

    pub(super) unsafe fn claim_nullable(at: *mut keyfold_buffer) -> Made {
        let made = Made(at);
        made.write(keyfold_buffer { data: std::ptr::null_mut(), len: 0 });
        made
    }

    pub(super) fn json(&self, value: &impl Serialize) -> Result<()> {
        if !self.0.is_null() {
            self.put(serde_json::to_vec(value).map_err(|_| Error::Internal { what: "JSON" })?);
        }
        Ok(())
    }

    pub(super) fn put(&self, bytes: Vec<u8>) {
        if self.0.is_null() || bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        let data = Box::into_raw(bytes.into_boxed_slice()).cast();
        self.write(keyfold_buffer { data, len });
    }

    fn write(&self, buffer: keyfold_buffer) {
        if !self.0.is_null() {
            // SAFETY: not NULL; the caller promises that it may be written.
            unsafe { self.0.write_unaligned(buffer) };
        }
    }
}

/// See [`super::library::keyfold_buffer_free`].
pub(super) unsafe fn free(buffer: *mut keyfold_buffer) {
    if buffer.is_null() {
        return;
    }
    // SAFETY: not NULL; the caller promises a buffer of ours, or one that is NULL and 0.
    let was = unsafe { buffer.read_unaligned() };
    unsafe { Made::claim_nullable(buffer) };
    if !was.data.is_null() {
        // SAFETY: `Made::put` made it of a boxed slice of this length, and the caller's only record of it has just
        // been cleared.
        let mut bytes = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(was.data, was.len)) };
        bytes.zeroize();
    }
}

/// Copies bytes of our own into a caller's buffer.
pub(super) unsafe fn copy(from: &[u8], at: *mut u8, cap: usize, len: Size, inputs: &[&[u8]]) -> Result<()> {
    let mut out = unsafe { Out::claim(at, cap, len, from.len(), inputs)? };
    out.bytes().copy_from_slice(from);
    out.keep();
    Ok(())
}
