//! `ambiguous-boolean`: a word that is a bool in YAML 1.1 and a text in YAML 1.2.

use crate::diagnostic::{Edit, Problem, Rule, Severity};
use crate::playbook::check::yaml_1_1_bool;
use crate::playbook::outline::Outline;
use crate::yaml::{MapEntry, NodeId, NodeKind, ScalarStyle};

pub(super) static RULE: Rule = Rule {
    id: "ambiguous-boolean",
    severity: Severity::Warning,
    title: "text that older YAML read as a bool",
    page: r"
In YAML 1.2 `yes`, `no`, `on` and `off` are texts; older readers took them for `true` and
`false`. Where any value is allowed it is unclear which was meant. Write a bool as `true` or
`false`, and put a text in quotes.

Wrong:

```yaml
args: { Force: yes }
```

Right:

```yaml
args: { Force: true }
```
",
};

/// Checks values that may have any type. Where a bool is expected, the schema rejects the word.
pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    for input in outline.inputs {
        // If the input has a type, `invalid-default` checks the default.
        if document.get(input.value, "type").is_none() {
            found.extend(
                document
                    .get(input.value, "default")
                    .and_then(|node| check_value(outline, node)),
            );
        }
    }
    found.extend(check_entries(outline, outline.vars));
    for step in &outline.steps {
        if let Some(args) = outline.key(step, "args") {
            found.extend(check_entries(outline, document.node(args.value).entries()));
        }
        let json = outline
            .key(step, "expect")
            .and_then(|expect| document.get(expect.value, "json"));
        if let Some(json) = json {
            found.extend(check_entries(outline, document.node(json).entries()));
        }
    }
}

fn check_entries(outline: &Outline<'_>, entries: &[MapEntry]) -> Vec<Problem> {
    entries
        .iter()
        .filter_map(|entry| check_value(outline, entry.value))
        .collect()
}

fn check_value(outline: &Outline<'_>, id: NodeId) -> Option<Problem> {
    let node = outline.document.node(id);
    if node.kind != NodeKind::Text || node.style != ScalarStyle::Plain || node.text.len() > 3 {
        return None;
    }
    // A single letter is more often meant as text.
    let meant = yaml_1_1_bool(&node.text).filter(|_| node.text.len() > 1)?;
    Some(
        outline
            .problem(
                &RULE,
                node.span,
                format!("`{}` is a text in YAML 1.2", node.text),
            )
            .help(format!(
                "Write `{meant}` for a bool, or put the text in quotes."
            ))
            .fix(
                format!("Write `{meant}`"),
                vec![Edit {
                    span: node.span,
                    text: meant.to_string(),
                }],
            ),
    )
}
