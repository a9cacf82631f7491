//! `large-file`: a file that is too large for the service or the device.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::FileStatus;
use crate::playbook::model::{Os, Verb};
use crate::playbook::outline::Outline;

pub(super) static RULE: Rule = Rule {
    id: "large-file",
    severity: Severity::Error,
    title: "file too large for the library or the device",
    page: r"
The API accepts library files of up to 20 MB, and `put` up to 10 MB on Linux and macOS. Larger
files would be rejected in the middle of a run.

Wrong:

```yaml
library:
  image: { path: tools/image-of-40-mb.bin }
```

Right:

```yaml
library:
  fetch: { path: scripts/fetch-image.ps1 }
```
",
};

/// Maximum size of a library file in bytes (API notes 1).
const LIBRARY_MOST: u64 = 20 * 1024 * 1024;
/// Maximum size of a file for `put` on Linux and macOS, in bytes (API notes 1).
const PUT_MOST: u64 = 10 * 1024 * 1024;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for entry in outline.library {
        let Some((node, path)) = outline.text_of(entry.value, "path") else {
            continue;
        };
        let FileStatus::File { size } = outline.files.status(path) else {
            continue;
        };
        if size > LIBRARY_MOST {
            found.push(
                outline
                    .problem(
                        &RULE,
                        outline.span(node),
                        format!(
                            "`{path}` is {}; the library accepts at most 20 MB",
                            megabytes(size)
                        ),
                    )
                    .help("Download it with a script, or split it."),
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
                            &RULE,
                            outline.span(put.value),
                            format!(
                                "`{name}` is {}; `put` accepts at most 10 MB on Linux and macOS",
                                megabytes(size)
                            ),
                        )
                        .also(outline.span(node), "the file")
                        .help("Split it, or download it with a script."),
                );
            }
        }
    }
}

fn megabytes(size: u64) -> String {
    format!("{:.1} MB", size as f64 / (1024.0 * 1024.0))
}
