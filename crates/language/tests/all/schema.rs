//! The schema as an editor uses it: by a validator that knows nothing of playbooks.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use svar_language::source::SourceText;
use svar_language::yaml::Document;

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&svar_language::playbook::committed_schema()).unwrap();
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .build(&schema)
        .unwrap()
}

fn playbook_files() -> Vec<PathBuf> {
    (fs::read_dir("../../playbooks").unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect()
}

fn as_json(playbook: &str) -> Value {
    let document = Document::parse(&SourceText::new("playbook.yaml", playbook)).unwrap();
    document.to_json(document.root())
}

#[test]
fn committed_schema_is_the_generated_one() {
    let generated = svar_language::playbook::generate_schema();
    let terse = svar_language::playbook::terse_schema(&generated);
    for (path, text) in [
        ("../../schema/playbook.json", generated),
        ("../../schema/playbook.terse.json", terse),
    ] {
        if std::env::var_os("SVAR_WRITE_SCHEMA").is_some() {
            fs::write(path, text).unwrap();
            continue;
        }
        assert!(
            fs::read_to_string(path).unwrap() == text,
            "the types have changed; write {path} with `SVAR_WRITE_SCHEMA=1 cargo test --workspace committed_schema`"
        );
    }
}

#[test]
fn good_playbooks_are_accepted() {
    let validator = validator();
    let mut playbooks = playbook_files();
    assert!(playbooks.len() >= 6);
    playbooks.push("tests/cases/everything.yaml".into());
    for path in playbooks {
        let value = as_json(&fs::read_to_string(&path).unwrap());
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

#[test]
fn one_playbook_uses_every_key_there_is() {
    let schema: Value = serde_json::from_str(&svar_language::playbook::committed_schema()).unwrap();
    let used = fs::read_to_string(Path::new("tests/cases/everything.yaml")).unwrap();
    let mut missing = Vec::new();
    each_property(&schema, &mut |name| {
        if !used.contains(&format!("{name}:")) {
            missing.push(name.to_owned());
        }
    });
    assert!(missing.is_empty(), "everything.yaml lacks {missing:?}");
}

#[test]
fn every_key_is_explained_to_who_hovers_over_it() {
    let schema: Value = serde_json::from_str(&svar_language::playbook::committed_schema()).unwrap();
    each_schema(&schema, &mut |part| {
        for (name, property) in part
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            // Refused beside another key: nothing to explain.
            if *property == Value::Bool(false) {
                continue;
            }
            let words = property
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default();
            assert!(
                words.len() > 15 && words.ends_with(['.', '`']),
                "{name}: {words:?}"
            );
        }
        assert!(
            part.get("type")
                .is_none_or(|kind| !kind.to_string().contains("null")),
            "an empty key would pass: {part}"
        );
    });
}

/// One mistake each: where, by which keyword, and a word that the message names. More than one
/// error, or one about the whole step, would leave the author searching.
#[test]
fn one_mistake_is_one_error_at_its_place() {
    let step = |step: &str| format!("playbook: 1\nsteps: [{step}]");
    let head = |head: &str| format!("playbook: 1\n{head}\nsteps: [{{ get: /x }}]");
    let mistakes = [
        (
            step("{ run: a.ps1, argz: -x }"),
            "/steps/0",
            "additionalProperties",
            "argz",
        ),
        (
            step("{ run: a.ps1, get: /x }"),
            "/steps/0/get",
            "falseSchema",
            "/x",
        ),
        (
            step("{ name: nothing }"),
            "/steps/0",
            "anyOf",
            "not valid under any",
        ),
        (
            step("{ run: a.ps1, gate: 1 }"),
            "/steps/0/gate",
            "type",
            "boolean",
        ),
        (
            step("{ run: a.ps1, gate: 'yes' }"),
            "/steps/0/gate",
            "pattern",
            "yes",
        ),
        (step("{ run: }"), "/steps/0/run", "type", "null"),
        (
            step("{ run: a.ps1, on_fail: ignore }"),
            "/steps/0/on_fail",
            "anyOf",
            "ignore",
        ),
        (
            step("{ run: a.ps1, timeout: 30 }"),
            "/steps/0/timeout",
            "type",
            "30",
        ),
        (
            step("{ run: a.ps1, timeout: 30 min }"),
            "/steps/0/timeout",
            "pattern",
            "30 min",
        ),
        (
            step("{ run: a.ps1, retry: 99 }"),
            "/steps/0/retry",
            "maximum",
            "10",
        ),
        (
            step("{ run: a.ps1, retry: { delay: 1m } }"),
            "/steps/0/retry",
            "required",
            "max",
        ),
        (
            step("{ run: a.ps1, retry: { max: 1, wait: 1m } }"),
            "/steps/0/retry",
            "additionalProperties",
            "wait",
        ),
        (
            step("{ run: a.ps1, expect: { exit: [0, zero] } }"),
            "/steps/0/expect/exit/1",
            "pattern",
            "zero",
        ),
        (
            step("{ run: a.ps1, expect: { stdout: { contain: x } } }"),
            "/steps/0/expect/stdout",
            "additionalProperties",
            "contain",
        ),
        (
            step("{ get: /x, expect: { size: big } }"),
            "/steps/0/expect/size",
            "pattern",
            "big",
        ),
        (
            step("{ run: a.ps1, id: a-b }"),
            "/steps/0/id",
            "pattern",
            "a-b",
        ),
        (
            step("{ run: a.ps1, save: { v: { from: stdout } } }"),
            "/steps/0/save/v",
            "anyOf",
            "not valid",
        ),
        (
            "steps: [{ get: /x }]".to_owned(),
            "",
            "required",
            "playbook",
        ),
        (
            "playbook: 2\nsteps: [{ get: /x }]".to_owned(),
            "/playbook",
            "enum",
            "2",
        ),
        (
            "playbook: 1\nsteps: []".to_owned(),
            "/steps",
            "minItems",
            "[]",
        ),
        (head("tasks: []"), "", "additionalProperties", "tasks"),
        (head("risk: high"), "/risk", "anyOf", "high"),
        (
            head("inputs: { a: { type: str } }"),
            "/inputs/a/type",
            "enum",
            "str",
        ),
        (
            head("inputs: { a-b: {} }"),
            "/inputs",
            "propertyNames",
            "a-b",
        ),
        (
            head("library: { a: {} }"),
            "/library/a",
            "anyOf",
            "not valid",
        ),
        (
            head("library: { a: { name: a, sha256: abc } }"),
            "/library/a/sha256",
            "pattern",
            "abc",
        ),
        (
            head("targets: { ids: one }"),
            "/targets/ids",
            "type",
            "array",
        ),
        (
            head("rollout: { max_active: 0 }"),
            "/rollout/max_active",
            "minimum",
            "1",
        ),
        (
            head("rollout: { waves: [150%] }"),
            "/rollout/waves/0",
            "pattern",
            "150%",
        ),
        (
            head("rollout: { stop_when: { of: finished } }"),
            "/rollout/stop_when",
            "required",
            "failed",
        ),
        (
            head("offline: { mode: sleep }"),
            "/offline/mode",
            "anyOf",
            "sleep",
        ),
        (head("deadline: 8"), "/deadline", "type", "8"),
        (head("window: 25:00-26:00"), "/window", "pattern", "25:00"),
    ];
    let validator = validator();
    for (playbook, path, keyword, word) in mistakes {
        let value = as_json(&playbook);
        let errors: Vec<_> = validator.iter_errors(&value).collect();
        let [error] = errors.as_slice() else {
            panic!("{playbook}\ngives {errors:#?}");
        };
        assert_eq!(error.instance_path().as_str(), path, "{playbook}\n{error}");
        assert_eq!(error.kind().keyword(), keyword, "{playbook}\n{error}");
        assert!(error.to_string().contains(word), "{playbook}\n{error}");
    }
}

fn each_schema(schema: &Value, visit: &mut dyn FnMut(&Value)) {
    if let Value::Object(map) = schema {
        if map.contains_key("type") || map.contains_key("properties") {
            visit(schema);
        }
        for (key, value) in map {
            // Examples look like schemas and are none.
            if !matches!(key.as_str(), "examples" | "default" | "defaultSnippets") {
                each_schema(value, visit);
            }
        }
    } else if let Value::Array(items) = schema {
        for item in items {
            each_schema(item, visit);
        }
    }
}

fn each_property(schema: &Value, visit: &mut dyn FnMut(&str)) {
    each_schema(schema, &mut |part| {
        for name in part
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|map| map.keys())
        {
            visit(name);
        }
    });
}

/// What is put in a node's place, or beside it: each is wrong somewhere and right elsewhere.
const ODD_VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1",
    "11",
    "1.0",
    "2.5",
    "1e400",
    "''",
    "'x'",
    "'9 lives'",
    "windows",
    "'5%'",
    "'8h'",
    "'> 0'",
    "'${{ inputs.days }}'",
    "[]",
    "[1, x]",
    "[{}]",
    "{}",
    "{ run: a.sh }",
    "{ put: a, get: b }",
    "{ regex: x, json: y }",
    "{ max: 3 }",
    "{ 'a b': 1 }",
];

/// Every playbook that comes from a good one by one odd change.
fn invalid_playbooks() -> Vec<String> {
    let mut texts = Vec::new();
    for path in [
        "tests/cases/everything.yaml",
        "../../playbooks/minidump.yaml",
    ] {
        let text = fs::read_to_string(path).unwrap();
        let document = Document::parse(&SourceText::new("playbook.yaml", text.as_str())).unwrap();
        for (id, node) in document.nodes() {
            let (start, end) = (node.span.start as usize, node.span.end as usize);
            let changed = |new: &str| format!("{}{new}{}", &text[..start], &text[end..]);
            if document.key(id).is_some()
                || document
                    .parent(id)
                    .is_none_or(|parent| !document.node(parent).items().is_empty())
            {
                texts.extend(ODD_VALUES.iter().map(|value| changed(value)));
            } else {
                texts.extend(["run", "put", "json", "max", "'0'", "~", "nonsense"].map(changed));
            }
        }
    }
    texts
}

#[test]
fn the_first_look_never_lets_a_mistake_through() {
    let validator = validator();
    let shape = svar_language::playbook::playbook_schema();
    let (mut let_through, mut fitting, mut wrong) = (0, 0, 0);
    // Every third: all of them take long, and the neighbours of one are much like it.
    for text in invalid_playbooks().into_iter().step_by(3) {
        let Ok(document) = Document::parse(&SourceText::new("playbook.yaml", text.as_str())) else {
            continue;
        };
        let fits = validator.is_valid(&document.to_json(document.root()));
        let passes = shape.accepts(&document);
        assert!(fits || !passes, "a mistake was let through:\n{text}");
        fitting += u32::from(fits);
        wrong += u32::from(!fits);
        let_through += u32::from(passes);
    }
    // Otherwise the test would show nothing: both kinds must be many.
    assert!(
        fitting > 300 && wrong > 1_000,
        "{fitting} fit, {wrong} do not"
    );
    // What it is there for: hardly a sound playbook waits for the validator.
    assert!(
        let_through * 100 >= fitting * 95,
        "{let_through} of {fitting}"
    );
}

#[test]
fn a_sound_playbook_needs_no_validator() {
    for path in playbook_files() {
        let text = fs::read_to_string(&path).unwrap();
        let document = Document::parse(&SourceText::new("playbook.yaml", text)).unwrap();
        assert!(
            svar_language::playbook::playbook_schema().accepts(&document),
            "{}",
            path.display()
        );
    }
}
