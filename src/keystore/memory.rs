//! Rows in this process's memory: a store for users' tests, with the same documents and the same code above it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use super::backend::{Access, Backend, DataVersion, Entry, EventRow, Row, Table, Transaction, conflict};
use super::fork::{Guarded, Settled};
use crate::error::{Error, Result};
use crate::sync::{ForkGuard, ForkLock};

#[derive(Default)]
struct Rows {
    tables: BTreeMap<At, Row>,
    events: Vec<EventRow>,
}

pub(super) struct Memory {
    shared: Arc<Shared>,
}

struct Shared {
    rows: ForkLock<Rows>,
    settled: Settled,
}

impl Memory {
    pub(super) fn new() -> Memory {
        let shared = Arc::new(Shared { rows: ForkLock::new(Rows::default()), settled: Settled::now() });
        super::fork::register(shared.clone());
        Memory { shared }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        super::fork::forget(&self.shared);
    }
}

impl Guarded for Shared {
    fn hold(&self) {
        self.rows.lock().keep_across_fork();
    }
    fn release(&self, in_child: bool) {
        if in_child {
            self.settled.renew();
        }
        drop(self.rows.resume());
    }
}

impl Backend for Memory {
    fn kind(&self) -> &'static str {
        "memory"
    }
    fn path(&self) -> Option<&Path> {
        None
    }
    fn begin(&self, _access: Access) -> Result<Box<dyn Transaction + '_>> {
        self.shared.settled.check()?;
        let rows = self.shared.rows.lock();
        let events = rows.events.len();
        Ok(Box::new(MemoryTransaction { rows, undo: Vec::new(), events }))
    }
    fn try_begin(&self) -> Result<Box<dyn Transaction + '_>> {
        self.shared.settled.check()?;
        let rows = self.shared.rows.try_lock().ok_or(Error::StoreBusy)?;
        let events = rows.events.len();
        Ok(Box::new(MemoryTransaction { rows, undo: Vec::new(), events }))
    }
    fn data_version(&self) -> Result<Option<DataVersion>> {
        Ok(None)
    }
    fn check_usable(&self) -> Result<()> {
        self.shared.settled.check()
    }
    fn scrub(&self) -> Result<bool> {
        Ok(true)
    }
    fn engine_version(&self) -> Option<String> {
        None
    }
}

/// A row's table and place.
type At = (Table, Vec<u8>);

struct MemoryTransaction<'a> {
    rows: ForkGuard<'a, Rows>,
    undo: Vec<(At, Option<Row>)>,
    /// How many events there were.
    events: usize,
}

impl MemoryTransaction<'_> {
    fn set(&mut self, table: Table, place: &[u8], was: Option<u64>, row: Option<Row>) -> Result<()> {
        let at = (table, place.to_vec());
        if self.rows.tables.get(&at).map(|row| row.revision) != was {
            return Err(conflict(table, place));
        }
        let old = match row {
            Some(row) => self.rows.tables.insert(at.clone(), row),
            None => self.rows.tables.remove(&at),
        };
        self.undo.push((at, old));
        Ok(())
    }

    fn entries(&self, table: Table, from: Bound<Vec<u8>>) -> impl Iterator<Item = Entry> + '_ {
        let from = match from {
            Bound::Included(place) => Bound::Included((table, place)),
            Bound::Excluded(place) => Bound::Excluded((table, place)),
            Bound::Unbounded => Bound::Included((table, Vec::new())),
        };
        self.rows
            .tables
            .range((from, Bound::Unbounded))
            .take_while(move |(at, _)| at.0 == table)
            .map(|((_, place), row)| Entry { place: place.clone(), revision: row.revision, mac: row.mac })
    }
}

impl Transaction for MemoryTransaction<'_> {
    fn schema(&mut self) -> Result<[u8; 32]> {
        Ok([0; 32])
    }
    fn get(&mut self, table: Table, place: &[u8]) -> Result<Option<Row>> {
        Ok(self.rows.tables.get(&(table, place.to_vec())).cloned())
    }
    fn put_if(&mut self, table: Table, place: &[u8], was: Option<u64>, row: &Row) -> Result<()> {
        self.set(table, place, was, Some(row.clone()))
    }
    fn remove_if(&mut self, table: Table, place: &[u8], was: u64) -> Result<()> {
        self.set(table, place, Some(was), None)
    }
    fn index(&mut self, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<Entry>> {
        let found: Vec<Entry> = self
            .entries(table, Bound::Included(prefix.to_vec()))
            .take_while(|entry| entry.place.starts_with(prefix))
            .take(limit + 1)
            .collect();
        match found.len() > limit {
            true => Err(table.broken(prefix, "there are more rows than there can be")),
            false => Ok(found),
        }
    }
    fn list(&mut self, table: Table, after: &[u8], limit: usize) -> Result<Vec<Entry>> {
        Ok(self.entries(table, Bound::Excluded(after.to_vec())).take(limit).collect())
    }
    fn places(&mut self, table: Table, after: &[u8], limit: usize) -> Result<Vec<Vec<u8>>> {
        let entries = self.entries(table, Bound::Excluded(after.to_vec()));
        Ok(entries.take(limit).map(|entry| entry.place).collect())
    }
    fn append_events(&mut self, events: &[EventRow]) -> Result<()> {
        self.rows.events.extend_from_slice(events);
        Ok(())
    }
    fn events(&mut self, from: u64, limit: usize) -> Result<Vec<EventRow>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(self.rows.events.iter().skip(from).take(limit).cloned().collect())
    }
    fn self_check(&mut self) -> Result<()> {
        Ok(())
    }
    fn commit(mut self: Box<Self>) -> Result<()> {
        self.undo.clear();
        self.events = self.rows.events.len();
        Ok(())
    }
}

impl Drop for MemoryTransaction<'_> {
    fn drop(&mut self) {
        let events = self.events;
        self.rows.events.truncate(events);
        while let Some((at, old)) = self.undo.pop() {
            match old {
                Some(row) => self.rows.tables.insert(at, row),
                None => self.rows.tables.remove(&at),
            };
        }
    }
}
