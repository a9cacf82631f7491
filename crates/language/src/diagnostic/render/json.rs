//! Findings as JSON for programs.

use serde::Serialize;
use serde_json::Value;

use crate::diagnostic::{Edit, Problem, Severity};
use crate::source::{SourceText, Span};

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'a str,
    severity: Severity,
    file: &'a str,
    #[serde(flatten)]
    place: Location,
    message: &'a str,
    help: Option<&'a str>,
    /// Labels; left out if there is only one and it has no text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<Label<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix<'a>>,
}

/// Range of a source. Lines and columns count from 1, columns in characters; the end is exclusive.
#[derive(Serialize)]
struct Location {
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
struct Label<'a> {
    #[serde(flatten)]
    place: Location,
    text: &'a str,
}

#[derive(Serialize)]
struct Fix<'a> {
    title: &'a str,
    edits: Vec<Replacement<'a>>,
}

#[derive(Serialize)]
struct Replacement<'a> {
    start: u32,
    end: u32,
    #[serde(flatten)]
    place: Location,
    text: &'a str,
}

impl Location {
    fn of(source: &SourceText, span: Span) -> Location {
        let start = source.position(span.start);
        let end = source.position(span.end.max(span.start));
        Location {
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
        }
    }
}

/// Returns the findings as JSON, in the order given: `{"findings":[{"code","severity","file","line",
/// "column","end_line","end_column","message","help"}]}`. `help` is null if there is none; `labels` and
/// `fix` are present only if the finding has them.
pub fn json(problems: &[Problem]) -> Value {
    let report = Report {
        version: 1,
        findings: problems.iter().map(finding).collect(),
    };
    serde_json::to_value(report).unwrap_or_else(|error| {
        panic!("internal error: findings cannot be written as JSON: {error}")
    })
}

fn finding(problem: &Problem) -> Finding<'_> {
    let source = &problem.source;
    let has_words = problem.labels.len() > 1
        || problem
            .labels
            .first()
            .is_some_and(|label| !label.text.is_empty());
    let labels = problem.labels.iter().filter(|_| has_words);
    Finding {
        code: problem.rule.id,
        severity: problem.severity,
        file: source.name(),
        place: Location::of(source, problem.span()),
        message: &problem.message,
        help: problem.help.as_deref(),
        labels: labels
            .map(|label| Label {
                place: Location::of(source, label.span),
                text: &label.text,
            })
            .collect(),
        fix: problem.fix.as_ref().map(|fix| Fix {
            title: &fix.title,
            edits: fix
                .edits
                .iter()
                .map(|edit| replacement(source, edit))
                .collect(),
        }),
    }
}

fn replacement<'a>(source: &SourceText, edit: &'a Edit) -> Replacement<'a> {
    Replacement {
        start: edit.span.start,
        end: edit.span.end,
        place: Location::of(source, edit.span),
        text: &edit.text,
    }
}
