//! The trail as callers see it: reading, verifying, exporting, sinks.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::Store;
use crate::audit::{FileSink, Filter, SinkStatus, TrailReport};
use crate::error::Result;

/// A page of events.
#[derive(Clone, Debug, Serialize)]
pub struct EventPage {
    /// Events, each as it was written.
    pub events: Vec<Value>,
    /// The sequence number that the next page begins at; `None` at the end.
    pub next: Option<u64>,
}

/// A host's own sink: called outside any lock and transaction with one event's line at a time, in order, from the thread
/// that flushes. False: it failed.
pub type Callback = Box<dyn Fn(&str) -> bool + Send + Sync>;

impl Store {
    /// Events from sequence number `from` on that match, `limit` at most (1 to 1,000; 0 means 100). Reading is itself an
    /// event.
    pub fn read_trail(&self, _filter: &Filter, _from: u64, _limit: u32) -> Result<EventPage> {
        todo!()
    }

    /// The newest `count` events that match, the oldest of them first.
    pub fn tail_trail(&self, _filter: &Filter, _count: u32) -> Result<EventPage> {
        todo!()
    }

    /// Verifies the whole trail. `expected`: a signed checkpoint kept elsewhere, which it must contain.
    pub fn verify_trail(
        &self,
        _expected: Option<&str>,
        _progress: &mut dyn FnMut(u64, u64),
    ) -> Result<TrailReport> {
        todo!()
    }

    /// Writes what is waiting, signs a checkpoint, and answers it.
    pub fn checkpoint_trail(&self) -> Result<String> {
        todo!()
    }

    /// Writes down what is waiting: uses counted, events queued.
    pub fn flush_trail(&self) -> Result<()> {
        todo!()
    }

    /// Exports C2SP tiles into a folder, up to a new checkpoint. Answers the number of entries.
    pub fn export_trail(&self, _folder: &Path) -> Result<u64> {
        todo!()
    }

    /// Copies events from now on to a JSON Lines file.
    pub fn add_file_sink(&self, _file: &FileSink) -> Result<()> {
        todo!()
    }

    /// Hands events from now on to the host. At most 65,536 wait; more are dropped and counted.
    pub fn add_callback_sink(&self, _callback: Callback) -> Result<()> {
        todo!()
    }

    /// How the sinks stand.
    pub fn sinks(&self) -> Result<Vec<SinkStatus>> {
        todo!()
    }
}
