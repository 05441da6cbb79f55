//! A file system for SQLite that fails as told: an error at the nth sync or write, a full disk, and a cut of power that
//! loses what was not synced. It stands before SQLite's own `unix` VFS and passes every call on.
//!
//! One for the process: a test program that uses it runs its tests one after the other.
#![allow(unsafe_code, clippy::missing_safety_doc)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::{Mutex, Once};

use rusqlite::ffi::{
    SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_READ, SQLITE_IOERR_WRITE, SQLITE_OK, SQLITE_OPEN_MAIN_DB,
    SQLITE_OPEN_WAL, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find,
    sqlite3_vfs_register,
};

/// What is to go wrong next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The nth sync from now fails, once (EIO).
    Sync(u64),
    /// The nth write from now and all after it fail (ENOSPC).
    Full(u64),
    /// The nth write from now fails, once (EIO).
    Write(u64),
    /// The nth read from now fails, once (EIO).
    Read(u64),
    /// The power goes at the nth sync or write from now: that one and everything after it fails.
    Cut(u64),
}

struct Machine {
    fault: Fault,
    /// Calls that the fault counts.
    counted: u64,
    struck: bool,
    off: bool,
    disk: BTreeMap<PathBuf, Disk>,
}

/// What a file would hold if the power went now, and what was written since its last sync.
#[derive(Default)]
struct Disk {
    synced: Vec<u8>,
    since: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

static MACHINE: Mutex<Machine> =
    Mutex::new(Machine { fault: Fault::None, counted: 0, struck: false, off: false, disk: BTreeMap::new() });

impl Machine {
    /// Whether the call at hand fails, and how.
    fn strikes(&mut self, call: Call) -> Option<c_int> {
        if self.off {
            return Some(call.error());
        }
        let (nth, lasts) = match (self.fault, call) {
            (Fault::Sync(n), Call::Sync) | (Fault::Write(n), Call::Write) | (Fault::Read(n), Call::Read) => {
                (n, false)
            }
            (Fault::Full(n), Call::Write) => (n, true),
            (Fault::Cut(n), Call::Sync | Call::Write) => (n, true),
            _ => return None,
        };
        self.counted += 1;
        let strikes = self.counted == nth || lasts && self.counted > nth;
        self.struck |= strikes;
        match self.fault {
            _ if !strikes => None,
            Fault::Full(_) => Some(SQLITE_FULL),
            Fault::Cut(_) => {
                self.off = true;
                Some(call.error())
            }
            _ => Some(call.error()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Sync,
}

impl Call {
    fn error(self) -> c_int {
        match self {
            Call::Read => SQLITE_IOERR_READ,
            Call::Write => SQLITE_IOERR_WRITE,
            Call::Sync => SQLITE_IOERR_FSYNC,
        }
    }
}

/// From here on SQLite's files go through this, and `fault` is what happens.
pub fn arm(fault: Fault) {
    install();
    let mut machine = MACHINE.lock().unwrap();
    (machine.fault, machine.counted, machine.struck, machine.off) = (fault, 0, false, false);
}

/// Whether the fault has struck since it was armed.
pub fn struck() -> bool {
    MACHINE.lock().unwrap().struck
}

/// Puts every file of the store as the disk would have it after the cut: what was synced, and of the rest any part.
/// To be called with all connections closed. `keep` decides for each change that was not synced.
pub fn after_the_cut(mut keep: impl FnMut() -> bool) {
    let mut machine = MACHINE.lock().unwrap();
    for (path, disk) in std::mem::take(&mut machine.disk) {
        let mut bytes = disk.synced;
        for change in disk.since {
            if !keep() {
                continue;
            }
            match change {
                Change::Write(at, data) => {
                    bytes.resize(bytes.len().max(at + data.len()), 0);
                    bytes[at..at + data.len()].copy_from_slice(&data);
                }
                Change::Truncate(size) => bytes.truncate(size),
            }
        }
        if path.exists() {
            std::fs::write(&path, bytes).unwrap();
        }
        let _ = std::fs::remove_file(path.with_extension("db-shm"));
    }
    machine.off = false;
    machine.fault = Fault::None;
}

/// Forgets what is known of files: before a new folder.
pub fn forget() {
    MACHINE.lock().unwrap().disk.clear();
}

#[repr(C)]
struct File {
    base: sqlite3_file,
    /// Which file, for the two whose contents matter: an index into PATHS plus one; 0 for others.
    tracked: usize,
    // SQLite's own file object follows.
}

static PATHS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

struct Shared<T>(T);
// SAFETY: written once before SQLite knows of it, read only after.
unsafe impl<T> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Shared<T> {}

static REAL: std::sync::OnceLock<Shared<*mut sqlite3_vfs>> = std::sync::OnceLock::new();
static METHODS: std::sync::OnceLock<Shared<sqlite3_io_methods>> = std::sync::OnceLock::new();

fn real() -> *mut sqlite3_vfs {
    REAL.get().unwrap().0
}

fn install() {
    static ONCE: Once = Once::new();
    // SAFETY: the VFS that is found lives for ever, and so does the copy of it that is registered.
    ONCE.call_once(|| unsafe {
        rusqlite::ffi::sqlite3_initialize();
        let unix = sqlite3_vfs_find(ptr::null());
        REAL.get_or_init(|| Shared(unix));
        METHODS.get_or_init(|| Shared(methods()));
        let mut ours = ptr::read(unix);
        ours.szOsFile += size_of::<File>() as c_int;
        ours.zName = c"keyfold-faults".as_ptr();
        ours.pNext = ptr::null_mut();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        assert_eq!(sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1), SQLITE_OK);
    });
}

unsafe fn inner(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: szOsFile makes room for both.
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

unsafe fn path_of(file: *mut sqlite3_file) -> Option<PathBuf> {
    // SAFETY: SQLite hands back files that `open` made.
    let tracked = unsafe { (*file.cast::<File>()).tracked };
    PATHS.lock().unwrap().get(tracked.checked_sub(1)?).cloned()
}

/// A method of SQLite's own file object.
macro_rules! real {
    ($file:expr, $method:ident ( $($argument:expr),* )) => {{
        let inner = inner($file);
        ((*(*inner).pMethods).$method.unwrap())(inner $(, $argument)*)
    }};
}

unsafe extern "C" fn open(
    _vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's arguments, passed on; `file` has room for ours and its own.
    unsafe {
        (*file).pMethods = ptr::null();
        let code = (*real()).xOpen.unwrap()(real(), name, inner(file), flags, out);
        if code != SQLITE_OK {
            return code;
        }
        let ours = file.cast::<File>();
        (*ours).tracked = 0;
        (*file).pMethods = &METHODS.get().unwrap().0;
        if flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL) != 0 && !name.is_null() {
            let path = PathBuf::from(CStr::from_ptr(name).to_str().unwrap());
            let mut paths = PATHS.lock().unwrap();
            (*ours).tracked = 1 + paths.iter().position(|known| *known == path).unwrap_or_else(|| {
                paths.push(path.clone());
                paths.len() - 1
            });
            drop(paths);
            let mut machine = MACHINE.lock().unwrap();
            let known = machine.disk.entry(path);
            known.or_insert_with(|| Disk { synced: contents(file), since: Vec::new() });
        }
        SQLITE_OK
    }
}

unsafe extern "C" fn delete(_vfs: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite's arguments, passed on.
    unsafe {
        let path = PathBuf::from(CStr::from_ptr(name).to_str().unwrap());
        let mut machine = MACHINE.lock().unwrap();
        if machine.off {
            return Call::Write.error();
        }
        machine.disk.remove(&path);
        drop(machine);
        (*real()).xDelete.unwrap()(real(), name, sync)
    }
}

/// Read through SQLite's own descriptor: another one, closed, would drop its locks.
unsafe fn contents(file: *mut sqlite3_file) -> Vec<u8> {
    // SAFETY: an open file of ours.
    unsafe {
        let mut size: sqlite3_int64 = 0;
        if real!(file, xFileSize(&mut size)) != SQLITE_OK {
            return Vec::new();
        }
        let mut bytes = vec![0u8; size as usize];
        if size > 0 {
            real!(file, xRead(bytes.as_mut_ptr().cast(), size as c_int, 0));
        }
        bytes
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xClose()) }
}

unsafe extern "C" fn read(file: *mut sqlite3_file, to: *mut c_void, len: c_int, at: sqlite3_int64) -> c_int {
    if let Some(error) = MACHINE.lock().unwrap().strikes(Call::Read) {
        return error;
    }
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xRead(to, len, at)) }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    len: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: as SQLite calls it; `from` has `len` bytes.
    unsafe {
        let path = path_of(file);
        let mut machine = MACHINE.lock().unwrap();
        if let Some(error) = machine.strikes(Call::Write) {
            return error;
        }
        if let Some(disk) = path.and_then(|path| machine.disk.get_mut(&path)) {
            let data = std::slice::from_raw_parts(from.cast::<u8>(), len as usize).to_vec();
            disk.since.push(Change::Write(at as usize, data));
        }
        drop(machine);
        real!(file, xWrite(from, len, at))
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe {
        let path = path_of(file);
        let mut machine = MACHINE.lock().unwrap();
        if machine.off {
            return Call::Write.error();
        }
        if let Some(disk) = path.and_then(|path| machine.disk.get_mut(&path)) {
            disk.since.push(Change::Truncate(size as usize));
        }
        drop(machine);
        real!(file, xTruncate(size))
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe {
        if let Some(error) = MACHINE.lock().unwrap().strikes(Call::Sync) {
            return error;
        }
        let code = real!(file, xSync(flags));
        if code == SQLITE_OK
            && let Some(path) = path_of(file)
        {
            let synced = contents(file);
            MACHINE.lock().unwrap().disk.insert(path, Disk { synced, since: Vec::new() });
        }
        code
    }
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xFileSize(size)) }
}
unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xLock(level)) }
}
unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xUnlock(level)) }
}
unsafe extern "C" fn check_reserved(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xCheckReservedLock(out)) }
}
unsafe extern "C" fn control(file: *mut sqlite3_file, op: c_int, argument: *mut c_void) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xFileControl(op, argument)) }
}
unsafe extern "C" fn sector(file: *mut sqlite3_file) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xSectorSize()) }
}
unsafe extern "C" fn characteristics(_file: *mut sqlite3_file) -> c_int {
    // Nothing is promised: not even that an overwrite touches no other byte.
    0
}
unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xShmMap(page, size, extend, out)) }
}
unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, at: c_int, n: c_int, flags: c_int) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xShmLock(at, n, flags)) }
}
unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xShmBarrier()) }
}
unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    // SAFETY: as SQLite calls it.
    unsafe { real!(file, xShmUnmap(delete)) }
}

/// Version 2: without memory-mapped pages, which no VFS sees.
fn methods() -> sqlite3_io_methods {
    sqlite3_io_methods {
        iVersion: 2,
        xClose: Some(close),
        xRead: Some(read),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        xFileSize: Some(file_size),
        xLock: Some(lock),
        xUnlock: Some(unlock),
        xCheckReservedLock: Some(check_reserved),
        xFileControl: Some(control),
        xSectorSize: Some(sector),
        xDeviceCharacteristics: Some(characteristics),
        xShmMap: Some(shm_map),
        xShmLock: Some(shm_lock),
        xShmBarrier: Some(shm_barrier),
        xShmUnmap: Some(shm_unmap),
        xFetch: None,
        xUnfetch: None,
    }
}
