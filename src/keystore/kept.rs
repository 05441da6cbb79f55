//! Key handles kept for whoever asks for a key again, and where aliases lead. Both are bounded, whatever the store holds.

use std::collections::HashMap;
use std::sync::Arc;

use super::key_inner::KeyInner;
use super::names::{Alias, KeyId};

/// Handles kept; beyond that the one unused longest is let go.
const HANDLES: usize = 256;
/// Aliases kept; likewise.
const ALIASES: usize = 256;

#[derive(Default)]
pub(super) struct Kept {
    /// The latest used last.
    handles: Vec<(KeyId, Arc<KeyInner>)>,
    aliases: HashMap<Alias, Lead>,
    /// The store's generation that the aliases were read at, or a later one than it.
    generation: u64,
    /// Counts looks at aliases, to tell the one unused longest.
    looks: u64,
}

/// Where an alias leads.
struct Lead {
    id: KeyId,
    used: u64,
}

impl Kept {
    /// The handle kept for a key, if there is one.
    pub(super) fn by_id(&mut self, id: KeyId) -> Option<Arc<KeyInner>> {
        let at = self.handles.iter().position(|(kept, _)| *kept == id)?;
        self.handles[at..].rotate_left(1);
        self.handles.last().map(|(_, handle)| handle.clone())
    }

    /// The handle kept for the key that this alias leads to at this generation of the store. What was read at another one
    /// counts for nothing.
    pub(super) fn by_alias(&mut self, alias: &Alias, generation: u64) -> Option<Arc<KeyInner>> {
        if self.generation != generation {
            return None;
        }
        self.looks += 1;
        let lead = self.aliases.get_mut(alias)?;
        lead.used = self.looks;
        let id = lead.id;
        self.by_id(id)
    }

    /// Keeps a handle; the one that is kept already wins over a new one. What is let go comes second, for the caller to
    /// drop when no lock is held.
    pub(super) fn keep(
        &mut self,
        id: KeyId,
        handle: Arc<KeyInner>,
    ) -> (Arc<KeyInner>, Option<Arc<KeyInner>>) {
        if let Some(kept) = self.by_id(id) {
            return (kept, Some(handle));
        }
        let let_go = (self.handles.len() == HANDLES).then(|| self.handles.remove(0).1);
        self.handles.push((id, handle.clone()));
        (handle, let_go)
    }

    /// Takes note of where an alias leads, read and verified in a snapshot that was begun at this generation.
    pub(super) fn keep_alias(&mut self, alias: &Alias, id: KeyId, generation: u64) {
        if generation > self.generation {
            self.aliases.clear();
            self.generation = generation;
        }
        if generation < self.generation {
            return;
        }
        self.looks += 1;
        if self.aliases.len() >= ALIASES && !self.aliases.contains_key(alias) {
            let oldest = self.aliases.iter().min_by_key(|(_, lead)| lead.used);
            if let Some(oldest) = oldest.map(|(alias, _)| alias.clone()) {
                self.aliases.remove(&oldest);
            }
        }
        self.aliases.insert(alias.clone(), Lead { id, used: self.looks });
    }

    /// Handles and aliases kept.
    #[cfg(all(test, feature = "sqlite"))]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.handles.len(), self.aliases.len())
    }
}
