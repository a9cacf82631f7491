//! Draws repeatable random values. Each draw is derived from the seed and its purpose, never from
//! the order of calls.

/// The purpose of a draw. It is part of the key, so that draws don't influence each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    ActionId = 1,
    Visibility,
    Pickup,
    Wrapup,
    Correlation,
    Fault,
    Fleet,
    Blob,
    TokenId,
}

/// The seed of all draws.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeededRandom(pub(crate) u64);

impl SeededRandom {
    /// Returns 64 uniformly distributed bits for that purpose and key.
    pub(crate) fn bits(self, purpose: Purpose, key: &[u64]) -> u64 {
        let mut state = scramble(self.0 ^ (purpose as u64).wrapping_mul(0xA076_1D64_78BD_642F));
        for part in key {
            state = scramble(state ^ part.wrapping_mul(0xE703_7ED1_A0B4_28DB));
        }
        state
    }

    /// Returns a uniformly distributed number from 0 (inclusive) to 1 (exclusive).
    pub(crate) fn fraction(self, purpose: Purpose, key: &[u64]) -> f64 {
        (self.bits(purpose, key) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns 128 uniformly distributed bits.
    pub(crate) fn bits_128(self, purpose: Purpose, key: &[u64]) -> u128 {
        let high = self.bits(purpose, key);
        u128::from(high) << 64 | u128::from(scramble(high ^ self.0.rotate_left(17)))
    }
}

/// Applies the finishing step of SplitMix64: every input bit affects every output bit.
fn scramble(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Makes a GUID of version 4 from 128 bits.
pub(crate) fn guid(bits: u128) -> uuid::Uuid {
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}
