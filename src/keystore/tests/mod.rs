//! The store over its documents, in one process. Suites with several processes are in `tests/keystore_*.rs`.

mod export;
mod manage;
