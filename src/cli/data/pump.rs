//! Encryption and decryption in order, piece by piece: pipes and whatever else can only be read or written so.

use std::fs::File;
use std::io::{self, Read};

use zeroize::Zeroizing;

use super::super::exit::{Failure, Result, reason};
use super::super::files::Input;
use super::super::opening::Opening;
use super::super::progress::Progress;
use super::super::sys;
use super::FREE_CELL_FROM;
use crate::Status;
use crate::envelope::{Context, Decryptor, Encryptor, Opened, Work};
use crate::error::Error;

/// Bytes that are read before they are worked on.
const PIECE: usize = FREE_CELL_FROM;

pub(in crate::cli) struct Pump<'a> {
    /// Where it comes from, for messages.
    pub(in crate::cli) input: &'a str,
    /// How much there is, if that is known.
    pub(in crate::cli) whole: Option<u64>,
    pub(in crate::cli) threads: u32,
    pub(in crate::cli) progress: &'a Progress,
}

/// Takes what is ready, in order.
type Write<'w> = &'w mut dyn FnMut(&[u8]) -> Result<()>;

impl Pump<'_> {
    /// Encrypts all of it. `start` is told whether the message has 1 MiB or more. Bytes read and written.
    pub(in crate::cli) fn encrypt(
        &self,
        from: &File,
        write: Write<'_>,
        start: impl FnOnce(bool) -> crate::Result<Encryptor>,
        failure: &dyn Fn(Error) -> Failure,
    ) -> Result<(u64, u64)> {
        self.progress.expect(self.whole.unwrap_or(0));
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        let mut out = Vec::new();
        let mut len = self.fill(from, &mut piece)?;
        let mut stream = start(len == PIECE).map_err(failure)?;
        let (mut read, mut written) = (0, 0);
        loop {
            out.resize(stream.update_size(len).map_err(failure)?, 0);
            let ready = stream.update(&piece[..len], &mut out, &self.work()).map_err(failure)?;
            write(&out[..ready])?;
            (read, written) = (read + len as u64, written + ready as u64);
            self.progress.add(len as u64);
            if len < PIECE {
                break;
            }
            len = self.fill(from, &mut piece)?;
        }
        out.resize(stream.finish_size(), 0);
        let ready = stream.finish(&mut out).map_err(failure)?;
        write(&out[..ready])?;
        Ok((read, written + ready as u64))
    }

    /// The first piece, all there is if it is short.
    pub(in crate::cli) fn first(&self, from: &File) -> Result<Vec<u8>> {
        self.progress.expect(self.whole.unwrap_or(0));
        let mut piece = vec![0; PIECE];
        let len = self.fill(from, &mut piece)?;
        piece.truncate(len);
        Ok(piece)
    }

    /// Decrypts what begins with `first`. A file whose head does not open is read once more (`again`) under a shared lock,
    /// since a rewrap in place may have been under way (FORMAT.md 9.8).
    #[expect(clippy::too_many_arguments, reason = "what a decryption is made from")]
    pub(in crate::cli) fn decrypt(
        &self,
        from: &File,
        first: Vec<u8>,
        opening: &Opening<'_>,
        context: &Context<'_>,
        again: Option<Input>,
        failure: &dyn Fn(Error) -> Failure,
        write: Write<'_>,
    ) -> Result<Opened> {
        let head = first[..first.len().min(MAX_HEAD)].to_vec();
        let mut stream = self.decryptor(opening, context).map_err(failure)?;
        match (self.decrypt_all(&mut stream, from, first, failure, write), again) {
            (Err(Stopped::Refused(e)), Some(again)) if stream.opened().is_none() && unsettled(e.status()) => {
                let again = again.locked()?.source()?;
                let first = self.first(&again)?;
                if first.starts_with(&head) {
                    return Err(failure(e));
                }
                stream = self.decryptor(opening, context).map_err(failure)?;
                self.decrypt_all(&mut stream, &again, first, failure, write).map_err(|s| s.into(failure))?;
            }
            (done, _) => done.map_err(|stopped| stopped.into(failure))?,
        }
        stream
            .opened()
            .cloned()
            .ok_or_else(|| failure(Error::Internal { what: "a message that is whole was opened by nothing" }))
    }

    fn decryptor(&self, opening: &Opening<'_>, context: &Context<'_>) -> crate::Result<Decryptor> {
        Decryptor::new(opening.keys(), context, &opening.options())
    }

    fn decrypt_all(
        &self,
        stream: &mut Decryptor,
        from: &File,
        first: Vec<u8>,
        failure: &dyn Fn(Error) -> Failure,
        write: Write<'_>,
    ) -> Result<(), Stopped> {
        let mut piece = first;
        let mut out = Zeroizing::new(Vec::new());
        loop {
            out.resize(stream.update_size(piece.len()), 0);
            let ready = stream.update(&piece, &mut out, &self.work()).map_err(Stopped::Refused)?;
            write(&out[..ready]).map_err(Stopped::Otherwise)?;
            self.progress.add(piece.len() as u64);
            if piece.len() < PIECE {
                break;
            }
            let len = self.fill(from, &mut piece).map_err(Stopped::Otherwise)?;
            piece.truncate(len);
        }
        out.resize(stream.finish_size(), 0);
        let ready = stream.finish(&mut out).map_err(|e| match stream.opened() {
            // Not even a head was whole.
            None => Stopped::Refused(e),
            Some(_) => Stopped::Otherwise(failure(e)),
        })?;
        write(&out[..ready]).map_err(Stopped::Otherwise)
    }

    fn work(&self) -> Work<'static> {
        Work { threads: self.threads, cancel: Some(sys::cancel_flag()), progress: None }
    }

    /// Reads until the piece is full or there is no more.
    fn fill(&self, mut from: &File, piece: &mut [u8]) -> Result<usize> {
        let mut len = 0;
        while len < piece.len() {
            match from.read(&mut piece[len..]) {
                Ok(0) => break,
                Ok(n) => len += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(Failure::new(
                        Status::Io,
                        format!("reading {} failed: {}", self.input, reason(&e)),
                    ));
                }
            }
            if sys::cancelled_by().is_some() {
                return Err(Failure::new(Status::Cancelled, "interrupted"));
            }
        }
        Ok(len)
    }
}

/// No head is larger.
const MAX_HEAD: usize = 64 << 10;

enum Stopped {
    /// By the envelope.
    Refused(Error),
    Otherwise(Failure),
}

impl Stopped {
    fn into(self, failure: &dyn Fn(Error) -> Failure) -> Failure {
        match self {
            Stopped::Refused(e) => failure(e),
            Stopped::Otherwise(failure) => failure,
        }
    }
}

/// Whether a rewrap in the middle of reading can be the cause.
fn unsettled(status: Status) -> bool {
    matches!(
        status,
        Status::Malformed | Status::Auth | Status::KeyNotFound | Status::KeyNotAllowed | Status::KeyDisabled
    )
}
