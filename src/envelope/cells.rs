//! Cells, the parts of a head that a rewrap writes: FORMAT.md sections 3, 7 and 7A.

use crate::crypto::{Kem, MaterialId, WRAP_NONCE_SIZE, WrapNonce};
use crate::error::{Error, Result};
use crate::keystore::{KeyId, KeySpec};

pub(super) const MAX_CELLS: usize = 32;
/// What every cell begins with: type, zero, length.
pub(super) const PREFIX: usize = 4;
/// The part of a key cell that its wrap authenticates: everything before the nonce.
pub(super) const NAMED: usize = 32;
/// A sealed cell before its encapsulated key: the name, and the KEM's number.
pub(super) const SEALED_AT: usize = NAMED + 2;
/// A key cell before its wrapped DEK.
pub(super) const WRAPPED_AT: usize = NAMED + WRAP_NONCE_SIZE;
pub(super) const TAG: usize = 16;

pub(super) const TYPE_KEY: u8 = 0x01;
pub(super) const TYPE_SEALED: u8 = 0x02;
pub(super) const TYPE_ROOT: u8 = 0x03;
pub(super) const TYPE_FREE: u8 = 0x7F;

/// Size of a key cell for a DEK of `n` bytes.
pub(super) const fn key_cell(n: usize) -> usize {
    WRAPPED_AT + n + TAG
}

/// Size of a sealed cell for a DEK of `n` bytes.
pub(super) const fn sealed_cell(kem: Kem, n: usize) -> usize {
    SEALED_AT + kem.encapsulated_size() + n + TAG
}

/// Size of the cell of a key of this spec, for a DEK of `n` bytes.
pub(super) fn cell_of(spec: KeySpec, n: usize) -> usize {
    spec.kem().map_or(key_cell(n), |kem| sealed_cell(kem, n))
}

/// A cell of an envelope.
pub(super) const CELL: usize = key_cell(super::DEK);

/// One cell, where it lies in the cell area.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) offset: usize,
    pub(super) bytes: &'a [u8],
}

impl<'a> Cell<'a> {
    pub(super) fn tag(&self) -> u8 {
        self.bytes.first().copied().unwrap_or(TYPE_FREE)
    }

    /// The cell as one that holds the DEK for a key, what it names copied once; None for other types.
    #[inline]
    pub(super) fn key(&self) -> Option<KeyCell<'a>> {
        let (&named, rest) = self.bytes.split_first_chunk::<NAMED>()?;
        match named[0] {
            TYPE_KEY => {
                let (nonce, wrapped) = rest.split_first_chunk()?;
                Some(KeyCell { named, wrapping: Wrapping::Under(nonce), wrapped })
            }
            TYPE_SEALED => {
                let (&kem, rest) = rest.split_first_chunk()?;
                let kem = Kem::of(u16::from_be_bytes(kem))?;
                let (encapsulated, wrapped) = rest.split_at_checked(kem.encapsulated_size())?;
                Some(KeyCell { named, wrapping: Wrapping::Sealed { kem, encapsulated }, wrapped })
            }
            _ => None,
        }
    }
}

/// How a cell holds the DEK.
#[derive(Clone, Copy)]
pub(super) enum Wrapping<'a> {
    /// Type 0x01: under the version's material, with this nonce. Where it lies: nobody reads a byte of it twice.
    Under(&'a WrapNonce),
    /// Type 0x02: sealed to the version's public half.
    Sealed { kem: Kem, encapsulated: &'a [u8] },
}

/// A cell that holds the DEK for a key: what it names, and the wrapped DEK.
#[derive(Clone, Copy)]
pub(super) struct KeyCell<'a> {
    named: [u8; NAMED],
    pub(super) wrapping: Wrapping<'a>,
    /// The DEK under XAES-256-GCM or HPKE, tag last.
    pub(super) wrapped: &'a [u8],
}

impl KeyCell<'_> {
    pub(super) fn key_id(&self) -> KeyId {
        KeyId(self.part(4))
    }

    pub(super) fn version(&self) -> u32 {
        u32::from_be_bytes(self.part(20))
    }

    pub(super) fn material_id(&self) -> MaterialId {
        self.part(24)
    }

    /// The part that the wrap authenticates.
    pub(super) fn named(&self) -> &[u8; NAMED] {
        &self.named
    }

    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut part = [0; N];
        part.copy_from_slice(&self.named[at..at + N]);
        part
    }
}

/// Writes the part of a key cell that its wrap authenticates.
pub(super) fn write_named(out: &mut [u8], size: usize, key_id: KeyId, version: u32, material_id: MaterialId) {
    write_prefix(out, TYPE_KEY, size);
    out[4..20].copy_from_slice(&key_id.0);
    out[20..24].copy_from_slice(&version.to_be_bytes());
    out[24..NAMED].copy_from_slice(&material_id);
}

/// Writes the part of a sealed cell that stands before its encapsulated key, all of which the seal authenticates.
pub(super) fn write_sealed_named(
    out: &mut [u8],
    size: usize,
    kem: Kem,
    key_id: KeyId,
    version: u32,
    material_id: MaterialId,
) {
    write_named(out, size, key_id, version, material_id);
    out[0] = TYPE_SEALED;
    out[NAMED..SEALED_AT].copy_from_slice(&kem.id().to_be_bytes());
}

/// Writes a cell's first four bytes. A cell is at most 32,768 bytes long.
pub(super) fn write_prefix(out: &mut [u8], tag: u8, size: usize) {
    let [high, low] = (size as u16).to_be_bytes();
    out[..PREFIX].copy_from_slice(&[tag, 0, high, low]);
}

/// The cells of an area. Ends early at an area that [`check_area`] would refuse, and never panics, even if the
/// bytes change under it.
#[derive(Clone)]
pub(super) struct Cells<'a> {
    area: &'a [u8],
    at: usize,
}

impl<'a> Cells<'a> {
    pub(super) fn of(area: &'a [u8]) -> Cells<'a> {
        Cells { area, at: 0 }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    fn next(&mut self) -> Option<Cell<'a>> {
        let rest = self.area.get(self.at..)?;
        let prefix = rest.first_chunk::<PREFIX>()?;
        let size = usize::from(u16::from_be_bytes([prefix[2], prefix[3]]));
        let bytes = rest.get(..size)?;
        if size < PREFIX {
            return None;
        }
        let cell = Cell { offset: self.at, bytes };
        self.at += size;
        Some(cell)
    }
}

/// Checks a cell area, and gives the size of the DEK that its key cells wrap (None where it has none). `fixed`: the
/// size that it must be.
pub(super) fn check_area(area: &[u8], fixed: Option<usize>) -> Result<Option<usize>> {
    let bad = |why| Err(Error::Malformed { why });
    let mut rest = area;
    let (mut count, mut free) = (0, 0);
    let mut size = fixed;
    let mut keys = 0;
    while !rest.is_empty() {
        let Some(&[tag, zero, high, low]) = rest.first_chunk::<PREFIX>() else {
            return bad("its cells do not fill their area");
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len < PREFIX || len > rest.len() {
            return bad("its cells do not fill their area");
        }
        if zero != 0 {
            return bad("a cell's reserved byte is not zero");
        }
        count += 1;
        if count > MAX_CELLS {
            return bad("it has over 32 cells");
        }
        let (cell, after) = rest.split_at(len);
        match tag {
            TYPE_FREE => free += 1,
            TYPE_KEY | TYPE_SEALED => {
                keys += 1;
                let n = len.checked_sub(match tag {
                    TYPE_KEY => key_cell(0),
                    _ => sealed_overhead(cell)?,
                });
                let n = n.filter(|n| (super::MIN_DATA_KEY..=super::MAX_DATA_KEY).contains(n));
                if n.is_none_or(|n| n != *size.get_or_insert(n)) {
                    return bad("a cell has a length that its type does not have");
                }
                if cell[20..24] == [0; 4] {
                    return bad("a cell names version 0");
                }
            }
            _ => {}
        }
        rest = after;
    }
    if count == free {
        return bad("none of its cells is in use");
    }
    Ok(size.filter(|_| keys > 0))
}

/// What a sealed cell has besides the DEK's own bytes.
fn sealed_overhead(cell: &[u8]) -> Result<usize> {
    match cell.get(NAMED..SEALED_AT) {
        Some(&[high, low]) => Kem::of(u16::from_be_bytes([high, low]))
            .map(|kem| sealed_cell(kem, 0))
            .ok_or(Error::Malformed { why: "a sealed cell names a KEM that its type does not have" }),
        _ => Err(Error::Malformed { why: "a cell has a length that its type does not have" }),
    }
}
