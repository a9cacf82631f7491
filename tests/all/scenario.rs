//! Scenario files: the schema an editor uses, and what `svar check` says of each mistake.
//!
//! `tests/cases/scenario/<code>/` holds a `scenario.yaml` and `expected.txt`, exactly what `svar
//! check` draws for it. `SVAR_WRITE_EXPECTED=1` writes the expectations; read what it wrote.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use svar_language::source::SourceText;
use svar_language::yaml::Document;

use crate::cli::builder::Svar;

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir("tests/cases/scenario")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

fn schema() -> Value {
    serde_json::from_str(svar::cli::scenario_schema()).unwrap()
}

/// Calls back for every schema within a schema.
fn each(schema: &Value, visit: &mut dyn FnMut(&Value)) {
    visit(schema);
    for key in ["properties", "$defs"] {
        let inner = schema.get(key).and_then(Value::as_object);
        inner
            .into_iter()
            .flatten()
            .for_each(|(_, inner)| each(inner, visit));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key).filter(|inner| inner.is_object()) {
            each(inner, visit);
        }
    }
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let generated = svar::cli::generate_scenario_schema();
    if std::env::var_os("SVAR_WRITE_SCHEMA").is_some() {
        fs::write("schema/scenario.json", generated).unwrap();
        return;
    }
    assert!(
        svar::cli::scenario_schema() == generated,
        "the types have changed; write the schema with `SVAR_WRITE_SCHEMA=1 cargo test --workspace committed_schema`"
    );
}

#[test]
fn the_schema_speaks_about_one_key_at_a_time() {
    each(&schema(), &mut |part| {
        assert!(
            part.get("oneOf").is_none() && part.get("anyOf").is_none(),
            "{part}"
        );
        assert!(
            part.get("type")
                .is_none_or(|kind| !kind.to_string().contains("null")),
            "an empty key would pass: {part}"
        );
        let properties = part.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let words = property["description"].as_str().unwrap_or_default();
            assert!(
                words.len() > 10 && words.ends_with(['.', '`', ')']),
                "{name}: {words:?}"
            );
        }
        if properties.is_some() {
            assert_eq!(part["additionalProperties"], false, "{part}");
            assert!(part["title"].is_string(), "{part}");
        }
    });
}

#[test]
fn every_setting_has_its_default_in_the_schema() {
    let defaults = serde_json::to_value(svar_emulator::Settings::of(Default::default())).unwrap();
    let schema = schema();
    let settings = schema["$defs"]["SettingOverrides"]["properties"]
        .as_object()
        .unwrap();
    assert_eq!(
        settings.keys().collect::<BTreeSet<_>>(),
        defaults
            .as_object()
            .unwrap()
            .keys()
            .collect::<BTreeSet<_>>()
    );
    for (name, setting) in settings {
        assert_eq!(setting["default"], defaults[name], "{name}");
    }
}

#[test]
fn one_scenario_uses_every_key_there_is() {
    let path = "tests/cases/scenario/everything.yaml";
    let text = fs::read_to_string(path).unwrap();
    each(&schema(), &mut |part| {
        let properties = part.get("properties").and_then(Value::as_object);
        for (name, _) in properties.into_iter().flatten() {
            assert!(text.contains(&format!("{name}:")), "{path} lacks {name}");
        }
    });
    let document = Document::parse(&SourceText::new(path, text.as_str())).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let value = document.to_json(document.root());
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    let ended = Svar::new("check everything.yaml")
        .file("everything.yaml", &text)
        .run()
        .code(0);
    assert_eq!(ended.stderr, "1 scenario: no findings\n");
}

#[test]
fn each_finding_in_a_scenario_is_drawn_as_its_case_says() {
    let mut wrong = Vec::new();
    for folder in cases() {
        let code = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(folder.join("scenario.yaml")).unwrap();
        let ended = Svar::new("check scenario.yaml")
            .file("scenario.yaml", &text)
            .run();
        let drawn = ended.stderr;
        assert!(
            drawn.contains(&format!("[{code}]")),
            "the scenario of `{code}` does not show it, but:\n{drawn}"
        );
        let expected = folder.join("expected.txt");
        if std::env::var_os("SVAR_WRITE_EXPECTED").is_some() {
            fs::write(&expected, &drawn).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if wanted != drawn {
            wrong.push(format!(
                "== {code}: wanted\n{wanted}\n== {code}: but drawn is\n{drawn}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The page of each rule shows what it finds, and how it is right.
#[test]
fn the_pages_of_the_rules_are_true() {
    let first = svar::cli::rules()
        .position(|rule| rule.id == "duplicate-device")
        .unwrap();
    for rule in svar::cli::rules().skip(first) {
        assert!(
            Path::new("tests/cases/scenario").join(rule.id).is_dir(),
            "no case shows `{}`",
            rule.id
        );
        let examples: Vec<&str> = rule.page.split("```yaml\n").skip(1).collect();
        let [bad, good] = examples.as_slice() else {
            panic!("`{}` has two examples", rule.id)
        };
        let check = |text: &str| {
            // What the example leaves out does not matter.
            let text = format!("factor: 1\n{}", text.split("```").next().unwrap());
            Svar::new("check scenario.yaml")
                .file("scenario.yaml", &text)
                .run()
                .stderr
        };
        assert!(
            check(bad).contains(&format!("[{}]", rule.id)),
            "{}",
            check(bad)
        );
        assert_eq!(check(good), "1 scenario: no findings\n", "{}", rule.id);
    }
}

/// The year is a number to YAML, and text to whoever puts it in quotes.
#[test]
fn the_year_of_a_profile_stands_with_quotes_or_without() {
    for text in ["profile: 2021", "profile: \"2021\"", "profile: '2021'"] {
        let ended = Svar::new("check scenario.yaml")
            .file("scenario.yaml", format!("{text}\nfactor: 1\n"))
            .run()
            .code(0);
        assert_eq!(ended.stderr, "1 scenario: no findings\n", "{text}");
    }
    let ended = Svar::new("check scenario.yaml")
        .file("scenario.yaml", "profile: 2022\nfactor: 1\n")
        .run()
        .code(2);
    assert!(
        ended.stderr.contains("`2021`, `current` and `safe`."),
        "{}",
        ended.stderr
    );
    for year in [serde_json::json!(2021), serde_json::json!("2021")] {
        let scenario: svar_emulator::Scenario =
            serde_json::from_value(serde_json::json!({ "profile": year })).unwrap();
        assert_eq!(scenario.settings().slots, 25);
    }
}

/// A generic editor knows the schema and nothing else: one mistake must be one error, at its place.
#[test]
fn one_mistake_in_a_scenario_is_one_error_at_its_place() {
    let mistakes = [
        ("devises: []", "", "additionalProperties"),
        ("factor: 0", "/factor", "minimum"),
        ("factor: fast", "/factor", "type"),
        ("factor:", "/factor", "type"),
        ("profile: 2022", "/profile", "enum"),
        ("profile: newest", "/profile", "enum"),
        ("apps: []", "/apps", "minItems"),
        (
            "devices: [{ nam: a }]",
            "/devices/0",
            "additionalProperties",
        ),
        (
            "devices: [{ name: a, id: abc }]",
            "/devices/0/id",
            "pattern",
        ),
        (
            "devices: [{ name: a, health: fine }]",
            "/devices/0/health",
            "enum",
        ),
        (
            "devices: [{ name: a, online: { from: 3 } }]",
            "/devices/0/online",
            "type",
        ),
        (
            "devices: [{ name: a, online: [{ from: soon }] }]",
            "/devices/0/online/0/from",
            "pattern",
        ),
        (
            "fleets: [{ count: 3, offline: 2 }]",
            "/fleets/0/offline",
            "maximum",
        ),
        (
            "fleets: [{ count: 3, os: { Linux: one } }]",
            "/fleets/0/os/Linux",
            "type",
        ),
        ("library: [{ name: a b }]", "/library/0/name", "pattern"),
        ("library: [{ name: .. }]", "/library/0/name", "pattern"),
        (
            "settings: { context_host: a b }",
            "/settings/context_host",
            "pattern",
        ),
        (
            "settings: { result_content_type: \"a/b\\r\\nc: d\" }",
            "/settings/result_content_type",
            "pattern",
        ),
        ("tenant: a/b", "/tenant", "pattern"),
        (
            "settings: { pickup_delay: 3 }",
            "/settings/pickup_delay",
            "type",
        ),
        (
            "settings: { pickup_delay: { min: 3 } }",
            "/settings/pickup_delay",
            "required",
        ),
        (
            "settings: { order_violation: maybe }",
            "/settings/order_violation",
            "enum",
        ),
        (
            "settings: { repeated_put: reject }",
            "/settings/repeated_put",
            "enum",
        ),
        ("faults: [{ kind: slow }]", "/faults/0", "required"),
        (
            "faults: [{ call: start, kind: delayed_visibility, delay: -1 }]",
            "/faults/0/delay",
            "minimum",
        ),
        (
            "background_load: [{ sessions: -1 }]",
            "/background_load/0/sessions",
            "minimum",
        ),
    ];
    let validator = jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(&schema())
        .unwrap();
    for (text, path, keyword) in mistakes {
        let document = Document::parse(&SourceText::new("scenario.yaml", text)).unwrap();
        let value = document.to_json(document.root());
        let errors: Vec<(String, String)> = validator
            .iter_errors(&value)
            .map(|error| {
                (
                    error.instance_path().to_string(),
                    error.kind().keyword().to_owned(),
                )
            })
            .collect();
        // An enum speaks beside a wrong type, and says nothing else.
        let mut places: Vec<&str> = errors.iter().map(|(path, _)| path.as_str()).collect();
        places.dedup();
        assert_eq!(places, [path], "{text}: {errors:?}");
        assert!(
            errors.iter().any(|(_, found)| found == keyword),
            "{text}: {errors:?}"
        );
    }
}
