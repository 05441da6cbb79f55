//! The encryption context and its canonical encoding: FORMAT.md section 4.

use std::cmp::Ordering;

use crate::error::{Error, Result};

/// The most bytes an encoding may have, stored or merged.
pub(super) const MAX_ENCODED: usize = 8192;
/// The most pairs.
pub(super) const MAX_PAIRS: usize = 64;
const MAX_NAME: usize = 256;
const MAX_VALUE: usize = 8192;
/// In a stored context: "this value is not stored".
pub(super) const NOT_STORED: u16 = 0xFFFF;

fn looks_like_a_card(text: &str) -> bool {
    let mut digits = Vec::with_capacity(19);
    for c in text.chars() {
        match c.to_digit(10) {
            Some(digit) if digits.len() < 19 => digits.push(digit),
            None if matches!(c, ' ' | '-') => {}
            _ => return false,
        }
    }
    // Every second digit from the right counts twice, by the sum of its digits.
    let doubled = |(at, digit): (usize, &u32)| match at % 2 {
        0 => *digit,
        _ => 2 * digit - if *digit > 4 { 9 } else { 0 },
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// A whole context in its canonical encoding, checked. Borrowed from the caller.
///
/// A context is not secret: it may be stored in the envelope's head and appears in audit trails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    bytes: &'a [u8],
}

impl<'a> Context<'a> {
    /// No context: `00 00`.
    pub const EMPTY: Context<'static> = Context { bytes: &[0, 0] };

    /// Checks bytes that must be the canonical encoding. No bytes at all mean no context, as `00 00` does.
    ///
    /// # Errors
    /// INVALID_CONTEXT, with the rule that is broken.
    pub fn unpack(bytes: &'a [u8]) -> Result<Context<'a>> {
        if bytes.is_empty() { Ok(Context::EMPTY) } else { Context::from_canonical(bytes) }
    }

    /// As [`Context::unpack`], but refuses the absence of bytes too: exactly the encoding.
    pub fn from_canonical(bytes: &'a [u8]) -> Result<Context<'a>> {
        match check(bytes, Form::Whole) {
            Ok(()) => Ok(Context { bytes }),
            Err(why) => Err(Error::InvalidContext { why }),
        }
    }

    /// The name of a pair whose value looks like a payment card's number: 13 to 19 digits, perhaps in groups with blanks or
    /// hyphens, whose last is the check digit of ISO/IEC 7812-1 (Luhn). A context is not secret, so it should have none;
    /// one number in ten looks so by chance.
    pub fn card_number(&self) -> Option<&'a str> {
        self.pairs().find(|(_, value)| looks_like_a_card(value)).map(|(name, _)| name)
    }

    /// The canonical encoding of pairs in any order.
    ///
    /// # Errors
    /// INVALID_CONTEXT for a name that is given twice and for broken limits.
    pub fn pack(pairs: &[(&str, &str)]) -> Result<Vec<u8>> {
        // The limits that keep the encoding's own length fields from overflowing, before anything is written.
        if pairs.len() > MAX_PAIRS {
            return Err(Error::InvalidContext { why: TOO_MANY });
        }
        if pairs.iter().map(|(name, value)| 4 + name.len() + value.len()).sum::<usize>() + 2 > MAX_ENCODED {
            return Err(Error::InvalidContext { why: TOO_LONG });
        }
        let mut sorted = pairs.to_vec();
        sorted.sort_unstable_by_key(|(name, _)| name.as_bytes());
        let mut out = (sorted.len() as u16).to_be_bytes().to_vec();
        for (name, value) in sorted {
            for text in [name, value] {
                out.extend_from_slice(&(text.len() as u16).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
        Context::from_canonical(&out)?;
        Ok(out)
    }

    /// The encoding.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The pairs in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        // Checked when this was made, so that no pair is lost here.
        Pairs::of(self.bytes)
            .filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, str::from_utf8(value?).ok()?)))
    }

    /// Refuses a context that lacks one of these names, for callers whose own callers must give them (a row's id,
    /// a tenant). Do this before decrypting: an envelope whose context never had the name opens without it.
    ///
    /// # Errors
    /// CONTEXT_REQUIRED with the first name that is missing.
    pub fn require(&self, names: &[&str]) -> Result<()> {
        let has = |wanted: &str| Pairs::of(self.bytes).any(|(name, _)| name == wanted.as_bytes());
        match names.iter().find(|name| !has(name)) {
            None => Ok(()),
            Some(name) => {
                Err(Error::ContextRequired { name: name.chars().take(80).collect::<String>().into() })
            }
        }
    }

    /// Bytes that [`check`] has passed, for the merged context.
    pub(super) fn trusted(bytes: &'a [u8]) -> Context<'a> {
        Context { bytes }
    }
}

/// Which of the two encodings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A context: every value is there, and there may be no pair.
    Whole,
    /// A stored context: values may be absent, and there is a pair at least.
    Stored,
}

const TOO_LONG: &str = "it is encoded in over 8,192 bytes";
const TOO_MANY: &str = "it has over 64 pairs";
const CUT: &str = "its encoding ends before it should";

/// Checks an encoding in one pass: everything that FORMAT.md 4.2, 4.3 and 5.2 ask. Every call of the data path comes
/// through here, so short names are compared byte by byte (a call to `memcmp` costs more), and an encoding that is
/// ASCII as a whole, which nearly all are, never reaches the UTF-8 decoder.
pub(super) fn check(bytes: &[u8], form: Form) -> Result<(), &'static str> {
    if bytes.len() > MAX_ENCODED {
        return Err(TOO_LONG);
    }
    let (count, mut rest) = number(bytes).ok_or(CUT)?;
    if usize::from(count) > MAX_PAIRS {
        return Err(TOO_MANY);
    }
    if count == 0 && form == Form::Stored {
        return Err("it is stored without a pair");
    }
    let ascii = bytes.is_ascii();
    let utf8 = |text| ascii || str::from_utf8(text).is_ok();
    let mut before: &[u8] = &[];
    for _ in 0..count {
        let (len, after) = number(rest).ok_or(CUT)?;
        let (name, after) = after.split_at_checked(len.into()).ok_or(CUT)?;
        if name.is_empty() || name.len() > MAX_NAME {
            return Err("a name has 1 to 256 bytes");
        }
        if name.iter().fold(false, |found, byte| found | (*byte < 0x20) | (*byte == 0x7F)) {
            return Err("a name holds a control character");
        }
        if !utf8(name) {
            return Err("a name is not valid UTF-8");
        }
        match compare(before, name) {
            Ordering::Less => before = name,
            Ordering::Equal => return Err("a name comes twice"),
            Ordering::Greater => return Err("its names are not in byte order"),
        }
        let (len, after) = number(after).ok_or(CUT)?;
        if len == NOT_STORED && form == Form::Stored {
            rest = after;
            continue;
        }
        if usize::from(len) > MAX_VALUE {
            return Err("a value has over 8,192 bytes");
        }
        let (value, after) = after.split_at_checked(len.into()).ok_or(CUT)?;
        if !utf8(value) {
            return Err("a value is not valid UTF-8");
        }
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err("bytes follow its last pair") }
}

#[inline]
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    for (a, b) in one.iter().zip(other) {
        if a != b {
            return a.cmp(b);
        }
    }
    one.len().cmp(&other.len())
}

/// A two-byte number and what follows it.
#[inline]
fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), rest))
}

/// The pairs of an encoding of either form; None where a value is not stored. Ends early at bytes that [`check`]
/// would refuse, and never panics.
#[derive(Clone)]
pub(super) struct Pairs<'a> {
    left: u16,
    rest: &'a [u8],
}

impl<'a> Pairs<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Pairs<'a> {
        let (left, rest) = number(bytes).unwrap_or((0, &[]));
        Pairs { left, rest }
    }

    /// How many pairs are still to come.
    pub(super) fn left(&self) -> u16 {
        self.left
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (len, after) = number(self.rest)?;
        let (name, after) = after.split_at_checked(len.into())?;
        let (len, after) = number(after)?;
        if len == NOT_STORED {
            self.rest = after;
            return Some((name, None));
        }
        let (value, after) = after.split_at_checked(len.into())?;
        self.rest = after;
        Some((name, Some(value)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// T-06: what joins to one text in other encodings is apart in this one.
    #[test]
    fn lookalike_contexts_have_different_encodings() {
        let alike: &[&[(&str, &str)]] = &[
            &[],
            &[("a", "b=c")],
            &[("a=b", "c")],
            &[("a", "bc")],
            &[("ab", "c")],
            &[("a", ""), ("b", "c")],
            &[("a", "\0\u{1}b\0\u{1}c")],
            &[("a", "b"), ("c", "")],
            &[("a", "b\0c")],
            &[("A", "bc")],
            &[("a", "B")],
            &[("é", "x")],
            &[("e\u{301}", "x")],
        ];
        let encodings: Vec<_> = alike.iter().map(|pairs| Context::pack(pairs).unwrap()).collect();
        for (i, one) in encodings.iter().enumerate() {
            assert!(encodings[..i].iter().all(|other| other != one), "{:?}", alike[i]);
        }
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let name = "n".repeat(256);
        assert!(Context::pack(&[(&name, "x")]).is_ok());
        assert!(Context::pack(&[(&(name + "n"), "x")]).is_err());
        // 2 + 2 + 1 + 2 + 8,185 = 8,192.
        assert!(Context::pack(&[("a", &"v".repeat(8185))]).is_ok());
        assert!(Context::pack(&[("a", &"v".repeat(8186))]).is_err());
        assert!(Context::pack(&[("a", &"v".repeat(70_000))]).is_err());
        let names: Vec<String> = (0..65).map(|i| format!("{i:02}")).collect();
        let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert!(Context::pack(&pairs[..64]).is_ok());
        assert!(Context::pack(&pairs).is_err());
        for bad in ["", "a\nb", "\u{7f}", "\0"] {
            assert!(Context::pack(&[(bad, "x")]).is_err(), "{bad:?}");
        }
        assert!(Context::pack(&[("a", "x"), ("b", "y"), ("a", "x")]).is_err());
        assert_eq!(Context::unpack(&[]).unwrap(), Context::EMPTY);
        assert!(Context::from_canonical(&[]).is_err());
    }

    #[test]
    fn a_required_name_that_is_missing_is_named() {
        let packed = Context::pack(&[("row", "17"), ("table", "cards")]).unwrap();
        let context = Context::unpack(&packed).unwrap();
        assert_eq!(context.require(&["table", "row"]), Ok(()));
        assert_eq!(context.require(&["row", "col"]), Err(Error::ContextRequired { name: "col".into() }));
    }

    fn some_context() -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map("[a-c=é\u{10000}]{1,3}", "[ab=,\0é]{0,4}", 0..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// T-06, property: equal encodings come from equal contexts only, whatever order pairs are given in, and
        /// decoding gives the pairs back. Fails when lengths are left out of the encoding.
        #[test]
        fn the_encoder_is_injective_and_decoding_inverts_it(one in some_context(), other in some_context()) {
            let pack = |map: &BTreeMap<String, String>, reverse: bool| {
                let mut pairs: Vec<_> = map.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                if reverse { pairs.reverse() }
                Context::pack(&pairs).unwrap()
            };
            let packed = pack(&one, false);
            prop_assert_eq!(&packed, &pack(&one, true));
            prop_assert_eq!(packed == pack(&other, false), one == other);
            let back: BTreeMap<String, String> = Context::unpack(&packed).unwrap().pairs()
                .map(|(n, v)| (n.into(), v.into())).collect();
            prop_assert_eq!(back, one);
        }

        /// T-07: what is accepted is the one encoding of what it means. Fails when the order of names, or what follows
        /// the last pair, goes unchecked.
        #[test]
        fn accepted_bytes_encode_back_to_themselves(
            count in 0u8..4, pairs in prop::collection::vec(("[ab]{0,2}", "[x\u{80}]{0,1}"), 0..4),
            change in prop::option::of((any::<prop::sample::Index>(), 0u8..4)), more in prop_oneof![9 => 0usize..1, 1 => 1usize..3],
        ) {
            let mut bytes = vec![0, count];
            for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
                bytes.extend_from_slice(&(text.len() as u16).to_be_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            bytes.resize(bytes.len() + more, 0);
            if let Some((at, value)) = change {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(context) = Context::from_canonical(&bytes) {
                let pairs: Vec<_> = context.pairs().collect();
                prop_assert_eq!(Context::pack(&pairs).unwrap(), bytes);
            }
        }
    }

    /// T-47. Mutations seen to fail it: digits doubled from the left; a length that is not looked at.
    #[test]
    fn what_looks_like_a_card_number_is_told_by_its_name() {
        let found = |value: &str| {
            let packed = Context::pack(&[("note", "x"), ("pan", value)]).unwrap();
            Context::unpack(&packed).unwrap().card_number().map(str::to_owned)
        };
        for card in ["4111111111111111", "4111 1111 1111 1111", "3782-822463-10005", "4222222222222"] {
            assert_eq!(found(card).as_deref(), Some("pan"), "{card}");
        }
        for other in [
            "4111111111111112",
            "411111111111",
            "100000000008",
            "41111111111111111111",
            "0000000000000000",
            "4111x1111111111111",
            "",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
