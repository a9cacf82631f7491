//! `escaped-windows-path`: a Windows path in double quotes, where backslashes are escapes.

use crate::diagnostic::{Edit, Problem, Rule, Severity};
use crate::playbook::outline::Outline;
use crate::yaml::{NodeKind, ScalarStyle};

pub(super) static RULE: Rule = Rule {
    id: "escaped-windows-path",
    severity: Severity::Error,
    title: "Windows path with YAML escapes",
    page: r#"
In double quotes a backslash starts an escape: `"C:\temp"` contains a tab and `"C:\new"` a line
break. YAML reports nothing, since both are valid, and the device looks for a file that cannot
exist. Write paths without quotes or in single quotes.

Wrong:

```yaml
steps:
  - get: "C:\temp\triage.zip"
```

Right:

```yaml
steps:
  - get: C:\temp\triage.zip
```
"#,
};

/// Reports drives followed by a single backslash in double quotes: `"C:\temp"` contains a tab, which is
/// never intended.
pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let source = document.source();
    for (id, node) in document.nodes() {
        if node.kind != NodeKind::Text
            || node.style != ScalarStyle::Double
            || document.definition(id).is_some()
        {
            continue;
        }
        let written = source.slice(node.span);
        let Some(at) = written.match_indices(":\\").map(|(at, _)| at).find(|at| {
            let before = &written.as_bytes()[..*at];
            let alone = before.len() < 2 || !before[before.len() - 2].is_ascii_alphanumeric();
            let next = written.as_bytes().get(at + 2);
            before.last().is_some_and(u8::is_ascii_alphabetic)
                && alone
                && next.is_some_and(|next| !matches!(next, b'\\' | b'"' | b'\n' | b'\r'))
        }) else {
            continue;
        };
        let escape = &written[at + 1..].chars().take(2).collect::<String>();
        let meaning = meaning(escape);
        let start = node.span.start + at as u32 + 1;
        let span = crate::source::Span::new(start, start + escape.len() as u32);
        let problem = outline
            .problem(
                &RULE,
                span,
                format!("`{escape}` in double quotes is {meaning}, so this path is not what it looks like"),
            )
            .help("Use single quotes or no quotes, where a backslash is not an escape.");
        let inner = written
            .get(1..written.len().saturating_sub(1))
            .unwrap_or_default();
        let plain = inner
            .replace("\\\\", "\\")
            .replace("\\\"", "\"")
            .replace('\'', "''");
        found.push(if inner.contains('\n') {
            problem
        } else {
            problem.fix(
                "Put the text in single quotes",
                vec![Edit {
                    span: node.span,
                    text: format!("'{plain}'"),
                }],
            )
        });
    }
}

fn meaning(escape: &str) -> &'static str {
    match escape {
        "\\t" | "\\\t" => "a tab",
        "\\n" | "\\N" | "\\L" | "\\P" => "a line break",
        "\\r" => "a carriage return",
        "\\b" => "a backspace",
        "\\a" => "a bell",
        "\\e" => "an escape character",
        "\\f" => "a form feed",
        "\\v" => "a vertical tab",
        "\\0" => "a null character",
        "\\x" | "\\u" | "\\U" => "the start of a character code",
        "\\_" | "\\ " => "a space",
        "\\/" => "a slash",
        _ => "something else",
    }
}
