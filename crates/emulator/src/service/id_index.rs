//! The places of actions by id: a million lookups that mostly wait for memory, so small and plainly hashed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Finds places by the lower half of an id, which is as random as the whole: half the memory. Who
/// inserts asks first whether the half is taken; who finds compares the whole.
#[derive(Debug, Default)]
pub(crate) struct IdIndex(HashMap<u64, u32, BuildHasherDefault<IdHasher>>);

impl IdIndex {
    /// Adds an id whose lower half is not taken.
    pub(crate) fn insert(&mut self, id: u128, place: u32) {
        self.0.insert(lower_half(id), place);
    }

    /// The place of the one id with that lower half.
    pub(crate) fn find(&self, id: u128) -> Option<u32> {
        self.0.get(&lower_half(id)).copied()
    }
}

fn lower_half(id: u128) -> u64 {
    // What is cut off is not wanted.
    id as u64
}

/// Hashes what is even already, and ours: ids are drawn by the emulator, never chosen by a caller, so
/// nobody can make them collide.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        // The uppermost bits of the half are a GUID's variant, the same in all.
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
