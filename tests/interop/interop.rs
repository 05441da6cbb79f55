//! Rust's part in the matrix, over the crate's own interface. `interop.c` says how the list of commands looks.

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use keyfold::envelope::{
    self, Allowed, AllowedKeys, Context, DecryptOptions, Decryptor, EncryptOptions, Encryptor, FileAt,
    FileOptions, Reader, StoredContext, Work,
};
use keyfold::keystore::{Key, OpenOptions, Store};
use keyfold::root::KeyFile;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A command, its fields decoded.
struct Command<'a> {
    verb: &'a str,
    kind: &'a str,
    /// Empty for "any key of the store".
    keys: Vec<Key>,
    context: Vec<u8>,
    fourth: &'a str,
    fifth: &'a str,
    file: &'a str,
}

impl<'a> Command<'a> {
    fn parse(store: &Store, line: &'a str) -> Outcome<Command<'a>> {
        let [verb, kind, keys, context, fourth, fifth, file] =
            line.split('\t').collect::<Vec<_>>().try_into().map_err(|_| "a command has seven fields")?;
        let mut opened = Vec::new();
        for name in keys.split(',').filter(|name| *name != "*") {
            opened.push(store.key(&name.parse()?)?);
        }
        let mut pairs = Vec::new();
        for pair in context.split(',').filter(|pair| *pair != "-") {
            let (name, value) = pair.split_once(':').ok_or("a pair has a colon")?;
            pairs.push((String::from_utf8(unhex(name))?, String::from_utf8(unhex(value))?));
        }
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let context = Context::pack(&pairs)?;
        Ok(Command { verb, kind, keys: opened, context, fourth, fifth, file })
    }

    fn run(&self, store: &Store) -> Outcome<()> {
        match self.verb {
            "open" => self.open(store),
            "make" => self.make(),
            "refuse" => self.refuse(store),
            other => Err(format!("no such command: {other}").into()),
        }
    }

    fn open(&self, store: &Store) -> Outcome<()> {
        let options = DecryptOptions { accept_stored_context: self.fourth == "1", ..Default::default() };
        match self.kind {
            "stream" => return self.open_streamed(store, &options),
            "file" => return self.open_file(store, &options),
            _ => {}
        }
        let plaintext = self.opened(store, &fs::read(self.file)?, &options)?;
        if plaintext == unhex(self.fifth) { Ok(()) } else { Err("opens to something else".into()) }
    }

    /// Pushes it in pieces, then reads a range in its middle.
    fn open_streamed(&self, store: &Store, options: &DecryptOptions<'_>) -> Outcome<()> {
        let allowed = || match self.keys.is_empty() {
            true => AllowedKeys::AnyKeyOf(store.clone()),
            false => AllowedKeys::Keys(self.keys.clone()),
        };
        let (sealed, wanted, context) =
            (fs::read(self.file)?, unhex(self.fifth), Context::unpack(&self.context)?);
        let (mut stream, mut made) = (Decryptor::new(allowed(), &context, options)?, Vec::new());
        for piece in sealed.chunks(5_000) {
            let mut out = vec![0; stream.update_size(piece.len())];
            let n = stream.update(piece, &mut out, &Work::default())?;
            made.extend_from_slice(&out[..n]);
        }
        let mut out = vec![0; stream.finish_size()];
        let n = stream.finish(&mut out)?;
        made.extend_from_slice(&out[..n]);
        let reader = Reader::open(
            &allowed(),
            Box::new(FileAt::new(fs::File::open(self.file)?, self.file)),
            &context,
            options,
        )?;
        let (first, mut part) = (wanted.len() / 3, vec![0; wanted.len() / 2]);
        let n = reader.pread(first as u64, &mut part, &Work::default())?;
        match (made == wanted, n == part.len() && part == wanted[first..][..n], reader.len()?) {
            (true, true, len) if len == wanted.len() as u64 => Ok(()),
            (same, ..) => {
                Err(if same { "reads as something else" } else { "streams to something else" }.into())
            }
        }
    }

    fn open_file(&self, store: &Store, options: &DecryptOptions<'_>) -> Outcome<()> {
        let keys: Vec<&Key> = self.keys.iter().collect();
        let allowed = if keys.is_empty() { Allowed::AnyKeyOf(store) } else { Allowed::Keys(&keys) };
        let (from, path) = (fs::File::open(self.file)?, format!("{}.opened", self.file));
        let (to, context) = (fs::File::create(&path)?, Context::unpack(&self.context)?);
        let names = FileOptions { work: Work::default(), input: self.file, output: &path };
        envelope::decrypt_file(allowed, &from, &to, &context, options, &names)?;
        if fs::read(&path)? == unhex(self.fifth) { Ok(()) } else { Err("opens into another file".into()) }
    }

    fn make(&self) -> Outcome<()> {
        let keys: Vec<&Key> = self.keys.iter().collect();
        let context = Context::unpack(&self.context)?;
        // `values:a,b` stores the values of these names; only this program takes it, for the fixtures.
        let chosen: Vec<&str> = self.fourth.trim_start_matches("values:").split(',').collect();
        let stored = match self.fourth {
            "none" => StoredContext::None,
            "names" => StoredContext::Names,
            "all" => StoredContext::All,
            _ => StoredContext::ValuesOf(&chosen),
        };
        if self.kind == "datakey" {
            let mut key = vec![0; self.fifth.parse()?];
            let mut blob =
                vec![0; envelope::data_key_blob_size(key.len(), keys.len(), stored.size(&context)?)?];
            envelope::generate_data_key(&keys, key.len(), &context, &stored, Some(&mut key), &mut blob)?;
            fs::write(self.file, blob)?;
            fs::write(format!("{}.key", self.file), key)?;
        } else if self.kind == "file" {
            let plain = format!("{}.plain", self.file);
            fs::write(&plain, unhex(self.fifth))?;
            let (from, to) = (fs::File::open(&plain)?, fs::File::create(self.file)?);
            let names = FileOptions { work: Work::default(), input: &plain, output: self.file };
            envelope::encrypt_file(&keys, &from, &to, &context, &stored, &EncryptOptions::default(), &names)?;
        } else {
            let (plaintext, options) = (unhex(self.fifth), EncryptOptions::default());
            let size =
                envelope::encrypted_size(plaintext.len(), keys.len(), stored.size(&context)?, &options)?;
            let mut out = vec![0; size];
            if self.kind == "stream" {
                let mut stream = Encryptor::new(&keys, &context, &stored, &options)?;
                let mut at = 0;
                for piece in plaintext.chunks(7_000) {
                    at += stream.update(piece, &mut out[at..], &Work::default())?;
                }
                stream.finish(&mut out[at..])?;
            } else {
                envelope::encrypt_into(&keys, &plaintext, &context, &stored, &options, &mut out)?;
            }
            fs::write(self.file, out)?;
        }
        Ok(())
    }

    /// Every bit of the head flipped and every truncation must be refused as damaged data is.
    fn refuse(&self, store: &Store) -> Outcome<()> {
        let (mut data, head) = (fs::read(self.file)?, self.fifth.parse::<usize>()?);
        let refused = |data: &[u8]| match self.opened(store, data, &DecryptOptions::default()) {
            Err(error) => error
                .downcast_ref::<keyfold::Error>()
                .is_some_and(|error| (200..400).contains(&(error.status() as i32))),
            Ok(_) => false,
        };
        for bit in 0..8 * head {
            data[bit / 8] ^= 1 << (bit % 8);
            if !refused(&data) {
                return Err(format!("bit {} of byte {} flipped is not refused", bit % 8, bit / 8).into());
            }
            data[bit / 8] ^= 1 << (bit % 8);
        }
        match (0..data.len()).find(|&cut| !refused(&data[..cut])) {
            Some(cut) => Err(format!("cut to {cut} bytes is not refused").into()),
            None => Ok(()),
        }
    }

    fn opened(&self, store: &Store, data: &[u8], options: &DecryptOptions<'_>) -> Outcome<Vec<u8>> {
        let keys: Vec<&Key> = self.keys.iter().collect();
        let allowed = if keys.is_empty() { Allowed::AnyKeyOf(store) } else { Allowed::Keys(&keys) };
        let context = Context::unpack(&self.context)?;
        if self.kind == "datakey" {
            let mut out = vec![0; envelope::data_key_size(data)?];
            envelope::decrypt_data_key_into(allowed, data, &context, options, &mut out)?;
            Ok(out)
        } else {
            let mut out = vec![0; envelope::decrypted_size(data)?];
            let opened = envelope::decrypt_into(allowed, data, &context, options, &mut out)?;
            out.truncate(opened.len);
            Ok(out)
        }
    }
}

/// Bytes of hexadecimal; `-` is none.
fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| (c as char).to_digit(16).unwrap_or(0) as u8;
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn main() -> ExitCode {
    let outcome = || -> Outcome<ExitCode> {
        let arguments: Vec<String> = std::env::args().collect();
        let [_, store, root, commands] = &arguments[..] else {
            return Err("usage: interop STORE ROOT_KEY_FILE COMMANDS".into());
        };
        let store = Store::open(&store.parse()?, &KeyFile::new(root), &OpenOptions::default())?;
        let commands = fs::read_to_string(commands)?;
        let mut failures = 0;
        for line in commands.lines() {
            let command = Command::parse(&store, line)?;
            if let Err(error) = command.run(&store) {
                println!("{} {}: {error}", command.verb, command.file);
                failures += 1;
            }
        }
        if failures == 0 {
            println!("passed {}", commands.lines().count());
        }
        Ok(ExitCode::from(u8::from(failures > 0)))
    };
    outcome().unwrap_or_else(|error| {
        eprintln!("interop: {error}");
        ExitCode::from(2)
    })
}
