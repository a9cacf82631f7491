//! Conditions for a step to succeed.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, Visitor};

use crate::playbook::notation::{TEMPLATE, allow_type};
use crate::playbook::templated::{AnyValue, OneOrMany, Templated};
use crate::yaml::{ScalarListOrMap, Spanned};

use super::SizeCheck;

/// Conditions for a step to succeed, all of which must hold.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Expectation")]
pub struct Expect {
    /// For `run`: the exit code, a list of codes, or `any`.
    #[schemars(extend("default" = 0, "examples" = [0, [0, 3010], "any"]))]
    pub exit: Option<Exit>,
    /// For `run`: the standard output. A text, or a list of texts, means `contains`.
    #[schemars(extend("examples" = ["COLLECTED", { "matches": "^done [0-9]+ files" }]))]
    pub stdout: Option<TextCheck>,
    /// For `run`: the standard error. A text, or a list of texts, means `contains`.
    #[schemars(extend("examples" = [{ "equals": "" }]))]
    pub stderr: Option<TextCheck>,
    /// For `run`: values in the standard output, which must be JSON. Each key is the path of a value (`status`,
    /// `items[0].name`).
    #[serde(default)]
    #[schemars(extend("examples" = [{ "status": "ok", "items[0].size": 12 }]))]
    pub json: IndexMap<String, AnyValue>,
    /// For `get`: the size of the file in bytes, or with `KB`, `MB` or `GB`, after an optional comparison
    /// operator. Without one the size must be equal.
    #[schemars(extend("examples" = ["> 0", "<= 100MB"]))]
    pub size: Option<Templated<SizeCheck>>,
    /// For `get`: the SHA-256 of the file, 64 hexadecimal digits.
    #[schemars(extend(
        "pattern" = "^[0-9a-fA-F]{64}$|\\$\\{\\{",
        "errorMessage" = "Expected a SHA-256: 64 hexadecimal digits",
    ))]
    pub sha256: Option<Templated<String>>,
}

/// Exit codes that mean success.
#[derive(Debug, Clone, PartialEq)]
pub enum Exit {
    /// Any code.
    Any,
    /// One of these codes.
    Codes(Vec<Templated<i64>>),
}

enum AnyOrCode {
    Any,
    Code(i64),
}

impl<'de> Deserialize<'de> for AnyOrCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = AnyOrCode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an exit code or `any`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<AnyOrCode, E> {
                match text {
                    "any" => Ok(AnyOrCode::Any),
                    _ => Err(E::custom("an exit code is a whole number")),
                }
            }

            fn visit_i64<E: Error>(self, code: i64) -> Result<AnyOrCode, E> {
                Ok(AnyOrCode::Code(code))
            }

            fn visit_u64<E: Error>(self, code: u64) -> Result<AnyOrCode, E> {
                i64::try_from(code)
                    .map(AnyOrCode::Code)
                    .map_err(|_| E::custom("no exit code is that large"))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for Exit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read: ScalarListOrMap<Templated<AnyOrCode>, Vec<Templated<i64>>, IgnoredAny> =
            ScalarListOrMap::deserialize(deserializer)?;
        let one = match read {
            ScalarListOrMap::List(codes) => return Ok(Exit::Codes(codes)),
            ScalarListOrMap::Map(_) => {
                return Err(D::Error::custom("an exit code is a whole number"));
            }
            ScalarListOrMap::Scalar(one) => one,
        };
        Ok(match one {
            Templated::Template(text) => Exit::Codes(vec![Templated::Template(text)]),
            Templated::Value(Spanned { value, node }) => match value {
                AnyOrCode::Any => Exit::Any,
                AnyOrCode::Code(value) => {
                    Exit::Codes(vec![Templated::Value(Spanned { value, node })])
                }
            },
        })
    }
}

impl JsonSchema for Exit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Exit".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string", "array"],
            "pattern": format!("^any$|{TEMPLATE}"),
            "items": Templated::<i64>::json_schema(generator),
            "minItems": 1,
            "errorMessage": "Expected an exit code, a list of exit codes, or `any`",
        })
    }
}

/// Conditions on an output, all of which must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextCheck {
    /// The output has this text somewhere, or all of these.
    pub contains: OneOrMany<Templated<String>>,
    /// The output has this text nowhere, nor any of these.
    pub not_contains: OneOrMany<Templated<String>>,
    /// The output is this text, white space at both ends aside.
    pub equals: Option<Templated<String>>,
    /// The output has a match for this regular expression, or for all of these.
    pub matches: OneOrMany<Templated<String>>,
    /// The output has no match for this regular expression, nor for any of these.
    pub not_matches: OneOrMany<Templated<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Text check")]
struct TextCheckMap {
    /// The output has this text somewhere, or all of these.
    #[serde(default)]
    contains: OneOrMany<Templated<String>>,
    /// The output has this text nowhere, nor any of these.
    #[serde(default)]
    not_contains: OneOrMany<Templated<String>>,
    /// The output is this text, white space at both ends aside.
    equals: Option<Templated<String>>,
    /// The output has a match for this regular expression, or for all of these. `^` and `$` stand
    /// for the ends of a line.
    #[serde(default)]
    matches: OneOrMany<Templated<String>>,
    /// The output has no match for this regular expression, nor for any of these. `^` and `$`
    /// stand for the ends of a line.
    #[serde(default)]
    not_matches: OneOrMany<Templated<String>>,
}

impl<'de> Deserialize<'de> for TextCheck {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read: ScalarListOrMap<Templated<String>, Vec<Templated<String>>, TextCheckMap> =
            ScalarListOrMap::deserialize(deserializer)?;
        Ok(match read {
            ScalarListOrMap::Scalar(text) => TextCheck {
                contains: OneOrMany(vec![text]),
                ..TextCheck::default()
            },
            ScalarListOrMap::List(texts) => TextCheck {
                contains: OneOrMany(texts),
                ..TextCheck::default()
            },
            ScalarListOrMap::Map(map) => TextCheck {
                contains: map.contains,
                not_contains: map.not_contains,
                equals: map.equals,
                matches: map.matches,
                not_matches: map.not_matches,
            },
        })
    }
}

impl JsonSchema for TextCheck {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TextCheck".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = OneOrMany::<Templated<String>>::json_schema(generator);
        allow_type(&mut schema, "object");
        let map = TextCheckMap::json_schema(generator);
        for key in ["properties", "additionalProperties"] {
            if let Some(value) = map.get(key) {
                schema.insert(key.to_owned(), value.clone());
            }
        }
        schema
    }
}
