//! Importing key material that was wrapped for this store: KMS's GetParametersForImport and ImportKeyMaterial.
//! `docs/KEYS.md`, "Import".

use serde::Serialize;

use super::Store;
use super::names::KeyName;
use super::types::KeyMetadata;
use crate::error::Result;

/// How the material is wrapped on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum WrappingAlgorithm {
    /// RSAES-OAEP with SHA-256 under a 3,072-bit key.
    #[serde(rename = "RSAES_OAEP_SHA_256/RSA_3072")]
    RsaOaep3072,
    /// RSAES-OAEP with SHA-256 under a 4,096-bit key.
    #[serde(rename = "RSAES_OAEP_SHA_256/RSA_4096")]
    RsaOaep4096,
    /// HPKE base mode: DHKEM(X25519, HKDF-SHA-256), HKDF-SHA-256, AES-256-GCM.
    #[serde(rename = "HPKE_X25519")]
    HpkeX25519,
    /// HPKE base mode: X-Wing, HKDF-SHA-256, AES-256-GCM.
    #[serde(rename = "HPKE_X_WING")]
    HpkeXWing,
}

/// What a person who brings material needs.
#[derive(Clone, Debug, Serialize)]
pub struct ImportParameters {
    /// The key it is for.
    pub key_id: String,
    /// Hexadecimal; given back with the material. Authenticated, and of one use.
    pub import_token: String,
    /// Hexadecimal: SubjectPublicKeyInfo in DER for RSA, the raw public key for HPKE.
    pub public_key: String,
    /// The algorithm.
    pub wrapping_algorithm: WrappingAlgorithm,
    /// Hexadecimal: HPKE's info.
    pub info: String,
    /// RFC 3339: 24 hours from now.
    pub parameters_valid_to: String,
}

impl Store {
    /// A wrapping key and a token for importing material into a key whose origin is EXTERNAL.
    pub fn parameters_for_import(
        &self,
        _name: &KeyName,
        _algorithm: WrappingAlgorithm,
    ) -> Result<ImportParameters> {
        todo!()
    }

    /// Takes wrapped material: the key's first, which makes it Enabled; or the same material again after it expired or
    /// was deleted (INCORRECT_KEY_MATERIAL for any other). `valid_days`: it expires after so many days (1 to 365; 0: it
    /// does not).
    pub fn import_wrapped_key_material(
        &self,
        _name: &KeyName,
        _token: &[u8],
        _wrapped: &[u8],
        _valid_days: u32,
    ) -> Result<KeyMetadata> {
        todo!()
    }

    /// Deletes imported material at once; the key is then PendingImport, and the same material can be imported again.
    pub fn delete_imported_key_material(&self, _name: &KeyName) -> Result<KeyMetadata> {
        todo!()
    }
}
