use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

fn table<T: Send + Sync>() -> &'static Slots<T> {
    Box::leak(Box::new(Slots::new()))
}

#[test]
fn every_slot_number_has_a_place_of_its_own() {
    assert_eq!(place(0), Some((0, 0)));
    assert_eq!(place(63), Some((0, 63)));
    assert_eq!(place(64), Some((1, 0)));
    assert_eq!(place(191), Some((1, 127)));
    assert_eq!(place(192), Some((2, 0)));
    assert_eq!(place(LIMIT - 1), Some((CHUNKS - 1, ((FIRST as usize) << (CHUNKS - 1)) - 1)));
    for beyond in [LIMIT, LIMIT + 1, u32::MAX - 64, u32::MAX] {
        assert_eq!(place(beyond), None);
    }
}

/// Seen to fail with `wrapping_add` in place of `checked_add` for the next generation.
#[test]
fn a_slot_whose_generations_are_used_up_is_retired() {
    let slots = table::<u32>();
    let mut seen = HashSet::new();
    for n in 0..70_000 {
        let (index, generation) = slots.insert(n).unwrap();
        assert!(seen.insert((index, generation)), "a handle came back");
        slots.slot(index).unwrap().pin(generation, 0).unwrap().close();
        assert!(slots.slot(index).unwrap().pin(generation, 0).is_none());
    }
    let indexes: HashSet<u32> = seen.iter().map(|(index, _)| *index).collect();
    assert_eq!(indexes, HashSet::from([0, 1]));
}

#[test]
fn a_closed_object_lives_until_its_last_pin_goes_and_no_longer() {
    let slots = table::<Arc<()>>();
    let object = Arc::new(());
    let (index, generation) = slots.insert(object.clone()).unwrap();
    let pins: Vec<_> = (0..20).map(|t| slots.slot(index).unwrap().pin(generation, t).unwrap()).collect();
    assert!(pins[0].close());
    assert!(!pins[1].close(), "a second close does nothing");
    assert!(slots.slot(index).unwrap().pin(generation, 0).is_none());
    let last = pins.into_iter().reduce(|keep, _gone| keep).unwrap();
    assert_eq!(Arc::strong_count(last.object()), 2);
    drop(last);
    assert_eq!(Arc::strong_count(&object), 1);
    assert_eq!(slots.insert(object).unwrap(), (index, generation + 1), "the slot is used again");
}

#[test]
fn forged_numbers_find_nothing() {
    let slots = table::<u8>();
    slots.insert(1).unwrap();
    for index in [1, 63] {
        assert!(slots.slot(index).is_some_and(|slot| slot.pin(0, 0).is_none()), "never used");
    }
    for index in [64, LIMIT - 1, LIMIT, u32::MAX] {
        assert!(slots.slot(index).is_none());
    }
    for generation in [1, 2, u16::MAX] {
        assert!(slots.slot(0).unwrap().pin(generation, 0).is_none());
    }
}

/// Where the model keeps a handle: slot, generation, and the id of its object.
type Place = Mutex<Option<(u32, u16, usize)>>;

/// What the objects of the model hold.
struct Watched {
    id: usize,
    alive: AtomicBool,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        assert!(self.alive.swap(false, Relaxed), "dropped twice");
        self.dropped.fetch_add(1, Relaxed);
    }
}

/// Threads insert, use and close at random, and check what must hold at every moment: a handle leads to its own
/// object or to none, a pinned object is not dropped, a handle closed by its own thread leads nowhere, every object
/// is dropped once. Seen to fail with: the look at the state before the count; no comparison of generations; the
/// check of one stripe only; emptying while a stripe counts.
#[test]
fn under_many_threads_a_handle_leads_to_its_own_object_or_to_none() {
    const THREADS: usize = 12;
    const STEPS: usize = 20_000;
    let slots = table::<Watched>();
    let dropped = Arc::new(AtomicUsize::new(0));
    let next_id = Arc::new(AtomicUsize::new(0));
    // Few places, so that threads meet.
    let known: Arc<Vec<Place>> = Arc::new((0..8).map(|_| Mutex::new(None)).collect());
    let closed = Arc::new(AtomicUsize::new(0));

    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (dropped, next_id) = (dropped.clone(), next_id.clone());
            let (known, closed) = (known.clone(), closed.clone());
            thread::spawn(move || {
                let mut random = 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(thread as u64 + 1);
                for _ in 0..STEPS {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let cell = &known[random as usize % known.len()];
                    let handle = *cell.lock().unwrap();
                    let Some((index, generation, id)) = handle else {
                        let id = next_id.fetch_add(1, Relaxed);
                        let object = Watched { id, alive: AtomicBool::new(true), dropped: dropped.clone() };
                        let (index, generation) = slots.insert(object).unwrap();
                        // Whoever put one here meanwhile loses the way to it: close it.
                        let before = cell.lock().unwrap().replace((index, generation, id));
                        if let Some((index, generation, _)) = before
                            && let Some(pin) = slots.slot(index).unwrap().pin(generation, thread)
                            && pin.close()
                        {
                            closed.fetch_add(1, Relaxed);
                        }
                        continue;
                    };
                    let Some(pin) = slots.slot(index).unwrap().pin(generation, thread) else { continue };
                    assert!(pin.object().alive.load(Relaxed));
                    assert_eq!(pin.object().id, id);
                    if random >> 32 & 3 == 0 {
                        if pin.close() {
                            closed.fetch_add(1, Relaxed);
                            let mut cell = cell.lock().unwrap();
                            if cell.is_some_and(|(_, _, known)| known == id) {
                                *cell = None;
                            }
                        }
                        assert!(slots.slot(index).unwrap().pin(generation, thread).is_none());
                    }
                    if random >> 40 & 7 == 0 {
                        thread::yield_now();
                    }
                    assert!(pin.object().alive.load(Relaxed), "dropped while pinned");
                    assert_eq!(pin.object().id, id);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let open = known.iter().filter(|cell| cell.lock().unwrap().is_some()).count();
    let made = next_id.load(Relaxed);
    assert!(made > 1000, "the model does something");
    assert_eq!(closed.load(Relaxed) + open, made);
    assert_eq!(dropped.load(Relaxed), closed.load(Relaxed), "every closed object is dropped, once");
}
