//! Case files. Line by line:
//!
//! ```text
//! # a remark
//! % mkdir x                 a step of the shell, in the working folder; it must succeed
//! @ NAME=value              a variable of the environment from here on (no value: gone)
//! $ key show cards          a step of keyfold
//! < text                    its standard input, a line each
//! > text                    what it prints, a line each
//! ! text                    what it prints on standard error
//! = 4                       its exit code, if it is not 0
//! ```
//!
//! Every line of output is compared whole. [DIR], [UUID], [DATE], [HEX], [N], [VKEY] and [VERSION] stand for what
//! differs.

use std::path::Path;
use std::process::Command;

use super::place::Place;

#[derive(Default)]
struct Step {
    /// Remarks, shell steps and variables before it, as they stand.
    before: Vec<String>,
    arguments: Option<String>,
    stdin: String,
    expected: Vec<String>,
}

/// Runs a file; says where it differs.
pub fn run(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut place = Place::empty();
    let mut written = String::new();
    let mut differences = String::new();
    for step in steps(&text) {
        for line in &step.before {
            written += &format!("{line}\n");
            if let Some(shell) = line.strip_prefix("% ") {
                let status = Command::new("sh").args(["-ec", shell]).current_dir(place.root()).status();
                assert!(status.unwrap().success(), "{}: {line}", file.display());
            } else if let Some((name, value)) = line.strip_prefix("@ ").and_then(|l| l.split_once('=')) {
                let value = value.replace("[DIR]", &place.root().display().to_string());
                place.environment.retain(|(n, _)| n != name);
                if !value.is_empty() {
                    place.environment.push((name.to_owned(), value));
                }
            }
        }
        let Some(command) = &step.arguments else { continue };
        let done = place.run_with(&words(command), step.stdin.as_bytes());
        let mut found: Vec<String> = Vec::new();
        found.extend(
            normal(&String::from_utf8_lossy(&done.stdout), &place)
                .lines()
                .map(|l| format!("> {l}").trim_end().into()),
        );
        found.extend(normal(&done.stderr, &place).lines().map(|l| format!("! {l}")));
        match done.code {
            Some(0) => {}
            code => found.push(format!("= {}", code.map_or("a signal".into(), |c| c.to_string()))),
        }
        written += &format!("$ {command}\n");
        written.extend(step.stdin.lines().map(|l| format!("< {l}\n")));
        written.extend(found.iter().map(|l| format!("{l}\n")));
        if found != step.expected {
            differences += &format!(
                "{}: $ {command}\n--- expected\n{}\n--- found\n{}\n",
                file.file_name().unwrap().to_string_lossy(),
                step.expected.join("\n"),
                found.join("\n")
            );
        }
    }
    if std::env::var_os("KEYFOLD_BLESS").is_some() {
        std::fs::write(file, written).unwrap();
        return Ok(());
    }
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps = vec![Step::default()];
    for line in text.lines() {
        let last = steps.last_mut().unwrap();
        match (line.get(..1), line.get(2..).unwrap_or("")) {
            (Some("$"), rest) => {
                if last.arguments.is_some() {
                    steps.push(Step::default());
                }
                steps.last_mut().unwrap().arguments = Some(rest.to_owned());
            }
            (Some("<"), rest) => last.stdin += &format!("{rest}\n"),
            (Some(">" | "!" | "="), _) => last.expected.push(line.to_owned()),
            _ => {
                if last.arguments.is_some() {
                    steps.push(Step::default());
                }
                steps.last_mut().unwrap().before.push(line.to_owned());
            }
        }
    }
    steps
}

/// Arguments, apart at spaces; '…' keeps them together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}

/// Output with what differs from run to run replaced, and without what doctor says of the machine.
fn normal(text: &str, place: &Place) -> String {
    let mut of_machine = false;
    let machine = |line: &&str| {
        let name = line.get(9..).unwrap_or("");
        of_machine = ["memory  ", "file system  ", "sqlite  "].iter().any(|n| name.starts_with(n))
            || (of_machine && name.starts_with(' '));
        !of_machine
    };
    let text: String = text.lines().filter(machine).map(|l| format!("{l}\n")).collect();
    let text = text.replace(&place.root().display().to_string(), "[DIR]");
    let text = text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
    let text = counted(&text);
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let hex = rest.bytes().take_while(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)).count();
        if shaped(rest, "00000000-0000-0000-0000-000000000000") {
            out += "[UUID]";
            rest = &rest[36..];
        } else if shaped(rest, "0000-00-00T00:00:00") {
            out += "[DATE]";
            rest = rest[19..]
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .trim_start_matches('Z');
        } else if hex >= 16 {
            out += "[HEX]";
            rest = &rest[hex..];
        } else {
            // Words go whole, so that the tail of one is no number.
            let word = rest.bytes().take_while(u8::is_ascii_alphanumeric).count().max(c.len_utf8());
            out += &rest[..word];
            rest = &rest[word..];
        }
    }
    out
}

/// With the trail's key, and how many events and checkpoints there are, which is the trail's own business.
fn counted(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        let words: Vec<&str> = body.split(' ').collect();
        let words = words.iter().enumerate().map(|(i, word)| {
            let next = words.get(i + 1).map_or("", |next| next.trim_end_matches(','));
            match (word.parse::<u64>(), next) {
                (Ok(_), "events" | "checkpoints") => "[N]",
                _ if word.starts_with("keyfold.dev/store/") => "[VKEY]",
                _ => word,
            }
        });
        out += &words.collect::<Vec<_>>().join(" ");
        out += end;
    }
    out
}

/// Whether `text` begins in the shape of `pattern`, whose zeros stand for hexadecimal digits.
fn shaped(text: &str, pattern: &str) -> bool {
    text.len() >= pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(t, p)| if p == b'0' { t.is_ascii_hexdigit() } else { t == p })
}
