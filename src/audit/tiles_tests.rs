use super::*;
use crate::audit::SigningKey;
use crate::audit::jsonl::verify_jsonl;
use crate::audit::verify::tests::{Rows, entry, key, rows};

fn note(log: &Rows, size: u64) -> String {
    let mut edge = RightEdge::default();
    log.rows[..size as usize].iter().for_each(|(_, entry)| edge.push(leaf_hash(entry.as_bytes())));
    signed(&key(), &edge)
}

fn signed(key: &SigningKey, edge: &RightEdge) -> String {
    SignedCheckpoint::sign(key, edge).unwrap().note
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all_files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn bad(folder: &Path) -> (u64, &'static str) {
    let report = verify_tiles(folder, &key().verifier()).unwrap();
    assert!(!report.ok);
    report.first_bad.map(|bad| (bad.seq, bad.kind)).unwrap()
}

/// The example of C2SP tlog-tiles.
#[test]
fn tiles_are_named_as_the_specification_names_them() {
    assert_eq!(tile_path(0, 1_234_067, 0), Path::new("tile/0/x001/x234/067"));
    assert_eq!(tile_path(2, 0, 17), Path::new("tile/2/000.p/17"));
    assert_eq!(entries_path(1_000, 255), Path::new("tile/entries/x001/000.p/255"));
}

#[test]
fn exports_of_every_shape_verify_and_go_on_where_they_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = rows(1_200, 100);
    for size in [0, 1, 255, 256, 257, 512, 700, 700, 1_024, 1_200] {
        let note = note(&log, size);
        assert_eq!(export_tiles(&mut log, &note, folder.path()).unwrap(), size);
        let report = verify_tiles(folder.path(), &key().verifier()).unwrap();
        assert_eq!((report.first_bad, report.ok, report.events), (None, true, size));
        assert_eq!(report.last_good_checkpoint, Some(size));
        // The same as an export in one go.
        let fresh = tempfile::tempdir().unwrap();
        export_tiles(&mut log, &note, fresh.path()).unwrap();
        for file in all_files(fresh.path()) {
            let there = folder.path().join(file.strip_prefix(fresh.path()).unwrap());
            assert_eq!(fs::read(&file).unwrap(), fs::read(&there).unwrap(), "{there:?}");
        }
    }
    assert_eq!(fs::read(folder.path().join("tile/0/003")).unwrap().len(), 8_192);
    assert_eq!(fs::read(folder.path().join("tile/1/000.p/4")).unwrap().len(), 128);
    assert!(all_files(folder.path()).iter().all(|file| !file.to_string_lossy().contains("tmp-")));
}

/// Mutation seen to fail it: the subtree's root of a whole tile taken without its last hash.
#[test]
fn a_log_over_three_levels_has_a_tile_of_each() {
    // 65,536 leaves fill a tile of level 1; entries are not looked at by the tree.
    let mut tiles = Tiles::default();
    let mut written: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut edge = RightEdge::default();
    for n in 0..65_536_u64 + 300 {
        let leaf = leaf_hash(&n.to_be_bytes());
        edge.push(leaf);
        tiles
            .push_leaf(leaf, &mut |file| {
                written.push((file.path, file.bytes));
                Ok(())
            })
            .unwrap();
    }
    tiles
        .end(&mut |file| {
            written.push((file.path, file.bytes));
            Ok(())
        })
        .unwrap();
    let get = |path: &str| &written.iter().find(|(at, _)| at == Path::new(path)).unwrap().1;
    assert_eq!((get("tile/1/000").len(), get("tile/2/000.p/1").len()), (8_192, 32));
    assert_eq!((get("tile/1/001.p/1").len(), get("tile/0/257.p/44").len()), (32, 44 * 32));
    // The one hash of level 2 is the root of the first 65,536.
    assert_eq!(get("tile/2/000.p/1").as_slice(), edge.nodes()[0]);
}

/// T-124. Mutations seen to fail it: `genuine` answers None; the tiles of higher levels not compared.
#[test]
fn a_flipped_bit_anywhere_in_the_folder_is_found_and_in_an_entry_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = rows(600, 100);
    let note = note(&log, 600);
    export_tiles(&mut log, &note, folder.path()).unwrap();
    for file in all_files(folder.path()) {
        let good = fs::read(&file).unwrap();
        for at in [0, good.len() / 3, good.len() - 2] {
            let mut changed = good.clone();
            changed[at] ^= 1;
            fs::write(&file, &changed).unwrap();
            let report = verify_tiles(folder.path(), &key().verifier()).unwrap();
            assert!(!report.ok, "{file:?} at {at}");
        }
        fs::remove_file(&file).unwrap();
        match verify_tiles(folder.path(), &key().verifier()) {
            Ok(report) => assert!(!report.ok, "{file:?} is not there"),
            Err(error) => {
                assert!(file.ends_with("checkpoint") && error.status() == crate::Status::TrailInvalid)
            }
        }
        fs::write(&file, &good).unwrap();
    }
    assert!(verify_tiles(folder.path(), &key().verifier()).unwrap().ok);

    // In the 44th entry of the second bundle.
    let bundle = folder.path().join("tile/entries/001");
    let good = fs::read(&bundle).unwrap();
    let at: usize = log.rows[256..300].iter().map(|(_, entry)| entry.len() + 2).sum();
    let mut changed = good.clone();
    changed[at + 100] ^= 1;
    fs::write(&bundle, &changed).unwrap();
    let report = verify_tiles(folder.path(), &key().verifier()).unwrap();
    assert_eq!(report.first_bad.map(|bad| (bad.seq, bad.kind)), Some((300, "changed")));
    assert_eq!(report.events, 600, "the others are still looked at");
    // A bundle that is not there, or ends early.
    fs::remove_file(&bundle).unwrap();
    assert_eq!(bad(folder.path()), (256, "missing"));
    fs::write(&bundle, &good[..good.len() - 1]).unwrap();
    assert_eq!(bad(folder.path()), (511, "missing"));
    fs::write(&bundle, &good).unwrap();
    // A tile alone.
    let tile = folder.path().join("tile/1/000.p/2");
    let mut changed = fs::read(&tile).unwrap();
    changed[40] ^= 1;
    fs::write(&tile, &changed).unwrap();
    assert_eq!(bad(folder.path()), (0, "bad tile"));
}

#[test]
fn a_folder_of_another_history_or_log_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, mut other) = (rows(300, 100), rows(400, 100));
    let (mine, others) = (note(&log, 300), note(&other, 400));
    export_tiles(&mut log, &mine, folder.path()).unwrap();
    let error = export_tiles(&mut other, &others, folder.path()).unwrap_err();
    assert_eq!(error.status(), crate::Status::TrailInvalid);
    assert!(verify_tiles(folder.path(), &key().verifier()).unwrap().ok, "what was there stays");
    let shorter = note(&log, 200);
    assert_eq!(
        export_tiles(&mut log, &shorter, folder.path()).unwrap_err().status(),
        crate::Status::TrailInvalid
    );
    let stranger = crate::audit::note::tests::test_key("keyfold.dev/store/other");
    let strangers = signed(&stranger, &RightEdge::default());
    assert!(export_tiles(&mut rows(0, 1), &strangers, folder.path()).is_err());
    assert_eq!(
        verify_tiles(folder.path(), &stranger.verifier()).unwrap().first_bad.unwrap().kind,
        "bad checkpoint"
    );
}

#[test]
fn an_export_whose_tiles_were_damaged_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = rows(700, 100);
    for damaged in ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"] {
        let (first, then) = (note(&log, 300), note(&log, 700));
        let _ = fs::remove_dir_all(folder.path().join("tile"));
        let _ = fs::remove_file(folder.path().join("checkpoint"));
        export_tiles(&mut log, &first, folder.path()).unwrap();
        let path = folder.path().join(damaged);
        let mut bytes = fs::read(&path).unwrap();
        bytes[30] ^= 1;
        fs::write(&path, bytes).unwrap();
        export_tiles(&mut log, &then, folder.path()).unwrap();
        assert!(verify_tiles(folder.path(), &key().verifier()).unwrap().ok, "{damaged}");
    }
}

fn lines(log: &Rows) -> Vec<String> {
    let mut lines = Vec::new();
    for (seq, line) in &log.rows {
        lines.push(line.clone());
        let due = log.checkpoints.iter().find(|checkpoint| checkpoint.claimed_size() == Some(seq + 1));
        lines.extend(due.map(SignedCheckpoint::line));
    }
    lines
}

fn verify_lines(lines: &[String]) -> TrailReport {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    verify_jsonl(&[&path], &key().verifier()).unwrap()
}

/// Mutation seen to fail it: checkpoints of the lines not looked at.
#[test]
fn json_lines_verify_and_what_was_done_to_them_is_named() {
    let good = lines(&rows(60, 20));
    let report = verify_lines(&good);
    assert_eq!((report.ok, report.events, report.checkpoints, report.uncovered), (true, 60, 3, 0));
    let found = |lines: &[String]| {
        let report = verify_lines(lines);
        assert!(!report.ok);
        report.first_bad.map(|bad| (bad.seq, bad.kind)).unwrap()
    };
    let change = |at: usize, from: &str, to: &str| {
        let mut lines = good.clone();
        assert_ne!(lines[at], lines[at].replacen(from, to, 1));
        lines[at] = lines[at].replacen(from, to, 1);
        lines
    };
    assert_eq!(found(&change(5, "GenerateDataKey", "Encrypt")), (0, "changed"));
    // Line 25 is entry 24: a checkpoint stands between.
    assert_eq!(found(&change(25, "GenerateDataKey", "Encrypt")), (20, "changed"));
    assert_eq!(found(&change(25, "{\"eventVersion\"", "")).1, "malformed");
    assert_eq!(found(&change(20, "\\n20\\n", "\\n19\\n")), (19, "bad checkpoint"));
    let without = |at: usize| [&good[..at], &good[at + 1..]].concat();
    assert_eq!(found(&without(25)), (24, "missing"));
    assert!(verify_lines(&without(20)).ok, "a checkpoint less covers no less");
    let twice = [&good[..26], &good[25..]].concat();
    assert!(verify_lines(&twice).ok, "a line that stands there twice counts once");
    let mut different = good.clone();
    different.insert(26, entry(24));
    // Either of the two may come first, by what stands in them.
    assert!(matches!(found(&different), (20 | 24, "changed")));
    let far = [&good[30..], &good[..30]].concat();
    assert!(verify_lines(&far).ok, "within the window the order of lines says nothing");
    // A copy that begins in the middle, at a checkpoint or not.
    let report = verify_lines(&good[20..]);
    assert_eq!((report.ok, report.first, report.events, report.uncovered), (true, 20, 40, 0));
    let report = verify_lines(&good[30..]);
    assert_eq!((report.ok, report.first, report.events, report.uncovered), (true, 29, 31, 11));
    assert_eq!(report.unverified, 11);
    let report = verify_lines(&[]);
    assert_eq!((report.ok, report.events), (true, 0));
}

/// Must fail with: `ok` without asking whether anything was verified.
#[test]
fn lines_that_no_two_checkpoints_enclose_are_not_said_to_be_whole() {
    let good = lines(&rows(60, 20));
    let report = verify_lines(&good[22..35]);
    assert_eq!((report.ok, report.events, report.unverified), (false, 13, 13));
    assert_eq!(report.first_bad, None);
    // One checkpoint before them, and none after.
    let report = verify_lines(&good[20..35]);
    assert_eq!((report.ok, report.events, report.unverified), (false, 14, 14));
    let report = verify_lines(&good[20..45]);
    assert_eq!((report.ok, report.events, report.unverified), (true, 23, 3));
}

#[test]
fn a_line_without_end_is_not_read_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    fs::write(&path, vec![b'x'; 3 << 20]).unwrap();
    let report = verify_jsonl(&[&path], &key().verifier()).unwrap();
    assert_eq!(report.first_bad.unwrap().kind, "malformed");
}

/// For tests/audit, which verifies it with a tool that is not ours: three levels of tiles, and an earlier checkpoint.
#[test]
#[ignore = "writes files for another suite"]
fn an_export_for_other_tools() {
    let folder = PathBuf::from(std::env::var_os("KEYFOLD_AUDIT_EXPORT").unwrap());
    fs::create_dir_all(&folder).unwrap();
    let size = 65_536 + 300;
    let mut log = rows(size, size);
    let (earlier, last) = (note(&log, 300), log.checkpoints[0].note.clone());
    export_tiles(&mut log, &earlier, &folder).unwrap();
    fs::copy(folder.join("checkpoint"), folder.join("earlier")).unwrap();
    export_tiles(&mut log, &last, &folder).unwrap();
    fs::write(folder.join("key"), key().verifier().to_string()).unwrap();
}
