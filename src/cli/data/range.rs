//! `keyfold decrypt --range`: some bytes of a message, touching only the chunks that hold them.

use std::fs::File;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::super::exit::{Failure, Result};
use super::super::files::{Input, Output};
use super::super::opening::{Opening, tell};
use super::super::session::Session;
use super::super::sys;
use super::MAX_SHOWN;
use crate::envelope::{Context, FileAt, Opened, Reader, Work};

/// Bytes that are read at once.
const PIECE: u64 = 1 << 20;

/// Which bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Range {
    /// From an offset on, so many at most; to the end without.
    From(u64, Option<u64>),
    /// The last ones.
    Last(u64),
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Range, String> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|_| digits)
        };
        let range = text.split_once(':').and_then(|(offset, len)| match (offset.strip_prefix('-'), len) {
            (Some(last), "") => number(last).map(Range::Last),
            (Some(_), _) => None,
            (None, "") => Some(Range::From(number(offset)?, None)),
            (None, len) => Some(Range::From(number(offset)?, Some(number(len)?))),
        });
        range.ok_or_else(|| "write it as OFFSET:LENGTH, OFFSET: or -N: in bytes".to_owned())
    }
}

impl Range {
    pub(in crate::cli) fn run(
        &self,
        session: &Session,
        opening: &Opening<'_>,
        context: &Context<'_>,
        input: &Input,
        output: &Output,
        threads: u32,
    ) -> Result<()> {
        if input.len().is_none() {
            return Err(Failure::usage(format!("{} cannot be read at any place", input.name()))
                .hint("--range takes a regular file; decrypt all of it, and cut it then"));
        }
        let name = input.name();
        let failure = |e| opening.args.failure(opening.store, &name, &input.argument(), e);
        let open = |file: File| {
            let source = Box::new(FileAt::new(file, &name));
            Reader::open(&opening.keys(), source, context, &opening.options())
        };
        let reader = match (open(input.source()?), input.again()) {
            // A rewrap in place may have been under way (FORMAT.md 9.8).
            (Err(_), Some(again)) => open(again.locked()?.source()?).map_err(failure)?,
            (opened, _) => opened.map_err(failure)?,
        };
        let (mut offset, end) = match *self {
            Range::From(offset, len) => (offset, len.map_or(u64::MAX, |len| offset.saturating_add(len))),
            Range::Last(last) => (reader.len().map_err(failure)?.saturating_sub(last), u64::MAX),
        };
        if offset > 0 {
            // Where a message ends, only its last chunk tells.
            let whole = reader.len().map_err(failure)?;
            if offset > whole {
                return Err(Failure::usage(format!(
                    "the range begins at {offset}, and the message of {name} has {whole} bytes"
                )));
            }
        }
        let work = Work { threads, cancel: Some(sys::cancel_flag()), progress: None };
        let mut piece = Zeroizing::new(vec![0; usize::try_from(PIECE.min(end - offset)).unwrap_or(0)]);
        let mut shown = matches!(output, Output::Terminal).then(|| Zeroizing::new(Vec::new()));
        let mut sink = match shown {
            Some(_) => None,
            None => Some(output.begin()?),
        };
        let mut written = 0;
        while offset < end {
            let wanted = usize::try_from(PIECE.min(end - offset)).unwrap_or(0);
            let len = reader.pread(offset, &mut piece[..wanted], &work).map_err(failure)?;
            match (&mut shown, &mut sink) {
                (Some(shown), _) if shown.len() + len > MAX_SHOWN => {
                    return Err(Failure::usage(format!("the range of {name} is too long to be shown"))
                        .hint("use -o FILE, or -o - to force it"));
                }
                (Some(shown), _) => shown.extend_from_slice(&piece[..len]),
                (None, Some(sink)) => sink.write(&piece[..len])?,
                (None, None) => {}
            }
            written += len;
            offset += len as u64;
            if len < wanted {
                break;
            }
        }
        if let Some(shown) = shown {
            output.write(&shown)?;
        }
        if let Some(sink) = sink {
            sink.finish()?;
        }
        let opened = Opened { len: written, ..reader.opened().clone() };
        tell(session, opening.store, opening.args, &opened, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        for (text, range) in [
            ("0:5", Some(Range::From(0, Some(5)))),
            ("7:", Some(Range::From(7, None))),
            ("-3:", Some(Range::Last(3))),
            ("18446744073709551615:1", Some(Range::From(u64::MAX, Some(1)))),
            ("5", None),
            (":5", None),
            ("-3:1", None),
            ("+1:2", None),
            ("1:+2", None),
            ("1:-2", None),
            ("0x1:2", None),
            ("18446744073709551616:1", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), range, "{text:?}");
        }
    }
}
