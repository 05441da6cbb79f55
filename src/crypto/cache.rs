//! A lane's ready wrapping contexts: bounded, set-associative, the least recently used of a set makes way.

use super::AeadKey;
use super::xaes::{self, Prefix};
use crate::secret::{wipe, zero_valid};

const WAYS: usize = 4;
/// Sets for prefixes that this lane seals under, one prefix a key.
const SEALING_SETS: usize = 6;
/// Sets for prefixes that readers brought.
const OPENING_SETS: usize = 12;
const ENTRIES: usize = (SEALING_SETS + OPENING_SETS) * WAYS;

zero_valid! {
    /// 72 contexts, and a spare one for a prefix whose first tag is still to be verified. All-zero is empty.
    pub(super) struct Cache {
        /// Where the entry of each way lies in `slots`, and last where the spare is; stored XOR the index, so that
        /// zeros say that each lies in its own place.
        places: [u8; ENTRIES + 1],
        clock: u64,
        scratch: [u8; 32],
        slots: [Slot; ENTRIES + 1],
    }
}

zero_valid! {
    pub(super) struct Slot {
        /// The unique id of the Kek this is derived from; 0 when empty.
        kek: u64,
        used_at: u64,
        prefix: Prefix,
        /// Wraps done under the prefix, and when and before which clock jump it was drawn (sealing entries).
        pub(super) wraps: u32,
        pub(super) drawn_at: u64,
        pub(super) jumps: u64,
        pub(super) key: AeadKey,
    }
}

impl Slot {
    pub(super) fn prefix(&self) -> &Prefix {
        &self.prefix
    }
}

impl Cache {
    /// The context that this lane seals under for a Kek, if it has one.
    #[inline]
    pub(super) fn sealing(&mut self, kek: u64) -> Option<&mut Slot> {
        let found = self.find(sealing_set(kek), |slot| slot.kek == kek)?;
        Some(self.touch(found))
    }

    /// A new context to seal under for a Kek, in place of the one it had, if any.
    pub(super) fn begin_sealing(&mut self, kek: u64, key: &[u8; 32], prefix: Prefix) -> &mut Slot {
        let set = sealing_set(kek);
        let way = self.find(set, |slot| slot.kek == kek).unwrap_or_else(|| self.oldest(set));
        let place = self.place(way);
        self.derive(place, kek, key, prefix);
        self.touch(way)
    }

    /// The context for a reader's prefix: this lane's own one if it is the same, or one that has verified before.
    #[inline]
    pub(super) fn opening(&mut self, kek: u64, prefix: &Prefix) -> Option<&AeadKey> {
        let same = |slot: &Slot| slot.kek == kek && slot.prefix == *prefix;
        let found =
            self.find(sealing_set(kek), same).or_else(|| self.find(opening_set(kek, prefix), same))?;
        Some(&self.touch(found).key)
    }

    /// Prepares a context in the spare place, where no look-up finds it.
    pub(super) fn candidate(&mut self, kek: u64, key: &[u8; 32], prefix: Prefix) -> &AeadKey {
        let place = self.place(ENTRIES);
        self.derive(place, kek, key, prefix);
        &self.slots[place].key
    }

    /// Enters the candidate, whose tag has verified, in place of the least recently used of its set.
    pub(super) fn admit_candidate(&mut self) {
        let spare = self.place(ENTRIES);
        let Slot { kek, prefix, .. } = self.slots[spare];
        let way = self.oldest(opening_set(kek, &prefix));
        let evicted = self.place(way);
        self.set_place(way, spare);
        self.set_place(ENTRIES, evicted);
        self.touch(way);
    }

    /// Wipes every context derived from a Kek.
    pub(super) fn forget(&mut self, kek: u64) {
        for slot in &mut self.slots {
            if slot.kek == kek {
                slot.clear();
            }
        }
    }

    /// Wipes every context.
    pub(super) fn forget_all(&mut self) {
        for slot in &mut self.slots {
            slot.clear();
        }
    }

    /// How many contexts of a Kek there are, the spare one among them.
    #[cfg(test)]
    pub(super) fn count(&self, kek: u64) -> usize {
        self.slots.iter().filter(|slot| slot.kek == kek).count()
    }

    /// Whether the slots of no Kek hold no context either.
    #[cfg(test)]
    pub(super) fn empty_slots_are_wiped(&self) -> bool {
        self.slots.iter().all(|slot| slot.kek != 0 || (slot.key.is_empty() && slot.prefix == [0; 12]))
    }

    fn derive(&mut self, place: usize, kek: u64, key: &[u8; 32], prefix: Prefix) {
        let slot = &mut self.slots[place];
        xaes::derive_into(key, &prefix, &mut self.scratch);
        slot.key.set(&self.scratch);
        wipe(&mut self.scratch);
        (slot.kek, slot.prefix, slot.wraps) = (kek, prefix, 0);
    }

    #[inline]
    fn find(&self, set: usize, matches: impl Fn(&Slot) -> bool) -> Option<usize> {
        (set * WAYS..(set + 1) * WAYS).find(|way| matches(&self.slots[self.place(*way)]))
    }

    fn oldest(&self, set: usize) -> usize {
        let mut oldest = set * WAYS;
        for way in oldest + 1..oldest + WAYS {
            if self.slots[self.place(way)].used_at < self.slots[self.place(oldest)].used_at {
                oldest = way;
            }
        }
        oldest
    }

    #[inline]
    fn touch(&mut self, way: usize) -> &mut Slot {
        self.clock += 1;
        let place = self.place(way);
        let slot = &mut self.slots[place];
        slot.used_at = self.clock;
        slot
    }

    #[inline]
    fn place(&self, way: usize) -> usize {
        usize::from(self.places[way]) ^ way
    }

    fn set_place(&mut self, way: usize, place: usize) {
        self.places[way] = (place ^ way) as u8;
    }
}

impl Slot {
    fn clear(&mut self) {
        self.key.clear();
        (self.kek, self.used_at, self.prefix, self.wraps) = (0, 0, [0; 12], 0);
    }
}

fn sealing_set(kek: u64) -> usize {
    (kek % SEALING_SETS as u64) as usize
}

fn opening_set(kek: u64, prefix: &Prefix) -> usize {
    let mix = u64::from(u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]])) ^ kek;
    SEALING_SETS + (mix % OPENING_SETS as u64) as usize
}
