//! Suite 0x01: from DEK to payload key and commitment. FORMAT.md section 6.

use zeroize::Zeroizing;

use super::context::Context;
use super::head::Kind;
use super::{DEK, MAX_DATA_KEY, SUITE};
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
pub(super) fn set_payload_key(lane: &mut Lane, dek: &MessageDek) {
    let dek = dek.expose();
    sha256_into(&[&size(dek), dek, b"KFEK", &[SUITE]], &mut lane.payload_key);
    lane.payload.set(&lane.payload_key);
}

/// C (6.3), for a head to be made.
pub(super) fn commitment(kind: Kind, dek: &[u8], preamble: &[u8], context: &Context<'_>, out: &mut [u8; 32]) {
    sha256_into(&[&size(dek), dek, kind.commitment_label(), preamble, context.as_bytes()], out);
}

/// Whether a DEK, head and context are those that C commits to; in constant time.
pub(super) fn commits(kind: Kind, dek: &[u8], fixed: &[u8], context: &Context<'_>) -> bool {
    let mut expected = Zeroizing::new([0; 32]);
    let (preamble, given) = fixed.split_at(super::head::PREAMBLE);
    commitment(kind, dek, preamble, context, &mut expected);
    ct_eq(&expected[..], given)
}

fn size(dek: &[u8]) -> [u8; 2] {
    (dek.len() as u16).to_be_bytes()
}
