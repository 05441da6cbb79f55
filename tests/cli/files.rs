//! Files: whole or not at all, closed to others where they are secret, and errors of the system passed on.
#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::place::{Place, done, with_input};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn with_umask(command: &mut Command, mask: libc::mode_t) -> &mut Command {
    // SAFETY: umask is async-signal-safe and cannot fail.
    unsafe {
        command.pre_exec(move || {
            libc::umask(mask);
            Ok(())
        })
    }
}

// T-84. Seen to fail when KeyFile::create and Temporary open with 0666.
#[test]
fn what_is_secret_is_closed_to_others_under_any_umask() {
    let place = Place::empty();
    let run = |arguments: &[&str]| {
        let done = done(with_umask(&mut place.command(arguments), 0).output().unwrap());
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    };
    run(&["init"]);
    run(&["key", "create", "cards"]);
    place.write("message", b"hello");
    run(&["encrypt", "--key", "cards", "-o", "e.kf", "message"]);
    run(&["decrypt", "-o", "opened", "e.kf"]);
    run(&["datakey", "--key", "cards", "--plaintext-out", "dek", "-o", "blob"]);
    run(&["key", "create", "transport"]);
    run(&["key", "export", "cards", "--under", "transport", "-o", "exported"]);
    for secret in ["root/root.key", "store/keys.db", "opened", "dek", "exported"] {
        assert_eq!(mode(&place.path(secret)), 0o600, "{secret}");
    }
    assert_eq!(mode(&place.path("e.kf")), 0o666, "an envelope is as open as the umask lets it");
    assert_eq!(mode(&place.path("blob")), 0o666);
}

#[test]
fn a_missing_root_folder_is_made_private() {
    let mut place = Place::empty();
    place.environment.retain(|(n, _)| n != "KEYFOLD_ROOT");
    let root = place.path("elsewhere/root.key");
    let url = format!("file:{}", root.display());
    let out = with_umask(&mut place.command(&["init", "--root", &url]), 0o022).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!((mode(root.parent().unwrap()), mode(&root)), (0o700, 0o600));
}

// Seen to fail when Temporary opens the target itself.
#[test]
fn output_that_fails_leaves_the_old_file_as_it_was() {
    let place = Place::with_key();
    place.write("message", b"hello");
    fs::create_dir(place.path("out")).unwrap();
    place.must(&["encrypt", "--key", "cards", "-o", "e.kf", "message"]);
    place.write("out/file", b"precious");
    let mut damaged = place.read("e.kf");
    *damaged.last_mut().unwrap() ^= 1;
    place.write("damaged.kf", &damaged);
    assert_eq!(place.run(&["decrypt", "-o", "out/file", "damaged.kf"]).code, Some(3));
    assert_eq!(place.read("out/file"), b"precious");
    assert_eq!(place.list("out"), ["file"]);

    fs::set_permissions(place.path("out/file"), Permissions::from_mode(0o640)).unwrap();
    place.must(&["decrypt", "-o", "out/file", "e.kf"]);
    assert_eq!(place.read("out/file"), b"hello");
    assert_eq!(mode(&place.path("out/file")), 0o640, "a file keeps its mode");
    assert_eq!(place.list("out"), ["file"]);

    let gone = place.run(&["decrypt", "-o", "nowhere/file", "e.kf"]);
    assert_eq!(gone.code, Some(1));
    assert!(
        gone.stderr.contains("writing nowhere/file failed: No such file or directory"),
        "{}",
        gone.stderr
    );
}

#[test]
fn a_link_as_output_stays_and_its_target_is_replaced() {
    let place = Place::with_key();
    place.write("message", b"hello");
    place.write("target", b"old");
    symlink("target", place.path("link")).unwrap();
    place.must(&["encrypt", "--key", "cards", "-o", "link", "message"]);
    assert!(fs::symlink_metadata(place.path("link")).unwrap().is_symlink());
    assert_eq!(&place.read("target")[..3], b"KFE");
}

// Seen to fail when Output::new does not compare inodes.
#[test]
fn input_and_output_may_not_be_the_same_file_by_any_name() {
    let place = Place::with_key();
    place.write("message", b"hello");
    symlink("message", place.path("link")).unwrap();
    fs::hard_link(place.path("message"), place.path("twin")).unwrap();
    for output in ["message", "./message", "link", "twin"] {
        let done = place.run(&["encrypt", "--key", "cards", "-o", output, "message"]);
        assert_eq!(done.code, Some(2), "{output}");
        assert!(done.stderr.contains("input and output are the same file"), "{}", done.stderr);
    }
    assert_eq!(place.read("message"), b"hello");
}

// T-172. Seen to fail when write_stdout ignores the error.
#[test]
fn a_full_device_is_a_failure_and_a_closed_pipe_is_not() {
    let place = Place::with_key();
    place.write("message", b"hello");
    place.must(&["encrypt", "--key", "cards", "-o", "e.kf", "message"]);
    for arguments in [
        &["key", "list"][..],
        &["key", "show", "cards", "--json"],
        &["decrypt", "e.kf"],
        &["encrypt", "--key", "cards", "message"],
        &["inspect", "e.kf"],
        &["help"],
        &["--version"],
        &["completions", "bash"],
        &["doctor"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let done = done(place.command(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap());
        assert_eq!(done.code, Some(1), "{arguments:?}");
        assert!(done.stderr.contains("standard output failed: No space left on device"), "{}", done.stderr);

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let done = done_of(place.command(arguments).stdout(writer));
        assert_eq!((done.0, done.1.as_str()), (Some(0), ""), "{arguments:?}");
    }
    let done = place.run(&["decrypt", "-o", "/dev/full", "e.kf"]);
    assert_eq!(done.code, Some(1));
}

fn done_of(command: &mut Command) -> (Option<i32>, String) {
    let done = done(command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap());
    (done.code, done.stderr)
}

// T-84. Seen to fail when KeyFile::open follows links.
#[test]
fn a_root_swapped_for_a_link_is_refused() {
    let place = Place::with_key();
    fs::rename(place.path("root/root.key"), place.path("root/real.key")).unwrap();
    symlink("real.key", place.path("root/root.key")).unwrap();
    let done = place.run(&["key", "list"]);
    assert_eq!(done.code, Some(5));
    assert!(done.stderr.contains("is a symbolic link"), "{}", done.stderr);
    assert_eq!(place.run(&["key", "list", "--allow-readable-root"]).code, Some(5));
}

// T-176. Seen to fail when the command makes the file that is not there.
#[test]
fn a_store_that_is_missing_or_no_store_is_told_apart_and_nothing_is_made() {
    let place = Place::with_key();
    let before = place.list("store");
    for (name, contents) in
        [("missing.db", None), ("empty.db", Some(&b""[..])), ("text.db", Some(b"hello, world\n"))]
    {
        let path = place.path(&format!("root/{name}"));
        if let Some(contents) = contents {
            fs::write(&path, contents).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
        let url = path.display().to_string();
        // The root lies in that folder too, which is another matter.
        let done = place.run(&["key", "list", "--store", &url, "--allow-root-beside-store", "--json"]);
        assert_eq!(done.code, Some(5), "{name}");
        let error: serde_json::Value = serde_json::from_str(&done.stderr).unwrap();
        let expected = if contents.is_none() { "STORE_NOT_FOUND" } else { "NOT_A_STORE" };
        assert_eq!(error["error"]["status"], expected, "{name}");
        assert_eq!(fs::read(&path).ok().as_deref(), contents, "{name}");
    }
    assert_eq!(place.list("root"), ["empty.db", "root.key", "text.db"]);
    assert_eq!(place.list("store"), before);
    let pinned = format!("sqlite:{}?fingerprint={}", place.path("store/keys.db").display(), "00".repeat(16));
    let done = place.run(&["key", "list", "--store", &pinned, "--json"]);
    assert!(done.stderr.contains("FINGERPRINT_MISMATCH"), "{}", done.stderr);
}

#[test]
fn what_is_taken_into_memory_whole_is_refused_when_it_is_too_large_before_it_is_read() {
    let place = Place::with_key();
    place.must(&["key", "create", "codes", "--spec", "HMAC_256"]);
    File::create(place.path("sparse")).unwrap().set_len((2 << 30) + 1).unwrap();
    let done = place.run(&["mac", "codes", "sparse"]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(
        done.stderr.starts_with("keyfold: error: sparse is over 2 GiB, the most this command takes\n"),
        "{}",
        done.stderr
    );
    // Descriptors without a size are bounded as they are read.
    let done = with_input(&mut place.command(&["key", "import", "mine", "--material", "-"]), &[7; 5000]);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("longer than 32 bytes"), "{}", done.stderr);
}

#[test]
fn a_reencrypted_file_keeps_its_payload_and_one_cut_off_is_refused() {
    let place = Place::with_key();
    place.must(&["key", "create", "other"]);
    let message: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    fs::write(place.path("message"), &message).unwrap();
    place.must(&["encrypt", "-k", "cards", "-o", "old.kf", "message"]);
    place.must(&["reencrypt", "-k", "other", "-o", "new.kf", "old.kf"]);
    place.must(&["decrypt", "-k", "other", "-o", "back", "new.kf"]);
    assert!(place.read("back") == message);
    assert_ne!(place.run(&["decrypt", "-k", "cards", "-o", "none", "new.kf"]).code, Some(0));
    let mut bytes = place.read("old.kf");
    // A whole number of chunks but for five bytes, which no chunk has.
    let payload = message.len() + message.len().div_ceil(16_384) * 16;
    bytes.truncate(bytes.len() - payload + 16_400 * 6 + 5);
    fs::write(place.path("cut.kf"), bytes).unwrap();
    let cut = place.run(&["reencrypt", "-k", "other", "-o", "none", "cut.kf"]);
    assert_eq!(cut.code, Some(3), "{}", cut.stderr);
    assert!(!place.path("none").exists());
}

#[test]
fn a_passphrase_comes_through_a_descriptor_byte_for_byte() {
    let place = Place::empty();
    let long: Vec<u8> =
        (0..1024).map(|i| (i % 251 + 1) as u8).filter(|b| *b != b'\n').chain([9; 5]).collect();
    let long = &long[..1024];
    for (n, passphrase) in
        [&b"plain"[..], b"a\0b", "Zu\u{308}rich".as_bytes(), b"\xFF\xFE", b" two\nlines ", long]
            .into_iter()
            .enumerate()
    {
        let store = place.path(&format!("store/{n}.db")).display().to_string();
        let arguments = |first: &'static [&'static str]| -> Vec<String> {
            let more = ["--store", &store, "--root", "passphrase:", "--passphrase-fd", "0"];
            first.iter().copied().chain(more).map(String::from).collect()
        };
        let made = place.run_with(&arguments(&["init"]), passphrase);
        assert_eq!(made.code, Some(0), "{n}: {}", made.stderr);
        // One line feed at the end is not part of it.
        let with_line_feed = [passphrase, b"\n"].concat();
        assert_eq!(place.run_with(&arguments(&["key", "list"]), &with_line_feed).code, Some(0), "{n}");
        let wrong = [passphrase, b"\n\n"].concat();
        assert_ne!(place.run_with(&arguments(&["key", "list"]), &wrong).code, Some(0), "{n}");
        assert_eq!(place.run_with(&arguments(&["key", "list"]), &passphrase[..1]).code, Some(5), "{n}");

        // A file that the environment names; never the passphrase itself.
        let file = place.write("passphrase", passphrase);
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let named = |value: &str| {
            done(
                place
                    .command(&["key", "list", "--store", &store, "--root", "passphrase:"])
                    .env("KEYFOLD_PASSPHRASE_FD", value)
                    .output()
                    .unwrap(),
            )
        };
        assert_eq!(named(file.to_str().unwrap()).code, Some(0), "{n}");
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(named(file.to_str().unwrap()).code, Some(5), "{n}");
        let mistaken = named("hunter2");
        assert_eq!(mistaken.code, Some(5));
        assert!(!mistaken.stderr.contains("hunter2"), "{}", mistaken.stderr);
    }
    let over = place.run_with(
        &["init", "--store", "store/over.db", "--root", "passphrase:", "--passphrase-fd", "0"],
        &[b'x'; 1025],
    );
    assert_eq!(over.code, Some(1));
    assert!(!place.path("store/over.db").exists());
}

/// The anchor is named, so that it is beside no store: what it remembers is not to be put back.
#[test]
fn an_older_store_in_the_place_of_the_newer_is_refused_by_the_anchor() {
    let mut place = Place::empty();
    let anchor = place.path("state/anchor").display().to_string();
    place.environment.push(("KEYFOLD_ANCHOR".into(), anchor));
    place.must(&["init"]);
    place.must(&["key", "create", "cards"]);
    fs::copy(place.path("store/keys.db"), place.path("old.db")).unwrap();
    place.must(&["key", "disable", "cards"]);
    for name in place.list("store") {
        fs::remove_file(place.path("store").join(name)).unwrap();
    }
    fs::rename(place.path("old.db"), place.path("store/keys.db")).unwrap();
    let refused = place.run(&["key", "list", "--json"]);
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    assert!(refused.stderr.contains("STORE_ROLLED_BACK"), "{}", refused.stderr);
    // Without it the older one opens, and the key is enabled again: that is what the anchor is for.
    assert_eq!(place.run(&["key", "list", "--anchor", "off"]).code, Some(0));
}
