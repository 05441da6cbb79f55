//! Where a store is and how it is opened.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{Fingerprint, SlotOptions};
use crate::error::{Error, Result};

/// Where a store lies: a path, or `sqlite:PATH` with an optional `?fingerprint=HEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The database file.
    pub path: PathBuf,
    /// The fingerprint the store must have, if the caller pins it.
    pub fingerprint: Option<Fingerprint>,
}

/// What handles do in a forked child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForkPolicy {
    /// The child finds the secrets wiped and its calls answer FORKED; it opens the store itself.
    #[default]
    Wipe,
    /// The child goes on using the handles: ready keys stay, management opens connections of its own.
    Inherit,
}

/// Options of [`super::Store::open`].
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// No writes; works on a read-only file system.
    pub read_only: bool,
    /// What forked children may do.
    pub fork: ForkPolicy,
    /// How long changes by other processes may go unseen. 250 ms by default; 0 looks at every call.
    pub refresh: Duration,
    /// How long to wait for another process's transaction. 5 s by default.
    pub busy_timeout: Duration,
    /// Accepts a network file system, where SQLite's locks may not work.
    pub allow_network_file_system: bool,
    /// Refuses to open, and later to make or load a key, when the system will not lock the process's secret pages into
    /// memory.
    pub require_locked_memory: bool,
    /// Who opens the store: 1 to 128 characters; `default` when left out. Where the root slot bears a principal, that one
    /// and no other (ACCESS_DENIED).
    pub principal: Option<String>,
    /// `sourceIPAddress` in the trail; the host's name when left out.
    pub source: Option<String>,
    /// `userAgent` in the trail, before the library's version and the process id.
    pub user_agent: Option<String>,
    /// Where the anchor is.
    pub anchor: AnchorPolicy,
    /// Whether uses are recorded. On by default.
    pub trail: bool,
    /// How often uses under ready keys become an event. 60 s by default.
    pub trail_interval: Duration,
    /// For recovery: opens versions past their recipient period and compromised keys. Every such use is an event.
    pub recovery: bool,
}

/// Where a store's highest epoch is kept outside the store (docs/KEYSTORE.md, "Freshness").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AnchorPolicy {
    /// In the state folder of the user (`$XDG_STATE_HOME/keyfold`, `~/.local/state/keyfold`) or of the host
    /// (`/var/lib/keyfold`), where one is writable and not in the store's folder; else none.
    #[default]
    Automatic,
    /// Nowhere: a whole older file is not seen by a new process.
    Off,
    /// In this file; ANCHOR_UNAVAILABLE when it cannot be written and something must wait for it.
    File(PathBuf),
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            read_only: false,
            fork: ForkPolicy::Wipe,
            refresh: Duration::from_millis(250),
            busy_timeout: Duration::from_secs(5),
            allow_network_file_system: false,
            require_locked_memory: false,
            principal: None,
            source: None,
            user_agent: None,
            anchor: AnchorPolicy::Automatic,
            trail: true,
            trail_interval: Duration::from_secs(60),
            recovery: false,
        }
    }
}

impl OpenOptions {
    /// OUT_OF_MEMORY when the caller wants secrets in locked pages alone and the system gave others.
    pub(super) fn check_locked(&self) -> Result<()> {
        match self.require_locked_memory && crate::secret::protection().unlocked_bytes > 0 {
            true => Err(Error::OutOfMemory { locked: true }),
            false => Ok(()),
        }
    }
}

/// Options of [`super::Store::init`].
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// How the new store is then opened.
    pub open: OpenOptions,
    /// Marks the store for development for ever; `doctor` says so.
    pub development: bool,
    /// What the first root slot gives beside the store's secrets.
    pub slot: SlotOptions,
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Location> {
        let rest = match text.strip_prefix("sqlite:") {
            // `sqlite:///path` and `sqlite:path` alike.
            Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
            None if has_scheme(text) => {
                return Err(Error::InvalidArgument {
                    what: "a store is named by a path or sqlite:PATH; no other scheme is known",
                });
            }
            None => return Ok(Location { path: text.into(), fingerprint: None }),
        };
        let (path, query) = rest.split_once('?').map_or((rest, None), |(p, q)| (p, Some(q)));
        let fingerprint = match query.map(|q| q.strip_prefix("fingerprint=")) {
            None => None,
            Some(Some(hex)) => Some(hex.parse()?),
            Some(None) => {
                return Err(Error::InvalidArgument {
                    what: "a store URL takes ?fingerprint=HEX and nothing else",
                });
            }
        };
        if path.is_empty() {
            return Err(Error::InvalidArgument { what: "the store's path is empty" });
        }
        Ok(Location { path: path.into(), fingerprint })
    }
}

/// Whether `text` begins as a URL with an authority does: a scheme (RFC 3986, section 3.1) and `://`.
fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}
