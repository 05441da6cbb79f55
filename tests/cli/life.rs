//! A key's life over time, and the trail under attack: the clock is moved on the build with failpoints.

use serde_json::Value;

use super::place::{Place, done};

/// A command of this build, so many days from now; its standard output, or its failure.
#[cfg(feature = "failpoints")]
fn after(place: &Place, days: i64, arguments: &[&str]) -> Result<Value, (Option<i32>, String)> {
    let arguments = [arguments, &["--json"]].concat();
    let mut command = place.command_with_failpoints(&arguments);
    let done = done(command.env("KEYFOLD_CLOCK_AHEAD", (days * 86_400).to_string()).output().unwrap());
    match done.code {
        Some(0) => Ok(serde_json::from_slice(&done.stdout).unwrap_or(Value::Null)),
        code => Err((code, done.stderr)),
    }
}

// Meant to fail when the command does not rotate what is due.
#[cfg(feature = "failpoints")]
#[test]
fn what_is_due_rotates_once_and_the_history_says_why() {
    let place = Place::empty();
    place.must(&["init"]);
    place.must(&["key", "create", "cards", "--rotate-every", "90d"]);
    place.must(&["key", "create", "tokens"]);
    assert_eq!(after(&place, 89, &["key", "rotate", "--due"]).unwrap()["rotated"], serde_json::json!([]));
    let rotated = after(&place, 91, &["key", "rotate", "--due"]).unwrap();
    assert_eq!(rotated["rotated"].as_array().unwrap().len(), 1, "{rotated}");
    assert_eq!(rotated["rotated"][0]["current_version"], 2);
    assert_eq!(after(&place, 91, &["key", "rotate", "--due"]).unwrap()["rotated"], serde_json::json!([]));
    let history = after(&place, 91, &["key", "rotations", "cards"]).unwrap();
    assert_eq!(history["rotations"][0]["rotation_type"], "AUTOMATIC", "{history}");
    assert_eq!(
        (&history["status"]["due"], &history["status"]["rotation_period_in_days"]),
        (&false.into(), &90.into())
    );
    assert!(history["status"]["next_rotation_date"].is_string());
}

#[cfg(feature = "failpoints")]
#[test]
fn a_deleted_key_is_destroyed_when_two_looks_found_its_time_over_and_then_says_so() {
    let place = Place::empty();
    place.must(&["init"]);
    place.must(&["key", "create", "cards"]);
    place.write("message", b"hello");
    place.must(&["encrypt", "--key", "cards", "-o", "e.kf", "message"]);
    let deleted = place.json(&["key", "delete", "cards", "--days", "7", "--yes"]);
    assert_eq!(deleted["key"]["key_state"], "PendingDeletion", "{deleted}");
    assert!(deleted["last_use"]["key_id"].is_string(), "{deleted}");
    let id = deleted["key"]["key_id"].as_str().unwrap();
    assert_eq!(after(&place, 6, &["key", "destroy", "--due"]).unwrap()["destroyed"], serde_json::json!([]));
    assert_eq!(
        after(&place, 8, &["key", "destroy", "--due"]).unwrap()["destroyed"],
        serde_json::json!([]),
        "the first look"
    );
    let destroyed = after(&place, 9, &["key", "destroy", "--due"]).unwrap();
    assert_eq!(destroyed["destroyed"][0]["key_id"], id, "{destroyed}");
    assert_eq!(destroyed["destroyed"][0]["scrubbed"], true);
    let shown = after(&place, 9, &["key", "show", id]).unwrap();
    assert_eq!(shown["key_state"], "Destroyed");
    let (code, error) = after(&place, 9, &["decrypt", "-o", "opened", "e.kf"]).unwrap_err();
    assert_eq!(code, Some(4), "{error}");
    assert!(error.contains("KEY_DESTROYED"), "{error}");
    let (code, error) = after(&place, 9, &["key", "cancel-deletion", id]).unwrap_err();
    assert_eq!(code, Some(4), "{error}");
}

#[cfg(feature = "failpoints")]
#[test]
fn past_its_recipient_end_a_version_opens_for_recovery_alone() {
    let place = Place::empty();
    place.must(&["init"]);
    place.must(&["key", "create", "cards", "--originator-days", "30", "--recipient-days", "60"]);
    place.write("message", b"hello");
    place.must(&["encrypt", "--key", "cards", "-o", "e.kf", "message"]);
    // Past its originator end it opens, and the key has a new version to seal with.
    after(&place, 31, &["decrypt", "-o", "opened", "e.kf"]).unwrap();
    after(&place, 31, &["encrypt", "--key", "cards", "-o", "f.kf", "message"]).unwrap();
    assert_eq!(after(&place, 31, &["inspect", "f.kf"]).unwrap()["cells"][0]["version"], 2);
    let (code, error) = after(&place, 61, &["decrypt", "-o", "opened", "e.kf"]).unwrap_err();
    assert_eq!(code, Some(4), "{error}");
    assert!(error.contains("CRYPTOPERIOD_ENDED") && error.contains("--recovery"), "{error}");
    after(&place, 61, &["decrypt", "--recovery", "-o", "opened", "e.kf"]).unwrap();
    assert_eq!(place.read("opened"), b"hello");
    let doctor = after(&place, 61, &["doctor"]).unwrap();
    let checks = doctor["checks"].as_array().unwrap();
    assert!(checks.iter().any(|c| c["name"] == "cryptoperiods" && c["level"] == "warning"), "{doctor}");
}

#[cfg(feature = "failpoints")]
#[test]
fn a_grant_ends_on_its_date() {
    let mut place = Place::empty();
    place.environment.push(("KEYFOLD_PRINCIPAL".into(), "anna".into()));
    place.must(&["init"]);
    place.must(&["key", "create", "cards"]);
    let as_ben = ["--principal", "ben"];
    let can = [&["can", "Decrypt", "cards"][..], &as_ben].concat();
    assert_eq!(after(&place, 0, &can).unwrap_err().0, Some(4));
    // A date, of another store: this one's clock would not go back from it.
    let other = Place::empty();
    other.must(&["init"]);
    let day_after_tomorrow = after(&other, 2, &["key", "create", "clock"]).unwrap()["created"].clone();
    let expires = day_after_tomorrow.as_str().unwrap();
    place.must(&["grant", "create", "cards", "--to", "ben", "--operation", "Decrypt", "--expires", expires]);
    assert_eq!(after(&place, 1, &can).unwrap()["allowed"], true);
    let (code, error) = after(&place, 3, &can).unwrap_err();
    assert_eq!(code, Some(4), "{error}");
    assert!(error.contains("ACCESS_DENIED"), "{error}");
}

/// A key whose material comes from elsewhere, wrapped by OpenSSL as a user would.
#[test]
fn own_material_comes_wrapped_by_openssl_and_only_the_same_comes_again() {
    if done(std::process::Command::new("sh").args(["-c", "command -v openssl"]).output().unwrap()).code
        != Some(0)
    {
        eprintln!("openssl is not here: not run");
        return;
    }
    let place = Place::empty();
    place.must(&["init"]);
    let made = place.json(&["key", "create", "mine", "--external"]);
    assert_eq!((&made["key_state"], &made["origin"]), (&"PendingImport".into(), &"EXTERNAL".into()));
    let material: Vec<u8> = (0..32).map(|i| i * 7 + 1).collect();
    place.write("material", &material);
    place.write("other", &[&material[1..], b"x"].concat());
    let wrap = |name: &str| {
        place.must(&[
            "key",
            "import-parameters",
            "mine",
            "--algorithm",
            "rsa-3072",
            "--public-key",
            "w.der",
            "--token",
            "token",
        ]);
        let script = format!(
            "openssl pkeyutl -encrypt -pubin -keyform DER -inkey w.der -in {name} -out {name}.wrapped \
             -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256"
        );
        let run = std::process::Command::new("sh")
            .args(["-ec", &script])
            .current_dir(place.root())
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    let import = |name: &str| {
        let wrapped = format!("{name}.wrapped");
        place.run(&["key", "import-material", "mine", "--token", "token", "--wrapped", &wrapped, "--json"])
    };
    wrap("material");
    let imported = import("material");
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    place.write("message", b"hello");
    place.must(&["encrypt", "--key", "mine", "-o", "e.kf", "message"]);
    // A token is of one use.
    assert_eq!(import("material").code, Some(1));
    assert_eq!(place.json(&["key", "delete-material", "mine"])["key_state"], "PendingImport");
    let done = place.run(&["decrypt", "e.kf"]);
    assert_eq!(done.code, Some(4), "{}", done.stderr);
    wrap("other");
    let refused = import("other");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("INCORRECT_KEY_MATERIAL"), "{}", refused.stderr);
    wrap("material");
    let again = import("material");
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(place.must(&["decrypt", "e.kf"]), b"hello");
    // New material waits for a rotation, which draws none itself.
    let nothing = place.run(&["key", "rotate", "mine"]);
    assert!(nothing.stderr.contains("pending rotation"), "{}", nothing.stderr);
    wrap("other");
    let files = ["--token", "token", "--wrapped", "other.wrapped"];
    let new = place.json(&[&["key", "import-material", "mine", "--new"][..], &files].concat());
    assert_eq!(new["versions"][1]["state"], "PENDING_ROTATION");
    let turned = place.json(&["key", "rotate", "mine"]);
    assert_eq!(
        (&turned["current_version"], &turned["versions"][1]["origin"]),
        (&2.into(), &"EXTERNAL".into())
    );
    let id = turned["versions"][0]["material_id"].as_str().unwrap();
    let gone = place.json(&["key", "delete-material", "mine", "--material-id", id]);
    assert_eq!(gone["versions"][0]["state"], "PENDING_IMPORT");
    assert_eq!(gone["versions"][1]["state"], "CURRENT");
}

/// T-177 from the outside.
#[test]
fn a_compromised_root_is_changed_for_one_that_knows_other_secrets() {
    let place = Place::empty();
    place.must(&["init"]);
    place.must(&["key", "create", "cards"]);
    place.write("message", b"hello");
    place.must(&["encrypt", "--key", "cards", "-o", "e.kf", "message"]);
    place.must(&["root", "add", "--new-root", "file:root/kept.key"]);
    place.must(&["root", "add", "--new-root", "file:root/lost.key"]);
    let change = ["root", "change", "--compromised", "--new-root", "file:root/new.key"];
    let asked = place.run(&[&change[..], &["--no-input"]].concat());
    assert_eq!(asked.code, Some(2), "{}", asked.stderr);
    let both = place.run(&[&change[..], &["--slot", "x", "--yes"]].concat());
    assert_eq!(both.code, Some(2), "{}", both.stderr);
    let report = place.json(&[&change[..], &["--keep-root", "file:root/kept.key", "--yes"]].concat());
    assert_eq!((&report["rotated"], &report["slots"].as_array().unwrap().len()), (&1.into(), &2));
    assert_eq!(report["dropped_slots"].as_array().unwrap().len(), 2);
    assert_eq!(place.run(&["decrypt", "e.kf"]).code, Some(5));
    assert_eq!(place.run(&["decrypt", "--root", "file:root/lost.key", "e.kf"]).code, Some(5));
    for root in ["file:root/new.key", "file:root/kept.key"] {
        assert_eq!(place.must(&["decrypt", "--root", root, "e.kf"]), b"hello");
        place.must(&["audit", "verify", "--root", root]);
    }
    let again = ["root", "change", "--compromised", "--new-root", "file:root/next.key", "--yes"];
    let told = place.run(&[&again[..], &["--root", "file:root/new.key"]].concat());
    assert!(String::from_utf8_lossy(&told.stdout).contains("fingerprint "), "{}", told.stderr);
}

// Meant to fail when `grant retire` revokes, which the retiring principal may not.
#[test]
fn a_grant_is_retired_by_whom_it_names_and_permits_nothing_after() {
    let place = Place::empty();
    place.must(&["init", "--principal", "anna"]);
    place.must(&["key", "create", "cards", "--principal", "anna"]);
    let made = ["grant", "create", "cards", "--to", "ben", "--operation", "Encrypt", "--retiring", "carl"];
    let grant = place.json(&[&made[..], &["--principal", "anna"]].concat());
    let id = grant["grant_id"].as_str().unwrap();
    place.must(&["can", "Encrypt", "cards", "--principal", "ben"]);
    let revoked = place.run(&["grant", "revoke", "cards", id, "--principal", "carl"]);
    assert_eq!(revoked.code, Some(4), "{}", revoked.stderr);
    let retirable = place.json(&["grant", "retirable", "carl", "--principal", "carl"]);
    assert_eq!(retirable["grants"][0]["grant_id"], id, "{retirable}");
    let retired = place.json(&["grant", "retire", "cards", id, "--principal", "carl"]);
    assert_eq!((retired["grant_id"].as_str(), &retired["retired"]), (Some(id), &true.into()));
    assert_eq!(place.run(&["can", "Encrypt", "cards", "--principal", "ben"]).code, Some(4));
}

// Meant to fail when the second root is not asked for, or the same principal's will do.
#[test]
fn a_restore_under_dual_control_takes_the_roots_of_two_principals() {
    let place = Place::empty();
    place.must(&["init", "--principal", "anna"]);
    for who in ["anna", "ben"] {
        place.must(&[
            "root",
            "add",
            "--new-root",
            &format!("file:root/{who}.key"),
            "--for",
            who,
            "--principal",
            "anna",
        ]);
    }
    let (anna, ben) = ("file:root/anna.key", "file:root/ben.key");
    let set = ["store", "set", "--administrator", "anna,ben", "--dual-control", "RestoreStore"];
    place.must(&[&set[..], &["--root", anna]].concat());
    place.must(&["backup", "keys.backup", "--root", anna]);
    let restore = ["restore", "keys.backup", "--to", "store/again.db", "--yes", "--root", anna];
    let alone = place.run(&restore);
    assert_eq!(alone.code, Some(4), "{}", alone.stderr);
    assert!(alone.stderr.contains("--second-root URL"), "{}", alone.stderr);
    assert_eq!(place.run(&[&restore[..], &["--second-root", anna]].concat()).code, Some(4));
    let done = place.json(&[&restore[..], &["--second-root", ben]].concat());
    assert_eq!(done["store"]["keys"], 0, "{done}");
}
