//! Files: encrypted and decrypted from one to another, and replaced whole or not at all.

mod convert;
mod in_order;
mod places;
mod replace;

pub use convert::{Converted, FileOptions, decrypt_file, encrypt_file, seal_file};
pub use replace::{Privacy, Replacement};
