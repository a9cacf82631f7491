//! A value whose type depends on whether it is a scalar, a list or a map.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor,
};

use super::deserialize::{DeserializeError, NodeDeserializer};
use super::document::NodeKind;

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

/// Enum access whose variant is the kind of the node.
pub(super) struct KindAccess<'a>(pub(super) NodeDeserializer<'a>);

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
        let form: serde::de::value::U8Deserializer<DeserializeError> = form.into_deserializer();
        Ok((seed.deserialize(form)?, self.0))
    }
}
