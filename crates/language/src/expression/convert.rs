//! Conversion between JSON values, values of minijinja, and text.
//!
//! minijinja's own conversion to text is not used, since it prints `True`, `None` and `5.0`.

use minijinja::value::{Value as EngineValue, ValueKind};
use serde_json::{Map, Number, Value};

/// Error of a value that cannot be converted to JSON or to text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// Undefined value.
    #[error("a part of it has no value")]
    Undefined,
    /// Object that is not plain data.
    #[error("it is not a plain value")]
    NotPlain,
    /// Integer of more than 64 bits.
    #[error("the number is too large")]
    NumberTooLarge,
    /// Infinite number, or not a number.
    #[error("the result is not a finite number")]
    NotFinite,
    /// Null in a text.
    #[error("null cannot be part of a text")]
    NullInText,
    /// List in a text.
    #[error("a list cannot be part of a text")]
    ListInText,
    /// Map in a text.
    #[error("a map cannot be part of a text")]
    MapInText,
    /// Error of minijinja.
    #[error("{0}")]
    Engine(String),
}

impl From<minijinja::Error> for ConversionError {
    fn from(error: minijinja::Error) -> Self {
        ConversionError::Engine(error.to_string())
    }
}

/// Converts a JSON value to a value of minijinja.
pub(super) fn to_engine(value: &Value) -> EngineValue {
    match value {
        Value::Null => EngineValue::from(()),
        Value::Bool(value) => EngineValue::from(*value),
        Value::Number(number) => {
            if let Some(int) = number.as_i64() {
                EngineValue::from(int)
            } else if let Some(int) = number.as_u64() {
                EngineValue::from(int)
            } else {
                EngineValue::from(number.as_f64().unwrap_or(f64::NAN))
            }
        }
        Value::String(text) => EngineValue::from(text.as_str()),
        Value::Array(items) => items.iter().map(to_engine).collect(),
        Value::Object(entries) => EngineValue::from_pairs(
            entries
                .iter()
                .map(|(key, value)| (key.as_str(), to_engine(value))),
        ),
    }
}

/// Converts a value of minijinja to JSON.
///
/// # Errors
/// The value is undefined, or a number that JSON cannot represent.
pub(super) fn from_engine(value: &EngineValue) -> Result<Value, ConversionError> {
    match value.kind() {
        ValueKind::Undefined => Err(ConversionError::Undefined),
        ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::Number => number(value).map(Value::Number),
        ValueKind::String => Ok(Value::String(value.as_str().unwrap_or_default().to_owned())),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?;
            items.map(|item| from_engine(&item)).collect()
        }
        ValueKind::Map => {
            let keys = value.try_iter()?;
            let mut entries = Map::new();
            for key in keys {
                let item = value.get_item(&key)?;
                entries.insert(engine_text(&key)?, from_engine(&item)?);
            }
            Ok(Value::Object(entries))
        }
        _ => Err(ConversionError::NotPlain),
    }
}

fn number(value: &EngineValue) -> Result<Number, ConversionError> {
    if value.is_integer() {
        if let Some(int) = value.as_i64() {
            return Ok(int.into());
        }
        if let Ok(int) = u64::try_from(value.clone()) {
            return Ok(int.into());
        }
        return Err(ConversionError::NumberTooLarge);
    }
    f64::try_from(value.clone())
        .ok()
        .and_then(Number::from_f64)
        .ok_or(ConversionError::NotFinite)
}

/// Converts a value of minijinja to text, as [`to_text`] does.
///
/// # Errors
/// The value cannot be converted.
pub(super) fn engine_text(value: &EngineValue) -> Result<String, ConversionError> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => to_text(&from_engine(value)?),
    }
}

/// Converts a value to text, as for an expression inside a longer text: `true`, `5`, `2.5`, or the text
/// itself.
///
/// # Errors
/// Null, lists and maps cannot be converted.
pub fn to_text(value: &Value) -> Result<String, ConversionError> {
    match value {
        Value::Bool(value) => Ok(value.to_string()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(match number.as_f64() {
            // A division that gives a whole number is printed without a fraction. Above 2^53 the digits
            // would not be exact.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        }),
        Value::Null => Err(ConversionError::NullInText),
        Value::Array(_) => Err(ConversionError::ListInText),
        Value::Object(_) => Err(ConversionError::MapInText),
    }
}
