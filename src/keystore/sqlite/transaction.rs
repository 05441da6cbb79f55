//! One transaction on a connection.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, params};

use super::connection::failed;
use super::{Open, Shared, Slot, files, schema};
use crate::error::{Error, Result};
use crate::keystore::backend::{
    Access, DataVersion, Entry, EventRow, Mac, Row, Table, Transaction, conflict,
};
use crate::keystore::failpoint;
use crate::sync::ForkGuard;

/// Longer than any place.
const PLACE_LIMIT: usize = 300;

pub(super) struct SqliteTransaction<'a> {
    shared: &'a Shared,
    slot: ForkGuard<'a, Slot>,
    access: Access,
    /// How the file stood when a transaction past all locks began.
    frozen: Option<DataVersion>,
    under_way: bool,
}

impl<'a> SqliteTransaction<'a> {
    /// On the slot's connection, which has begun one.
    pub(super) fn new(
        shared: &'a Shared,
        slot: ForkGuard<'a, Slot>,
        access: Access,
        frozen: Option<DataVersion>,
    ) -> SqliteTransaction<'a> {
        SqliteTransaction { shared, slot, access, frozen, under_way: true }
    }

    fn open(&mut self) -> Result<&mut Open> {
        self.slot.open.as_mut().ok_or(Error::Internal { what: "a transaction lost its connection" })
    }

    fn run<T>(
        &mut self,
        doing: &'static str,
        sql: &str,
        work: impl FnOnce(&mut rusqlite::CachedStatement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let open = self.open()?;
        let mut statement = open.connection.prepare_cached(sql).map_err(|e| failed(doing, &e))?;
        work(&mut statement).map_err(|e| failed(doing, &e))
    }

    fn entries(&mut self, table: Table, sql: &str, bounds: [&[u8]; 2], limit: usize) -> Result<Vec<Entry>> {
        let sql = format!("SELECT id, revision, mac FROM {} {sql}", table.name());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.run("reading", &sql, |statement| {
            let mut rows = statement.query(params![bounds[0], bounds[1], limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(match entry(row) {
                    Some(entry) => Ok(entry),
                    None => Err(table.broken(&[], "a column has a value that it cannot have")),
                });
            }
            Ok(found)
        })?
        .into_iter()
        .collect()
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn schema(&mut self) -> Result<[u8; 32]> {
        let open = self.open()?;
        let version = open
            .connection
            .query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0))
            .map_err(|e| failed("reading", &e))?;
        match open.schema {
            Some((verified, hash)) if verified == version => Ok(hash),
            _ => {
                let hash = schema::verify(&open.connection)?;
                open.schema = Some((version, hash));
                Ok(hash)
            }
        }
    }

    fn get(&mut self, table: Table, place: &[u8]) -> Result<Option<Row>> {
        let sql = format!("SELECT revision, mac, document FROM {} WHERE id = ?1", table.name());
        let row = self.run("reading", &sql, |statement| {
            statement
                .query_row([place], |row| {
                    let revision = revision(row.get_ref(0)?);
                    let (mac, document) = (mac(row.get_ref(1)?), text(row.get_ref(2)?));
                    Ok((revision, mac, document))
                })
                .optional()
        })?;
        match row {
            None => Ok(None),
            Some((Some(revision), Some(mac), Some(document))) => Ok(Some(Row { revision, mac, document })),
            Some(_) => Err(table.broken(place, "a column has a value that it cannot have")),
        }
    }

    fn holds(&mut self, table: Table, place: &[u8], row: &Row) -> Result<bool> {
        let sql = format!("SELECT revision, mac, document FROM {} WHERE id = ?1", table.name());
        let document = row.document.as_bytes();
        self.run("reading", &sql, |statement| {
            let same = statement.query_row([place], |found| {
                Ok(revision(found.get_ref(0)?) == Some(row.revision)
                    && mac(found.get_ref(1)?) == Some(row.mac)
                    && matches!(found.get_ref(2)?, ValueRef::Text(text) if text == document))
            });
            Ok(same.optional()? == Some(true))
        })
    }

    fn put_if(&mut self, table: Table, place: &[u8], was: Option<u64>, row: &Row) -> Result<()> {
        let name = table.name();
        let revision = stored(row.revision)?;
        let changed = match was {
            None => {
                let sql = format!(
                    "INSERT OR IGNORE INTO {name} (id, revision, mac, document) VALUES (?1, ?2, ?3, ?4)"
                );
                self.run("writing to", &sql, |statement| {
                    statement.execute(params![place, revision, &row.mac[..], row.document])
                })?
            }
            Some(was) => {
                let was = stored(was)?;
                let sql = format!(
                    "UPDATE {name} SET revision = ?2, mac = ?3, document = ?4 WHERE id = ?1 AND revision = ?5"
                );
                self.run("writing to", &sql, |statement| {
                    statement.execute(params![place, revision, &row.mac[..], row.document, was])
                })?
            }
        };
        match changed {
            1 => Ok(()),
            _ => Err(conflict(table, place)),
        }
    }

    fn remove_if(&mut self, table: Table, place: &[u8], was: u64) -> Result<()> {
        let sql = format!("DELETE FROM {} WHERE id = ?1 AND revision = ?2", table.name());
        let was = stored(was)?;
        match self.run("writing to", &sql, |statement| statement.execute(params![place, was]))? {
            1 => Ok(()),
            _ => Err(conflict(table, place)),
        }
    }

    fn index(&mut self, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<Entry>> {
        let sql = "WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
        let found = self.entries(table, sql, [prefix, &beyond(prefix)], limit + 1)?;
        match found.len() > limit {
            true => Err(table.broken(prefix, "there are more rows than there can be")),
            false => Ok(found),
        }
    }

    fn list(&mut self, table: Table, after: &[u8], limit: usize) -> Result<Vec<Entry>> {
        let sql = "WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";
        self.entries(table, sql, [after, &beyond(&[])], limit)
    }

    fn places(&mut self, table: Table, after: &[u8], limit: usize) -> Result<Vec<Vec<u8>>> {
        let sql = format!(
            "SELECT id FROM {} WHERE id > ?1 AND typeof(id) = 'blob' AND length(id) <= {PLACE_LIMIT} ORDER BY id LIMIT ?2",
            table.name()
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.run("reading", &sql, |statement| {
            let found = statement.query_map(params![after, limit], |row| row.get(0))?;
            found.collect()
        })
    }

    fn append_events(&mut self, events: &[EventRow]) -> Result<()> {
        let sql = "INSERT INTO events (seq, mac, event) VALUES (?1, ?2, ?3)";
        self.run("writing to", sql, |statement| {
            for row in events {
                // A sequence number is a count of rows: it fits.
                statement.execute(params![row.seq as i64, &row.mac[..], row.event])?;
            }
            Ok(())
        })
    }

    fn events(&mut self, from: u64, limit: usize) -> Result<Vec<EventRow>> {
        let sql = "SELECT seq, mac, event FROM events WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
        let (from, limit) = (stored(from)?, i64::try_from(limit).unwrap_or(i64::MAX));
        self.run("reading", sql, |statement| {
            let mut rows = statement.query(params![from, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let seq = revision(row.get_ref(0)?);
                // What was damaged is for the reader to find, in its place: nothing has a MAC of zeros.
                let (mac, event) = match (mac(row.get_ref(1)?), text(row.get_ref(2)?)) {
                    (Some(mac), Some(event)) => (mac, event),
                    (_, event) => ([0; 32], event.unwrap_or_default()),
                };
                found.push(seq.map(|seq| EventRow { seq, mac, event }));
            }
            Ok(found)
        })?
        .into_iter()
        .map(|row| row.ok_or_else(|| Error::TrailInvalid { what: "an event has no number".into() }))
        .collect()
    }

    fn self_check(&mut self) -> Result<()> {
        let answer = self.run("checking", "PRAGMA integrity_check(1)", |statement| {
            statement.query_row([], |row| row.get::<_, String>(0))
        })?;
        match answer == "ok" {
            true => Ok(()),
            false => {
                let answer: String = answer.chars().take(200).collect();
                Err(Error::StoreIntegrity { what: format!("the file is damaged ({answer})").into() })
            }
        }
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        if let Some(before) = self.frozen {
            // What was read past the locks holds only if nobody wrote meanwhile.
            return match files::data_version(&self.shared.path, &self.shared.log)? == before {
                true => Ok(()),
                false => Err(Error::StoreBusy),
            };
        }
        if self.access == Access::Read && failpoint::fails("end of reading") {
            return Err(failed("reading", &disk_error()));
        }
        if self.access == Access::Write && failpoint::fails("commit") {
            self.shared.poison_if_io(&disk_error());
            return Err(failed("writing to", &disk_error()));
        }
        let committed = self.open()?.connection.execute_batch("COMMIT");
        if let Err(error) = committed {
            if self.access == Access::Write {
                self.shared.poison_if_io(&error);
            }
            return Err(failed("writing to", &error));
        }
        self.under_way = false;
        Ok(())
    }
}

impl Drop for SqliteTransaction<'_> {
    fn drop(&mut self) {
        let rolled_back = match (&self.slot.open, self.under_way) {
            (Some(open), true) => open.connection.execute_batch("ROLLBACK").is_ok(),
            _ => true,
        };
        // A connection that served past all locks, or is in a state it should not be in, serves no other transaction.
        if self.frozen.is_some() || !rolled_back {
            self.slot.close();
        }
    }
}

fn entry(row: &rusqlite::Row<'_>) -> Option<Entry> {
    let place = match row.get_ref(0).ok()? {
        ValueRef::Blob(place) if place.len() <= PLACE_LIMIT => place.to_vec(),
        _ => return None,
    };
    Some(Entry { place, revision: revision(row.get_ref(1).ok()?)?, mac: mac(row.get_ref(2).ok()?)? })
}

fn revision(value: ValueRef<'_>) -> Option<u64> {
    match value {
        ValueRef::Integer(number) => number.try_into().ok(),
        _ => None,
    }
}

fn mac(value: ValueRef<'_>) -> Option<Mac> {
    match value {
        ValueRef::Blob(bytes) => bytes.try_into().ok(),
        _ => None,
    }
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => None,
    }
}

fn stored(revision: u64) -> Result<i64> {
    i64::try_from(revision).map_err(|_| Error::Internal { what: "a revision is too large" })
}

/// What comes after every place that begins with `prefix`.
fn beyond(prefix: &[u8]) -> Vec<u8> {
    let mut bound = prefix.to_vec();
    while let Some(last) = bound.pop() {
        if last < u8::MAX {
            bound.push(last + 1);
            return bound;
        }
    }
    vec![u8::MAX; PLACE_LIMIT + 1]
}

fn disk_error() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC), None)
}
