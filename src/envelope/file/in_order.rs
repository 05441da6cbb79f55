//! Pipes, sockets, devices, and whatever else is read and written from front to back.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek};

use super::convert::{Converted, FileOptions};
use crate::envelope::stream::{Decryptor, Encryptor};
use crate::envelope::{Opened, Work};
use crate::error::{Error, Result};
use crate::secret::wipe;
use crate::sync::{appends, write_quietly};

/// Bytes read at once.
const PIECE: usize = 1 << 20;

pub(super) fn encrypt(
    mut stream: Encryptor,
    from: &File,
    to: &File,
    names: &FileOptions<'_>,
) -> Result<Converted> {
    let mut flow = Flow::begin(from, to, names);
    let done = flow.run(|flow, piece, work| {
        let size = stream.update_size(piece)?;
        flow.room(size);
        stream.update(&flow.input[..piece], &mut flow.output, work)
    });
    let done = done.and_then(|()| {
        flow.room(stream.finish_size());
        let last = stream.finish(&mut flow.output)?;
        flow.write(last)
    });
    flow.end(done)
}

pub(super) fn decrypt(
    mut stream: Decryptor,
    from: &File,
    to: &File,
    names: &FileOptions<'_>,
) -> Result<(Opened, Converted)> {
    let mut flow = Flow::begin(from, to, names);
    let done = flow.run(|flow, piece, work| {
        flow.room(stream.update_size(piece));
        stream.update(&flow.input[..piece], &mut flow.output, work)
    });
    let done = done.and_then(|()| {
        flow.room(stream.finish_size());
        let last = stream.finish(&mut flow.output)?;
        flow.write(last)
    });
    let converted = flow.end(done)?;
    let opened = stream.opened().cloned();
    Ok((opened.ok_or(Error::Internal { what: "a message that nothing opened" })?, converted))
}

struct Flow<'a> {
    from: &'a File,
    to: &'a File,
    names: &'a FileOptions<'a>,
    /// Where a regular output stood, and whether what lies behind is still there.
    stood: Option<u64>,
    uncut: bool,
    input: Vec<u8>,
    output: Vec<u8>,
    done: Converted,
}

impl<'a> Flow<'a> {
    fn begin(from: &'a File, to: &'a File, names: &'a FileOptions<'a>) -> Flow<'a> {
        let regular = to.metadata().is_ok_and(|metadata| metadata.is_file());
        let (mut target, end) = (to, appends(to));
        let stood = match regular {
            false => None,
            true if end => to.metadata().ok().map(|metadata| metadata.len()),
            true => target.stream_position().ok(),
        };
        let done = Converted { read: 0, written: 0 };
        let uncut = stood.is_some() && !end;
        Flow { from, to, names, stood, uncut, input: vec![0; PIECE], output: Vec::new(), done }
    }

    fn room(&mut self, size: usize) {
        if self.output.len() < size {
            wipe(&mut self.output);
            self.output = vec![0; size];
        }
    }

    /// Reads to the end; `take` makes output of what was read and tells how much.
    fn run(&mut self, mut take: impl FnMut(&mut Flow<'a>, usize, &Work<'_>) -> Result<usize>) -> Result<()> {
        // A stream's own progress is in parts of a piece; here it is told of the whole flow.
        let work = Work { progress: None, ..self.names.work };
        loop {
            self.names.work.go_on()?;
            let piece = self.read()?;
            if piece == 0 {
                return Ok(());
            }
            let made = take(self, piece, &work)?;
            self.write(made)?;
            self.names.work.report(self.done.read, 0)?;
        }
    }

    /// What is there, up to a piece; 0 at the end.
    fn read(&mut self) -> Result<usize> {
        let mut at = 0;
        while at < PIECE {
            let mut from = self.from;
            match from.read(&mut self.input[at..]) {
                Ok(0) => break,
                Ok(got) => at += got,
                Err(error) if error.kind() == ErrorKind::Interrupted => self.names.work.go_on()?,
                Err(error) => return Err(self.names.reading(&error)),
            }
        }
        self.done.read += at as u64;
        Ok(at)
    }

    /// Cuts off what lies behind a regular output's place, once.
    fn cut(&mut self) -> Result<()> {
        match (std::mem::take(&mut self.uncut), self.stood) {
            (true, Some(stood)) => self.to.set_len(stood).map_err(|e| self.names.writing(&e)),
            _ => Ok(()),
        }
    }

    fn write(&mut self, len: usize) -> Result<()> {
        if len > 0 {
            self.cut()?;
        }
        let mut at = 0;
        while at < len {
            match write_quietly(self.to, &self.output[at..len]) {
                Ok(0) => return Err(self.names.writing(&ErrorKind::WriteZero.into())),
                Ok(put) => {
                    at += put;
                    self.done.written += put as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => self.names.work.go_on()?,
                Err(error) => return Err(self.names.writing(&error)),
            }
        }
        Ok(())
    }

    fn end(&mut self, done: Result<()>) -> Result<Converted> {
        // A message of no bytes replaces what was there too.
        let done = done.and_then(|()| self.cut());
        if done.is_err()
            && self.done.written > 0
            && let Some(stood) = self.stood
        {
            // It is worth nothing, and where it cannot be cut the caller has the error all the same.
            let _ = self.to.set_len(stood);
        }
        done.map(|()| self.done)
    }
}

impl Drop for Flow<'_> {
    fn drop(&mut self) {
        wipe(&mut self.input);
        wipe(&mut self.output);
    }
}
