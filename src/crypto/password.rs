use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize;

use super::self_test;
use crate::error::{Error, Result};

/// Argon2id parameters (RFC 9106), bounded both ways before use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Argon2Params {
    /// 8 times `lanes` to 4,194,304 (4 GiB).
    pub(crate) memory_kib: u32,
    /// 1 to 64.
    pub(crate) passes: u32,
    /// 1 to 16.
    pub(crate) lanes: u32,
}

impl Argon2Params {
    const MAX_MEMORY_KIB: u32 = 4 << 20;
    const MAX_PASSES: u32 = 64;
    const MAX_LANES: u32 = 16;

    fn checked(self) -> Result<Params> {
        let refused = Error::InvalidArgument { what: "the Argon2id parameters are out of bounds" };
        if self.memory_kib > Self::MAX_MEMORY_KIB
            || self.passes > Self::MAX_PASSES
            || self.lanes > Self::MAX_LANES
        {
            return Err(refused);
        }
        Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(|_| refused)
    }
}

/// Argon2id, version 0x13 (RFC 9106), into `out` (4 bytes or more). The work memory, `memory_kib` KiB of ordinary
/// heap, is wiped. Errors: INVALID_ARGUMENT for parameters out of bounds, before anything is allocated; OUT_OF_MEMORY.
pub(crate) fn argon2id(
    params: Argon2Params,
    passphrase: &[u8],
    salt: &[u8; 16],
    out: &mut [u8],
) -> Result<()> {
    self_test()?;
    let params = params.checked()?;
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(params.block_count()).map_err(|_| Error::OutOfMemory { locked: false })?;
    memory.resize(params.block_count(), Block::default());
    let made = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        passphrase,
        salt,
        out,
        &mut memory,
    );
    for block in &mut memory {
        block.zeroize();
    }
    crate::secret::scrub_stack::<8192>();
    made.map_err(|_| Error::InvalidArgument { what: "the passphrase or output size is out of bounds" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(params: Argon2Params) -> Result<[u8; 32]> {
        let mut out = [0; 32];
        argon2id(params, b"password", b"somesalt01234567", &mut out).map(|()| out)
    }

    #[test]
    fn each_parameter_changes_the_result_and_bounds_hold_before_any_allocation() {
        let small = Argon2Params { memory_kib: 64, passes: 1, lanes: 1 };
        let reference = tag(small).unwrap();
        assert_eq!(tag(small).unwrap(), reference);
        for other in [
            Argon2Params { memory_kib: 72, ..small },
            Argon2Params { passes: 2, ..small },
            Argon2Params { lanes: 2, ..small },
        ] {
            assert_ne!(tag(other).unwrap(), reference);
        }
        for refused in [
            Argon2Params { memory_kib: u32::MAX, ..small },
            Argon2Params { memory_kib: 7, ..small },
            Argon2Params { passes: 0, ..small },
            Argon2Params { passes: 65, ..small },
            Argon2Params { lanes: 0, ..small },
            Argon2Params { lanes: 17, ..small },
        ] {
            assert!(matches!(tag(refused), Err(Error::InvalidArgument { .. })), "{refused:?}");
        }
    }
}
