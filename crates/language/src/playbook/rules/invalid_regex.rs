//! `invalid-regex`: a regular expression with a syntax error.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::{MapParts, Outline, is_template};
use crate::yaml::NodeId;

pub(super) static RULE: Rule = Rule {
    id: "invalid-regex",
    severity: Severity::Error,
    title: "invalid regular expression",
    page: r"
The syntax is that of RE2 and of Rust's regex crate: no look-around and no back-references, so
that a match takes linear time whatever a device returns.

Wrong:

```yaml
expect:
  stdout: { matches: '(?<!un)done' }
```

Right:

```yaml
expect:
  stdout: { matches: '^done' }
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let mut expressions: Vec<NodeId> = Vec::new();
    for entry in outline.inputs {
        expressions.extend(document.get(entry.value, "pattern"));
    }
    for step in &outline.steps {
        if let Some(save) = outline.key(step, "save") {
            for saved in document.node(save.value).entries() {
                expressions.extend(document.get(saved.value, "regex"));
            }
        }
        let Some(expect) = outline.key(step, "expect") else {
            continue;
        };
        for output in ["stdout", "stderr"] {
            let Some(checks) = document.get(expect.value, output) else {
                continue;
            };
            for key in ["matches", "not_matches"] {
                if let Some(node) = document.get(checks, key) {
                    outline.scalars(node, MapParts::Values, &mut |scalar| {
                        expressions.push(scalar)
                    });
                }
            }
        }
    }
    for node in expressions {
        found.extend(check_one(outline, node));
    }
}

fn check_one(outline: &Outline<'_>, node: NodeId) -> Option<Problem> {
    let text = outline.text(node);
    if is_template(text) || document_has_no_text(outline, node) {
        return None;
    }
    let error = regex::Regex::new(text).err()?;
    // The regex crate shows the expression first and the error in the last line.
    let error = error.to_string();
    let why = error.lines().last().unwrap_or_default().trim();
    let why = why.strip_prefix("error: ").unwrap_or(why);
    Some(
        outline
            .problem(
                &RULE,
                outline.span(node),
                format!("invalid regular expression: {why}"),
            )
            .help("The syntax is that of RE2: no look-around and no back-references, so that a match takes linear time."),
    )
}

fn document_has_no_text(outline: &Outline<'_>, node: NodeId) -> bool {
    outline.document.node(node).is_collection() || outline.text(node).is_empty()
}
