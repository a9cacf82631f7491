//! The part of OData that the service's lists understand: `$filter`, `$top`, `$skip`, `$orderby`,
//! `$count` (API notes 5.1, 8.2).
//!
//! An expression is parsed against the properties of an [`Entity`], so that a misspelt name or a
//! literal of the wrong kind is refused before any row is looked at. What it knows nothing of: HTTP,
//! the rows themselves (they come as a [`Row`]), and which index answers fastest.

mod filter;
mod options;
mod parse;
mod token;

pub(crate) use filter::{Comparison, Filter, Function, Literal, Row, Value, compare};
pub(crate) use options::{Direction, Filterable, Options, OrderBy};

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Time,
    /// A list of texts; `eq` asks whether it contains one.
    Texts,
}

/// The properties of a list's entries, named as on the wire.
pub(crate) struct Entity {
    pub(crate) properties: &'static [(&'static str, Kind)],
    /// So many of them, from the first on, are documented for filters.
    pub(crate) documented: usize,
}

impl Entity {
    /// The place and kind of a property; case does not matter (API notes 5.1).
    fn find(&self, name: &str) -> Option<(usize, Kind)> {
        self.properties
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|place| (place, self.properties[place].1))
    }
}

/// Why a query is refused, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct QueryError(pub(crate) String);

impl QueryError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        QueryError(message.into())
    }
}
