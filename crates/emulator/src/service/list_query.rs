//! Finds the entries of a list call by the indexes, and returns a page of them.
//!
//! If an index covers a whole condition, its entries are counted and skipped without being read. A
//! condition that no index covers is checked for each entry ([`MatchingEntries::unchecked`]).

use std::cell::Cell;
use std::ops::Range;

use super::super::odata::{Direction, Filter, Options, OrderBy, Row};
use super::index_set::Union;

/// The entries that can match a query, in ascending order.
#[derive(Debug)]
pub(crate) enum Candidates<'a> {
    /// Entries found one by one, in ascending order and without duplicates.
    Owned(Vec<u32>),
    /// Entries of an index, in ascending order and without duplicates.
    Borrowed(&'a [u32]),
    /// All entries of a range.
    Range(Range<u32>),
    /// The members of sets within a range.
    Set(Union<'a>, Range<u32>),
}

impl<'a> Candidates<'a> {
    /// Returns candidates without any entry.
    pub(crate) fn none() -> Self {
        Candidates::Range(0..0)
    }

    /// Creates candidates from indices in any order, with or without duplicates.
    pub(crate) fn from_indices(indices: impl IntoIterator<Item = u32>) -> Self {
        let mut indices: Vec<u32> = indices.into_iter().collect();
        indices.sort_unstable();
        indices.dedup();
        Candidates::Owned(indices)
    }

    /// Keeps only the entries in that range.
    pub(crate) fn within(self, range: &Range<u32>) -> Self {
        let cut = |indices: &[u32]| {
            let from = indices.partition_point(|index| *index < range.start);
            let to = indices.partition_point(|index| *index < range.end);
            from..to.max(from)
        };
        match self {
            Candidates::Owned(indices) => Candidates::Owned(indices[cut(&indices)].to_vec()),
            Candidates::Borrowed(indices) => Candidates::Borrowed(&indices[cut(indices)]),
            Candidates::Range(own) => Candidates::Range(intersection(&own, range)),
            Candidates::Set(union, own) => Candidates::Set(union, intersection(&own, range)),
        }
    }

    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        self.count_below(u32::MAX)
    }

    /// Returns the number of entries below that index.
    fn count_below(&self, index: u32) -> usize {
        let of = |indices: &[u32]| indices.partition_point(|known| *known < index);
        match self {
            Candidates::Owned(indices) => of(indices),
            Candidates::Borrowed(indices) => of(indices),
            Candidates::Range(range) => intersection(range, &(0..index)).len(),
            Candidates::Set(union, range) => {
                let range = intersection(range, &(0..index));
                union.count_below(range.end) - union.count_below(range.start)
            }
        }
    }

    /// Returns the entries at those positions, in the given direction. Position 0 is the lowest entry.
    fn select(
        &'a self,
        numbers: Range<usize>,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = u32> + 'a> {
        let end = numbers.end.min(self.len());
        let numbers = numbers.start.min(end)..end;
        if numbers.is_empty() {
            return Box::new(std::iter::empty());
        }
        let slice = |indices: &'a [u32]| -> Box<dyn Iterator<Item = u32> + 'a> {
            let part = indices[numbers.clone()].iter().copied();
            match direction {
                Direction::Ascending => Box::new(part),
                Direction::Descending => Box::new(part.rev()),
            }
        };
        match self {
            Candidates::Owned(indices) => slice(indices),
            Candidates::Borrowed(indices) => slice(indices),
            Candidates::Range(range) => {
                // The number is not above the length of the range, so it has 32 bits.
                let at = |number: usize| range.start + number as u32;
                let part = at(numbers.start)..at(numbers.end);
                match direction {
                    Direction::Ascending => Box::new(part),
                    Direction::Descending => Box::new(part.rev()),
                }
            }
            Candidates::Set(union, range) => {
                let before = union.count_below(range.start);
                let at = |number: usize| union.nth(before + number).unwrap_or(range.end);
                let part = at(numbers.start)..at(numbers.end - 1).saturating_add(1);
                match direction {
                    Direction::Ascending => Box::new(union.upwards(part)),
                    Direction::Descending => Box::new(union.downwards(part)),
                }
            }
        }
    }
}

/// Returns the indices that are in both ranges.
fn intersection(left: &Range<u32>, right: &Range<u32>) -> Range<u32> {
    let start = left.start.max(right.start);
    start..left.end.min(right.end).max(start)
}

/// The entries that a filter can match, and what is still to be checked.
#[derive(Debug)]
pub(crate) struct MatchingEntries<'a> {
    pub(crate) candidates: Candidates<'a>,
    /// The conditions that each candidate still has to pass.
    pub(crate) unchecked: Vec<&'a Filter<'a>>,
    /// The index below which all candidates are visible. The others may not be visible yet.
    pub(crate) visible_below: u32,
    /// The direction of the list if the query has no order.
    pub(crate) default_direction: Direction,
}

/// One page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) indices: Vec<u32>,
    /// The number of all entries that pass the filter, if the query asks for it.
    pub(crate) count: Option<u64>,
    pub(crate) next: Option<NextPage>,
}

/// The options of the link to the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NextPage {
    /// The number of entries to skip.
    pub(crate) skip: usize,
    /// The number of entries that are still wanted, if the query limits it.
    pub(crate) top: Option<usize>,
}

impl MatchingEntries<'_> {
    /// Returns a page. `size` is the service's own limit. `direction` is set if the requested
    /// order is that of the entries, ascending or descending. Each entry that is read adds 1 to
    /// `examined`.
    pub(crate) fn page<R: Row>(
        &self,
        options: &Options,
        size: usize,
        direction: Option<Direction>,
        row: impl Fn(u32) -> R,
        is_visible: impl Fn(u32) -> bool,
        examined: &Cell<u64>,
    ) -> Page {
        let count_examined = || examined.set(examined.get() + 1);
        let passes = |index: &u32| {
            count_examined();
            let unchecked = &self.unchecked;
            (*index < self.visible_below || is_visible(*index))
                && (unchecked.is_empty() || {
                    let row = row(*index);
                    unchecked.iter().all(|filter| filter.passes(&row))
                })
        };
        let shown = options.top.unwrap_or(size).min(size);
        let window = options.skip..options.skip.saturating_add(shown);
        let direction = if options.order.is_empty() {
            Some(self.default_direction)
        } else {
            direction
        };
        let (indices, total, has_more) = match direction {
            None => {
                let mut all: Vec<u32> = (self.candidates)
                    .select(0..usize::MAX, self.default_direction)
                    .filter(passes)
                    .collect();
                let total = all.len();
                sort_window(&mut all, &options.order, &window, &row);
                (all, Some(total), window.end < total)
            }
            Some(direction) if self.unchecked.is_empty() => {
                let (indices, total) =
                    self.page_without_conditions(&window, direction, &is_visible, &count_examined);
                (indices, Some(total), window.end < total)
            }
            Some(direction) => {
                let mut passing = self
                    .candidates
                    .select(0..usize::MAX, direction)
                    .filter(passes);
                let skipped = passing.by_ref().take(window.start).count();
                let indices: Vec<u32> = passing.by_ref().take(shown).collect();
                let seen = skipped + indices.len();
                if options.count {
                    let total = seen + passing.count();
                    (indices, Some(total), window.end < total)
                } else {
                    // One more entry than shown determines whether there is a next page. The
                    // others are never read.
                    (indices, None, passing.next().is_some())
                }
            }
        };
        // `$top` ends the list. Only the service's own page size leads to a next page.
        let is_cut = options.top.is_none_or(|top| top > shown);
        let next = (has_more && is_cut).then(|| NextPage {
            skip: window.end,
            top: options.top.map(|top| top - shown),
        });
        Page {
            indices,
            count: options.count.then(|| {
                total.expect("internal error: a list that is to be counted was not counted") as u64
            }),
            next,
        }
    }

    /// Returns the entries at the positions in the window, and the length of the whole list. No
    /// condition is left to check, and only the newest candidates may be invisible.
    fn page_without_conditions(
        &self,
        window: &Range<usize>,
        direction: Direction,
        is_visible: impl Fn(u32) -> bool,
        count_examined: &impl Fn(),
    ) -> (Vec<u32>, usize) {
        let settled = self.candidates.count_below(self.visible_below);
        let fresh: Vec<u32> = (self.candidates)
            .select(settled..usize::MAX, direction)
            .inspect(|_| count_examined())
            .filter(|index| is_visible(*index))
            .collect();
        let (new, total) = (fresh.len(), settled + fresh.len());
        let (from, to) = (window.start.min(total), window.end.min(total));
        let old = |part| {
            self.candidates
                .select(part, direction)
                .inspect(|_| count_examined())
        };
        let indices = if direction == Direction::Ascending {
            let fresh = &fresh[from.saturating_sub(settled)..to.saturating_sub(settled)];
            old(from.min(settled)..to.min(settled))
                .chain(fresh.iter().copied())
                .collect()
        } else {
            let part = settled - to.saturating_sub(new)..settled - from.saturating_sub(new);
            let fresh = &fresh[from.min(new)..to.min(new)];
            fresh.iter().copied().chain(old(part)).collect()
        };
        (indices, total)
    }
}

/// Sorts the list and keeps only the entries at the positions in the window. Equal entries keep the list's own order.
fn sort_window<R: Row>(
    all: &mut Vec<u32>,
    order: &[OrderBy],
    window: &Range<usize>,
    row: impl Fn(u32) -> R,
) {
    let mut numbered: Vec<(usize, u32)> = all.iter().copied().enumerate().collect();
    let compared = |left: &(usize, u32), right: &(usize, u32)| {
        let (first, second) = (row(left.1), row(right.1));
        for OrderBy {
            property,
            direction,
        } in order
        {
            let ordering =
                super::super::odata::compare(&first.value(*property), &second.value(*property));
            let ordering = match direction {
                Direction::Ascending => ordering,
                Direction::Descending => ordering.reverse(),
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        left.0.cmp(&right.0)
    };
    // The end of the window is selected first, so that only the entries up to it are sorted.
    if window.end > 0 && window.end < numbered.len() {
        numbered.select_nth_unstable_by(window.end - 1, compared);
        numbered.truncate(window.end);
    }
    numbered.sort_unstable_by(compared);
    all.clear();
    all.extend(
        numbered
            .into_iter()
            .skip(window.start)
            .take(window.len())
            .map(|(_, index)| index),
    );
}
