//! What of a context stands in the head, and how it merges with what the caller supplies: FORMAT.md section 5.

use crate::context::{Context, Form, MAX_ENCODED, NOT_STORED, Pairs, check};
use crate::error::{Error, Result};

/// What of a context stands in the envelope's head: nothing, the names, or names and some or all values.
///
/// Whatever is stored can be read without a key. It makes an envelope easier to explain; it does not replace the
/// context that the reader supplies.
#[derive(Clone, Copy, Debug)]
pub enum StoredContext<'a> {
    /// Nothing.
    None,
    /// All names, no value.
    Names,
    /// All names and all values.
    All,
    /// All names, and the values of these. Every one of them must be a name of the context.
    ValuesOf(&'a [&'a str]),
}

impl StoredContext<'_> {
    /// Bytes it takes in the head for this context (0 for an empty context).
    ///
    /// # Errors
    /// INVALID_CONTEXT where [`StoredContext::ValuesOf`] names what the context does not have.
    pub fn size(&self, context: &Context<'_>) -> Result<usize> {
        let pairs = Pairs::of(context.as_bytes());
        if let StoredContext::ValuesOf(names) = self
            && !names.iter().all(|wanted| pairs.clone().any(|(name, _)| name == wanted.as_bytes()))
        {
            return Err(Error::InvalidContext {
                why: "a value to be stored is of a name that it does not have",
            });
        }
        if matches!(self, StoredContext::None) || pairs.left() == 0 {
            return Ok(0);
        }
        let kept = self.kept();
        Ok(2 + pairs
            .map(|(name, value)| {
                4 + name.len() + if kept.has(name) { value.map_or(0, <[u8]>::len) } else { 0 }
            })
            .sum::<usize>())
    }

    /// Writes the stored form into exactly [`StoredContext::size`] bytes.
    pub(super) fn write(&self, context: &Context<'_>, out: &mut [u8]) {
        let pairs = Pairs::of(context.as_bytes());
        if out.is_empty() {
            return;
        }
        let (mut to, kept) = (Writer { out, at: 0 }, self.kept());
        to.put(&pairs.left().to_be_bytes());
        for (name, value) in pairs {
            to.put_text(name);
            match value {
                Some(value) if kept.has(name) => to.put_text(value),
                _ => to.put(&NOT_STORED.to_be_bytes()),
            };
        }
    }

    fn kept(&self) -> Kept<'_> {
        match self {
            StoredContext::None | StoredContext::Names => Kept { all: false, names: &[] },
            StoredContext::All => Kept { all: true, names: &[] },
            StoredContext::ValuesOf(names) => Kept { all: false, names },
        }
    }
}

/// The names whose values are stored. Taken out of [`StoredContext`] once, before a loop over the pairs: looked up in it for
/// each pair, the optimiser looks at the names where there are none, and valgrind tells of it.
struct Kept<'a> {
    all: bool,
    names: &'a [&'a str],
}

impl Kept<'_> {
    fn has(&self, name: &[u8]) -> bool {
        self.all || self.names.iter().any(|kept| kept.as_bytes() == name)
    }
}

/// Checks the stored context of a head (X > 0).
pub(super) fn check_stored(bytes: &[u8]) -> Result<()> {
    check(bytes, Form::Stored).map_err(|_| Error::Malformed { why: "the stored context is not canonical" })
}

/// Why a stored and a supplied context do not merge. The data path answers AUTH to both; `explain` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mismatch;

/// Whether the supplied context is the whole one and agrees with a stored one (checked, not empty): the default
/// rule, FORMAT.md 5.4. One pass, no copy.
pub(super) fn agrees(stored: &[u8], supplied: &Context<'_>) -> bool {
    let (stored, supplied) = (Pairs::of(stored), Pairs::of(supplied.as_bytes()));
    stored.left() == supplied.left()
        && stored.zip(supplied).all(|((name, kept), (given, value))| {
            name == given && kept.is_none_or(|kept| Some(kept) == value)
        })
}

/// A merged context's bytes, at most 8,192.
pub(super) type MergeBuffer = [u8; MAX_ENCODED];

/// Merges a stored context (checked, not empty) with a supplied one, taking stored values where none is supplied:
/// FORMAT.md 5.5.
pub(super) fn merge<'b>(
    stored: &[u8],
    supplied: &Context<'_>,
    buffer: &'b mut MergeBuffer,
) -> Result<Context<'b>, Mismatch> {
    let stored = Pairs::of(stored);
    let mut supplied = Pairs::of(supplied.as_bytes()).peekable();
    let mut to = Writer { out: buffer, at: 0 };
    to.put(&stored.left().to_be_bytes()).ok_or(Mismatch)?;
    for (name, kept) in stored {
        let value = match (kept, supplied.next_if(|(given, _)| *given == name)) {
            (Some(kept), Some((_, Some(given)))) if kept == given => given,
            (None, Some((_, Some(given)))) => given,
            (Some(kept), None) => kept,
            _ => return Err(Mismatch),
        };
        to.put_text(name).ok_or(Mismatch)?;
        to.put_text(value).ok_or(Mismatch)?;
    }
    if supplied.next().is_some() {
        return Err(Mismatch);
    }
    let len = to.at;
    Ok(Context::trusted(&buffer[..len]))
}

/// Writes one after another into a slice; None where it is full.
struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at.checked_add(bytes.len())?;
        self.out.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }

    fn put_text(&mut self, text: &[u8]) -> Option<()> {
        // Names and values of a checked context are under 65,535 bytes.
        self.put(&(text.len() as u16).to_be_bytes())?;
        self.put(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(pairs: &[(&str, &str)]) -> Vec<u8> {
        Context::pack(pairs).unwrap()
    }

    fn store(form: StoredContext<'_>, pairs: &[(&str, &str)]) -> Vec<u8> {
        let packed = pack(pairs);
        let context = Context::unpack(&packed).unwrap();
        let mut out = vec![0xA5; form.size(&context).unwrap()];
        form.write(&context, &mut out);
        if !out.is_empty() {
            check_stored(&out).unwrap();
        }
        out
    }

    const ROW: &[(&str, &str)] = &[("column", "pan"), ("row", ""), ("table", "cards")];

    #[test]
    fn every_form_is_stored_in_its_size_and_reads_as_canonical() {
        assert_eq!(store(StoredContext::None, ROW), Vec::<u8>::new());
        assert_eq!(store(StoredContext::All, ROW), pack(ROW));
        assert_eq!(store(StoredContext::Names, ROW), store(StoredContext::ValuesOf(&[]), ROW));
        assert_eq!(store(StoredContext::Names, ROW).len(), 2 + 3 * 4 + 6 + 3 + 5);
        assert_eq!(store(StoredContext::ValuesOf(&["table", "row"]), ROW).len(), 2 + 3 * 4 + 6 + 3 + 5 + 5);
        assert_eq!(store(StoredContext::All, &[]), Vec::<u8>::new());
        let packed = pack(ROW);
        let context = Context::unpack(&packed).unwrap();
        assert!(StoredContext::ValuesOf(&["Table"]).size(&context).is_err());
        assert!(StoredContext::ValuesOf(&["table"]).size(&Context::EMPTY).is_err());
    }

    /// T-178. Fails when a stored value fills in for one that was not given (`merge` called in place of `agrees`).
    #[test]
    fn by_default_a_stored_value_satisfies_nothing() {
        for form in [StoredContext::All, StoredContext::Names, StoredContext::ValuesOf(&["column"])] {
            let stored = store(form, ROW);
            let gives = |pairs: &[(&str, &str)]| agrees(&stored, &Context::unpack(&pack(pairs)).unwrap());
            assert!(gives(ROW));
            assert!(!gives(&[]));
            assert!(!gives(&ROW[..2]));
            assert!(!gives(&ROW[1..]));
            assert!(!gives(&[("column", "pan"), ("row", ""), ("table", "cards"), ("x", "")]));
            assert!(!gives(&[("column", "pan"), ("row", ""), ("Table", "cards")]));
        }
        let all = store(StoredContext::All, ROW);
        assert!(!agrees(
            &all,
            &Context::unpack(&pack(&[("column", "cards"), ("row", ""), ("table", "pan")])).unwrap()
        ));
    }

    #[test]
    fn accepted_stored_values_fill_gaps_and_never_override() {
        let mut buffer = [0; MAX_ENCODED];
        let mut merged = |form, pairs: &[(&str, &str)]| {
            let stored = store(form, ROW);
            merge(&stored, &Context::unpack(&pack(pairs)).unwrap(), &mut buffer)
                .map(|c| c.as_bytes().to_vec())
        };
        let whole = Ok(pack(ROW));
        assert_eq!(merged(StoredContext::All, &[]), whole);
        assert_eq!(merged(StoredContext::All, ROW), whole);
        assert_eq!(merged(StoredContext::All, &ROW[1..2]), whole);
        assert_eq!(merged(StoredContext::ValuesOf(&["column", "row"]), &ROW[2..]), whole);
        assert_eq!(merged(StoredContext::Names, ROW), whole);
        assert_eq!(merged(StoredContext::Names, &ROW[1..]), Err(Mismatch));
        assert_eq!(merged(StoredContext::All, &[("table", "cars")]), Err(Mismatch));
        assert_eq!(merged(StoredContext::All, &[("zz", "")]), Err(Mismatch));
        assert_eq!(merged(StoredContext::All, &[("a", "")]), Err(Mismatch));
    }

    #[test]
    fn a_merge_over_the_limit_is_a_mismatch() {
        let big = "v".repeat(5000);
        let pairs: &[(&str, &str)] = &[("a", &big), ("b", "")];
        let stored = store(StoredContext::ValuesOf(&["a"]), pairs);
        let given = pack(&[("b", &big)]);
        let mut buffer = [0; MAX_ENCODED];
        assert_eq!(merge(&stored, &Context::unpack(&given).unwrap(), &mut buffer), Err(Mismatch));
    }

    #[test]
    fn value_lengths_between_the_limit_and_the_mark_are_malformed() {
        for len in [8193u16, 0x7FFF, 0x8000, 0xFFFE] {
            let mut bytes = vec![0, 1, 0, 1, b'a'];
            bytes.extend_from_slice(&len.to_be_bytes());
            assert!(check_stored(&bytes).is_err());
        }
        assert!(check_stored(&[0, 1, 0, 1, b'a', 0xFF, 0xFF]).is_ok());
    }
}
