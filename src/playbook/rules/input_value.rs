//! `input-value`: a default or a choice that the input itself would refuse.

use crate::diagnostic::Problem;
use crate::playbook::model::{Input, InputType};
use crate::playbook::outline::{Outline, is_template};
use crate::yaml::NodeId;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    for entry in outline.inputs {
        // An input whose own shape is wrong has been reported by the schema.
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
            .and_then(|value| input.admit(document, &value));
        if let Err(why) = judged {
            found.push(refused(
                outline,
                default.node,
                format!("the default of `{name}` {why}"),
            ));
        }
    }
}

fn refused(outline: &Outline<'_>, node: NodeId, message: String) -> Problem {
    let document = outline.document;
    let shown = match document.node(node).is_collection() {
        true => document.key(node).unwrap_or(node),
        false => node,
    };
    outline.problem("input-value", outline.span(shown), message)
}
