//! Damaged envelopes and data key blobs, one process each: every byte of the head, every length.

use std::thread;

use super::place::Place;

/// What each change must come to: refused as data (3), or as under a key that is not here (4) where the change hits
/// what the cell says of its key.
fn refused(place: &Place, what: &str, data: &[u8], key: Option<&str>) -> i32 {
    let path = place.write(&format!("{what}.damaged"), data);
    let mut arguments = vec!["decrypt", "-c", "tenant=acme", "-o", "opened"];
    arguments.extend(key.iter().flat_map(|k| ["--key", k]));
    arguments.push(path.to_str().unwrap());
    let done = place.run(&arguments);
    assert!(done.stdout.is_empty(), "{what}");
    assert!(!place.path("opened").exists(), "{what}");
    assert!(done.stderr.starts_with("keyfold: error: "), "{what}: {}", done.stderr);
    assert_ne!(done.code, Some(5), "{what}: the store itself: {}", done.stderr);
    std::fs::remove_file(path).unwrap();
    done.code.unwrap_or_else(|| panic!("{what}: ended by a signal"))
}

/// Key id, version and material id of the only cell, which begins at 44.
const NAMES_A_KEY: std::ops::Range<usize> = 48..76;

fn all_damage_is_refused(place: &Place, whole: &[u8], head: usize) {
    let flip = |i: usize| {
        let mut changed = whole.to_vec();
        changed[i] ^= 1 << (i % 8);
        changed
    };
    // Half of it on each of two threads; even places name the key, odd ones leave it open.
    thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                let key = (half == 0).then_some("cards");
                for i in (0..head).filter(|i| i % 2 == half) {
                    let code = refused(place, &format!("byte-{i}"), &flip(i), key);
                    // The cell's type: with bit 4 changed it is of a type to be passed over, so no key is named.
                    let expected = if i == 44 || NAMES_A_KEY.contains(&i) { 4 } else { 3 };
                    assert_eq!(code, expected, "byte {i}");
                }
                for len in (0..whole.len()).filter(|i| i % 2 == half) {
                    assert_eq!(refused(place, &format!("cut-{len}"), &whole[..len], key), 3, "cut to {len}");
                }
            });
        }
    });
}

// Seen to fail when a failed decryption opens to nothing, and when the exit code is that of any other failure.
#[test]
fn an_envelope_with_any_byte_of_its_head_changed_or_any_cut_is_refused() {
    let place = Place::with_key();
    place.write("message", b"a card number");
    place.must(&["encrypt", "--key", "cards", "-c", "tenant=acme", "-o", "e.kf", "message"]);
    let whole = place.read("e.kf");
    assert_eq!(whole.len(), 164 + 13, "one cell, nothing stored");
    all_damage_is_refused(&place, &whole, 148);
    for what in [&[&whole[..], b"x"].concat()[..], b"", b"hello", &[0; 4096]] {
        assert_eq!(refused(&place, "other", what, None), 3);
    }
    assert_eq!(place.must(&["decrypt", "-c", "tenant=acme", "e.kf"]), b"a card number");
}

#[test]
fn a_data_key_blob_with_any_byte_changed_or_any_cut_is_refused() {
    let place = Place::with_key();
    place.must(&["datakey", "--key", "cards", "-c", "tenant=acme", "--plaintext-out", "dek", "-o", "blob"]);
    let whole = place.read("blob");
    assert_eq!(whole.len(), 148);
    all_damage_is_refused(&place, &whole, 148);
    assert_eq!(place.must(&["decrypt", "-c", "tenant=acme", "blob"]), place.read("dek"));
    assert_eq!(place.must(&["datakey", "--open", "blob", "-c", "tenant=acme"]), place.read("dek"));
}

#[test]
fn inspect_and_explain_take_any_damage_without_falling_over() {
    let place = Place::with_key();
    place.write("message", b"a card number");
    place.must(&[
        "encrypt",
        "--key",
        "cards",
        "-c",
        "tenant=acme",
        "--store-context",
        "all",
        "-o",
        "e.kf",
        "message",
    ]);
    let whole = place.read("e.kf");
    for i in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[i] ^= 0xFF;
        for data in [&changed[..], &whole[..i]] {
            for command in ["inspect", "explain"] {
                let done = place.run_with(&[command, "--json", "-"], data);
                assert!(
                    matches!(done.code, Some(0 | 3 | 4)),
                    "{command} {i}: {:?} {}",
                    done.code,
                    done.stderr
                );
            }
        }
    }
}
