//! Types that are deserialized with the node or by the kind of a value.
//!
//! serde cannot express this, so they request it from the deserializer of nodes by private names.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Deserializer, EnumAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::document::NodeId;

/// A value with the node it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Node of the value.
    pub node: NodeId,
}

impl<T> Spanned<T> {
    /// Converts the value and keeps the node.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: change(self.value),
            node: self.node,
        }
    }
}

/// A text with a template in it, or a value.
///
/// A text scalar that contains `${{` is read as a template, everything else as a value, so that a template
/// can be written where a number, a bool or a choice is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateOr<T> {
    /// Text with at least one `${{`.
    Template(Spanned<String>),
    /// Literal value.
    Value(Spanned<T>),
}

// Not valid names of Rust structs and enums, so that they cannot collide with any.
pub(super) const SPANNED: &str = "$svar::Spanned";
const SPANNED_FIELDS: &[&str] = &["$node", "$value"];
pub(super) const TEMPLATE_OR: &str = "$svar::TemplateOr";
const TEMPLATE_OR_VARIANTS: &[&str] = &["$template", "$value"];

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a YAML document")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Spanned<T>, A::Error> {
                let missing = || de::Error::custom("internal error: a node has two parts");
                let node = parts.next_element::<u32>()?.ok_or_else(missing)?;
                let value = parts.next_element()?.ok_or_else(missing)?;
                Ok(Spanned {
                    value,
                    node: NodeId(node),
                })
            }
        }
        deserializer.deserialize_struct(SPANNED, SPANNED_FIELDS, Fields(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TemplateOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Variants<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Variants<T> {
            type Value = TemplateOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a YAML document")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<Self::Value, A::Error> {
                let (is_template, value) = choice.variant::<bool>()?;
                if is_template {
                    value.newtype_variant().map(TemplateOr::Template)
                } else {
                    value.newtype_variant().map(TemplateOr::Value)
                }
            }
        }
        deserializer.deserialize_enum(TEMPLATE_OR, TEMPLATE_OR_VARIANTS, Variants(PhantomData))
    }
}

impl<T: Serialize> Serialize for Spanned<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// The node is not part of the source, so the schema is that of the value.
impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A value that is deserialized as one of three types, by its kind: scalar, list or map.
///
/// Unlike an untagged enum it determines the kind first, so that an error is about the kind that the
/// author wrote, and the nodes inside keep their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScalarListOrMap<S, L, M> {
    /// Text, number, bool or null.
    Scalar(S),
    /// A list.
    List(L),
    /// A map.
    Map(M),
}

// Not a valid name of a Rust enum, so that it cannot collide with one.
pub(super) const SCALAR_LIST_OR_MAP: &str = "$svar::ScalarListOrMap";
const SCALAR_LIST_OR_MAP_VARIANTS: &[&str] = &["$scalar", "$list", "$map"];

impl<'de, S, L, M> Deserialize<'de> for ScalarListOrMap<S, L, M>
where
    S: Deserialize<'de>,
    L: Deserialize<'de>,
    M: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms<S, L, M>(PhantomData<(S, L, M)>);
        impl<'de, S, L, M> Visitor<'de> for Forms<S, L, M>
        where
            S: Deserialize<'de>,
            L: Deserialize<'de>,
            M: Deserialize<'de>,
        {
            type Value = ScalarListOrMap<S, L, M>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a YAML document")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<Self::Value, A::Error> {
                let (form, value) = choice.variant::<u8>()?;
                match form {
                    0 => value.newtype_variant().map(ScalarListOrMap::Scalar),
                    1 => value.newtype_variant().map(ScalarListOrMap::List),
                    _ => value.newtype_variant().map(ScalarListOrMap::Map),
                }
            }
        }
        deserializer.deserialize_enum(
            SCALAR_LIST_OR_MAP,
            SCALAR_LIST_OR_MAP_VARIANTS,
            Forms(PhantomData),
        )
    }
}
