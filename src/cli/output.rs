//! What goes to standard output: JSON for programs, words and tables for people, and nothing that a terminal obeys.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

use super::exit::{Exit, Failure, Result};

/// Writes all of it to standard output. A reader who has gone ends the command quietly; any other error fails it.
pub(super) fn write_stdout(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| stdout_failure(&e))
}

pub(super) fn stdout_failure(error: &io::Error) -> Failure {
    let failure = Failure::io("writing to standard output", error);
    Failure { quiet: (error.kind() == io::ErrorKind::BrokenPipe).then_some(Exit::Done), ..failure }
}

/// One line.
pub(super) fn line(text: impl AsRef<str>) -> Result<()> {
    write_stdout(format!("{}\n", safe(text.as_ref())).as_bytes())
}

/// Several lines, each of them made safe.
pub(super) fn lines(text: &str) -> Result<()> {
    let text: String = text.lines().map(|l| format!("{}\n", safe(l))).collect();
    write_stdout(text.as_bytes())
}

/// One JSON object on a line.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    let value = serde_json::to_value(value)
        .map_err(|_| Failure::new(crate::Status::Internal, "internal error: a result has no JSON"))?;
    write_stdout(format!("{}\n", json_text(&value)).as_bytes())
}

/// A table with a head and no ruling; as wide as it needs when nobody looks.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head.iter().copied());
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| safe(cell)));
    }
    let text: String = table.lines().map(|l| format!("{}\n", l.trim().trim_end())).collect();
    write_stdout(text.as_bytes())
}

/// Names and values under each other, the values in one column.
pub(super) fn pairs(pairs: &[(&str, String)]) -> Result<()> {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    let text: String = pairs.iter().map(|(name, value)| format!("{name:width$}{}\n", safe(value))).collect();
    write_stdout(text.as_bytes())
}

/// Text with everything escaped that a terminal would obey or reorder. Names come from files and envelopes, so
/// whoever wrote those chose them.
pub(super) fn safe(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match is_unsafe(c) {
            true => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            false => out.push(c),
        }
        out
    })
}

/// Compact JSON in which the same characters are escaped; they can stand in strings only.
pub(super) fn json_text(value: &Value) -> String {
    value.to_string().chars().fold(String::new(), |mut out, c| {
        match is_unsafe(c) {
            true => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|u| out.push_str(&format!("\\u{u:04x}")));
            }
            false => out.push(c),
        }
        out
    })
}

/// Whether this is text that a terminal only shows.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let harmless = |c: char| !is_unsafe(c) || matches!(c, '\n' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(harmless))
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and everything that steers bidirectional text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    // Seen to fail when `is_unsafe` knows control characters only.
    #[test]
    fn nothing_a_terminal_obeys_comes_through() {
        let hostile = "a\x1b]0;t\x07\n\r\u{9b}31m\u{202E}gpj.exe\u{2066}\u{E0041}é漢";
        let shown = safe(hostile);
        assert_eq!(shown, "a\\u{1b}]0;t\\u{7}\\u{a}\\u{d}\\u{9b}31m\\u{202e}gpj.exe\\u{2066}\\u{e0041}é漢");
        let json = json_text(&serde_json::json!({ "name": hostile }));
        assert!(json.chars().all(|c| !is_unsafe(c)), "{json}");
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["name"], hostile, "and JSON says the same");
    }
}
