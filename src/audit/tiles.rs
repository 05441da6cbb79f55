//! The trail for others: C2SP tlog-tiles in a folder, and the verification of what was exported, without the store.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::note::{Checkpoint, SignedCheckpoint, VerifierKey, parse_text};
use super::tree::{Hash, RightEdge, leaf_hash};
use super::verify::{BadEntry, Log, TrailReport, verify};
use crate::error::{Error, Result};

/// Hashes of a whole tile, entries of a whole bundle.
const WIDTH: u64 = 256;
const LEVELS: usize = 8;
/// Files written before they are made durable together.
const SYNC_EVERY: usize = 512;

/// Writes `checkpoint`, `tile/…` and `tile/entries/…` under a folder; goes on where an earlier export ended. `note` is
/// the signed checkpoint to export up to. Answers the number of entries in the folder.
///
/// # Errors
/// IO. TRAIL_INVALID: the log's entries, or what an earlier export left there, are not what the checkpoint says; then
/// the folder's own checkpoint stays as it was.
pub(crate) fn export_tiles(log: &mut dyn Log, note: &str, folder: &Path) -> Result<u64> {
    let checkpoint = parse_text_of(note)?;
    let mut files = Files { folder, written: Vec::new() };
    let mut tiles = files.resume(&checkpoint)?.unwrap_or_default();
    while tiles.edge.size() < checkpoint.size {
        let from = tiles.edge.size();
        let limit = (checkpoint.size - from).min(WIDTH * 8) as usize;
        let batch = log.entries(from, limit)?;
        if batch.is_empty() || batch.len() > limit {
            return Err(invalid(format!("the trail ends at entry {from}, before the checkpoint")));
        }
        for (seq, entry) in batch {
            if seq != tiles.edge.size() {
                return Err(invalid(format!("entry {} is not there", tiles.edge.size())));
            }
            tiles.push(&entry, &mut |file| files.write(&file))?;
        }
    }
    if tiles.edge.root() != checkpoint.root {
        return Err(invalid("the entries are not those that the checkpoint was signed for".into()));
    }
    tiles.end(&mut |file| files.write(&file))?;
    files.sync()?;
    files.replace(Path::new("checkpoint"), note.as_bytes())?;
    files.sync()?;
    Ok(checkpoint.size)
}

/// Verifies an exported folder.
///
/// # Errors
/// IO; what is wrong with the trail stands in the report.
pub fn verify_tiles(folder: &Path, key: &VerifierKey) -> Result<TrailReport> {
    let note = read_bounded(&folder.join("checkpoint"), 64 << 10)?
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| invalid("there is no checkpoint in the folder".into()))?;
    let signed = SignedCheckpoint { note, edge: None };
    let checkpoint = signed.claimed_size().map_or_else(|| parse_text_of(""), |_| parse_text_of(&signed.note));
    let Ok(checkpoint) = checkpoint else {
        let detail = "the folder's checkpoint cannot be read".into();
        let first_bad = Some(BadEntry { seq: 0, kind: "bad checkpoint", detail });
        return Ok(TrailReport { first_bad, ..TrailReport::default() });
    };
    let mut log = TileLog::new(folder, signed, checkpoint)?;
    let mut report = verify(&mut log, key, None, &mut |_, _| ())?;
    if report.first_bad.is_none()
        && let Some((tile, seq)) = log.first_bad_tile()?
    {
        let detail = format!("{} does not agree with the entries", tile.display());
        report.first_bad = Some(BadEntry { seq, kind: "bad tile", detail });
        report.ok = false;
    }
    Ok(report)
}

fn invalid(what: String) -> Error {
    Error::TrailInvalid { what: what.into() }
}

/// Unverified: who exports has just signed it, who verifies comes to its signature in `verify`.
fn parse_text_of(note: &str) -> Result<Checkpoint> {
    let (text, _) = note.rsplit_once("\n\n").ok_or_else(|| invalid("not a signed note".into()))?;
    parse_text(&note[..text.len() + 1])
}

/// A file of an export: its place in the folder, and its bytes.
struct TileFile {
    path: PathBuf,
    bytes: Vec<u8>,
    /// The first entry under it.
    first: u64,
}

/// The tiles of a growing log: what is in the unfinished one of each level, and the right edge.
#[derive(Default)]
struct Tiles {
    edge: RightEdge,
    /// Hashes of the tile under way, by level.
    levels: [Vec<Hash>; LEVELS],
    /// The bundle under way.
    entries: Vec<u8>,
}

type Emit<'a> = dyn FnMut(TileFile) -> Result<()> + 'a;

impl Tiles {
    fn push(&mut self, entry: &str, emit: &mut Emit<'_>) -> Result<()> {
        let size = u16::try_from(entry.len())
            .map_err(|_| Error::Internal { what: "an event too long for a tile" })?;
        self.entries.extend_from_slice(&size.to_be_bytes());
        self.entries.extend_from_slice(entry.as_bytes());
        self.push_leaf(leaf_hash(entry.as_bytes()), emit)
    }

    fn push_leaf(&mut self, leaf: Hash, emit: &mut Emit<'_>) -> Result<()> {
        let index = self.edge.size();
        self.edge.push(leaf);
        self.levels[0].push(leaf);
        if self.edge.size().is_multiple_of(WIDTH) {
            let bytes = std::mem::take(&mut self.entries);
            let first = index / WIDTH * WIDTH;
            emit(TileFile { path: entries_path(index / WIDTH, 0), bytes, first })?;
        }
        for level in 0..LEVELS - 1 {
            if self.levels[level].len() < WIDTH as usize {
                break;
            }
            let whole = std::mem::take(&mut self.levels[level]);
            emit(tile_file(level, index >> (8 * (level + 1)), &whole))?;
            let mut subtree = RightEdge::default();
            whole.iter().for_each(|hash| subtree.push(*hash));
            self.levels[level + 1].push(subtree.root());
        }
        Ok(())
    }

    /// The partial tiles of the present size.
    fn end(&mut self, emit: &mut Emit<'_>) -> Result<()> {
        let size = self.edge.size();
        let width = size % WIDTH;
        if width != 0 {
            let path = entries_path(size / WIDTH, width);
            emit(TileFile { path, bytes: self.entries.clone(), first: size - width })?;
        }
        for level in 0..LEVELS {
            let hashes = &self.levels[level];
            if !hashes.is_empty() {
                emit(tile_file(level, (size >> (8 * level)) / WIDTH, hashes))?;
            }
        }
        Ok(())
    }
}

fn tile_file(level: usize, number: u64, hashes: &[Hash]) -> TileFile {
    let path = tile_path(level, number, hashes.len() as u64 % WIDTH);
    TileFile { path, bytes: hashes.as_flattened().to_vec(), first: number << (8 * (level + 1)) }
}

/// `tile/L/N[.p/W]`; a width of 0 is a whole tile.
fn tile_path(level: usize, number: u64, width: u64) -> PathBuf {
    PathBuf::from(format!("tile/{level}/{}", numbered(number, width)))
}

fn entries_path(number: u64, width: u64) -> PathBuf {
    PathBuf::from(format!("tile/entries/{}", numbered(number, width)))
}

/// The number in groups of three digits, all but the last with an x before them: 1234067 is `x001/x234/067`.
fn numbered(number: u64, width: u64) -> String {
    let mut text = format!("{:03}", number % 1_000);
    let mut rest = number / 1_000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1_000);
        rest /= 1_000;
    }
    if width > 0 {
        text.push_str(&format!(".p/{width}"));
    }
    text
}

/// The folder that is written to.
struct Files<'a> {
    folder: &'a Path,
    /// Written, and not durable yet.
    written: Vec<PathBuf>,
}

impl Files<'_> {
    fn write(&mut self, file: &TileFile) -> Result<()> {
        self.replace(&file.path, &file.bytes)?;
        if self.written.len() >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    /// Under its name the file is whole or not there.
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(path);
        let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
        let written = (|| {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            // The checkpoint speaks of all other files, which are durable by then; it must not become so before it is whole.
            if path.ends_with("checkpoint") {
                file.sync_all()?;
            }
            fs::rename(&temporary, &path)
        })();
        written.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            io_error("writing", &path, &error)
        })?;
        self.written.push(path);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        for path in self.written.drain(..) {
            let synced = File::open(&path).and_then(|file| file.sync_all()).and_then(|()| {
                path.ancestors()
                    .skip(1)
                    .take_while(|folder| folder.starts_with(self.folder))
                    .try_for_each(|folder| File::open(folder)?.sync_all())
            });
            synced.map_err(|error| io_error("writing", &path, &error))?;
        }
        Ok(())
    }

    /// The state that an earlier export ended in; `None` to begin anew: there is no earlier one, or its tiles are not
    /// what its checkpoint says.
    fn resume(&self, to: &Checkpoint) -> Result<Option<Tiles>> {
        let note = read_bounded(&self.folder.join("checkpoint"), 64 << 10)?
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(was) = note.and_then(|note| parse_text_of(&note).ok()) else { return Ok(None) };
        if was.origin != to.origin {
            return Err(invalid(format!("the folder holds the trail of {}", was.origin)));
        }
        if was.size > to.size {
            return Err(invalid(format!("the folder holds {} entries, more than the trail has", was.size)));
        }
        let mut tiles = Tiles::default();
        let mut nodes = Vec::new();
        for level in 0..LEVELS {
            let count = (was.size >> (8 * level)) % WIDTH;
            let number = (was.size >> (8 * level)) / WIDTH;
            if count > 0 {
                let Some(hashes) = read_tile(self.folder, level, number, count)? else { return Ok(None) };
                tiles.levels[level] = hashes;
            }
        }
        // The right edge is made of complete subtrees of the unfinished tiles, the highest level first.
        for level in (0..LEVELS).rev() {
            let mut edge = RightEdge::default();
            tiles.levels[level].iter().for_each(|hash| edge.push(*hash));
            nodes.extend_from_slice(edge.nodes());
        }
        let Some(edge) = RightEdge::from_parts(was.size, nodes) else { return Ok(None) };
        if edge.root() != was.root {
            return Ok(None);
        }
        tiles.edge = edge;
        if !was.size.is_multiple_of(WIDTH) {
            let path = self.folder.join(entries_path(was.size / WIDTH, was.size % WIDTH));
            let Some(bundle) = read_bundle(&path)? else { return Ok(None) };
            let leaves = bundle.iter().map(|entry| leaf_hash(entry));
            if !leaves.eq(tiles.levels[0].iter().copied()) {
                return Ok(None);
            }
            for entry in bundle {
                tiles.entries.extend_from_slice(&(entry.len() as u16).to_be_bytes());
                tiles.entries.extend_from_slice(&entry);
            }
        }
        Ok(Some(tiles))
    }
}

/// An exported folder, as a log.
struct TileLog<'a> {
    folder: &'a Path,
    signed: SignedCheckpoint,
    checkpoint: Checkpoint,
    /// The leaf hashes that the tiles of level 0 tell have the checkpoint's root.
    tiles_true: bool,
    /// The tile of level 0 read last.
    tile: Option<(u64, Vec<Hash>)>,
    /// What the entries' own tiles would be, compared with those there.
    tiles: Tiles,
    bad_tile: Option<(PathBuf, u64)>,
}

impl<'a> TileLog<'a> {
    fn new(folder: &'a Path, signed: SignedCheckpoint, checkpoint: Checkpoint) -> Result<TileLog<'a>> {
        let (tile, tiles, bad_tile) = (None, Tiles::default(), None);
        let mut log = TileLog { folder, signed, checkpoint, tiles_true: false, tile, tiles, bad_tile };
        let mut edge = RightEdge::default();
        while edge.size() < log.checkpoint.size {
            match log.hash(edge.size())? {
                Some(hash) => edge.push(hash),
                None => break,
            }
        }
        log.tiles_true = edge.size() == log.checkpoint.size && edge.root() == log.checkpoint.root;
        Ok(log)
    }

    fn width(&self, number: u64) -> u64 {
        (self.checkpoint.size - number * WIDTH).min(WIDTH)
    }

    fn hash(&mut self, seq: u64) -> Result<Option<Hash>> {
        let number = seq / WIDTH;
        if self.tile.as_ref().is_none_or(|(held, _)| *held != number) {
            let hashes = read_tile(self.folder, 0, number, self.width(number))?;
            self.tile = Some((number, hashes.unwrap_or_default()));
        }
        Ok(self.tile.as_ref().and_then(|(_, hashes)| hashes.get((seq % WIDTH) as usize)).copied())
    }

    /// Called when all entries were good.
    fn first_bad_tile(mut self) -> Result<Option<(PathBuf, u64)>> {
        let (folder, bad) = (self.folder, &mut self.bad_tile);
        self.tiles.end(&mut |file| compare(folder, &file, bad))?;
        Ok(self.bad_tile)
    }
}

fn compare(folder: &Path, file: &TileFile, bad: &mut Option<(PathBuf, u64)>) -> Result<()> {
    let is_hashes = !file.path.starts_with("tile/entries");
    if bad.is_none() && is_hashes {
        let there = read_bounded(&folder.join(&file.path), WIDTH * 32)?;
        if there.as_ref() != Some(&file.bytes) {
            *bad = Some((file.path.clone(), file.first));
        }
    }
    Ok(())
}

impl Log for TileLog<'_> {
    fn entries(&mut self, from: u64, limit: usize) -> Result<Vec<(u64, String)>> {
        let mut found = Vec::new();
        let mut number = from / WIDTH;
        while number * WIDTH < self.checkpoint.size && found.len() < limit {
            let width = self.width(number);
            let path = self.folder.join(entries_path(number, width % WIDTH));
            let bundle = read_bundle(&path)?.unwrap_or_default();
            let places = number * WIDTH..number * WIDTH + width;
            for (seq, entry) in places.zip(bundle).filter(|(seq, _)| *seq >= from) {
                let entry = String::from_utf8(entry)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into());
                // What the entries make of the tiles is of interest only as long as every entry is there.
                if self.tiles.edge.size() == seq {
                    let (folder, bad) = (self.folder, &mut self.bad_tile);
                    self.tiles
                        .push_leaf(leaf_hash(entry.as_bytes()), &mut |file| compare(folder, &file, bad))?;
                }
                found.push((seq, entry));
            }
            number += 1;
        }
        Ok(found)
    }

    fn checkpoints(&mut self, after: Option<u64>, _limit: usize) -> Result<Vec<SignedCheckpoint>> {
        let due = after.is_none_or(|after| self.checkpoint.size > after);
        Ok(if due { vec![self.signed.clone()] } else { Vec::new() })
    }

    fn genuine(&mut self, seq: u64, leaf: &Hash) -> Result<Option<bool>> {
        Ok(self.true_leaf(seq)?.map(|hash| hash == *leaf))
    }

    fn true_leaf(&mut self, seq: u64) -> Result<Option<Hash>> {
        if self.tiles_true { self.hash(seq) } else { Ok(None) }
    }

    fn head(&mut self) -> Result<Option<(u64, Hash)>> {
        Ok(Some((self.checkpoint.size, self.checkpoint.root)))
    }
}

/// The hashes of a tile of so many, from its own file or from that of a wider one. `None`: none is there, or it is of
/// another size.
fn read_tile(folder: &Path, level: usize, number: u64, count: u64) -> Result<Option<Vec<Hash>>> {
    for path in [tile_path(level, number, count % WIDTH), tile_path(level, number, 0)] {
        if let Some(bytes) = read_bounded(&folder.join(path), WIDTH * 32)? {
            let hashes = bytes.as_chunks::<32>().0;
            let whole = hashes.len() * 32 == bytes.len() && hashes.len() as u64 >= count;
            return Ok(whole.then(|| hashes[..count as usize].to_vec()));
        }
    }
    Ok(None)
}

/// The entries of a bundle; a torn one gives those before the damage.
fn read_bundle(path: &Path) -> Result<Option<Vec<Vec<u8>>>> {
    let Some(bytes) = read_bounded(path, WIDTH * (2 + 65_535))? else { return Ok(None) };
    let (mut entries, mut rest) = (Vec::new(), bytes.as_slice());
    while let Some((size, after)) = rest.split_first_chunk::<2>() {
        let Some((entry, after)) = after.split_at_checked(u16::from_be_bytes(*size).into()) else { break };
        entries.push(entry.to_vec());
        rest = after;
    }
    Ok(Some(entries))
}

/// A file's bytes; `None` when it is not there or larger than it can be.
fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok((bytes.len() as u64 <= limit).then_some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(io_error("reading", path, &error)),
    }
}

fn io_error(doing: &'static str, path: &Path, error: &io::Error) -> Error {
    Error::Io { doing, path: path.display().to_string().into(), reason: error.to_string().into() }
}

#[cfg(test)]
#[path = "tiles_tests.rs"]
mod tests;
