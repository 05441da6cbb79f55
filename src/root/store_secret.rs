use crate::crypto::{ct_eq, fill_random};
use crate::error::{Error, Result};
use crate::secret::{Key32, OnFork, SecretBytes};

/// What a root unwraps: the store secret, the trail's signing seed beside it (so that whoever computes the one alone
/// cannot sign checkpoints), and from an admin root the seed that signs the store's state. Opaque outside the crate.
pub struct StoreSecret {
    /// SK: everything else but the seeds is derived from it.
    pub(crate) secret: Key32,
    /// Signs the trail's checkpoints.
    pub(crate) trail: Key32,
    /// Signs manifests.
    pub(crate) admin: Option<Key32>,
}

impl StoreSecret {
    /// New ones, without an admin seed.
    pub(crate) fn draw(on_fork: OnFork) -> Result<StoreSecret> {
        let draw = || Key32::new_with(on_fork, |out| fill_random(out));
        Ok(StoreSecret { secret: draw()?, trail: draw()?, admin: None })
    }

    /// The same, with this admin seed or without one, in memory of its own.
    pub(crate) fn with_admin(&self, admin: Option<&Key32>) -> Result<StoreSecret> {
        Ok(StoreSecret {
            secret: copy(&self.secret)?,
            trail: copy(&self.trail)?,
            admin: admin.map(copy).transpose()?,
        })
    }

    /// Whether two are the same, in constant time.
    pub(crate) fn agrees(&self, other: &StoreSecret) -> bool {
        let admin = match (&self.admin, &other.admin) {
            (None, None) => true,
            (Some(a), Some(b)) => ct_eq(a.expose(), b.expose()),
            _ => false,
        };
        admin
            & ct_eq(self.secret.expose(), other.secret.expose())
            & ct_eq(self.trail.expose(), other.trail.expose())
    }

    /// 64 or 96 bytes: store secret ‖ trail seed \[‖ admin seed\].
    pub(super) fn to_payload(&self) -> Result<SecretBytes> {
        let keys = [Some(&self.secret), Some(&self.trail), self.admin.as_ref()];
        let mut payload = SecretBytes::zeroed(keys.iter().flatten().count() * 32, OnFork::Wipe)?;
        for (out, key) in payload.expose_mut().chunks_exact_mut(32).zip(keys.into_iter().flatten()) {
            out.copy_from_slice(key.expose());
        }
        Ok(payload)
    }

    /// Reads a payload that has been authenticated.
    pub(super) fn from_payload(payload: &SecretBytes, on_fork: OnFork) -> Result<StoreSecret> {
        let key = |number: usize| {
            let bytes = payload.expose().chunks_exact(32).nth(number);
            let bytes = bytes.ok_or(Error::Internal { what: "the size of a slot's payload" })?;
            Key32::new_with(on_fork, |out| {
                out.copy_from_slice(bytes);
                Ok(())
            })
        };
        let admin = (payload.expose().len() == 96).then(|| key(2)).transpose()?;
        Ok(StoreSecret { secret: key(0)?, trail: key(1)?, admin })
    }
}

fn copy(key: &Key32) -> Result<Key32> {
    Key32::new_with(OnFork::Wipe, |out| {
        out.copy_from_slice(key.expose());
        Ok(())
    })
}
