//! JSON Schema of playbooks: generated from the model's types, committed so that editors can use it, and
//! embedded in the binary.
//!
//! The schema is written so that the messages of generic editors point at the wrong key. So there is no
//! `null` (an empty key would be valid), no `oneOf` over objects, and each schema has an `errorMessage`.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::model::Playbook;
use super::notation::{choices_of, code_list};

/// Returns the committed schema, as `svar schema` prints it.
pub fn committed_schema() -> String {
    COMMITTED.to_owned()
}

pub(super) const COMMITTED: &str = include_str!("../../../../schema/playbook.json");

/// Committed schema without annotations, for the fast check of valid playbooks.
pub(super) const TERSE: &str = include_str!("../../../../schema/playbook.terse.json");

/// Returns a schema without its annotations. It accepts the same documents and is parsed in a fraction of
/// the time. A test compares the committed one with it.
pub fn terse(schema: &str) -> String {
    let schema = serde_json::from_str(schema)
        .unwrap_or_else(|error| panic!("internal error: a schema is not JSON: {error}"));
    format!("{}\n", without_annotations(schema))
}

fn without_annotations(schema: Value) -> Value {
    let Value::Object(keywords) = schema else {
        return schema;
    };
    let each = |parts: Value| match parts {
        Value::Object(parts) => (parts.into_iter())
            .map(|(name, part)| (name, without_annotations(part)))
            .collect(),
        Value::Array(parts) => parts.into_iter().map(without_annotations).collect(),
        other => other,
    };
    (keywords.into_iter())
        .filter(|(keyword, _)| !ANNOTATIONS.contains(&keyword.as_str()))
        .map(|(keyword, value)| {
            let value = match keyword.as_str() {
                "properties" | "$defs" | "anyOf" | "allOf" => each(value),
                "items" | "additionalProperties" | "propertyNames" | "then" => {
                    without_annotations(value)
                }
                _ => value,
            };
            (keyword, value)
        })
        .collect()
}

/// Keywords for people and editors, which do not affect validation.
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "title",
    "description",
    "markdownDescription",
    "markdownEnumDescriptions",
    "errorMessage",
    "patternErrorMessage",
    "defaultSnippets",
    "default",
    "examples",
];

/// Generates the schema from the types; a test compares the committed one with it.
pub fn generate() -> String {
    let mut schema = schema_of::<Playbook>();
    schema.insert("title".to_owned(), "Playbook".into());
    schema.insert("defaultSnippets".to_owned(), json!([playbook_snippet()]));
    for step in ["/properties/steps", "/properties/cleanup"] {
        if let Some(Value::Object(steps)) = schema.pointer_mut(step) {
            steps.insert(
                "defaultSnippets".to_owned(),
                step_snippets(SnippetPosition::List),
            );
        }
    }
    if let Some(Value::Object(step)) = schema.pointer_mut("/$defs/Step") {
        step.insert(
            "defaultSnippets".to_owned(),
            step_snippets(SnippetPosition::Item),
        );
    }
    pretty(&schema)
}

/// Generates the schema of a type, with the same transformations as for playbooks.
pub fn schema_of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .with_transform(refine)
        .into_generator()
        .into_root_schema_for::<T>()
}

/// Returns a schema in the format of the committed files.
pub fn pretty(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}

fn playbook_snippet() -> Value {
    json!({
        "label": "playbook",
        "description": "A playbook of one step",
        "body": {
            "playbook": 1,
            "name": "${1:Collect a file}",
            "os": "${2|windows,linux,macos|}",
            "steps": [{ "get": "${3:path}" }],
        },
    })
}

/// Position at which an editor offers a snippet of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SnippetPosition {
    /// As the value of `steps` or `cleanup`, which is a list.
    List,
    /// As an item of the list.
    Item,
}

fn step_snippets(position: SnippetPosition) -> Value {
    let snippets = [
        (
            "put",
            "Copy a library file to the device",
            json!({ "put": "${1:tool}" }),
        ),
        (
            "run",
            "Run a script and check how it ended",
            json!({ "run": "${1:script}", "expect": { "exit": 0 } }),
        ),
        ("get", "Collect a file", json!({ "get": "${1:path}" })),
    ];
    snippets
        .into_iter()
        .map(|(label, description, step)| {
            let body = match position {
                SnippetPosition::List => json!([step]),
                SnippetPosition::Item => step,
            };
            json!({ "label": label, "description": description, "body": body })
        })
        .collect()
}

/// Applies to each part of the schema what attributes of schemars cannot express.
fn refine(schema: &mut Schema) {
    transform_subschemas(&mut refine, schema);
    remove_null(schema);
    drop_number_formats(schema);
    list_choices(schema);
    describe_as_markdown(schema);
}

/// Removes `null` from the allowed types: an optional key can be left out, but not be empty.
fn remove_null(schema: &mut Schema) {
    let is_null = |value: &Value| value.get("type").is_some_and(|kind| kind == "null");
    if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
        let had_null = branches.iter().any(is_null);
        branches.retain(|branch| !is_null(branch));
        if had_null && branches.len() == 1 {
            let only = branches.remove(0);
            schema.remove("anyOf");
            if let Value::Object(only) = only {
                for (key, value) in only {
                    // Keywords next to the reference apply to this key and take precedence.
                    if schema.get(&key).is_none() {
                        schema.insert(key, value);
                    }
                }
            }
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
}

/// Removes formats such as `uint32`, which bounds express too and validators do not know.
fn drop_number_formats(schema: &mut Schema) {
    let is_number_format = |format: &str| {
        format.starts_with("uint") || format.starts_with("int") || format == "double"
    };
    if schema
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(is_number_format)
    {
        schema.remove("format");
    }
}

/// Replaces constants that have a comment each by one `enum`, which editors show and complete.
fn list_choices(schema: &mut Schema) {
    let Some((values, words)) = choices_of(schema) else {
        return;
    };
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    let wants = format!("Expected {}", code_list(&values, "or"));
    schema.insert("errorMessage".to_owned(), wants.into());
    schema.insert("enum".to_owned(), values.into());
    schema.insert("markdownEnumDescriptions".to_owned(), words.into());
}

/// Unwraps the lines of descriptions, which are Markdown, and copies them to `markdownDescription`.
fn describe_as_markdown(schema: &mut Schema) {
    let Some(Value::String(text)) = schema.get("description") else {
        return;
    };
    let flowing: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let flowing = flowing.join("\n\n");
    schema.insert("markdownDescription".to_owned(), flowing.clone().into());
    schema.insert("description".to_owned(), flowing.into());
}
