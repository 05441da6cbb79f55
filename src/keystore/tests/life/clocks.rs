//! Clocks that go back or leap. T-114.

use super::super::support::{Place, named, with_alias};
use super::{Clock, DAYS, by_period, encrypt, events, with_policy};
use crate::keystore::clock::{DAY, LEAP};
use crate::keystore::{CreateKey, KeyState, Store};

fn stepped(store: &Store) -> bool {
    store.inner.read(|snapshot| Ok(snapshot.manifest.write().contains("clock_stepped"))).unwrap()
}

/// T-114. Mutation seen to fail it: `at` that believes any clock.
#[test]
fn no_clock_destroys_early_or_rotates_twice() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    store.create_key(&with_policy("k", by_period(90))).unwrap();
    store.create_key(&with_alias("doomed")).unwrap();
    store.schedule_key_deletion(&named("doomed"), 30).unwrap();
    let ten_years = 3_650 * DAYS;
    assert!(ten_years > LEAP as i64);
    let versions = |store: &Store| store.describe_key(&named("k")).unwrap().versions.len();
    for (ahead, steps) in
        [(-1, false), (-ten_years, true), (ten_years, true), (i64::MAX, true), (i64::MIN, true), (0, false)]
    {
        clock.ahead(ahead);
        for _ in 0..2 {
            let store = place.open().unwrap();
            assert!(store.destroy_due().unwrap().destroyed.is_empty(), "{ahead}");
            assert!(store.rotate_due(&mut |_, _| {}).unwrap().is_empty(), "{ahead}");
            encrypt(&store.key(&named("k")).unwrap()).unwrap();
            store.create_key(&CreateKey::default()).unwrap();
            assert_eq!(stepped(&store), steps, "{ahead}");
        }
        assert_eq!(versions(&store), 1);
        assert_eq!(store.describe_key(&named("doomed")).unwrap().key_state, KeyState::PendingDeletion);
    }
    clock.ahead(91 * DAYS);
    for _ in 0..2 {
        let store = place.open().unwrap();
        encrypt(&store.key(&named("k")).unwrap()).unwrap();
        store.rotate_due(&mut |_, _| {}).unwrap();
    }
    assert_eq!((versions(&store), events(&store, "RotateKey")), (2, 1));
    // Back again: the time that was seen counts, and nothing comes due twice.
    clock.ahead(0);
    encrypt(&place.open().unwrap().key(&named("k")).unwrap()).unwrap();
    assert!(place.open().unwrap().rotate_due(&mut |_, _| {}).unwrap().is_empty());
    assert_eq!(versions(&store), 2);
}

/// Mutation seen to fail it: `advance` that takes each change of a step for a new one.
#[test]
fn a_step_of_the_clock_is_remembered_once_and_a_leap_believed_when_it_lasts() {
    let place = Place::new();
    let store = place.init();
    let clock = Clock;
    let high = |store: &Store| store.inner.read(|snapshot| Ok(snapshot.manifest.time())).unwrap();
    let found = |store: &Store| {
        store.inner.read(|snapshot| Ok(snapshot.manifest.finds_step(store.inner.opening).is_some())).unwrap()
    };
    let before = high(&store);
    clock.ahead(3_650 * DAYS);
    assert!(found(&store));
    store.create_key(&with_alias("a")).unwrap();
    for _ in 0..3 {
        let again = place.open().unwrap();
        assert!(!found(&again) && !found(&store), "one event for the step");
        again.create_key(&CreateKey::default()).unwrap();
        assert!(high(&again) < crate::keystore::time::Time(before.0 + DAY));
    }
    clock.ahead(3_651 * DAYS);
    store.create_key(&CreateKey::default()).unwrap();
    assert!(high(&store) < crate::keystore::time::Time(before.0 + DAY), "the same opening does not confirm");
    assert_eq!(events(&store, "ClockStepped"), 1);
    place.open().unwrap().create_key(&CreateKey::default()).unwrap();
    assert!(high(&store) > crate::keystore::time::Time(before.0 + 3_600 * DAY), "another does");
    assert!(!stepped(&store));
}
