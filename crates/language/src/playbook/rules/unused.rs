//! `unused-input`, `unused-var`, `unused-library`: what nothing uses.

use std::collections::HashSet;

use crate::diagnostic::Problem;
use crate::playbook::model::Verb;
use crate::playbook::outline::{Outline, is_template};
use crate::playbook::templates;
use crate::yaml::NodeId;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    if !outline.inputs.is_empty() || !outline.vars.is_empty() {
        let used = templates::names_used(outline.document);
        for entry in outline.inputs {
            let name = outline.text(entry.key);
            if !used.has_input(name) {
                found.push(unused(outline, entry.key, "input", name));
            }
        }
        for entry in outline.vars {
            let name = outline.text(entry.key);
            if !used.has_var(name) {
                found.push(unused(outline, entry.key, "var", name));
            }
        }
    }
    check_library(outline, found);
}

fn unused(outline: &Outline<'_>, key: NodeId, kind: &str, name: &str) -> Problem {
    outline
        .problem(
            &format!("unused-{kind}"),
            outline.span(key),
            format!("nothing uses the {kind} `{name}`"),
        )
        .help(format!(
            "Use it as `${{{{ {kind}s.{name} }}}}`, or remove it."
        ))
}

fn check_library(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    if outline.library.is_empty() {
        return;
    }
    let mut used: HashSet<&str> = HashSet::new();
    for step in &outline.steps {
        let Some((Verb::Put | Verb::Run, entry)) = step.verb else {
            continue;
        };
        let name = outline.text(entry.value);
        if !is_template(name) {
            used.insert(name);
            continue;
        }
        // A template that spells out no name may mean any of them.
        if !name.contains(['\'', '"']) {
            return;
        }
        used.extend(name.split(['\'', '"']));
    }
    for entry in outline.library {
        let name = outline.text(entry.key);
        if used.contains(name) {
            continue;
        }
        found.push(
            outline
                .problem(
                    "unused-library",
                    outline.span(entry.key),
                    format!("no step uses the library file `{name}`"),
                )
                .help(format!(
                    "Use it with `put: {name}` or `run: {name}`, or remove it."
                )),
        );
    }
}
