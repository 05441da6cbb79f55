//! Key material on its way between slab slots and documents: wrapped under K_mat, bound to its place.

use std::sync::Arc;

use super::names::KeyId;
use super::secrets::Secrets;
use super::time::Time;
use super::types::{KeySpec, KeyUsage, Origin, RotationType, VersionState};
use super::version::VersionDocument;
use crate::crypto::{
    Kek, Kem, MacHash, MacSecret, MaterialId, SealingSecret, ct_eq, fill_random, hkdf_sha256, with_lane,
};
use crate::error::{Error, Result};
use crate::secret::{Key32, OnFork, SecretBytes};

/// What a version's material is, ready for use.
#[derive(Clone)]
pub(crate) enum Material {
    /// Wraps data keys.
    Kek(Arc<Kek>),
    /// Makes and verifies MACs.
    Mac(Arc<MacSecret>),
    /// Opens what its public half sealed.
    Sealing(Arc<SealingSecret>),
}

/// Whose material it is and what it may be used for; all of it is authenticated with the wrapped bytes.
#[derive(Clone, Copy)]
pub(super) struct Binding {
    pub(super) magic: [u8; 4],
    pub(super) store_id: [u8; 16],
    pub(super) key_id: KeyId,
    pub(super) spec: KeySpec,
    pub(super) version: u32,
    pub(super) material_id: MaterialId,
    pub(super) origin: Origin,
    pub(super) created: Time,
}

/// Magic of the AAD under K_mat. Other uses of XAES under a key's material begin otherwise (docs/FORMAT.md).
pub(super) const STORED: [u8; 4] = *b"KFM\x01";
const TAG: usize = 16;
/// The most bytes of material.
const LONGEST: usize = 64;

/// A spec as one byte of an AAD and of a material id.
pub(super) fn spec_byte(spec: KeySpec) -> u8 {
    match spec {
        KeySpec::Symmetric => 1,
        KeySpec::Hmac256 => 2,
        KeySpec::Hmac384 => 3,
        KeySpec::Hmac512 => 4,
        KeySpec::X25519 => 5,
        KeySpec::XWing => 6,
    }
}

impl Binding {
    /// magic (4) ‖ store id (16) ‖ key id (16) ‖ version (4) ‖ material id (8) ‖ spec (1) ‖ origin (1) ‖ created (8).
    fn aad(&self) -> [u8; 58] {
        let mut aad = [0; 58];
        aad[..4].copy_from_slice(&self.magic);
        aad[4..20].copy_from_slice(&self.store_id);
        aad[20..36].copy_from_slice(&self.key_id.0);
        aad[36..40].copy_from_slice(&self.version.to_be_bytes());
        aad[40..48].copy_from_slice(&self.material_id);
        aad[48] = spec_byte(self.spec);
        aad[49] = match self.origin {
            Origin::Keyfold => 1,
            Origin::External => 2,
        };
        aad[50..].copy_from_slice(&self.created.0.to_be_bytes());
        aad
    }

    /// Of a version as a document of this store names it.
    pub(super) fn stored(
        secrets: &Secrets,
        key_id: KeyId,
        spec: KeySpec,
        version: &VersionDocument,
    ) -> Binding {
        Binding {
            magic: STORED,
            store_id: secrets.store_id,
            key_id,
            spec,
            version: version.version,
            material_id: version.material_id,
            origin: version.origin,
            created: version.created,
        }
    }
}

impl Material {
    /// Material of this spec, its bytes filled in where they lie: of exactly the spec's size.
    pub(super) fn filled(
        spec: KeySpec,
        on_fork: OnFork,
        fill: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<Material> {
        let key = |fill: &mut dyn FnMut(&mut [u8]) -> Result<()>| Key32::new_with(on_fork, |out| fill(out));
        let mut fill = Some(fill);
        let mut once = |out: &mut [u8]| match fill.take() {
            Some(fill) => fill(out),
            None => Err(Error::Internal { what: "material filled twice" }),
        };
        let hash = match spec {
            KeySpec::Symmetric => return Ok(Material::Kek(Arc::new(Kek::new(key(&mut once)?)?))),
            KeySpec::X25519 | KeySpec::XWing => {
                let kem = if spec == KeySpec::X25519 { Kem::X25519 } else { Kem::XWing };
                return Ok(Material::Sealing(Arc::new(SealingSecret::new(kem, key(&mut once)?)?)));
            }
            KeySpec::Hmac256 => MacHash::Sha256,
            KeySpec::Hmac384 => MacHash::Sha384,
            KeySpec::Hmac512 => MacHash::Sha512,
        };
        let mut bytes = SecretBytes::zeroed(hash.size(), on_fork)?;
        once(bytes.expose_mut())?;
        Ok(Material::Mac(Arc::new(MacSecret::new(hash, bytes)?)))
    }

    /// The bytes, for wrapping alone.
    pub(super) fn expose(&self) -> &[u8] {
        match self {
            Material::Kek(kek) => kek.material().expose(),
            Material::Mac(mac) => mac.expose(),
            Material::Sealing(pair) => pair.seed().expose(),
        }
    }

    /// Names the material without telling it: docs/KEYSTORE.md 8.2.
    pub(super) fn id(&self, spec: KeySpec) -> MaterialId {
        match self {
            Material::Kek(kek) => kek.material_id(),
            Material::Mac(mac) => mac.material_id(spec_byte(spec)),
            Material::Sealing(pair) => SealingSecret::material_id(spec_byte(spec), pair.public()),
        }
    }

    /// Tells imported material apart from every other, for ever: a material id has only eight bytes, and somebody who
    /// may import could look for other material with the same one. Tells nothing about random material.
    pub(super) fn commitment(&self, store_id: &[u8; 16], spec: KeySpec) -> [u8; 32] {
        let mut out = [0; 32];
        let salt = [b"keyfold/import-commitment/1".as_slice(), store_id].concat();
        hkdf_sha256(&salt, self.expose(), &[spec_byte(spec)], &mut out);
        out
    }
}

/// Fresh material.
pub(super) fn draw(spec: KeySpec, on_fork: OnFork) -> Result<Material> {
    Material::filled(spec, on_fork, fill_random)
}

/// A caller's material, of exactly the spec's size; refused when all bytes are equal, which no random key is.
pub(super) fn take(spec: KeySpec, material: &[u8], on_fork: OnFork) -> Result<Material> {
    if spec.usage() == KeyUsage::EncapsulateDecapsulate {
        return Err(Error::UnsupportedOperation { what: "a sealing key's material is drawn by the store" });
    }
    if material.len() != spec.size() {
        let why = match spec.size() {
            48 => "exactly 48 bytes are needed",
            64 => "exactly 64 bytes are needed",
            _ => "exactly 32 bytes are needed",
        };
        return Err(Error::InvalidKeyMaterial { why });
    }
    refuse_equal(material)?;
    of(spec, material, on_fork)
}

pub(super) fn refuse_equal(material: &[u8]) -> Result<()> {
    match material.windows(2).all(|pair| pair[0] == pair[1]) {
        true => Err(Error::InvalidKeyMaterial { why: "all its bytes are equal" }),
        false => Ok(()),
    }
}

/// These bytes, whatever they are.
pub(super) fn of(spec: KeySpec, material: &[u8], on_fork: OnFork) -> Result<Material> {
    Material::filled(spec, on_fork, |out| {
        out.copy_from_slice(material);
        Ok(())
    })
}

/// Wraps a version's material for a document, and opens it again before anything depends on it.
pub(super) fn wrap(under: &Kek, binding: &Binding, material: &Material) -> Result<([u8; 24], Vec<u8>)> {
    let bytes = material.expose();
    let (mut nonce, mut room, aad) = ([0; 24], [0; LONGEST + TAG], binding.aad());
    let wrapped = room
        .get_mut(..bytes.len() + TAG)
        .filter(|_| bytes.len() == binding.spec.size())
        .ok_or(Error::Internal { what: "material of another size than its spec's" })?;
    with_lane(|lane| under.wrap(lane, &aad, bytes, &mut nonce, wrapped))?;
    let again = unwrap(under, binding, &nonce, wrapped, OnFork::Wipe)?;
    match again.is_some_and(|again| ct_eq(again.expose(), bytes)) {
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
) -> Result<Option<Material>> {
    if wrapped.len() != binding.spec.size() + TAG {
        return Ok(None);
    }
    let mut authentic = true;
    let material = Material::filled(binding.spec, on_fork, |out| {
        with_lane(|lane| {
            authentic = under.unwrap(lane, nonce, &binding.aad(), wrapped, out).is_ok();
            Ok(())
        })
    })?;
    let named = authentic && ct_eq(&material.id(binding.spec), &binding.material_id);
    Ok(named.then_some(material))
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
pub(super) fn open(
    secrets: &Secrets,
    key_id: KeyId,
    spec: KeySpec,
    version: &VersionDocument,
) -> Result<Material> {
    #[cfg(test)]
    OPENED.set(OPENED.get() + 1);
    let binding = Binding::stored(secrets, key_id, spec, version);
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
    spec: KeySpec,
    number: u32,
    made: Made,
    material: &Material,
) -> Result<VersionDocument> {
    let Made { origin, created, rotation_type, by } = made;
    let material_id = material.id(spec);
    let binding = Binding {
        magic: STORED,
        store_id: secrets.store_id,
        key_id,
        spec,
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
        commitment: (origin == Origin::External).then(|| material.commitment(&secrets.store_id, spec)),
        nonce,
        wrapped,
        former: Vec::new(),
        other: Default::default(),
    })
}
