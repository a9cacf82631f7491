//! The properties of a list's entries, and the error of a query about them.

/// The type of a property's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PropertyType {
    Text,
    Number,
    Time,
    /// A list of texts; `eq` checks whether it contains one.
    TextList,
}

/// The properties of a list's entries, with their names in JSON.
pub(crate) struct EntityProperties {
    pub(crate) properties: &'static [(&'static str, PropertyType)],
    /// The number of properties, from the first on, that are documented for filters.
    pub(crate) documented: usize,
}

impl EntityProperties {
    /// Returns the index and type of a property. Case is ignored (API notes 5.1).
    pub(super) fn find(&self, name: &str) -> Option<(usize, PropertyType)> {
        self.properties
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|index| (index, self.properties[index].1))
    }
}

/// The reason why a query is refused, as a sentence in the service's style.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct QueryError(pub(crate) String);

impl QueryError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        QueryError(message.into())
    }
}
