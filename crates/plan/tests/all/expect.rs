//! What `expect` and `save` mean, shown by results.

use svar_language::playbook::{NoFiles, load};
use svar_language::source::SourceText;
use svar_plan::{
    DeviceIndex, GivenInputs, Inputs, Limits, LimitsProfile, Results, RunNames, StepIndex,
    StepResult, Target, Verdict, compile,
};
use svar_wire::DeviceId;

struct Nothing;

impl Results for Nothing {
    fn result(&self, _: DeviceIndex, _: &str) -> Option<StepResult> {
        None
    }
}

/// Judges the one step of a playbook by an output of a script.
#[track_caller]
fn is_met(expect: &str, stdout: &str) -> bool {
    let playbook = format!("playbook: 1\nsteps:\n  - run: a.ps1\n    expect: {expect}\n");
    let loaded = load(&SourceText::new("playbook.yaml", playbook), &NoFiles);
    let inputs = Inputs::merge(&loaded, &GivenInputs::default()).unwrap();
    let target = Target {
        id: DeviceId::parse(&"0".repeat(40)).unwrap(),
        name: None,
        os: Some("Windows11".to_owned()),
        tags: Vec::new(),
        group: None,
        reason: "test".to_owned(),
    };
    let limits = Limits::of(LimitsProfile::Safe);
    let compiled = compile(
        &loaded,
        &NoFiles,
        &inputs,
        vec![target],
        &RunNames::default(),
        &limits,
    )
    .unwrap();
    let result = StepResult::Script {
        exit: Some(0),
        stdout: stdout.to_owned(),
        stderr: String::new(),
    };
    matches!(
        compiled.judge(DeviceIndex(0), StepIndex(0), &result, &Nothing),
        Verdict::Met
    )
}

#[test]
fn the_ends_in_a_pattern_are_those_of_a_line() {
    let windows = "started\r\ndone 12\r\n";
    assert!(is_met(r"{ stdout: { matches: '^done [0-9]+$' } }", windows));
    assert!(!is_met(r"{ stdout: { matches: '^12$' } }", windows));
    assert!(!is_met(r"{ stdout: { not_matches: '^done' } }", windows));
}

#[test]
fn a_text_alone_is_contained() {
    assert!(is_met("{ stdout: done }", "all done\n"));
    assert!(is_met("{ stdout: [all, done] }", "all done\n"));
    assert!(!is_met("{ stdout: [all, gone] }", "all done\n"));
}

#[test]
fn values_in_json_are_compared_by_what_they_are() {
    let output = r#"{"status":"ok","items":[{"size":12.0}]}"#;
    assert!(is_met(
        r#"{ json: { status: ok, "items[0].size": 12 } }"#,
        output
    ));
    assert!(!is_met(
        r#"{ json: { status: ok, "items[1].size": 12 } }"#,
        output
    ));
}
