//! The store over its documents, in one process. Suites with several processes are in `tests/keystore_*.rs`.

mod export;
mod manage;
#[cfg(feature = "sqlite")]
mod opening;
#[cfg(feature = "sqlite")]
mod support;
#[cfg(feature = "sqlite")]
mod tamper;
