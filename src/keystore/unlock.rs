//! From a root to the store secret: slots that nothing has verified yet, and the proof that comes after.

use super::backend::Row;
use super::json::hex;
use super::roots::{Slot, read_slots};
use super::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::root::{Inherit, Root, StoreSecret};
use crate::secret::OnFork;

/// The store's secrets and the slot that gave them, from rows that nothing has verified yet: the root's own check comes
/// first, then the rows' MACs under what it gave ([`confirm`]).
pub(super) fn unlock(
    root: &dyn Root,
    store_id: &[u8; 16],
    rows: &[(Vec<u8>, Row)],
    on_fork: OnFork,
) -> Result<(StoreSecret, Slot)> {
    let (mut unreadable, mut refused) = (None, None);
    for (place, row) in rows {
        let slot = match Slot::read(&row.document) {
            Ok(slot) if slot.id == place[..] => slot,
            Ok(_) => {
                unreadable =
                    Some(Error::StoreIntegrity { what: "roots: a slot is in another's place".into() });
                continue;
            }
            Err(error) => {
                unreadable = Some(error.error(&format!("roots row {}", hex(place))));
                continue;
            }
        };
        if slot.kind != root.kind() {
            continue;
        }
        match slot.unwrap(root, store_id, on_fork) {
            Ok(secret) => return Ok((secret, slot)),
            Err(Error::RootMismatch) => {}
            // Parameters out of bounds, say: the root's own slot may still come.
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.or(unreadable).unwrap_or(Error::RootMismatch))
}

/// Whether the store secret is the one under which everything in the store was written.
pub(super) fn confirm(snapshot: &mut Snapshot<'_>) -> Result<()> {
    read_slots(snapshot).map(drop)
}

impl Slot {
    /// The store's secrets, if this is the root's slot.
    fn unwrap(&self, root: &dyn Root, store_id: &[u8; 16], on_fork: OnFork) -> Result<StoreSecret> {
        let secret = root.unwrap(&self.bind(store_id), &self.wrapped, Inherit(on_fork))?;
        match secret.admin.is_some() == self.admin {
            true => Ok(secret),
            false => Err(Error::RootMismatch),
        }
    }
}
