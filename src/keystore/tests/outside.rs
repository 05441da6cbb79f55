//! S-01 to S-07 on what the digest tree does not reach by itself: approvals, uses of grants, counters, the trail's head, its
//! checkpoints and events. `docs/KEYSTORE.md`, 19.4, says what stays possible; the tests hold it to that.

use std::collections::BTreeMap;

use rusqlite::params;

use super::support::*;
use crate::error::Status;
use crate::keystore::backend::Table;
use crate::keystore::{ApprovalRequest, CreateGrant, OpenOptions, Store, StoreSettings};
use crate::operation::Operation;

const OUTSIDE: [Table; 5] =
    [Table::Approvals, Table::GrantUses, Table::Counters, Table::Trail, Table::Checkpoints];

/// Two administrators, two keys with limited grants for bob and counted uses, two approvals, two checkpoints.
fn furnished() -> Place {
    let place = Place::new();
    let first = place.init();
    let (ann, ben) = (place.join(&first, "ann", "anns"), place.join(&first, "ben", "bens"));
    let settings = StoreSettings {
        dual_control: vec!["ScheduleKeyDeletion".into()],
        approval_seconds: 600,
        administrators: vec!["ann".into(), "ben".into()],
    };
    first.update_settings(&settings).unwrap();
    let grant = CreateGrant {
        grantee_principal: "bob".into(),
        operations: vec!["Encrypt".into()],
        uses: Some(9),
        ..CreateGrant::default()
    };
    for name in ["k", "l"] {
        ann.create_key(&with_alias(name)).unwrap();
        ann.create_grant(&named(name), &grant).unwrap();
    }
    drop((first, ann, ben));
    more(&place);
    place
}

/// A use of each grant, an approval, a checkpoint.
fn more(place: &Place) {
    let (bob, ben) = (place.open_as("bob"), place.open_through("bens"));
    for name in ["k", "l"] {
        use_key(&bob.key(&named(name)).unwrap(), Operation::Encrypt, &[]).unwrap();
    }
    let request = serde_json::json!({ "keyId": "k", "pendingWindowInDays": 7 });
    let request = request.as_object().unwrap().clone();
    ben.approve(&ApprovalRequest { operation: Operation::ScheduleKeyDeletion, request, seconds: 600 })
        .unwrap();
    bob.flush_trail().unwrap();
    bob.checkpoint_trail().unwrap();
}

fn rows(place: &Place) -> Dump {
    let (connection, mut dump) = (place.sql(), Dump::new());
    for table in OUTSIDE {
        let sql = format!("SELECT id, revision, mac, document FROM {}", table.name());
        let mut statement = connection.prepare(&sql).unwrap();
        let found = statement
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))
            .unwrap();
        dump.extend(found.map(|row| row.map(|(id, cells)| ((table, id), cells)).unwrap()));
    }
    dump
}

/// What a look at everything comes to, by someone who trusts what is answered.
fn look(place: &Place) -> Status {
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    let looked = Store::open(&place.location(), &place.root("anns"), &options).and_then(|store| {
        store.verify(&mut |_, _| {})?;
        store.list_approvals()?;
        for name in ["k", "l"] {
            store.key_usage(&named(name))?;
        }
        Ok(store.verify_trail(None, &mut |_, _| {})?.ok)
    });
    match looked {
        Ok(true) => Status::Ok,
        Ok(false) => Status::TrailInvalid,
        Err(error) => error.status(),
    }
}

#[test]
fn every_changed_row_outside_the_tree_is_refused_or_told() {
    let place = furnished();
    assert_eq!(look(&place), Status::Ok);
    let dump = rows(&place);
    for table in OUTSIDE {
        assert!(dump.keys().any(|at| at.0 == table), "{table:?} has rows");
    }
    for (at, cells) in &dump {
        let (revision, mac, document) = cells.clone();
        let (mut other, mut end) = (mac.clone(), document.clone().into_bytes());
        other[31] ^= 1;
        let digit = end.iter().position(u8::is_ascii_digit).unwrap();
        end[digit] = if end[digit] == b'1' { b'2' } else { b'1' };
        let changes = [
            (revision + 1, mac.clone(), document.clone()),
            (revision, other, document.clone()),
            (revision, mac.clone(), String::from_utf8(end).unwrap()),
            (revision, mac.clone(), format!("{document} ")),
            (revision, mac.clone(), "{}".into()),
        ];
        for changed in changes {
            place.put(at, Some(&changed));
            // A checkpoint's own signature is what verifies it: MAC and revision of its row, and JSON's blanks, say nothing more.
            let harmless = at.0 == Table::Checkpoints && changed.2.trim_end() == document;
            let expected =
                if harmless { &[Status::Ok][..] } else { &[Status::StoreIntegrity, Status::TrailInvalid] };
            let found = look(&place);
            assert!(expected.contains(&found), "{at:?} as {changed:?}: {found:?}");
            place.put(at, Some(cells));
        }
    }
    assert_eq!(look(&place), Status::Ok);
}

#[test]
fn rows_outside_the_tree_in_each_others_place_are_refused() {
    let place = furnished();
    more(&place);
    let dump = rows(&place);
    let mut pairs = 0;
    for (a, cells_a) in &dump {
        for (b, cells_b) in dump.iter().filter(|(b, _)| b.0 == a.0 && b.1 > a.1) {
            place.put(a, Some(cells_b));
            place.put(b, Some(cells_a));
            assert_ne!(look(&place), Status::Ok, "{a:?} and {b:?} swapped");
            place.put(b, Some(cells_b));
            assert_ne!(look(&place), Status::Ok, "{a:?} is a copy of {b:?}");
            place.put(a, Some(cells_a));
            pairs += 1;
        }
    }
    assert!(pairs >= 3, "{pairs}");
}

#[test]
fn a_deleted_row_outside_the_tree_is_missed_but_for_counts_and_checkpoints() {
    let place = furnished();
    let dump = rows(&place);
    let mut found: BTreeMap<Table, Vec<Status>> = BTreeMap::new();
    for (at, cells) in &dump {
        place.put(at, None);
        found.entry(at.0).or_default().push(look(&place));
        place.put(at, Some(cells));
    }
    for (table, statuses) in found {
        match table {
            // Statistics, that begin anew; an older checkpoint, whose events a later one covers.
            Table::Counters => assert!(statuses.iter().all(|status| *status == Status::Ok)),
            Table::Checkpoints => assert!(statuses.contains(&Status::Ok), "{statuses:?}"),
            _ => assert!(statuses.iter().all(|status| *status != Status::Ok), "{table:?}: {statuses:?}"),
        }
    }
}

/// What KEYSTORE 19.4 says of older rows: approvals and the trail's head are refused, uses and counts may go back.
#[test]
fn an_older_row_outside_the_tree_is_refused_but_for_uses_and_counts() {
    let place = furnished();
    let old = rows(&place);
    more(&place);
    let now = rows(&place);
    let mut seen = Vec::new();
    for (at, cells) in old.iter().filter(|(at, cells)| now.get(*at) != Some(*cells)) {
        place.put(at, Some(cells));
        let expected = match at.0 {
            Table::GrantUses | Table::Counters => Status::Ok,
            Table::Approvals => Status::StoreIntegrity,
            _ => Status::TrailInvalid,
        };
        assert_eq!(look(&place), expected, "{at:?}");
        place.put(at, now.get(at));
        seen.push(at.0);
    }
    for table in [Table::Approvals, Table::GrantUses, Table::Counters, Table::Trail] {
        assert!(seen.contains(&table), "{table:?} changed");
    }
    assert_eq!(look(&place), Status::Ok);
}

#[test]
fn an_event_that_is_changed_moved_taken_away_or_added_is_told() {
    let place = furnished();
    let count: i64 = place.sql().query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    let event = |seq: i64| -> (Vec<u8>, String) {
        let sql = "SELECT mac, event FROM events WHERE seq = ?1";
        place.sql().query_row(sql, [seq], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let put = |seq: i64, (mac, text): &(Vec<u8>, String)| {
        let sql = "INSERT OR REPLACE INTO events (seq, mac, event) VALUES (?1, ?2, ?3)";
        place.sql().execute(sql, params![seq, mac, text]).unwrap();
    };
    for seq in [0, 1, count / 2, count - 1] {
        let (mac, text) = event(seq);
        let other = event((seq + 1) % count);
        let mut flipped = mac.clone();
        flipped[0] ^= 1;
        for changed in [(flipped, text.clone()), (mac.clone(), format!("{text} ")), other] {
            put(seq, &changed);
            assert_eq!(look(&place), Status::TrailInvalid, "event {seq}");
        }
        place.sql().execute("DELETE FROM events WHERE seq = ?1", [seq]).unwrap();
        assert_eq!(look(&place), Status::TrailInvalid, "event {seq} taken away");
        put(seq, &(mac, text));
        assert_eq!(look(&place), Status::Ok);
    }
    put(count, &event(0));
    assert_eq!(look(&place), Status::TrailInvalid, "one added");
}
