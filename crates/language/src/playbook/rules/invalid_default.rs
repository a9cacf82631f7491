//! `invalid-default`: a default or a choice that the input itself does not accept.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::check::yaml_1_1_bool;
use crate::playbook::model::{Input, InputType};
use crate::playbook::outline::{Outline, is_template};
use crate::yaml::{NodeId, NodeKind};

pub(super) static RULE: Rule = Rule {
    id: "invalid-default",
    severity: Severity::Error,
    title: "default or choice that its own input does not accept",
    page: r"
A default is checked like a given value: by `type`, `choices`, `pattern`, `min` and `max`.
Otherwise the playbook could run with a value that could not be entered.

Wrong:

```yaml
inputs:
  days: { type: int, default: 90, max: 30 }
```

Right:

```yaml
inputs:
  days: { type: int, default: 30, max: 30 }
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    for entry in outline.inputs {
        // An input with schema errors has been reported.
        let Ok(input) = document.deserialize::<Input>(entry.value) else {
            continue;
        };
        let name = outline.text(entry.key);
        let kind = input.kind();
        let of_one = if kind == InputType::List {
            InputType::String
        } else {
            kind
        };
        for choice in &input.choices {
            if let Err(why) = of_one.read(document, choice.node) {
                found.push(refused(
                    outline,
                    choice.node,
                    format!("a choice of `{name}` {why}"),
                ));
            }
        }
        let Some(default) = input.default else {
            continue;
        };
        if is_template(outline.text(default.node)) {
            continue;
        }
        let judged = kind
            .read(document, default.node)
            .and_then(|value| input.check_constraints(document, &value));
        if let Err(why) = judged {
            let problem = refused(
                outline,
                default.node,
                format!("the default of `{name}` {why}"),
            );
            found.push(match remedy(outline, default.node, kind) {
                Some(help) => problem.help(help),
                None => problem,
            });
        }
    }
}

/// Returns help if only the notation of the value is wrong.
fn remedy(outline: &Outline<'_>, node: NodeId, kind: InputType) -> Option<String> {
    let value = outline.document.node(node);
    match (&value.kind, kind) {
        (NodeKind::Bool(_), InputType::String) => {
            Some("Use `type: bool`, or put the word in quotes.".to_owned())
        }
        (NodeKind::Text, InputType::Bool) => yaml_1_1_bool(&value.text)
            .map(|meant| format!("In YAML 1.2 this is a text; write `{meant}`.")),
        (NodeKind::Text, InputType::Int | InputType::Number) => kind
            .parse(&value.text)
            .is_ok()
            .then(|| "Remove the quotes.".to_owned()),
        (NodeKind::Text | NodeKind::Number(_), InputType::List) => {
            Some(format!("Write a list of one item as `[{}]`.", value.text))
        }
        _ => None,
    }
}

fn refused(outline: &Outline<'_>, node: NodeId, message: String) -> Problem {
    let document = outline.document;
    let shown = if document.node(node).is_collection() {
        document.key(node).unwrap_or(node)
    } else {
        node
    };
    outline.problem(&RULE, outline.span(shown), message)
}
