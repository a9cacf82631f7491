//! Schema of each type of value: its own notation, or a template.
//!
//! An editor shows the message of the innermost keyword that fails. So each schema is flat, with keywords
//! that apply to different types: bounds to numbers, a pattern to texts. `errorMessage` describes the
//! expected value.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// Pattern of a text that is a single template.
pub(super) const TEMPLATE: &str = r"^\s*\$\{\{[\s\S]*\}\}\s*$";

/// Pattern of names that can be used in an expression.
pub(super) const WORD: &str = "^[A-Za-z][A-Za-z0-9_]*$";

/// A type that can be written as a value or as a template.
pub(super) trait Notation {
    /// Name of the type in the schema.
    const NAME: &'static str;

    /// Returns the schema of a value or template.
    fn or_template(generator: &mut SchemaGenerator) -> Schema;
}

/// Adds a type to those that a schema allows.
pub(super) fn allow_type(schema: &mut Schema, name: &str) {
    let types = match schema.remove("type") {
        Some(Value::Array(mut types)) => {
            types.push(name.into());
            Value::Array(types)
        }
        Some(one) => json!([one, name]),
        None => return,
    };
    schema.insert("type".to_owned(), types);
}

/// Text. A number is accepted and read as text: a device called `4711` needs no quotes.
impl Notation for String {
    const NAME: &'static str = "Text";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

impl Notation for bool {
    const NAME: &'static str = "Bool";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["boolean", "string"],
            "pattern": TEMPLATE,
            "errorMessage": "Expected `true` or `false`, or one expression in `${{ }}`",
        })
    }
}

impl Notation for i64 {
    const NAME: &'static str = "Integer";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "pattern": TEMPLATE,
            "errorMessage": "Expected a whole number, or one expression in `${{ }}`",
        })
    }
}

macro_rules! count {
    ($type:ty, $name:literal) => {
        impl Notation for $type {
            const NAME: &'static str = $name;

            fn or_template(generator: &mut SchemaGenerator) -> Schema {
                let mut schema = i64::or_template(generator);
                schema.insert("minimum".to_owned(), 0.into());
                schema.insert("maximum".to_owned(), <$type>::MAX.into());
                schema
            }
        }
    };
}

count!(u16, "SmallCount");
count!(u32, "Count");

/// Returns the schema of a text that matches a pattern (given without anchors) or is a template.
pub(super) fn text_pattern(pattern: &str, wants: &str) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": format!(r"^(?:{pattern})$|{TEMPLATE}"),
        "errorMessage": format!("Expected {wants}"),
    })
}

/// Requires exactly one of some keys.
///
/// With `oneOf` an editor would show "matches multiple schemas" for two of the keys. So each key excludes
/// those after it, and the message is shown at the second key.
pub(super) fn require_one_key(schema: &mut Schema, keys: &[&str], wants: &str) {
    let needed: Vec<Value> = keys
        .iter()
        .map(|key| json!({ "required": [key], "errorMessage": wants }))
        .collect();
    let exclusive: Vec<Value> = keys
        .iter()
        .enumerate()
        .filter(|(index, _)| index + 1 < keys.len())
        .map(|(index, key)| {
            let others: serde_json::Map<String, Value> = keys[index + 1..]
                .iter()
                .map(|other| ((*other).to_owned(), Value::Bool(false)))
                .collect();
            json!({
                "if": { "required": [key] },
                "then": { "properties": others, "errorMessage": wants },
            })
        })
        .collect();
    schema.insert("anyOf".to_owned(), needed.into());
    schema.insert("allOf".to_owned(), exclusive.into());
}

/// Returns the values and descriptions of an enum, for which schemars generates `oneOf` with constants.
pub(super) fn choices_of(schema: &Schema) -> Option<(Vec<Value>, Vec<Value>)> {
    let variants = schema.get("oneOf")?.as_array()?;
    let mut values = Vec::new();
    let mut words = Vec::new();
    for variant in variants {
        values.push(variant.get("const")?.clone());
        let description = variant.get("description").and_then(Value::as_str);
        let flowing: Vec<&str> = description.unwrap_or_default().split_whitespace().collect();
        words.push(flowing.join(" ").into());
    }
    Some((values, words))
}

/// Returns the values in backticks, with `last` before the last one: `` `a`, `b` or `c` ``.
pub(super) fn code_list(values: &[Value], last: &str) -> String {
    let mut words: Vec<String> = values
        .iter()
        .map(|value| match value {
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        })
        .collect();
    // A choice that may also be written as a number is listed once.
    words.dedup();
    match words.split_last() {
        Some((only, [])) => only.clone(),
        Some((end, words)) => format!("{} {last} {end}", words.join(", ")),
        None => String::new(),
    }
}
