//! From what a cell names to material that is held and allowed, and the answer when there is none: FORMAT.md 9.4,
//! 9.7 and 10.

use super::Allowed;
use super::SEAL_INFO;
use super::cells::{Cell, KeyCell, NAMED, TAG, Wrapping};
use super::head::{FIXED, Head};
use crate::context::{Context, MAX_ENCODED};
use crate::crypto::{Kem, Lane, WrapNonce};
use crate::error::{Error, Result};
use crate::keystore::{Key, KeyId, KeyView, Named, Served, Version, Wish};
use crate::operation::Operation;

/// What became of the cells looked at so far, for the one answer at the end.
#[derive(Default)]
pub(super) struct Misses {
    /// A cell's material was held, and the cell failed.
    pub(super) tried: bool,
    /// A cell names an allowed key, but a version or material that it does not have.
    unknown: bool,
    /// An allowed key that may not be used; it has its event.
    disabled: Option<Error>,
    /// Keys that may not be used: asked once a call.
    refused: Vec<KeyId>,
    /// The first key whose cell failed, for the event.
    pub(super) first: Option<(Key, Served)>,
}

impl Allowed<'_> {
    /// Has the event of a call that came to nothing before any version was tried: of the key that the caller named
    /// first, or of none.
    #[cold]
    pub(super) fn refuse(&self, wish: &Wish<'_>, error: Error) -> Error {
        match self {
            Allowed::Keys([key, ..]) => key.refuse(wish, error),
            Allowed::Keys([]) => error,
            Allowed::AnyKeyOf(store) => store.refuse(wish, error),
        }
    }

    /// The same for data that cannot even be read.
    #[inline]
    pub(super) fn read<R>(&self, operation: Operation, context: &Context<'_>, read: Result<R>) -> Result<R> {
        read.map_err(|error| self.refuse(&Wish::new(operation, context, 0), error))
    }
}

impl Misses {
    /// Runs `f` on the material that a cell names, if it is held and allowed, and then `settle`, outside the view;
    /// whether it was.
    #[inline]
    pub(super) fn reach(
        &mut self,
        allowed: &Allowed<'_>,
        wish: &Wish<'_>,
        cell: &KeyCell<'_>,
        mut f: impl FnMut(&Key, &KeyView<'_>, &Version) -> Result<()>,
        mut settle: impl FnMut(&Key) -> Result<()>,
    ) -> Result<bool> {
        match allowed {
            Allowed::Keys(keys) => {
                for key in *keys {
                    if self.look(key, wish, cell, &mut f, &mut settle)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Allowed::AnyKeyOf(store) => match store.key_by_id(cell.key_id()) {
                Ok(key) => self.look(&key, wish, cell, &mut f, &mut settle),
                Err(Error::KeyNotFound { .. }) => Ok(false),
                Err(e) => self.may_pass(store.refuse(wish, e)),
            },
        }
    }

    #[inline]
    fn look(
        &mut self,
        key: &Key,
        wish: &Wish<'_>,
        cell: &KeyCell<'_>,
        f: &mut impl FnMut(&Key, &KeyView<'_>, &Version) -> Result<()>,
        settle: &mut impl FnMut(&Key) -> Result<()>,
    ) -> Result<bool> {
        if self.refused.contains(&key.id()) {
            return Ok(false);
        }
        let unknown = &mut self.unknown;
        let seen =
            key.view(wish, |view| match view.named(cell.key_id(), cell.version(), cell.material_id()) {
                Named::Held(version) => f(key, view, version).map(|()| true),
                Named::Unknown => {
                    *unknown = true;
                    Ok(false)
                }
                Named::Barred(barred) => Err(barred.error()),
                Named::Foreign => Ok(false),
            });
        match seen {
            Ok(true) => settle(key).map(|()| true),
            Ok(false) => Ok(false),
            Err(e) => {
                self.refused.push(key.id());
                self.may_pass(e)
            }
        }
    }

    /// A key that may not be used is passed over, since another cell may open; every other error ends the call.
    #[cold]
    fn may_pass(&mut self, error: Error) -> Result<bool> {
        match error {
            Error::KeyDisabled { .. }
            | Error::InvalidKeyState { .. }
            | Error::KeyDestroyed { .. }
            | Error::KeyStopped { .. }
            | Error::CryptoperiodEnded { .. }
            | Error::AccessDenied { .. }
            | Error::HandleNarrowed { .. } => {
                self.disabled.get_or_insert(error);
                Ok(false)
            }
            _ => Err(error),
        }
    }

    /// Remembers the first key whose cell failed.
    #[cold]
    pub(super) fn missed(first: &mut Option<(Key, Served)>, key: &Key, version: Served) {
        first.get_or_insert_with(|| (key.clone(), version));
    }

    /// The answer when no cell opened, with its event: FORMAT.md 10.1 and 10.2.
    #[cold]
    pub(super) fn answer(mut self, allowed: &Allowed<'_>, wish: &Wish<'_>, head: &Head<'_>) -> Error {
        if let Some((key, version)) = self.first.take() {
            return match key.settle_failed(wish, version, &Error::Auth) {
                Ok(()) => Error::Auth,
                Err(error) => error,
            };
        }
        // Each such key had its event when it was asked.
        let told = self.disabled.is_some();
        let error = self.reason(allowed, head);
        if told { error } else { allowed.refuse(wish, error) }
    }

    fn reason(self, allowed: &Allowed<'_>, head: &Head<'_>) -> Error {
        if self.tried {
            return Error::Auth;
        }
        if let Some(disabled) = self.disabled {
            return disabled;
        }
        if !self.unknown
            && let Allowed::Keys([key, ..]) = allowed
        {
            // One look at public ids. Material of keys that the caller did not name stays where it is.
            let named = head.cells().filter_map(|cell| cell.key()).map(|cell| cell.key_id());
            return match key.store().holds_any(named) {
                Ok(true) => Error::KeyNotAllowed,
                Ok(false) => Error::NoUsableCell,
                Err(e) => e,
            };
        }
        Error::NoUsableCell
    }
}

/// Unwraps a cell under a version's material; whether its tag agreed. `dek` is zero if not.
pub(super) fn unwrap(
    lane: &mut Lane,
    head: &Head<'_>,
    cell: &Cell<'_>,
    key: &KeyCell<'_>,
    version: &Version,
    dek: &mut [u8],
) -> bool {
    // The caller's memory may change after the head was checked; nothing below may meet other lengths.
    if key.wrapped.len() != dek.len() + TAG {
        return false;
    }
    let nonce = match key.wrapping {
        Wrapping::Under(nonce) => nonce,
        Wrapping::Sealed { kem, encapsulated } => {
            return open_sealed(head.whole_fixed(), key, kem, encapsulated, version, dek);
        }
    };
    if cell.offset == 0 {
        // The fixed part and the first cell's beginning lie together in the envelope.
        return version
            .kek()
            .is_ok_and(|kek| kek.unwrap(lane, nonce, head.with_first_cell(), key.wrapped, dek).is_ok());
    }
    let fixed = head.whole_fixed();
    // The stack frame is as large as what most heads need, and that of the largest only where one comes.
    if fixed.len() <= 512 {
        unwrap_joined::<{ 512 + NAMED }>(lane, fixed, key, nonce, version, dek)
    } else {
        unwrap_joined::<{ FIXED + MAX_ENCODED + NAMED }>(lane, fixed, key, nonce, version, dek)
    }
}

#[inline(never)]
fn unwrap_joined<const N: usize>(
    lane: &mut Lane,
    fixed: &[u8],
    key: &KeyCell<'_>,
    nonce: &WrapNonce,
    version: &Version,
    dek: &mut [u8],
) -> bool {
    let mut aad = [0; N];
    aad[..fixed.len()].copy_from_slice(fixed);
    aad[fixed.len()..fixed.len() + NAMED].copy_from_slice(key.named());
    let aad = &aad[..fixed.len() + NAMED];
    version.kek().is_ok_and(|kek| kek.unwrap(lane, nonce, aad, key.wrapped, dek).is_ok())
}

/// Opens a sealed cell with a version's private half; whether its tag agreed.
#[cold]
fn open_sealed(
    fixed: &[u8],
    key: &KeyCell<'_>,
    kem: Kem,
    encapsulated: &[u8],
    version: &Version,
    dek: &mut [u8],
) -> bool {
    let aad = [fixed, key.named(), &kem.id().to_be_bytes()].concat();
    version.sealing().is_ok_and(|pair| {
        pair.kem() == kem && pair.open(SEAL_INFO, &aad, encapsulated, key.wrapped, dek).is_ok()
    })
}
