use super::super::event::tests::{api_call, source};
use super::super::note::tests::test_key;
use super::*;
use crate::audit::{Event, EventType, SigningKey};

/// A log in memory: rows with a MAC each, as the store has them, and checkpoints every so many entries.
pub(crate) struct Rows {
    pub(crate) rows: Vec<(u64, String)>,
    /// What was written, by place; empty when the log cannot tell.
    pub(crate) written: Vec<Hash>,
    pub(crate) checkpoints: Vec<SignedCheckpoint>,
    pub(crate) head: Option<(u64, Hash)>,
}

impl Log for Rows {
    fn entries(&mut self, from: u64, limit: usize) -> Result<Vec<(u64, String)>> {
        Ok(self.rows.iter().filter(|(seq, _)| *seq >= from).take(limit).cloned().collect())
    }

    fn checkpoints(&mut self, after: Option<u64>, limit: usize) -> Result<Vec<SignedCheckpoint>> {
        let later =
            |checkpoint: &&SignedCheckpoint| checkpoint.claimed_size().is_none_or(|size| Some(size) > after);
        Ok(self.checkpoints.iter().filter(later).take(limit).cloned().collect())
    }

    fn genuine(&mut self, seq: u64, leaf: &Hash) -> Result<Option<bool>> {
        Ok(self.written.get(seq as usize).map(|written| written == leaf))
    }

    fn head(&mut self) -> Result<Option<(u64, Hash)>> {
        Ok(self.head)
    }
}

pub(crate) fn key() -> SigningKey {
    test_key("keyfold.dev/store/00112233445566778899aabbccddeeff")
}

pub(crate) fn entry(seq: u64) -> String {
    let mut event = api_call("GenerateDataKey");
    event.at += seq * 10;
    event.monotonic = 5_000 + seq * 10;
    event.write(&source(), seq).unwrap()
}

/// `size` entries, with a checkpoint after every `every`.
pub(crate) fn rows(size: u64, every: u64) -> Rows {
    let mut edge = RightEdge::default();
    let mut log = Rows { rows: Vec::new(), written: Vec::new(), checkpoints: Vec::new(), head: None };
    for seq in 0..size {
        let entry = entry(seq);
        log.written.push(leaf_hash(entry.as_bytes()));
        edge.push(leaf_hash(entry.as_bytes()));
        log.rows.push((seq, entry));
        if edge.size().is_multiple_of(every) {
            log.checkpoints.push(SignedCheckpoint::sign(&key(), &edge).unwrap());
        }
    }
    log.head = Some((size, edge.root()));
    log
}

fn edge_of(leaves: &[Hash]) -> RightEdge {
    let mut edge = RightEdge::default();
    leaves.iter().for_each(|leaf| edge.push(*leaf));
    edge
}

fn check(log: &mut Rows, expected: Option<&str>) -> TrailReport {
    verify(log, &key().verifier(), expected, &mut |_, _| ()).unwrap()
}

fn first_bad(log: &mut Rows) -> (u64, &'static str) {
    let report = check(log, None);
    assert!(!report.ok);
    report.first_bad.map(|bad| (bad.seq, bad.kind)).unwrap()
}

#[test]
fn a_whole_trail_is_good_at_every_size() {
    for size in [0, 1, 2, 9, 10, 11, 100, 600, 5_000] {
        let mut log = rows(size, 10);
        let mut told = Vec::new();
        let report =
            verify(&mut log, &key().verifier(), None, &mut |done, of| told.push((done, of))).unwrap();
        assert_eq!(report.first_bad, None, "size {size}");
        let last = (size >= 10).then_some(size / 10 * 10);
        let expected = TrailReport {
            ok: true,
            events: size,
            checkpoints: size / 10,
            last_good_checkpoint: last,
            uncovered: size % 10,
            ..TrailReport::default()
        };
        assert_eq!(report, expected);
        assert!(told.is_sorted() && told.iter().all(|(_, of)| *of == size));
        assert_eq!(told.last().map(|told| told.0), (size > 0).then_some(size));
    }
}

/// Mutation seen to fail it: `genuine` not asked.
#[test]
fn a_changed_entry_is_named_and_later_segments_are_whole() {
    let mut log = rows(100, 10);
    log.rows[34].1 = log.rows[34].1.replace("GenerateDataKey", "Decrypt");
    let report = check(&mut log, None);
    assert_eq!(report.first_bad.as_ref().map(|bad| (bad.seq, bad.kind)), Some((34, "changed")));
    assert_eq!(report.bad_segments, [(30, 40)]);
    assert_eq!(report.last_good_checkpoint, Some(30));
    assert_eq!((report.events, report.checkpoints, report.uncovered), (100, 10, 0));

    // Two changes, in two segments.
    log.rows[77].1 = log.rows[77].1.replace("GenerateDataKey", "Decrypt");
    assert_eq!(check(&mut log, None).bad_segments, [(30, 40), (70, 80)]);
}

/// The tree finds what the rows' MACs do not: without them (a copy) or with them made anew. Mutation seen to fail it: no
/// edge taken from a checkpoint.
#[test]
fn without_a_mac_a_change_is_found_between_two_checkpoints_and_later_segments_are_whole() {
    let mut log = rows(100, 10);
    log.written.clear();
    log.rows[34].1 = log.rows[34].1.replace("GenerateDataKey", "Decrypt");
    let report = check(&mut log, None);
    assert_eq!(report.first_bad.as_ref().map(|bad| (bad.seq, bad.kind)), Some((30, "changed")));
    assert!(report.first_bad.unwrap().detail.contains("30 to 39"));
    assert_eq!(report.bad_segments, [(30, 40)]);

    // After the last checkpoint, against the head.
    let mut log = rows(105, 10);
    log.written.clear();
    log.rows[103].1 = log.rows[103].1.replace("GenerateDataKey", "Decrypt");
    assert_eq!(first_bad(&mut log), (100, "changed"));

    // A checkpoint without its edge is no place to go on from.
    let mut log = rows(100, 10);
    log.rows[34].1 = log.rows[34].1.replace("GenerateDataKey", "Decrypt");
    log.checkpoints[3].edge = None;
    assert_eq!(check(&mut log, None).bad_segments.last(), Some(&(30, 50)));
    // Nor is one whose edge is not that of its root.
    log.checkpoints[4].edge = log.checkpoints[5].edge.clone();
    assert_eq!(check(&mut log, None).bad_segments.last(), Some(&(30, 60)));
}

#[test]
fn one_flipped_bit_anywhere_in_an_entry_is_found() {
    let good = rows(3, 2);
    let bytes = good.rows[1].1.len();
    for at in 0..bytes {
        let mut log = rows(0, 2);
        (log.rows, log.written) = (good.rows.clone(), good.written.clone());
        (log.checkpoints, log.head) = (good.checkpoints.clone(), good.head);
        let mut entry = log.rows[1].1.clone().into_bytes();
        entry[at] ^= 1;
        log.rows[1].1 = String::from_utf8(entry).unwrap();
        assert_eq!(first_bad(&mut log).0, 1, "byte {at}");
    }
}

/// Mutation seen to fail it: sequence numbers of places not compared.
#[test]
fn a_missing_entry_is_named() {
    let mut log = rows(100, 10);
    log.rows.remove(34);
    let report = check(&mut log, None);
    assert_eq!(report.first_bad.as_ref().map(|bad| (bad.seq, bad.kind)), Some((34, "missing")));
    assert_eq!(report.bad_segments, [(30, 40)]);

    let mut log = rows(100, 10);
    log.rows.drain(25..45);
    let report = check(&mut log, None);
    assert_eq!(report.first_bad.as_ref().map(|bad| (bad.seq, bad.kind)), Some((25, "missing")));
    assert!(report.first_bad.unwrap().detail.contains("25 to 44"));
    assert_eq!((report.events, report.last_good_checkpoint), (80, Some(20)));
    assert_eq!(report.bad_segments, [(20, 50)]);

    let mut log = rows(100, 10);
    log.rows.remove(0);
    assert_eq!(first_bad(&mut log), (0, "missing"));

    // Renumbered, so that no place is empty.
    let mut log = rows(100, 10);
    log.rows.remove(34);
    log.rows.iter_mut().enumerate().for_each(|(seq, row)| row.0 = seq as u64);
    assert_eq!(first_bad(&mut log), (34, "reordered"));
}

#[test]
fn entries_that_changed_places_are_named() {
    let mut log = rows(100, 10);
    let (one, other) = (log.rows[34].1.clone(), log.rows[36].1.clone());
    (log.rows[34].1, log.rows[36].1) = (other, one);
    assert_eq!(first_bad(&mut log), (34, "reordered"));
    log.written.clear();
    assert_eq!(first_bad(&mut log), (34, "reordered"));
    log.rows.swap(10, 11);
    assert_eq!(first_bad(&mut log), (10, "missing"));
}

#[test]
fn a_tail_that_is_gone_is_missed_by_head_checkpoint_and_what_was_kept_elsewhere() {
    let expected = rows(95, 95).checkpoints[0].note.clone();

    let mut log = rows(100, 10);
    log.rows.truncate(97);
    assert_eq!(first_bad(&mut log), (97, "missing"));

    // The head was cut with it: the log's own checkpoint still speaks of more.
    let mut log = rows(100, 10);
    log.rows.truncate(97);
    log.head = Some((97, edge_of(&log.written[..97]).root()));
    assert_eq!(first_bad(&mut log), (97, "missing"));

    // The whole is older, and in itself true.
    let mut log = rows(90, 10);
    assert!(check(&mut log, None).ok);
    let report = check(&mut log, Some(&expected));
    assert_eq!(report.first_bad.map(|bad| (bad.seq, bad.kind)), Some((90, "rolled back")));
    assert!(!report.ok);
}

/// T-120. Mutation seen to fail it: only the sizes compared.
#[test]
fn a_trail_with_another_history_does_not_contain_the_checkpoint_kept_elsewhere() {
    let good = rows(95, 95);
    let mut log = rows(100, 10);
    // Entries bear random ids, so that two trails of the same calls differ; this one goes on from the same beginning.
    let expected = |size: usize| SignedCheckpoint::sign(&key(), &edge_of(&log.written[..size])).unwrap().note;
    let contained: Vec<String> = [1, 50, 95, 100].map(expected).to_vec();
    for note in contained {
        assert!(check(&mut log, Some(&note)).ok);
    }
    let report = check(&mut log, Some(&good.checkpoints[0].note));
    assert_eq!(report.first_bad.map(|bad| (bad.seq, bad.kind)), Some((90, "rolled back")));

    let other = SignedCheckpoint::sign(&test_key("keyfold.dev/store/other"), &RightEdge::default()).unwrap();
    let refused = verify(&mut log, &key().verifier(), Some(&other.note), &mut |_, _| ());
    assert_eq!(refused.unwrap_err().status(), crate::Status::TrailInvalid);
}

/// T-121: who can write everything but has no signing key cannot make a trail that is good.
#[test]
fn a_trail_made_anew_without_the_signing_key_is_refused() {
    let mut log = rows(50, 10);
    let forger = test_key(&key().verifier().name.replace("00", "01"));
    let mut edge = RightEdge::default();
    log.checkpoints.clear();
    for seq in 0..50 {
        let forged = entry(seq);
        log.written[seq as usize] = leaf_hash(forged.as_bytes());
        edge.push(leaf_hash(forged.as_bytes()));
        log.rows[seq as usize].1 = forged;
        if edge.size().is_multiple_of(10) {
            log.checkpoints.push(SignedCheckpoint::sign(&forger, &edge).unwrap());
        }
    }
    log.head = Some((50, edge.root()));
    assert_eq!(first_bad(&mut log), (10, "bad checkpoint"));
}

#[test]
fn damaged_checkpoints_are_named_and_the_entries_still_looked_at() {
    let mut log = rows(50, 10);
    log.checkpoints[2].note = log.checkpoints[2].note.replace("30\n", "31\n");
    let report = check(&mut log, None);
    assert_eq!(report.first_bad.as_ref().map(|bad| (bad.seq, bad.kind)), Some((31, "bad checkpoint")));
    assert_eq!(report.events, 50);

    let mut log = rows(50, 10);
    log.checkpoints[0].note = "nothing".into();
    assert_eq!(first_bad(&mut log).1, "bad checkpoint");
}

#[test]
fn what_stands_beyond_the_end_was_added() {
    let mut log = rows(20, 10);
    log.rows.push((20, entry(20)));
    assert_eq!(first_bad(&mut log), (20, "added"));
}

#[test]
fn what_is_no_event_is_malformed() {
    let good = entry(3);
    let bad = [
        "".to_owned(),
        "{}".into(),
        good[..good.len() - 1].to_owned(),
        good.replace("\"seq\":3", "\"seq\":99999999999999999999"),
        good.replace("\"seq\":3", "\"seq\":-3"),
        good.replace("eventTime\":\"2026", "eventTime\":\"20x6"),
        good.replace("monotonicTime", "monotonictime"),
        good.replace("pay-03", "pay\n03"),
    ];
    for line in bad {
        let mut log = rows(10, 5);
        log.written.clear();
        log.rows[3].1 = line.clone();
        assert_eq!(first_bad(&mut log), (3, "malformed"), "{line}");
    }
}

/// T-126. Mutation seen to fail it: the wall clock alone compared.
#[test]
fn a_clock_that_went_back_is_flagged_and_events_that_waited_are_not() {
    let mut log = rows(0, 100);
    let mut edge = RightEdge::default();
    let clocks: [(u64, u64); 10] = [
        (1_000_000, 50_000),
        (1_060_000, 110_000),
        // Waited in a queue: both its clocks are older.
        (1_030_000, 80_000),
        (1_120_000, 170_000),
        // Set back by an hour.
        (1_121_000 - 60_000, 171_000),
        (1_122_000 - 60_000, 172_000),
        // The host was started again; its clock is right.
        (2_000_000, 10),
        // … and here it was not.
        (1_500_000, 20),
        (1_500_400, 20),
        (1_500_500, 30),
    ];
    for (seq, (at, monotonic)) in clocks.into_iter().enumerate() {
        let mut event =
            Event::new(if seq == 9 { "TrailGap" } else { "Decrypt" }, EventType::ServiceEvent, at);
        event.monotonic = monotonic;
        let line = event.write(&source(), seq as u64).unwrap();
        log.written.push(leaf_hash(line.as_bytes()));
        edge.push(leaf_hash(line.as_bytes()));
        log.rows.push((seq as u64, line));
    }
    log.head = Some((10, edge.root()));
    let report = check(&mut log, None);
    assert_eq!(report.first_bad, None, "flagged, and nothing is wrong with the trail");
    assert_eq!(report.clock_steps, [4, 7]);
    assert_eq!(report.gaps, 1);
}

/// Run by hand, on a build with optimisation: `cargo test --release --lib -- --ignored --nocapture verifications_speed`.
#[test]
#[ignore = "a measurement"]
fn verifications_speed() {
    struct Many(Vec<(u64, String)>, Vec<SignedCheckpoint>);
    impl Log for Many {
        fn entries(&mut self, from: u64, limit: usize) -> Result<Vec<(u64, String)>> {
            let from = (from as usize).min(self.0.len());
            let to = (from + limit).min(self.0.len());
            Ok(self.0[from..to].iter_mut().map(|(seq, text)| (*seq, std::mem::take(text))).collect())
        }
        fn checkpoints(&mut self, after: Option<u64>, limit: usize) -> Result<Vec<SignedCheckpoint>> {
            let from = self.1.partition_point(|checkpoint| checkpoint.claimed_size() <= after);
            Ok(self.1[from..].iter().take(limit).cloned().collect())
        }
        fn head(&mut self) -> Result<Option<(u64, Hash)>> {
            Ok(None)
        }
    }
    let Rows { rows, checkpoints, .. } = rows(500_000, 1_024);
    let bytes: usize = rows.iter().map(|(_, text)| text.len()).sum();
    let mut log = Many(rows, checkpoints);
    let began = std::time::Instant::now();
    let report = verify(&mut log, &key().verifier(), None, &mut |_, _| ()).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert!(report.ok);
    println!("{:.0} events/s of {} bytes", report.events as f64 / seconds, bytes / 500_000);
}
