//! What is found behind an error of syntax.

use svar_language::source::SourceText;
use svar_language::yaml::{Document, YamlLimits};

#[track_caller]
fn found(text: &str) -> Vec<(&'static str, String)> {
    let source = SourceText::new("playbook.yaml", text);
    let parsed = Document::read(&source, &YamlLimits::default());
    assert!(parsed.document.is_none());
    let problems = parsed.problems.iter();
    problems
        .map(|problem| (problem.rule.id, source.slice(problem.span()).to_owned()))
        .collect()
}

#[test]
fn errors_that_can_be_mended_are_all_found_at_their_own_bytes() {
    let text =
        "args: [é${{ a }}, ${{ b }}]\nget: \"C:\\windows\"\ncomment: @é see\nname: a: b\nname: c\n";
    let expected = [
        ("unquoted-template", "é${{ a }}"),
        ("unquoted-template", "${{ b }}"),
        ("invalid-escape", "\\w"),
        ("unquoted-text", "@"),
        ("unquoted-text", ":"),
        ("duplicate-key", "name"),
    ];
    let expected = expected.map(|(code, bytes)| (code, bytes.to_owned()));
    assert_eq!(found(text), expected);
}

#[test]
fn an_error_without_a_sure_fix_ends_the_search() {
    assert_eq!(
        found("a: [1,\n2\nb: @x\n"),
        [("unclosed-bracket", "[".to_owned())]
    );
}

#[test]
fn tabs_on_every_line_are_one_error() {
    let text = "steps:\n\t- run: a\n\t- run: b\n";
    assert_eq!(found(text), [("tab-indentation", "\t".to_owned())]);
}

#[test]
fn many_lines_and_many_errors_stay_cheap() {
    // Quadratic work would take minutes here.
    let count = found(&"\ta: 1\n".repeat(60_000)).len();
    assert_eq!(count, 60_000);
}
