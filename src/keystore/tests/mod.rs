//! The store over its documents, in one process. Suites with several processes are in `tests/keystore_*.rs`.

#[cfg(feature = "sqlite")]
mod admin;
#[cfg(feature = "sqlite")]
mod anchor;
#[cfg(feature = "sqlite")]
mod backup;
#[cfg(feature = "sqlite")]
mod callbacks;
#[cfg(feature = "sqlite")]
mod counters;
#[cfg(feature = "sqlite")]
mod dry_run;
#[cfg(feature = "sqlite")]
mod dual_control;
mod export;
#[cfg(feature = "sqlite")]
mod granting;
#[cfg(feature = "sqlite")]
mod group_commit;
#[cfg(feature = "sqlite")]
mod kept;
#[cfg(feature = "sqlite")]
mod later;
#[cfg(feature = "sqlite")]
mod life;
#[cfg(feature = "sqlite")]
mod looking;
mod manage;
#[cfg(feature = "sqlite")]
mod narrowing;
#[cfg(feature = "sqlite")]
mod opening;
#[cfg(feature = "sqlite")]
mod outside;
#[cfg(feature = "sqlite")]
mod principals;
#[cfg(feature = "sqlite")]
mod refusals;
#[cfg(feature = "sqlite")]
mod repair;
#[cfg(feature = "sqlite")]
mod root_change;
#[cfg(feature = "sqlite")]
mod streamed;
#[cfg(feature = "sqlite")]
mod support;
#[cfg(feature = "sqlite")]
mod tamper;
#[cfg(feature = "sqlite")]
mod trail;
#[cfg(feature = "sqlite")]
mod uncounted;
#[cfg(feature = "sqlite")]
mod who;
