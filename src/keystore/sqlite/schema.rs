//! The tables, and the proof that they are the ones in the file: no trigger, view, column or index of anybody else's.

use rusqlite::Connection;

use super::connection::failed;
use crate::crypto::sha256_into;
use crate::error::{Error, Result};
use crate::keystore::backend::Table;

/// "KFS1": what `file` and people see in the header.
pub(super) const APPLICATION_ID: i64 = 0x4b46_5331;
/// The layout of the tables. A later library raises it only when an older one must not even read.
pub(super) const USER_VERSION: i64 = 1;

/// Definitions, as they stand in `sqlite_schema`: kind, name, SQL. The second index of a table with buckets lets a
/// bucket be read without touching documents.
fn objects() -> Vec<(&'static str, String, String)> {
    let events = "CREATE TABLE events (seq INTEGER PRIMARY KEY NOT NULL, mac BLOB NOT NULL, event TEXT NOT NULL) STRICT";
    let mut all = vec![("table", "events".to_owned(), events.to_owned())];
    for table in Table::ALL {
        let name = table.name();
        let columns = "id BLOB PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, mac BLOB NOT NULL, document TEXT NOT NULL";
        all.push(("table", name.to_owned(), format!("CREATE TABLE {name} ({columns}) STRICT")));
        if matches!(table, Table::Keys | Table::Aliases) {
            let index = format!("{name}_entries");
            let sql = format!("CREATE INDEX {index} ON {name} (id, revision, mac)");
            all.push(("index", index, sql));
        }
    }
    all
}

/// Makes the tables in an empty database.
pub(super) fn create(connection: &Connection) -> Result<()> {
    let mut sql = String::from("BEGIN IMMEDIATE;");
    for (_, _, definition) in objects() {
        sql.push_str(&definition);
        sql.push(';');
    }
    sql.push_str(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {USER_VERSION}; COMMIT;"
    ));
    connection.execute_batch(&sql).map_err(|e| failed("making the tables of", &e))
}

/// The hash of the definitions in the file, which must be ours: SHA-256 over kind, name, table and SQL of each, in
/// the order of kind and name, lengths before contents. What SQLite makes by itself (statistics, the index of a
/// primary key) is left out.
pub(super) fn verify(connection: &Connection) -> Result<[u8; 32]> {
    let mut expected: Vec<(String, String, String)> =
        objects().into_iter().map(|(kind, name, sql)| (kind.to_owned(), name, sql)).collect();
    expected.sort();
    let found = read(connection)?;
    if let Some(other) = found.iter().find(|object| !expected.contains(object)) {
        let (kind, name): (String, String) =
            (other.0.chars().take(20).collect(), other.1.chars().take(80).collect());
        return Err(Error::SchemaChanged { what: format!("{kind} {name:?} is not the library's").into() });
    }
    if let Some(missing) = expected.iter().find(|object| !found.contains(object)) {
        return Err(Error::SchemaChanged { what: format!("{} {} is missing", missing.0, missing.1).into() });
    }
    if found.len() != expected.len() {
        return Err(Error::SchemaChanged { what: "a definition stands twice".into() });
    }
    let mut input = Vec::new();
    for (kind, name, sql) in &found {
        for field in [kind, name, sql] {
            input.extend_from_slice(&(field.len() as u64).to_be_bytes());
            input.extend_from_slice(field.as_bytes());
        }
    }
    let mut hash = [0; 32];
    sha256_into(&[b"keyfold/schema/1", &input], &mut hash);
    Ok(hash)
}

fn read(connection: &Connection) -> Result<Vec<(String, String, String)>> {
    let reading = |e: rusqlite::Error| failed("reading the tables of", &e);
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema").map_err(reading)?;
    let mut rows = statement.query([]).map_err(reading)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(reading)? {
        let text = |column| row.get::<_, Option<String>>(column).map_err(reading);
        let (kind, name, table, sql) = (text(0)?, text(1)?, text(2)?, text(3)?);
        let (kind, name) = (kind.unwrap_or_default(), name.unwrap_or_default());
        if !own(&kind, &name, &table.unwrap_or_default(), sql.as_deref()) {
            found.push((kind, name, sql.unwrap_or_default()));
        }
        if found.len() > 64 {
            return Err(Error::SchemaChanged {
                what: "there are more definitions than the library's".into(),
            });
        }
    }
    found.sort();
    Ok(found)
}

/// What SQLite makes by itself and may be there: tables of ANALYZE, and the index of a primary key, which has no SQL.
fn own(kind: &str, name: &str, table: &str, sql: Option<&str>) -> bool {
    match kind {
        "table" => matches!(name, "sqlite_stat1" | "sqlite_stat4"),
        "index" => {
            sql.is_none()
                && Table::ALL
                    .iter()
                    .any(|ours| ours.name() == table && name == format!("sqlite_autoindex_{table}_1"))
        }
        _ => false,
    }
}
