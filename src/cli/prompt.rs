//! Where passphrases come from: a descriptor, a file, or the terminal. Never the command line or the environment.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::exit::{Failure, Result, reason};
use super::output::safe;
use super::sys;
use crate::Status;
use crate::secret::{OnFork, SecretBytes};

/// Longest passphrase; the library's own limit.
const MAX_SIZE: usize = 1024;

/// A passphrase in locked memory.
pub(super) struct Passphrase {
    // Room for a line feed behind the longest, and one byte by which a longer one is seen.
    bytes: SecretBytes,
    len: usize,
}

impl Passphrase {
    pub(super) fn expose(&self) -> &[u8] {
        &self.bytes.expose()[..self.len]
    }

    /// Reads to the end of input (or of the line, at a terminal); one line feed at the end is not part of it.
    fn read(mut read: impl FnMut(&mut [u8]) -> io::Result<usize>, line: bool) -> Result<Passphrase> {
        let mut passphrase = Passphrase { bytes: SecretBytes::zeroed(MAX_SIZE + 2, OnFork::Wipe)?, len: 0 };
        let (bytes, len) = (passphrase.bytes.expose_mut(), &mut passphrase.len);
        while *len < bytes.len() && !(line && bytes[..*len].ends_with(b"\n")) {
            match read(&mut bytes[*len..]) {
                Ok(0) => break,
                Ok(n) => *len += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(Failure::io("reading the passphrase", &e)),
            }
        }
        if bytes[..*len].ends_with(b"\n") {
            *len -= 1;
        }
        match *len {
            0 => Err(Failure::usage("the passphrase is empty").hint("give 1 to 1,024 bytes")),
            n if n > MAX_SIZE => {
                Err(Failure::new(Status::TooLarge, "the passphrase is longer than 1,024 bytes"))
            }
            _ => Ok(passphrase),
        }
    }
}

/// From an open descriptor.
pub(super) fn from_descriptor(fd: i32) -> Result<Passphrase> {
    Passphrase::read(|out| sys::read_fd(fd, out), false)
}

/// From a file that others cannot read. The path is not echoed: it may be a passphrase put there by mistake.
pub(super) fn from_file(path: &Path, variable: &str, allow_readable: bool) -> Result<Passphrase> {
    let open = OpenOptions::new().read(true).custom_flags(libc::O_CLOEXEC | libc::O_NOCTTY).open(path);
    let unreadable = |e: io::Error| {
        Failure::new(
            Status::RootNotFound,
            format!("{variable} names neither a descriptor nor a file that can be read: {}", reason(&e)),
        )
        .hint("it holds the number of an open descriptor or the path of a file, never the passphrase itself")
    };
    let mut file = open.map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 && !allow_readable {
        return Err(Failure::new(
            Status::RootUnsafe,
            format!("the passphrase file that {variable} names can be read by others"),
        )
        .hint("chmod 600 it, or pass --allow-readable-root if they are trusted"));
    }
    Passphrase::read(|out| file.read(out), false)
}

/// The option and the variable that give a passphrase without a terminal.
#[derive(Clone, Copy)]
pub(super) struct Given {
    pub(super) option: &'static str,
    /// Empty if there is none.
    pub(super) variable: &'static str,
}

/// Of the root that opens the store, and of the first root of a new one.
pub(super) const THE_ONE: Given = Given { option: "--passphrase-fd", variable: "KEYFOLD_PASSPHRASE_FD" };
/// Of a further root.
pub(super) const THE_NEW_ONE: Given =
    Given { option: "--new-passphrase-fd", variable: "KEYFOLD_NEW_PASSPHRASE_FD" };

/// Of a second principal's root.
pub(super) const THE_SECOND_ONE: Given = Given { option: "--second-passphrase-fd", variable: "" };

/// From the terminal, whatever standard input is. Refused with `no_input` or without a terminal.
pub(super) fn ask(given: Given, no_input: bool) -> Result<Passphrase> {
    prompt("passphrase", given, no_input)
}

/// Asks twice for a passphrase that is about to protect something.
pub(super) fn ask_new(given: Given, no_input: bool) -> Result<Passphrase> {
    let first = prompt("new passphrase", given, no_input)?;
    let again = prompt("new passphrase, again", given, no_input)?;
    match crate::crypto::ct_eq(first.expose(), again.expose()) {
        true => Ok(first),
        false => Err(Failure::usage("the two passphrases differ")),
    }
}

fn prompt(what: &str, given: Given, no_input: bool) -> Result<Passphrase> {
    let no_terminal = || {
        let Given { option, variable } = given;
        let failure = Failure::usage(format!("no way to ask for the {what}")).hint(match variable {
            "" => format!("give it with {option} N"),
            _ => format!("give it with {option} N, or let {variable} name a descriptor or a file"),
        });
        match std::env::var_os("KEYFOLD_PASSPHRASE") {
            Some(_) => failure
                .hint("KEYFOLD_PASSPHRASE is not read: secrets in the environment show in /proc and in logs"),
            None => failure,
        }
    };
    if no_input {
        return Err(no_terminal());
    }
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| no_terminal())?;
    line(&terminal, &format!("{what}: "))
}

fn line(mut terminal: &File, prompt: &str) -> Result<Passphrase> {
    let asking = |e: io::Error| Failure::io("asking for the passphrase", &e);
    let echo_off = sys::EchoOff::new(terminal).map_err(asking)?;
    terminal.write_all(safe(prompt).as_bytes()).map_err(asking)?;
    let passphrase = Passphrase::read(|out| terminal.read(out), true);
    drop(echo_off);
    // The answer's line feed was not echoed: take the prompt away again.
    terminal.write_all(b"\r\x1b[K").map_err(asking)?;
    passphrase
}

/// Asks at the terminal whether to go on; only `y` or `yes` is yes. Refused with `no_input` or without a terminal.
pub(super) fn confirm(question: &str, no_input: bool) -> Result<bool> {
    let no_terminal = || Failure::usage("no way to ask whether you are sure").hint("say so with --yes");
    if no_input {
        return Err(no_terminal());
    }
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| no_terminal())?;
    let asking = |e: io::Error| Failure::io("asking whether you are sure", &e);
    (&terminal).write_all(format!("{} [y/N] ", safe(question)).as_bytes()).map_err(asking)?;
    let mut answer = String::new();
    io::BufRead::read_line(&mut io::BufReader::new(&terminal), &mut answer).map_err(asking)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
