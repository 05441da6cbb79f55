//! What was verified under a store's secrets and read once: the manifest's row as it stands, and the groups by their MACs.
//! A row of the same bytes need not be read a second time. It is no state of the store, so nothing here goes out of date:
//! which manifest counts is decided in each snapshot, from the row that is there.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::backend::{Mac, Row};
use super::manifest::{Group, Manifest};
use crate::sync::ForkLock;

/// Something that is shared until it is changed.
#[derive(Clone, Debug)]
pub(super) struct Held<T>(Arc<T>);

impl<T> Held<T> {
    pub(super) fn new(value: T) -> Held<T> {
        Held(Arc::new(value))
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

/// At most the last manifest, and 256 groups of 256 digests: 3 MiB, whatever the store holds.
pub(super) struct Known(ForkLock<Contents>);

struct Contents {
    manifest: Option<Arc<(Row, Held<Manifest>)>>,
    groups: Vec<Option<(Mac, Held<Group>)>>,
}

impl Known {
    pub(super) fn new() -> Known {
        Known(ForkLock::new(Contents { manifest: None, groups: Vec::new() }))
    }

    /// The last manifest that was verified, with its row.
    pub(super) fn manifest(&self) -> Option<Arc<(Row, Held<Manifest>)>> {
        self.0.lock().manifest.clone()
    }

    /// Keeps a manifest that was verified, signature and all, or that was written by this process.
    pub(super) fn keep_manifest(&self, row: Row, manifest: Held<Manifest>) {
        let kept = Arc::new((row, manifest));
        let was = self.0.lock().manifest.replace(kept);
        drop(was);
    }

    /// The group that was read from the row with this MAC.
    pub(super) fn group(&self, number: u8, mac: &Mac) -> Option<Held<Group>> {
        let contents = self.0.lock();
        match contents.groups.get(usize::from(number)) {
            Some(Some((known, group))) if known == mac => Some(group.clone()),
            _ => None,
        }
    }

    /// Keeps a group that was verified, or that was written by this process, under the MAC of its row.
    pub(super) fn keep_group(&self, number: u8, mac: Mac, group: Held<Group>) {
        let mut contents = self.0.lock();
        if contents.groups.is_empty() {
            contents.groups.resize_with(256, || None);
        }
        let was = contents.groups[usize::from(number)].replace((mac, group));
        drop(contents);
        drop(was);
    }

    pub(super) fn hold(&self) {
        self.0.lock().keep_across_fork();
    }

    pub(super) fn release(&self) {
        drop(self.0.resume());
    }
}
