//! Deserialization of nodes with serde.

use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor, value::StrDeserializer, value::U32Deserializer,
};
use serde::forward_to_deserialize_any;

use super::document::{Document, MapEntry, Node, NodeId, NodeKind};
use super::wrappers::{SCALAR_LIST_OR_MAP, SPANNED, TEMPLATE_OR};

const TEMPLATE_OPENS: &str = "${{";

/// Error of a node that cannot be deserialized.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct DeserializeError {
    /// Innermost node.
    pub node: Option<NodeId>,
    /// Reason.
    pub message: String,
}

impl DeserializeError {
    /// Sets the node, unless it is already set to an inner one.
    fn at(mut self, node: NodeId) -> Self {
        self.node.get_or_insert(node);
        self
    }
}

impl de::Error for DeserializeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        DeserializeError {
            node: None,
            message: message.to_string(),
        }
    }
}

impl Document {
    /// Deserializes the node to a Rust type.
    ///
    /// # Errors
    /// The innermost node that cannot be deserialized, and the reason.
    pub fn deserialize<T: serde::de::DeserializeOwned>(
        &self,
        id: NodeId,
    ) -> Result<T, DeserializeError> {
        T::deserialize(NodeDeserializer { document: self, id })
    }
}

/// Deserializer of one node.
#[derive(Clone, Copy)]
struct NodeDeserializer<'a> {
    document: &'a Document,
    id: NodeId,
}

impl<'a> NodeDeserializer<'a> {
    fn node(self) -> &'a Node {
        self.document.node(self.id)
    }

    fn of(self, id: NodeId) -> Self {
        NodeDeserializer { id, ..self }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError>
    where
        'a: 'de,
    {
        let node = self.node();
        match &node.kind {
            NodeKind::Null => visitor.visit_unit(),
            NodeKind::Bool(value) => visitor.visit_bool(*value),
            NodeKind::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), ..) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (.., Some(value)) => visitor.visit_f64(value),
                _ => visitor.visit_borrowed_str(&node.text),
            },
            NodeKind::Text => visitor.visit_borrowed_str(&node.text),
            NodeKind::List(items) => {
                let mut access = Items {
                    from: self,
                    items: items.iter(),
                };
                let value = visitor.visit_seq(&mut access)?;
                match access.items.len() {
                    0 => Ok(value),
                    left => Err(de::Error::invalid_length(
                        items.len(),
                        &format!("{} items", items.len() - left).as_str(),
                    )),
                }
            }
            NodeKind::Map(entries) => visitor.visit_map(Entries {
                from: self,
                entries: entries.iter(),
                value: None,
            }),
        }
    }

    /// Visits a number as its source text, so that `007` stays `007`, and everything else as its value.
    fn visit_text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError>
    where
        'a: 'de,
    {
        match &self.node().kind {
            NodeKind::Number(_) => visitor.visit_borrowed_str(&self.node().text),
            _ => self.visit(visitor),
        }
    }

    fn is_template(self) -> bool {
        self.node()
            .as_text()
            .is_some_and(|text| text.contains(TEMPLATE_OPENS))
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.visit(visitor).map_err(|error| error.at(self.id))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.visit_text(visitor).map_err(|error| error.at(self.id))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.node().kind {
            NodeKind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|error: DeserializeError| error.at(self.id))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|error: DeserializeError| error.at(self.id))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if name == SPANNED {
            return visitor
                .visit_seq(NodeAndValue {
                    from: self,
                    given: 0,
                })
                .map_err(|error| error.at(self.id));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if name == TEMPLATE_OR {
            return visitor
                .visit_enum(TemplateAccess(self))
                .map_err(|error| error.at(self.id));
        }
        if name == SCALAR_LIST_OR_MAP {
            return visitor
                .visit_enum(KindAccess(self))
                .map_err(|error| error.at(self.id));
        }
        let node = self.node();
        let result = match &node.kind {
            NodeKind::Text | NodeKind::Number(_) => {
                let text: StrDeserializer<'de, DeserializeError> =
                    node.text.as_str().into_deserializer();
                visitor.visit_enum(text)
            }
            NodeKind::Map(entries) if entries.len() == 1 => visitor.visit_enum(Variant {
                from: self,
                entry: entries[0],
            }),
            _ => Err(de::Error::invalid_type(
                unexpected(node),
                &"one of several choices",
            )),
        };
        result.map_err(|error| error.at(self.id))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier
    }
}

fn unexpected(node: &Node) -> Unexpected<'_> {
    match &node.kind {
        NodeKind::Null => Unexpected::Unit,
        NodeKind::Bool(value) => Unexpected::Bool(*value),
        NodeKind::Number(_) | NodeKind::Text => Unexpected::Str(&node.text),
        NodeKind::List(_) => Unexpected::Seq,
        NodeKind::Map(_) => Unexpected::Map,
    }
}

/// The two parts of a [`Spanned`](super::Spanned).
struct NodeAndValue<'a> {
    from: NodeDeserializer<'a>,
    given: u8,
}

impl<'de> SeqAccess<'de> for NodeAndValue<'de> {
    type Error = DeserializeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DeserializeError> {
        self.given += 1;
        match self.given {
            1 => {
                let node: U32Deserializer<DeserializeError> = self.from.id.0.into_deserializer();
                seed.deserialize(node).map(Some)
            }
            2 => seed.deserialize(self.from).map(Some),
            _ => Ok(None),
        }
    }
}

struct Items<'a> {
    from: NodeDeserializer<'a>,
    items: std::slice::Iter<'a, NodeId>,
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = DeserializeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DeserializeError> {
        match self.items.next() {
            Some(item) => seed
                .deserialize(self.from.of(*item))
                .map(Some)
                .map_err(|error| error.at(*item)),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'a> {
    from: NodeDeserializer<'a>,
    entries: std::slice::Iter<'a, MapEntry>,
    value: Option<NodeId>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DeserializeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DeserializeError> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(entry.value);
        // A key is always text, even if it looks like a number or a bool.
        seed.deserialize(Key(&self.from.document.node(entry.key).text))
            .map(Some)
            .map_err(|error| error.at(entry.key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DeserializeError> {
        let value = self.value.take().ok_or_else(|| {
            de::Error::custom("internal error: a value was requested before its key")
        })?;
        seed.deserialize(self.from.of(value))
            .map_err(|error| error.at(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

struct Key<'a>(&'a str);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let text: StrDeserializer<'de, DeserializeError> = self.0.into_deserializer();
        visitor.visit_enum(text)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Enum access of a map with one entry: the key is the variant, the value its content.
struct Variant<'a> {
    from: NodeDeserializer<'a>,
    entry: MapEntry,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DeserializeError;
    type Variant = NodeDeserializer<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), DeserializeError> {
        let name = Key(&self.from.document.node(self.entry.key).text);
        let name = seed
            .deserialize(name)
            .map_err(|error| error.at(self.entry.key))?;
        Ok((name, self.from.of(self.entry.value)))
    }
}

/// Enum access of a [`TemplateOr`](super::TemplateOr): the variant says whether the node is a template.
struct TemplateAccess<'a>(NodeDeserializer<'a>);

impl<'de> EnumAccess<'de> for TemplateAccess<'de> {
    type Error = DeserializeError;
    type Variant = NodeDeserializer<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), DeserializeError> {
        let is_template = self.0.is_template();
        let chosen: de::value::BoolDeserializer<DeserializeError> = is_template.into_deserializer();
        Ok((seed.deserialize(chosen)?, self.0))
    }
}

/// Enum access whose variant is the kind of the node.
struct KindAccess<'a>(NodeDeserializer<'a>);

impl<'de> EnumAccess<'de> for KindAccess<'de> {
    type Error = DeserializeError;
    type Variant = NodeDeserializer<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), DeserializeError> {
        let form: u8 = match self.0.node().kind {
            NodeKind::List(_) => 1,
            NodeKind::Map(_) => 2,
            _ => 0,
        };
        let form: de::value::U8Deserializer<DeserializeError> = form.into_deserializer();
        Ok((seed.deserialize(form)?, self.0))
    }
}

impl<'de> VariantAccess<'de> for NodeDeserializer<'de> {
    type Error = DeserializeError;

    fn unit_variant(self) -> Result<(), DeserializeError> {
        match self.node().kind {
            NodeKind::Null => Ok(()),
            _ => Err(DeserializeError::at(
                de::Error::invalid_type(unexpected(self.node()), &"nothing"),
                self.id,
            )),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, DeserializeError> {
        seed.deserialize(self).map_err(|error| error.at(self.id))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.deserialize_any(visitor)
    }
}
