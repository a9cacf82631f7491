//! `doubled-backslash`: backslashes written twice where one is meant.

use crate::diagnostic::{Edit, Problem, Rule, Severity};
use crate::playbook::outline::Outline;
use crate::source::Span;
use crate::yaml::{NodeId, NodeKind, ScalarStyle};

pub(super) static RULE: Rule = Rule {
    id: "doubled-backslash",
    severity: Severity::Warning,
    title: "path with doubled backslashes",
    page: r"
Without quotes, in single quotes and in blocks YAML takes a backslash literally, and svar
escapes what it sends. A path that is already escaped, for example copied from JSON, would reach
the device with two backslashes. Shares, which begin with two backslashes, regular expressions
and JSON in a text are not reported.

Wrong:

```yaml
steps:
  - get: 'C:\\Windows\\Temp\\triage.zip'
```

Right:

```yaml
steps:
  - get: C:\Windows\Temp\triage.zip
```
",
};

/// Keys whose values are regular expressions, where two backslashes are one.
const REGULAR_EXPRESSIONS: [&str; 4] = ["matches", "not_matches", "regex", "pattern"];

/// Checks texts with a drive, and the paths of `get`. A UNC path starts with two backslashes, and in other
/// texts two backslashes may be intended.
pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    for (id, node) in document.nodes() {
        if node.kind != NodeKind::Text
            || node.style == ScalarStyle::Double
            || !node.text.contains(r"\\")
        {
            continue;
        }
        let Some(drive) = drive(&node.text).or_else(|| within_path(outline, id)) else {
            continue;
        };
        // In JSON backslashes are doubled.
        if node.text.contains("{\"") || document.definition(id).is_some() {
            continue;
        }
        let is_regular_expression = [Some(id), document.parent(id)]
            .into_iter()
            .flatten()
            .filter_map(|node| document.key(node))
            .any(|key| REGULAR_EXPRESSIONS.contains(&outline.text(key)));
        if is_regular_expression {
            continue;
        }
        let Some(path) = node.text.get(drive..) else {
            continue;
        };
        let edits: Vec<Edit> = path
            .match_indices(r"\\")
            .map(|(at, _)| Edit {
                span: document.source_span(id, drive + at..drive + at + 1),
                text: String::new(),
            })
            .collect();
        let Some(first) = edits.first() else { continue };
        let span = Span::new(first.span.start, first.span.start + 2);
        let written = match node.style {
            ScalarStyle::Plain => "without quotes",
            ScalarStyle::Single => "in single quotes",
            _ => "in a block",
        };
        found.push(
            outline
                .problem(
                    &RULE,
                    span,
                    "every backslash of this path is doubled",
                )
                .help(format!(
                    "A text {written} is taken literally, and svar escapes it when it is sent: write each backslash once."
                ))
                .fix("Write each backslash once", edits),
        );
    }
}

/// Returns the offset in the value of `get` from which two backslashes cannot start a UNC path.
fn within_path(outline: &Outline<'_>, id: NodeId) -> Option<usize> {
    let key = outline.document.key(id)?;
    (outline.text(key) == "get").then_some(1)
}

/// Returns the offset of the colon of a drive that is followed by two backslashes.
fn drive(text: &str) -> Option<usize> {
    text.match_indices(r":\\").map(|(at, _)| at).find(|at| {
        let before = &text.as_bytes()[..*at];
        let is_alone = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        before.last().is_some_and(u8::is_ascii_alphabetic)
            && is_alone(before.len().checked_sub(2).and_then(|at| before.get(at)))
    })
}
