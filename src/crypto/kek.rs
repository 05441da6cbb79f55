use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::cache::Slot;
use super::xaes::{self, Prefix};
use super::{Lane, Unauthentic, lane, self_test};
use crate::error::{Error, Result};
use crate::secret::{Key32, wipe};

/// Names a key version's bytes without telling them: FORMAT.md "Cell type 0x01".
pub type MaterialId = [u8; 8];
pub(crate) const WRAP_NONCE_SIZE: usize = 24;
pub(crate) type WrapNonce = [u8; WRAP_NONCE_SIZE];

/// A prefix is left after so many wraps …
const PREFIX_WRAPS: u32 = 1 << 24;
/// … or so many milliseconds.
const PREFIX_MILLIS: u64 = 3_600_000;
/// Sizes of secrets that can be wrapped. The longest is the private half of an RSA key for imports.
const SECRET_SIZES: std::ops::RangeInclusive<usize> = 16..=4096;

static LAST_ID: AtomicU64 = AtomicU64::new(0);

/// A 32-byte wrapping key under XAES-256-GCM (C2SP): a key version's material, or a store's K_mat. Holds the raw
/// bytes in a slab slot; ready AEAD contexts for recent nonce prefixes live in the lanes' bounded caches and are
/// forgotten when this is dropped.
///
/// In a forked child a Kek whose material was in wipe-on-fork pages wraps nothing (FORKED) and opens nothing.
pub(crate) struct Kek {
    material: Key32,
    /// Unique in this process and its descent; never 0.
    id: u64,
    material_id: MaterialId,
    /// Whether a lane may hold a context of this key.
    cached: AtomicBool,
}

impl Kek {
    pub(crate) fn new(material: Key32) -> Result<Kek> {
        self_test()?;
        let id = LAST_ID.fetch_add(1, Ordering::Relaxed) + 1;
        let material_id = xaes::material_id(material.expose());
        Ok(Kek { material, id, material_id, cached: AtomicBool::new(false) })
    }

    /// The material, for export under another key only.
    pub(crate) fn material(&self) -> &Key32 {
        &self.material
    }

    /// The name under which lanes hold contexts of this key.
    #[cfg(test)]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn material_id(&self) -> MaterialId {
        self.material_id
    }

    /// Wraps `secret` (16 to 4,096 bytes) under a fresh nonce (sticky prefix, FORMAT.md), tag last:
    /// `out.len() == secret.len() + 16`. One GCM call when the lane's prefix for this key is ready. Errors: RANDOM,
    /// FORKED; `out` is then as it was.
    pub(crate) fn wrap(
        &self,
        lane: &mut Lane,
        aad: &[u8],
        secret: &[u8],
        nonce: &mut WrapNonce,
        out: &mut [u8],
    ) -> Result<()> {
        if self.material.lost_to_fork() {
            return Err(Error::Forked);
        }
        debug_assert!(SECRET_SIZES.contains(&secret.len()));
        #[cfg(test)]
        if let Some(scripted) = super::generator::script::take(nonce) {
            scripted?;
            self.wrap_with_nonce(lane, nonce, aad, secret, out);
            return Ok(());
        }
        lane.fill_nonce(&mut nonce[12..20])?;
        let (now, jumps) = (lane.generator.millis(), lane.generator.jumps());
        if let Some(slot) = lane.cache.sealing(self.id)
            && slot.wraps < PREFIX_WRAPS
            && slot.jumps == jumps
            && now.wrapping_sub(slot.drawn_at) < PREFIX_MILLIS
        {
            slot.wrap(aad, secret, nonce, out);
        } else {
            self.draw_prefix(lane, now, jumps)?.wrap(aad, secret, nonce, out);
        }
        Ok(())
    }

    /// A context under a new prefix, in place of the one there was.
    #[cold]
    fn draw_prefix<'a>(&self, lane: &'a mut Lane, now: u64, jumps: u64) -> Result<&'a mut Slot> {
        let mut prefix: Prefix = [0; 12];
        lane.fill_nonce(&mut prefix)?;
        self.cached.store(true, Ordering::Release);
        let slot = lane.cache.begin_sealing(self.id, self.material.expose(), prefix);
        (slot.drawn_at, slot.jumps) = (now, jumps);
        Ok(slot)
    }

    /// Wraps under the nonce given. For vectors and scripted tests: a repeated nonce under one key is fatal.
    #[cfg(test)]
    pub(crate) fn wrap_with_nonce(
        &self,
        lane: &mut Lane,
        nonce: &WrapNonce,
        aad: &[u8],
        secret: &[u8],
        out: &mut [u8],
    ) {
        self.cached.store(true, Ordering::Release);
        lane.cache.candidate(self.id, self.material.expose(), head(nonce)).seal(
            tail(nonce),
            aad,
            secret,
            out,
        );
    }

    /// Unwraps; `out` is zero on failure. Prefixes enter the lane's cache only after a tag has verified.
    pub(crate) fn unwrap(
        &self,
        lane: &mut Lane,
        nonce: &WrapNonce,
        aad: &[u8],
        wrapped: &[u8],
        out: &mut [u8],
    ) -> Result<(), Unauthentic> {
        if !SECRET_SIZES.contains(&out.len()) || self.material.lost_to_fork() {
            wipe(out);
            return Err(Unauthentic);
        }
        let prefix = head(nonce);
        if let Some(key) = lane.cache.opening(self.id, &prefix) {
            return key.open(tail(nonce), aad, wrapped, out);
        }
        self.cached.store(true, Ordering::Release);
        lane.cache.candidate(self.id, self.material.expose(), prefix).open(tail(nonce), aad, wrapped, out)?;
        lane.cache.admit_candidate();
        Ok(())
    }
}

impl Drop for Kek {
    fn drop(&mut self) {
        if *self.cached.get_mut() {
            lane::forget(self.id);
        }
    }
}

impl Slot {
    /// Wraps under this prefix's next nonce, whose random part is in `nonce` already.
    #[inline]
    fn wrap(&mut self, aad: &[u8], secret: &[u8], nonce: &mut WrapNonce, out: &mut [u8]) {
        self.wraps += 1;
        nonce[..12].copy_from_slice(self.prefix());
        nonce[20..].copy_from_slice(&self.wraps.to_be_bytes());
        self.key.seal(tail(nonce), aad, secret, out);
    }
}

fn head(nonce: &WrapNonce) -> Prefix {
    let mut prefix = [0; 12];
    prefix.copy_from_slice(&nonce[..12]);
    prefix
}

fn tail(nonce: &WrapNonce) -> &[u8; 12] {
    // The last 12 of 24 bytes are always there.
    nonce.last_chunk().expect("a wrap nonce has 24 bytes")
}

#[cfg(test)]
#[path = "kek_tests.rs"]
pub(crate) mod tests;
