//! `unchecked-exit-code`: a script whose result is not fetched, so that its exit code is not checked.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::Verb;
use crate::playbook::outline::Outline;

pub(super) static RULE: Rule = Rule {
    id: "unchecked-exit-code",
    severity: Severity::Warning,
    title: "exit code is not checked",
    page: r"
The service reports a command as completed whatever the exit code of its script; the code is
only in the result. With `results: none` or `failed` the result of a completed command is not
fetched, so a failed script counts as ok. If that is intended, write `expect: { exit: any }`;
with any other expectation the result is fetched.

Wrong:

```yaml
steps:
  - run: collect.sh
    results: none
```

Right:

```yaml
steps:
  - run: collect.sh
    expect: { exit: any }
    results: none
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for step in &outline.steps {
        let Some((Verb::Run, _)) = step.verb else {
            continue;
        };
        let Some(results) = outline.key(step, "results") else {
            continue;
        };
        let wanted = outline.text(results.value);
        // With an expectation the result is fetched, and a template may evaluate to `all`.
        if !matches!(wanted, "none" | "failed") || outline.key(step, "expect").is_some() {
            continue;
        }
        found.push(
            outline
                .problem(
                    &RULE,
                    outline.span(results.value),
                    format!("with `results: {wanted}` the exit code is not checked"),
                )
                .help(
                    "Write `expect: { exit: any }` if it does not matter, or `expect: { exit: 0 }` to \
                     have it fetched and checked.",
                ),
        );
    }
}
