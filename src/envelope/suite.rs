//! Suite 0x01: from DEK to payload key and commitment. FORMAT.md section 6.

use super::head::{FIXED, Kind, PREAMBLE};
use super::{DEK, MAX_DATA_KEY, SUITE};
use crate::context::Context;
use crate::crypto::{Lane, ct_eq, sha256_into};
use crate::error::Result;
use crate::secret::wipe;

/// A DEK for the length of a call: on the stack, wiped when dropped. An envelope's has 32 bytes; a data key up to
/// 1,024, for which `N` is the room.
pub(super) struct Dek<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

pub(super) type MessageDek = Dek<DEK>;
pub(super) type AnyDek = Dek<MAX_DATA_KEY>;

impl<const N: usize> Dek<N> {
    /// Room for `len` bytes, at most `N`.
    pub(super) fn zeroed(len: usize) -> Dek<N> {
        debug_assert!(len <= N);
        Dek { bytes: [0; N], len }
    }

    /// Fresh random bytes.
    pub(super) fn fresh(lane: &mut Lane, len: usize) -> Result<Dek<N>> {
        let mut dek = Dek::zeroed(len);
        lane.fill(dek.room())?;
        Ok(dek)
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl<const N: usize> Drop for Dek<N> {
    fn drop(&mut self) {
        wipe(&mut self.bytes[..self.len]);
    }
}

/// Makes the lane's payload context ready under K (6.2).
#[inline]
pub(super) fn set_payload_key(lane: &mut Lane, dek: &MessageDek) {
    sha256_into(&[&SIZE, &dek.bytes, b"KFEK", &[SUITE]], &mut lane.payload_key);
    lane.payload.set(&lane.payload_key);
}

/// The size of an envelope's DEK, as it stands before it.
const SIZE: [u8; 2] = (DEK as u16).to_be_bytes();

/// C (6.3). `preamble` is F[0..12].
#[inline]
pub(super) fn commitment(
    kind: Kind,
    dek: &[u8],
    preamble: &[u8; PREAMBLE],
    context: &Context<'_>,
    out: &mut [u8; 32],
) {
    let (label, context) = (kind.commitment_label(), context.as_bytes());
    match <&[u8; DEK]>::try_from(dek) {
        Ok(dek) => sha256_into(&[&SIZE, dek, label, preamble, context], out),
        Err(_) => {
            let size = (dek.len() as u16).to_be_bytes();
            sha256_into(&[&size, dek, label, preamble, context], out);
        }
    }
}

/// Whether a DEK, head and context are those that C commits to; in constant time.
#[inline]
pub(super) fn commits(kind: Kind, dek: &[u8], fixed: &[u8; FIXED], context: &Context<'_>) -> bool {
    let Some((preamble, given)) = fixed.split_first_chunk() else { return false };
    let mut expected = [0; 32];
    commitment(kind, dek, preamble, context, &mut expected);
    let agrees = ct_eq(&expected, given);
    wipe(&mut expected);
    agrees
}
