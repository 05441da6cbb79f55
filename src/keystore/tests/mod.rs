//! The store over its documents, in one process. Suites with several processes are in `tests/keystore_*.rs`.

#[cfg(feature = "sqlite")]
mod admin;
#[cfg(feature = "sqlite")]
mod anchor;
#[cfg(feature = "sqlite")]
mod counters;
mod export;
#[cfg(feature = "sqlite")]
mod later;
#[cfg(feature = "sqlite")]
mod life;
#[cfg(feature = "sqlite")]
mod looking;
mod manage;
#[cfg(feature = "sqlite")]
mod opening;
#[cfg(feature = "sqlite")]
mod principals;
#[cfg(feature = "sqlite")]
mod support;
#[cfg(feature = "sqlite")]
mod tamper;
