//! `unused-library`: a library file that no step uses.

use std::collections::HashSet;

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::Verb;
use crate::playbook::outline::{Outline, is_template};

pub(super) static RULE: Rule = Rule {
    id: "unused-library",
    severity: Severity::Warning,
    title: "library file is never used",
    page: r"
A file that is never used is still hashed, compared with the tenant's library and uploaded with
`--sync-library`.

Wrong:

```yaml
library:
  collect: { path: scripts/collect.ps1 }
  old: { path: scripts/collect-old.ps1 }
steps:
  - run: collect
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

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
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
        // A template without a literal name may evaluate to any name.
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
                    &RULE,
                    outline.span(entry.key),
                    format!("no step uses the library file `{name}`"),
                )
                .help(format!(
                    "Use it with `put: {name}` or `run: {name}`, or remove it."
                )),
        );
    }
}
