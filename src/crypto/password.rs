use crate::error::Result;

/// Argon2id parameters (RFC 9106), bounded both ways before use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Argon2Params {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

/// Argon2id, version 0x13, into `out`. The work memory is wiped.
pub(crate) fn argon2id(
    _params: Argon2Params,
    _passphrase: &[u8],
    _salt: &[u8; 16],
    _out: &mut [u8],
) -> Result<()> {
    todo!()
}
