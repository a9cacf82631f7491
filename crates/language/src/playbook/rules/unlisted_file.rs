//! `unlisted-file`: `put` or `run` of a path, or of a name that is probably a misspelled library key.

use std::collections::HashMap;

use crate::diagnostic::{Edit, Problem, Rule, Severity, nearest};
use crate::playbook::model::Verb;
use crate::playbook::outline::{Outline, is_template};

pub(super) static RULE: Rule = Rule {
    id: "unlisted-file",
    severity: Severity::Error,
    title: "file not listed under `library`",
    page: r"
`put` and `run` take a name: a key under `library`, or the name of a file that is already in the
tenant's library. A path is neither. A name that is close to a key of the playbook, or the file
name of one, is a warning: a file named by its `library` key is compared with the tenant's by
hash before a run, a file with any other name is not.

Wrong:

```yaml
steps:
  - run: scripts/collect.ps1
```

Right:

```yaml
library:
  collect: { path: scripts/collect.ps1 }
steps:
  - run: collect
```
",
};

/// Maximum number of names compared with a misspelled one, so that the check takes linear time.
const COMPARED_MOST: usize = 200;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    // Keys under `library` by their name in the tenant.
    let by_name: HashMap<&str, &str> = outline
        .library
        .iter()
        .map(|entry| outline.text(entry.key))
        .map(|key| (outline.library_name(key), key))
        .collect();
    for step in &outline.steps {
        let Some((verb @ (Verb::Put | Verb::Run), entry)) = step.verb else {
            continue;
        };
        let name = outline.text(entry.value);
        if name.is_empty() || is_template(name) || outline.library_entry(name).is_some() {
            continue;
        }
        let span = outline.span(entry.value);
        let verb = verb.as_str();
        if let Some(last) = name.rsplit(['/', '\\']).next().filter(|last| *last != name) {
            let key = last.split('.').next().unwrap_or(last);
            found.push(
                outline
                    .problem(
                        &RULE,
                        span,
                        format!("`{verb}` takes a name, but this looks like a path"),
                    )
                    .help(format!(
                        "List the file under `library`, such as `{key}: {{ path: {} }}`, and write `{verb}: {key}`.",
                        name.replace('\\', "/")
                    )),
            );
            continue;
        }
        let (meant, why) = if let Some(key) = by_name.get(name) {
            (
                *key,
                format!(
                    "this is the file of `{key}`, but the tenant's copy is used without comparing it"
                ),
            )
        } else {
            let keys = outline
                .library
                .iter()
                .take(COMPARED_MOST)
                .map(|entry| outline.text(entry.key));
            let Some(key) = nearest(name, keys) else {
                continue;
            };
            (
                key,
                format!("`library` has no `{name}`, so the tenant must have a file of that name"),
            )
        };
        let mut problem = outline
            .problem(&RULE, span, why)
            .label(format!("did you mean `{meant}`?"))
            .help("A file named by its `library` key is compared with the tenant's before a run.")
            .fix(
                format!("Write `{meant}`"),
                vec![Edit {
                    span,
                    text: meant.to_owned(),
                }],
            );
        problem.severity = Severity::Warning;
        found.push(problem);
    }
}
