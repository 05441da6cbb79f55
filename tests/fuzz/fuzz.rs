//! A bounded search for bytes that make a parser panic, hang, or accept what was changed.
//!
//!     fuzz SECONDS [SEED]
//!
//! Mutates envelopes, data key blobs, exported keys and contexts, by bits, cuts, splices and the numbers that lengths like to be,
//! and gives them to everything that reads bytes from outside. A panic ends the program with the seed and the input; so does a
//! changed envelope that opens, unless only what is not bound was changed (a free cell, a further cell).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use keyfold::envelope::{self, Allowed, Context, DecryptOptions, EncryptOptions, StoredContext};
use keyfold::keystore::{CreateKey, Key, KeyName, Location, Store};

const MESSAGE: &[u8] = b"what a changed envelope must never open to, and what an unchanged one does";

/// A small generator of its own, so that a seed repeats a run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Changes some bytes; sometimes the length.
fn mutate(random: &mut Random, corpus: &[Vec<u8>], data: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        // Heads are where the fields are; most changes go there.
        let near = if random.below(3) == 0 { data.len() } else { data.len().min(200) };
        let at = random.below(near);
        match random.below(8) {
            0 | 1 if !data.is_empty() => data[at] ^= 1 << random.below(8),
            2 if !data.is_empty() => data[at] = random.next() as u8,
            3 if data.len() >= at + 2 => {
                let numbers = [0u16, 1, 3, 4, 7, 88, 104, 105, 256, 8192, 32_768, 32_769, 0x7FFF, 0xFFFF];
                data[at..at + 2].copy_from_slice(&numbers[random.below(numbers.len())].to_be_bytes());
            }
            4 => data.truncate(at),
            5 => {
                let extra = random.below(64);
                data.extend((0..extra).map(|i| i as u8));
            }
            6 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len());
                let piece = &other[from..(from + random.below(128)).min(other.len())];
                let end = (at + piece.len()).min(data.len());
                data.splice(at.min(end)..end, piece.iter().copied());
            }
            _ if !data.is_empty() => {
                let end = (at + random.below(32)).min(data.len());
                let cut: Vec<u8> = data.drain(at..end).collect();
                let to = random.below(data.len());
                data.splice(to..to, cut);
            }
            _ => {}
        }
    }
}

/// Everything that reads bytes from outside.
fn feed(store: &Store, key: &Key, data: &[u8], out: &mut [u8]) {
    let options = DecryptOptions { accept_stored_context: true, ..Default::default() };
    let _ = envelope::inspect(data, Some(data.len() as u64));
    let _ = envelope::data_key_size(data);
    for allowed in [Allowed::AnyKeyOf(store), Allowed::Keys(&[key])] {
        if envelope::decrypted_size(data).is_ok_and(|size| size <= out.len()) {
            let opened = envelope::decrypt_into(allowed, data, &Context::EMPTY, &options, out);
            assert!(opened.is_err() || out.starts_with(MESSAGE), "opened to something else");
        }
        let _ = envelope::decrypt_data_key_into(allowed, data, &Context::EMPTY, &options, &mut [0; 32]);
        let _ = envelope::authenticated_context(allowed, data, &Context::EMPTY, &options);
        let _ = envelope::rewrap(allowed, &mut data.to_vec(), None);
    }
    let _ = envelope::explain(Ok(store), None, data, None, &Context::EMPTY);
    let _ = store.import_key(data);
    if let Ok(context) = Context::unpack(data) {
        let pairs: Vec<_> = context.pairs().collect();
        let again = Context::pack(&pairs).expect("pairs of a canonical context pack");
        assert!(data.is_empty() || again == data, "two encodings of one context");
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = text.parse::<KeyName>();
        let _ = text.parse::<Location>();
    }
}

fn corpus(keys: &[&Key], store: &Store) -> keyfold::Result<Vec<Vec<u8>>> {
    let packed = Context::pack(&[("tenant", "acme"), ("table", "cards")])?;
    let row = Context::unpack(&packed)?;
    let mut corpus = vec![
        packed.clone(),
        vec![0, 0],
        b"alias/cards".to_vec(),
        b"sqlite:///a/b.db?fingerprint=00".to_vec(),
    ];
    for stored in
        [StoredContext::None, StoredContext::Names, StoredContext::All, StoredContext::ValuesOf(&["table"])]
    {
        for (keys, free_cells) in [(&keys[..1], 0), (keys, 1)] {
            let options = EncryptOptions { free_cells, ..Default::default() };
            let size = envelope::encrypted_size(MESSAGE.len(), keys.len(), stored.size(&row)?, &options)?;
            let mut sealed = vec![0; size];
            envelope::encrypt_into(keys, MESSAGE, &row, &stored, &options, &mut sealed)?;
            corpus.push(sealed);
            let mut blob = vec![0; envelope::data_key_blob_size(32, keys.len(), stored.size(&row)?)?];
            envelope::generate_data_key(keys, 32, &row, &stored, None, &mut blob)?;
            corpus.push(blob);
        }
    }
    let options = EncryptOptions::default();
    let mut sealed = vec![0; envelope::encrypted_size(MESSAGE.len(), 1, 0, &options)?];
    envelope::encrypt_into(
        &keys[..1],
        MESSAGE,
        &Context::EMPTY,
        &StoredContext::None,
        &options,
        &mut sealed,
    )?;
    corpus.push(sealed);
    corpus.push(store.export_key(&"cards".parse()?, &"invoices".parse()?)?);
    Ok(corpus)
}

fn main() -> keyfold::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let clock =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_nanos() as u64);
    let seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(clock);

    let store = Store::in_memory()?;
    let mut keys = Vec::new();
    for name in ["cards", "invoices"] {
        store.create_key(&CreateKey { alias: Some(name.parse()?), ..Default::default() })?;
        keys.push(store.key(&name.parse()?)?);
    }
    let corpus = corpus(&keys.iter().collect::<Vec<_>>(), &store)?;
    let (mut random, mut out, mut inputs) = (Random(seed), vec![0; 1 << 16], 0u64);
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        let mut data = corpus[random.below(corpus.len())].clone();
        mutate(&mut random, &corpus, &mut data);
        let start = Instant::now();
        let fed = catch_unwind(AssertUnwindSafe(|| feed(&store, &keys[0], &data, &mut out)));
        if fed.is_err() || start.elapsed() > Duration::from_secs(10) {
            let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("seed {seed}, input {inputs}: {hex}");
            std::process::exit(1);
        }
        inputs += 1;
    }
    println!(
        "fuzz: {inputs} inputs in {seconds} s from seed {seed}: nothing panicked, nothing changed opened"
    );
    Ok(())
}
