//! Processes killed at any moment under a mix of work: what they had said was done is there, every envelope they gave out
//! opens, the store and its trail verify. The parent keeps the record, so that it survives the kill. 12 rounds in the
//! daily run, 200 with KEYFOLD_LONG.
#![cfg(feature = "sqlite")]

mod keystore_support;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use keyfold::envelope::{
    Allowed, Context, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, encrypt_into,
};
use keyfold::keystore::{AnchorPolicy, KeyPolicy, OpenOptions, Store};
use keystore_support::{Place, long, named, told, with_alias};

fn options() -> OpenOptions {
    OpenOptions { anchor: AnchorPolicy::Off, ..OpenOptions::default() }
}

fn say(what: &str) {
    println!("={what};");
    std::io::stdout().flush().unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Rotates, encrypts, makes keys and aliases, writes down its uses; tells of each when it was acknowledged.
#[test]
#[ignore = "a role that another test starts"]
fn works_for_ever() {
    let store = told(&options());
    let id = std::process::id();
    for round in 0.. {
        for alias in ["shared", "each"] {
            let rotated = store.rotate_key(&named(alias)).unwrap();
            say(&format!("version {alias} {}", rotated.current_version));
            let key = store.key(&named(alias)).unwrap();
            let mut out = [0; 256];
            let none = (Context::EMPTY, StoredContext::None, EncryptOptions::default());
            let len = encrypt_into(&[&key], b"hello", &none.0, &none.1, &none.2, &mut out).unwrap();
            say(&format!("envelope {alias} {}", hex(&out[..len])));
        }
        let own = format!("own-{id}-{round}");
        store.create_key(&with_alias(&own)).unwrap();
        say(&format!("key {own}"));
        store.disable_key(&named(&own)).unwrap();
        say(&format!("disabled {own}"));
        if round % 3 == 0 {
            store.flush_trail().unwrap();
        }
    }
}

#[derive(Default)]
struct Record {
    versions: BTreeMap<String, Vec<u32>>,
    envelopes: Vec<(String, Vec<u8>)>,
    keys: BTreeMap<String, bool>,
}

impl Record {
    fn note(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["version", alias, number] => {
                self.versions.entry(alias.into()).or_default().push(number.parse().unwrap());
            }
            ["envelope", alias, bytes] => self.envelopes.push((alias.into(), unhex(bytes))),
            ["key", alias] => drop(self.keys.insert(alias.into(), false)),
            ["disabled", alias] => drop(self.keys.insert(alias.into(), true)),
            _ => panic!("{line}"),
        }
    }

    fn check(&self, store: &Store, round: u32) {
        for (alias, versions) in &self.versions {
            let key = store.describe_key(&named(alias)).unwrap();
            for version in versions {
                let there = key.versions.iter().any(|held| held.version == *version);
                assert!(there, "round {round}: version {version} of {alias}");
            }
        }
        for (alias, disabled) in &self.keys {
            let state = store.describe_key(&named(alias)).unwrap().key_state;
            assert!(!disabled || state.name() == "Disabled", "round {round}: {alias}");
        }
        for (alias, envelope) in &self.envelopes {
            let key = store.key(&named(alias)).unwrap();
            let (keys, mut out) = ([&key], [0; 64]);
            let options = DecryptOptions::default();
            let opened = decrypt_into(Allowed::Keys(&keys), envelope, &Context::EMPTY, &options, &mut out);
            assert!(opened.is_ok(), "round {round}: an envelope under {alias}: {opened:?}");
        }
        store.verify(&mut |_, _| {}).unwrap();
        let trail = store.verify_trail(None, &mut |_, _| {}).unwrap();
        assert!(trail.ok, "round {round}: {trail:?}");
        let made = trail.events;
        assert!(made as usize >= self.keys.len() + self.versions.values().map(Vec::len).sum::<usize>());
    }
}

/// Mutation seen to fail it: a commit that is rolled back in some processes.
#[test]
fn nothing_acknowledged_is_lost_whenever_two_processes_are_killed() {
    let place = Place::new();
    let store = place.init(options());
    store.create_key(&with_alias("shared")).unwrap();
    let mut each = with_alias("each");
    each.policy = KeyPolicy { audit_fail_closed: true, ..each.policy };
    store.create_key(&each).unwrap();
    drop(store);
    let rounds = if long() { 200 } else { 12 };
    let mut record = Record::default();
    let mut random = 0x2545_f491_4f6c_dd1du64;
    for round in 0..rounds {
        let running: Vec<_> = (0..2).map(|_| place.spawn("works_for_ever")).collect();
        let mut lines = Vec::new();
        let mut children = Vec::new();
        for (child, ours) in running {
            children.push(child);
            lines.push(std::thread::spawn(move || ours.collect::<Vec<String>>()));
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_millis(100 + (random >> 33) % 400));
        for mut child in children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        for told in lines {
            told.join().unwrap().iter().for_each(|line| record.note(line));
        }
        record.check(&place.open(&options()).unwrap(), round);
    }
    assert!(!record.envelopes.is_empty() && !record.keys.is_empty(), "they did some work");
}
