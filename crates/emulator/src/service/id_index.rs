//! An index from action ids to the actions' positions in their list.
//!
//! A list call looks up thousands of ids among a million. Such lookups mostly wait for memory, so the
//! index is kept small and its hash function simple.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// An index by the lower half of an id, which is as random as the whole and takes half the memory.
///
/// Two ids with the same lower half can't both be in it: the caller calls [`IdIndex::find`] before an
/// insertion, and compares the whole id after a lookup.
#[derive(Debug, Default)]
pub(crate) struct IdIndex(HashMap<u64, u32, BuildHasherDefault<IdHasher>>);

impl IdIndex {
    /// Adds the id of the action at that index. No id in the index may have the same lower half.
    pub(crate) fn insert(&mut self, id: u128, action: u32) {
        self.0.insert(lower_half(id), action);
    }

    /// Returns the index of the action whose id has the same lower half.
    pub(crate) fn find(&self, id: u128) -> Option<u32> {
        self.0.get(&lower_half(id)).copied()
    }
}

/// Returns the lower 64 bits of an id.
fn lower_half(id: u128) -> u64 {
    // The cast drops the upper half on purpose.
    id as u64
}

/// A hasher for values that are uniformly distributed already. The emulator draws the ids, and callers
/// can't choose them, so nobody can provoke collisions.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        // The uppermost bits of the half are the variant of a GUID, which is the same in all.
        self.0.rotate_left(8)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
