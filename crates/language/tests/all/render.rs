//! Findings as a person and a program see them.

use std::path::PathBuf;

use svar_language::diagnostic::render::{RenderStyle, json, text};
use svar_language::diagnostic::{Edit, Problem, Rule, Severity};
use svar_language::rules;
use svar_language::source::{SourceText, Span};
use svar_wire::text::visible;

fn rule(id: &str) -> &'static Rule {
    rules::all().find(|rule| rule.id == id).unwrap()
}

fn source(text: &str) -> SourceText {
    SourceText::new("playbooks/a.yaml", text)
}

fn span_of(source: &SourceText, needle: &str) -> Span {
    let start = source.text().find(needle).expect("in the text") as u32;
    Span::new(start, start + needle.len() as u32)
}

fn finding(source: &SourceText, needle: &str, message: &str) -> Problem {
    Problem::new(
        rule("duplicate-key"),
        source,
        span_of(source, needle),
        message,
    )
}

#[test]
fn a_finding_has_its_place_its_help_and_its_fix() {
    let source = source("playbook: 1\nsteps:\n  - run: a.sh\n    timeuot: 5m\nname: x\n");
    let span = span_of(&source, "timeuot");
    let mut problem = Problem::new(rule("duplicate-key"), &source, span, "a step has no key `timeuot`")
        .label("did you mean `timeout`?")
        .also(span_of(&source, "run"), "the step")
        .help("a step takes `put`, `run` or `get`, and beside it `id`, `name`, `args`, `expect`, `when` and more")
        .fix("write `timeout`", vec![Edit { span, text: "timeout".into() }]);
    problem.severity = Severity::Warning;
    insta::assert_snapshot!(text(
        std::slice::from_ref(&problem),
        &RenderStyle::unicode()
    ));
    insta::assert_snapshot!(text(std::slice::from_ref(&problem), &RenderStyle::plain()));
}

#[test]
fn json_counts_from_one_and_in_characters() {
    let source = source("é: 1\r\nküche: 2\r\n");
    let span = span_of(&source, "2");
    let problem = finding(&source, "küche", "m")
        .also(span, "the value")
        .help("h")
        .fix(
            "write 3",
            vec![Edit {
                span,
                text: "3".into(),
            }],
        );
    let plain = finding(&source, "é", "n");
    insta::assert_snapshot!(format!("{:#}", json(&[problem, plain])));
}

#[test]
fn nothing_of_a_source_reaches_the_terminal_raw() {
    let hostile = "a\u{1b}]0;owned\u{7}\u{202e}\u{9b}31m\r\u{0}b";
    let source = SourceText::new(hostile, format!("k: {hostile}: {hostile}\n{hostile}"));
    let problem = Problem::new(rule("duplicate-key"), &source, Span::new(3, 6), hostile)
        .label(hostile)
        .help(hostile)
        .fix(hostile, Vec::new());
    let rendered = text(&[problem], &RenderStyle::unicode());
    let raw = rendered.chars().find(|character| {
        *character != '\n' && visible(&character.to_string()) != character.to_string()
    });
    assert_eq!(raw, None, "{rendered}");
}

#[test]
fn colour_is_escape_codes_and_nothing_else() {
    let source = source("a: 1\nb: 2\n");
    let problem = finding(&source, "b", "m").label("l").help("h");
    let style = RenderStyle {
        color: true,
        ..RenderStyle::unicode()
    };
    let colored = text(std::slice::from_ref(&problem), &style);
    assert!(colored.contains("\u{1b}["));
    let mut bare = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare += before;
        rest = after.split_once('m').expect("a colour").1;
    }
    bare += rest;
    let trimmed: Vec<&str> = bare.lines().map(str::trim_end).collect();
    assert_eq!(
        trimmed.join("\n"),
        text(&[problem], &RenderStyle::unicode())
            .trim_end_matches('\n')
            .to_owned()
            + "\n"
    );
}

#[test]
fn a_file_can_be_a_link() {
    let source = SourceText::new("my playbooks/a.yaml", "a: 1\n");
    let problem = finding(&source, "a", "m");
    let style = RenderStyle {
        links: Some(PathBuf::from("/home/x")),
        ..RenderStyle::unicode()
    };
    assert!(text(&[problem], &style).contains(
        "\u{1b}]8;;file:///home/x/my%20playbooks/a.yaml\u{1b}\\my playbooks/a.yaml\u{1b}]8;;\u{1b}\\:1:1"
    ));
}

#[test]
fn a_long_line_is_cut_around_its_mark() {
    let long = format!(
        "key: {} here {}\n",
        "x".repeat(500_000),
        "y".repeat(500_000)
    );
    let source = source(&long);
    let problem = finding(&source, "here", "in the middle of a megabyte").label("this");
    let rendered = text(&[problem], &RenderStyle::unicode());
    assert!(
        rendered.lines().all(|line| line.chars().count() <= 80),
        "{rendered}"
    );
    insta::assert_snapshot!(rendered);
}

#[test]
fn a_mark_can_stand_at_the_very_end() {
    for content in ["", "\n", "a", "a\n", "a\r\n", "\u{feff}"] {
        let source = source(content);
        let end = content.len() as u32;
        let problem = Problem::new(
            rule("empty-document"),
            &source,
            Span::new(end, end + 9),
            "m",
        )
        .label("here");
        let rendered = text(&[problem], &RenderStyle::unicode());
        assert!(rendered.contains("here"), "{content:?}\n{rendered}");
    }
}

#[test]
fn a_range_of_several_lines_is_marked_in_its_first() {
    let source = source("steps:\n  - run: a\n    args:\n      - b\n");
    let start = span_of(&source, "run").start;
    let end = source.text().len() as u32;
    let problem =
        Problem::new(rule("duplicate-key"), &source, Span::new(start, end), "m").label("a step");
    insta::assert_snapshot!(text(&[problem], &RenderStyle::unicode()));
}

#[test]
fn code_in_a_message_is_never_broken() {
    let source = source("a: 1\n");
    let path = r"`C:\Program Files\Some Vendor With A Long Name\A Tool With A Long Name\tool.exe`";
    let problem = finding(
        &source,
        "a",
        &format!("the file {path} is missing, so nothing can be put there"),
    );
    let rendered = text(&[problem], &RenderStyle::unicode());
    assert!(rendered.contains(path), "{rendered}");
}
