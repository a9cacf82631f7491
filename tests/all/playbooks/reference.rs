//! The tables of `docs/`: made from the same types that the program reads, so that they stay true.
//!
//! `SVAR_WRITE_DOCS=1 cargo test reference` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use svar_emulator::{ServiceProfile, Settings};

const BEGIN: &str = "<!-- reference -->\n";
const END: &str = "<!-- end of reference -->";

#[test]
fn the_table_of_keys_is_that_of_the_schema() {
    let schema: Value = serde_json::from_str(&svar_language::playbook::committed_schema()).unwrap();
    let names = [
        ("Input", "`inputs.NAME`"),
        ("LibraryFile", "`library.NAME`"),
        ("Targets", "`targets`"),
        ("Exclude", "`targets.exclude`"),
        ("ExpectTargets", "`targets.expect`"),
        ("Rollout", "`rollout`"),
        ("StopWhen", "`rollout.stop_when`"),
        ("Offline", "`offline`"),
        ("Step", "`steps[]` and `cleanup[]`"),
        ("Expect", "`steps[].expect`"),
        ("Save", "`steps[].save.NAME`"),
    ];
    let mut text = table("The playbook", &schema, &schema);
    for (name, title) in names {
        text.push_str(&table(title, &schema["$defs"][name], &schema));
    }
    compare("docs/language.md", &text);
}

#[test]
fn the_table_of_scenario_keys_is_that_of_the_types() {
    let schema = schemars::schema_for!(svar_emulator::Scenario).to_value();
    let names = [
        ("App", "`apps[]`"),
        ("Device", "`devices[]`, and `fleets[].device`"),
        ("TimeWindow", "`devices[].online[]` and `portal_sessions[]`"),
        (
            "DeviceFile",
            "`devices[].files[]`, and `outcomes[].files[]`",
        ),
        ("Fleet", "`fleets[]`"),
        ("LibraryItem", "`library[]`"),
        ("ScriptOutcome", "`outcomes[]`"),
        ("Fault", "`faults[]`"),
        ("BackgroundLoad", "`background_load[]`"),
        (
            "DurationRange",
            "Random durations: `pickup_delay`, `wrapup_delay`, `visibility_lag`, `back_online`",
        ),
    ];
    let mut text = table("The scenario", &schema, &schema);
    for (name, title) in names {
        text.push_str(&table(title, &schema["$defs"][name], &schema));
    }
    text.push_str(&settings(&schema["$defs"]["SettingOverrides"], &schema));
    text.push_str(&choices("`faults[].kind`", &schema["$defs"]["FaultKind"]));
    compare("docs/emulator.md", &text);
}

/// The settings with the value each profile gives them.
fn settings(object: &Value, root: &Value) -> String {
    let values = [
        ServiceProfile::Current,
        ServiceProfile::Y2021,
        ServiceProfile::Safe,
    ]
    .map(|profile| serde_json::to_value(Settings::of(profile)).unwrap());
    let mut text = "\n### `settings`\n\n| key | takes | `current` | `2021` | `safe` | meaning |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for (key, value) in properties(object) {
        let resolved = resolved(value, root);
        let columns: Vec<String> = values
            .iter()
            .map(|settings| length(&settings[key]))
            .collect();
        let meaning = described(value).unwrap_or_default();
        writeln!(
            text,
            "| `{key}` | {} | {} | {} |",
            takes(resolved),
            columns.join(" | "),
            told(meaning)
        )
        .unwrap();
    }
    text
}

fn length(value: &Value) -> String {
    match (value.get("min"), value.get("max")) {
        (Some(min), Some(max)) => format!("`{min}` to `{max}`"),
        _ => format!("`{}`", shown(value)),
    }
}

/// The part of a page between the two marks is this text; or becomes it, when asked for.
#[track_caller]
fn compare(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let old = fs::read_to_string(&path).unwrap();
    let (head, rest) = old.split_once(BEGIN).expect("the mark of the beginning");
    let (written, tail) = rest.split_once(END).expect("the mark of the end");
    if written == text {
        return;
    }
    if std::env::var_os("SVAR_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{text}{END}{tail}")).unwrap();
        return;
    }
    panic!(
        "{page} is not up to date: write it with `SVAR_WRITE_DOCS=1 cargo test reference`\n{text}"
    );
}

/// One object of a schema as a table.
fn table(title: &str, object: &Value, root: &Value) -> String {
    let mut text = format!(
        "\n### {title}\n\n| key | takes | default | meaning |\n| --- | --- | --- | --- |\n"
    );
    for (key, value) in properties(object) {
        let resolved = resolved(value, root);
        let default = value.get("default").or_else(|| resolved.get("default"));
        let meaning = described(value)
            .or_else(|| described(resolved))
            .unwrap_or_default();
        writeln!(
            text,
            "| `{key}` | {} | {} | {} |",
            takes(resolved),
            default
                .filter(|value| is_telling(value))
                .map_or(String::new(), |value| format!("`{}`", shown(value))),
            told(meaning),
        )
        .unwrap();
    }
    text
}

/// The choices of a value, each with what it means.
fn choices(title: &str, value: &Value) -> String {
    let mut text = format!("\n### {title}\n\n| choice | meaning |\n| --- | --- |\n");
    for part in parts(value) {
        let name = part.get("const").map_or(String::new(), shown);
        writeln!(
            text,
            "| `{name}` | {} |",
            told(described(part).unwrap_or_default())
        )
        .unwrap();
    }
    text
}

fn properties(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// A comment of the source as a cell of a table. Where a rule comes from is told in the source alone.
fn told(comment: &str) -> String {
    let origin = regex::Regex::new(r" \((our choice; )?API notes [^)]*\)| \(our choice\)").unwrap();
    origin
        .replace_all(comment, "")
        .replace('|', "\\|")
        .replace('\n', " ")
}

fn described(value: &Value) -> Option<&str> {
    value.get("description").and_then(Value::as_str)
}

/// The schema that a reference leads to, also one that is only optional.
fn resolved<'a>(value: &'a Value, root: &'a Value) -> &'a Value {
    let reference = std::iter::once(value)
        .chain(parts(value))
        .find_map(|part| part.get("$ref").and_then(Value::as_str));
    reference
        .and_then(|path| root.pointer(path.trim_start_matches('#')))
        .unwrap_or(value)
}

/// What a value may be: its choices where it has some, else its types.
fn takes(value: &Value) -> String {
    let mut choices = Vec::new();
    for part in std::iter::once(value).chain(parts(value)) {
        choices.extend(
            part.get("enum")
                .and_then(Value::as_array)
                .into_iter()
                .flatten(),
        );
        choices.extend(part.get("const"));
    }
    if !choices.is_empty() {
        let mut words: Vec<String> = (choices.iter())
            .map(|choice| format!("`{}`", shown(choice)))
            .collect();
        words.dedup();
        return words.join(", ");
    }
    let types = match value.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let words: Vec<&str> = types
        .into_iter()
        .filter(|name| *name != "null")
        .map(|name| match name {
            "string" => "text",
            "integer" => "whole number",
            "array" => "list",
            "object" => "map",
            "boolean" => "`true`, `false`",
            other => other,
        })
        .collect();
    words.join(", ")
}

/// The alternatives a value is written as.
fn parts(value: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|key| value.get(key).and_then(Value::as_array))
        .flatten()
}

/// Whether a default says more than that there is nothing.
fn is_telling(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_string),
        Value::Object(_) => false,
        _ => true,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
