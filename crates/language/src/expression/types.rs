//! Types of values.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

/// Type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Unknown.
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
    /// A map with unknown fields.
    Map,
    /// A map with known fields.
    Record(Arc<Record>),
}

/// Type of a map whose fields are known. Any other field is an error.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Fields, in the order in which messages list them.
    pub fields: IndexMap<String, Type>,
}

impl Record {
    /// Creates a record with these fields.
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
    /// Returns whether a value of this type can be a number.
    pub(super) fn may_be_number(&self) -> bool {
        matches!(self, Type::Any | Type::Int | Type::Number)
    }

    /// Returns whether a value of this type can be part of a longer text.
    pub(super) fn may_be_printed(&self) -> bool {
        !matches!(self, Type::Null | Type::List | Type::Map | Type::Record(_))
    }

    /// Returns the type of a value that has one of two types.
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
    /// Writes the type with its article, as in a message: `a whole number`.
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
    /// Anything that can be part of a text: not null, a list or a map.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// Text with a fixed choice of words, or with a notation such as `15m`.
    Word,
    /// A whole number or text: `5`, `5%`.
    IntOrText,
    /// A list.
    List,
}

impl ExpectedType {
    /// Returns whether a value of this type may be accepted.
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
