//! What every stream goes through: open, then finished, failed or cancelled, once.

use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Finished,
    Failed,
    Cancelled,
}

impl State {
    /// # Errors
    /// STREAM_ENDED, which tells how.
    pub(super) fn check(self) -> Result<()> {
        let why = match self {
            State::Open => return Ok(()),
            State::Finished => "was finished",
            State::Failed => "failed before",
            State::Cancelled => "was cancelled",
        };
        Err(Error::StreamEnded { why })
    }

    /// What an error leaves.
    pub(super) fn after(error: &Error) -> State {
        match error {
            Error::Cancelled => State::Cancelled,
            _ => State::Failed,
        }
    }
}
