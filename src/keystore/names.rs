//! Key ids, aliases and what a caller may call a key. Constructors are the only checks.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A key's id: a UUID drawn by the store. Any 16 bytes are valid in an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

/// A key's other name: 1 to 256 of `A-Z a-z 0-9 / _ -`, not beginning `keyfold/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(Box<str>);

/// What a caller names a key by: an id, `alias/NAME`, or NAME alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// By id.
    Id(KeyId),
    /// By alias.
    Alias(Alias),
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex =
            |f: &mut fmt::Formatter<'_>, part: &[u8]| part.iter().try_for_each(|b| write!(f, "{b:02x}"));
        for (i, part) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
            if i > 0 {
                f.write_str("-")?;
            }
            hex(f, &self.0[part])?;
        }
        Ok(())
    }
}

impl FromStr for KeyId {
    type Err = Error;

    /// The 36-character form in lower case, and no other (one spelling a key).
    fn from_str(text: &str) -> Result<KeyId> {
        let bad = |why| Error::InvalidName { name: shown(text), why };
        if text.len() != 36 || !text.is_ascii() {
            return Err(bad("a key id has 36 characters"));
        }
        let mut id = [0u8; 16];
        let mut digits = text.bytes().enumerate().filter(|(i, _)| !matches!(i, 8 | 13 | 18 | 23));
        for byte in &mut id {
            for _ in 0..2 {
                let digit = match digits.next() {
                    Some((_, c @ b'0'..=b'9')) => c - b'0',
                    Some((_, c @ b'a'..=b'f')) => c - b'a' + 10,
                    _ => return Err(bad("a key id is written in lower-case hexadecimal")),
                };
                *byte = *byte << 4 | digit;
            }
        }
        match [8, 13, 18, 23].iter().all(|&i| text.as_bytes()[i] == b'-') {
            true => Ok(KeyId(id)),
            false => Err(bad("a key id has dashes after 8, 12, 16 and 20 digits")),
        }
    }
}

impl Alias {
    /// The alias without `alias/` before it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Alias {
    type Err = Error;

    /// `NAME` or `alias/NAME`. A name in the form of a key id is refused, so that no name has two meanings.
    fn from_str(text: &str) -> Result<Alias> {
        let name = text.strip_prefix("alias/").unwrap_or(text);
        let bad = |why| Error::InvalidName { name: shown(text), why };
        if name.is_empty() || name.len() > 256 {
            return Err(bad("an alias has 1 to 256 characters"));
        }
        if !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'_' | b'-')) {
            return Err(bad("an alias is made of A-Z a-z 0-9 / _ -"));
        }
        if name.starts_with("keyfold/") || name.starts_with("alias/") {
            return Err(bad("aliases beginning keyfold/ or alias/ are reserved"));
        }
        if KeyId::from_str(&name.to_ascii_lowercase()).is_ok() {
            return Err(bad("an alias may not look like a key id"));
        }
        Ok(Alias(name.into()))
    }
}

impl FromStr for KeyName {
    type Err = Error;

    fn from_str(text: &str) -> Result<KeyName> {
        match KeyId::from_str(text) {
            Ok(id) => Ok(KeyName::Id(id)),
            Err(_) => Alias::from_str(text).map(KeyName::Alias),
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyName::Id(id) => id.fmt(f),
            KeyName::Alias(alias) => alias.fmt(f),
        }
    }
}

/// A name for an error message, cut to a bounded length.
fn shown(text: &str) -> Box<str> {
    text.chars().take(80).collect::<String>().into()
}
