//! Says yes to a document that certainly fits its schema, sooner than a validator can be built.
//!
//! A validator takes milliseconds to build, a sound playbook needs none: it is walked along the
//! schema once, and a pattern is compiled when the first text meets it. The sieve never says no.
//! What it does not let through (a mistake, a keyword it has not learnt, a number it can't compare
//! exactly) is the validator's to judge, which alone has the words for it. So the sieve may be too
//! strict and must never be too lenient; a test holds both against each other.

use std::fmt;
use std::sync::OnceLock;

use regex_lite::Regex;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::yaml::{Document, Kind, NodeId};

/// A schema, as far as it is needed to say yes.
#[derive(Debug)]
pub(super) struct Sieve {
    root: Schema,
    /// The schemas that a `$ref` can name.
    definitions: Named,
}

/// A schema: `true`, `false`, or what must hold.
#[derive(Debug)]
enum Schema {
    Anything,
    Nothing,
    All(Vec<Rule>),
}

/// What a schema's keywords demand; one that is about texts says nothing about a list, and so on.
#[derive(Debug)]
enum Rule {
    Type(Types),
    Enum(Vec<serde_json::Value>),
    Reference(&'static str),
    AnyOf(Vec<Schema>),
    AllOf(Vec<Schema>),
    /// `if` these keys are there, `then` the schema must fit. The outcome of another `if` would not
    /// be certain either way.
    IfPresent(Vec<&'static str>, Schema),
    Minimum(i64),
    Maximum(i64),
    MinLength(usize),
    Pattern(String, OnceLock<Option<Regex>>),
    Items(Schema),
    MinItems(usize),
    Properties(Named, Option<Schema>),
    PropertyNames(Schema),
    Required(Vec<&'static str>),
}

/// Schemas with names; few enough to be looked through.
#[derive(Debug, Default)]
struct Named(Vec<(&'static str, Schema)>);

/// JSON's types, a bit each.
#[derive(Debug, Clone, Copy)]
struct Types(u8);

impl Types {
    const NULL: u8 = 1;
    const BOOLEAN: u8 = 2;
    const INTEGER: u8 = 4;
    const NUMBER: u8 = 8;
    const STRING: u8 = 16;
    const ARRAY: u8 = 32;
    const OBJECT: u8 = 64;
}

impl Sieve {
    /// The sieve of a schema; `None` where the schema says something that it does not understand.
    pub(super) fn of(schema: &'static str) -> Option<Sieve> {
        let Root(root, definitions) = serde_json::from_str(schema).ok()?;
        Some(Sieve { root, definitions })
    }

    /// Whether the document certainly fits. `false` says nothing.
    pub(super) fn lets_through(&self, document: &Document) -> bool {
        self.fits(&self.root, document, document.root())
    }

    // Recursion is as deep as the document: no schema of ours refers to itself at the same node.
    fn fits(&self, schema: &Schema, document: &Document, id: NodeId) -> bool {
        match schema {
            Schema::Anything => true,
            Schema::Nothing => false,
            Schema::All(rules) => rules.iter().all(|rule| self.keeps(rule, document, id)),
        }
    }

    fn keeps(&self, rule: &Rule, document: &Document, id: NodeId) -> bool {
        let node = document.node(id);
        let is_there = |key: &&str| document.get(id, key).is_some();
        match rule {
            Rule::Type(types) => types.0 & type_of(&node.kind) != 0,
            Rule::Enum(choices) => match node.as_text() {
                Some(text) => choices.iter().any(|choice| choice == text),
                None => choices.contains(&document.to_json(id)),
            },
            Rule::Reference(name) => (name.strip_prefix("#/$defs/"))
                .and_then(|name| self.definitions.find(name))
                .is_some_and(|schema| self.fits(schema, document, id)),
            Rule::AnyOf(schemas) => (schemas.iter()).any(|schema| self.fits(schema, document, id)),
            Rule::AllOf(schemas) => (schemas.iter()).all(|schema| self.fits(schema, document, id)),
            // `required` holds for whatever is no map.
            Rule::IfPresent(keys, then) => {
                let holds = !matches!(node.kind, Kind::Map(_)) || keys.iter().all(is_there);
                !holds || self.fits(then, document, id)
            }
            Rule::Minimum(bound) => is_whole(&node.kind, |number| number >= *bound),
            Rule::Maximum(bound) => is_whole(&node.kind, |number| number <= *bound),
            Rule::MinLength(length) => {
                (node.as_text()).is_none_or(|text| text.chars().nth(length - 1).is_some())
            }
            Rule::Pattern(pattern, compiled) => node.as_text().is_none_or(|text| {
                (compiled.get_or_init(|| Regex::new(pattern).ok()).as_ref())
                    .is_some_and(|regex| regex.is_match(text))
            }),
            Rule::Items(schema) => {
                (node.items().iter()).all(|item| self.fits(schema, document, *item))
            }
            Rule::MinItems(count) => {
                !matches!(node.kind, Kind::List(_)) || node.items().len() >= *count
            }
            Rule::Properties(named, others) => node.entries().iter().all(|entry| {
                (named.find(&document.node(entry.key).text))
                    .or(others.as_ref())
                    .is_none_or(|schema| self.fits(schema, document, entry.value))
            }),
            Rule::PropertyNames(schema) => node.entries().iter().all(|entry| {
                matches!(document.node(entry.key).kind, Kind::Text)
                    && self.fits(schema, document, entry.key)
            }),
            Rule::Required(keys) => !matches!(node.kind, Kind::Map(_)) || keys.iter().all(is_there),
        }
    }
}

impl Named {
    fn find(&self, name: &str) -> Option<&Schema> {
        (self.0.iter())
            .find(|(known, _)| *known == name)
            .map(|(_, schema)| schema)
    }
}

/// A fraction may still be an integer to JSON Schema (`1.0`): that is left to the validator.
fn type_of(kind: &Kind) -> u8 {
    match kind {
        Kind::Null => Types::NULL,
        Kind::Bool(_) => Types::BOOLEAN,
        Kind::Number(number) if number.is_f64() => Types::NUMBER,
        Kind::Number(_) => Types::NUMBER | Types::INTEGER,
        Kind::Text => Types::STRING,
        Kind::List(_) => Types::ARRAY,
        Kind::Map(_) => Types::OBJECT,
    }
}

/// Whether a number is whole, so that it compares exactly, and is as wanted. True of what is no
/// number.
fn is_whole(kind: &Kind, is_as_wanted: impl Fn(i64) -> bool) -> bool {
    match kind {
        Kind::Number(number) => number.as_i64().is_some_and(is_as_wanted),
        _ => true,
    }
}

/// A schema with the definitions beside it.
struct Root(Schema, Named);

/// The keywords that are understood.
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
    /// Says something to people, and nothing about what is valid.
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
    Words,
}

/// Its names are borrowed, as all others are: none of a schema of ours needs an escape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition<'a> {
    #[serde(borrow)]
    required: Vec<&'a str>,
}

struct SchemaReader;

impl Visitor<'static> for SchemaReader {
    type Value = Root;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schema of understood keywords")
    }

    fn visit_bool<E>(self, anything: bool) -> Result<Root, E> {
        let schema = match anything {
            true => Schema::Anything,
            false => Schema::Nothing,
        };
        Ok(Root(schema, Named::default()))
    }

    fn visit_map<A: MapAccess<'static>>(self, mut map: A) -> Result<Root, A::Error> {
        let mut rules = Vec::new();
        let mut definitions = Named::default();
        let mut condition = None;
        let mut then = None;
        let mut properties = None;
        let mut others = None;
        while let Some(keyword) = map.next_key()? {
            rules.push(match keyword {
                Keyword::Type => Rule::Type(map.next_value()?),
                Keyword::Enum => Rule::Enum(map.next_value()?),
                Keyword::Reference => Rule::Reference(map.next_value()?),
                Keyword::AnyOf => Rule::AnyOf(map.next_value()?),
                Keyword::AllOf => Rule::AllOf(map.next_value()?),
                Keyword::Minimum => Rule::Minimum(map.next_value()?),
                Keyword::Maximum => Rule::Maximum(map.next_value()?),
                Keyword::MinLength => match map.next_value()? {
                    0 => continue,
                    length => Rule::MinLength(length),
                },
                Keyword::Pattern => Rule::Pattern(map.next_value()?, OnceLock::new()),
                Keyword::Items => Rule::Items(map.next_value()?),
                Keyword::MinItems => Rule::MinItems(map.next_value()?),
                Keyword::PropertyNames => Rule::PropertyNames(map.next_value()?),
                Keyword::Required => Rule::Required(map.next_value()?),
                Keyword::If => {
                    condition = Some(map.next_value::<Condition<'static>>()?);
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
                Keyword::Words => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            });
        }
        if properties.is_some() || others.is_some() {
            rules.push(Rule::Properties(properties.unwrap_or_default(), others));
        }
        if let (Some(condition), Some(then)) = (condition, then) {
            rules.push(Rule::IfPresent(condition.required, then));
        }
        Ok(Root(Schema::All(rules), definitions))
    }
}

impl Deserialize<'static> for Root {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SchemaReader)
    }
}

impl Deserialize<'static> for Schema {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        Root::deserialize(deserializer).map(|Root(schema, _)| schema)
    }
}

impl Deserialize<'static> for Named {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'static> for Reader {
            type Value = Named;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("schemas by name")
            }

            fn visit_map<A: MapAccess<'static>>(self, mut map: A) -> Result<Named, A::Error> {
                let mut named = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    named.push(entry);
                }
                Ok(Named(named))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Deserialize<'static> for Types {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'static> for Reader {
            type Value = Types;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one of JSON's types, or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Types, E> {
                Ok(Types(match name {
                    "null" => Types::NULL,
                    "boolean" => Types::BOOLEAN,
                    "integer" => Types::INTEGER,
                    "number" => Types::NUMBER,
                    "string" => Types::STRING,
                    "array" => Types::ARRAY,
                    "object" => Types::OBJECT,
                    _ => return Err(E::invalid_value(serde::de::Unexpected::Str(name), &self)),
                }))
            }

            fn visit_seq<A: SeqAccess<'static>>(self, mut names: A) -> Result<Types, A::Error> {
                let mut all = 0;
                while let Some(Types(one)) = names.next_element()? {
                    all |= one;
                }
                Ok(Types(all))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
