//! Implements the part of OData that the service's lists support: `$filter`, `$top`, `$skip`,
//! `$orderby`, `$count` (API notes 5.1, 8.2).
//!
//! An expression is parsed against the properties of an [`Entity`], so that a misspelled name or a
//! literal of the wrong kind is refused before any row is read. The module is independent of HTTP,
//! of the rows themselves (it reads them as a [`Row`]), and of the choice of an index.

mod filter;
mod options;
mod parse;
mod token;

pub(crate) use filter::{Comparison, Filter, Function, Literal, Row, Value, compare};
pub(crate) use options::{Direction, Filterable, Options, OrderBy};

/// The type of a property's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Time,
    /// A list of texts; `eq` checks whether it contains one.
    Texts,
}

/// The properties of a list's entries, with their names in JSON.
pub(crate) struct Entity {
    pub(crate) properties: &'static [(&'static str, Kind)],
    /// The number of properties, from the first on, that are documented for filters.
    pub(crate) documented: usize,
}

impl Entity {
    /// Returns the index and kind of a property. Case is ignored (API notes 5.1).
    fn find(&self, name: &str) -> Option<(usize, Kind)> {
        self.properties
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|place| (place, self.properties[place].1))
    }
}

/// The reason for which a query is refused, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct QueryError(pub(crate) String);

impl QueryError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        QueryError(message.into())
    }
}
