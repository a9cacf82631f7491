//! Fast check that a document matches its schema, without building a full validator.
//!
//! Building the full validator takes milliseconds, and a correct playbook does not need it: it is checked
//! against the schema once, and a pattern is compiled when it is first needed. `false` means "not sure":
//! an error, an unsupported keyword, or a number that cannot be compared exactly is left to the full
//! validator, which also produces the messages. So this may be too strict, but never too lenient; a test
//! compares both.

use std::fmt;
use std::sync::OnceLock;

use regex_lite::Regex;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::yaml::{Document, NodeId, NodeKind};

/// A schema, without its messages and annotations.
#[derive(Debug)]
pub(super) struct FastValidator {
    root: Schema,
    /// Schemas that a `$ref` can name.
    definitions: NamedSchemas,
}

/// A schema: `true`, `false`, or constraints.
#[derive(Debug)]
enum Schema {
    Anything,
    Nothing,
    All(Vec<Constraint>),
}

/// Constraint of a keyword. A constraint on texts does not apply to a list, and so on.
#[derive(Debug)]
enum Constraint {
    Type(TypeSet),
    Enum(Vec<serde_json::Value>),
    Reference(&'static str),
    AnyOf(Vec<Schema>),
    AllOf(Vec<Schema>),
    /// `if` these keys are present, `then` the schema must match. Other forms of `if` are not supported.
    IfPresent(Vec<&'static str>, Schema),
    Minimum(i64),
    Maximum(i64),
    MinLength(usize),
    Pattern(String, OnceLock<Option<Regex>>),
    Items(Schema),
    MinItems(usize),
    Properties(NamedSchemas, Option<Schema>),
    PropertyNames(Schema),
    Required(Vec<&'static str>),
}

/// Schemas by name; few enough for a linear search.
#[derive(Debug, Default)]
struct NamedSchemas(Vec<(&'static str, Schema)>);

/// Set of JSON types, one bit for each.
#[derive(Debug, Clone, Copy)]
struct TypeSet(u8);

impl TypeSet {
    const NULL: u8 = 1;
    const BOOLEAN: u8 = 2;
    const INTEGER: u8 = 4;
    const NUMBER: u8 = 8;
    const STRING: u8 = 16;
    const ARRAY: u8 = 32;
    const OBJECT: u8 = 64;
}

impl FastValidator {
    /// Reads a schema. Returns `None` if it uses a keyword that is not supported here.
    pub(super) fn of(schema: &'static str) -> Option<FastValidator> {
        let RootSchema(root, definitions) = serde_json::from_str(schema).ok()?;
        Some(FastValidator { root, definitions })
    }

    /// Returns whether the document certainly matches; `false` means that it is not certain.
    pub(super) fn accepts(&self, document: &Document) -> bool {
        self.matches(&self.root, document, document.root())
    }

    // The recursion is as deep as the document: no schema of ours refers to itself at the same node.
    fn matches(&self, schema: &Schema, document: &Document, id: NodeId) -> bool {
        match schema {
            Schema::Anything => true,
            Schema::Nothing => false,
            Schema::All(constraints) => constraints
                .iter()
                .all(|constraint| self.satisfies(constraint, document, id)),
        }
    }

    fn satisfies(&self, constraint: &Constraint, document: &Document, id: NodeId) -> bool {
        let node = document.node(id);
        let has_key = |key: &&str| document.get(id, key).is_some();
        match constraint {
            Constraint::Type(types) => types.0 & type_of(&node.kind) != 0,
            Constraint::Enum(choices) => match node.as_text() {
                Some(text) => choices.iter().any(|choice| choice == text),
                None => choices.contains(&document.to_json(id)),
            },
            Constraint::Reference(name) => (name.strip_prefix("#/$defs/"))
                .and_then(|name| self.definitions.find(name))
                .is_some_and(|schema| self.matches(schema, document, id)),
            Constraint::AnyOf(schemas) => {
                (schemas.iter()).any(|schema| self.matches(schema, document, id))
            }
            Constraint::AllOf(schemas) => {
                (schemas.iter()).all(|schema| self.matches(schema, document, id))
            }
            // `required` holds for everything that is not a map.
            Constraint::IfPresent(keys, then) => {
                let holds = !matches!(node.kind, NodeKind::Map(_)) || keys.iter().all(has_key);
                !holds || self.matches(then, document, id)
            }
            Constraint::Minimum(bound) => is_whole(&node.kind, |number| number >= *bound),
            Constraint::Maximum(bound) => is_whole(&node.kind, |number| number <= *bound),
            Constraint::MinLength(length) => {
                (node.as_text()).is_none_or(|text| text.chars().nth(length - 1).is_some())
            }
            Constraint::Pattern(pattern, compiled) => node.as_text().is_none_or(|text| {
                (compiled.get_or_init(|| Regex::new(pattern).ok()).as_ref())
                    .is_some_and(|regex| regex.is_match(text))
            }),
            Constraint::Items(schema) => {
                (node.items().iter()).all(|item| self.matches(schema, document, *item))
            }
            Constraint::MinItems(count) => {
                !matches!(node.kind, NodeKind::List(_)) || node.items().len() >= *count
            }
            Constraint::Properties(named, others) => node.entries().iter().all(|entry| {
                (named.find(&document.node(entry.key).text))
                    .or(others.as_ref())
                    .is_none_or(|schema| self.matches(schema, document, entry.value))
            }),
            Constraint::PropertyNames(schema) => node.entries().iter().all(|entry| {
                matches!(document.node(entry.key).kind, NodeKind::Text)
                    && self.matches(schema, document, entry.key)
            }),
            Constraint::Required(keys) => {
                !matches!(node.kind, NodeKind::Map(_)) || keys.iter().all(has_key)
            }
        }
    }
}

impl NamedSchemas {
    fn find(&self, name: &str) -> Option<&Schema> {
        (self.0.iter())
            .find(|(known, _)| *known == name)
            .map(|(_, schema)| schema)
    }
}

/// Returns the bits of a node's type. For JSON Schema `1.0` is an integer too; that is left to the full
/// validator.
fn type_of(kind: &NodeKind) -> u8 {
    match kind {
        NodeKind::Null => TypeSet::NULL,
        NodeKind::Bool(_) => TypeSet::BOOLEAN,
        NodeKind::Number(number) if number.is_f64() => TypeSet::NUMBER,
        NodeKind::Number(_) => TypeSet::NUMBER | TypeSet::INTEGER,
        NodeKind::Text => TypeSet::STRING,
        NodeKind::List(_) => TypeSet::ARRAY,
        NodeKind::Map(_) => TypeSet::OBJECT,
    }
}

/// Returns whether a number is an integer, which compares exactly, for which `holds` is true. Returns
/// `true` for everything that is not a number.
fn is_whole(kind: &NodeKind, holds: impl Fn(i64) -> bool) -> bool {
    match kind {
        NodeKind::Number(number) => number.as_i64().is_some_and(holds),
        _ => true,
    }
}

/// A schema with the definitions beside it.
struct RootSchema(Schema, NamedSchemas);

/// Supported keywords.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Keyword {
    Type,
    Enum,
    #[serde(rename = "$ref")]
    Reference,
    AnyOf,
    AllOf,
    If,
    Then,
    Minimum,
    Maximum,
    MinLength,
    Pattern,
    Items,
    MinItems,
    Properties,
    AdditionalProperties,
    PropertyNames,
    Required,
    #[serde(rename = "$defs")]
    Definitions,
    /// Annotations for people and editors.
    #[serde(
        rename = "$schema",
        alias = "title",
        alias = "description",
        alias = "markdownDescription",
        alias = "markdownEnumDescriptions",
        alias = "errorMessage",
        alias = "patternErrorMessage",
        alias = "defaultSnippets",
        alias = "default",
        alias = "examples"
    )]
    Annotation,
}

/// IfCondition of an `if`. Its names are borrowed: no name in our schemas needs an escape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IfCondition<'a> {
    #[serde(borrow)]
    required: Vec<&'a str>,
}

struct SchemaReader;

impl Visitor<'static> for SchemaReader {
    type Value = RootSchema;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schema of supported keywords")
    }

    fn visit_bool<E>(self, anything: bool) -> Result<RootSchema, E> {
        let schema = if anything {
            Schema::Anything
        } else {
            Schema::Nothing
        };
        Ok(RootSchema(schema, NamedSchemas::default()))
    }

    fn visit_map<A: MapAccess<'static>>(self, mut map: A) -> Result<RootSchema, A::Error> {
        let mut constraints = Vec::new();
        let mut definitions = NamedSchemas::default();
        let mut condition = None;
        let mut then = None;
        let mut properties = None;
        let mut others = None;
        while let Some(keyword) = map.next_key()? {
            constraints.push(match keyword {
                Keyword::Type => Constraint::Type(map.next_value()?),
                Keyword::Enum => Constraint::Enum(map.next_value()?),
                Keyword::Reference => Constraint::Reference(map.next_value()?),
                Keyword::AnyOf => Constraint::AnyOf(map.next_value()?),
                Keyword::AllOf => Constraint::AllOf(map.next_value()?),
                Keyword::Minimum => Constraint::Minimum(map.next_value()?),
                Keyword::Maximum => Constraint::Maximum(map.next_value()?),
                Keyword::MinLength => match map.next_value()? {
                    0 => continue,
                    length => Constraint::MinLength(length),
                },
                Keyword::Pattern => Constraint::Pattern(map.next_value()?, OnceLock::new()),
                Keyword::Items => Constraint::Items(map.next_value()?),
                Keyword::MinItems => Constraint::MinItems(map.next_value()?),
                Keyword::PropertyNames => Constraint::PropertyNames(map.next_value()?),
                Keyword::Required => Constraint::Required(map.next_value()?),
                Keyword::If => {
                    condition = Some(map.next_value::<IfCondition<'static>>()?);
                    continue;
                }
                Keyword::Then => {
                    then = Some(map.next_value()?);
                    continue;
                }
                Keyword::Properties => {
                    properties = Some(map.next_value()?);
                    continue;
                }
                Keyword::AdditionalProperties => {
                    others = Some(map.next_value()?);
                    continue;
                }
                Keyword::Definitions => {
                    definitions = map.next_value()?;
                    continue;
                }
                Keyword::Annotation => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            });
        }
        if properties.is_some() || others.is_some() {
            constraints.push(Constraint::Properties(
                properties.unwrap_or_default(),
                others,
            ));
        }
        if let (Some(condition), Some(then)) = (condition, then) {
            constraints.push(Constraint::IfPresent(condition.required, then));
        }
        Ok(RootSchema(Schema::All(constraints), definitions))
    }
}

impl Deserialize<'static> for RootSchema {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SchemaReader)
    }
}

impl Deserialize<'static> for Schema {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        RootSchema::deserialize(deserializer).map(|RootSchema(schema, _)| schema)
    }
}

impl Deserialize<'static> for NamedSchemas {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'static> for Reader {
            type Value = NamedSchemas;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("schemas by name")
            }

            fn visit_map<A: MapAccess<'static>>(
                self,
                mut map: A,
            ) -> Result<NamedSchemas, A::Error> {
                let mut named = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    named.push(entry);
                }
                Ok(NamedSchemas(named))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Deserialize<'static> for TypeSet {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'static> for Reader {
            type Value = TypeSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one of JSON's types, or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<TypeSet, E> {
                Ok(TypeSet(match name {
                    "null" => TypeSet::NULL,
                    "boolean" => TypeSet::BOOLEAN,
                    "integer" => TypeSet::INTEGER,
                    "number" => TypeSet::NUMBER,
                    "string" => TypeSet::STRING,
                    "array" => TypeSet::ARRAY,
                    "object" => TypeSet::OBJECT,
                    _ => return Err(E::invalid_value(serde::de::Unexpected::Str(name), &self)),
                }))
            }

            fn visit_seq<A: SeqAccess<'static>>(self, mut names: A) -> Result<TypeSet, A::Error> {
                let mut all = 0;
                while let Some(TypeSet(one)) = names.next_element()? {
                    all |= one;
                }
                Ok(TypeSet(all))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
