//! `pointless-default`: a default that contradicts what the input is for.

use crate::diagnostic::Problem;
use crate::playbook::outline::Outline;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    for input in outline.inputs {
        let Some(default) = document.entry(input.value, "default") else {
            continue;
        };
        let says_true = |key: &str| {
            document
                .entry(input.value, key)
                .filter(|entry| outline.text(entry.value) == "true")
        };
        let name = outline.text(input.key);
        if let Some(required) = says_true("required") {
            found.push(
                outline
                    .problem(
                        "pointless-default",
                        outline.span(default.key),
                        format!("`{name}` is required, so its default is never used"),
                    )
                    .also(outline.span(required.key), "")
                    .help("Keep one of the two."),
            );
        }
        if let Some(secret) = says_true("secret") {
            found.push(
                outline
                    .problem(
                        "pointless-default",
                        outline.span(default.key),
                        format!("`{name}` is secret, and its default stands here for everyone to read"),
                    )
                    .also(outline.span(secret.key), "")
                    .help("Remove the default and hand the value in by an environment variable or a file."),
            );
        }
    }
}
