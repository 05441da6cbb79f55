//! A file that is there whole, in the old or the new state, whatever happens.

use std::fs::File;
use std::path::Path;

use crate::error::Result;

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Its maker alone (plaintext).
    Secret,
    /// Whoever the umask lets.
    Ordinary,
}

/// A file under a hidden name in the target's folder, which takes the target's place when it is whole. Dropped before that it is
/// removed again.
pub struct Replacement {}

impl Replacement {
    /// Begins to replace (or make) the file at `target`; a symbolic link there is followed. The mode of an old file is kept.
    ///
    /// # Errors
    /// IO; INVALID_ARGUMENT where a folder or a special file is there.
    pub fn beside(_target: &Path, _privacy: Privacy) -> Result<Replacement> {
        todo!()
    }

    /// Where to write.
    pub fn file(&self) -> &File {
        todo!()
    }

    /// Puts it in the target's place: contents on disk, then the name, then the folder's record of the name.
    ///
    /// # Errors
    /// IO; the old file is then as it was.
    pub fn publish(self) -> Result<()> {
        todo!()
    }
}
