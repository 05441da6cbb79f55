//! Copies of the trail outside the store: JSON Lines files that rotate, and a host's callback. Sinks are fed after the
//! commit, in order, and never hold up a call.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::Result;

/// Takes committed events.
pub(crate) trait Sink: Send + Sync {
    /// What it is, for people and for events about it.
    fn describe(&self) -> String;
    /// Lines without their line ends, in the order of their sequence numbers. An error is counted and told in the trail.
    fn take(&self, events: &[String]) -> Result<()>;
}

/// A JSON Lines file.
#[derive(Clone, Debug)]
pub struct FileSink {
    /// Mode 0600; opened again when it was moved or deleted.
    pub path: PathBuf,
    /// Rotated at about so many bytes; 0 never.
    pub rotate_bytes: u64,
    /// Old files kept.
    pub keep: u32,
}

/// How a sink stands.
#[derive(Clone, Debug, Serialize)]
pub struct SinkStatus {
    /// What it is.
    pub sink: String,
    /// Events given to it.
    pub delivered: u64,
    /// Events it lost: its queue was full, or it failed.
    pub dropped: u64,
    /// Why it failed last.
    pub last_error: Option<String>,
}

/// The sinks of an open store.
#[derive(Default)]
pub(crate) struct Sinks {}

impl Sinks {
    pub(crate) fn add(&self, _sink: Box<dyn Sink>) -> Result<()> {
        todo!()
    }

    pub(crate) fn add_file(&self, _file: &FileSink) -> Result<()> {
        todo!()
    }

    /// Hands committed events on. Called outside any transaction and lock. What the sinks have to tell (failed,
    /// recovered, dropped so many) comes back as service events.
    pub(crate) fn feed(&self, _events: &[String]) -> Vec<super::Event> {
        todo!()
    }

    pub(crate) fn status(&self) -> Vec<SinkStatus> {
        todo!()
    }
}
