//! `missing-file`: a file beside the playbook that does not exist.

use crate::diagnostic::{Edit, Problem, Rule, Severity};
use crate::playbook::FileStatus;
use crate::playbook::input_value::is_absolute_path;
use crate::playbook::outline::{Outline, is_template};
use crate::yaml::NodeId;

pub(super) static RULE: Rule = Rule {
    id: "missing-file",
    severity: Severity::Error,
    title: "file not found beside the playbook",
    page: r"
Paths under `library`, and the file of `targets`, are relative to the playbook's folder and use
`/`. An absolute path would be valid on one computer only. A missing list of targets is a
warning, since it may be created just before the run.

Wrong:

```yaml
library:
  collect: { path: C:\Users\me\collect.ps1 }
```

Right:

```yaml
library:
  collect: { path: scripts/collect.ps1 }
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    for entry in outline.library {
        if let Some((node, path)) = outline.text_of(entry.value, "path") {
            found.extend(check_path(outline, node, path));
        }
    }
    let targets = document.get(document.root(), "targets");
    let places = [
        targets,
        targets.and_then(|targets| document.get(targets, "exclude")),
    ];
    for map in places.into_iter().flatten() {
        if let Some((node, path)) = outline.text_of(map, "file")
            && let Some(mut problem) = check_path(outline, node, path)
        {
            // Such a list is often created by another tool just before the run.
            problem.severity = Severity::Warning;
            found.push(problem);
        }
    }
}

fn check_path(outline: &Outline<'_>, node: NodeId, path: &str) -> Option<Problem> {
    if path.is_empty() || is_template(path) {
        return None;
    }
    let problem = |message: String| outline.problem(&RULE, outline.span(node), message);
    if is_absolute_path(path) {
        return Some(
            problem(format!("`{path}` exists only on this computer")).help(
                "Write the path relative to the playbook's folder, so that it works for everyone.",
            ),
        );
    }
    let forward = path.replace('\\', "/");
    match outline.files.status(path) {
        FileStatus::File { .. } => None,
        FileStatus::Folder => Some(problem(format!("`{path}` is a folder, not a file"))),
        FileStatus::Missing
            if forward != path && outline.files.status(&forward) != FileStatus::Missing =>
        {
            Some(
                problem(format!("file `{path}` not found beside the playbook"))
                    .help("Separate folders with `/`.")
                    .fix(
                        format!("Write `{forward}`"),
                        vec![Edit {
                            span: outline.span(node),
                            text: forward,
                        }],
                    ),
            )
        }
        FileStatus::Missing => Some(
            problem(format!("file `{path}` not found beside the playbook"))
                .help("The path is relative to the playbook's folder."),
        ),
    }
}
