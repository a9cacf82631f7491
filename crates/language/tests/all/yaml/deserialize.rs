//! Typed values whose places are kept.

use serde::Deserialize;
use svar_language::source::SourceText;
use svar_language::yaml::{Document, Spanned, TemplateOr};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
struct Step {
    run: Spanned<String>,
    #[serde(default)]
    timeout: Option<Spanned<u32>>,
    on_fail: Option<TemplateOr<OnFail>>,
    gate: Option<TemplateOr<bool>>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum OnFail {
    Stop,
    CarryOn,
}

fn parsed(text: &str) -> Document {
    Document::parse(&SourceText::new("playbook.yaml", text)).expect("valid YAML")
}

#[test]
fn every_value_knows_its_place() {
    let document = parsed("- run: 007\n  timeout: 5\n  on_fail: carry_on\n  gate: ${{ x }}\n");
    let steps: Vec<Spanned<Step>> = document.deserialize(document.root()).expect("fits");
    let step = &steps[0];
    assert_eq!(step.value.run.value, "007");
    assert_eq!(document.pointer(step.value.run.node), "/0/run");
    assert_eq!(document.pointer(step.node), "/0");
    let timeout = step.value.timeout.as_ref().expect("given");
    assert_eq!(
        (timeout.value, document.pointer(timeout.node)),
        (5, "/0/timeout".to_owned())
    );
    let Some(TemplateOr::Value(on_fail)) = &step.value.on_fail else {
        panic!("{step:?}");
    };
    assert_eq!(on_fail.value, OnFail::CarryOn);
    let Some(TemplateOr::Template(gate)) = &step.value.gate else {
        panic!("{step:?}");
    };
    assert_eq!(gate.value, "${{ x }}");
    assert_eq!(document.pointer(gate.node), "/0/gate");
}

#[test]
fn an_error_names_the_innermost_node() {
    for (text, pointer) in [
        ("- run: a\n- run: b\n  timeout: soon\n", "/1/timeout"),
        ("- run: a\n- run: b\n  timeout: -1\n", "/1/timeout"),
        ("- run: [a]\n", "/0/run"),
        ("- run: a\n  on_fail: never\n", "/0/on_fail"),
        ("- run: a\n  gate: 7\n", "/0/gate"),
        ("- timeout: 7\n", "/0"),
        ("- rum: a\n", "/0/rum"),
        ("a\n", ""),
    ] {
        let document = parsed(text);
        let error = document
            .deserialize::<Vec<Spanned<Step>>>(document.root())
            .expect_err(text);
        let node = error.node.expect("an error knows its node");
        assert_eq!(document.pointer(node), pointer, "{text}: {error}");
    }
}
