//! Reads the options of a list call.

use super::entity::{EntityProperties, QueryError};
use super::filter::Filter;
use super::parse;

/// The largest value of `$top` (API notes 5.1, 8.2).
const TOP_MAX: usize = 10_000;

/// The properties that a filter may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filterable {
    /// The properties documented for filters.
    Documented,
    /// All properties of the entity.
    All,
}

/// A direction of sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// A property that a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderBy {
    /// The property's position in its entity.
    pub(crate) property: usize,
    pub(crate) direction: Direction,
}

/// The options of a list call.
#[derive(Debug, Default)]
pub(crate) struct Options<'a> {
    pub(crate) filter: Option<Filter<'a>>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    /// The properties by which the list is sorted, in their order of precedence.
    pub(crate) order: Vec<OrderBy>,
    pub(crate) count: bool,
}

impl<'a> Options<'a> {
    /// Reads the options from a query's pairs. Names without `$` are not options of OData and are
    /// ignored.
    ///
    /// # Errors
    /// An option is unknown, is given twice, or can't be read.
    pub(crate) fn parse(
        pairs: &'a [(String, String)],
        entity: &'a EntityProperties,
        filterable: Filterable,
    ) -> Result<Self, QueryError> {
        let mut options = Options::default();
        let mut seen: Vec<String> = Vec::new();
        for (key, value) in pairs.iter().filter(|(key, _)| key.starts_with('$')) {
            let key = key.to_ascii_lowercase();
            if seen.contains(&key) {
                return Err(QueryError::new(format!(
                    "Query option '{key}' was specified more than once."
                )));
            }
            match key.as_str() {
                "$filter" => {
                    let filter = parse::filter(value, entity)?;
                    if filterable == Filterable::Documented {
                        check_documented(&filter, entity)?;
                    }
                    options.filter = Some(filter);
                }
                "$top" => {
                    let top = number(&key, value)?;
                    if top > TOP_MAX {
                        return Err(QueryError::new(format!(
                            "The limit of '{TOP_MAX}' for Top query has been exceeded. The value from the incoming request is '{top}'."
                        )));
                    }
                    options.top = Some(top);
                }
                "$skip" => options.skip = number(&key, value)?,
                "$count" => {
                    options.count = match value.trim().to_ascii_lowercase().as_str() {
                        "true" => true,
                        "false" => false,
                        _ => return Err(invalid(&key, value)),
                    };
                }
                "$orderby" => options.order = order(value, entity)?,
                _ => {
                    return Err(QueryError::new(format!(
                        "The query parameter '{key}' is not supported."
                    )));
                }
            }
            seen.push(key);
        }
        Ok(options)
    }
}

/// Checks that a filter names only properties that are documented for filters.
fn check_documented(filter: &Filter<'_>, entity: &EntityProperties) -> Result<(), QueryError> {
    let undocumented = filter
        .properties()
        .find(|property| *property >= entity.documented);
    match undocumented {
        None => Ok(()),
        Some(property) => Err(QueryError::new(format!(
            "The property '{}' can't be used in the $filter query option.",
            entity.properties[property].0
        ))),
    }
}

/// Parses the value of an option that is a number.
fn number(key: &str, value: &str) -> Result<usize, QueryError> {
    value.trim().parse().map_err(|_| invalid(key, value))
}

/// Returns the error of an option whose value can't be read.
fn invalid(key: &str, value: &str) -> QueryError {
    QueryError::new(format!(
        "Invalid value '{value}' for {key} query option found."
    ))
}

/// Parses the value of `$orderby`.
fn order(text: &str, entity: &EntityProperties) -> Result<Vec<OrderBy>, QueryError> {
    text.split(',')
        .map(|part| {
            let words: Vec<&str> = part.split_whitespace().collect();
            let (name, direction) = match words.as_slice() {
                [name] => (name, Direction::Ascending),
                [name, direction] if direction.eq_ignore_ascii_case("asc") => {
                    (name, Direction::Ascending)
                }
                [name, direction] if direction.eq_ignore_ascii_case("desc") => {
                    (name, Direction::Descending)
                }
                _ => return Err(invalid("$orderby", text)),
            };
            let (property, _) = entity.find(name).ok_or_else(|| {
                QueryError::new(format!("Could not find a property named '{name}'."))
            })?;
            Ok(OrderBy {
                property,
                direction,
            })
        })
        .collect()
}
