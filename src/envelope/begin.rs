//! The beginning of an envelope whose payload comes later: its head made or opened, its payload key kept in secret
//! memory, and the uses of its keys settled.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::head::{Head, Kind};
use super::open::{Call, unlock};
use super::seal::{Plan, sealed_head, sealed_plan};
use super::size::head_size_under;
use super::suite::{MessageDek, set_payload_key};
use super::{Allowed, DEK, DecryptOptions, EncryptOptions, Opened, StoredContext};
use crate::context::Context;
use crate::crypto::{Lane, with_lane};
use crate::error::{Error, Result};
use crate::keystore::{Going, Key, SealingKey};
use crate::operation::Operation;
use crate::secret::{Key32, OnFork};
use crate::sync::fork_id;

/// K (FORMAT.md 6.2) between calls, in a slot of secret memory.
pub(super) struct PayloadKey(Key32);

impl PayloadKey {
    /// Takes the key that a lane has made ready.
    fn of(lane: &Lane, on_fork: OnFork) -> Result<PayloadKey> {
        let slot = Key32::new_with(on_fork, |slot| {
            slot.copy_from_slice(&lane.payload_key);
            Ok(())
        });
        slot.map(PayloadKey)
    }

    /// # Errors
    /// FORKED, where it was wiped by a fork.
    pub(super) fn check(&self) -> Result<()> {
        match self.0.lost_to_fork() {
            true => Err(Error::Forked),
            false => Ok(()),
        }
    }

    /// Runs `f` with a lane in which it is ready.
    ///
    /// # Errors
    /// FORKED.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Lane) -> Result<R>) -> Result<R> {
        with_lane(|lane| {
            self.check()?;
            lane.payload.set(self.0.expose());
            f(lane)
        })
    }
}

/// The uses of one stream, with the bytes that this process gave.
pub(super) struct Uses {
    going: Vec<Going>,
    bytes: AtomicU64,
    /// The process that counts them.
    counted_in: AtomicU64,
    told: AtomicBool,
}

impl Uses {
    fn new(going: Vec<Going>) -> Uses {
        let counted_in = AtomicU64::new(fork_id());
        Uses { going, bytes: AtomicU64::new(0), counted_in, told: AtomicBool::new(false) }
    }

    /// Adds bytes that were given.
    pub(super) fn add(&self, bytes: u64) {
        let me = fork_id();
        if self.counted_in.load(Ordering::Relaxed) != me {
            // What the parent gave is the parent's to count.
            self.bytes.store(0, Ordering::Relaxed);
            self.counted_in.store(me, Ordering::Relaxed);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts the bytes: once, at the end.
    pub(super) fn end(&self) {
        if !self.told.swap(true, Ordering::Relaxed) && self.counted_in.load(Ordering::Relaxed) == fork_id() {
            let bytes = self.bytes.load(Ordering::Relaxed);
            self.going.iter().for_each(|going| going.end(bytes));
        }
    }

    /// Has the event of a failure that came after the use was settled, if it is one of the key's.
    pub(super) fn failed(&self, error: &Error) {
        if let Error::Auth = error {
            let bytes = self.bytes.load(Ordering::Relaxed);
            self.going.iter().for_each(|going| going.failed(bytes, error));
        }
    }
}

impl Drop for Uses {
    fn drop(&mut self) {
        self.end();
    }
}

/// A head that was made, with all that the payload needs.
pub(super) struct Begun {
    pub(super) head: Vec<u8>,
    pub(super) key: PayloadKey,
    pub(super) uses: Uses,
}

/// Makes the head of an envelope under keys. `bytes` of its message are known of.
///
/// # Errors
/// As [`super::encrypt_into`], without those of sizes.
pub(super) fn begin(
    keys: &[&Key],
    context: &Context<'_>,
    stored: &StoredContext<'_>,
    options: &EncryptOptions<'_>,
    bytes: u64,
) -> Result<Begun> {
    let planned = options.work.check().and_then(|()| {
        let plan = Plan::new(Kind::Envelope, context, stored)?;
        let len = head_size_under(keys, plan.stored_len, options)?;
        Ok((plan, len))
    });
    let (plan, len) = Allowed::Keys(keys).read(Operation::Encrypt, context, planned)?;
    with_lane(|lane| {
        let mut head = vec![0; len];
        let mut going = Vec::new();
        let dek = MessageDek::fresh(lane, DEK)?;
        plan.seal_then(lane, Operation::Encrypt, bytes, dek.expose(), keys, &mut head, None, |made| {
            made.settle_going(&mut going)
        })??;
        keep(lane, &dek, head, going)
    })
}

/// The same to public halves.
///
/// # Errors
/// As [`super::seal_into`], without those of sizes.
pub(super) fn begin_public(
    keys: &[&SealingKey],
    context: &Context<'_>,
    stored: &StoredContext<'_>,
) -> Result<Begun> {
    let (plan, len) = sealed_plan(keys, context, stored)?;
    with_lane(|lane| {
        let mut head = vec![0; len];
        let dek = MessageDek::fresh(lane, DEK)?;
        sealed_head(lane, &plan, keys, dek.expose(), &mut head)?;
        keep(lane, &dek, head, Vec::new())
    })
}

fn keep(lane: &mut Lane, dek: &MessageDek, head: Vec<u8>, going: Vec<Going>) -> Result<Begun> {
    set_payload_key(lane, dek);
    // Never inherited: parent and child would seal different messages under one key and nonce.
    let key = PayloadKey::of(lane, OnFork::Wipe)?;
    Ok(Begun { head, key, uses: Uses::new(going) })
}

/// An envelope whose head opened. Nothing of the payload is authenticated yet.
pub(super) struct Unlocked {
    pub(super) opened: Opened,
    pub(super) key: PayloadKey,
    pub(super) uses: Uses,
}

/// Opens a head, which `head` begins with. `bytes` of the message are known of.
///
/// # Errors
/// As [`super::decrypt_into`], without those of the payload.
pub(super) fn begin_open(
    allowed: &Allowed<'_>,
    head: &[u8],
    context: &Context<'_>,
    options: &DecryptOptions<'_>,
    bytes: u64,
) -> Result<Unlocked> {
    let parsed = options.work.check().and_then(|()| Head::parse(head, Some(Kind::Envelope)));
    let head = allowed.read(Operation::Decrypt, context, parsed)?;
    let call = Call { allowed, operation: Operation::Decrypt, head: &head, options };
    let mut opened = Opened { len: usize::try_from(bytes).unwrap_or(usize::MAX), ..Opened::nothing() };
    let (mut going, mut kept) = (Vec::new(), None);
    with_lane(|lane| {
        let mut dek = MessageDek::zeroed(DEK);
        unlock(lane, &call, context, &mut dek, &mut opened, |lane, dek, made| {
            set_payload_key(lane, dek);
            kept = Some(PayloadKey::of(lane, made.on_fork())?);
            Ok(made.settle_going(&mut going))
        })
    })?;
    opened.len = 0;
    let key = kept.ok_or(Error::Internal { what: "a head opened without its payload key" })?;
    Ok(Unlocked { opened, key, uses: Uses::new(going) })
}
