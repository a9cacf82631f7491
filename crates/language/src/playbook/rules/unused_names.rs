//! Check that `unused-input` and `unused-var` share.

use crate::diagnostic::{Problem, Rule};
use crate::playbook::outline::Outline;
use crate::playbook::templates::NameRoot;

/// Returns a finding for each declared input or var that no template uses.
pub(super) fn unused_names(
    rule: &'static Rule,
    outline: &Outline<'_>,
    root: NameRoot,
) -> Vec<Problem> {
    let (entries, noun) = match root {
        NameRoot::Inputs => (outline.inputs, "input"),
        NameRoot::Vars => (outline.vars, "var"),
    };
    entries
        .iter()
        .map(|entry| (entry, outline.text(entry.key)))
        .filter(|(_, name)| !outline.used_names().contains(root, name))
        .map(|(entry, name)| {
            let message = format!("the {noun} `{name}` is never used");
            let root = root.as_str();
            outline
                .problem(rule, outline.span(entry.key), message)
                .help(format!(
                    "Use it as `${{{{ {root}.{name} }}}}`, or remove it."
                ))
        })
        .collect()
}
