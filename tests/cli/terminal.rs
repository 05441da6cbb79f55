//! What only a terminal shows: prompts, echo, refusals, interrupts. A pseudo-terminal is one.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::place::Place;

pub struct Terminal {
    master: File,
    slave: OwnedFd,
    shown: Vec<u8>,
}

impl Terminal {
    pub fn new() -> Terminal {
        let (mut master, mut slave) = (-1, -1);
        // SAFETY: valid pointers; no name, settings or size are asked for.
        let made = unsafe {
            libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null(), std::ptr::null())
        };
        assert_eq!(made, 0);
        // SAFETY: both descriptors were just made and belong to nobody else. Reads must not wait for ever.
        unsafe {
            libc::fcntl(master, libc::F_SETFL, libc::O_NONBLOCK);
            libc::fcntl(master, libc::F_SETFD, libc::FD_CLOEXEC);
            libc::fcntl(slave, libc::F_SETFD, libc::FD_CLOEXEC);
            Terminal {
                master: File::from_raw_fd(master),
                slave: OwnedFd::from_raw_fd(slave),
                shown: Vec::new(),
            }
        }
    }

    /// Another descriptor of the terminal, for a child's standard streams.
    pub fn stream(&self) -> Stdio {
        self.slave.try_clone().unwrap().into()
    }

    /// Starts a command whose controlling terminal this is.
    pub fn start(&self, command: &mut Command) -> Child {
        let slave = self.slave.as_raw_fd();
        // SAFETY: setsid and ioctl are async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                if libc::setsid() < 0 || libc::ioctl(slave, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        command.spawn().unwrap()
    }

    /// Reads what is shown until `text` is; the test fails if it never is.
    pub fn wait_for(&mut self, text: &str) {
        let start = Instant::now();
        while !self.text().contains(text) {
            self.read();
            assert!(start.elapsed() < Duration::from_secs(30), "waited for {text:?}, saw {:?}", self.text());
        }
    }

    pub fn read(&mut self) {
        let mut some = [0; 4096];
        match self.master.read(&mut some) {
            Ok(n) => self.shown.extend_from_slice(&some[..n]),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    pub fn type_in(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for the end of a child, reading what it shows.
    pub fn end_of(&mut self, mut child: Child) -> ExitStatus {
        let start = Instant::now();
        loop {
            self.read();
            if let Some(status) = child.try_wait().unwrap() {
                self.read();
                return status;
            }
            if start.elapsed() > Duration::from_secs(30) {
                child.kill().unwrap();
                panic!("the command does not end; shown: {:?}", self.text());
            }
        }
    }

    fn echoes(&self) -> bool {
        // SAFETY: a valid descriptor and room for one termios, filled when the call gives 0.
        unsafe {
            let mut settings: libc::termios = std::mem::zeroed();
            assert_eq!(libc::tcgetattr(self.slave.as_raw_fd(), &mut settings), 0);
            settings.c_lflag & libc::ECHO != 0
        }
    }
}

fn with_passphrase() -> Place {
    let mut place = Place::empty();
    place.environment.retain(|(name, _)| name != "KEYFOLD_ROOT");
    place.environment.push(("KEYFOLD_ROOT".into(), "passphrase:".into()));
    place
}

// Seen to fail when the prompt leaves echo on.
#[test]
fn a_new_passphrase_is_asked_for_twice_and_never_shown() {
    let place = with_passphrase();
    let mut terminal = Terminal::new();
    let child = terminal.start(place.command(&["init"]).stdout(terminal.stream()).stderr(terminal.stream()));
    terminal.wait_for("new passphrase: ");
    assert!(!terminal.echoes());
    terminal.type_in("correct horse\n");
    terminal.wait_for("new passphrase, again: ");
    terminal.type_in("correct horse\n");
    assert!(terminal.end_of(child).success(), "{}", terminal.text());
    assert!(terminal.text().contains("made key store"));
    assert!(!terminal.text().contains("correct"), "{}", terminal.text());
    assert!(terminal.echoes());

    // Standard input is not the terminal's business: data may come from there.
    let mut terminal = Terminal::new();
    let child = terminal.start(place.command(&["key", "create", "cards"]).stdout(Stdio::null()));
    terminal.wait_for("passphrase: ");
    terminal.type_in("correct horse\n");
    assert!(terminal.end_of(child).success());

    let mut terminal = Terminal::new();
    let child =
        terminal.start(place.command(&["key", "list"]).stdout(Stdio::null()).stderr(terminal.stream()));
    terminal.wait_for("passphrase: ");
    terminal.type_in("battery staple\n");
    assert_eq!(terminal.end_of(child).code(), Some(5));
    assert!(terminal.text().contains("this root does not open this store"), "{}", terminal.text());
    assert!(!terminal.text().contains("battery"));
}

#[test]
fn two_different_answers_make_nothing() {
    let place = with_passphrase();
    let mut terminal = Terminal::new();
    let child = terminal.start(place.command(&["init"]).stdout(Stdio::null()).stderr(terminal.stream()));
    terminal.wait_for("new passphrase: ");
    terminal.type_in("one\n");
    terminal.wait_for("again: ");
    terminal.type_in("other\n");
    assert_eq!(terminal.end_of(child).code(), Some(2));
    assert!(terminal.text().contains("the two passphrases differ"));
    assert_eq!(place.list("store"), Vec::<String>::new());
}

// T-172. Seen to fail when main does not call tidy_up_on_signals.
#[test]
fn an_interrupt_at_the_prompt_puts_the_echo_back() {
    for (key, signal) in [(Some("\x03"), libc::SIGINT), (None, libc::SIGTERM), (None, libc::SIGHUP)] {
        let place = with_passphrase();
        let mut terminal = Terminal::new();
        let child = terminal.start(place.command(&["init"]).stdout(Stdio::null()).stderr(Stdio::null()));
        terminal.wait_for("new passphrase: ");
        assert!(!terminal.echoes());
        match key {
            Some(key) => terminal.type_in(key),
            // SAFETY: a signal to our own child, which has not been waited for.
            None => assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0),
        }
        assert_eq!(terminal.end_of(child).signal(), Some(signal));
        assert!(terminal.echoes());
    }
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let place = with_passphrase();
    let mut command = place.command(&["init"]);
    // SAFETY: setsid is async-signal-safe; the child has no controlling terminal then.
    unsafe {
        command.pre_exec(|| if libc::setsid() < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) });
    }
    let done = super::place::done(command.output().unwrap());
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("no way to ask for the new passphrase"), "{}", done.stderr);

    let mut terminal = Terminal::new();
    let child =
        terminal.start(place.command(&["init", "--no-input"]).stdout(Stdio::null()).stderr(Stdio::null()));
    assert_eq!(terminal.end_of(child).code(), Some(2));
    assert_eq!(terminal.text(), "");
}

// Seen to fail when Output::new does not look at the terminal, and when everything passes for text.
#[test]
fn a_terminal_shows_text_and_binary_data_only_when_forced() {
    let place = Place::with_key();
    place.write("message", b"hello");
    let show = |arguments: &[&str]| {
        let mut terminal = Terminal::new();
        let child =
            terminal.start(place.command(arguments).stdout(terminal.stream()).stderr(terminal.stream()));
        let code = terminal.end_of(child).code();
        (code, terminal.text())
    };
    let refused = "keyfold: error: refusing to write binary data to the terminal\r\nhint: use -o FILE, or -o - to force it\r\n";
    place.must(&["encrypt", "--key", "cards", "-o", "envelope.kf", "message"]);
    for (name, binary) in [("nul", &b"a\0b"[..]), ("escape", b"a\x1b[2Jb"), ("latin", b"Z\xFCrich")] {
        place.write("binary", binary);
        place.must(&["encrypt", "--key", "cards", "-o", name, "binary"]);
        assert_eq!(show(&["decrypt", name]), (Some(2), refused.to_owned()), "{name}");
    }
    for arguments in [
        &["encrypt", "--key", "cards", "message"][..],
        &["reencrypt", "--key", "cards", "envelope.kf"],
        &["datakey", "--key", "cards"],
        &["key", "export", "cards", "--under", "cards"],
    ] {
        assert_eq!(show(arguments), (Some(2), refused.to_owned()), "{arguments:?}");
    }
    for arguments in
        [&["decrypt", "--quiet", "-o", "-", "envelope.kf"][..], &["decrypt", "--quiet", "envelope.kf"]]
    {
        assert_eq!(show(arguments), (Some(0), "hello".to_owned()), "{arguments:?}");
    }
    let (_, text) = show(&["decrypt", "-o", "-", "envelope.kf"]);
    assert!(text.contains("note: opened under key cards, version 1"), "{text}");
}

#[test]
fn names_that_a_terminal_would_obey_are_shown_escaped() {
    let place = Place::with_key();
    let context = "file=\x1b[2J\u{202E}gpj.exe";
    place.write("message", b"hello");
    place.must(&[
        "encrypt",
        "--key",
        "cards",
        "-c",
        context,
        "--store-context",
        "all",
        "-o",
        "e.kf",
        "message",
    ]);
    let mut terminal = Terminal::new();
    let child = terminal.start(place.command(&["inspect", "e.kf"]).stdout(terminal.stream()));
    assert!(terminal.end_of(child).success());
    let text = terminal.text();
    assert!(!text.contains('\x1b') && !text.contains('\u{202E}'), "{text:?}");
    assert!(text.contains("gpj.exe"), "{text}");
}

// Meant to fail when any answer counts as yes.
#[test]
fn a_deletion_shows_the_last_use_and_goes_on_after_a_yes_alone() {
    let place = Place::with_key();
    for (answer, done) in [("\n", false), ("no\n", false), ("yess\n", false), ("Yes\n", true)] {
        let mut terminal = Terminal::new();
        let mut command = place.command(&["key", "delete", "cards"]);
        let child = terminal.start(command.stdout(terminal.stream()).stderr(terminal.stream()));
        terminal.wait_for("[y/N] ");
        assert!(terminal.text().contains("last use"), "before the question: {}", terminal.text());
        terminal.type_in(answer);
        assert_eq!(terminal.end_of(child).success(), done, "{answer:?}: {}", terminal.text());
        let state = place.json(&["key", "show", "cards"])["key_state"].clone();
        assert_eq!(state, if done { "PendingDeletion" } else { "Enabled" }, "{answer:?}");
    }
}
