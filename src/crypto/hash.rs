/// SHA-256 (FIPS 180-4) of the parts one after another, into `out`, through the block function. Nothing secret is
/// left on the stack.
pub(crate) fn sha256_into(_parts: &[&[u8]], _out: &mut [u8; 32]) {
    todo!()
}
/// HMAC-SHA-256 (RFC 2104) of the parts one after another. Callers put lengths before contents.
pub(crate) fn hmac_sha256(_key: &[u8; 32], _parts: &[&[u8]]) -> [u8; 32] {
    todo!()
}
/// HKDF-SHA-256 (RFC 5869), extract then expand; `out` up to 8,160 bytes.
pub(crate) fn hkdf_sha256(_salt: &[u8], _ikm: &[u8], _info: &[u8], _out: &mut [u8]) {
    todo!()
}
/// Whether two byte strings are equal, in time that depends on their lengths only (`subtle`).
pub(crate) fn ct_eq(_a: &[u8], _b: &[u8]) -> bool {
    todo!()
}
