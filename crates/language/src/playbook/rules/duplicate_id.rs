//! `duplicate-id`: two steps with the same id.

use std::collections::HashMap;

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::Outline;

pub(super) static RULE: Rule = Rule {
    id: "duplicate-id",
    severity: Severity::Error,
    title: "duplicate step id",
    page: r"
Later steps read a result by the id of its step. If two steps have the same id, it is unclear
which one is meant, also in reports and records.

Wrong:

```yaml
steps:
  - { id: look, run: look.ps1 }
  - { id: look, run: look-again.ps1 }
```

Right:

```yaml
steps:
  - { id: look, run: look.ps1 }
  - { id: look_again, run: look-again.ps1 }
```
",
};

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
                        &RULE,
                        outline.span(entry.value),
                        format!("duplicate step id `{id}`"),
                    )
                    .also(*first, "first used here")
                    .help(format!(
                        "`steps.{id}` would be ambiguous. Rename one of them."
                    )),
            );
        } else {
            seen.insert(id, outline.span(entry.value));
        }
    }
}
