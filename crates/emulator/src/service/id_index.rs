//! Finds the places of actions by id. A million lookups mostly wait for memory, so the index is
//! small and its hash simple.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// An index by the lower half of an id, which is as random as the whole and takes half the memory.
/// Before an insertion the caller checks that the half is not taken; after a lookup the caller
/// compares the whole id.
#[derive(Debug, Default)]
pub(crate) struct IdIndex(HashMap<u64, u32, BuildHasherDefault<IdHasher>>);

impl IdIndex {
    /// Adds an id whose lower half is not taken.
    pub(crate) fn insert(&mut self, id: u128, place: u32) {
        self.0.insert(lower_half(id), place);
    }

    /// Returns the place of the only id with that lower half.
    pub(crate) fn find(&self, id: u128) -> Option<u32> {
        self.0.get(&lower_half(id)).copied()
    }
}

fn lower_half(id: u128) -> u64 {
    // The cast drops the upper half on purpose.
    id as u64
}

/// A hasher for values that are uniformly distributed already. The emulator draws the ids and
/// callers never choose them, so no collisions can be provoked.
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
