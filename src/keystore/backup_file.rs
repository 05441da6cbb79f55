//! A backup's bytes (docs/KEYSTORE.md, "Backup and restore"): a header that any of the store's roots can begin from, then
//! all rows as C2SP chunked-encryption with AES-256-GCM under a key of this file alone.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::backend::{EventRow, Row, Table};
use super::backup::Taker;
use super::json::{Fields, bytes, from_hex, hex};
use super::snapshot::ROOTS_LIMIT;
use crate::crypto::{fill_random, hkdf_sha256, sha256_into, with_lane};
use crate::error::{Error, Result};
use crate::root::StoreSecret;
use crate::secret::{Key32, OnFork};

const MAGIC: [u8; 4] = *b"KFB\x01";
const HEADER_LIMIT: usize = 1 << 20;
const CHUNK: usize = 16_384;
const TAG: usize = 16;
/// A row: document bytes at most.
const ROW_LIMIT: usize = 1 << 20;

/// One thing that a backup holds.
pub(super) enum Record {
    Row(Table, Vec<u8>, Row),
    Event(EventRow),
}

/// What stands before the encrypted part.
pub(super) struct Header {
    pub(super) store_id: [u8; 16],
    pub(super) incarnation: [u8; 16],
    pub(super) epoch: u64,
    salt: [u8; 32],
    /// As the store had them; unverified.
    pub(super) slots: Vec<(Vec<u8>, Row)>,
}

impl Header {
    pub(super) fn new(
        store_id: [u8; 16],
        incarnation: [u8; 16],
        epoch: u64,
        slots: Vec<(Vec<u8>, Row)>,
    ) -> Result<Header> {
        let mut salt = [0; 32];
        fill_random(&mut salt)?;
        Ok(Header { store_id, incarnation, epoch, salt, slots })
    }

    fn write(&self) -> Vec<u8> {
        let slot = |(place, row): &(Vec<u8>, Row)| {
            let mut out = Map::new();
            out.insert("place".into(), hex(place).into());
            out.insert("revision".into(), row.revision.into());
            out.insert("mac".into(), hex(&row.mac).into());
            out.insert("document".into(), row.document.clone().into());
            Value::Object(out)
        };
        let mut out = Map::new();
        out.insert("format".into(), 1.into());
        out.insert("store_id".into(), hex(&self.store_id).into());
        out.insert("incarnation".into(), hex(&self.incarnation).into());
        out.insert("epoch".into(), self.epoch.into());
        out.insert("salt".into(), hex(&self.salt).into());
        out.insert("roots".into(), self.slots.iter().map(slot).collect());
        let text = Value::Object(out).to_string();
        [&MAGIC[..], &(text.len() as u32).to_be_bytes(), text.as_bytes()].concat()
    }

    fn read(text: &str) -> std::result::Result<Header, &'static str> {
        let mut fields = Fields::parse(text, HEADER_LIMIT)?;
        if fields.number("format")? != 1 {
            return Err("it is of a later release");
        }
        let slot = |value: Value| {
            let Value::Object(slot) = value else { return Err("a root slot is malformed") };
            let text = |name: &str| slot.get(name).and_then(Value::as_str).ok_or("a root slot is malformed");
            let mut place = [0; 16];
            let revision = slot.get("revision").and_then(Value::as_u64).ok_or("a root slot is malformed")?;
            let mac = bytes(slot.get("mac").ok_or("a root slot is malformed")?)?;
            match from_hex(text("place")?, &mut place) {
                true => Ok((place.to_vec(), Row { revision, mac, document: text("document")?.into() })),
                false => Err("a root slot is malformed"),
            }
        };
        let slots = fields.list("roots")?;
        if slots.is_empty() || slots.len() > ROOTS_LIMIT {
            return Err("it has no root slots, or too many");
        }
        Ok(Header {
            store_id: fields.bytes("store_id")?,
            incarnation: fields.bytes("incarnation")?,
            epoch: fields.number("epoch")?,
            salt: fields.bytes("salt")?,
            slots: slots.into_iter().map(slot).collect::<std::result::Result<_, _>>()?,
        })
    }
}

/// The key of one file: from the store secret, the file's salt, and everything that stands before the encrypted part.
fn file_key(secret: &StoreSecret, header: &Header, head: &[u8]) -> Result<Key32> {
    let mut hash = [0; 32];
    sha256_into(&[head], &mut hash);
    let info = [&b"keyfold/backup/1"[..], &hash].concat();
    Key32::new_with(OnFork::Wipe, |out| {
        hkdf_sha256(&header.salt, secret.secret.expose(), &info, out);
        Ok(())
    })
}

/// Chunks are numbered from 0; the number is the nonce. The last is shorter than the others, be it empty.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

pub(super) struct Writer {
    out: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    key: Key32,
    waiting: Vec<u8>,
    number: u64,
    pub(super) written: u64,
}

impl Taker for Writer {
    fn row(&mut self, table: Table, place: &[u8], row: &Row) -> Result<()> {
        let document = row.document.as_bytes();
        for part in [
            &[table as u8][..],
            &(place.len() as u16).to_be_bytes(),
            place,
            &row.revision.to_be_bytes(),
            &row.mac,
            &(document.len() as u32).to_be_bytes(),
            document,
        ] {
            self.waiting.extend_from_slice(part);
        }
        self.full_chunks()
    }

    fn event(&mut self, event: &EventRow) -> Result<()> {
        let text = event.event.as_bytes();
        for part in
            [&[EVENT][..], &event.seq.to_be_bytes(), &event.mac, &(text.len() as u32).to_be_bytes(), text]
        {
            self.waiting.extend_from_slice(part);
        }
        self.full_chunks()
    }
}

impl Writer {
    /// FILE_EXISTS where there is something already.
    pub(super) fn create(path: &Path, secret: &StoreSecret, header: &Header) -> Result<Writer> {
        if path.symlink_metadata().is_ok() {
            return Err(Error::FileExists { path: path.to_string_lossy().into() });
        }
        let mut random = [0; 8];
        fill_random(&mut random)?;
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".partial-{}", hex(&random)));
        let temporary = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(&temporary)
            .map_err(|error| Error::io("making", &temporary, &error))?;
        let head = header.write();
        let mut writer = Writer {
            out: BufWriter::new(file),
            temporary,
            path: path.to_owned(),
            key: file_key(secret, header, &head)?,
            waiting: Vec::with_capacity(CHUNK * 2),
            number: 0,
            written: 0,
        };
        writer.put(&head)?;
        Ok(writer)
    }

    /// The last chunk; then the file gets its name, when it is whole and on disk. The size of it.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.full_chunks()?;
        let last = std::mem::take(&mut self.waiting);
        self.chunk(&last)?;
        let failed = |error: std::io::Error| Error::io("writing", &self.path, &error);
        self.out.flush().and_then(|()| self.out.get_ref().sync_all()).map_err(failed)?;
        // A name that somebody took meanwhile stays theirs.
        fs::hard_link(&self.temporary, &self.path).map_err(failed)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(self.written)
    }

    fn full_chunks(&mut self) -> Result<()> {
        while self.waiting.len() >= CHUNK {
            let rest = self.waiting.split_off(CHUNK);
            let full = std::mem::replace(&mut self.waiting, rest);
            self.chunk(&full)?;
        }
        Ok(())
    }

    fn chunk(&mut self, plain: &[u8]) -> Result<()> {
        let mut sealed = vec![0; plain.len() + TAG];
        with_lane(|lane| {
            lane.payload.set(self.key.expose());
            lane.payload.seal(&nonce(self.number), &[], plain, &mut sealed);
            Ok(())
        })?;
        self.number += 1;
        self.put(&sealed)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|error| Error::io("writing", &self.path, &error))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Either it has its own name by now, or it never will.
        let _ = fs::remove_file(&self.temporary);
    }
}

const EVENT: u8 = 0xff;

pub(super) struct Reader {
    input: BufReader<File>,
    path: PathBuf,
    head: Vec<u8>,
    pub(super) header: Header,
    pub(super) size: u64,
    key: Option<Key32>,
    plain: Vec<u8>,
    at: usize,
    number: u64,
    over: bool,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Reader> {
        let failed = |error: std::io::Error| Error::io("reading", path, &error);
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let mut input = BufReader::new(file);
        let mut start = [0; 8];
        input.read_exact(&mut start).map_err(|_| invalid(path, "it is not a backup"))?;
        let [a, b, c, d, length @ ..] = start;
        if [a, b, c, d] != MAGIC {
            let later = [a, b, c] == MAGIC[..3];
            return Err(invalid(path, if later { "it is of a later release" } else { "it is not a backup" }));
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > HEADER_LIMIT {
            return Err(invalid(path, "its header is too long"));
        }
        let mut text = vec![0; length];
        input.read_exact(&mut text).map_err(|_| invalid(path, "it ends in its header"))?;
        let head = [&start[..], &text].concat();
        let text = String::from_utf8(text).map_err(|_| invalid(path, "its header is malformed"))?;
        let header = Header::read(&text).map_err(|why| invalid(path, why))?;
        Ok(Reader {
            input,
            path: path.to_owned(),
            head,
            header,
            size,
            key: None,
            plain: Vec::new(),
            at: 0,
            number: 0,
            over: false,
        })
    }

    pub(super) fn unlock(&mut self, secret: &StoreSecret) -> Result<()> {
        self.key = Some(file_key(secret, &self.header, &self.head)?);
        Ok(())
    }

    /// The next record; `None` at the end, which is proved.
    pub(super) fn next(&mut self) -> Result<Option<Record>> {
        if self.at == self.plain.len() && !self.refill(1)? {
            return Ok(None);
        }
        let kind = self.take(1)?[0];
        if kind == EVENT {
            let seq = u64::from_be_bytes(self.array()?);
            let mac = self.array()?;
            return Ok(Some(Record::Event(EventRow { seq, mac, event: self.text()? })));
        }
        let table = Table::ALL.into_iter().find(|table| *table as u8 == kind);
        let table = table.ok_or_else(|| self.invalid("it holds rows of a later release"))?;
        let length = usize::from(u16::from_be_bytes(self.array()?));
        let place = self.take(length)?.to_vec();
        let revision = u64::from_be_bytes(self.array()?);
        let mac = self.array()?;
        let document = self.text()?;
        Ok(Some(Record::Row(table, place, Row { revision, mac, document })))
    }

    fn text(&mut self) -> Result<String> {
        let length = u32::from_be_bytes(self.array()?) as usize;
        if length > ROW_LIMIT {
            return Err(self.invalid("a row is too long"));
        }
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| self.invalid("a row is malformed"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn take(&mut self, length: usize) -> Result<&[u8]> {
        if self.plain.len() - self.at < length && !self.refill(length)? {
            return Err(self.invalid("it ends within a row"));
        }
        let from = self.at;
        self.at += length;
        Ok(&self.plain[from..from + length])
    }

    /// Opens chunks until so many bytes are there. Nothing of a chunk is used before its tag has verified.
    fn refill(&mut self, length: usize) -> Result<bool> {
        self.plain.drain(..self.at);
        self.at = 0;
        while self.plain.len() < length {
            if self.over {
                return Ok(false);
            }
            let mut sealed = Vec::with_capacity(CHUNK + TAG);
            let read = (&mut self.input).take((CHUNK + TAG) as u64).read_to_end(&mut sealed);
            read.map_err(|error| Error::io("reading", &self.path, &error))?;
            let broken = self.invalid("it was changed, is cut off, or is of another store");
            let (Some(size), Some(key)) = (sealed.len().checked_sub(TAG), &self.key) else {
                return Err(broken);
            };
            let from = self.plain.len();
            self.plain.resize(from + size, 0);
            let (number, out) = (self.number, &mut self.plain[from..]);
            with_lane(|lane| {
                lane.payload.set(key.expose());
                Ok(lane.payload.open(&nonce(number), &[], &sealed, out))
            })?
            .map_err(|_| broken)?;
            self.number += 1;
            self.over = size < CHUNK;
        }
        Ok(true)
    }

    fn invalid(&self, why: &str) -> Error {
        invalid(&self.path, why)
    }
}

fn invalid(path: &Path, why: &str) -> Error {
    Error::BackupInvalid { what: format!("{}: {why}", path.to_string_lossy()).into() }
}
