//! Whole folders: what comes back, what is passed by, what is refused, and where a failure leads.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::place::Place;

/// Mode, time of the last change, owner, and contents (none of a folder).
type Node = (u32, (i64, i64), (u32, u32), Option<Vec<u8>>);

/// All below a folder, links as they are.
fn tree(root: &Path) -> BTreeMap<PathBuf, Node> {
    let mut nodes = BTreeMap::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(relative) = waiting.pop() {
        for entry in fs::read_dir(root.join(&relative)).unwrap() {
            let relative = relative.join(entry.unwrap().file_name());
            let path = root.join(&relative);
            let m = fs::symlink_metadata(&path).unwrap();
            let contents = if m.is_file() { Some(fs::read(&path).unwrap()) } else { None };
            if m.is_dir() {
                waiting.push(relative.clone());
            }
            nodes.insert(relative, (m.mode(), (m.mtime(), m.mtime_nsec()), (m.uid(), m.gid()), contents));
        }
    }
    nodes
}

fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, 123_456_789);
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// Files of awkward sizes and names in folders of every kind.
fn plant(place: &Place) -> PathBuf {
    let source = place.path("source");
    for folder in ["", "empty", "deep", "deep/er", "deep/er/still", "closed"] {
        fs::create_dir(source.join(folder)).unwrap();
    }
    let names: [(&[u8], usize); 10] = [
        (b"nothing", 0),
        (b"one", 1),
        (b"chunk", 16_384),
        (b"deep/chunk and one", 16_385),
        (b"deep/er/large", (1 << 20) + 17),
        (b"deep/er/still/-rf", 3),
        (b"closed/line\nfeed", 4),
        (b"closed/latin \xFC", 5),
        (b"closed/.hidden.kfe", 6),
        ("closed/日本語".as_bytes(), 7),
    ];
    for (i, (name, size)) in names.iter().enumerate() {
        let path = source.join(OsStr::from_bytes(name));
        fs::write(&path, vec![i as u8; *size]).unwrap();
        fs::set_permissions(&path, Permissions::from_mode([0o644, 0o600, 0o755, 0o400][i % 4])).unwrap();
        set_time(&path, 1_000_000_000 + i as u64);
    }
    fs::set_permissions(source.join("closed"), Permissions::from_mode(0o500)).unwrap();
    fs::set_permissions(source.join("deep"), Permissions::from_mode(0o751)).unwrap();
    for (i, folder) in ["closed", "deep/er/still", "deep/er", "deep", "empty", ""].iter().enumerate() {
        set_time(&source.join(folder), 1_100_000_000 + i as u64);
    }
    source
}

// Seen to fail when `keep` leaves out the time, or the mode.
#[test]
fn a_folder_comes_back_as_it_was_and_each_envelope_opens_alone() {
    let place = Place::with_key();
    let source = plant(&place);
    let report = place.json(&["encrypt", "-r", "-k", "cards", "-c", "tenant=acme", "-o", "sealed", "source"]);
    assert_eq!((report["files"].as_u64(), report["folders"].as_u64()), (Some(10), Some(5)), "{report}");
    assert_eq!(report["failed"], 0);
    let (before, sealed) = (tree(&source), tree(&place.path("sealed")));
    assert_eq!(before.len(), sealed.len());
    for (name, (mode, time, owner, contents)) in &before {
        let mut name = name.clone().into_os_string();
        if contents.is_some() {
            name.push(".kfe");
        }
        let node = &sealed[Path::new(&name)];
        assert_eq!((node.0, node.1, node.2), (*mode, *time, *owner), "{name:?}");
        assert_eq!(node.3.as_ref().map(|c| &c[..3]), contents.as_ref().map(|_| &b"KFE"[..]), "{name:?}");
    }
    let one = place.must(&["decrypt", "-c", "tenant=acme", "sealed/deep/er/still/-rf.kfe"]);
    assert_eq!(one, [5; 3]);
    assert_eq!(place.run(&["decrypt", "sealed/one.kfe"]).code, Some(3), "the context is bound");

    place.must(&["decrypt", "-r", "-k", "cards", "-c", "tenant=acme", "-o", "back", "sealed"]);
    assert_eq!(tree(&place.path("back")), before);
    let times = |name: &str| fs::metadata(place.path(name)).unwrap().modified().unwrap();
    assert_eq!(times("back"), times("source"), "the folder itself too");
}

#[test]
fn one_job_and_many_make_the_same_folder() {
    let place = Place::with_key();
    let source = plant(&place);
    for jobs in ["1", "7", "64"] {
        let (sealed, back) = (format!("sealed{jobs}"), format!("back{jobs}"));
        place.must(&[
            "encrypt",
            "-r",
            "-k",
            "cards",
            "--jobs",
            jobs,
            "--threads",
            "2",
            "-o",
            &sealed,
            "source",
        ]);
        place.must(&["decrypt", "-r", "--jobs", jobs, "-o", &back, &sealed]);
        assert_eq!(tree(&place.path(&back)), tree(&source), "{jobs}");
    }
}

#[test]
fn a_suffix_is_chosen_and_files_without_it_are_passed_by() {
    let place = Place::with_key();
    fs::create_dir(place.path("source")).unwrap();
    place.write("source/a.txt", b"hello");
    place.must(&["encrypt", "-r", "-k", "cards", "--suffix", ".enc", "-o", "sealed", "source"]);
    assert_eq!(place.list("sealed"), ["a.txt.enc"]);
    place.write("sealed/README", b"not ours");
    let done = place.run(&["decrypt", "-r", "--suffix", ".enc", "-o", "back", "sealed"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(
        done.stderr.contains("note: 1 file was passed by, whose name does not end in .enc"),
        "{}",
        done.stderr
    );
    assert_eq!(place.list("back"), ["a.txt"]);
    // Without one, every file is taken for an envelope.
    place.must(&["encrypt", "-r", "-k", "cards", "--suffix", "", "-o", "same", "source"]);
    assert_eq!(place.list("same"), ["a.txt"]);
    place.must(&["decrypt", "-r", "--suffix", "", "-o", "again", "same"]);
    assert_eq!(place.read("again/a.txt"), b"hello");
    for suffix in ["/x", "../x"] {
        let done = place.run(&["encrypt", "-r", "-k", "cards", "--suffix", suffix, "-o", "no", "source"]);
        assert_eq!(done.code, Some(2), "{suffix}: {}", done.stderr);
    }
    assert!(!place.path("no").exists());
}

// Seen to fail when the walk looks at what a link leads to.
#[test]
fn links_and_special_files_are_passed_by_and_links_followed_when_asked() {
    let place = Place::with_key();
    fs::create_dir_all(place.path("source/in")).unwrap();
    fs::create_dir(place.path("outside")).unwrap();
    place.write("outside/secret", b"outside");
    place.write("source/in/file", b"inside");
    symlink("../outside", place.path("source/folder")).unwrap();
    symlink("in/file", place.path("source/file")).unwrap();
    symlink("..", place.path("source/in/up")).unwrap();
    symlink("nowhere", place.path("source/broken")).unwrap();
    let fifo = std::ffi::CString::new(place.path("source/queue").as_os_str().as_bytes()).unwrap();
    // SAFETY: a NUL-terminated path.
    #[allow(unsafe_code)]
    unsafe {
        assert_eq!(libc::mkfifo(fifo.as_ptr(), 0o600), 0);
    }
    let _socket = std::os::unix::net::UnixListener::bind(place.path("source/socket")).unwrap();

    let done = place.run(&["encrypt", "-r", "-k", "cards", "-o", "sealed", "source"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("note: 4 symbolic links were not followed"), "{}", done.stderr);
    assert!(
        done.stderr.contains("note: 2 special files (queues, sockets, devices) were passed by"),
        "{}",
        done.stderr
    );
    assert_eq!(
        tree(&place.path("sealed")).into_keys().collect::<Vec<_>>(),
        ["in", "in/file.kfe"].map(PathBuf::from)
    );

    let report = place.json(&["encrypt", "-r", "-k", "cards", "--follow-links", "-o", "all", "source"]);
    assert_eq!(report["links_skipped"], 1, "the broken one: {report}");
    assert_eq!(report["loops_skipped"], 1, "{report}");
    assert_eq!(report["special_skipped"], 2, "{report}");
    assert_eq!(
        tree(&place.path("all")).into_keys().collect::<Vec<_>>(),
        ["file.kfe", "folder", "folder/secret.kfe", "in", "in/file.kfe"].map(PathBuf::from)
    );
    assert_eq!(place.must(&["decrypt", "all/folder/secret.kfe"]), b"outside");
}

// T-36. Seen to fail when folders of the target are opened with their links followed.
#[test]
fn links_planted_in_the_target_lead_nowhere() {
    let place = Place::with_key();
    fs::create_dir_all(place.path("source/sub/deeper")).unwrap();
    for name in ["source/file", "source/sub/file", "source/sub/deeper/file"] {
        place.write(name, b"new");
    }
    place.must(&["encrypt", "-r", "-k", "cards", "-o", "sealed", "source"]);
    fs::create_dir(place.path("outside")).unwrap();
    place.write("outside/victim", b"precious");
    let outside = tree(&place.path("outside"));
    for force in [&[][..], &["--force"], &["--update"]] {
        let _ = fs::remove_dir_all(place.path("back"));
        fs::create_dir(place.path("back")).unwrap();
        symlink("../outside", place.path("back/sub")).unwrap();
        symlink("../outside/victim", place.path("back/file")).unwrap();
        let done = place.run(&[&["decrypt", "-r", "-o", "back", "sealed"], force].concat());
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        assert!(
            done.stderr.contains("back/sub is a symbolic link, which is not followed"),
            "{}",
            done.stderr
        );
        assert_eq!(tree(&place.path("outside")), outside, "{force:?}");
        // Where it may be replaced, the link is, and not what it leads to.
        let link = fs::symlink_metadata(place.path("back/file")).unwrap().is_symlink();
        assert_eq!(link, force != ["--force"], "{force:?}: {}", done.stderr);
    }
}

// T-36. Seen to fail when `target_name` takes whatever is left: the system refuses it then, in words about something else.
#[test]
fn names_that_would_lead_out_of_the_folder_are_refused() {
    let place = Place::with_key();
    place.write("message", b"hello");
    fs::create_dir_all(place.path("sealed/sub")).unwrap();
    let hostile = [".kfe", "..kfe", "...kfe", "sub/.kfe", "sub/..kfe", "sub/...kfe"];
    for name in hostile {
        place.must(&["encrypt", "-k", "cards", "-o", &format!("sealed/{name}"), "message"]);
    }
    place.must(&["encrypt", "-k", "cards", "-o", "sealed/....kfe", "message"]);
    let before: Vec<String> = place.list("");
    let done = place.run(&["decrypt", "-r", "-o", "back", "sealed", "--json"]);
    assert_eq!(done.code, Some(1));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["failed"], hostile.len(), "{report}");
    for error in report["errors"].as_array().unwrap() {
        let said = error["error"]["message"].as_str().unwrap();
        assert!(said.ends_with("without its suffix is no name of a file"), "{said}");
    }
    assert_eq!(tree(&place.path("back")).into_keys().collect::<Vec<_>>(), ["...", "sub"].map(PathBuf::from));
    let mut after = place.list("");
    after.retain(|name| name != "back");
    assert_eq!(after, before);
}

// Seen to fail when `outside` refuses nothing.
#[test]
fn a_target_in_the_source_is_refused_before_anything_is_made() {
    let place = Place::with_key();
    fs::create_dir_all(place.path("source/in")).unwrap();
    place.write("source/file", b"hello");
    symlink("source/in", place.path("door")).unwrap();
    let before = tree(&place.path("source"));
    for target in
        ["source", "source/new", "source/in", "source/in/new", "./source/../source/in", "door", "door/new"]
    {
        let done = place.run(&["encrypt", "-r", "-k", "cards", "-o", target, "source"]);
        assert_eq!(done.code, Some(2), "{target}: {}", done.stderr);
        assert!(done.stderr.contains("is the source or lies in it"), "{target}: {}", done.stderr);
    }
    assert_eq!(tree(&place.path("source")), before);
    // Beside it, and around it, is fine.
    place.must(&["encrypt", "-r", "-k", "cards", "-o", "source-too", "source"]);
    place.must(&["encrypt", "-r", "-k", "cards", "-o", ".", "source"]);
    assert_eq!(&place.read("file.kfe")[..3], b"KFE");
}

// Seen to fail when a file of the same time counts as older.
#[test]
fn files_that_are_there_are_kept_replaced_or_brought_up_to_date() {
    let place = Place::with_key();
    fs::create_dir(place.path("source")).unwrap();
    for name in ["a", "b", "c"] {
        set_time(&place.write(&format!("source/{name}"), b"old"), 1_000_000_000);
    }
    let encrypt = ["encrypt", "-r", "-k", "cards", "-o", "sealed", "source"];
    place.must(&encrypt);
    let first = tree(&place.path("sealed"));
    let done = place.run(&encrypt);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("sealed/a.kfe is there already"), "{}", done.stderr);
    assert!(done.stderr.contains("replace files with --force"), "{}", done.stderr);
    assert!(done.stderr.contains("3 of 3 files failed"), "{}", done.stderr);
    assert_eq!(tree(&place.path("sealed")), first);

    fs::remove_file(place.path("sealed/b.kfe")).unwrap();
    set_time(&place.write("source/c", b"newer"), 1_200_000_000);
    let report = place.json(&[&encrypt[..], &["--update"]].concat());
    assert_eq!((&report["files"], &report["up_to_date"]), (&2.into(), &1.into()), "{report}");
    let second = tree(&place.path("sealed"));
    assert_eq!(first[Path::new("a.kfe")], second[Path::new("a.kfe")]);
    assert_eq!(place.must(&["decrypt", "sealed/c.kfe"]), b"newer");
    let report = place.json(&[&encrypt[..], &["--update"]].concat());
    assert_eq!((&report["files"], &report["up_to_date"]), (&0.into(), &3.into()), "{report}");

    place.must(&[&encrypt[..], &["--force"]].concat());
    let third = tree(&place.path("sealed"));
    assert!(third.iter().all(|(name, node)| second[name].3 != node.3), "a new data key each time");
}

// Seen to fail when the first failure ends the walk.
#[test]
fn a_file_that_fails_stops_no_other() {
    let place = Place::with_key();
    fs::create_dir(place.path("source")).unwrap();
    for i in 0..20 {
        place.write(&format!("source/{i:02}"), format!("file {i}").as_bytes());
    }
    place.must(&["encrypt", "-r", "-k", "cards", "-o", "sealed", "source"]);
    let mut damaged = place.read("sealed/03.kfe");
    *damaged.last_mut().unwrap() ^= 1;
    place.write("sealed/03.kfe", &damaged);
    place.write("sealed/07.kfe", b"no envelope");
    place.write("sealed/11.kfe", b"");
    let done = place.run(&["decrypt", "-r", "-o", "back", "sealed", "--json"]);
    assert_eq!(done.code, Some(3));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&report["files"], &report["failed"]), (&17.into(), &3.into()));
    let mut errors: Vec<(&str, &str)> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["file"].as_str().unwrap(), e["error"]["status"].as_str().unwrap()))
        .collect();
    errors.sort_unstable();
    assert_eq!(
        errors,
        [
            ("sealed/03.kfe", "AUTH"),
            ("sealed/07.kfe", "NOT_AN_ENVELOPE"),
            ("sealed/11.kfe", "NOT_AN_ENVELOPE")
        ]
    );
    assert_eq!(place.list("back").len(), 17, "and nothing of the three is there");
    let done = place.run(&["decrypt", "-r", "-o", "other", "sealed"]);
    assert!(done.stderr.contains("could not authenticate sealed/03.kfe"), "{}", done.stderr);
    assert!(done.stderr.ends_with("keyfold: error: 3 of 20 files failed\n"), "{}", done.stderr);
}

// Seen to fail when `context_of` binds nothing.
#[test]
fn a_file_that_is_bound_to_its_path_opens_nowhere_else() {
    let place = Place::with_key();
    fs::create_dir_all(place.path("source/sub")).unwrap();
    place.write("source/sub/a", b"a");
    place.write("source/sub/b", b"b");
    let common = ["-c", "tenant=acme", "--bind-path"];
    place.must(&[&["encrypt", "-r", "-k", "cards", "-o", "sealed", "source"], &common[..]].concat());
    place.must(&[&["decrypt", "-r", "-o", "back", "sealed"], &common[..]].concat());
    assert_eq!(place.read("back/sub/b"), b"b");
    let alone = place.must(&["decrypt", "-c", "tenant=acme", "-c", "path=sub/a", "sealed/sub/a.kfe"]);
    assert_eq!(alone, b"a");
    assert_eq!(place.run(&["decrypt", "-c", "tenant=acme", "sealed/sub/a.kfe"]).code, Some(3));

    fs::rename(place.path("sealed/sub/a.kfe"), place.path("sealed/sub/c.kfe")).unwrap();
    let done = place.run(&[&["decrypt", "-r", "-o", "moved", "sealed"], &common[..]].concat());
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("--context path=sub/c"), "the hint has the whole context: {}", done.stderr);
    assert_eq!(place.list("moved/sub"), ["b"]);

    let taken =
        place.run(&["encrypt", "-r", "-k", "cards", "--bind-path", "-c", "path=x", "-o", "no", "source"]);
    assert_eq!(taken.code, Some(2), "{}", taken.stderr);
    place.must(&["encrypt", "-r", "-k", "cards", "--bind-path=at", "-c", "path=x", "-o", "named", "source"]);
    assert_eq!(place.must(&["decrypt", "-c", "at=sub/a", "-c", "path=x", "named/sub/a.kfe"]), b"a");

    fs::write(place.path("source").join(OsStr::from_bytes(b"\xFF")), b"x").unwrap();
    let done = place.run(&["encrypt", "-r", "-k", "cards", "--bind-path", "-o", "bytes", "source"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("a path that is not UTF-8 cannot be bound"), "{}", done.stderr);
}

#[test]
fn further_names_of_a_file_are_said_and_owners_kept() {
    let place = Place::with_key();
    fs::create_dir(place.path("source")).unwrap();
    place.write("source/a", b"a");
    fs::hard_link(place.path("source/a"), place.path("source/b")).unwrap();
    fs::set_permissions(place.path("source/a"), Permissions::from_mode(0o4755)).unwrap();
    let superuser = fs::metadata(place.path("source")).unwrap().uid() == 0;
    if superuser {
        lchown(place.path("source/a"), Some(12_345), Some(54_321)).unwrap();
        fs::set_permissions(place.path("source/a"), Permissions::from_mode(0o4755)).unwrap();
    }
    let done = place.run(&["encrypt", "-r", "-k", "cards", "-o", "sealed", "source"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("note: 2 files have other hard links"), "{}", done.stderr);
    let m = fs::metadata(place.path("sealed/a.kfe")).unwrap();
    assert_eq!((m.mode() & 0o7777, m.nlink()), (0o755, 1), "set-user-id does not go over");
    if superuser {
        assert_eq!((m.uid(), m.gid()), (12_345, 54_321));
    }
}

// Seen to fail when `sweep` asks neither for a lock nor for the age.
#[test]
fn what_a_killed_command_left_is_swept_up_and_nothing_else() {
    let place = Place::with_key();
    fs::create_dir(place.path("source")).unwrap();
    fs::create_dir(place.path("target")).unwrap();
    place.write("source/a", b"a");
    let old = |name: &str| set_time(&place.write(&format!("target/{name}"), b"left"), 1_000_000_000);
    old(".keyfold-0123456789abcdef.tmp");
    old(".keyfold-1111111111111111.tmp");
    old(".keyfold-2222.tmp");
    place.write("target/.keyfold-fedcba9876543210.tmp", b"just made");
    let held = File::open(place.path("target/.keyfold-1111111111111111.tmp")).unwrap();
    held.lock().unwrap();
    let report = place.json(&["encrypt", "-r", "-k", "cards", "-o", "target", "source"]);
    assert_eq!(report["leftovers_removed"], 1, "{report}");
    assert_eq!(
        place.list("target"),
        [".keyfold-1111111111111111.tmp", ".keyfold-2222.tmp", ".keyfold-fedcba9876543210.tmp", "a.kfe"]
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let place = Place::with_key();
    fs::create_dir(place.path("source")).unwrap();
    place.write("file", b"x");
    for (arguments, code) in [
        (&["encrypt", "-r", "-k", "cards", "source"][..], 2),
        (&["encrypt", "-r", "-k", "cards", "-o", "-", "source"], 2),
        (&["encrypt", "-r", "-k", "cards", "-o", "out"], 2),
        (&["encrypt", "-k", "cards", "--force", "-o", "out", "file"], 2),
        (&["encrypt", "-r", "-k", "cards", "--force", "--update", "-o", "out", "source"], 2),
        (&["encrypt", "-r", "-k", "cards", "--jobs", "0", "-o", "out", "source"], 2),
        (&["decrypt", "-r", "--range", "0:1", "-o", "out", "source"], 2),
        (&["encrypt", "-r", "-k", "cards", "-o", "out", "file"], 1),
        (&["encrypt", "-r", "-k", "cards", "-o", "out", "absent"], 1),
        (&["encrypt", "-r", "-k", "cards", "-o", "file", "source"], 1),
        (&["encrypt", "-r", "-k", "cards", "-o", "absent/out", "source"], 1),
        (&["encrypt", "-k", "cards", "-o", "out", "source"], 1),
    ] {
        let done = place.run(arguments);
        assert_eq!(done.code, Some(code), "{arguments:?}: {}", done.stderr);
        assert!(!place.path("out").exists(), "{arguments:?}");
    }
}
