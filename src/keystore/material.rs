//! Key material on its way between slab slots and documents: wrapped under K_mat, bound to its place.

use super::names::KeyId;
use super::secrets::Secrets;
use super::time::Time;
use super::types::{Origin, RotationType, VersionState};
use super::version::VersionDocument;
use crate::crypto::{Kek, MaterialId, ct_eq, fill_random, with_lane};
use crate::error::{Error, Result};
use crate::secret::{Key32, OnFork};

/// Whose material it is and what it may be used for; all of it is authenticated with the wrapped bytes.
#[derive(Clone, Copy)]
pub(super) struct Binding {
    pub(super) magic: [u8; 4],
    pub(super) store_id: [u8; 16],
    pub(super) key_id: KeyId,
    pub(super) version: u32,
    pub(super) material_id: MaterialId,
    pub(super) origin: Origin,
    pub(super) created: Time,
}

/// Magic of the AAD under K_mat. Other uses of XAES under a key's material begin otherwise (docs/FORMAT.md).
pub(super) const STORED: [u8; 4] = *b"KFM\x01";
const SPEC_SYMMETRIC_DEFAULT: u8 = 1;

impl Binding {
    /// magic (4) ‖ store id (16) ‖ key id (16) ‖ version (4) ‖ material id (8) ‖ spec (1) ‖ origin (1) ‖ created (8).
    fn aad(&self) -> [u8; 58] {
        let mut aad = [0; 58];
        aad[..4].copy_from_slice(&self.magic);
        aad[4..20].copy_from_slice(&self.store_id);
        aad[20..36].copy_from_slice(&self.key_id.0);
        aad[36..40].copy_from_slice(&self.version.to_be_bytes());
        aad[40..48].copy_from_slice(&self.material_id);
        aad[48] = SPEC_SYMMETRIC_DEFAULT;
        aad[49] = match self.origin {
            Origin::Keyfold => 1,
            Origin::External => 2,
        };
        aad[50..].copy_from_slice(&self.created.0.to_be_bytes());
        aad
    }

    /// Of a version as a document of this store names it.
    pub(super) fn stored(secrets: &Secrets, key_id: KeyId, version: &VersionDocument) -> Binding {
        Binding {
            magic: STORED,
            store_id: secrets.store_id,
            key_id,
            version: version.version,
            material_id: version.material_id,
            origin: version.origin,
            created: version.created,
        }
    }
}

/// Fresh material.
pub(super) fn draw(on_fork: OnFork) -> Result<Kek> {
    Kek::new(Key32::new_with(on_fork, |out| fill_random(out))?)
}

/// Exactly 32 bytes of a caller's material; refused when all are equal, which no random key is.
pub(super) fn take(material: &[u8], on_fork: OnFork) -> Result<Kek> {
    let material: &[u8; 32] =
        material.try_into().map_err(|_| Error::InvalidKeyMaterial { why: "exactly 32 bytes are needed" })?;
    refuse_equal(material)?;
    of(material, on_fork)
}

pub(super) fn refuse_equal(material: &[u8; 32]) -> Result<()> {
    match material.iter().all(|&byte| byte == material[0]) {
        true => Err(Error::InvalidKeyMaterial { why: "all its bytes are equal" }),
        false => Ok(()),
    }
}

/// These bytes, whatever they are.
pub(super) fn of(material: &[u8; 32], on_fork: OnFork) -> Result<Kek> {
    Kek::new(Key32::new_with(on_fork, |out| {
        out.copy_from_slice(material);
        Ok(())
    })?)
}

/// Wraps a version's material for a document, and opens it again before anything depends on it.
pub(super) fn wrap(under: &Kek, binding: &Binding, material: &Kek) -> Result<([u8; 24], Vec<u8>)> {
    let (mut nonce, mut wrapped, aad) = ([0; 24], [0; 48], binding.aad());
    with_lane(|lane| under.wrap(lane, &aad, material.material().expose(), &mut nonce, &mut wrapped))?;
    let again = unwrap(under, binding, &nonce, &wrapped, OnFork::Wipe)?;
    match again.is_some_and(|again| ct_eq(again.material().expose(), material.material().expose())) {
        true => Ok((nonce, wrapped.to_vec())),
        false => Err(Error::Internal { what: "wrapped key material does not open" }),
    }
}

/// A version's material; `None` when it does not authenticate, or is not the material its id names.
pub(super) fn unwrap(
    under: &Kek,
    binding: &Binding,
    nonce: &[u8; 24],
    wrapped: &[u8],
    on_fork: OnFork,
) -> Result<Option<Kek>> {
    if wrapped.len() != 48 {
        return Ok(None);
    }
    let mut authentic = true;
    let key = Key32::new_with(on_fork, |out| {
        with_lane(|lane| {
            authentic = under.unwrap(lane, nonce, &binding.aad(), wrapped, out).is_ok();
            Ok(())
        })
    })?;
    if !authentic {
        return Ok(None);
    }
    let kek = Kek::new(key)?;
    Ok(ct_eq(&kek.material_id(), &binding.material_id).then_some(kek))
}

#[cfg(test)]
thread_local! {
    static OPENED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How many stored versions this thread has unwrapped.
#[cfg(test)]
pub(crate) fn opened() -> u64 {
    OPENED.get()
}

/// A stored version's material.
pub(super) fn open(secrets: &Secrets, key_id: KeyId, version: &VersionDocument) -> Result<Kek> {
    #[cfg(test)]
    OPENED.set(OPENED.get() + 1);
    let binding = Binding::stored(secrets, key_id, version);
    unwrap(&secrets.material, &binding, &version.nonce, &version.wrapped, secrets.on_fork)?.ok_or_else(|| {
        let what = format!("keys row {key_id}: the material of version {} does not open", version.version);
        Error::StoreIntegrity { what: what.into() }
    })
}

/// How a version came to be.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) origin: Origin,
    pub(super) created: Time,
    pub(super) rotation_type: RotationType,
    pub(super) by: String,
}

/// A new version's place in a document, as its current one.
pub(super) fn version(
    secrets: &Secrets,
    key_id: KeyId,
    number: u32,
    made: Made,
    material: &Kek,
) -> Result<VersionDocument> {
    let Made { origin, created, rotation_type, by } = made;
    let material_id = material.material_id();
    let binding = Binding {
        magic: STORED,
        store_id: secrets.store_id,
        key_id,
        version: number,
        material_id,
        origin,
        created,
    };
    let (nonce, wrapped) = wrap(&secrets.material, &binding, material)?;
    Ok(VersionDocument {
        version: number,
        material_id,
        state: VersionState::Current,
        origin,
        created,
        rotation_type,
        created_by: by,
        valid_to: None,
        nonce,
        wrapped,
        former: Vec::new(),
        other: Default::default(),
    })
}
