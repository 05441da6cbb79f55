//! `decrypt --range`: some bytes of a message, and where it ends.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::place::Place;

fn planted(size: u32) -> (Place, Vec<u8>) {
    let place = Place::with_key();
    let message: Vec<u8> = (0..size).map(|i| (i / 7 + i) as u8).collect();
    place.write("message", &message);
    place.must(&["encrypt", "-k", "cards", "-c", "tenant=acme", "-o", "e.kf", "message"]);
    (place, message)
}

// Seen to fail when the last bytes are counted one too many.
#[test]
fn any_range_is_what_the_whole_has_there() {
    let (place, message) = planted(2_500_000);
    let all = message.len();
    for (range, from, to) in [
        ("0:0", 0, 0),
        ("0:1", 0, 1),
        ("16383:2", 16_383, 16_385),
        ("16384:16384", 16_384, 32_768),
        ("1000000:1200000", 1_000_000, 2_200_000),
        ("2499999:1", all - 1, all),
        ("2499990:1000", all - 10, all),
        ("2500000:5", all, all),
        ("2499000:", all - 1000, all),
        ("0:", 0, all),
        ("-5:", all - 5, all),
        ("-99999999:", 0, all),
        ("-0:", all, all),
    ] {
        let arguments = ["decrypt", "-c", "tenant=acme", "--range", range, "e.kf"];
        assert!(place.must(&arguments) == message[from..to], "{range}");
        let report = place.json(&[&arguments[..], &["-o", "part"]].concat());
        assert_eq!(report["bytes"], to - from, "{range}");
        assert!(place.read("part") == message[from..to], "{range}");
    }
}

// Seen to fail when an offset behind the end is read as nothing.
#[test]
fn what_is_no_range_of_the_message_is_said() {
    let (place, _) = planted(20_000);
    let behind = place.run(&["decrypt", "-c", "tenant=acme", "--range", "20001:1", "e.kf"]);
    assert_eq!(behind.code, Some(2));
    assert!(
        behind.stderr.contains("the range begins at 20001, and the message of e.kf has 20000 bytes"),
        "{}",
        behind.stderr
    );
    for range in ["5", "1:-2", "a:b", ""] {
        let done = place.run(&["decrypt", "--range", range, "e.kf"]);
        assert_eq!(done.code, Some(2), "{range}");
        assert!(done.stderr.contains("OFFSET:LENGTH"), "{}", done.stderr);
    }
    let piped = place.run_with(&["decrypt", "-c", "tenant=acme", "--range", "0:1"], &place.read("e.kf"));
    assert_eq!(piped.code, Some(2));
    assert!(piped.stderr.contains("standard input cannot be read at any place"), "{}", piped.stderr);
    let wrong = place.run(&["decrypt", "-c", "tenant=other", "--range", "0:1", "e.kf"]);
    assert_eq!(wrong.code, Some(3), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("keyfold explain e.kf --context tenant=other"), "{}", wrong.stderr);
}

// T-32. Only what is looked at is vouched for, and the end only after the last chunk.
#[test]
fn damage_elsewhere_does_not_show_and_a_forged_end_does() {
    let (place, message) = planted(100_000);
    let envelope = place.read("e.kf");
    let get = |range: &str| place.run(&["decrypt", "-c", "tenant=acme", "--range", range, "e.kf"]);
    let file = OpenOptions::new().write(true).open(place.path("e.kf")).unwrap();
    let at = (envelope.len() - 50_000) as u64;
    file.write_all_at(&[envelope[at as usize] ^ 1], at).unwrap();
    assert_eq!(get("0:16384").stdout, &message[..16_384]);
    assert_eq!(get("-100:").stdout, &message[message.len() - 100..]);
    let damaged = get("40000:30000");
    assert_eq!((damaged.code, damaged.stdout.len()), (Some(3), 0));

    // Cut off: what is left says nothing wrong, but not that it is all. No envelope ends with a full chunk.
    place.write("e.kf", &envelope[..envelope.len() - 20]);
    assert_eq!(get("0:10").stdout, &message[..10]);
    assert_eq!(get("-10:").code, Some(3));
    assert_eq!(get("99000:").code, Some(3));
    place.write("e.kf", &envelope[..envelope.len() - (100_000 % 16_384 + 16)]);
    assert_eq!(get("0:10").code, Some(3));
}
