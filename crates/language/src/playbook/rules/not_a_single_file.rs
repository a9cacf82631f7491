//! `not-a-single-file`: a path to collect that is not the path of one file.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::{Outline, is_template, literal_parts};
use crate::yaml::NodeId;

pub(super) static RULE: Rule = Rule {
    id: "not-a-single-file",
    severity: Severity::Error,
    title: "path to collect is not a single file",
    page: r"
`get` collects exactly one file. The service has no wildcards and collects no folders; use a
script to pack several files into an archive. On Linux and macOS `*` and `?` can be part of a
file name: suppress the finding there.

Wrong:

```yaml
steps:
  - get: /var/log/auth.log*
```

Right:

```yaml
steps:
  - run: pack-logs.sh
  - get: /var/tmp/logs.tar.gz
```
",
};

/// Checks the path of every `get`.
pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for (_, node, path) in outline.collected_paths() {
        found.extend(check_path(outline, node, path));
    }
}

fn check_path(outline: &Outline<'_>, node: NodeId, path: &str) -> Option<Problem> {
    let skip = if path.starts_with(r"\\?\") { 4 } else { 0 };
    let wildcard = literal_parts(path).into_iter().find_map(|part| {
        let start = part.start.max(skip).min(part.end);
        path[start..part.end].find(['*', '?']).map(|at| start + at)
    });
    if let Some(at) = wildcard {
        let sign = &path[at..=at];
        return Some(
            outline
                .problem(
                    &RULE,
                    outline.document.source_span(node, at..at + 1),
                    format!("`get` collects one file, but `{sign}` is a wildcard"),
                )
                .help("Pack the files into an archive with a script, and collect that."),
        );
    }
    (path.ends_with(['\\', '/']) && !is_template(path)).then(|| {
        outline
            .problem(
                &RULE,
                outline.span(node),
                "`get` collects one file, but this is a folder",
            )
            .help("Pack the folder into an archive with a script, and collect that.")
    })
}
