//! `idle-offline`: settings of the wait for sleeping devices, which are left out.

use crate::diagnostic::Problem;
use crate::playbook::outline::Outline;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let Some(offline) = document.get(document.root(), "offline") else {
        return;
    };
    let Some((mode, "skip")) = outline.text_of(offline, "mode") else {
        return;
    };
    for entry in document.node(offline).entries() {
        let key = outline.text(entry.key);
        if matches!(key, "until" | "max_slots") {
            found.push(
                outline
                    .problem(
                        "idle-offline",
                        outline.span(entry.key),
                        format!("`{key}` is for devices that sleep, and those are left out"),
                    )
                    .also(outline.span(mode), "")
                    .help("Leave it out, or choose `mode: hold` or `mode: queue`."),
            );
        }
    }
}
