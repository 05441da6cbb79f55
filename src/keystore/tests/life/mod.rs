//! A key's life over a file. `docs/KEYS.md`.

mod clocks;
mod ending;
mod rotating;
mod states;

use super::support::alias;
use crate::context::Context;
use crate::envelope::{Allowed, DecryptOptions, EncryptOptions, StoredContext, decrypt_into, encrypt_into};
use crate::error::Result;
use crate::keystore::clock::DAY;
use crate::keystore::failpoint::set_clock_ahead;
use crate::keystore::{CreateKey, Key, KeyPolicy, OpenOptions, Store, Wish};
use crate::operation::Operation;

pub(super) const DAYS: i64 = DAY as i64;

/// Sets this thread's clock, and sets it right again when the test ends in whatever way.
pub(super) struct Clock;

impl Clock {
    pub(super) fn ahead(&self, seconds: i64) {
        set_clock_ahead(seconds);
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        set_clock_ahead(0);
    }
}

pub(super) fn encrypt(key: &Key) -> Result<Vec<u8>> {
    let mut out = vec![0; 300];
    let options = EncryptOptions::default();
    let size = encrypt_into(&[key], b"data", &Context::EMPTY, &StoredContext::None, &options, &mut out)?;
    out.truncate(size);
    Ok(out)
}

pub(super) fn decrypt(allowed: Allowed<'_>, envelope: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; 300];
    let opened = decrypt_into(allowed, envelope, &Context::EMPTY, &DecryptOptions::default(), &mut out)?;
    let _ = opened;
    Ok(out)
}

pub(super) fn with_policy(name: &str, policy: KeyPolicy) -> CreateKey {
    CreateKey { alias: Some(alias(name)), policy, ..CreateKey::default() }
}

pub(super) fn by_period(days: u32) -> KeyPolicy {
    KeyPolicy { rotation_period_days: Some(days), ..KeyPolicy::default() }
}

pub(super) fn recovery() -> OpenOptions {
    OpenOptions { recovery: true, ..OpenOptions::default() }
}

pub(super) fn sealing_version(key: &Key) -> Result<u32> {
    key.view(&Wish::without_context(Operation::Encrypt), |view| Ok(view.current()?.version))
}

/// Events of this name in the trail.
pub(super) fn events(store: &Store, name: &str) -> usize {
    store.flush_trail().unwrap();
    let filter = crate::audit::Filter { event_name: Some(name.into()), ..Default::default() };
    store.tail_trail(&filter, 1_000).unwrap().events.len()
}
