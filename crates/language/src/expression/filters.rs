//! Filters and tests with their types, and the implementation of our own filters.

use std::ops::RangeInclusive;

use minijinja::{Environment, Error, ErrorKind};

use super::convert::{engine_text, from_engine};
use super::types::Type;

/// Type of a filter.
pub(super) struct FilterType {
    pub(super) name: &'static str,
    /// Types that it accepts; empty for all.
    pub(super) inputs: &'static [Type],
    /// Type of the result; `None` if it is the type of the input.
    pub(super) output: Option<Type>,
    /// Allowed numbers of arguments.
    pub(super) args: RangeInclusive<usize>,
}

const TEXT: &[Type] = &[Type::Text];
const LIST: &[Type] = &[Type::List];
const NUMBER: &[Type] = &[Type::Int, Type::Number];
const MAP: &[Type] = &[Type::Map];
const SIZED: &[Type] = &[Type::Text, Type::List, Type::Map];
const SEQUENCE: &[Type] = &[Type::Text, Type::List];
const ALL: &[Type] = &[];

const fn filter(
    name: &'static str,
    inputs: &'static [Type],
    output: Option<Type>,
    args: RangeInclusive<usize>,
) -> FilterType {
    FilterType {
        name,
        inputs,
        output,
        args,
    }
}

/// All filters. Other filters of minijinja are removed: those for HTML, those that would hide a name from
/// the checks (`attr`), and those without a use for paths and arguments.
pub(super) static FILTERS: &[FilterType] = &[
    filter("abs", NUMBER, None, 0..=0),
    filter("base64url", TEXT, Some(Type::Text), 0..=0),
    filter("basename", TEXT, Some(Type::Text), 0..=0),
    filter("bool", ALL, Some(Type::Bool), 0..=0),
    filter("capitalize", TEXT, Some(Type::Text), 0..=0),
    filter("count", SIZED, Some(Type::Int), 0..=0),
    filter("d", ALL, None, 1..=2),
    filter("default", ALL, None, 1..=2),
    filter("dictsort", MAP, Some(Type::List), 0..=3),
    filter("first", SEQUENCE, Some(Type::Any), 0..=0),
    filter("float", ALL, Some(Type::Number), 0..=1),
    filter("int", ALL, Some(Type::Int), 0..=1),
    filter("items", MAP, Some(Type::List), 0..=0),
    filter("join", LIST, Some(Type::Text), 0..=1),
    filter("last", SEQUENCE, Some(Type::Any), 0..=0),
    filter("length", SIZED, Some(Type::Int), 0..=0),
    filter("lines", TEXT, Some(Type::List), 0..=0),
    filter("list", ALL, Some(Type::List), 0..=0),
    filter("lower", TEXT, Some(Type::Text), 0..=0),
    filter("map", LIST, Some(Type::List), 1..=9),
    filter("max", LIST, Some(Type::Any), 0..=0),
    filter("min", LIST, Some(Type::Any), 0..=0),
    filter("reject", LIST, Some(Type::List), 0..=9),
    filter("rejectattr", LIST, Some(Type::List), 1..=9),
    filter("replace", TEXT, Some(Type::Text), 2..=3),
    filter("reverse", SEQUENCE, None, 0..=0),
    filter("round", NUMBER, Some(Type::Number), 0..=1),
    filter("select", LIST, Some(Type::List), 0..=9),
    filter("selectattr", LIST, Some(Type::List), 1..=9),
    filter("sort", LIST, Some(Type::List), 0..=3),
    filter("split", TEXT, Some(Type::List), 0..=2),
    filter("string", ALL, Some(Type::Text), 0..=0),
    filter("sum", LIST, Some(Type::Number), 0..=0),
    filter("title", TEXT, Some(Type::Text), 0..=0),
    filter("tojson", ALL, Some(Type::Text), 0..=0),
    filter("trim", TEXT, Some(Type::Text), 0..=1),
    filter("unique", LIST, Some(Type::List), 0..=2),
    filter("upper", TEXT, Some(Type::Text), 0..=0),
];

/// Filters of minijinja that are removed.
const REMOVED_FILTERS: &[&str] = &[
    "safe", "escape", "e", "pprint", "format", "indent", "attr", "batch", "slice", "groupby",
    "chain", "zip",
];

/// All tests, which are written after `is`.
pub(super) static TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

const REMOVED_TESTS: &[&str] = &["safe", "escaped", "filter", "test", "sameas", "iterable"];

/// Functions of minijinja that are removed. `range` and `namespace` create values that are not in the
/// scope, `debug` prints the whole scope.
const REMOVED_FUNCTIONS: &[&str] = &["range", "dict", "debug", "namespace"];

/// Returns the names of all filters, sorted.
pub fn filter_names() -> impl Iterator<Item = &'static str> {
    FILTERS.iter().map(|filter| filter.name)
}

/// Returns the names of all tests, sorted.
pub fn test_names() -> impl Iterator<Item = &'static str> {
    TESTS.iter().copied()
}

/// Removes unsupported filters, tests and functions, and adds our own filters.
pub(super) fn register(environment: &mut Environment<'static>) {
    for name in REMOVED_FILTERS {
        environment.remove_filter(name);
    }
    for name in REMOVED_TESTS {
        environment.remove_test(name);
    }
    for name in REMOVED_FUNCTIONS {
        environment.remove_global(name);
    }
    environment.add_filter(AS_TEXT, as_text);
    environment.add_filter("string", as_text);
    environment.add_filter("join", join);
    environment.add_filter("tojson", tojson);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("basename", basename);
    environment.add_filter("base64url", base64url);
}

/// Name of an internal filter that is applied to the operands of `~`, because minijinja's own operator
/// prints `True` and `5.0`.
pub(super) const AS_TEXT: &str = "svar_as_text_";

fn as_text(value: &minijinja::Value) -> Result<String, Error> {
    engine_text(value).map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

fn join(values: &minijinja::Value, between: Option<String>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    let texts: Vec<String> = values
        .try_iter()?
        .map(|item| as_text(&item))
        .collect::<Result<_, _>>()?;
    Ok(texts.join(&between))
}

fn tojson(value: &minijinja::Value) -> Result<String, Error> {
    let value = from_engine(value)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
    Ok(value.to_string())
}

/// Returns `other` if the value is undefined or null, as an optional input without a value is. With
/// `also_empty`, also if the value is empty, zero or false.
fn default(
    value: &minijinja::Value,
    other: minijinja::Value,
    also_empty: Option<bool>,
) -> minijinja::Value {
    let missing = value.is_undefined() || value.is_none();
    if missing || (also_empty == Some(true) && !value.is_true()) {
        other
    } else {
        value.clone()
    }
}

/// Returns the last part of a path, Windows or POSIX.
fn basename(path: &str) -> String {
    let path = path.trim_end_matches(['/', '\\']);
    path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned()
}

fn base64url(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}
