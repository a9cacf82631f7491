//! The schema of each kind of value: its own form, or a template.
//!
//! A generic editor shows the message of the innermost keyword that fails. So a form is one flat
//! schema whose keywords look at different types: bounds see numbers only, a pattern sees texts
//! only, and `errorMessage` says in words what is wanted.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::model::{
    CleanupWhen, CountOrPercent, OfflineMode, OnFail, OnStop, Os, Pass, Period, ResultsWanted,
    Risk, SizeCheck, StopBase, Window,
};

/// A text that is one template and nothing else.
pub(super) const TEMPLATE: &str = r"^\s*\$\{\{[\s\S]*\}\}\s*$";

/// A type with a notation of its own.
pub(super) trait Notation {
    /// Its name among the schema's types.
    const NAME: &'static str;

    /// Returns the schema of the value, or a template in its place.
    fn or_template(generator: &mut SchemaGenerator) -> Schema;
}

/// Widens the types a schema allows.
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

/// Text. A number is taken as it was typed: a device called `4711` needs no quotes.
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

/// Returns a text in one of several forms, each a pattern without anchors.
fn text_pattern(pattern: &str, wants: &str) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": format!(r"^(?:{pattern})$|{TEMPLATE}"),
        "errorMessage": format!("Expected {wants}"),
    })
}

impl Notation for Period {
    const NAME: &'static str = "Period";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        text_pattern(
            r"([0-9]+(w|d|h|m|s|ms))+",
            "a duration with its unit, such as `90s`, `15m`, `8h`, `1h30m` or `2d`",
        )
    }
}

impl Notation for CountOrPercent {
    const NAME: &'static str = "CountOrPercent";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        let mut schema = text_pattern(
            r"[0-9]+|(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?) ?%",
            "a number of devices such as `20`, or a percentage such as `5%`",
        );
        allow_type(&mut schema, "integer");
        schema.insert("minimum".to_owned(), 0.into());
        schema.insert("maximum".to_owned(), u32::MAX.into());
        schema
    }
}

impl Notation for SizeCheck {
    const NAME: &'static str = "SizeCheck";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        let mut schema = text_pattern(
            r" *(<|<=|>|>=|=|==|!=)? *[0-9]+ *([KMGkmg]?[Bb]|[KMGkmg]i[Bb]|[KMGkmg])? *",
            "a size to compare with, such as `\"> 0\"` or `\"<= 100MB\"`",
        );
        allow_type(&mut schema, "integer");
        schema.insert("minimum".to_owned(), 0.into());
        schema
    }
}

impl Notation for Window {
    const NAME: &'static str = "Window";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        let day = "(?:[Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)";
        let days = format!("{day}(?:-{day})?(?:,{day}(?:-{day})?)*");
        text_pattern(
            &format!(
                r"(?:{days} +)?([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]:[0-5][0-9]|2[0-3]:[0-5][0-9]|24:00)( +[A-Za-z0-9_+/-]+)?"
            ),
            "hours such as `22:00-06:00` or `Mon-Fri 20:00-23:30 Europe/Stockholm`",
        )
    }
}

/// Demands exactly one of some keys.
///
/// `oneOf` would say it in one word, and an editor would show "matches multiple schemas" for two
/// of the keys. So each key refuses those after it, and the message stands at the key that is too
/// many.
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

/// Returns what schemars makes of an enum with comments (`oneOf` of constants) as the values and
/// their descriptions.
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

/// Returns `a`, `b` or `c`, in backticks.
pub(super) fn code_list(values: &[Value], last: &str) -> String {
    let mut words: Vec<String> = values
        .iter()
        .map(|value| match value {
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        })
        .collect();
    // A choice that may also stand as a number is one choice.
    words.dedup();
    match words.split_last() {
        Some((only, [])) => only.clone(),
        Some((end, words)) => format!("{} {last} {end}", words.join(", ")),
        None => String::new(),
    }
}

macro_rules! choice {
    ($($type:ty),+ $(,)?) => {$(
        impl Notation for $type {
            const NAME: &'static str = stringify!($type);

            fn or_template(generator: &mut SchemaGenerator) -> Schema {
                let plain = <$type as schemars::JsonSchema>::json_schema(generator);
                let Some((values, words)) = choices_of(&plain) else {
                    return plain;
                };
                json_schema!({
                    "type": "string",
                    "anyOf": [
                        { "enum": values, "markdownEnumDescriptions": words },
                        { "pattern": TEMPLATE },
                    ],
                    "errorMessage": format!("Expected {}", code_list(&values, "or")),
                })
            }
        }
    )+};
}

choice!(
    CleanupWhen,
    OfflineMode,
    OnFail,
    OnStop,
    Os,
    Pass,
    ResultsWanted,
    Risk,
    StopBase
);
