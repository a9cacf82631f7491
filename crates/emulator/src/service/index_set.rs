//! Sets of indices that count the members below an index and find the n-th member without iterating
//! over them. A list call needs this to skip, count and begin anywhere in a million actions.

use std::ops::Range;

/// Converts a position in one of the service's lists to the 32 bits in which indices are stored.
///
/// # Panics
/// A list has more than four billion entries, which no memory holds.
pub(crate) fn to_index(position: usize) -> u32 {
    u32::try_from(position).expect("internal error: a list has more than four billion entries")
}

/// The number of bits in a word.
const WORD: usize = 64;
/// The number of words in a block. A million indices have 245 blocks, so checking every block costs
/// next to nothing.
const BLOCK: usize = 64;

/// A set of indices with one bit for each, and a count for every block of 4,096.
#[derive(Debug, Default)]
pub(crate) struct IndexSet {
    words: Vec<u64>,
    blocks: Vec<u32>,
}

impl IndexSet {
    /// Adds an index.
    pub(crate) fn insert(&mut self, index: u32) {
        let (word, bit) = (index as usize / WORD, 1_u64 << (index as usize % WORD));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
            self.blocks.resize(word / BLOCK + 1, 0);
        }
        if self.words[word] & bit == 0 {
            self.words[word] |= bit;
            self.blocks[word / BLOCK] += 1;
        }
    }

    /// Removes an index.
    pub(crate) fn remove(&mut self, index: u32) {
        let (word, bit) = (index as usize / WORD, 1_u64 << (index as usize % WORD));
        if self.words.get(word).is_some_and(|bits| bits & bit != 0) {
            self.words[word] &= !bit;
            self.blocks[word / BLOCK] -= 1;
        }
    }

    /// Returns the number of members.
    pub(crate) fn len(&self) -> usize {
        self.blocks.iter().map(|count| *count as usize).sum()
    }
}

/// The union of sets that have no member in common.
#[derive(Debug)]
pub(crate) struct Union<'a>(pub(crate) Vec<&'a IndexSet>);

impl Union<'_> {
    /// Returns the members in a word, as bits.
    fn word(&self, at: usize) -> u64 {
        self.0
            .iter()
            .fold(0, |bits, set| bits | set.words.get(at).unwrap_or(&0))
    }

    /// Returns the number of members in a block.
    fn block(&self, at: usize) -> usize {
        self.0
            .iter()
            .map(|set| set.blocks.get(at).map_or(0, |count| *count as usize))
            .sum()
    }

    /// Returns the number of words.
    fn words(&self) -> usize {
        self.0.iter().map(|set| set.words.len()).max().unwrap_or(0)
    }

    /// Returns the number of members below that index.
    pub(crate) fn count_below(&self, index: u32) -> usize {
        let word = index as usize / WORD;
        let whole: usize = (0..word / BLOCK).map(|at| self.block(at)).sum();
        let words: usize = (word / BLOCK * BLOCK..word)
            .map(|at| self.word(at).count_ones() as usize)
            .sum();
        let bits = self.word(word) & ((1_u64 << (index as usize % WORD)) - 1);
        whole + words + bits.count_ones() as usize
    }

    /// Returns the member that has `rank` members below it.
    pub(crate) fn nth(&self, mut rank: usize) -> Option<u32> {
        let mut block = 0;
        while rank >= self.block(block) {
            rank -= self.block(block);
            block += 1;
            if block * BLOCK >= self.words() {
                return None;
            }
        }
        for at in block * BLOCK.. {
            let mut bits = self.word(at);
            let count = bits.count_ones() as usize;
            if rank >= count {
                rank -= count;
                continue;
            }
            for _ in 0..rank {
                bits &= bits - 1;
            }
            return u32::try_from(at * WORD + bits.trailing_zeros() as usize).ok();
        }
        None
    }

    /// Returns the members in that range, in ascending order.
    pub(crate) fn upwards(&self, range: Range<u32>) -> impl Iterator<Item = u32> {
        let mut next = range.start;
        std::iter::from_fn(move || {
            let found = self.lowest_from(next).filter(|index| *index < range.end)?;
            next = found + 1;
            Some(found)
        })
    }

    /// Returns the members in that range, in descending order.
    pub(crate) fn downwards(&self, range: Range<u32>) -> impl Iterator<Item = u32> {
        let mut end = range.end;
        std::iter::from_fn(move || {
            let found = self
                .highest_below(end)
                .filter(|index| *index >= range.start)?;
            end = found;
            Some(found)
        })
    }

    /// Returns the lowest member that is not below that index.
    fn lowest_from(&self, index: u32) -> Option<u32> {
        let mut at = index as usize / WORD;
        let mut bits = self.word(at) & (u64::MAX << (index as usize % WORD));
        while bits == 0 {
            at += 1;
            // Skips whole empty blocks.
            while at.is_multiple_of(BLOCK) && at < self.words() && self.block(at / BLOCK) == 0 {
                at += BLOCK;
            }
            if at >= self.words() {
                return None;
            }
            bits = self.word(at);
        }
        u32::try_from(at * WORD + bits.trailing_zeros() as usize).ok()
    }

    /// Returns the highest member below that index.
    fn highest_below(&self, index: u32) -> Option<u32> {
        let mut end = (index as usize).min(self.words() * WORD);
        while end > 0 {
            let at = (end - 1) / WORD;
            let bits = self.word(at) & (u64::MAX >> (WORD - 1 - (end - 1) % WORD));
            if bits != 0 {
                let last = WORD - 1 - bits.leading_zeros() as usize;
                return u32::try_from(at * WORD + last).ok();
            }
            end = at * WORD;
            while end > 0 && end.is_multiple_of(WORD * BLOCK) {
                let block = end / (WORD * BLOCK) - 1;
                if self.block(block) > 0 {
                    break;
                }
                end -= WORD * BLOCK;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{IndexSet, Union};

    proptest! {
        #[test]
        fn two_sets_answer_as_one_tree_would(
            steps in prop::collection::vec((0..3_u8, prop_oneof![0..300_u32, 0..30_000_u32]), 0..200),
            from in 0..30_000_u32,
            to in 0..30_000_u32,
        ) {
            let mut sets = [IndexSet::default(), IndexSet::default()];
            let mut trees = [BTreeSet::new(), BTreeSet::new()];
            for (step, index) in steps {
                // The sets have no member in common.
                let own = index as usize % 2;
                if step == 0 {
                    sets[own].remove(index);
                    trees[own].remove(&index);
                } else {
                    sets[own].insert(index);
                    trees[own].insert(index);
                }
            }
            prop_assert_eq!(sets[0].len(), trees[0].len());
            let union = Union(sets.iter().collect());
            let tree: BTreeSet<u32> = trees.iter().flatten().copied().collect();
            prop_assert_eq!(union.count_below(from), tree.range(..from).count());
            for (count, index) in tree.iter().enumerate() {
                prop_assert_eq!(union.nth(count), Some(*index));
            }
            prop_assert_eq!(union.nth(tree.len()), None);
            let within: Vec<u32> = tree.iter().copied().filter(|index| (from..to).contains(index)).collect();
            prop_assert_eq!(union.upwards(from..to).collect::<Vec<_>>(), within.clone());
            let down: Vec<u32> = within.into_iter().rev().collect();
            prop_assert_eq!(union.downwards(from..to).collect::<Vec<_>>(), down);
        }
    }
}
