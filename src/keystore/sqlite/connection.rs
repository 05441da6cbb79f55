//! One connection to a store's file, set up so that the file can do nothing but hold rows.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::files::{self, Inode};
use super::schema::{APPLICATION_ID, USER_VERSION};
use crate::error::{Error, Result};

/// The oldest SQLite without the log-reset race that lost committed transactions (fixed in 3.51.3).
const FLOOR: i32 = 3_051_003;
/// How long SQLite itself may wait, with our lock held; beyond that we wait without it.
const SHORT_WAIT: Duration = Duration::from_millis(3);
/// No row is longer; SQLite refuses before it allocates.
const ROW_LIMIT: i32 = 1 << 20;

/// Statements kept compiled: six for each table, at most.
const STATEMENTS: usize = 80;

/// How a connection reaches the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Write,
    Read,
    /// Takes no locks and reads no log: for one transaction on a file that cannot change, or is checked afterwards.
    Frozen,
}

/// Opens the file; the caller has seen to it that nobody else in this process has it open.
pub(super) fn open(path: &Path, mode: Mode) -> Result<Connection> {
    check_version(rusqlite::version_number())?;
    let common = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let opening = |e: rusqlite::Error| failed("opening", &e);
    let connection = match mode {
        Mode::Write => Connection::open_with_flags(path, common | OpenFlags::SQLITE_OPEN_READ_WRITE),
        Mode::Read => Connection::open_with_flags(path, common | OpenFlags::SQLITE_OPEN_READ_ONLY),
        Mode::Frozen => Connection::open_with_flags(
            files::uri(path, "mode=ro&immutable=1"),
            common | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        ),
    }
    .map_err(opening)?;
    harden(&connection).map_err(opening)?;
    if mode == Mode::Write {
        sync_fully(&connection).map_err(opening)?;
        let journal: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(opening)?;
        if journal != "wal" {
            return Err(Error::StoreUnsafe { what: "SQLite's write-ahead log does not work here".into() });
        }
    }
    Ok(connection)
}

/// What the file says may not make SQLite do anything. Nothing here reads the file yet.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(SHORT_WAIT)?;
    for (option, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        // Else a bound LIMIT has a statement compiled anew each time it is run.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    ] {
        connection.set_db_config(option, value)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, ROW_LIMIT)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.execute_batch("PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;")
}

/// What is written is on disk before a commit returns, and what is deleted is overwritten.
fn sync_fully(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
         PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 4194304;",
    )
}

/// STORE_UNSAFE for an SQLite that is known to lose commits: distributions may build against another than ours.
fn check_version(version: i32) -> Result<()> {
    match version >= FLOOR {
        true => Ok(()),
        false => Err(Error::StoreUnsafe {
            what: format!("this library runs on SQLite {version}, which can lose commits; it needs {FLOOR}")
                .into(),
        }),
    }
}

/// Refuses files that are no store of a version we know, without leaving a trace beside them. The header's numbers
/// are constant from a store's making on, so they can be read past locks and log; only the file's length may be at
/// odds with its header while another process folds the log in, and then it is looked at again. Where that stays so, a
/// process died folding: only SQLite's own recovery can tell what the file is, and the look at the tables comes after it.
pub(super) fn identify(path: &Path, inode: Inode) -> Result<()> {
    for look in 0..50 {
        match identify_once(path, inode) {
            // Whoever closed the store last has taken the log away after folding it in: that is worth some looks too.
            Err(Error::NotAStore { why: NO_DATABASE, .. })
                if look < 3 || files::beside(path, "-wal").exists() =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            identified => return identified,
        }
    }
    match identify_once(path, inode) {
        Err(Error::NotAStore { why: NO_DATABASE, .. }) if has_log(path) => Ok(()),
        identified => identified,
    }
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(files::beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

const NO_DATABASE: &str = "it is not an SQLite database";

fn identify_once(path: &Path, inode: Inode) -> Result<()> {
    let not_a_store = |why| Error::NotAStore { path: path.to_string_lossy().into(), why };
    let told = |error| match error {
        Error::StoreIntegrity { .. } => not_a_store(NO_DATABASE),
        other => other,
    };
    let number = |connection: &Connection, sql: &str| {
        let number = connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        number.map_err(|e| told(failed("reading", &e)))
    };
    let connection = files::opening(inode, || open(path, Mode::Frozen)).map_err(told)?;
    let identified = (|| {
        let application = number(&connection, "PRAGMA application_id")?;
        if application != APPLICATION_ID {
            let tables = number(&connection, "SELECT count(*) FROM sqlite_schema")?;
            return Err(not_a_store(match (application, tables) {
                (0, 0) => "it is an empty database",
                _ => "it is a database of another application",
            }));
        }
        let version = number(&connection, "PRAGMA user_version")?;
        match version == USER_VERSION {
            true => Ok(()),
            false => Err(Error::StoreTooNew {
                what: path.to_string_lossy().into(),
                needs: format!("a later release (layout {version})").into(),
            }),
        }
    })();
    files::closing(inode, || drop(connection));
    identified
}

/// SQLite's error as ours.
pub(super) fn failed(doing: &'static str, error: &rusqlite::Error) -> Error {
    let rusqlite::Error::SqliteFailure(code, text) = error else {
        return match error {
            // A column of another type than the table's definition says.
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..) => {
                Error::StoreIntegrity { what: "a column has a value that it cannot have".into() }
            }
            other => Error::StoreIo { doing, reason: other.to_string().into() },
        };
    };
    match code.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::StoreBusy,
        ErrorCode::DiskFull => Error::StoreFull,
        ErrorCode::ReadOnly => Error::StoreReadOnly,
        ErrorCode::OutOfMemory => Error::OutOfMemory { locked: false },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TooBig => Error::StoreIntegrity {
            what: format!("the file is damaged ({})", ffi::code_to_str(code.extended_code)).into(),
        },
        _ => {
            let detail = text.as_deref().unwrap_or_default();
            let reason = format!("{}: {detail}", ffi::code_to_str(code.extended_code));
            Error::StoreIo { doing, reason: reason.into() }
        }
    }
}

/// Whether a failed commit leaves open what is on disk.
pub(super) fn is_io(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

/// Whether a read-only connection failed for want of the log's shared memory, which it may not make.
pub(super) fn lacks_shared_memory(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutation seen to fail it: a floor of 3.51.2.
    #[test]
    fn an_sqlite_that_loses_commits_is_refused() {
        assert!(check_version(3_051_002).is_err() && check_version(3_050_004).is_err());
        assert!(check_version(3_051_003).is_ok());
        assert!(check_version(rusqlite::version_number()).is_ok());
    }

    /// Mutation seen to fail it: without SQLITE_DBCONFIG_ENABLE_QPSG.
    #[test]
    fn a_statement_with_a_bound_limit_is_compiled_once() {
        let connection = Connection::open_in_memory().unwrap();
        harden(&connection).unwrap();
        connection.execute_batch("CREATE TABLE t (id BLOB PRIMARY KEY NOT NULL) STRICT").unwrap();
        let sql = "SELECT id FROM t WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";
        let mut statement = connection.prepare_cached(sql).unwrap();
        for limit in 1..10 {
            let low: &[u8] = &[limit as u8];
            let rows = statement.query_map((low, &[0xFF_u8][..], limit), |row| row.get::<_, Vec<u8>>(0));
            assert_eq!(rows.unwrap().count(), 0);
        }
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}
