use std::path::Path;

use super::{Inherit, Root, StoreSecret, Wrapped};
use crate::error::Result;

/// A passphrase stretched by Argon2id; 1 to 1,024 bytes, taken as they are (no normalisation).
pub struct Passphrase {
    _todo: (),
}

impl Passphrase {
    /// Copies the passphrase into locked memory; the caller wipes its own copy.
    pub fn new(_passphrase: &[u8]) -> Result<Passphrase> {
        todo!()
    }
}

impl Root for Passphrase {
    fn kind(&self) -> &'static str {
        "passphrase"
    }
    fn describe(&self) -> String {
        "passphrase:".into()
    }
    fn check(&self, _store: Option<&Path>) -> Result<()> {
        Ok(())
    }
    fn wrap(&self, _bind: &[u8], _secret: &StoreSecret) -> Result<Wrapped> {
        todo!()
    }
    fn unwrap(&self, _bind: &[u8], _slot: &Wrapped, _on_fork: Inherit) -> Result<StoreSecret> {
        todo!()
    }
}
