//! The tables of `docs/`: made from the same types that the program reads, so that they stay true.
//!
//! `SVAR_WRITE_DOCS=1 cargo test reference` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

const BEGIN: &str = "<!-- reference -->\n";
const END: &str = "<!-- end of reference -->";

#[test]
fn the_table_of_keys_is_that_of_the_schema() {
    let schema: Value = serde_json::from_str(&svar::playbook::schema()).unwrap();
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
            default.map_or(String::new(), |value| format!("`{}`", shown(value))),
            meaning.replace('|', "\\|").replace('\n', " "),
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

fn described(value: &Value) -> Option<&str> {
    value.get("description").and_then(Value::as_str)
}

fn resolved<'a>(value: &'a Value, root: &'a Value) -> &'a Value {
    let reference = value.get("$ref").and_then(Value::as_str);
    reference
        .and_then(|path| root.pointer(path.trim_start_matches('#')))
        .unwrap_or(value)
}

/// What a value may be: its choices where it has some, else its types.
fn takes(value: &Value) -> String {
    let choices = std::iter::once(value)
        .chain(
            value
                .get("anyOf")
                .and_then(Value::as_array)
                .into_iter()
                .flatten(),
        )
        .find_map(|part| part.get("enum").and_then(Value::as_array));
    if let Some(choices) = choices {
        let words: Vec<String> = choices
            .iter()
            .map(|choice| format!("`{}`", shown(choice)))
            .collect();
        return words.join(", ");
    }
    let types = match value.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let words: Vec<&str> = types
        .into_iter()
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

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
