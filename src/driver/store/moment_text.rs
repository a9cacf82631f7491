//! Serializes moments as text (`2026-02-03T09:00:00.000Z`), for `#[serde(with = …)]` in files that
//! people read.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

use svar_wire::Moment;

pub(crate) fn serialize<S: Serializer>(at: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
    let text = String::deserialize(deserializer)?;
    Moment::parse(&text).map_err(D::Error::custom)
}

/// Serializes an optional moment.
pub(crate) mod option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use svar_wire::Moment;

    pub(crate) fn serialize<S: Serializer>(
        at: &Option<Moment>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Moment>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| Moment::parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}
