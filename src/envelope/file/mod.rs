//! Files: encrypted and decrypted from one to another, and replaced whole or not at all.

mod convert;
mod replace;

pub use convert::{Converted, FileOptions, decrypt_file, encrypt_file};
pub use replace::{Privacy, Replacement};
