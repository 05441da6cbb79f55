//! The trail: events in CloudTrail's words, a Merkle tree over them, signed checkpoints, sinks, and what verifies all
//! of it. `docs/AUDIT.md` is the specification.
//!
//! It knows no keys and no store: it is given events, and a `Log` to read them from. The key store appends events in
//! its own transactions (`keystore/trail.rs`).

mod base64;
mod event;
mod file_sink;
mod filter;
mod json;
mod jsonl;
mod names;
mod note;
#[cfg(test)]
pub(crate) mod schema;
mod sink;
mod tiles;
mod tree;
mod verify;

#[cfg(all(test, feature = "sqlite"))]
pub(crate) use base64::decode as decode_base64;
pub use event::EventType;
pub(crate) use event::{Event, KeyRef, Source, redacted};
pub use file_sink::FileSink;
pub use filter::Filter;
pub use jsonl::verify_jsonl;
#[cfg(feature = "sqlite")]
pub(crate) use note::hand_over;
pub use note::{Checkpoint, VerifierKey};
pub(crate) use note::{SignedCheckpoint, SigningKey};
pub use sink::SinkStatus;
pub(crate) use sink::Sinks;
pub(crate) use tiles::export_tiles;
pub use tiles::verify_tiles;
pub(crate) use tree::{Hash, RightEdge, leaf_hash};
pub(crate) use verify::{BATCH, Log, verify};
pub use verify::{BadEntry, TrailReport};
