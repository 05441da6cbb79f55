//! `--json`: the fields that `docs/CLI.md` promises, for every command.

use serde_json::Value;

use super::place::Place;

/// The object has exactly these fields, in this order.
fn has(value: &Value, fields: &[&str]) {
    let found: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(found, fields, "{value}");
}

const KEY: [&str; 15] = [
    "key_id",
    "aliases",
    "description",
    "key_state",
    "key_usage",
    "key_spec",
    "origin",
    "created",
    "owner",
    "tags",
    "policy",
    "grants",
    "revision",
    "current_version",
    "versions",
];

#[test]
fn keys_are_told_in_full() {
    let place = Place::empty();
    let made = place.json(&["init"]);
    has(&made, &["store", "root"]);
    has(&made["root"], &["kind", "url", "made"]);
    assert_eq!((&made["root"]["kind"], &made["root"]["made"]), (&Value::from("file"), &Value::from(true)));
    assert_eq!(made["store"]["fingerprint"].as_str().unwrap().len(), 32);

    let key = place.json(&["key", "create", "cards", "--description", "card numbers"]);
    has(&key, &KEY);
    assert_eq!(key["aliases"][0], "cards");
    assert_eq!(key["key_state"], "Enabled");
    has(
        &key["versions"][0],
        &["version", "material_id", "state", "origin", "created", "rotation_type", "created_by"],
    );
    assert_eq!(key["versions"][0]["material_id"].as_str().unwrap().len(), 16);

    let rotated = place.json(&["key", "rotate", "cards"]);
    assert_eq!(
        (&rotated["current_version"], &rotated["versions"][1]["version"]),
        (&Value::from(2), &Value::from(2))
    );
    assert_eq!(place.json(&["key", "show", "cards"]), rotated);
    assert_eq!(place.json(&["key", "disable", "cards"])["key_state"], "Disabled");
    assert_eq!(place.json(&["key", "enable", "cards"])["key_state"], "Enabled");

    has(&place.json(&["key", "alias", "pans", "cards"]), &KEY);
    let aliases = place.json(&["key", "list", "--aliases"]);
    has(&aliases, &["aliases", "next"]);
    assert_eq!(aliases["aliases"][1]["alias"], "pans");
    assert_eq!(place.json(&["key", "alias", "--delete", "pans"])["deleted"], true);

    place.write("material", &(0..32).collect::<Vec<u8>>());
    let imported = place.json(&["key", "import", "mine", "--material", "material"]);
    assert_eq!(imported["origin"], "EXTERNAL");
    let exported = place.json(&["key", "export", "mine", "--under", "cards", "-o", "mine.key"]);
    has(&exported, &["output", "bytes"]);

    let listed = place.json(&["key", "list"]);
    has(&listed, &["keys", "next"]);
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2);
    // Page by page gives the same.
    let first = place.json(&["key", "list", "--limit", "1"]);
    let after = first["next"].as_str().expect("there is more");
    let second = place.json(&["key", "list", "--limit", "1", "--after", after]);
    assert_eq!(second["next"], Value::Null);
    let mut pages = [first["keys"][0].clone(), second["keys"][0].clone()];
    pages.sort_by_key(|key| key["aliases"].to_string());
    assert_eq!(pages.as_slice(), listed["keys"].as_array().unwrap().as_slice());
}

#[test]
fn data_commands_tell_what_they_wrote() {
    let place = Place::with_key();
    let key_id = place.json(&["key", "show", "cards"])["key_id"].clone();
    place.write("message", b"hello");
    let encrypted = place.json(&[
        "encrypt",
        "--key",
        "cards",
        "-c",
        "a=b",
        "--store-context",
        "all",
        "-o",
        "e.kf",
        "message",
    ]);
    has(&encrypted, &["output", "bytes", "plaintext_bytes", "keys"]);
    assert_eq!(encrypted["bytes"], place.read("e.kf").len());
    assert_eq!(encrypted["keys"][0], key_id);

    let opened = place.json(&["decrypt", "-c", "a=b", "-o", "opened", "e.kf"]);
    has(&opened, &["output", "bytes", "key_id", "version", "context"]);
    assert_eq!((&opened["key_id"], &opened["context"]), (&key_id, &Value::Null));
    let opened = place.json(&["decrypt", "--accept-stored-context", "-o", "opened", "e.kf"]);
    assert_eq!(opened["context"]["a"], "b");

    let moved = place.json(&[
        "reencrypt",
        "--key",
        "cards",
        "-c",
        "a=b",
        "--new-context",
        "a=c",
        "-o",
        "f.kf",
        "e.kf",
    ]);
    has(&moved, &["output", "bytes", "keys"]);
    place.must(&["decrypt", "-c", "a=c", "f.kf"]);

    let datakey =
        place.json(&["datakey", "--key", "cards", "--bytes", "64", "--plaintext-out", "dek", "-o", "blob"]);
    has(&datakey, &["output", "bytes", "plaintext_bytes", "plaintext_out", "keys"]);
    assert_eq!(place.read("dek").len(), 64);
    let opened = place.json(&["datakey", "--open", "blob", "-o", "again"]);
    has(&opened, &["output", "bytes", "key_id", "version", "context"]);
    assert_eq!(place.read("again"), place.read("dek"));

    let inspected = place.json(&["inspect", "e.kf"]);
    assert_eq!((&inspected["kind"], &inspected["cells"][0]["key_id"]), (&Value::from("envelope"), &key_id));

    // Data cannot go where the report goes.
    for arguments in [&["encrypt", "--key", "cards", "message"][..], &["decrypt", "-o", "-", "e.kf"]] {
        let done = place.run(&[arguments, &["--json"]].concat());
        assert_eq!(done.code, Some(2));
        assert!(done.stdout.is_empty());
    }
}

#[test]
fn rewrap_tells_each_file_on_a_line_and_the_sum_last() {
    let place = Place::with_key();
    place.write("message", b"hello");
    place.must(&["encrypt", "--key", "cards", "-o", "a.kf", "message"]);
    place.must(&["key", "rotate", "cards"]);
    place.must(&["encrypt", "--key", "cards", "-o", "b.kf", "message"]);
    let done = place.run(&["rewrap", "--json", "a.kf", "b.kf", "message"]);
    assert_eq!(done.code, Some(3));
    let lines: Vec<Value> =
        String::from_utf8(done.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&lines[0]["file"], &lines[0]["cells_rewrapped"]), (&Value::from("a.kf"), &Value::from(1)));
    assert_eq!(
        (&lines[1]["cells_rewrapped"], &lines[1]["cells_current"]),
        (&Value::from(0), &Value::from(1))
    );
    assert_eq!(lines[2]["error"]["status"], "NOT_AN_ENVELOPE");
    assert_eq!(lines[3]["summary"], serde_json::json!({ "rewrapped": 1, "current": 1, "failed": 1 }));
    assert_eq!(place.must(&["decrypt", "a.kf"]), b"hello");
    assert_eq!(place.json(&["inspect", "a.kf"])["cells"][0]["version"], 2);
}

#[test]
fn explain_says_whether_it_opens_and_ends_accordingly() {
    let place = Place::with_key();
    place.write("message", b"hello");
    place.must(&[
        "encrypt",
        "--key",
        "cards",
        "-c",
        "a=b",
        "--store-context",
        "names",
        "-o",
        "e.kf",
        "message",
    ]);
    let good = place.json(&["explain", "-c", "a=b", "e.kf"]);
    assert_eq!(good["head_opens"], true, "{good}");
    for (arguments, code, status) in [
        (&["-c", "a=c"][..], 3, "AUTH"),
        (&[], 3, "AUTH"),
        (&["-c", "a=b", "-c", "x=y"], 3, "AUTH"),
        (&["-c", "a=b", "--store", "gone.db"], 5, "STORE_NOT_FOUND"),
    ] {
        let done = place.run(&[&["explain", "--json", "e.kf"][..], arguments].concat());
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(
            (done.code, &told["head_opens"], told["answer"].as_str()),
            (Some(code), &Value::from(false), Some(status)),
            "{arguments:?} {told}"
        );
    }
    place.must(&["key", "disable", "cards"]);
    let done = place.run(&["explain", "--json", "-c", "a=b", "e.kf"]);
    assert_eq!(done.code, Some(4), "{}", done.stderr);
}

#[test]
fn roots_and_doctor_are_told_in_full() {
    let place = Place::with_key();
    let shown = place.json(&["root", "show"]);
    has(&shown, &["roots"]);
    has(&shown["roots"][0], &["slot_id", "kind", "fingerprint", "created", "in_use", "admin"]);
    let second = format!("file:{}", place.path("root/second.key").display());
    let added = place.json(&["root", "add", "--new-root", &second]);
    has(&added, &["slot", "root"]);
    assert_eq!(added["root"]["made"], true);
    let old = shown["roots"][0]["slot_id"].as_str().unwrap();
    let removed = place.json(&["root", "remove", old, "--root", &second]);
    assert_eq!(removed["removed"], true);
    assert_eq!(place.run(&["key", "list"]).code, Some(5), "the removed root opens nothing");
    let third = format!("file:{}", place.path("root/third.key").display());
    let changed = place.json(&["root", "change", "--root", &second, "--new-root", &third]);
    has(&changed, &["slot", "root"]);
    assert_eq!(place.run(&["key", "list", "--root", &second]).code, Some(5));

    let last = changed["slot"]["slot_id"].as_str().unwrap();
    let done = place.run(&["root", "remove", last, "--root", &third, "--json"]);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("\"LAST_ROOT\""), "{}", done.stderr);

    let doctor = place.json(&["doctor", "--full", "--root", &third]);
    has(&doctor, &["ok", "version", "engine", "memory", "store", "roots", "verified_keys", "checks"]);
    assert_eq!((&doctor["ok"], &doctor["verified_keys"]), (&Value::from(true), &Value::from(1)));
    has(&doctor["checks"][0], &["name", "level", "text", "hint"]);
    has(&doctor["memory"], &["bytes", "unlocked_bytes", "dumpable_bytes", "not_wiped_bytes"]);
}

#[test]
fn an_error_is_one_object_on_standard_error() {
    let place = Place::with_key();
    for (arguments, code, status) in [
        (&["key", "show", "absent"][..], 4, "KEY_NOT_FOUND"),
        (&["key", "show", "not a name"], 2, "INVALID_NAME"),
        (&["key", "create", "cards"], 1, "ALREADY_EXISTS"),
        (&["decrypt", "nothing.kf"], 1, "IO"),
        (&["nonsense"], 2, "INVALID_ARGUMENT"),
        (&["init"], 1, "STORE_EXISTS"),
        (&["key", "create", "x", "--read-only"], 5, "STORE_READ_ONLY"),
    ] {
        let done = place.run(&[arguments, &["--json"]].concat());
        let error: Value = serde_json::from_str(&done.stderr).unwrap_or_else(|e| panic!("{arguments:?} {e}"));
        has(&error, &["error"]);
        has(&error["error"], &["status", "code", "exit_code", "retryable", "message", "hints"]);
        assert_eq!(error["error"]["status"], status, "{error}");
        assert_eq!(error["error"]["exit_code"], code, "{error}");
        assert_eq!(done.code, Some(code));
        assert!(done.stdout.is_empty());
    }
}
