//! Where values come from, which one wins, and what is refused.

use svar_language::diagnostic::render::{RenderStyle, text};
use svar_language::source::SourceText;
use svar_plan::{GivenInputs, Inputs};

use super::loaded;

const PLAYBOOK: &str = "playbook: 1
inputs:
  days: { type: int, default: 7, min: 1, max: 30 }
  hosts: { type: list, default: [] }
  mode: { choices: [fast, full], default: fast }
  out_dir: { type: path, required: false }
  token: { secret: true, pattern: '[a-z]+', default: abc }
  wait: { type: duration, default: 15m, max: 1h }
steps:
  - run: x.sh
    args: ['${{ inputs.days }}', '${{ inputs.mode }}', '${{ inputs.token }}', '${{ inputs.wait }}']
  - get: /tmp/${{ inputs.hosts | length }}${{ inputs.out_dir }}
";

fn arguments(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[track_caller]
fn merged(given: &GivenInputs) -> Vec<String> {
    let inputs = match Inputs::merge(&loaded(PLAYBOOK), given) {
        Ok(inputs) => inputs,
        Err(problems) => panic!("{}", text(&problems, &RenderStyle::unicode())),
    };
    inputs
        .iter()
        .map(|input| format!("{} = {} ({})", input.name, input.value, input.origin))
        .collect()
}

#[track_caller]
fn refused(playbook: &str, given: &GivenInputs) -> String {
    let problems = Inputs::merge(&loaded(playbook), given).unwrap_err();
    text(&problems, &RenderStyle::unicode())
}

#[test]
fn arguments_win_over_files_over_the_environment_over_defaults() {
    let given = GivenInputs {
        arguments: arguments(&[("days", "3"), ("hosts", "a, b")]),
        files: vec![
            SourceText::new("one.yaml", "days: 4\nmode: full\nwait: 30m\n"),
            SourceText::new("two.json", r#"{ "wait": "45m", "out_dir": null }"#),
        ],
        environment: arguments(&[
            ("SVAR_INPUT_DAYS", "5"),
            ("SVAR_INPUT_MODE", "fast"),
            ("SVAR_INPUT_OUT_DIR", r"C:\out"),
            ("SVAR_INPUT_OTHER", "of another playbook"),
            ("PATH", "/bin"),
        ]),
        ..GivenInputs::default()
    };
    assert_eq!(
        merged(&given),
        [
            "days = 3 (--input)",
            r#"hosts = ["a","b"] (--input)"#,
            r#"mode = "full" (one.yaml:2)"#,
            "out_dir = null (not set)",
            r#"token = "abc" (default)"#,
            r#"wait = "45m" (two.json:1)"#,
        ]
    );
}

#[test]
fn what_a_resume_needs_gives_the_same_values_again() {
    let given = GivenInputs {
        arguments: arguments(&[("days", "3"), ("hosts", "a,b"), ("token", "hush")]),
        ..GivenInputs::default()
    };
    let inputs = Inputs::merge(&loaded(PLAYBOOK), &given).unwrap();
    let kept = inputs.to_json().to_string();
    assert!(!kept.contains("hush"), "{kept}");
    let again = GivenInputs {
        files: vec![SourceText::new("inputs.json", kept)],
        arguments: arguments(&[("token", "hush")]),
        ..GivenInputs::default()
    };
    let again = Inputs::merge(&loaded(PLAYBOOK), &again).unwrap();
    let values = |inputs: &Inputs| {
        let values: Vec<_> = inputs.iter().map(|input| input.value.clone()).collect();
        values
    };
    assert_eq!(values(&inputs), values(&again));
}

#[test]
fn everything_wrong_is_found_at_once_and_no_secret_is_shown() {
    let given = GivenInputs {
        arguments: arguments(&[("dayz", "3"), ("days", "many"), ("token", "UPPER")]),
        files: vec![SourceText::new(
            "inputs.yaml",
            "mode: fastt\nhosts: { a: b }\nwait: 2h\nwho: me\n",
        )],
        environment: arguments(&[("SVAR_INPUT_OUT_DIR", "relative")]),
        ..GivenInputs::default()
    };
    let rendered = refused(PLAYBOOK, &given);
    assert!(!rendered.contains("UPPER"), "{rendered}");
    insta::assert_snapshot!(rendered);
}

#[test]
fn an_input_without_a_value_says_how_to_give_one() {
    insta::assert_snapshot!(refused(
        "playbook: 1
inputs:
  case_name: { description: The case. }
steps:
  - { run: x.sh, args: \"${{ inputs.case_name }}\" }
",
        &GivenInputs::default()
    ));
}

#[test]
fn a_file_of_inputs_is_a_map() {
    let given = GivenInputs {
        files: vec![SourceText::new("inputs.yaml", "- days\n- 3\n")],
        ..GivenInputs::default()
    };
    insta::assert_snapshot!(refused(PLAYBOOK, &given));
}

#[test]
fn a_list_is_written_with_commas_or_in_brackets_or_item_by_item() {
    let hosts = |words: &[&str]| {
        let pairs: Vec<(&str, &str)> = words.iter().map(|word| ("hosts", *word)).collect();
        let given = GivenInputs {
            arguments: arguments(&pairs),
            ..GivenInputs::default()
        };
        merged(&given)[1].clone()
    };
    assert_eq!(hosts(&["a, b"]), r#"hosts = ["a","b"] (--input)"#);
    assert_eq!(
        hosts(&[r#"["a", " b, c ", 007]"#]),
        r#"hosts = ["a"," b, c ","007"] (--input)"#
    );
    assert_eq!(hosts(&["[a,b]"]), r#"hosts = ["a","b"] (--input)"#);
    assert_eq!(hosts(&["[]"]), "hosts = [] (--input)");
    assert_eq!(
        hosts(&["a", "[b]", "c,d"]),
        r#"hosts = ["a","b","c","d"] (--input)"#
    );
}

#[test]
fn what_no_list_or_a_second_value_is_said_in_words() {
    let given = GivenInputs {
        arguments: arguments(&[
            ("hosts", "[a"),
            ("days", "3"),
            ("days", "4"),
            ("token", "one"),
            ("token", "two"),
        ]),
        ..GivenInputs::default()
    };
    let rendered = refused(PLAYBOOK, &given);
    assert!(
        !rendered.contains("one") && !rendered.contains("two"),
        "{rendered}"
    );
    insta::assert_snapshot!(rendered);
}

#[test]
fn an_empty_file_of_inputs_is_told_as_one() {
    for text in ["", "# nothing yet\n"] {
        let given = GivenInputs {
            files: vec![SourceText::new("inputs.yaml", text)],
            ..GivenInputs::default()
        };
        let rendered = refused(PLAYBOOK, &given);
        let heading = "error[invalid-inputs-file]: the inputs file has no values\n";
        assert!(rendered.starts_with(heading), "{rendered}");
        assert!(!rendered.contains("playbook:"), "{rendered}");
    }
}
