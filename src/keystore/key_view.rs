//! A view of a key for the length of one call: which version seals, and which one a cell or a MAC names.

use super::key_state::State;
use super::key_version::{Barred, Version};
use super::names::KeyId;
use crate::crypto::MaterialId;
use crate::error::{Error, Result};

/// A consistent view of a key for the length of one call.
pub(crate) struct KeyView<'a> {
    pub(super) state: &'a State,
    /// The coarse clock's milliseconds when the view began.
    pub(crate) now: u64,
}

/// What a cell's name comes to in this key.
pub(crate) enum Named<'a> {
    /// Held and allowed.
    Held(&'a Version),
    /// Of this key, but no such version, or other material under that number.
    Unknown,
    /// Of this key, and not usable: by its dates, or for want of material.
    Barred(&'a Barred),
    /// Not this key's id (nor a former name of one of its versions).
    Foreign,
}

impl KeyView<'_> {
    /// The version that new cells are wrapped under.
    ///
    /// # Errors
    /// INVALID_KEY_STATE when there is none that may seal.
    #[inline]
    pub(crate) fn current(&self) -> Result<&Version> {
        match self.state.versions.last() {
            Some(version) if version.seals => Ok(version),
            _ => Err(self.nothing_seals()),
        }
    }

    #[cold]
    fn nothing_seals(&self) -> Error {
        let name = self.state.id.to_string().into();
        match self.state.seals_not {
            Some(why) => Error::NothingSeals { name, why },
            None => Error::InvalidKeyState { name, state: self.state.key_state.name() },
        }
    }

    /// A version of this material, whatever its number.
    pub(super) fn of_material(&self, material_id: MaterialId) -> Option<&Version> {
        self.state.versions.iter().find(|held| held.material_id == material_id)
    }

    /// The versions of this number whose material ids begin so: what a MAC names.
    pub(super) fn begin_with(&self, version: u32, id: [u8; 2]) -> impl Iterator<Item = &Version> {
        let all = self.state.versions.iter();
        all.filter(move |held| held.version == version && held.material_id.starts_with(&id))
    }

    /// Of those, one that serves no use.
    pub(super) fn barred_begin_with(&self, version: u32, id: [u8; 2]) -> Option<&Barred> {
        let mut all = self.state.barred.iter();
        all.find(|barred| barred.version == version && barred.material_id.starts_with(&id))
    }

    /// The version a cell names by key id, number and material id.
    pub(crate) fn named(&self, key_id: KeyId, version: u32, material_id: MaterialId) -> Named<'_> {
        let state = self.state;
        if key_id == state.id {
            let first = state.versions.partition_point(|held| held.version < version);
            let same = state.versions[first..].iter().take_while(|held| held.version == version);
            return match same.into_iter().find(|held| held.material_id == material_id) {
                Some(held) => Named::Held(held),
                None => state.barred(key_id, version, material_id).unwrap_or(Named::Unknown),
            };
        }
        let mut former = state.former.iter().filter(|former| former.key_id == key_id).peekable();
        match former.peek() {
            None => state.barred(key_id, version, material_id).unwrap_or(Named::Foreign),
            Some(_) => former
                .find(|former| former.version == version && former.material_id == material_id)
                .map(Named::Held)
                .or_else(|| state.barred(key_id, version, material_id))
                .unwrap_or(Named::Unknown),
        }
    }
}

impl State {
    #[cold]
    fn barred(&self, key_id: KeyId, version: u32, material_id: MaterialId) -> Option<Named<'_>> {
        let is = |barred: &&Barred| {
            (barred.key_id, barred.version, barred.material_id) == (key_id, version, material_id)
        };
        self.barred.iter().find(is).map(Named::Barred)
    }
}
