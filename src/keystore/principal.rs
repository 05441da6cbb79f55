//! Who an open store acts as.

use super::options::OpenOptions;
use crate::error::{Error, Result};

/// A principal, and how it is known.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) principal: String,
    /// The root slot that opened the store bears this principal.
    pub(super) verified: bool,
}

impl Actor {
    /// As the caller says, where no root slot says otherwise.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a name that is none.
    pub(super) fn of(options: &OpenOptions) -> Result<Actor> {
        let principal = options.principal.clone().unwrap_or_else(|| "default".into());
        check_principal(&principal)?;
        Ok(Actor { principal, verified: false })
    }

    /// As the root slot says that opened the store, if it bears a principal.
    ///
    /// # Errors
    /// ACCESS_DENIED where the caller names another.
    #[cfg(feature = "sqlite")]
    pub(super) fn through(options: &OpenOptions, slot: Option<&str>) -> Result<Actor> {
        let asked = Actor::of(options)?;
        match (slot, &options.principal) {
            (None, _) => Ok(asked),
            (Some(borne), Some(named)) if named != borne => {
                Err(Error::OtherPrincipal { borne: borne.into(), asked: named.as_str().into() })
            }
            (Some(borne), _) => Ok(Actor { principal: borne.to_owned(), verified: true }),
        }
    }
}

/// A principal's name: 1 to 128 characters that can be seen, and no blank at either end.
pub(super) fn check_principal(name: &str) -> Result<()> {
    let seen = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    match (1..=128).contains(&name.chars().count()) && name.chars().all(seen) && name.trim() == name {
        true => Ok(()),
        false => Err(Error::InvalidArgument {
            what: "a principal's name has 1 to 128 characters that can be seen, and no blank at its ends",
        }),
    }
}
