//! What is known of a value before there is one.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

/// The type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Nothing is known.
    Any,
    /// Null.
    Null,
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// Text.
    Text,
    /// A list.
    List,
    /// A map of which nothing is known.
    Map,
    /// A map with known fields.
    Record(Arc<Record>),
}

/// A map whose fields are known; any other field is a mistake.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// The fields, in the order in which a message lists them.
    pub fields: IndexMap<String, Type>,
}

impl Record {
    /// A record of these fields.
    pub fn new<N: Into<String>>(fields: impl IntoIterator<Item = (N, Type)>) -> Self {
        Record {
            fields: fields
                .into_iter()
                .map(|(name, kind)| (name.into(), kind))
                .collect(),
        }
    }
}

impl From<Record> for Type {
    fn from(record: Record) -> Self {
        Type::Record(Arc::new(record))
    }
}

impl Type {
    /// Returns whether it may turn out to be a number.
    pub(super) fn may_be_number(&self) -> bool {
        matches!(self, Type::Any | Type::Int | Type::Number)
    }

    /// Returns whether it can stand inside a longer text.
    pub(super) fn may_be_printed(&self) -> bool {
        !matches!(self, Type::Null | Type::List | Type::Map | Type::Record(_))
    }

    /// Returns what is known when a value is one or the other.
    pub(super) fn or(self, other: Type) -> Type {
        match (self, other) {
            (one, other) if one == other => one,
            (Type::Int | Type::Number, Type::Int | Type::Number) => Type::Number,
            (Type::Map | Type::Record(_), Type::Map | Type::Record(_)) => Type::Map,
            _ => Type::Any,
        }
    }
}

impl fmt::Display for Type {
    /// With its article, as it stands in a message: `a whole number`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Any => "any value",
            Type::Null => "null",
            Type::Bool => "true or false",
            Type::Int => "a whole number",
            Type::Number => "a number",
            Type::Text => "text",
            Type::List => "a list",
            Type::Map | Type::Record(_) => "a map",
        })
    }
}

/// Type that the value of a template must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedType {
    /// Anything.
    Anything,
    /// Something that has a text: no null, list or map.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// A word of a fixed choice, or a notation such as `15m`: text.
    Word,
    /// A whole number or text: `5`, `5%`.
    IntOrText,
    /// A list.
    List,
}

impl ExpectedType {
    /// Returns whether a value of this type may be what is wanted.
    pub(super) fn accepts(self, kind: &Type) -> bool {
        if *kind == Type::Any {
            return true;
        }
        match self {
            ExpectedType::Anything => true,
            ExpectedType::Text => kind.may_be_printed(),
            ExpectedType::Int => matches!(kind, Type::Int),
            ExpectedType::Number => kind.may_be_number(),
            ExpectedType::Bool => matches!(kind, Type::Bool),
            ExpectedType::Word => matches!(kind, Type::Text),
            ExpectedType::IntOrText => matches!(kind, Type::Int | Type::Text),
            ExpectedType::List => matches!(kind, Type::List),
        }
    }
}

impl fmt::Display for ExpectedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExpectedType::Anything => "any value",
            ExpectedType::Text => "a text, number or truth value",
            ExpectedType::Int => "a whole number",
            ExpectedType::Number => "a number",
            ExpectedType::Bool => "true or false",
            ExpectedType::Word => "text",
            ExpectedType::IntOrText => "a whole number or text",
            ExpectedType::List => "a list",
        })
    }
}
