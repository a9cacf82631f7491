//! Finds the entries of a list call by the indexes, and cuts a page from them.
//!
//! If an index covers a whole condition, its entries are counted and skipped without being read. A
//! condition that no index covers is checked for each entry ([`Matches::rest`]).

use std::cell::Cell;
use std::ops::Range;

use super::super::odata::{Direction, Filter, Options, OrderBy, Row};
use super::index_set::Union;

/// The entries that can match a query, in ascending order.
#[derive(Debug)]
pub(crate) enum Candidates<'a> {
    /// Entries found one by one, in ascending order and without duplicates.
    Listed(Vec<u32>),
    /// Entries of an index, in ascending order and without duplicates.
    Known(&'a [u32]),
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

    /// Creates candidates from places in any order, with or without duplicates.
    pub(crate) fn listed(places: impl IntoIterator<Item = u32>) -> Self {
        let mut places: Vec<u32> = places.into_iter().collect();
        places.sort_unstable();
        places.dedup();
        Candidates::Listed(places)
    }

    /// Keeps only the entries in that range.
    pub(crate) fn within(self, range: &Range<u32>) -> Self {
        let cut = |places: &[u32]| {
            let from = places.partition_point(|place| *place < range.start);
            let to = places.partition_point(|place| *place < range.end);
            from..to.max(from)
        };
        match self {
            Candidates::Listed(places) => Candidates::Listed(places[cut(&places)].to_vec()),
            Candidates::Known(places) => Candidates::Known(&places[cut(places)]),
            Candidates::Range(own) => Candidates::Range(both(&own, range)),
            Candidates::Set(union, own) => Candidates::Set(union, both(&own, range)),
        }
    }

    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        self.below(u32::MAX)
    }

    /// Returns the number of entries below that place.
    fn below(&self, place: u32) -> usize {
        let of = |places: &[u32]| places.partition_point(|known| *known < place);
        match self {
            Candidates::Listed(places) => of(places),
            Candidates::Known(places) => of(places),
            Candidates::Range(range) => both(range, &(0..place)).len(),
            Candidates::Set(union, range) => {
                let range = both(range, &(0..place));
                union.below(range.end) - union.below(range.start)
            }
        }
    }

    /// Returns the entries with a number in that range, in the given direction. The numbers count
    /// from the lowest place.
    fn part(
        &'a self,
        numbers: Range<usize>,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = u32> + 'a> {
        let end = numbers.end.min(self.len());
        let numbers = numbers.start.min(end)..end;
        if numbers.is_empty() {
            return Box::new(std::iter::empty());
        }
        let slice = |places: &'a [u32]| -> Box<dyn Iterator<Item = u32> + 'a> {
            let part = places[numbers.clone()].iter().copied();
            match direction {
                Direction::Ascending => Box::new(part),
                Direction::Descending => Box::new(part.rev()),
            }
        };
        match self {
            Candidates::Listed(places) => slice(places),
            Candidates::Known(places) => slice(places),
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
                let before = union.below(range.start);
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

fn both(left: &Range<u32>, right: &Range<u32>) -> Range<u32> {
    let start = left.start.max(right.start);
    start..left.end.min(right.end).max(start)
}

/// The entries that a filter can match, and what is still to be checked.
#[derive(Debug)]
pub(crate) struct Matches<'a> {
    pub(crate) candidates: Candidates<'a>,
    /// The conditions that each candidate still has to pass.
    pub(crate) rest: Vec<&'a Filter<'a>>,
    /// The place from which on candidates may not be visible yet. Those below it are visible.
    pub(crate) settled: u32,
    /// The direction of the list if the query has no order.
    pub(crate) natural: Direction,
}

/// One page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) places: Vec<u32>,
    /// The number of all entries that pass the filter, if the query asks for it.
    pub(crate) count: Option<u64>,
    /// The number of entries to skip on the next page, and the rest of `$top`.
    pub(crate) next: Option<(usize, Option<usize>)>,
}

impl Matches<'_> {
    /// Cuts out the page. `size` is the service's own limit. `direction` is set if the requested
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
        let look = || examined.set(examined.get() + 1);
        let passes = |place: &u32| {
            look();
            let rest = &self.rest;
            (*place < self.settled || is_visible(*place))
                && (rest.is_empty() || {
                    let row = row(*place);
                    rest.iter().all(|filter| filter.passes(&row))
                })
        };
        let wanted = options.top.unwrap_or(usize::MAX);
        let shown = wanted.min(size);
        let window = options.skip..options.skip.saturating_add(shown);
        let direction = match options.order.is_empty() {
            true => Some(self.natural),
            false => direction,
        };
        let (places, total, more) = match direction {
            None => {
                let mut all: Vec<u32> = (self.candidates)
                    .part(0..usize::MAX, self.natural)
                    .filter(passes)
                    .collect();
                let total = all.len();
                sort_window(&mut all, &options.order, &window, &row);
                (all, Some(total), window.end < total)
            }
            Some(direction) if self.rest.is_empty() => {
                let (places, total) = self.counted(&window, direction, &is_visible, &look);
                (places, Some(total), window.end < total)
            }
            Some(direction) => {
                let mut passing = self
                    .candidates
                    .part(0..usize::MAX, direction)
                    .filter(passes);
                let skipped = passing.by_ref().take(window.start).count();
                let places: Vec<u32> = passing.by_ref().take(shown).collect();
                let seen = skipped + places.len();
                match options.count {
                    true => {
                        let total = seen + passing.count();
                        (places, Some(total), window.end < total)
                    }
                    // One more entry than shown determines whether there is a next page. The rest
                    // is never read.
                    false => (places, None, passing.next().is_some()),
                }
            }
        };
        // `$top` ends the list. Only the service's own page size leads to a next page.
        let next = (more && wanted > shown).then(|| {
            let left = options.top.map(|top| top - shown);
            (window.end, left)
        });
        Page {
            places,
            count: options.count.then_some(total.unwrap_or(0) as u64),
            next,
        }
    }

    /// Returns the window of a list in which every settled candidate is known to pass, and the
    /// length of the list.
    fn counted(
        &self,
        window: &Range<usize>,
        direction: Direction,
        is_visible: impl Fn(u32) -> bool,
        look: &impl Fn(),
    ) -> (Vec<u32>, usize) {
        let settled = self.candidates.below(self.settled);
        let fresh: Vec<u32> = (self.candidates)
            .part(settled..usize::MAX, direction)
            .inspect(|_| look())
            .filter(|place| is_visible(*place))
            .collect();
        let (new, total) = (fresh.len(), settled + fresh.len());
        let (from, to) = (window.start.min(total), window.end.min(total));
        let old = |part| self.candidates.part(part, direction).inspect(|_| look());
        let places = if direction == Direction::Ascending {
            let fresh = &fresh[from.saturating_sub(settled)..to.saturating_sub(settled)];
            old(from.min(settled)..to.min(settled))
                .chain(fresh.iter().copied())
                .collect()
        } else {
            let part = settled - to.saturating_sub(new)..settled - from.saturating_sub(new);
            let fresh = &fresh[from.min(new)..to.min(new)];
            fresh.iter().copied().chain(old(part)).collect()
        };
        (places, total)
    }
}

/// Sorts the list and keeps only the window. Equal entries keep the list's own order.
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
            let way =
                super::super::odata::compare(&first.value(*property), &second.value(*property));
            let way = match direction {
                Direction::Ascending => way,
                Direction::Descending => way.reverse(),
            };
            if way.is_ne() {
                return way;
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
            .map(|(_, place)| place),
    );
}
