//! The trail under attack, and its copies: what `audit verify` says, and how it ends.

use serde_json::Value;

use super::place::Place;

/// A store in which some things happened, as anna.
fn with_events() -> Place {
    let mut place = Place::empty();
    place.environment.push(("KEYFOLD_PRINCIPAL".into(), "anna".into()));
    place.must(&["init"]);
    place.must(&["key", "create", "cards"]);
    place.must(&["key", "disable", "cards"]);
    assert_eq!(place.run(&["encrypt", "--key", "cards", "-o", "e.kf", "/dev/null"]).code, Some(4));
    place.must(&["key", "enable", "cards"]);
    place
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_are_json_lines_and_filters_narrow_them() {
    let place = with_events();
    let names = |arguments: &[&str]| -> Vec<String> {
        let shown = place.must(&[&["audit", "show", "--json"][..], arguments].concat());
        lines(&shown).iter().map(|event| event["eventName"].as_str().unwrap().to_owned()).collect()
    };
    let all = names(&[]);
    for name in ["CreateKey", "DisableKey", "EnableKey", "Encrypt"] {
        assert!(all.iter().any(|n| n == name), "{name} is in {all:?}");
    }
    assert_eq!(names(&["--event", "DisableKey"]), ["DisableKey"]);
    assert_eq!(names(&["--failed", "--event", "Encrypt"]), ["Encrypt"]);
    assert_eq!(names(&["--key", "cards", "--event", "EnableKey", "--by", "anna"]), ["EnableKey"]);
    assert!(names(&["--by", "ben"]).is_empty());
    assert!(names(&["--until", "2000-01-01T00:00:00Z"]).is_empty());
    let failed = lines(&place.must(&["audit", "show", "--json", "--event", "Encrypt"]));
    assert_eq!(failed[0]["errorCode"], "DisabledException", "{failed:?}");
    // One event by its number is the same event.
    let seq = failed[0]["seq"].as_u64().unwrap().to_string();
    assert_eq!(place.json(&["audit", "show", &seq]), failed[0]);
    let tail = lines(&place.must(&["audit", "tail", "--json", "-n", "2", "--key", "cards"]));
    assert_eq!(tail.len(), 2);
    assert!(tail[0]["seq"].as_u64() < tail[1]["seq"].as_u64(), "the newest is last");
}

// Meant to fail when the report's `ok` does not decide the exit code.
#[test]
fn an_event_that_was_changed_is_named_and_the_command_ends_with_3() {
    let place = with_events();
    place.must(&["audit", "export", "tiles"]);
    let key = place.json(&["audit", "key"])["trail_key"].as_str().unwrap().to_owned();
    let verify = ["audit", "verify", "--tiles", "tiles", "--key", &key, "--json"];
    assert_eq!(place.json(&verify[..6])["ok"], true);
    let folder = place.path("tiles/tile/entries");
    let tile = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    // A partial tile lies in a folder of its own.
    let tile = match tile.is_dir() {
        true => std::fs::read_dir(&tile).unwrap().next().unwrap().unwrap().path(),
        false => tile,
    };
    let whole = std::fs::read(&tile).unwrap();
    let at = whole.windows(10).position(|w| w == b"DisableKey").unwrap();
    let mut changed = whole.clone();
    changed[at..at + 10].copy_from_slice(b"EnabledKey");
    std::fs::write(&tile, &changed).unwrap();
    let done = place.run(&verify);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["ok"], false, "{report}");
    assert!(done.stderr.contains("TRAIL_INVALID"), "{}", done.stderr);
    let words = place.run(&verify[..6]);
    assert_eq!(words.code, Some(3));
    assert!(words.stderr.contains("the first bad entry is event"), "{}", words.stderr);
    std::fs::write(&tile, &whole).unwrap();
    // Another log's key vouches for nothing here.
    let other = Place::empty();
    other.must(&["init"]);
    let foreign = other.json(&["audit", "key"])["trail_key"].as_str().unwrap().to_owned();
    assert_eq!(place.run(&["audit", "verify", "--tiles", "tiles", "--key", &foreign]).code, Some(3));
}

#[test]
fn a_checkpoint_kept_elsewhere_finds_a_trail_that_was_put_back() {
    let place = with_events();
    place.must(&["key", "rotate", "cards"]);
    let copy = |from: &str, to: &str| {
        std::process::Command::new("sh")
            .args(["-ec", &format!("mkdir -p {to}; cp -p {from}/keys.db* {to}/")])
            .current_dir(place.root())
            .status()
            .unwrap();
    };
    copy("store", "old");
    place.must(&["key", "rotate", "cards"]);
    place.must(&["audit", "checkpoint", "-o", "checkpoint"]);
    place.must(&["audit", "verify", "--checkpoint", "checkpoint"]);
    // Nothing but the checkpoint remembers: without an anchor the older store opens.
    let done = place.run(&[
        "audit",
        "verify",
        "--checkpoint",
        "checkpoint",
        "--store",
        "old/keys.db",
        "--anchor",
        "off",
    ]);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    let done = place.run(&["audit", "verify", "--store", "old/keys.db", "--anchor", "off"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
}

#[test]
fn a_file_of_events_grows_with_each_command_and_verifies_without_the_store() {
    let mut place = Place::empty();
    let file = place.path("events.jsonl").display().to_string();
    place.environment.push(("KEYFOLD_AUDIT_FILE".into(), file));
    place.must(&["init"]);
    place.must(&["key", "create", "cards"]);
    place.must(&["key", "rotate", "cards"]);
    place.must(&["audit", "checkpoint"]);
    place.environment.retain(|(name, _)| name != "KEYFOLD_AUDIT_FILE");
    let events = String::from_utf8(place.read("events.jsonl")).unwrap();
    assert!(events.lines().any(|line| line.contains("\"RotateKeyOnDemand\"")), "{events}");
    let key = place.json(&["audit", "key"])["trail_key"].as_str().unwrap().to_owned();
    place.write("vkey", format!("{key}\n").as_bytes());
    place.must(&["audit", "verify", "--jsonl", "events.jsonl", "--key", "vkey", "--store", "", "--root", ""]);
    place.write("events.jsonl", events.replace("RotateKeyOnDemand", "RotateKeyOnDeman_").as_bytes());
    let done = place.run(&["audit", "verify", "--jsonl", "events.jsonl", "--key", "vkey"]);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
}

#[test]
fn a_damaged_trail_is_shown_with_what_is_damaged_marked() {
    let place = with_events();
    let change = "UPDATE events SET event = replace(event, 'DisableKey', 'EnableKey_') WHERE seq = 5;
        DELETE FROM events WHERE seq = 3";
    rusqlite::Connection::open(place.path("store/keys.db")).unwrap().execute_batch(change).unwrap();
    let tail = place.run(&["audit", "tail", "-n", "100"]);
    let shown = String::from_utf8_lossy(&tail.stdout).into_owned();
    assert_eq!(tail.code, Some(0), "{}", tail.stderr);
    assert!(shown.contains("     3  MISSING\n"), "{shown}");
    assert!(
        shown.lines().any(|l| l.starts_with("     5 ") && l.contains("NOT AS IT WAS WRITTEN")),
        "{shown}"
    );
    assert!(tail.stderr.contains("keyfold audit verify"), "{}", tail.stderr);
    let all = lines(&place.must(&["audit", "show", "--json"]));
    let marked: Vec<&Value> = all.iter().filter(|event| event["verified"] == false).collect();
    assert_eq!(marked.iter().map(|event| &event["seq"]).collect::<Vec<_>>(), [3, 5]);
    let done = place.run(&["audit", "verify"]);
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("something is wrong between these checkpoints"), "{}", done.stderr);
}

#[test]
fn a_file_that_verifies_in_part_says_how_much_of_it_and_one_that_does_not_at_all_fails() {
    let mut place = with_events();
    let file = place.path("late.jsonl").display().to_string();
    place.environment.push(("KEYFOLD_AUDIT_FILE".into(), file));
    place.must(&["key", "rotate", "cards"]);
    place.environment.retain(|(name, _)| name != "KEYFOLD_AUDIT_FILE");
    let key = place.json(&["audit", "key"])["trail_key"].as_str().unwrap().to_owned();
    let verify = ["audit", "verify", "--jsonl", "late.jsonl", "--key", &key];
    let whole = String::from_utf8(place.must(&verify)).unwrap();
    assert!(whole.contains("all as they were written"), "a late file begins with a checkpoint: {whole}");
    let text = String::from_utf8(place.read("late.jsonl")).unwrap();
    let written: Vec<&str> = text.lines().collect();
    assert!(written[0].starts_with("{\"checkpoint\":"), "{text}");
    // Without the last checkpoint nothing vouches for the events.
    let events: String =
        written.iter().filter(|l| !l.starts_with("{\"checkpoint\":")).map(|l| format!("{l}\n")).collect();
    place.write("late.jsonl", events.as_bytes());
    let done = place.run(&verify);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    assert!(done.stderr.contains("could be verified"), "{}", done.stderr);
    // With a line more after it, all but that one.
    let last: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    let seq = last["seq"].as_u64().unwrap();
    let more =
        events.lines().last().unwrap().replace(&format!("\"seq\":{seq},"), &format!("\"seq\":{},", seq + 1));
    place.write("late.jsonl", format!("{text}{more}\n").as_bytes());
    let done = String::from_utf8(place.must(&verify)).unwrap();
    assert!(done.contains("verified, by") && done.contains("of the other 1"), "{done}");
    place.write("late.jsonl", b"");
    place.must(&verify);
}

// T-119: what is printed of events was chosen by whoever made them.
#[test]
fn names_in_events_cannot_steer_a_terminal() {
    let place = with_events();
    let hostile = "a\u{1b}]0;t\u{7}\u{202e}b";
    let pair = format!("tenant={hostile}");
    assert_eq!(place.run(&["key", "disable", "cards"]).code, Some(0));
    assert_eq!(
        place.run(&["encrypt", "--key", "cards", "-c", &pair, "-o", "x.kf", "/dev/null"]).code,
        Some(4)
    );
    for arguments in [&["audit", "tail"][..], &["audit", "show"], &["audit", "tail", "--json"]] {
        let shown = String::from_utf8(place.must(arguments)).unwrap();
        assert!(shown.contains("202e"), "the pair is shown: {shown}");
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "and harmless: {shown:?}");
    }
}
