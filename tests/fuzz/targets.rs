//! What is given hostile bytes, and what must be true of the answer. The random search (`fuzz.rs`) and the
//! replay of the corpus (`tests/fuzz_corpus.rs`) both run these.

use std::cell::OnceCell;
use std::io::Read;

use keyfold::Result;
use keyfold::envelope::{
    self, Allowed, AllowedKeys, Context, DecryptOptions, Decryptor, EncryptOptions, Pull, ReadAt, Reader,
    Source, StoredContext, Work,
};
use keyfold::keystore::{CreateKey, Key, KeyName, Location, Store};

/// A target by name.
pub type Target = fn(&[u8]);

/// All of them. The names are those of the folders of the corpus.
pub const TARGETS: &[(&str, Target)] = &[("head", head), ("cells", cells), ("chunks", chunks)];

/// What a changed envelope must never open to anything but.
pub const MESSAGE: &[u8] = b"what a changed envelope must never open to, and what an unchanged one does";

/// A plaintext chunk, and one as it lies in a payload.
const CHUNK: usize = 16_384;
const SEALED: usize = CHUNK + 16;

/// A store with two keys, and envelopes under them: made once a thread.
pub struct Ground {
    store: Store,
    keys: Vec<Key>,
    /// Heads of several kinds before a short message.
    short: Vec<Vec<u8>>,
    /// Three chunks and a part of one, and what they hold.
    long: Vec<u8>,
    message: Vec<u8>,
}

thread_local! {
    static GROUND: OnceCell<Ground> = const { OnceCell::new() };
}

/// Runs `f` on this thread's ground.
pub fn on_ground<R>(f: impl FnOnce(&Ground) -> R) -> R {
    GROUND.with(|ground| f(ground.get_or_init(|| Ground::new().expect("a store in memory"))))
}

impl Ground {
    fn new() -> Result<Ground> {
        let store = Store::in_memory()?;
        let mut keys = Vec::new();
        for name in ["cards", "invoices"] {
            store.create_key(&CreateKey { alias: Some(name.parse()?), ..Default::default() })?;
            keys.push(store.key(&name.parse()?)?);
        }
        let both: Vec<&Key> = keys.iter().collect();
        let packed = Context::pack(&[("tenant", "acme"), ("table", "cards")])?;
        let row = Context::unpack(&packed)?;
        let mut short = Vec::new();
        for (context, stored) in [
            (&Context::EMPTY, StoredContext::None),
            (&row, StoredContext::Names),
            (&row, StoredContext::All),
            (&row, StoredContext::ValuesOf(&["table"])),
        ] {
            for (keys, free_cells) in [(&both[..1], 0), (&both[..], 1)] {
                short.push(seal(keys, MESSAGE, context, &stored, free_cells)?);
            }
        }
        let message: Vec<u8> = (0..3 * CHUNK + 1000).map(|i| (i / 7) as u8 ^ (i / CHUNK) as u8).collect();
        let long = seal(&both[..1], &message, &Context::EMPTY, &StoredContext::None, 0)?;
        Ok(Ground { store, keys, short, long, message })
    }

    /// Inputs for the searches to begin with.
    pub fn seeds(&self, target: &str) -> Result<Vec<Vec<u8>>> {
        let mut seeds = Vec::new();
        match target {
            "head" => {
                seeds.extend(self.short.iter().cloned());
                let both: Vec<&Key> = self.keys.iter().collect();
                for keys in [&both[..1], &both[..]] {
                    let mut blob = vec![0; envelope::data_key_blob_size(32, keys.len(), 0)?];
                    envelope::generate_data_key(
                        keys,
                        32,
                        &Context::EMPTY,
                        &StoredContext::None,
                        None,
                        &mut blob,
                    )?;
                    seeds.push(blob);
                }
                seeds.push(self.store.export_key(&"cards".parse()?, &"invoices".parse()?)?);
                seeds.push(Context::pack(&[("tenant", "acme"), ("table", "cards")])?);
                seeds.extend([
                    b"alias/cards".to_vec(),
                    b"sqlite:///a/b.db?fingerprint=00".to_vec(),
                    vec![0, 0],
                ]);
            }
            "cells" => {
                for (which, sealed) in self.short.iter().enumerate() {
                    let (from, to) = cell_area(sealed);
                    seeds.push([&[which as u8], &sealed[from..to]].concat());
                }
            }
            _ => {
                let edits: [&[u8]; 8] = [
                    &[],
                    &[0, 1],
                    &[1, 0, 2],
                    &[2, 0, 1],
                    &[3, 200, 1],
                    &[4, 3, 3, 3],
                    &[5, 9, 64],
                    &[1, 3, 1, 0, 3, 1],
                ];
                seeds.extend(edits.map(<[u8]>::to_vec));
            }
        }
        Ok(seeds)
    }
}

fn seal(
    keys: &[&Key],
    message: &[u8],
    context: &Context<'_>,
    stored: &StoredContext<'_>,
    free: u8,
) -> Result<Vec<u8>> {
    let options = EncryptOptions { free_cells: free, ..Default::default() };
    let mut sealed =
        vec![0; envelope::encrypted_size(message.len(), keys.len(), stored.size(context)?, &options)?];
    envelope::encrypt_into(keys, message, context, stored, &options, &mut sealed)?;
    Ok(sealed)
}

/// Where the cells of an envelope lie, from the fields of its fixed part (FORMAT.md section 3).
fn cell_area(sealed: &[u8]) -> (usize, usize) {
    let field = |at: usize| usize::from(u16::from_be_bytes([sealed[at], sealed[at + 1]]));
    let from = 44 + field(8);
    (from, from + field(6))
}

/// Everything that reads bytes from outside, on the bytes as they are.
pub fn head(data: &[u8]) {
    on_ground(|ground| {
        let _ = envelope::inspect(data, Some(data.len() as u64));
        let _ = envelope::head_len(data);
        let _ = envelope::data_key_size(data);
        let _ = envelope::ciphertext_range(data, data.len() as u64, 0, u64::MAX);
        let _ = ground.store.import_key(data);
        open(ground, data);
        if let Ok(context) = Context::unpack(data) {
            let pairs: Vec<_> = context.pairs().collect();
            let again = Context::pack(&pairs).expect("pairs of a canonical context pack");
            assert!(data.is_empty() || again == data, "two encodings of one context");
        }
        if let Ok(text) = std::str::from_utf8(data) {
            let _ = text.parse::<KeyName>();
            let _ = text.parse::<Location>();
        }
    });
}

/// The cells of a true envelope, which the first byte chooses, with the rest of the bytes in their place.
pub fn cells(data: &[u8]) {
    let Some((&which, area)) = data.split_first() else { return };
    on_ground(|ground| {
        let sealed = &ground.short[usize::from(which) % ground.short.len()];
        let (from, to) = cell_area(sealed);
        let area = &area[..area.len().min(usize::from(u16::MAX))];
        let mut changed = [&sealed[..from], area, &sealed[to..]].concat();
        changed[6..8].copy_from_slice(&(area.len() as u16).to_be_bytes());
        open(ground, &changed);
    });
}

/// Opens bytes in every way there is; only what was sealed may come out.
fn open(ground: &Ground, data: &[u8]) {
    let options = DecryptOptions { accept_stored_context: true, ..Default::default() };
    let mut out = vec![0; 1 << 16];
    for allowed in [Allowed::AnyKeyOf(&ground.store), Allowed::Keys(&[&ground.keys[0]])] {
        if envelope::decrypted_size(data).is_ok_and(|size| size <= out.len()) {
            let opened = envelope::decrypt_into(allowed, data, &Context::EMPTY, &options, &mut out);
            assert!(opened.is_err() || out.starts_with(MESSAGE), "opened to something else");
        }
        let _ = envelope::decrypt_data_key_into(allowed, data, &Context::EMPTY, &options, &mut [0; 32]);
        let _ = envelope::authenticated_context(allowed, data, &Context::EMPTY, &options);
        let _ = envelope::rewrap(allowed, &mut data.to_vec(), None);
    }
    let _ = envelope::explain(Ok(&ground.store), None, data, None, &Context::EMPTY);
}

/// The chunks of a true envelope, changed as the bytes say, through push, pull and random access: what comes out is always the
/// front of the message, and the whole of it only where nothing was changed.
pub fn chunks(data: &[u8]) {
    on_ground(|ground| {
        let changed = edit(&ground.long, data);
        let whole = changed == ground.long;
        for out in [push(ground, &changed, data), pull(ground, &changed)] {
            let (out, finished) = out;
            assert!(ground.message.starts_with(&out), "what was released is not the front of the message");
            assert_eq!(finished, whole, "a changed envelope was finished, or a whole one was not");
            assert!(!finished || out == ground.message);
        }
        at_random(ground, changed, whole, data);
    });
}

/// The head as it is, and behind it the chunks dropped, doubled, swapped, cut, changed and appended to.
fn edit(sealed: &[u8], script: &[u8]) -> Vec<u8> {
    let (_, from) = cell_area(sealed);
    let mut chunks: Vec<Vec<u8>> = sealed[from..].chunks(SEALED).map(<[u8]>::to_vec).collect();
    for step in script.chunks_exact(3).take(32) {
        let n = chunks.len();
        let at = usize::from(step[1]) % n.max(1);
        let other = usize::from(step[2]);
        match step[0] % 6 {
            0 if n > 0 => drop(chunks.remove(at)),
            1 if n > 0 && n < 8 => chunks.insert(other % (n + 1), chunks[at].clone()),
            2 if n > 0 => chunks.swap(at, other % n),
            3 if n > 0 => {
                let len = chunks[at].len();
                chunks[at].truncate(len.saturating_sub(other + 1));
            }
            4 if n > 0 && !chunks[at].is_empty() => {
                let len = chunks[at].len();
                chunks[at][other * 67 % len] ^= 1 << (step[1] >> 5);
            }
            5 => chunks.push(vec![step[1]; other]),
            _ => {}
        }
    }
    let mut changed = sealed[..from].to_vec();
    chunks.iter().for_each(|chunk| changed.extend_from_slice(chunk));
    changed
}

fn allowed(ground: &Ground) -> AllowedKeys {
    AllowedKeys::Keys(vec![ground.keys[0].clone()])
}

fn decryptor(ground: &Ground) -> Decryptor {
    Decryptor::new(allowed(ground), &Context::EMPTY, &DecryptOptions::default()).expect("a key")
}

/// Pushes it in pieces whose sizes the script gives.
fn push(ground: &Ground, sealed: &[u8], script: &[u8]) -> (Vec<u8>, bool) {
    let (mut stream, mut out, mut rest) = (decryptor(ground), Vec::new(), sealed);
    let mut sizes = script.iter().chain(std::iter::repeat(&255)).map(|&byte| 1 + usize::from(byte) * 150);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(sizes.next().unwrap_or(1)));
        rest = after;
        let mut room = vec![0; stream.update_size(piece.len())];
        match stream.update(piece, &mut room, &Work::default()) {
            Ok(written) => out.extend_from_slice(&room[..written]),
            Err(_) => return (out, false),
        }
    }
    let mut room = vec![0; stream.finish_size()];
    match stream.finish(&mut room) {
        Ok(written) => out.extend_from_slice(&room[..written]),
        Err(_) => return (out, false),
    }
    (out, true)
}

/// Reads it through a source.
fn pull(ground: &Ground, sealed: &[u8]) -> (Vec<u8>, bool) {
    struct Bytes<'a>(&'a [u8]);
    impl Source for Bytes<'_> {
        fn read(&mut self, into: &mut [u8]) -> Result<usize> {
            Ok(self.0.read(into).expect("reading from memory"))
        }
    }
    let mut stream = Pull::decrypting(decryptor(ground), Bytes(sealed));
    let (mut out, mut room) = (Vec::new(), vec![0; 10_000]);
    loop {
        match stream.read(&mut room, &Work::default()) {
            Ok(0) => return (out, true),
            Ok(read) => out.extend_from_slice(&room[..read]),
            Err(_) => return (out, false),
        }
    }
}

/// Reads ranges that the script gives; each is right or refused.
fn at_random(ground: &Ground, sealed: Vec<u8>, whole: bool, script: &[u8]) {
    struct Bytes(Vec<u8>);
    impl ReadAt for Bytes {
        fn size(&self) -> Result<u64> {
            Ok(self.0.len() as u64)
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
            let len = into.len().min(self.0.len() - from);
            into[..len].copy_from_slice(&self.0[from..from + len]);
            Ok(len)
        }
    }
    let source = Box::new(Bytes(sealed));
    let Ok(reader) = Reader::open(&allowed(ground), source, &Context::EMPTY, &DecryptOptions::default())
    else {
        assert!(!whole, "a whole envelope was not opened");
        return;
    };
    match reader.len() {
        Ok(len) => assert_eq!(len, ground.message.len() as u64, "a length that was not authenticated"),
        Err(_) => assert!(!whole),
    }
    for step in script.chunks_exact(3).take(16) {
        let offset = usize::from(u16::from_be_bytes([step[0], step[1]]));
        let mut room = vec![0; usize::from(step[2]) * 100];
        match reader.pread(offset as u64, &mut room, &Work::default()) {
            Ok(read) => {
                let from = offset.min(ground.message.len());
                let to = (from + room.len()).min(ground.message.len());
                assert_eq!(room[..read], ground.message[from..to], "a range that was not the message's");
            }
            Err(_) => assert!(!whole),
        }
    }
}
