//! Inputs: what C gives becomes a slice, a text, a context or a name here, or an error.
//!
//! Nothing is read through a reference before its pointer, length and place have been checked, and nothing is assumed
//! to be aligned.

use std::ffi::c_char;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};

use super::types::keyfold_pair;
use crate::envelope::Context;
use crate::error::{Error, Result};
use crate::keystore::{KeyName, PageRequest};

/// `len` bytes at `at`; NULL with 0 is empty.
///
/// # Safety
/// The caller of the ABI promises that the bytes are there and stay unchanged for the length of the call.
pub(super) unsafe fn bytes<'a>(at: *const u8, len: usize, what: &'static str) -> Result<&'a [u8]> {
    if at.is_null() {
        return if len == 0 { Ok(&[]) } else { Err(Error::NullArgument { what }) };
    }
    span(at, len, what)?;
    // SAFETY: not NULL, does not wrap, at most isize::MAX bytes; the rest is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(at, len) })
}

/// NUL-ended UTF-8 of at most 64 KiB.
///
/// # Safety
/// The caller of the ABI promises a NUL.
pub(super) unsafe fn text<'a>(at: *const c_char, what: &'static str) -> Result<&'a str> {
    if at.is_null() {
        return Err(Error::NullArgument { what });
    }
    // SAFETY: not NULL; `strnlen` stops at the promised NUL.
    let len = unsafe { libc::strnlen(at, TEXT_LIMIT + 1) };
    if len > TEXT_LIMIT {
        return Err(Error::TooLarge { what, limit: TEXT_LIMIT as u64 });
    }
    std::str::from_utf8(unsafe { bytes(at.cast(), len, what)? }).map_err(|_| Error::InvalidUtf8 { what })
}

const TEXT_LIMIT: usize = 65_536;

/// As [`text`]; NULL is none.
pub(super) unsafe fn text_or_none<'a>(at: *const c_char, what: &'static str) -> Result<Option<&'a str>> {
    if at.is_null() { Ok(None) } else { unsafe { text(at, what) }.map(Some) }
}

/// A key id, `alias/NAME` or NAME.
pub(super) unsafe fn key_name(at: *const c_char, what: &'static str) -> Result<KeyName> {
    unsafe { text(at, what) }?.parse()
}

/// JSON of a form that is known, from text; what is not of it is INVALID_ARGUMENT with these words.
pub(super) fn json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| Error::InvalidArgument { what })
}

/// As [`json`], for an object; a list of its values would do for serde.
pub(super) fn object<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T> {
    match text.trim_start().starts_with('{') {
        true => json(text, what),
        false => Err(Error::InvalidArgument { what }),
    }
}

/// A JSON object of text to text. A name that stands twice is refused too.
pub(super) fn pairs_of_json(text: &str, what: &'static str) -> Result<Vec<(String, String)>> {
    json::<Pairs>(text, what).map(|pairs| pairs.0)
}

struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Pairs, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of text to text")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs: Vec<(String, String)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if pairs.len() >= PAIRS_OF_JSON_LIMIT || pairs.iter().any(|(other, _)| *other == name) {
                        return Err(serde::de::Error::custom("a name stands twice, or there are too many"));
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// More than any request may have; what a request may have is its room's to say.
const PAIRS_OF_JSON_LIMIT: usize = 1_000;

/// The page a list call asks for.
pub(super) unsafe fn page(after: *const c_char, limit: u32) -> Result<PageRequest> {
    if limit > 1000 {
        return Err(Error::InvalidArgument { what: "limit is over 1,000" });
    }
    Ok(PageRequest { after: unsafe { text_or_none(after, "after")? }.map(str::to_owned), limit })
}

/// A packed context; NULL with 0 is the empty one.
pub(super) unsafe fn context<'a>(at: *const u8, len: usize) -> Result<Context<'a>> {
    Context::unpack(unsafe { bytes(at, len, "context")? })
}

/// A packed context, or none where NULL says that it shall not be checked.
pub(super) unsafe fn context_or_none<'a>(at: *const u8, len: usize) -> Result<Option<Context<'a>>> {
    if at.is_null() && len == 0 { Ok(None) } else { unsafe { context(at, len) }.map(Some) }
}

/// The names of a packed context: those whose values shall be stored.
pub(super) struct Chosen<'a> {
    names: [&'a str; PAIRS_LIMIT],
    len: usize,
    given: bool,
}

const PAIRS_LIMIT: usize = 64;

pub(super) unsafe fn chosen<'a>(at: *const u8, len: usize) -> Result<Chosen<'a>> {
    let block = Context::unpack(unsafe { bytes(at, len, "chosen")? })?;
    let mut chosen = Chosen { names: [""; PAIRS_LIMIT], len: 0, given: len > 0 };
    for ((name, _), place) in block.pairs().zip(&mut chosen.names) {
        *place = name;
        chosen.len += 1;
    }
    Ok(chosen)
}

impl<'a> Chosen<'a> {
    pub(super) fn is_given(&self) -> bool {
        self.given
    }

    pub(super) fn names(&self) -> &[&'a str] {
        &self.names[..self.len]
    }
}

/// The pairs that `keyfold_context_pack` is given.
pub(super) unsafe fn pairs<'a>(at: *const keyfold_pair, len: usize) -> Result<Vec<(&'a str, &'a str)>> {
    if len > PAIRS_LIMIT {
        return Err(Error::InvalidContext { why: "more than 64 pairs" });
    }
    if at.is_null() && len > 0 {
        return Err(Error::NullArgument { what: "pairs" });
    }
    (0..len)
        .map(|i| {
            // SAFETY: the caller promises `len` pairs, aligned or not.
            let pair = unsafe { at.add(i).read_unaligned() };
            let part = |at, len, what| {
                let bytes = unsafe { bytes(at, len, what)? };
                std::str::from_utf8(bytes).map_err(|_| Error::InvalidUtf8 { what })
            };
            Ok((part(pair.name, pair.name_len, "name")?, part(pair.value, pair.value_len, "value")?))
        })
        .collect()
}

/// Consecutive parts of one block, with `count + 1` offsets.
pub(super) struct Parts<'a> {
    whole: &'a [u8],
    offsets: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) unsafe fn read(
        at: *const u8,
        len: usize,
        offsets: *const u64,
        count: usize,
        what: &'static str,
    ) -> Result<Parts<'a>> {
        let whole = unsafe { bytes(at, len, "the block of parts")? };
        let size = count.checked_add(1).and_then(|n| n.checked_mul(8)).ok_or(TOO_MANY)?;
        Ok(Parts { whole, offsets: unsafe { bytes(offsets.cast(), size, what)? } })
    }

    /// The i-th part. Bounds are looked at here, at every use, so that nothing rests on an earlier look.
    pub(super) fn get(&self, i: usize) -> Result<&'a [u8]> {
        let offset = |i: usize| {
            let bytes = self.offsets.get(i * 8..)?.first_chunk()?;
            usize::try_from(u64::from_ne_bytes(*bytes)).ok()
        };
        offset(i)
            .zip(offset(i + 1))
            .and_then(|(start, end)| self.whole.get(start..end))
            .ok_or(Error::InvalidArgument { what: "offsets fall, or go past the end of their block" })
    }

    pub(super) fn whole(&self) -> &'a [u8] {
        self.whole
    }

    pub(super) fn offsets(&self) -> &'a [u8] {
        self.offsets
    }
}

/// The contexts of a batch: one for all, or one each.
pub(super) enum Contexts<'a> {
    Shared(Context<'a>),
    Each(Parts<'a>),
}

impl<'a> Contexts<'a> {
    pub(super) unsafe fn read(
        at: *const u8,
        len: usize,
        offsets: *const u64,
        count: usize,
    ) -> Result<Contexts<'a>> {
        if offsets.is_null() {
            return Ok(Contexts::Shared(unsafe { context(at, len)? }));
        }
        Ok(Contexts::Each(unsafe { Parts::read(at, len, offsets, count, "context_offsets")? }))
    }

    pub(super) fn get(&self, i: usize) -> Result<Context<'a>> {
        match self {
            Contexts::Shared(context) => Ok(*context),
            Contexts::Each(parts) => Context::unpack(parts.get(i)?),
        }
    }

    pub(super) fn whole(&self) -> &'a [u8] {
        match self {
            Contexts::Shared(context) => context.as_bytes(),
            Contexts::Each(parts) => parts.whole(),
        }
    }

    pub(super) fn offsets(&self) -> &'a [u8] {
        match self {
            Contexts::Shared(_) => &[],
            Contexts::Each(parts) => parts.offsets(),
        }
    }
}

/// Sizes added up, within what memory can hold.
pub(super) fn sum(total: usize, more: usize) -> Result<usize> {
    total.checked_add(more).filter(|n| *n <= isize::MAX as usize).ok_or(TOO_MANY)
}

/// `size` bytes of `out` from `at`.
pub(super) fn part(out: &mut [u8], at: usize, size: usize) -> Result<&mut [u8]> {
    let end = at.checked_add(size);
    end.and_then(|end| out.get_mut(at..end))
        .ok_or(Error::InvalidArgument { what: "input changed during the call" })
}

const TOO_MANY: Error = Error::TooLarge { what: "the batch", limit: isize::MAX as u64 };

/// The addresses of a buffer, for the checks of overlap. Never a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    len: usize,
}

/// Refuses lengths that no buffer has.
pub(super) fn span<T>(at: *const T, len: usize, what: &'static str) -> Result<Span> {
    let start = at.addr();
    if len > isize::MAX as usize || start.checked_add(len).is_none() {
        return Err(Error::TooLarge { what, limit: isize::MAX as u64 });
    }
    Ok(Span { start, len })
}

impl Span {
    pub(super) const NOTHING: Span = Span { start: 0, len: 0 };

    pub(super) fn of(bytes: &[u8]) -> Span {
        Span { start: bytes.as_ptr().addr(), len: bytes.len() }
    }

    pub(super) fn meets(self, other: Span) -> bool {
        // Neither end wraps: both came through `span` or are slices.
        self.len > 0
            && other.len > 0
            && self.start < other.start + other.len
            && other.start < self.start + self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_empty_with_no_length_and_an_error_with_one() {
        assert_eq!(unsafe { bytes(std::ptr::null(), 0, "x") }, Ok(&[][..]));
        assert_eq!(unsafe { bytes(std::ptr::null(), 1, "x") }, Err(Error::NullArgument { what: "x" }));
    }

    /// Seen to fail with the check of `isize::MAX` taken out (a debug build aborts in `from_raw_parts`).
    #[test]
    fn lengths_that_no_buffer_has_are_refused() {
        let byte = 0u8;
        for len in [usize::MAX, isize::MAX as usize + 1, usize::MAX - 4096] {
            assert!(matches!(unsafe { bytes(&raw const byte, len, "x") }, Err(Error::TooLarge { .. })));
        }
        let high = std::ptr::without_provenance::<u8>(usize::MAX - 4);
        assert!(matches!(unsafe { bytes(high, 16, "x") }, Err(Error::TooLarge { .. })));
    }

    #[test]
    fn spans_meet_exactly_where_they_share_a_byte() {
        for start in 0..30usize {
            for len in 0..12usize {
                let (a, b) = (Span { start: 10, len: 6 }, Span { start, len });
                let shared = (10..16).any(|x| (start..start + len).contains(&x));
                assert_eq!(a.meets(b), shared, "{start} {len}");
                assert_eq!(b.meets(a), shared);
            }
        }
    }

    #[test]
    fn parts_that_fall_or_leave_their_block_are_refused() {
        let block = [1u8, 2, 3, 4];
        let get = |offsets: &[u64], i| {
            let parts =
                unsafe { Parts::read(block.as_ptr(), 4, offsets.as_ptr(), offsets.len() - 1, "offsets") };
            parts.unwrap().get(i).map(<[u8]>::to_vec)
        };
        assert_eq!(get(&[0, 1, 4], 1), Ok(vec![2, 3, 4]));
        assert_eq!(get(&[0, 0, 0], 0), Ok(vec![]));
        for bad in [[1, 0, 4], [0, 5, 5], [u64::MAX, 0, 0], [0, u64::MAX, u64::MAX]] {
            assert!(get(&bad, 0).is_err(), "{bad:?}");
        }
        let overflow = unsafe { Parts::read(block.as_ptr(), 4, [0u64].as_ptr(), usize::MAX, "offsets") };
        assert!(overflow.is_err());
    }

    #[test]
    fn text_must_be_utf8_and_of_bounded_length() {
        assert_eq!(unsafe { text(c"caf\xc3\xa9".as_ptr(), "x") }, Ok("café"));
        for bad in [c"caf\xe9", c"\xed\xa0\x80", c"\xff", c"\xc3"] {
            assert_eq!(unsafe { text(bad.as_ptr(), "x") }, Err(Error::InvalidUtf8 { what: "x" }));
        }
        let long = std::ffi::CString::new(vec![b'a'; TEXT_LIMIT + 1]).unwrap();
        assert!(matches!(unsafe { text(long.as_ptr(), "x") }, Err(Error::TooLarge { .. })));
    }
}
