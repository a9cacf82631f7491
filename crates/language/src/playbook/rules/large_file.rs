//! `large-file`: a file that the service or the device won't take.

use crate::diagnostic::Problem;
use crate::playbook::Found;
use crate::playbook::model::{Os, Verb};
use crate::playbook::outline::Outline;

/// What the library takes by API (API notes 1).
const LIBRARY_MOST: u64 = 20 * 1024 * 1024;
/// What `put` takes on Linux and macOS (API notes 1).
const PUT_MOST: u64 = 10 * 1024 * 1024;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for entry in outline.library {
        let Some((node, path)) = outline.text_of(entry.value, "path") else {
            continue;
        };
        let Found::File { size } = outline.files.look(path) else {
            continue;
        };
        if size > LIBRARY_MOST {
            found.push(
                outline
                    .problem(
                        "large-file",
                        outline.span(node),
                        format!(
                            "`{path}` has {}, and the library takes 20 MB",
                            megabytes(size)
                        ),
                    )
                    .help("Let a script download it, or split it."),
            );
            continue;
        }
        if size <= PUT_MOST {
            continue;
        }
        let name = outline.text(entry.key);
        for step in &outline.steps {
            let Some((Verb::Put, put)) = step.verb else {
                continue;
            };
            let off_windows = step
                .systems
                .as_ref()
                .is_some_and(|systems| !systems.is_empty() && !systems.contains(&Os::Windows));
            if off_windows && outline.text(put.value) == name {
                found.push(
                    outline
                        .problem(
                            "large-file",
                            outline.span(put.value),
                            format!(
                                "`{name}` has {}, and Linux and macOS take 10 MB by `put`",
                                megabytes(size)
                            ),
                        )
                        .also(outline.span(node), "the file")
                        .help("Split it, or let a script download it."),
                );
            }
        }
    }
}

fn megabytes(size: u64) -> String {
    format!("{:.1} MB", size as f64 / (1024.0 * 1024.0))
}
