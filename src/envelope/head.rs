//! The head's codec: the one place that reads and writes the fixed part. FORMAT.md section 2.

use serde::Serialize;

use super::cells::{Cells, NAMED, check_area};
use super::stored::check_stored;
use super::{DEK, MAX_AREA, MIN_AREA, SUITE};
use crate::context::MAX_ENCODED;
use crate::error::{Error, Result};

/// The fixed part without the stored context.
pub(super) const FIXED: usize = 44;
/// The part of it that the commitment binds by itself.
pub(super) const PREAMBLE: usize = 12;
/// A stored context has at least a count, and a pair of a one-byte name.
const MIN_STORED: usize = 7;
const VERSION: u8 = 1;

/// What a head belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A message: a payload follows the head.
    Envelope,
    /// A data key: nothing follows.
    DataKey,
}

impl Kind {
    fn magic(self) -> [u8; 3] {
        match self {
            Kind::Envelope => *b"KFE",
            Kind::DataKey => *b"KFD",
        }
    }

    /// The label of its commitment.
    pub(super) fn commitment_label(self) -> &'static [u8; 4] {
        match self {
            Kind::Envelope => b"KFEC",
            Kind::DataKey => b"KFDC",
        }
    }
}

/// A head, parsed whole. The 44 fixed bytes are a copy, so that what is checked is what is authenticated even if
/// the caller's memory changes meanwhile.
#[derive(Clone)]
pub(super) struct Head<'a> {
    pub(super) kind: Kind,
    pub(super) fixed: [u8; FIXED],
    /// The head's bytes, and how many of them are fixed part.
    bytes: &'a [u8],
    fixed_len: usize,
    /// The DEK's size, if a key cell tells it.
    pub(super) dek: Option<usize>,
}

impl<'a> Head<'a> {
    /// Parses the head at the start of `bytes`; what follows it is not looked at. `expected` None takes both kinds.
    #[inline(always)]
    pub(super) fn parse(bytes: &'a [u8], expected: Option<Kind>) -> Result<Head<'a>> {
        // The one fetch of these bytes.
        let Some(&fixed) = bytes.first_chunk::<FIXED>() else {
            return Err(Sizes::too_short(bytes, expected));
        };
        let Sizes { kind, stored, area } = Sizes::of(&fixed, expected)?;
        let fixed_len = FIXED + stored;
        let Some(bytes) = bytes.get(..fixed_len + area) else {
            return Err(Error::Malformed { why: CUT });
        };
        if stored > 0 {
            check_stored(&bytes[FIXED..fixed_len])?;
        }
        let dek = check_area(&bytes[fixed_len..], (kind == Kind::Envelope).then_some(DEK))?;
        Ok(Head { kind, fixed, bytes, fixed_len, dek })
    }

    /// Parses a data key blob, which ends with its head.
    pub(super) fn parse_blob(bytes: &'a [u8]) -> Result<Head<'a>> {
        let head = Head::parse(bytes, Some(Kind::DataKey))?;
        if bytes.len() != head.len() {
            return Err(Error::Malformed { why: "bytes follow the end of a data key blob" });
        }
        Ok(head)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The fixed part with the stored context: what every cell authenticates.
    pub(super) fn whole_fixed(&self) -> &'a [u8] {
        &self.bytes[..self.fixed_len]
    }

    /// The same with the part of the first cell that its wrap authenticates.
    pub(super) fn with_first_cell(&self) -> &'a [u8] {
        &self.bytes[..self.fixed_len + NAMED]
    }

    pub(super) fn area(&self) -> &'a [u8] {
        &self.bytes[self.fixed_len..]
    }

    pub(super) fn commitment(&self) -> &[u8] {
        &self.fixed[PREAMBLE..]
    }

    pub(super) fn stored(&self) -> &'a [u8] {
        &self.bytes[FIXED..self.fixed_len]
    }

    pub(super) fn cells(&self) -> Cells<'a> {
        Cells::of(self.area())
    }
}

const CUT: &str = "it is cut off";

/// What the fixed 44 bytes say, checked by themselves: enough to know how much of a file is head.
pub(super) struct Sizes {
    pub(super) kind: Kind,
    stored: usize,
    area: usize,
}

impl Sizes {
    /// Of bytes of any number.
    pub(super) fn parse(bytes: &[u8], expected: Option<Kind>) -> Result<Sizes> {
        match bytes.first_chunk() {
            Some(fixed) => Sizes::of(fixed, expected),
            None => Err(Sizes::too_short(bytes, expected)),
        }
    }

    #[inline(always)]
    fn of(fixed: &[u8; FIXED], expected: Option<Kind>) -> Result<Sizes> {
        let bad = |why| Err(Error::Malformed { why });
        let kind = match fixed {
            [b'K', b'F', b'E', VERSION, ..] => Kind::Envelope,
            [b'K', b'F', b'D', VERSION, ..] => Kind::DataKey,
            _ => return Err(Sizes::other_magic(fixed, expected)),
        };
        if expected.is_some_and(|expected| expected != kind) {
            return Err(Error::NotAnEnvelope);
        }
        match fixed[4] {
            SUITE => {}
            0 => return bad("suite 0 does not exist"),
            found => return Err(Error::UnsupportedFormat { found }),
        }
        if fixed[5] != 0 || fixed[10] != 0 || fixed[11] != 0 {
            return bad("a reserved byte is not zero");
        }
        let area = usize::from(u16::from_be_bytes([fixed[6], fixed[7]]));
        if !(MIN_AREA..=MAX_AREA).contains(&area) {
            return bad("the size of its cells is out of range");
        }
        let stored = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        if stored != 0 && !(MIN_STORED..=MAX_ENCODED).contains(&stored) {
            return bad("the size of its stored context is out of range");
        }
        Ok(Sizes { kind, stored, area })
    }

    /// The error for a beginning that is not one of ours at this version.
    #[cold]
    fn other_magic(bytes: &[u8], expected: Option<Kind>) -> Error {
        let ours =
            |kind: Kind| expected.is_none_or(|expected| expected == kind) && bytes.starts_with(&kind.magic());
        match bytes.get(3) {
            Some(&found @ VERSION..) if ours(Kind::Envelope) || ours(Kind::DataKey) => {
                Error::UnsupportedFormat { found }
            }
            _ => Error::NotAnEnvelope,
        }
    }

    /// The error for fewer bytes than the fixed part has.
    #[cold]
    fn too_short(bytes: &[u8], expected: Option<Kind>) -> Error {
        match Sizes::other_magic(bytes, expected) {
            Error::UnsupportedFormat { found: VERSION } => Error::Malformed { why: CUT },
            other => other,
        }
    }

    pub(super) fn head(&self) -> usize {
        FIXED + self.stored + self.area
    }
}

/// Writes the first twelve bytes. Sizes are within the limits of FORMAT.md, which the callers' size functions check.
pub(super) fn write_preamble(out: &mut [u8], kind: Kind, stored: usize, area: usize) {
    let [s_high, s_low] = (area as u16).to_be_bytes();
    let [x_high, x_low] = (stored as u16).to_be_bytes();
    let [a, b, c] = kind.magic();
    out[..PREAMBLE].copy_from_slice(&[a, b, c, VERSION, SUITE, 0, s_high, s_low, x_high, x_low, 0, 0]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cells::{TYPE_FREE, write_named, write_prefix};
    use super::super::stored::StoredContext;
    use super::*;
    use crate::context::Context;
    use crate::error::Status;
    use crate::keystore::KeyId;

    /// A head with key cells, unknown cells and free cells, as a list of (type, size).
    fn build(kind: Kind, stored: &[u8], cells: &[(u8, usize)]) -> Vec<u8> {
        let area = cells.iter().map(|(_, size)| size).sum();
        let mut head = vec![0x5A; FIXED];
        write_preamble(&mut head, kind, stored.len(), area);
        head.extend_from_slice(stored);
        for (i, &(tag, size)) in cells.iter().enumerate() {
            let mut cell = vec![i as u8; size];
            match tag {
                1 => write_named(&mut cell, size, KeyId([7; 16]), 1 + i as u32, [9; 8]),
                _ => write_prefix(&mut cell, tag, size),
            }
            head.extend_from_slice(&cell);
        }
        head
    }

    fn names() -> Vec<u8> {
        let packed = Context::pack(&[("column", "pan"), ("table", "cards")]).unwrap();
        let context = Context::unpack(&packed).unwrap();
        let mut out = vec![0; StoredContext::Names.size(&context).unwrap()];
        StoredContext::Names.write(&context, &mut out);
        out
    }

    fn status(bytes: &[u8]) -> Option<Status> {
        Head::parse(bytes, None).err().map(|e| e.status())
    }

    #[test]
    fn every_truncation_and_every_changed_structural_byte_is_refused() {
        let head = build(Kind::Envelope, &names(), &[(1, 104), (0x55, 20), (TYPE_FREE, 104)]);
        assert_eq!(status(&head), None);
        for len in 0..head.len() {
            let refused = status(&head[..len]);
            let expected = if len < 4 { Status::NotAnEnvelope } else { Status::Malformed };
            assert_eq!(refused, Some(expected), "cut to {len}");
        }
        for (at, expected) in [
            (0, Status::NotAnEnvelope),
            (3, Status::UnsupportedFormat),
            (4, Status::UnsupportedFormat),
            (5, Status::Malformed),
            (7, Status::Malformed),
            (9, Status::Malformed),
            (11, Status::Malformed),
            (FIXED + 1, Status::Malformed),
            (FIXED + 21 + 1, Status::Malformed),
            (FIXED + 21 + 3, Status::Malformed),
        ] {
            let mut changed = head.clone();
            changed[at] ^= 0x40;
            assert_eq!(status(&changed), Some(expected), "changed at {at}");
        }
    }

    /// T-10. Every size field with the values that break careless arithmetic; nothing is allocated by any of them.
    #[test]
    fn hostile_sizes_are_refused() {
        let good = build(Kind::Envelope, &names(), &[(1, 104), (1, 104)]);
        for at in [6, 8, FIXED, FIXED + 2, FIXED + 21 + 2, FIXED + 21 + 104 + 2] {
            for value in [0u16, 1, 3, 0x7FFF, 0x8000, 0x8001, 0xFFFE, 0xFFFF] {
                let mut changed = good.clone();
                changed[at..at + 2].copy_from_slice(&value.to_be_bytes());
                assert_eq!(status(&changed), Some(Status::Malformed), "{value:#x} at {at}");
            }
        }
    }

    #[test]
    fn blobs_have_cells_of_one_size_and_end_with_their_head() {
        let ok =
            |cells: &[(u8, usize)]| Head::parse_blob(&build(Kind::DataKey, &[], cells)).map(|h| h.dek).ok();
        assert_eq!(ok(&[(1, 88)]), Some(Some(16)));
        assert_eq!(ok(&[(1, 1096), (9, 4), (1, 1096)]), Some(Some(1024)));
        assert_eq!(ok(&[(0x55, 88)]), Some(None));
        assert_eq!(ok(&[(1, 87), (0x55, 4)]), None);
        assert_eq!(ok(&[(1, 1097)]), None);
        assert_eq!(ok(&[(1, 104), (1, 103)]), None);
        let mut longer = build(Kind::DataKey, &[], &[(1, 104)]);
        longer.push(0);
        assert!(Head::parse_blob(&longer).is_err());
        assert!(matches!(
            Head::parse_blob(&build(Kind::Envelope, &[], &[(1, 104)])),
            Err(Error::NotAnEnvelope)
        ));
    }

    fn some_cells() -> impl Strategy<Value = Vec<(u8, usize)>> {
        let cell = prop_oneof![
            4 => Just((1u8, 104usize)),
            1 => Just((1, 103)),
            2 => (4usize..300).prop_map(|size| (TYPE_FREE, size)),
            2 => (0x40u8..0x60, 4usize..300),
        ];
        prop::collection::vec(cell, 0..36)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        /// T-07. A head that parses is the encoding of what was parsed, and parses exactly when FORMAT.md says so.
        /// Fails when a reserved byte, the tiling or the count of cells goes unchecked.
        #[test]
        fn what_parses_encodes_back_to_the_same_bytes(
            cells in some_cells(), with_names in any::<bool>(),
            change in prop::option::of((0usize..2000, any::<u8>())), tail in 0usize..40,
        ) {
            let stored = if with_names { names() } else { Vec::new() };
            let area: usize = cells.iter().map(|(_, size)| size).sum();
            prop_assume!(area <= 0xFFFF);
            let mut bytes = build(Kind::Envelope, &stored, &cells);
            let valid = (88..=32768).contains(&area)
                && (1..=32).contains(&cells.len())
                && cells.iter().any(|(tag, _)| *tag != TYPE_FREE)
                && cells.iter().all(|(tag, size)| *tag != 1 || *size == 104);
            if change.is_none() {
                prop_assert_eq!(Head::parse(&bytes, None).is_ok(), valid);
            }
            if let Some((at, value)) = change {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            let len = bytes.len();
            bytes.resize(len + tail, 0xEE);
            if let Ok(head) = Head::parse(&bytes, None) {
                let mut again = vec![0; FIXED];
                write_preamble(&mut again, head.kind, head.stored().len(), head.area().len());
                again[PREAMBLE..].copy_from_slice(head.commitment());
                again.extend_from_slice(head.stored());
                for cell in head.cells() {
                    let mut copy = cell.bytes.to_vec();
                    match cell.key() {
                        Some(key) => write_named(&mut copy, cell.bytes.len(), key.key_id(), key.version(), key.material_id()),
                        None => write_prefix(&mut copy, cell.tag(), cell.bytes.len()),
                    }
                    again.extend_from_slice(&copy);
                }
                prop_assert_eq!(&again[..], &bytes[..head.len()]);
            }
        }
    }
}
