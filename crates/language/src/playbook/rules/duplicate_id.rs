//! `duplicate-id`: two steps of one name.

use std::collections::HashMap;

use crate::diagnostic::Problem;
use crate::playbook::outline::Outline;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let mut seen = HashMap::new();
    for step in &outline.steps {
        let Some(entry) = outline.key(step, "id") else {
            continue;
        };
        let id = outline.text(entry.value);
        if id.is_empty() {
            continue;
        }
        if let Some(first) = seen.get(id) {
            found.push(
                outline
                    .problem(
                        "duplicate-id",
                        outline.span(entry.value),
                        format!("the id `{id}` is given twice"),
                    )
                    .also(*first, "here for the first time")
                    .help(format!(
                        "`steps.{id}` could mean either. Give one of them another id."
                    )),
            );
        } else {
            seen.insert(id, outline.span(entry.value));
        }
    }
}
