//! Key material of the caller's own, wrapped on its way.

use std::ffi::c_char;

use super::guard::guard;
use super::types::*;
use super::{args, handle, out};
use crate::error::{Error, Result, Status};
use crate::keystore::{ImportType, WrappingAlgorithm};

/// Makes a wrapping key and a token for importing material into a key that was made with KEYFOLD_KEY_EXTERNAL, as
/// JSON: ImportParameters in docs/ABI.md.
///
/// @param store       [in, shared]
/// @param name        [in, text]   a key id, "alias/NAME" or NAME
/// @param algorithm   [in, text]   "RSAES_OAEP_SHA_256/RSA_3072", "RSAES_OAEP_SHA_256/RSA_4096", "HPKE_X25519" or
///                    "HPKE_X_WING"
/// @param out_json    [out, buffer]   ImportParameters
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, INVALID_KEY_STATE, UNSUPPORTED_OPERATION, KEY_DESTROYED, STORE_READ_ONLY,
///           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_parameters_for_import(
    store: *const keyfold_store,
    name: *const c_char,
    algorithm: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_json, "out_json")? };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let algorithm = wrapping(unsafe { args::text(algorithm, "algorithm")? })?;
        out.json(&store.parameters_for_import(&name, algorithm)?)
    })
}

/// Takes wrapped material: a key's first, which makes it Enabled; new material, which the key's next rotation makes
/// current; or the same material again after it expired or was deleted.
///
/// @param store        [in, shared]
/// @param name         [in, text]   a key id, "alias/NAME" or NAME
/// @param token        [in, bytes(token_len)]   the import_token, its bytes
/// @param wrapped      [in, bytes(wrapped_len)]   the material, under the public key of the parameters
/// @param import_type  [in, text, nullable]   "NEW_KEY_MATERIAL" or "EXISTING_KEY_MATERIAL"; NULL: the first while the
///                     key never had any, and then the second
/// @param valid_days   [in]   it expires after so many days, 1 to 365; 0: it does not
/// @param out_json     [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, INVALID_IMPORT_TOKEN, EXPIRED_IMPORT_TOKEN, INVALID_KEY_MATERIAL,
///           INCORRECT_KEY_MATERIAL, ALREADY_EXISTS, INVALID_KEY_STATE, UNSUPPORTED_OPERATION,
///           APPROVAL_REQUIRED, KEY_DESTROYED, AUTH, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
///           STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_import_wrapped_material(
    store: *const keyfold_store,
    name: *const c_char,
    token: *const u8,
    token_len: usize,
    wrapped: *const u8,
    wrapped_len: usize,
    import_type: *const c_char,
    valid_days: u32,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let token = unsafe { args::bytes(token, token_len, "token")? };
        let wrapped = unsafe { args::bytes(wrapped, wrapped_len, "wrapped")? };
        let import_type = unsafe { args::text_or_none(import_type, "import_type")? };
        let import_type = import_type.map(kind_of_import).transpose()?;
        out.json(&store.import_wrapped_key_material(&name, token, wrapped, import_type, valid_days)?)
    })
}

/// Deletes a key's imported material at once, that of one version or all. Unless it was only pending rotation the key
/// is PendingImport then, and the same material can be imported again.
///
/// @param store         [in, shared]
/// @param name          [in, text]   a key id, "alias/NAME" or NAME
/// @param material_id   [in, text, nullable]   16 hexadecimal digits, as KeyMetadata has it; NULL: all that it has
/// @param out_json      [out, buffer, nullable]   KeyMetadata in docs/ABI.md
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
///           INVALID_ARGUMENT, INVALID_KEY_STATE, UNSUPPORTED_OPERATION, APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE,
///           KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_key_delete_imported_material(
    store: *const keyfold_store,
    name: *const c_char,
    material_id: *const c_char,
    out_json: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim_nullable(out_json) };
        let store = handle::store(store)?;
        let name = unsafe { args::key_name(name, "name")? };
        let id = unsafe { args::text_or_none(material_id, "material_id")? };
        let id = id.map(material_id_of).transpose()?;
        out.json(&store.delete_imported_key_material(&name, id)?)
    })
}

fn kind_of_import(name: &str) -> Result<ImportType> {
    ImportType::from_name(name)
        .ok_or(Error::InvalidArgument { what: "import_type is NEW_KEY_MATERIAL or EXISTING_KEY_MATERIAL" })
}

fn material_id_of(text: &str) -> Result<[u8; 8]> {
    let digits = text.len() == 16 && text.bytes().all(|c| c.is_ascii_hexdigit());
    let id = u64::from_str_radix(text, 16).ok().filter(|_| digits);
    id.map(u64::to_be_bytes).ok_or(Error::InvalidArgument { what: "a material id is 16 hexadecimal digits" })
}

fn wrapping(name: &str) -> Result<WrappingAlgorithm> {
    match name {
        "RSAES_OAEP_SHA_256/RSA_3072" => Ok(WrappingAlgorithm::RsaOaep3072),
        "RSAES_OAEP_SHA_256/RSA_4096" => Ok(WrappingAlgorithm::RsaOaep4096),
        "HPKE_X25519" => Ok(WrappingAlgorithm::HpkeX25519),
        "HPKE_X_WING" => Ok(WrappingAlgorithm::HpkeXWing),
        _ => Err(Error::InvalidArgument { what: "there is no wrapping algorithm of this name" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrapping_algorithm_is_named_as_json_names_it() {
        use WrappingAlgorithm::*;
        for algorithm in [RsaOaep3072, RsaOaep4096, HpkeX25519, HpkeXWing] {
            let name = serde_json::to_value(algorithm).unwrap();
            assert_eq!(wrapping(name.as_str().unwrap()), Ok(algorithm));
        }
        assert!(wrapping("HPKE").is_err());
    }
}
