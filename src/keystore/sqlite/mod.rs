//! Rows in an SQLite file: several threads, processes and forks at once.
//!
//! Connections live behind two locks, one for reading and one for writing; they are opened when needed, kept while
//! idle, and closed before every fork (see `fork`). Waiting for another process is done with no lock held.

mod connection;
mod files;
mod schema;
mod transaction;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use self::connection::{Mode, failed, is_io, lacks_shared_memory};
use self::files::Inode;
pub(super) use self::files::{hold, release};
use self::transaction::SqliteTransaction;
use super::backend::{Access, Backend, DataVersion, Transaction};
use super::fork::{self, Guarded, Settled};
use super::options::OpenOptions;
use crate::error::{Error, Result};
use crate::sync::{ForkGuard, ForkLock};

/// Between two looks whether another process is done. Short, because one that changes the store in a loop leaves
/// only instants between its transactions.
const LONGEST_WAIT: Duration = Duration::from_millis(4);

/// How long scrubbing waits for readers.
const SCRUB_WAIT: Duration = Duration::from_millis(500);

pub(super) struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    log: PathBuf,
    read_only: bool,
    busy_timeout: Duration,
    reader: ForkLock<Slot>,
    writer: ForkLock<Slot>,
    settled: Settled,
    poisoned: AtomicBool,
}

/// A place for a connection; what it holds is closed when the file is another one, and before a fork.
#[derive(Default)]
struct Slot {
    open: Option<Open>,
}

struct Open {
    connection: Connection,
    inode: Inode,
    /// SQLite's count of changes to the definitions, and their hash when it was last verified.
    schema: Option<(i64, [u8; 32])>,
}

impl Sqlite {
    fn new(path: PathBuf, options: &OpenOptions) -> Sqlite {
        let shared = Arc::new(Shared {
            log: files::beside(&path, "-wal"),
            path,
            read_only: options.read_only,
            busy_timeout: options.busy_timeout,
            reader: ForkLock::new(Slot::default()),
            writer: ForkLock::new(Slot::default()),
            settled: Settled::now(),
            poisoned: AtomicBool::new(false),
        });
        fork::register(shared.clone());
        Sqlite { shared }
    }

    /// The store at this place, which must be one.
    pub(super) fn open(path: &Path, options: &OpenOptions) -> Result<Sqlite> {
        let (found, inode) = files::existing(path)?;
        connection::identify(&found, inode)?;
        files::check_place(&found, options)?;
        Ok(Sqlite::new(found, options))
    }

    /// Where a new store will lie; nothing is there yet.
    pub(super) fn vacant(path: &Path, options: &OpenOptions) -> Result<PathBuf> {
        files::vacant(path, options)
    }

    /// Makes a store at `place`: filled by `fill` under another name first, and given its own when it is whole and
    /// on disk.
    pub(super) fn make(
        place: &Path,
        options: &OpenOptions,
        fill: impl FnOnce(&Sqlite) -> Result<()>,
    ) -> Result<Sqlite> {
        let temporary = files::temporary(place)?;
        let made = (|| {
            let writable = OpenOptions { read_only: false, ..options.clone() };
            let backend = Sqlite::new(temporary.clone(), &writable);
            backend.create()?;
            fill(&backend)?;
            // Closing folds the log into the file.
            drop(backend);
            files::publish(&temporary, place)
        })();
        if made.is_err() {
            files::remove(&temporary);
        }
        made.map(|()| Sqlite::new(place.to_owned(), options))
    }

    /// A free name beside a store, for one that is to take its place.
    pub(super) fn beside(place: &Path) -> Result<PathBuf> {
        let free = files::temporary(place)?;
        files::remove(&free);
        Ok(free)
    }

    /// Removes what did not become a store.
    pub(super) fn discard(place: &Path) {
        files::remove(place);
    }

    /// Closes this store, whose file was as `stamp` says, and puts another that is whole and closed in its place. The
    /// name that its file has from now on. STORE_BUSY where somebody has it open, or it was changed.
    pub(super) fn give_way(self, by: &Path, stamp: Option<DataVersion>) -> Result<PathBuf> {
        let place = self.closed(stamp)?;
        files::replace(by, &place)
    }

    /// The same, for a file that is to keep no name.
    pub(super) fn end_for(self, by: &Path, stamp: Option<DataVersion>) -> Result<()> {
        let place = self.closed(stamp)?;
        files::supplant(by, &place)
    }

    /// Closes it. STORE_BUSY where its file is not as `stamp` says.
    fn closed(self, stamp: Option<DataVersion>) -> Result<PathBuf> {
        let (place, log) = (self.shared.path.clone(), self.shared.log.clone());
        drop(self);
        let now = files::data_version(&place, &log)?;
        match stamp.is_some_and(|was| was.stamp[..4] != now.stamp[..4]) {
            true => Err(Error::StoreBusy),
            false => Ok(place),
        }
    }

    fn create(&self) -> Result<()> {
        let mut slot = self.shared.writer.lock();
        schema::create(self.shared.ready(&mut slot, Mode::Write)?)
    }
}

#[cfg(test)]
impl Sqlite {
    /// A setting of a connection as transactions get it.
    pub(super) fn pragma(&self, name: &str) -> String {
        let mut slot = self.shared.writer.lock();
        let connection = self.shared.ready(&mut slot, Mode::Write).unwrap();
        let value: rusqlite::types::Value =
            connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap();
        match value {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => panic!("{name} is {other:?}"),
        }
    }

    pub(super) fn try_sql(&self, sql: &str) -> rusqlite::Result<()> {
        let mut slot = self.shared.writer.lock();
        self.shared.ready(&mut slot, Mode::Write).unwrap().execute_batch(sql)
    }
}

impl Backend for Sqlite {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.shared.path)
    }

    fn begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>> {
        let shared = &*self.shared;
        let deadline = Instant::now() + shared.busy_timeout;
        let mut wait = LONGEST_WAIT / 8;
        loop {
            self.check_usable()?;
            match shared.try_begin(access) {
                Err(Error::StoreBusy) if Instant::now() < deadline => thread::sleep(jittered(wait)),
                begun => return begun,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn try_begin(&self) -> Result<Box<dyn Transaction + '_>> {
        self.check_usable()?;
        self.shared.write_on(self.shared.writer.try_lock().ok_or(Error::StoreBusy)?)
    }

    fn data_version(&self) -> Result<Option<DataVersion>> {
        files::data_version(&self.shared.path, &self.shared.log).map(Some)
    }

    fn check_usable(&self) -> Result<()> {
        self.shared.settled.check()?;
        match self.shared.poisoned.load(Ordering::Relaxed) {
            true => Err(Error::StorePoisoned),
            false => Ok(()),
        }
    }

    fn scrub(&self) -> Result<bool> {
        let deadline = Instant::now() + SCRUB_WAIT.min(self.shared.busy_timeout);
        loop {
            self.check_usable()?;
            if self.shared.fold_log()? {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            thread::sleep(jittered(LONGEST_WAIT));
        }
    }

    fn engine_version(&self) -> Option<String> {
        Some(rusqlite::version().into())
    }
}

impl Shared {
    fn try_begin(&self, access: Access) -> Result<Box<dyn Transaction + '_>> {
        if access == Access::Write {
            return self.write_on(self.writer.lock());
        }
        let mut slot = self.reader.lock();
        let mode = if self.read_only { Mode::Read } else { Mode::Write };
        match begin(self.ready(&mut slot, mode)?, "BEGIN") {
            Ok(()) => self.begun(slot, access, None),
            Err(error) if self.read_only && lacks_shared_memory(&error) => self.begin_frozen(slot),
            Err(error) => Err(failed("reading", &error)),
        }
    }

    fn write_on<'a>(&'a self, mut slot: ForkGuard<'a, Slot>) -> Result<Box<dyn Transaction + 'a>> {
        begin(self.ready(&mut slot, Mode::Write)?, "BEGIN IMMEDIATE")
            .map_err(|e| failed("writing to", &e))?;
        self.begun(slot, Access::Write, None)
    }

    fn begun<'a>(
        &'a self,
        slot: ForkGuard<'a, Slot>,
        access: Access,
        frozen: Option<DataVersion>,
    ) -> Result<Box<dyn Transaction + 'a>> {
        let mut transaction = SqliteTransaction::new(self, slot, access, frozen);
        transaction.schema()?;
        Ok(Box::new(transaction))
    }

    /// Reads a file whose log has no shared memory and may not get any (a read-only folder with nobody writing):
    /// past all locks, on a connection for this transaction alone. Whether the file stood still meanwhile is checked
    /// when it ends; SQLite's `immutable` promises nothing of the kind.
    fn begin_frozen<'a>(&'a self, mut slot: ForkGuard<'a, Slot>) -> Result<Box<dyn Transaction + 'a>> {
        slot.close();
        if fs::metadata(&self.log).is_ok_and(|log| log.len() > 0) {
            return Err(Error::StoreUnsafe {
                what: format!(
                    "the key store's log {} has changes that cannot be read in a read-only folder; open the store \
                     once where it can be written, or make the folder writable",
                    self.log.display()
                )
                .into(),
            });
        }
        let before = files::data_version(&self.path, &self.log)?;
        if before.young {
            return Err(Error::StoreBusy);
        }
        begin(self.ready(&mut slot, Mode::Frozen)?, "BEGIN").map_err(|e| failed("reading", &e))?;
        self.begun(slot, Access::Read, Some(before))
    }

    /// Folds the log into the file and cuts it to nothing. False while a reader or another writer is in the way.
    fn fold_log(&self) -> Result<bool> {
        let mut slot = self.writer.lock();
        let connection = self.ready(&mut slot, Mode::Write)?;
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        match connection.query_row(sql, [], |row| row.get::<_, i64>(0)) {
            Ok(busy) => Ok(busy == 0),
            Err(error) => match failed("folding the log of", &error) {
                Error::StoreBusy => Ok(false),
                other => {
                    self.poison_if_io(&error);
                    Err(other)
                }
            },
        }
    }

    /// The slot's connection, to the file that has the store's name now.
    fn ready<'s>(&self, slot: &'s mut Slot, mode: Mode) -> Result<&'s mut Connection> {
        let metadata = fs::metadata(&self.path)
            .map_err(|_| Error::StoreNotFound { path: self.path.to_string_lossy().into() })?;
        let inode = files::inode_of(&metadata);
        if slot.open.as_ref().is_some_and(|open| open.inode != inode) {
            slot.close();
        }
        let open = match slot.open.take() {
            Some(open) => open,
            None => Open {
                connection: files::opening(inode, || connection::open(&self.path, mode))?,
                inode,
                schema: None,
            },
        };
        Ok(&mut slot.open.insert(open).connection)
    }

    /// Whether a failed commit leaves open what is on disk: then nothing is claimed about the file any more.
    fn poison_if_io(&self, error: &rusqlite::Error) {
        if is_io(error) {
            self.poisoned.store(true, Ordering::Relaxed);
        }
    }
}

impl Slot {
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            files::closing(open.inode, || drop(open.connection));
        }
    }
}

impl Guarded for Shared {
    fn hold(&self) {
        for slot in [&self.writer, &self.reader] {
            let mut slot = slot.lock();
            slot.close();
            slot.keep_across_fork();
        }
    }

    fn release(&self, in_child: bool) {
        if in_child {
            self.settled.renew();
        }
        drop(self.reader.resume());
        drop(self.writer.resume());
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // In a child made past the fork handlers the connections are the parent's: neither used nor closed.
        if self.shared.settled.check().is_ok() {
            self.shared.reader.lock().close();
            self.shared.writer.lock().close();
        }
        fork::forget(&self.shared);
    }
}

/// Begins a transaction and takes its snapshot.
fn begin(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.execute_batch(sql)?;
    let begun = connection.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0));
    begun.map(drop).inspect_err(|_| {
        let _ = connection.execute_batch("ROLLBACK");
    })
}

/// Half of `wait` to all of it, so that processes that met do not meet again.
fn jittered(wait: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness the wait is merely regular.
    let _ = crate::crypto::fill_random(&mut random);
    wait / 2 + wait * u32::from(random[0]) / 512
}
