//! Making envelopes: a head with its cells, and the payload behind it.

use super::cells::{
    NAMED, PREFIX, SEALED_AT, TYPE_FREE, WRAPPED_AT, cell_of, key_cell, sealed_cell, write_named,
    write_prefix, write_sealed_named,
};
use super::chunks::{self, Position};
use super::head::{FIXED, Kind, PREAMBLE, write_preamble};
use super::parallel::{self, Told};
use super::size::{encrypted_size_under, head_size_under, sealed_head_size, with_payload};
use super::stored::StoredContext;
use super::suite::{MessageDek, commitment, set_payload_key};
use super::{Allowed, DEK, EncryptOptions, SEAL_INFO, Work};
use crate::context::Context;
use crate::crypto::{AeadKey, Kem, Lane, MaterialId, WrapNonce, with_lane};
use crate::error::{Error, Result};
use crate::keystore::{Key, KeyId, Made, SealingKey, Settled, Version, Wish};
use crate::operation::Operation;

/// Encrypts a message under one or more keys (1 to 32 less the free cells), out of place, into exactly
/// [`encrypted_size_under`] bytes at the front of `out`, which may be longer. Returns that size. Any number of threads may
/// use one key.
///
/// # Errors
/// INVALID_ARGUMENT, LIMIT_EXCEEDED, TOO_LARGE, INVALID_CONTEXT; BUFFER_TOO_SMALL, with `out` untouched; KEY_DISABLED,
/// FORKED and the store's errors; CANCELLED. `out` is wiped when the call fails otherwise.
pub fn encrypt_into(
    keys: &[&Key],
    plaintext: &[u8],
    context: &Context<'_>,
    stored: &StoredContext<'_>,
    options: &EncryptOptions<'_>,
    out: &mut [u8],
) -> Result<usize> {
    let (plan, size, head_len) = plan(keys, plaintext.len(), context, stored, options)?;
    if out.len() < size {
        return Err(Error::BufferTooSmall { needed: size });
    }
    let sealed = with_lane(|lane| {
        let (head, payload) = out[..size].split_at_mut(head_len);
        let dek = MessageDek::fresh(lane, DEK)?;
        plan.seal(lane, Operation::Encrypt, plaintext.len(), dek.expose(), keys, head, None)??;
        set_payload_key(lane, &dek);
        seal_payload(&lane.payload, plaintext, payload, &options.work)?;
        Ok(size)
    });
    if sealed.is_err() {
        out.fill(0);
    }
    sealed
}

/// Seals a whole message: small ones that nobody watches without anything around it.
#[inline]
fn seal_payload(key: &AeadKey, plaintext: &[u8], out: &mut [u8], work: &Work<'_>) -> Result<()> {
    let (len, told) = (plaintext.len() as u64, Told { before: 0, whole: plaintext.len() as u64 });
    if work.is_unwatched() && work.threads_for(len, 2) == 1 {
        chunks::seal(key, Position::START, plaintext, out);
        return Ok(());
    }
    parallel::seal(key, Position::START, plaintext, out, work, told)
}

/// As [`encrypt_into`], for a message that lies in `buffer[offset..offset + len]`; the envelope then starts at 0.
/// `offset` must be at least the head's size ([`head_size_under`]); with exactly that, and one chunk, nothing is moved.
///
/// # Errors
/// As [`encrypt_into`], and INVALID_ARGUMENT for a message that does not lie in the buffer behind the head. The
/// message is as it was after every error; the room for the head may have been zeroed.
pub fn encrypt_in_place(
    keys: &[&Key],
    buffer: &mut [u8],
    offset: usize,
    len: usize,
    context: &Context<'_>,
    stored: &StoredContext<'_>,
    options: &EncryptOptions<'_>,
) -> Result<usize> {
    let (plan, size, head_len) = plan(keys, len, context, stored, options)?;
    if offset < head_len {
        return Err(Error::InvalidArgument {
            what: "the message must begin behind room for the head; see head_size",
        });
    }
    if offset.checked_add(len).is_none_or(|end| end > buffer.len()) {
        return Err(Error::InvalidArgument { what: "the message must lie within the buffer" });
    }
    if buffer.len() < size {
        return Err(Error::BufferTooSmall { needed: size });
    }
    let sealed = with_lane(|lane| {
        let dek = MessageDek::fresh(lane, DEK)?;
        plan.seal(lane, Operation::Encrypt, len, dek.expose(), keys, &mut buffer[..head_len], None)??;
        set_payload_key(lane, &dek);
        chunks::seal_in_place(&lane.payload, Position::START, buffer, offset, len, head_len);
        Ok(size)
    });
    if sealed.is_err() {
        // Nothing that fails comes after the first chunk: the message, perhaps the caller's only copy, is still there.
        buffer[..head_len].fill(0);
    }
    sealed
}

/// What an envelope is made from, with its size and its head's. A call that is refused here has its event.
fn plan<'a>(
    keys: &[&Key],
    len: usize,
    context: &'a Context<'a>,
    stored: &'a StoredContext<'a>,
    options: &EncryptOptions<'_>,
) -> Result<(Plan<'a>, usize, usize)> {
    let planned = Plan::new(Kind::Envelope, context, stored).and_then(|plan| {
        options.work.check()?;
        let size = encrypted_size_under(keys, len, plan.stored_len, options)?;
        let head_len = head_size_under(keys, plan.stored_len, options)?;
        Ok((plan, size, head_len))
    });
    Allowed::Keys(keys).read(Operation::Encrypt, context, planned)
}

/// Encrypts a message to the public halves of sealing keys (1 to 32), without a store, into exactly the size that
/// [`sealed_size`] tells. Nobody who has only these keys can open it, the caller included.
///
/// # Errors
/// As [`encrypt_into`], without a store's.
pub fn seal_into(
    keys: &[&SealingKey],
    plaintext: &[u8],
    context: &Context<'_>,
    stored: &StoredContext<'_>,
    work: &Work<'_>,
    out: &mut [u8],
) -> Result<usize> {
    work.check()?;
    let (plan, head_len) = sealed_plan(keys, context, stored)?;
    let size = with_payload(head_len, plaintext.len())?;
    if out.len() < size {
        return Err(Error::BufferTooSmall { needed: size });
    }
    let sealed = with_lane(|lane| {
        let (head, payload) = out[..size].split_at_mut(head_len);
        let dek = MessageDek::fresh(lane, DEK)?;
        sealed_head(lane, &plan, keys, dek.expose(), head)?;
        set_payload_key(lane, &dek);
        seal_payload(&lane.payload, plaintext, payload, work)?;
        Ok(size)
    });
    if sealed.is_err() {
        out.fill(0);
    }
    sealed
}

/// What an envelope to public halves is made from, and its head's size.
pub(super) fn sealed_plan<'a>(
    keys: &[&SealingKey],
    context: &'a Context<'a>,
    stored: &'a StoredContext<'a>,
) -> Result<(Plan<'a>, usize)> {
    let plan = Plan::new(Kind::Envelope, context, stored)?;
    let head_len = sealed_head_size(keys, plan.stored_len)?;
    Ok((plan, head_len))
}

/// Writes such a head into exactly its size.
pub(super) fn sealed_head(
    lane: &mut Lane,
    plan: &Plan<'_>,
    keys: &[&SealingKey],
    dek: &[u8],
    head: &mut [u8],
) -> Result<()> {
    let mut writer = plan.begin(dek, head);
    let mut at = writer.fixed;
    for key in keys {
        at += writer.sealed_cell(lane, at, &Recipient::of(key), dek)?;
    }
    Ok(())
}

/// The size of what [`seal_into`] makes.
///
/// # Errors
/// As [`encrypted_size_under`].
pub fn sealed_size(plaintext: usize, keys: &[&SealingKey], stored: usize) -> Result<usize> {
    with_payload(sealed_head_size(keys, stored)?, plaintext)
}

/// Whom a cell is sealed to.
pub(super) struct Recipient<'a> {
    key_id: KeyId,
    version: u32,
    material_id: MaterialId,
    kem: Kem,
    public: &'a [u8],
}

impl<'a> Recipient<'a> {
    fn of(key: &'a SealingKey) -> Recipient<'a> {
        Recipient {
            key_id: key.key_id,
            version: key.version,
            material_id: key.material_id,
            kem: key.kem(),
            public: &key.public,
        }
    }

    /// The public half of a version. INVALID_KEY_USAGE for a key of another usage.
    pub(super) fn of_version(version: &'a Version) -> Result<Recipient<'a>> {
        let pair = version.sealing()?;
        Ok(Recipient {
            key_id: version.key_id,
            version: version.version,
            material_id: version.material_id,
            kem: pair.kem(),
            public: pair.public(),
        })
    }

    pub(super) fn cell_size(&self, dek: usize) -> usize {
        sealed_cell(self.kem, dek)
    }

    /// Writes a sealed cell into exactly its size; `fixed` is the head's fixed part.
    pub(super) fn write_cell(
        &self,
        lane: &mut Lane,
        fixed: &[u8],
        dek: &[u8],
        cell: &mut [u8],
    ) -> Result<()> {
        write_sealed_named(cell, cell.len(), self.kem, self.key_id, self.version, self.material_id);
        let (named, rest) = cell.split_at_mut(SEALED_AT);
        let aad = [fixed, named].concat();
        let (encapsulated, wrapped) = rest.split_at_mut(self.kem.encapsulated_size());
        self.kem.seal(lane, self.public, SEAL_INFO, &aad, dek, (encapsulated, wrapped))
    }
}

/// What a head is made from, besides DEK and keys.
pub(super) struct Plan<'a> {
    kind: Kind,
    context: &'a Context<'a>,
    stored: &'a StoredContext<'a>,
    pub(super) stored_len: usize,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        kind: Kind,
        context: &'a Context<'a>,
        stored: &'a StoredContext<'a>,
    ) -> Result<Plan<'a>> {
        Ok(Plan { kind, context, stored, stored_len: stored.size(context)? })
    }

    /// Writes a head into exactly its size: a cell for each key's current version, and free cells in what is left. Settles
    /// the uses of the keys, and that `before` them of the key that the DEK came from, which has no event yet of an error
    /// of this call's own.
    #[expect(clippy::too_many_arguments, reason = "what a head is made from")]
    pub(super) fn seal(
        &self,
        lane: &mut Lane,
        operation: Operation,
        message: usize,
        dek: &[u8],
        keys: &[&Key],
        head: &mut [u8],
        before: Option<&Made<'_>>,
    ) -> Result<Settled> {
        self.seal_then(lane, operation, message as u64, dek, keys, head, before, |made| made.settle())
    }

    /// The same, settled by `settle`.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "what a head is made from")]
    pub(super) fn seal_then(
        &self,
        lane: &mut Lane,
        operation: Operation,
        bytes: u64,
        dek: &[u8],
        keys: &[&Key],
        head: &mut [u8],
        before: Option<&Made<'_>>,
        settle: impl FnOnce(&Made<'_>) -> Settled,
    ) -> Result<Settled> {
        let wish = Wish { operation, context: Some(*self.context), bytes };
        let mut writer = self.begin(dek, head);
        let mut free = writer.fixed + keys.iter().map(|key| cell_of(key.spec(), dek.len())).sum::<usize>();
        while free < writer.head.len() {
            writer.free_cell(free, key_cell(dek.len()));
            free += key_cell(dek.len());
        }
        let at = writer.fixed;
        wrap(lane, &mut writer, &wish, dek, (keys, at), before, settle)
    }

    /// Writes the fixed part; cells are to follow.
    pub(super) fn begin<'h>(&self, dek: &[u8], head: &'h mut [u8]) -> HeadWriter<'h> {
        let fixed = FIXED + self.stored_len;
        write_preamble(head, self.kind, self.stored_len, head.len() - fixed);
        if let Some((preamble, rest)) = head.split_first_chunk_mut::<PREAMBLE>()
            && let Some(c) = rest.first_chunk_mut()
        {
            commitment(self.kind, dek, preamble, self.context, c);
        }
        self.stored.write(self.context, &mut head[FIXED..fixed]);
        HeadWriter { head, fixed, dek: dek.len() }
    }
}

/// Writes the cells of the keys, from `at` on, each in the view of its key, and settles all their uses when the last is
/// done, since a call that fails gives nothing out.
#[inline]
fn wrap(
    lane: &mut Lane,
    writer: &mut HeadWriter<'_>,
    wish: &Wish<'_>,
    dek: &[u8],
    (keys, at): (&[&Key], usize),
    before: Option<&Made<'_>>,
    settle: impl FnOnce(&Made<'_>) -> Settled,
) -> Result<Settled> {
    let Some((key, others)) = keys.split_first() else {
        return Ok(before.map_or(Ok(()), settle));
    };
    let mut reached = false;
    let wrapped = key.view(wish, |view| {
        let version = view.current()?;
        let size = match key.spec().kem() {
            None => {
                let kek = version.kek()?;
                writer.key_cell(at, version, |aad, nonce, out| kek.wrap(lane, aad, dek, nonce, out))?
            }
            Some(_) => writer.sealed_cell(lane, at, &Recipient::of_version(version)?, dek)?,
        };
        let made = Made::of(key, wish, version, view.now).with(before);
        reached = true;
        match others.is_empty() {
            true => Ok(settle(&made)),
            false => wrap(lane, writer, wish, dek, (others, at + size), Some(&made), settle),
        }
    });
    match wrapped {
        Err(error) if !reached => Err(not_reached(others, wish, error)),
        wrapped => wrapped,
    }
}

/// Keys that a call names after one that was refused are refused with it.
#[cold]
fn not_reached(keys: &[&Key], wish: &Wish<'_>, error: Error) -> Error {
    keys.iter().fold(error, |error, key| key.refuse(wish, error))
}

/// A head whose cells are being written.
pub(super) struct HeadWriter<'h> {
    head: &'h mut [u8],
    pub(super) fixed: usize,
    dek: usize,
}

impl HeadWriter<'_> {
    /// Writes a key cell at an offset of the head; its size.
    ///
    /// The wrap authenticates the fixed part and the cell's first 32 bytes, which must lie together. They do for the
    /// first cell, and its place is lent to the others for the length of their wrap: nothing is copied but that.
    pub(super) fn key_cell(
        &mut self,
        at: usize,
        version: &Version,
        wrap: impl FnOnce(&[u8], &mut WrapNonce, &mut [u8]) -> Result<()>,
    ) -> Result<usize> {
        let size = key_cell(self.dek);
        let mut name = [0; NAMED];
        write_named(&mut name, size, version.key_id, version.version, version.material_id);
        self.head[at..at + NAMED].copy_from_slice(&name);
        let (aad, rest) = self.head.split_at_mut(self.fixed + NAMED);
        let (nonce, wrapped) = rest[at - self.fixed..][..size - NAMED].split_at_mut(WRAPPED_AT - NAMED);
        let Some(nonce) = nonce.first_chunk_mut() else {
            return Err(Error::Internal { what: "a cell without room for its nonce" });
        };
        if at == self.fixed {
            return wrap(aad, nonce, wrapped).map(|()| size);
        }
        let lent = &mut aad[self.fixed..];
        let mut first = name;
        lent.swap_with_slice(&mut first);
        let wrapped = wrap(aad, nonce, wrapped);
        aad[self.fixed..].copy_from_slice(&first);
        wrapped.map(|()| size)
    }

    /// Writes a sealed cell at an offset of the head; its size.
    fn sealed_cell(&mut self, lane: &mut Lane, at: usize, to: &Recipient<'_>, dek: &[u8]) -> Result<usize> {
        let size = to.cell_size(dek.len());
        let (before, rest) = self.head.split_at_mut(at);
        to.write_cell(lane, &before[..self.fixed], dek, &mut rest[..size])?;
        Ok(size)
    }

    /// Writes a free cell.
    pub(super) fn free_cell(&mut self, at: usize, size: usize) {
        write_prefix(&mut self.head[at..], TYPE_FREE, size);
        self.head[at + PREFIX..at + size].fill(0);
    }

    /// Writes a cell as it stands, for vectors with cells of unknown types.
    #[cfg(test)]
    pub(super) fn raw_cell(&mut self, at: usize, bytes: &[u8]) {
        self.head[at..at + bytes.len()].copy_from_slice(bytes);
    }
}
