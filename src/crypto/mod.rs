//! The only code that names a cipher crate: AES-256-GCM behind two engines, XAES-256-GCM wrapping, SHA-256, HMAC,
//! HKDF, HPKE, RSA-OAEP, Argon2id, Ed25519, and the fork-safe generator. It knows no keys by name.

mod aead;
mod cache;
mod ed25519;
#[cfg(feature = "aws-lc")]
mod engine_aws_lc;
mod engine_portable;
#[cfg(any(test, feature = "floor"))]
pub mod floor;
mod generator;
mod hash;
mod hpke;
mod kek;
mod known_answers;
mod lane;
mod mac;
mod password;
mod rsa;
#[cfg(feature = "aws-lc")]
mod rsa_aws_lc;
#[cfg(feature = "aws-lc")]
mod rsa_oaep;
mod selftest;
mod xaes;

pub(crate) use aead::{AeadKey, Engine};
pub(crate) use ed25519::{ed25519_public, ed25519_sign, ed25519_verify};
pub(crate) use generator::reseed;
#[cfg(test)]
pub(crate) use generator::script;
pub(crate) use hash::{ct_eq, hkdf_sha256, hmac_sha256, sha256_into};
pub(crate) use hpke::{Kem, SealingSecret};
#[cfg(test)]
pub(crate) use kek::tests::contexts;
pub(crate) use kek::{Kek, MaterialId, WRAP_NONCE_SIZE, WrapNonce};
pub(crate) use known_answers::self_test_all;
pub(crate) use lane::{Lane, fill_random, with_lane};
pub(crate) use mac::{MacHash, MacSecret};
pub(crate) use password::{Argon2Params, argon2id};
pub(crate) use rsa::{RsaPair, rsa_generate, rsa_open};
#[cfg(all(test, feature = "aws-lc"))]
pub(crate) use rsa_aws_lc::seal as rsa_seal;
pub(crate) use selftest::passed as self_test;

/// A tag did not verify. Carries nothing: there is one answer for every cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unauthentic;
