//! What an envelope says of itself, without any key.

use std::fmt::{self, Write};

use serde::Serialize;

use super::SUITE;
use super::cells::{Cell, TYPE_FREE, TYPE_KEY, TYPE_ROOT, TYPE_SEALED, Wrapping};
use super::chunks;
use super::head::{Head, Kind};
use crate::context::Pairs;
use crate::crypto::Kem;
use crate::error::{Error, Result};
use crate::keystore::KeySpec;

/// What can be read of an envelope without any key. Nothing in it is authenticated. Serializes to JSON, and
/// displays as lines for a person.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// An envelope, or a data key blob.
    pub kind: Kind,
    /// The format's version.
    pub format: u8,
    /// How the DEK becomes the payload.
    pub suite: u8,
    /// The commitment, in hexadecimal: the envelope's name in reports.
    pub commitment: String,
    /// Bytes of the head.
    pub head_size: u64,
    /// Bytes of the whole, if known.
    pub total_size: Option<u64>,
    /// Bytes of the message (of the data key), if the whole size is known and possible.
    pub plaintext_size: Option<u64>,
    /// Chunks of the payload, if the whole size is known and possible.
    pub chunks: Option<u64>,
    /// Whether an envelope can have this size; None if it is not known.
    pub size_possible: Option<bool>,
    /// The context's names where they are stored, and values where those are.
    pub stored_context: Vec<StoredPair>,
    /// The cells, in order.
    pub cells: Vec<CellInfo>,
}

/// A name of the stored context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredPair {
    /// The name.
    pub name: String,
    /// Its value, where that is stored.
    pub value: Option<String>,
}

/// A cell of a head.
#[derive(Clone, Debug, Serialize)]
pub struct CellInfo {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its whole size.
    pub size: u64,
    /// The type byte.
    #[serde(rename = "type")]
    pub tag: u8,
    /// `key`, `free`, `sealed`, `root` or `unknown`.
    pub kind: &'static str,
    /// What a key cell or a sealed cell names; None for other types.
    #[serde(flatten)]
    pub key: Option<CellKey>,
}

/// What a key cell or a sealed cell names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CellKey {
    /// The key's id.
    pub key_id: String,
    /// Its version.
    pub version: u32,
    /// The material, in hexadecimal.
    pub material_id: String,
    /// The wrap nonce, in hexadecimal: its first 12 bytes and the counter in its last 4 tell what one process wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_nonce: Option<String>,
    /// How a sealed cell encapsulates: `HPKE_X25519`, `HPKE_X_WING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kem: Option<&'static str>,
}

/// Reads a head. The file's first 41,004 bytes suffice; `total_len` is the whole size, if known.
///
/// # Errors
/// NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED.
pub fn inspect(head: &[u8], total_len: Option<u64>) -> Result<Inspection> {
    let parsed = Head::parse(head, None)?;
    let head_size = parsed.len() as u64;
    let payload = match total_len {
        Some(total) => Some(total.checked_sub(head_size).ok_or(Error::Malformed { why: "it is cut off" })?),
        None => None,
    };
    let plain = match parsed.kind {
        Kind::Envelope => payload.map(|len| usize::try_from(len).ok().and_then(chunks::plain_len)),
        Kind::DataKey => payload.map(|len| parsed.dek.filter(|_| len == 0)),
    };
    let plaintext_size = plain.flatten().map(|len| len as u64);
    Ok(Inspection {
        kind: parsed.kind,
        format: parsed.fixed[3],
        suite: SUITE,
        commitment: hex(parsed.commitment()),
        head_size,
        total_size: total_len,
        plaintext_size,
        chunks: match parsed.kind {
            Kind::Envelope => plaintext_size.map(|len| len / chunks::CHUNK as u64 + 1),
            Kind::DataKey => None,
        },
        size_possible: match parsed.kind {
            Kind::Envelope => plain.map(|len| len.is_some()),
            Kind::DataKey => payload.map(|len| len == 0),
        },
        stored_context: stored_pairs(parsed.stored()),
        cells: parsed.cells().map(|cell| cell_info(&cell, parsed.whole_fixed().len())).collect(),
    })
}

/// A stored context's names and values.
pub(super) fn stored_pairs(stored: &[u8]) -> Vec<StoredPair> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Pairs::of(stored).map(|(name, value)| StoredPair { name: text(name), value: value.map(text) }).collect()
}

pub(super) fn cell_info(cell: &Cell<'_>, area_at: usize) -> CellInfo {
    CellInfo {
        offset: (area_at + cell.offset) as u64,
        size: cell.bytes.len() as u64,
        tag: cell.tag(),
        kind: match cell.tag() {
            TYPE_KEY => "key",
            TYPE_SEALED => "sealed",
            TYPE_ROOT => "root",
            TYPE_FREE => "free",
            _ => "unknown",
        },
        key: cell.key().map(|key| CellKey {
            key_id: key.key_id().to_string(),
            version: key.version(),
            material_id: hex(&key.material_id()),
            wrap_nonce: match key.wrapping {
                Wrapping::Under(nonce) => Some(hex(nonce)),
                Wrapping::Sealed { .. } => None,
            },
            kem: match key.wrapping {
                Wrapping::Under(_) => None,
                Wrapping::Sealed { kem: Kem::X25519, .. } => Some(KeySpec::X25519.name()),
                Wrapping::Sealed { kem: Kem::XWing, .. } => Some(KeySpec::XWing.name()),
            },
        }),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Text from an envelope for a terminal: control characters are shown, not sent.
pub(super) fn shown(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Envelope => "envelope",
            Kind::DataKey => "data key blob",
        };
        writeln!(f, "{what}, format {}, suite {}", self.format, self.suite)?;
        writeln!(f, "commitment   {}", self.commitment)?;
        match (self.total_size, self.size_possible) {
            (None, _) => {
                writeln!(f, "size         head of {} bytes; the rest was not given", self.head_size)?
            }
            (Some(total), Some(false)) => writeln!(
                f,
                "size         {total} bytes, which no {what} has: it is cut off or something was added"
            )?,
            (Some(total), _) => {
                let inside = match self.kind {
                    Kind::Envelope => "message",
                    Kind::DataKey => "data key",
                };
                write!(f, "size         {total} bytes, of these head {}", self.head_size)?;
                match self.plaintext_size {
                    Some(len) => writeln!(f, "; {inside} {len} bytes")?,
                    None => writeln!(f)?,
                }
            }
        }
        match self.stored_context.is_empty() {
            true => writeln!(f, "context      nothing is stored")?,
            false => {
                let with_value = self.stored_context.iter().filter(|pair| pair.value.is_some()).count();
                let stored = match self.stored_context.len() - with_value {
                    0 => "names and values",
                    _ if with_value == 0 => "names",
                    _ => "names and some values",
                };
                writeln!(f, "context      {stored} are stored, nothing of it is authenticated yet")?;
            }
        }
        for pair in &self.stored_context {
            match &pair.value {
                Some(value) => writeln!(f, "             {} = {}", shown(&pair.name), shown(value))?,
                None => writeln!(f, "             {} (value not stored)", shown(&pair.name))?,
            }
        }
        for (i, cell) in self.cells.iter().enumerate() {
            write!(f, "cell {i:<2}      at {}, {} bytes: ", cell.offset, cell.size)?;
            match &cell.key {
                Some(key) => {
                    if let Some(kem) = key.kem {
                        write!(f, "sealed ({kem}) to ")?;
                    }
                    writeln!(f, "key {} version {} material {}", key.key_id, key.version, key.material_id)?
                }
                None if cell.kind == "unknown" => writeln!(f, "of unknown type {:#04x}", cell.tag)?,
                None => writeln!(f, "{}", cell.kind)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::{write_named, write_prefix};
    use super::super::head::{FIXED, write_preamble};
    use super::*;
    use crate::keystore::KeyId;

    fn head() -> Vec<u8> {
        let stored = b"\x00\x02\x00\x01a\xff\xff\x00\x01b\x00\x03x\x1b[";
        let mut head = vec![0xC0; FIXED + stored.len() + 208];
        write_preamble(&mut head, Kind::Envelope, stored.len(), 208);
        head[FIXED..FIXED + stored.len()].copy_from_slice(stored);
        let area = &mut head[FIXED + stored.len()..];
        write_named(area, 104, KeyId([0x11; 16]), 3, [0x22; 8]);
        write_prefix(&mut area[104..], TYPE_FREE, 104);
        head
    }

    #[test]
    fn a_head_alone_is_told_in_full() {
        let head = head();
        let seen = inspect(&head, Some(head.len() as u64 + 16_400 + 17)).unwrap();
        assert_eq!(
            (seen.plaintext_size, seen.chunks, seen.size_possible),
            (Some(16_385), Some(2), Some(true))
        );
        assert_eq!(seen.stored_context[0], StoredPair { name: "a".into(), value: None });
        assert_eq!(seen.stored_context[1].value.as_deref(), Some("x\u{1b}["));
        let key = seen.cells[0].key.clone().unwrap();
        assert_eq!((key.version, key.material_id.as_str()), (3, "2222222222222222"));
        assert_eq!((seen.cells[1].kind, seen.cells[1].offset), ("free", 44 + 15 + 104));
        let json = serde_json::to_value(&seen).unwrap();
        assert_eq!(json["kind"], "envelope");
        assert_eq!(json["cells"][0]["key_id"], "11111111-1111-1111-1111-111111111111");
        assert_eq!(json["cells"][0]["type"], 1);
        assert!(json["cells"][1].get("key_id").is_none());
        assert!(seen.to_string().contains("context      names and some values are stored"), "{seen}");
        // No escape sequence of a stored value reaches a terminal.
        assert!(!seen.to_string().contains('\u{1b}'));
    }

    #[test]
    fn impossible_sizes_are_named() {
        let head = head();
        let at = |more| inspect(&head, Some(head.len() as u64 + more)).unwrap();
        assert_eq!(at(0).size_possible, Some(false));
        assert_eq!(at(16_400).size_possible, Some(false));
        assert_eq!(at(16).plaintext_size, Some(0));
        assert_eq!(inspect(&head, None).unwrap().size_possible, None);
        assert!(inspect(&head, Some(100)).is_err());
        assert!(inspect(&head[..200], None).is_err());
    }
}
