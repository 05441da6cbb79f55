//! Versions of a key as the data path meets them: held and usable, or barred.

use std::sync::Arc;

use super::document::KeyDocument;
use super::material::Material;
use super::names::KeyId;
use super::time::Time;
use super::types::{KeyState, KeyUsage, VersionState};
use super::usage::{Record, VersionUsage};
use super::version::VersionDocument;
use crate::audit::KeyRef;
use crate::crypto::{Kek, MacSecret, MaterialId, SealingSecret};
use crate::error::{Error, Result};

/// One version of a key as the data path needs it. Borrowed for the length of a call.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) key_id: KeyId,
    pub(crate) version: u32,
    pub(crate) material_id: MaterialId,
    pub(crate) material: Material,
    pub(crate) usage: Arc<VersionUsage>,
    /// May seal, as far as the version's own state and dates go.
    pub(crate) seals: bool,
}

impl Version {
    /// The wrapping key. INVALID_KEY_USAGE for a key of another usage.
    #[inline]
    pub(crate) fn kek(&self) -> Result<&Kek> {
        match &self.material {
            Material::Kek(kek) => Ok(kek),
            other => Err(self.wrong_usage(other)),
        }
    }

    /// The HMAC key. INVALID_KEY_USAGE for a key of another usage.
    pub(crate) fn mac(&self) -> Result<&MacSecret> {
        match &self.material {
            Material::Mac(mac) => Ok(mac),
            other => Err(self.wrong_usage(other)),
        }
    }

    /// The sealing key's private half. INVALID_KEY_USAGE for a key of another usage.
    pub(crate) fn sealing(&self) -> Result<&SealingSecret> {
        match &self.material {
            Material::Sealing(pair) => Ok(pair),
            other => Err(self.wrong_usage(other)),
        }
    }

    #[cold]
    fn wrong_usage(&self, material: &Material) -> Error {
        let usage = match material {
            Material::Kek(_) => KeyUsage::EncryptDecrypt,
            Material::Mac(_) => KeyUsage::GenerateVerifyMac,
            Material::Sealing(_) => KeyUsage::EncapsulateDecapsulate,
        };
        Error::InvalidKeyUsage { name: self.key_id.to_string().into(), usage: usage.name() }
    }

    /// As the trail names it, for [`Made::settle`](super::Made::settle).
    #[inline]
    pub(crate) fn reference(&self) -> Served {
        let about = KeyRef { key_id: self.key_id.0, version: self.version, material_id: self.material_id };
        Served { about, record: self.usage.record() }
    }
}

/// The version that served a use, or was tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) about: KeyRef,
    pub(crate) record: Record,
}

impl Served {
    /// Where no version was tried.
    pub(crate) fn no_version(key: KeyId) -> Served {
        let about = KeyRef { key_id: key.0, version: 0, material_id: [0; 8] };
        Served { about, record: Record::Counted }
    }
}

/// A version that opens nothing, and why.
pub(crate) struct Barred {
    pub(super) key_id: KeyId,
    pub(super) version: u32,
    pub(super) material_id: MaterialId,
    pub(super) why: Why,
}

#[derive(Clone, Copy)]
pub(super) enum Why {
    /// Its recipient period is over.
    Ended,
    /// Imported material that expired or was deleted.
    NoMaterial,
    Compromised,
    Destroyed,
}

impl Barred {
    /// Where a version of a key opens nothing at this time.
    pub(super) fn of(
        key: &KeyDocument,
        version: &VersionDocument,
        now: Time,
        recovery: bool,
    ) -> Option<Barred> {
        let over = |end: Option<Time>| end.is_some_and(|end| end <= now);
        let why = match version.state {
            VersionState::Destroyed => Some(Why::Destroyed),
            VersionState::PendingImport | VersionState::PendingRotation => Some(Why::NoMaterial),
            _ if over(version.valid_to) => Some(Why::NoMaterial),
            VersionState::Compromised => Some(Why::Compromised).filter(|_| !recovery),
            VersionState::Current | VersionState::NonCurrent => {
                Some(Why::Ended).filter(|_| !recovery && over(key.policy.recipient_end(version.created)))
            }
        };
        let (key_id, material_id) = (key.id, version.material_id);
        why.map(|why| Barred { key_id, version: version.version, material_id, why })
    }

    #[cold]
    pub(crate) fn error(&self) -> Error {
        let name = self.key_id.to_string().into();
        match self.why {
            Why::Ended => Error::CryptoperiodEnded { name, version: self.version },
            Why::NoMaterial => Error::InvalidKeyState { name, state: KeyState::PendingImport.name() },
            Why::Compromised => Error::InvalidKeyState { name, state: KeyState::Compromised.name() },
            Why::Destroyed => Error::KeyDestroyed { name },
        }
    }
}
