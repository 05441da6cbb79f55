//! The store on a disk that fails: an error at each sync, write and read, a full disk, and cuts of power that lose what
//! was not synced. After every fault: an error with a stable status, nothing acknowledged lost, every envelope that was
//! ever given out opens, the store and its trail verify (docs/ASSURANCE.md).
#![cfg(feature = "sqlite")]

#[path = "../keystore_support/mod.rs"]
mod keystore_support;
mod vfs;

use std::collections::BTreeMap;
use std::sync::Mutex;

use keyfold::envelope::{
    Allowed, Context, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, encrypt_into,
};
use keyfold::keystore::{AnchorPolicy, KeyMetadata, KeyState, OpenOptions, Store};
use keyfold::{Error, Status};
use keystore_support::{Place, long, named, with_alias};
use vfs::Fault;

/// One VFS serves the whole program.
static ALONE: Mutex<()> = Mutex::new(());

fn options() -> OpenOptions {
    OpenOptions { anchor: AnchorPolicy::Off, ..OpenOptions::default() }
}

/// What was acknowledged so far, and what came out.
#[derive(Default)]
struct Acknowledged {
    /// Material ids of each key's versions, by alias.
    versions: BTreeMap<String, Vec<[u8; 8]>>,
    states: BTreeMap<String, KeyState>,
    envelopes: Vec<(String, Vec<u8>)>,
}

impl Acknowledged {
    fn note(&mut self, alias: &str, key: &KeyMetadata) {
        self.versions.insert(alias.into(), key.versions.iter().map(|v| v.material_id).collect());
        self.states.insert(alias.into(), key.key_state);
    }

    /// Everything acknowledged is in the store, and every envelope opens.
    fn check(&self, store: &Store, during: &str) {
        for (alias, versions) in &self.versions {
            let key = store.describe_key(&named(alias)).unwrap_or_else(|e| panic!("{during}: {alias}: {e}"));
            let held: Vec<[u8; 8]> = key.versions.iter().map(|v| v.material_id).collect();
            // What was not acknowledged may be there too, wholly.
            assert!(held.starts_with(versions), "{during}: {alias} lost a version");
        }
        for (alias, envelope) in &self.envelopes {
            let key = store.key(&named(alias));
            let key = match key {
                Ok(key) => key,
                Err(e) => panic!("{during}: {alias}: {e}"),
            };
            if store.describe_key(&named(alias)).unwrap().key_state == KeyState::Disabled {
                store.enable_key(&named(alias)).unwrap();
            }
            let mut out = [0; 64];
            let allowed = [&key];
            let opened = decrypt_into(
                Allowed::Keys(&allowed),
                envelope,
                &Context::EMPTY,
                &DecryptOptions::default(),
                &mut out,
            );
            assert!(opened.is_ok(), "{during}: an envelope under {alias}: {opened:?}");
        }
        store.verify(&mut |_, _| {}).unwrap_or_else(|e| panic!("{during}: {e}"));
        let trail = store.verify_trail(None, &mut |_, _| {}).unwrap_or_else(|e| panic!("{during}: {e}"));
        assert!(trail.ok, "{during}: {trail:?}");
    }
}

/// The mix of operations: each is noted when it was acknowledged. Ends at the first error.
fn work(place: &Place, done: &mut Acknowledged, rounds: usize) -> keyfold::Result<()> {
    let store = place.open(&options())?;
    for round in 0..rounds {
        let alias = format!("k{}", done.versions.len());
        done.note(&alias, &store.create_key(&with_alias(&alias))?);
        for alias in ["k0", alias.as_str()] {
            done.note(alias, &store.rotate_key(&named(alias))?);
            let key = store.key(&named(alias))?;
            let mut out = [0; 512];
            let len = encrypt_into(
                &[&key],
                b"hello",
                &Context::EMPTY,
                &StoredContext::None,
                &EncryptOptions::default(),
                &mut out,
            )?;
            done.envelopes.push((alias.into(), out[..len].to_vec()));
        }
        done.note(&alias, &store.disable_key(&named(&alias))?);
        if round % 2 == 0 {
            done.note(&alias, &store.enable_key(&named(&alias))?);
        }
        store.flush_trail()?;
    }
    Ok(())
}

/// Statuses that a disk that fails may lead to.
fn honest(error: &Error) -> bool {
    matches!(
        error.status(),
        Status::StoreIo
            | Status::StoreFull
            | Status::StorePoisoned
            | Status::StoreBusy
            | Status::StoreReadOnly
            | Status::NotAStore
            | Status::TrailUnavailable
    )
}

fn place() -> Place {
    vfs::forget();
    vfs::arm(Fault::None);
    let place = Place::new();
    drop(place.init(options()));
    place
}

fn strike(make: impl Fn(u64) -> Fault, cut: bool, points: u64) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut struck = 0;
    for nth in 1..=points {
        let place = place();
        let mut done = Acknowledged::default();
        work(&place, &mut done, 1).unwrap();
        let fault = make(nth);
        vfs::arm(fault);
        let outcome = work(&place, &mut done, 2);
        if !vfs::struck() {
            outcome.unwrap();
            break;
        }
        struck += 1;
        if let Err(error) = &outcome {
            assert!(honest(error), "{fault:?}: {error:?}");
        }
        if cut {
            vfs::after_the_cut(|| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                random >> 63 == 0
            });
        }
        vfs::arm(Fault::None);
        let store = place.open(&options()).unwrap_or_else(|e| panic!("{fault:?}: it opens again: {e}"));
        done.check(&store, &format!("{fault:?}"));
    }
    assert!(struck > 0, "no fault was met");
}

fn points(few: u64) -> u64 {
    if long() { u64::MAX } else { few }
}

/// T-94.
#[test]
fn an_error_at_any_sync_loses_nothing_that_was_acknowledged() {
    strike(Fault::Sync, false, points(24));
}

/// T-93. Mutation seen to fail it: `synchronous = NORMAL`.
#[test]
fn a_cut_of_power_at_any_sync_or_write_loses_nothing_that_was_acknowledged() {
    strike(|n| Fault::Cut(1 + (n - 1) * if long() { 1 } else { 7 }), true, points(40));
}

#[test]
fn a_full_disk_at_any_write_loses_nothing_that_was_acknowledged() {
    strike(|n| Fault::Full(1 + (n - 1) * if long() { 1 } else { 11 }), false, points(24));
}

/// Mutation seen to fail it: `identify` that takes a file whose log was being folded in for none of SQLite's.
#[test]
fn an_error_at_any_write_loses_nothing_that_was_acknowledged() {
    strike(|n| Fault::Write(1 + (n - 1) * if long() { 1 } else { 11 }), false, points(24));
}

#[test]
fn an_error_at_any_read_loses_nothing_that_was_acknowledged() {
    strike(|n| Fault::Read(1 + (n - 1) * if long() { 1 } else { 13 }), false, points(24));
}
