//! The encryption context: FORMAT.md "Encryption context".

use crate::error::Result;

/// A whole context in its canonical encoding, checked. Borrowed from the caller.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    _bytes: &'a [u8],
}

impl<'a> Context<'a> {
    /// No context: `00 00`.
    pub const EMPTY: Context<'static> = Context { _bytes: &[0, 0] };

    /// Checks bytes that must be the canonical encoding. Empty bytes mean no context.
    pub fn unpack(_bytes: &'a [u8]) -> Result<Context<'a>> {
        todo!()
    }
    /// The canonical encoding of pairs in any order. INVALID_CONTEXT for duplicates and broken limits.
    pub fn pack(_pairs: &[(&str, &str)]) -> Result<Vec<u8>> {
        todo!()
    }
    /// The encoding.
    pub fn as_bytes(&self) -> &'a [u8] {
        self._bytes
    }
    /// The pairs in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        std::iter::empty()
    }
}

/// What of a context stands in the envelope's head: nothing, the names, or names and some or all values.
#[derive(Clone, Copy, Debug)]
pub enum StoredContext<'a> {
    /// Nothing.
    None,
    /// All names, no value.
    Names,
    /// All names and all values.
    All,
    /// All names, and the values of these.
    ValuesOf(&'a [&'a str]),
}

impl StoredContext<'_> {
    /// Bytes it takes in the head for this context (0 for an empty context).
    pub fn size(&self, _context: &Context<'_>) -> Result<usize> {
        todo!()
    }
}
