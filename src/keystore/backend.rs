//! What a place to keep rows must do. SQLite and memory implement it; the code above is the same over both.
//!
//! A backend knows rows, not keys: it believes nothing and verifies nothing. Every row has the same shape, so that
//! one way of authenticating serves all tables.

use std::path::Path;

use super::json::hex;
use crate::error::{Error, Result};

pub(super) type Mac = [u8; 32];

/// The tables. Each row of each is authenticated under the table's own key and label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    /// One document a key; place = bucket ‖ key id.
    Keys,
    /// One row an alias; place = bucket ‖ alias.
    Aliases,
    /// A key's older versions; place = key id ‖ page number.
    Pages,
    /// Digests of 256 buckets; place = group number.
    Groups,
    /// Root slots; place = slot id.
    Roots,
    /// One row; place = store id.
    Settings,
    /// One row; place = store id, revision = epoch.
    Manifest,
    /// One row; place = store id: pending approvals, named by the manifest.
    Approvals,
    /// Uses of a limited grant; place = key id ‖ grant id. Outside the tree.
    GrantUses,
    /// Counters of a key version; place = key id ‖ version ‖ process. Outside the tree.
    Counters,
    /// One row; place = store id, revision = size: the head of the trail. Outside the tree.
    Trail,
    /// Signed checkpoints of the trail; place = size. Outside the tree.
    Checkpoints,
}

impl Table {
    pub(super) const ALL: [Table; 12] = [
        Table::Keys,
        Table::Aliases,
        Table::Pages,
        Table::Groups,
        Table::Roots,
        Table::Settings,
        Table::Manifest,
        Table::Approvals,
        Table::GrantUses,
        Table::Counters,
        Table::Trail,
        Table::Checkpoints,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Keys => "keys",
            Table::Aliases => "aliases",
            Table::Pages => "pages",
            Table::Groups => "groups",
            Table::Roots => "roots",
            Table::Settings => "settings",
            Table::Manifest => "manifest",
            Table::Approvals => "approvals",
            Table::GrantUses => "grant_uses",
            Table::Counters => "counters",
            Table::Trail => "trail",
            Table::Checkpoints => "checkpoints",
        }
    }

    /// The error for a row of this table that does not verify; names table and row as people know it.
    pub(super) fn broken(self, place: &[u8], why: &str) -> Error {
        let name = match self {
            Table::Keys if place.len() == 18 => hex(&place[2..]),
            Table::Aliases if place.len() > 2 => {
                place[2..].iter().take(80).map(|&c| char::from(c).escape_default().to_string()).collect()
            }
            _ => hex(&place[..place.len().min(20)]),
        };
        Error::StoreIntegrity { what: format!("{} row {name}: {why}", self.name()).into() }
    }
}

/// A row as it stands: nothing in it is true until its MAC has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) revision: u64,
    pub(super) mac: Mac,
    pub(super) document: String,
}

/// An event of the trail as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventRow {
    /// From 0, without gaps.
    pub(super) seq: u64,
    pub(super) mac: Mac,
    pub(super) event: String,
}

/// A row without its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) place: Vec<u8>,
    pub(super) revision: u64,
    pub(super) mac: Mac,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// One snapshot of everything.
    Read,
    /// A snapshot that nobody else can change before this transaction is over.
    Write,
}

/// Something cheap that changes when another process may have changed the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DataVersion {
    /// File times, sizes and numbers.
    pub(super) stamp: [u64; 8],
    /// The stamp is so fresh that a later change could bear the same one.
    pub(super) young: bool,
}

pub(super) trait Backend: Send + Sync {
    /// `sqlite` or `memory`.
    fn kind(&self) -> &'static str;
    /// The file, when there is one.
    fn path(&self) -> Option<&Path>;
    /// Begins a transaction; waits for others within bounds (STORE_BUSY). No caller's code runs inside one.
    fn begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>>;
    /// Begins one for writing if nobody else has one at the moment, in this process or another; else STORE_BUSY at once.
    fn try_begin(&self) -> Result<Box<dyn Transaction + '_>>;
    /// What others can change, by a look that costs next to nothing. `None`: nobody else can reach the store.
    fn data_version(&self) -> Result<Option<DataVersion>>;
    /// FORKED in a child that was made past the fork handlers, STORE_POISONED after a failed sync.
    fn check_usable(&self) -> Result<()>;
    /// Has what was overwritten leave the file's log and free parts, so far as they are this backend's. False: a reader
    /// still holds older pages.
    fn scrub(&self) -> Result<bool>;
    /// SQLite's version.
    fn engine_version(&self) -> Option<String>;
}

/// One snapshot; undone when dropped without [`Transaction::commit`].
pub(super) trait Transaction {
    /// The hash of the tables' definitions, as found in this snapshot.
    fn schema(&mut self) -> Result<[u8; 32]>;
    fn get(&mut self, table: Table, place: &[u8]) -> Result<Option<Row>>;
    /// Whether the row there is this one, to the last byte. Makes no copy of it.
    fn holds(&mut self, table: Table, place: &[u8], row: &Row) -> Result<bool> {
        Ok(self.get(table, place)?.as_ref() == Some(row))
    }
    /// Writes a row if the one there has the revision `was` (`None`: if there is none).
    fn put_if(&mut self, table: Table, place: &[u8], was: Option<u64>, row: &Row) -> Result<()>;
    /// Removes a row if it has the revision `was`.
    fn remove_if(&mut self, table: Table, place: &[u8], was: u64) -> Result<()>;
    /// Entries whose place begins with `prefix`, in order; an error when there are more than `limit`.
    fn index(&mut self, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<Entry>>;
    /// Up to `limit` entries after `after`, in order.
    fn list(&mut self, table: Table, after: &[u8], limit: usize) -> Result<Vec<Entry>>;
    /// Places of up to `limit` rows after `after`, in order, whatever their other columns hold.
    fn places(&mut self, table: Table, after: &[u8], limit: usize) -> Result<Vec<Vec<u8>>>;
    /// Adds events to the trail; their numbers must be free.
    fn append_events(&mut self, events: &[EventRow]) -> Result<()>;
    /// Events from number `from` on, in order, `limit` at most.
    fn events(&mut self, from: u64, limit: usize) -> Result<Vec<EventRow>>;
    /// The backend's own check of its file.
    fn self_check(&mut self) -> Result<()>;
    /// Ends the transaction. When this returns, a write is on disk.
    fn commit(self: Box<Self>) -> Result<()>;
}

/// A row that is not as the transaction itself read it: only a defect or a hostile file does that.
pub(super) fn conflict(table: Table, place: &[u8]) -> Error {
    table.broken(place, "it is not the row that was read a moment before")
}
