//! Values that may be written as templates, and values of any type.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, Visitor};

use crate::yaml::{NodeId, ScalarListOrMap, Spanned, TemplateOr};

use super::notation::Notation;

/// A value, or a template that evaluates to one.
#[derive(Debug, Clone, PartialEq)]
pub enum Templated<T> {
    /// Literal value.
    Value(Spanned<T>),
    /// Template: a text with at least one `${{ }}`, decoded from YAML.
    Template(Spanned<String>),
}

impl<T> Templated<T> {
    /// Returns its node.
    pub fn node(&self) -> NodeId {
        match self {
            Templated::Value(value) => value.node,
            Templated::Template(text) => text.node,
        }
    }

    /// Returns the value, if it is literal.
    pub fn value(&self) -> Option<&T> {
        match self {
            Templated::Value(value) => Some(&value.value),
            Templated::Template(_) => None,
        }
    }

    /// Returns the text of the template, if it is one.
    pub fn template(&self) -> Option<&str> {
        match self {
            Templated::Value(_) => None,
            Templated::Template(text) => Some(&text.value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Templated<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TemplateOr::deserialize(deserializer).map(|read| match read {
            TemplateOr::Template(text) => Templated::Template(text),
            TemplateOr::Value(value) => Templated::Value(value),
        })
    }
}

impl<T: Notation> JsonSchema for Templated<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Templated{}", T::NAME).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::or_template(generator)
    }
}

/// Value of `when`: `true`, `false`, or an expression. The `${{ }}` around the expression is optional, as
/// in other workflow languages: `when: target.family == 'windows'`.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Constant.
    Value(Spanned<bool>),
    /// Text, decoded from YAML. With a `${{` it is a template; otherwise the whole text is one expression.
    Expression(Spanned<String>),
}

impl Condition {
    /// Returns its node.
    pub fn node(&self) -> NodeId {
        match self {
            Condition::Value(value) => value.node,
            Condition::Expression(text) => text.node,
        }
    }
}

enum BoolOrText {
    Bool(bool),
    Text(String),
}

impl<'de> Deserialize<'de> for BoolOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = BoolOrText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false` or an expression")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<BoolOrText, E> {
                Ok(BoolOrText::Bool(value))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<BoolOrText, E> {
                Ok(BoolOrText::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, node } = Spanned::deserialize(deserializer)?;
        Ok(match value {
            BoolOrText::Bool(value) => Condition::Value(Spanned { value, node }),
            BoolOrText::Text(value) => Condition::Expression(Spanned { value, node }),
        })
    }
}

impl JsonSchema for Condition {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": ["boolean", "string"],
            "minLength": 1,
            "errorMessage": "Expected an expression, such as `target.family == 'windows'`",
        })
    }
}

/// A value of any type, with templates anywhere inside. It is read from the
/// [`Document`](crate::yaml::Document), which has the text of numbers and the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyValue {
    /// Node of the value.
    pub node: NodeId,
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { node, value } = Spanned::deserialize(deserializer)?;
        let IgnoredAny = value;
        Ok(AnyValue { node })
    }
}

impl JsonSchema for AnyValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean", "array", "object"] })
    }
}

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        OneOrMany(Vec::new())
    }
}

impl<T> std::ops::Deref for OneOrMany<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ScalarListOrMap::deserialize(deserializer).map(|read| match read {
            ScalarListOrMap::List(many) => OneOrMany(many),
            ScalarListOrMap::Scalar(one) | ScalarListOrMap::Map(one) => OneOrMany(vec![one]),
        })
    }
}

impl<T: Notation> JsonSchema for OneOrMany<Templated<T>> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::NAME).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = T::or_template(generator);
        let mut schema = items.clone();
        super::notation::allow_type(&mut schema, "array");
        schema.insert("items".to_owned(), items.to_value());
        schema.insert("minItems".to_owned(), 1.into());
        schema
    }
}
