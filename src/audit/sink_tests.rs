use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::audit::jsonl::verify_jsonl;
use crate::audit::verify::tests::{key, rows};
use crate::sync::tests::in_child;

fn lines(from: u64, to: u64) -> Vec<String> {
    (from..to)
        .map(|seq| format!("{{\"eventVersion\":\"1.0\",\"seq\":{seq},\"padding\":\"{}\"}}", "x".repeat(200)))
        .collect()
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn file_sink(path: &Path, rotate_bytes: u64, keep: u32) -> Sinks {
    let sinks = Sinks::default();
    sinks.add_file(&FileSink { path: path.into(), rotate_bytes, keep }, None).unwrap();
    sinks
}

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.name).collect()
}

/// A sink that is given a line until it takes it, as a file is.
struct Patient(Callback);

impl Sink for Patient {
    fn describe(&self) -> String {
        "patient".into()
    }

    fn take(&self, lines: &[String]) -> (usize, Option<Error>) {
        self.0.take(lines)
    }
}

/// Feeds nothing until the sink has nothing waiting; a sink that failed is tried again after a pause.
fn settle(sinks: &Sinks) -> Vec<Event> {
    let mut events = Vec::new();
    while sinks.status()[0].waiting > 0 {
        events.extend(sinks.feed(&[]));
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    events
}

/// Mutations seen to fail it: the batch not put back after a failure; SinkFailed told at each attempt.
#[test]
fn a_sink_that_fails_gets_every_line_later_and_in_order_and_the_trail_is_told_twice() {
    let (works, seen) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new(Vec::new())));
    let sinks = Sinks::default();
    let callback: Callback = {
        let (works, seen) = (works.clone(), seen.clone());
        Box::new(move |line| {
            // One in the middle of a batch fails.
            let fine = works.load(Ordering::Relaxed) || !line.contains("\"seq\":13,");
            if fine {
                seen.lock().unwrap().push(line.to_owned());
            }
            fine
        })
    };
    sinks.add(Box::new(Patient(callback))).unwrap();
    assert!(sinks.feed(&lines(0, 10)).is_empty());
    works.store(false, Ordering::Relaxed);
    let failed = sinks.feed(&lines(10, 20));
    assert_eq!(names(&failed), ["SinkFailed"]);
    assert_eq!(failed[0].additional["sink"], "patient");
    assert!(failed[0].error.is_some());
    assert!(sinks.feed(&lines(20, 300)).is_empty(), "it failed before");
    // Tried again and again, after longer and longer pauses.
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(60));
        assert!(sinks.feed(&[]).is_empty(), "it failed before");
    }
    let status = &sinks.status()[0];
    assert_eq!((status.delivered, status.waiting, status.dropped), (13, 287, 0));
    assert!(status.last_error.is_some());
    works.store(true, Ordering::Relaxed);
    let recovered = settle(&sinks);
    assert_eq!(names(&recovered), ["SinkRecovered"]);
    assert_eq!(recovered[0].additional["dropped"], 0);
    assert_eq!(*seen.lock().unwrap(), lines(0, 300));
    assert_eq!(sinks.status()[0].last_error, None);
}

/// Must fail with: no end of trying.
#[test]
fn a_callback_gets_no_checkpoints_and_a_line_that_it_fails_at_three_times_holds_up_nothing_after_it() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sinks = Sinks::default();
    let callback: Callback = {
        let seen = seen.clone();
        Box::new(move |line| {
            seen.lock().unwrap().push(seq_of(line));
            !line.contains("\"seq\":2,")
        })
    };
    sinks.add_callback(callback).unwrap();
    let checkpoint = rows(4, 4).checkpoints[0].line();
    let mut events = sinks.feed(&[lines(0, 2), vec![checkpoint], lines(2, 5)].concat());
    assert_eq!(sinks.status()[0].waiting, 3);
    events.extend(settle(&sinks));
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 2, 2, 3, 4].map(Some));
    assert_eq!(names(&events), ["SinkFailed", "SinkRecovered"]);
    assert_eq!(events[1].additional["dropped"], 1);
    let status = &sinks.status()[0];
    assert_eq!((status.delivered, status.waiting, status.dropped), (4, 0, 1));
    assert_eq!(status.last_error, None);
}

/// T-122. Mutation seen to fail it: no bound.
#[test]
fn a_full_queue_drops_counts_and_tells() {
    let works = Arc::new(AtomicBool::new(false));
    let taken = Arc::new(AtomicU64::new(0));
    let sinks = Sinks::default();
    let callback: Callback = {
        let (works, taken) = (works.clone(), taken.clone());
        Box::new(move |_| {
            taken.fetch_add(u64::from(works.load(Ordering::Relaxed)), Ordering::Relaxed);
            works.load(Ordering::Relaxed)
        })
    };
    sinks.add(Box::new(Patient(callback))).unwrap();
    let limit = QUEUE_LIMIT as u64;
    let one = lines(0, 1);
    let mut events = Vec::new();
    for _ in 0..limit + 7 {
        events.extend(sinks.feed(&one));
    }
    assert_eq!(names(&events), ["SinkFailed"]);
    let status = &sinks.status()[0];
    assert_eq!((status.delivered, status.waiting, status.dropped), (0, limit, 7));
    works.store(true, Ordering::Relaxed);
    let events = settle(&sinks);
    assert_eq!(names(&events), ["SinkRecovered"]);
    assert_eq!(events[0].additional["dropped"], 7);
    assert_eq!(taken.load(Ordering::Relaxed), limit);
    assert_eq!(sinks.status()[0].delivered, limit);
}

#[test]
fn a_callback_may_call_what_feeds_the_sinks_and_may_panic() {
    let sinks = Arc::new(Sinks::default());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let callback: Callback = {
        let (again, seen) = (Arc::downgrade(&sinks), seen.clone());
        Box::new(move |line| {
            let first = {
                let mut seen = seen.lock().unwrap();
                seen.push(line.to_owned());
                seen.len() == 1
            };
            if first {
                again.upgrade().unwrap().feed(&lines(1, 3));
            }
            assert!(!line.contains("panic"));
            true
        })
    };
    sinks.add_callback(callback).unwrap();
    sinks.feed(&lines(0, 1));
    assert_eq!(*seen.lock().unwrap(), lines(0, 3));
    // A panic is a failure like another.
    assert_eq!(sinks.feed(&["panic".into()])[0].name, "SinkFailed");
    assert_eq!(sinks.status()[0].waiting, 1);
}

/// Whoever finds another at work leaves his lines to him. (Between the other's last look at the queue and his release is a
/// window too narrow for a test to meet surely: `deliver` looks once more.)
#[test]
fn threads_that_feed_at_once_lose_nothing() {
    let sinks = Sinks::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let callback: Callback = {
        let seen = seen.clone();
        Box::new(move |line| {
            seen.lock().unwrap().push(seq_of(line).unwrap());
            true
        })
    };
    sinks.add_callback(callback).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let sinks = &sinks;
            scope.spawn(move || {
                for n in 0..500 {
                    sinks.feed(&lines(n * 4 + thread, n * 4 + thread + 1));
                }
            });
        }
    });
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, (0..2_000).collect::<Vec<_>>());
}

#[test]
fn lines_that_wait_are_put_in_order() {
    let (works, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let sinks = Sinks::default();
    let callback: Callback = {
        let (works, seen) = (works.clone(), seen.clone());
        Box::new(move |line| {
            let works = works.load(Ordering::Relaxed);
            if works {
                seen.lock().unwrap().push(seq_of(line).unwrap());
            }
            works
        })
    };
    sinks.add(Box::new(Patient(callback))).unwrap();
    for from in [10, 0, 20, 5, 15] {
        sinks.feed(&lines(from, from + 5));
    }
    works.store(true, Ordering::Relaxed);
    settle(&sinks);
    assert_eq!(*seen.lock().unwrap(), (0..25).collect::<Vec<_>>());
}

#[test]
fn sixteen_sinks_are_the_most() {
    let sinks = Sinks::default();
    assert!(sinks.status().is_empty());
    for _ in 0..SINKS_LIMIT {
        sinks.add_callback(Box::new(|_| true)).unwrap();
    }
    assert_eq!(sinks.add_callback(Box::new(|_| true)).unwrap_err().status(), crate::Status::LimitExceeded);
    assert_eq!(sinks.status().len(), SINKS_LIMIT);
}

/// Mutation seen to fail it: `mine` gives all.
#[test]
fn a_forked_child_has_no_sinks_of_its_parent_and_can_add_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (path, childs) = (folder.path().join("trail.jsonl"), folder.path().join("child.jsonl"));
    let sinks = file_sink(&path, 0, 0);
    sinks.feed(&lines(0, 1));
    // As another thread's would be.
    let held = sinks.mine()[0].clone();
    let _held = (held.queue.lock().unwrap(), held.at_work.lock().unwrap());
    assert!(in_child(false, || {
        let none = sinks.status().is_empty() && sinks.feed(&lines(1, 2)).is_empty();
        sinks.add_file(&FileSink { path: childs.clone(), rotate_bytes: 0, keep: 0 }, None).unwrap();
        sinks.feed(&lines(2, 3));
        none && sinks.status().len() == 1
    }));
    assert_eq!(fs::read_to_string(&path).unwrap(), text(&lines(0, 1)));
    assert_eq!(fs::read_to_string(&childs).unwrap(), text(&lines(2, 3)));
}

#[test]
fn a_file_is_readable_by_its_owner_alone_and_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    file_sink(&path, 0, 0).feed(&lines(0, 3));
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    // As a process leaves it that ended in the middle of a line.
    let mut torn = text(&lines(0, 3)).into_bytes();
    torn.truncate(torn.len() - 20);
    fs::write(&path, &torn).unwrap();
    file_sink(&path, 0, 0).feed(&lines(3, 5));
    let read = fs::read_to_string(&path).unwrap();
    assert_eq!(read.lines().count(), 5);
    assert!(read.ends_with(&format!("\n{}", text(&lines(3, 5)))));
}

/// T-122, "writes going to a deleted file". Mutation seen to fail it: no look at what is at the path.
#[test]
fn a_file_that_was_moved_or_deleted_is_opened_anew_and_begins_with_the_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("trail.jsonl"), folder.path().join("trail.old"));
    let sinks = file_sink(&path, 0, 0);
    let checkpoint = rows(4, 4).checkpoints[0].line();
    sinks.feed(&lines(0, 4));
    sinks.feed(std::slice::from_ref(&checkpoint));
    sinks.feed(&lines(4, 6));
    fs::rename(&path, &moved).unwrap();
    sinks.feed(&lines(6, 8));
    assert!(fs::read_to_string(&moved).unwrap().ends_with(&text(&lines(4, 6))));
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{checkpoint}\n{}", text(&lines(6, 8))));
    fs::remove_file(&path).unwrap();
    sinks.feed(&lines(8, 9));
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{checkpoint}\n{}", text(&lines(8, 9))));
    // Another file at its place.
    fs::rename(&moved, &path).unwrap();
    sinks.feed(&lines(9, 10));
    assert!(fs::read_to_string(&path).unwrap().ends_with(&text(&lines(9, 10))));
    // The folder is gone, and comes back.
    let (away, here) = (folder.path().join("away"), folder.path().join("here"));
    fs::create_dir(&here).unwrap();
    let sinks = file_sink(&here.join("t"), 0, 0);
    fs::rename(&here, &away).unwrap();
    assert_eq!(names(&sinks.feed(&lines(0, 1))), ["SinkFailed"]);
    fs::create_dir(&here).unwrap();
    assert_eq!(names(&settle(&sinks)), ["SinkRecovered"]);
    assert_eq!(fs::read_to_string(here.join("t")).unwrap(), text(&lines(0, 1)));
}

#[test]
fn what_is_neither_a_file_nor_a_pipe_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    symlink(at("file"), at("link")).unwrap();
    symlink(at("nothing"), at("dangling")).unwrap();
    fs::write(at("open"), "").unwrap();
    fs::set_permissions(at("open"), fs::Permissions::from_mode(0o666)).unwrap();
    let refused =
        [at("link"), at("dangling"), folder.path().into(), PathBuf::from("/dev/null"), at("open"), at("a/b")];
    for path in refused {
        let error = Sinks::default()
            .add_file(&FileSink { path: path.clone(), rotate_bytes: 0, keep: 0 }, None)
            .unwrap_err();
        assert_eq!(error.status(), crate::Status::Io, "{path:?}");
    }
    assert!(!at("nothing").exists());
    // A link that takes the file's place later is not followed.
    let sinks = file_sink(&at("trail"), 0, 0);
    fs::remove_file(at("trail")).unwrap();
    symlink(at("file"), at("trail")).unwrap();
    assert_eq!(names(&sinks.feed(&lines(0, 1))), ["SinkFailed"]);
    assert_eq!(fs::read(at("file")).unwrap(), b"");
}

/// Mutations seen to fail it: the checkpoint not written into the new file; one file too few kept.
#[test]
fn files_rotate_at_checkpoints_keep_so_many_and_verify_together_and_from_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    let log = rows(95, 10);
    let sinks = file_sink(&path, 12_000, 3);
    for (seq, line) in &log.rows {
        sinks.feed(std::slice::from_ref(line));
        if let Some(due) =
            log.checkpoints.iter().find(|checkpoint| checkpoint.claimed_size() == Some(seq + 1))
        {
            sinks.feed(&[due.line()]);
        }
    }
    let numbered = |number: u32| folder.path().join(format!("trail.jsonl.{number}"));
    assert!(numbered(3).exists() && !numbered(4).exists());
    for file in [&numbered(1), &numbered(2), &numbered(3)] {
        let read = fs::read_to_string(file).unwrap();
        let checkpoint = |line: &str| line.starts_with("{\"checkpoint\":");
        assert!(read.lines().next().is_some_and(checkpoint) && read.lines().last().is_some_and(checkpoint));
        assert!((12_000..24_000).contains(&read.len()), "{} bytes", read.len());
    }
    let files = [numbered(3), numbered(2), numbered(1), path.clone()];
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let report = verify_jsonl(&paths, &key().verifier()).unwrap();
    assert_eq!(report.first_bad, None);
    assert!(report.ok && report.first > 0 && report.first.is_multiple_of(10));
    assert_eq!(report.first + report.events, 95);
    assert_eq!((report.last_good_checkpoint, report.uncovered), (Some(90), 5));
    // Without checkpoints, a file grows to twice the size at most; without any kept, there is one.
    let sinks = file_sink(&folder.path().join("one"), 1_000, 0);
    lines(0, 50).iter().for_each(|line| drop(sinks.feed(std::slice::from_ref(line))));
    assert!(fs::metadata(folder.path().join("one")).map_or(0, |file| file.len()) < 2_500);
    assert!(!folder.path().join("one.1").exists());
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn reader(path: &Path) -> fs::File {
    fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap()
}

/// T-122, "hung FIFO". Mutation seen to fail it (it hangs): without O_NONBLOCK.
#[test]
fn a_pipe_that_nobody_reads_holds_up_nobody_and_its_reader_gets_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    pipe(&path);
    let sinks = file_sink(&path, 0, 0);
    assert_eq!(names(&sinks.feed(&lines(0, 10))), ["SinkFailed"], "there is no reader");
    let mut hung = reader(&path);
    let mut events = Vec::new();
    while sinks.status()[0].delivered == 0 {
        events.extend(sinks.feed(&[]));
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(names(&events), ["SinkRecovered"]);
    // More than a pipe holds, and then more than the queue.
    let limit = QUEUE_LIMIT as u64;
    let all = lines(10, 10 + limit + 2_000);
    let mut events = Vec::new();
    all.chunks(4_096).for_each(|some| events.extend(sinks.feed(some)));
    assert_eq!(names(&events), ["SinkFailed"], "it is merely full until the queue is");
    let status = &sinks.status()[0];
    assert!(status.dropped > 0 && status.waiting == limit);
    // The reader wakes up: what it reads are whole lines, in order.
    let mut read = Vec::new();
    while sinks.status()[0].waiting > 0 {
        sinks.feed(&[]);
        let mut some = vec![0; 1 << 20];
        while let Ok(count @ 1..) = hung.read(&mut some) {
            read.extend_from_slice(&some[..count]);
        }
    }
    sinks.feed(&[]);
    let _ = hung.read_to_end(&mut read);
    let read = String::from_utf8(read).unwrap();
    let seqs: Vec<u64> = read.lines().map(|line| seq_of(line).unwrap()).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]) && seqs[0] == 0);
    let status = &sinks.status()[0];
    assert_eq!(status.delivered, seqs.len() as u64);
    assert_eq!(status.delivered + status.dropped, 10 + all.len() as u64);
}

#[test]
fn a_reader_that_goes_away_ends_nobody_and_the_next_one_begins_with_a_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    pipe(&path);
    assert!(in_child(false, || {
        // SAFETY: puts back the action that a host in C has.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        }
        let first = reader(&path);
        let sinks = file_sink(&path, 0, 0);
        sinks.feed(&lines(0, 400));
        drop(first);
        let failed = names(&sinks.feed(&lines(400, 401))) == ["SinkFailed"];
        let mut next = reader(&path);
        let mut some = vec![0; 1 << 16];
        let count = loop {
            sinks.feed(&[]);
            if let Ok(count @ 1..) = next.read(&mut some) {
                break count;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        };
        failed && some[..count].starts_with(b"{\"eventVersion\":\"1.0\",\"seq\":")
    }));
}

/// T-122, "full disk": a file that cannot grow takes part of a line, and the rest of it when it can again. Mutation seen to
/// fail it: the half line forgotten.
#[test]
fn a_full_disk_fails_the_sink_and_no_line_is_torn_when_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    assert!(in_child(false, || {
        let limit = |bytes: libc::rlim_t| {
            let limits = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: the child's own limit, and its own action for the signal that goes with it.
            #[allow(unsafe_code)]
            unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                libc::setrlimit(libc::RLIMIT_FSIZE, &limits);
            }
        };
        let sinks = file_sink(&path, 0, 0);
        limit(1_000);
        let failed =
            names(&[sinks.feed(&lines(0, 10)), sinks.feed(&lines(10, 11))].concat()) == ["SinkFailed"];
        let full = fs::metadata(&path).unwrap().len() == 1_000;
        limit(libc::RLIM_INFINITY);
        let recovered = names(&settle(&sinks)) == ["SinkRecovered"];
        failed && full && recovered && fs::read_to_string(&path).unwrap() == text(&lines(0, 11))
    }));
}

#[test]
fn processes_that_share_a_file_and_processes_with_files_of_their_own_verify() {
    let folder = tempfile::tempdir().unwrap();
    let (shared, own) = (folder.path().join("shared"), [folder.path().join("a"), folder.path().join("b")]);
    let log = rows(60, 20);
    let sinks = [file_sink(&shared, 0, 0), file_sink(&shared, 0, 0)];
    let apart = [file_sink(&own[0], 0, 0), file_sink(&own[1], 0, 0)];
    for (seq, line) in &log.rows {
        // Two by two in the wrong order.
        let swapped = &log.rows[(seq ^ 1) as usize].1;
        sinks[(seq / 7 % 2) as usize].feed(std::slice::from_ref(swapped));
        apart[(seq / 7 % 2) as usize].feed(std::slice::from_ref(line));
        if let Some(due) =
            log.checkpoints.iter().find(|checkpoint| checkpoint.claimed_size() == Some(seq + 1))
        {
            sinks[0].feed(&[due.line()]);
            apart[1].feed(&[due.line()]);
        }
    }
    let key = key().verifier();
    for files in [
        vec![shared.as_path()],
        vec![own[0].as_path(), &own[1]],
        vec![&own[1], &own[0]],
        vec![&shared, &own[0]],
    ] {
        let report = verify_jsonl(&files, &key).unwrap();
        assert_eq!(report.first_bad, None, "{files:?}");
        assert_eq!((report.events, report.checkpoints), (60, 3));
    }
    // One alone has holes.
    let report = verify_jsonl(&[&own[0]], &key).unwrap();
    assert_eq!(report.first_bad.map(|bad| (bad.seq, bad.kind)), Some((7, "missing")));
}
