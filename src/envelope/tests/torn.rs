//! Rewraps in place that stop anywhere, and real files with readers beside them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::super::cells::{Cells, TYPE_FREE};
use super::super::rewrap::{Plan, parse, plan};
use super::super::rewrap_file::{Medium, in_place};
use super::super::{Allowed, Rewrapped, StoredContext, read_file, rewrap, rewrap_file};
use super::vectors::{cell_version, data, list, load, text, unhex_array};
use super::{CARD, bytes, decrypt, decrypt_with, encrypt_with, new_key, store_and_key, with_lane};
use crate::crypto::script;
use crate::error::{Error, Result, Status};
use crate::keystore::{Key, KeyName, Planted, Store};

fn rotate(key: &Key) {
    key.store().rotate_key(&KeyName::Id(key.id())).unwrap();
}

/// A file that remembers what was asked of it.
struct Recorder {
    image: Vec<u8>,
    /// Writes, in order, each of which was synced before the next one.
    writes: Vec<(usize, Vec<u8>)>,
    unsynced: usize,
    /// A write that reaches the disk changed.
    damage: Option<usize>,
}

impl Recorder {
    fn new(image: &[u8]) -> Recorder {
        Recorder { image: image.to_vec(), writes: Vec::new(), unsynced: 0, damage: None }
    }
}

impl Medium for Recorder {
    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        // The procedure never has two writes that could reach the disk in another order.
        assert_eq!(self.unsynced, 0, "a write before the one before it was synced");
        self.unsynced += 1;
        self.image[at..at + bytes.len()].copy_from_slice(bytes);
        if self.damage == Some(self.writes.len()) {
            self.image[at] ^= 1;
        }
        self.writes.push((at, bytes.to_vec()));
        Ok(())
    }
    fn sync(&mut self) -> Result<()> {
        self.unsynced = 0;
        Ok(())
    }
    fn reread(&mut self, len: usize) -> Result<Vec<u8>> {
        assert_eq!(self.unsynced, 0);
        Ok(self.image[..len].to_vec())
    }
}

/// The steps for an envelope, and where its cell area begins.
fn steps(key: &Key, envelope: &[u8]) -> (Plan, usize) {
    let head = parse(envelope).unwrap();
    let plan = with_lane(|lane| plan(lane, &Allowed::Keys(&[key]), &head, None)).unwrap();
    (plan, head.whole_fixed().len())
}

/// Runs the procedure and gives every state in which it can stop: between writes, and with a write torn at every byte,
/// its beginning on the disk or its end.
fn states(key: &Key, before: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (plan, area_at) = steps(key, before);
    let mut medium = Recorder::new(before);
    let mut head = before.to_vec();
    assert_eq!(in_place(&mut medium, &mut head, area_at, &plan.steps), Ok(plan.steps.len()));
    assert_eq!(head, medium.image);
    let mut states = Vec::new();
    let mut image = before.to_vec();
    for (at, bytes) in &medium.writes {
        for cut in 0..=bytes.len() {
            let mut torn = image.clone();
            torn[*at..at + cut].copy_from_slice(&bytes[..cut]);
            states.push(torn);
            let mut torn = image.clone();
            torn[at + cut..at + bytes.len()].copy_from_slice(&bytes[cut..]);
            states.push(torn);
        }
        image[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    (states, medium.image)
}

/// T-110. Every state opens, under each key, and the next rewrap brings it to one current cell a key and the free cell
/// back. Fails when the type byte is written with the body, when the old cell is set free before the new one counts, or
/// when the old cell is overwritten in place.
#[test]
fn a_rewrap_torn_at_any_byte_leaves_an_envelope_that_opens_and_heals() {
    let (store, one) = store_and_key();
    let two = new_key(&store);
    for (keys, form) in [(vec![&one], StoredContext::None), (vec![&one, &two], StoredContext::All)] {
        let before = encrypt_with(&keys, b"message", CARD, form, 1);
        keys.iter().for_each(|key| rotate(key));
        let (all, _) = states(&one, &before);
        assert!(all.len() > 400);
        for (i, torn) in all.iter().enumerate() {
            for key in &keys {
                assert_eq!(decrypt(key, torn).as_deref(), Ok(&b"message"[..]), "state {i}");
            }
            // Heal every few, and those where both cells live.
            if i % 16 == 0 || steps(&one, torn).0.report.cells_freed > 0 {
                let (again, healed) = states(&one, torn);
                assert!(again.iter().all(|state| decrypt(&one, state).is_ok()));
                let live = |key: &Key| {
                    let head = parse(&healed).unwrap();
                    head.cells()
                        .filter_map(|cell| cell.key())
                        .filter(|cell| cell.key_id() == key.id())
                        .count()
                };
                assert_eq!(live(&one), 1, "state {i}");
                let head = parse(&healed).unwrap();
                let free = head.cells().filter(|cell| cell.tag() == TYPE_FREE).count();
                assert_eq!(free, 1, "state {i}");
                assert_eq!(steps(&one, &healed).0.report.cells_current, 1);
            }
        }
    }
}

/// The states are those of the vectors, byte for byte, given their nonce.
#[test]
fn the_procedure_goes_through_the_states_of_the_vectors() {
    let vectors = load();
    let set = &vectors["rewrap"];
    let states: Vec<Vec<u8>> = list(set, "states").iter().map(data).collect();
    let versions = ["old", "new"].map(|name| Planted {
        version: cell_version(&set[name]).version,
        material: unhex_array(text(&set[name], "kek")),
        former: Vec::new(),
    });
    let store = Store::in_memory().unwrap();
    let id = cell_version(&set["old"]).key_id;
    store.plant(id, &versions).unwrap();
    let key = store.key(&KeyName::Id(id)).unwrap();
    script::push(&unhex_array::<24>(text(&set["new"], "nonce")));
    let (plan, area_at) = steps(&key, &states[0]);
    assert_eq!(script::clear(), 0);
    let mut medium = Recorder::new(&states[0]);
    in_place(&mut medium, &mut states[0].clone(), area_at, &plan.steps).unwrap();
    let mut image = states[0].clone();
    let mut seen = vec![image.clone()];
    for (at, bytes) in &medium.writes {
        for cut in 0..=bytes.len() {
            let [mut head_first, mut tail_first] = [image.clone(), image.clone()];
            head_first[*at..at + cut].copy_from_slice(&bytes[..cut]);
            tail_first[at + cut..at + bytes.len()].copy_from_slice(&bytes[cut..]);
            seen.extend([head_first, tail_first]);
        }
        image[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    for (row, state) in list(set, "states").iter().zip(&states) {
        assert!(seen.contains(state), "{}", text(row, "state"));
    }
    assert_eq!(medium.image, states[states.len() - 1]);
}

/// Fails when the new cell is believed without reading it back.
#[test]
fn a_cell_that_does_not_read_back_never_costs_the_old_one() {
    let (_, key) = store_and_key();
    let before = encrypt_with(&[&key], b"message", CARD, StoredContext::None, 1);
    rotate(&key);
    let (plan, area_at) = steps(&key, &before);
    let mut medium = Recorder { damage: Some(0), ..Recorder::new(&before) };
    let failed = in_place(&mut medium, &mut before.clone(), area_at, &plan.steps).unwrap_err();
    assert_eq!(failed.status(), Status::Io);
    assert_eq!(medium.image[44..148], before[44..148]);
    assert_eq!(decrypt(&key, &medium.image).as_deref(), Ok(&b"message"[..]));
}

#[test]
fn a_file_with_a_free_cell_keeps_its_inode_and_one_without_is_renamed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (store, one) = store_and_key();
    let two = new_key(&store);
    let plain = bytes(1, 50_000);
    for free in [1, 0] {
        let path = folder.path().join("card");
        fs::write(&path, encrypt_with(&[&one, &two], &plain, CARD, StoredContext::Names, free)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let before = fs::metadata(&path).unwrap();
        let untouched = rewrap_file(Allowed::AnyKeyOf(&store), &path, None).unwrap();
        assert_eq!(untouched.cells_rewrapped, 0);
        rotate(&one);
        rotate(&two);
        let report = rewrap_file(Allowed::AnyKeyOf(&store), &link, None).unwrap();
        assert_eq!(report, Rewrapped { cells_rewrapped: 2, ..Default::default() });
        let after = fs::metadata(&path).unwrap();
        assert_eq!(after.ino() == before.ino(), free == 1);
        assert_eq!((after.mode(), after.len()), (before.mode(), before.len()));
        let bytes = fs::read(&path).unwrap();
        assert_eq!(decrypt(&one, &bytes).as_deref(), Ok(&plain[..]));
        assert_eq!(decrypt(&two, &bytes).as_deref(), Ok(&plain[..]));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}

#[test]
fn a_file_that_cannot_be_rewrapped_is_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let (_, key) = store_and_key();
    let path = folder.path().join("file");
    let stranger = store_and_key().1;
    let envelope = encrypt_with(&[&key], b"message", CARD, StoredContext::None, 0);
    fs::write(&path, &envelope).unwrap();
    assert_eq!(rewrap_file(Allowed::Keys(&[&stranger]), &path, None), Err(Error::NoUsableCell));
    // Another name would keep the old cells.
    rotate(&key);
    fs::hard_link(&path, folder.path().join("other")).unwrap();
    assert_eq!(rewrap_file(Allowed::Keys(&[&key]), &path, None).unwrap_err().status(), Status::Io);
    assert_eq!(fs::read(&path).unwrap(), envelope);
    fs::write(&path, b"not one").unwrap();
    assert_eq!(rewrap_file(Allowed::Keys(&[&key]), &path, None), Err(Error::NotAnEnvelope));
    fs::write(&path, b"").unwrap();
    assert_eq!(rewrap_file(Allowed::Keys(&[&key]), &path, None), Err(Error::NotAnEnvelope));
    fs::write(&path, &envelope[..100]).unwrap();
    assert!(matches!(rewrap_file(Allowed::Keys(&[&key]), &path, None), Err(Error::Malformed { .. })));
    assert!(matches!(
        rewrap_file(Allowed::Keys(&[&key]), folder.path(), None),
        Err(Error::InvalidArgument { .. })
    ));
    let gone = rewrap_file(Allowed::Keys(&[&key]), &folder.path().join("gone"), None);
    assert_eq!(gone.unwrap_err().status(), Status::Io);
}

/// Stops the other threads when the one that holds it is done, or panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One writer rotates and rewraps, two rewrap beside it, two read: no reader ever sees anything but the message. Fails
/// when `rewrap_file` takes no lock.
#[test]
fn readers_and_rewraps_at_one_file_get_along() {
    let folder = tempfile::tempdir().unwrap();
    let (store, key) = store_and_key();
    for free in [1, 0] {
        let path = folder.path().join(format!("file{free}"));
        fs::write(&path, encrypt_with(&[&key], b"message", CARD, StoredContext::All, free)).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let _stop = Stop(&done);
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let opened = read_file(&path, |envelope| {
                            decrypt_with(Allowed::AnyKeyOf(&store), envelope, CARD, false)
                        });
                        assert_eq!(opened.as_deref(), Ok(&b"message"[..]));
                    }
                });
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        rewrap_file(Allowed::Keys(&[&key]), &path, None).unwrap();
                    }
                });
            }
            for _ in 0..25 {
                rotate(&key);
                rewrap_file(Allowed::Keys(&[&key]), &path, None).unwrap();
            }
        });
        let mut end = fs::read(&path).unwrap();
        let report = rewrap(Allowed::Keys(&[&key]), &mut end, None).unwrap();
        assert_eq!(report, Rewrapped { cells_current: 1, ..Default::default() });
        let area = parse(&end).unwrap().area().to_vec();
        assert_eq!(Cells::of(&area).count(), 1 + usize::from(free));
    }
}

/// FORMAT 9.8. The first reading meets a rewrap under way: the file as it is then does not open, and the lock is held.
/// Fails when `read_file` does not read again.
#[test]
fn a_reader_that_meets_a_rewrap_waits_for_it_and_reads_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, key) = store_and_key();
    let path = folder.path().join("file");
    let good = encrypt_with(&[&key], b"message", CARD, StoredContext::None, 1);
    // What a reader sees who read the new cell's place before it was written and the old one's after it was freed.
    let mut mixed = good.clone();
    mixed[44] = TYPE_FREE;
    fs::write(&path, &mixed).unwrap();
    let writer = fs::File::open(&path).unwrap();
    writer.lock().unwrap();
    let (met, meeting) = std::sync::mpsc::channel();
    let opened = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            read_file(&path, |envelope| {
                let _ = met.send(());
                decrypt_with(Allowed::AnyKeyOf(&store), envelope, CARD, false)
            })
        });
        meeting.recv().unwrap();
        fs::write(&path, &good).unwrap();
        writer.unlock().unwrap();
        reader.join().unwrap()
    });
    assert_eq!(opened.as_deref(), Ok(&b"message"[..]));
    // What does not change while nobody writes is refused after one more look.
    fs::write(&path, &mixed).unwrap();
    let mut looks = 0;
    let refused = read_file(&path, |envelope| {
        looks += 1;
        decrypt_with(Allowed::AnyKeyOf(&store), envelope, CARD, false)
    });
    assert_eq!((refused.unwrap_err().status(), looks), (Status::Malformed, 1));
    // A disabled key's old cell may be all that was there while the new one was not yet.
    let mut looks = 0;
    let opened = read_file(&path, |envelope| {
        looks += 1;
        if looks == 1 {
            fs::write(&path, &good).unwrap();
            return Err(Error::KeyDisabled { name: "k".into() });
        }
        decrypt_with(Allowed::AnyKeyOf(&store), envelope, CARD, false)
    });
    assert_eq!(opened.as_deref(), Ok(&b"message"[..]));
}
