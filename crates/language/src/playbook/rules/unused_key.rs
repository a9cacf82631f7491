//! `unused-key`: a key that has no effect with the verb of its step.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::Verb;
use crate::playbook::outline::Outline;
use crate::yaml::MapEntry;

pub(super) static RULE: Rule = Rule {
    id: "unused-key",
    severity: Severity::Error,
    title: "key has no effect for this kind of step",
    page: r#"
Only a script takes arguments and has output; only a collected file has a size; `put` has no
result at all. A key beside the wrong verb would be ignored, and what its author expected would
not be checked.

Wrong:

```yaml
steps:
  - get: /var/log/auth.log
    expect: { exit: 0 }
```

Right:

```yaml
steps:
  - get: /var/log/auth.log
    expect: { size: "> 0" }
```
"#,
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for step in &outline.steps {
        let Some((verb, verb_entry)) = step.verb else {
            continue;
        };
        let mut report = |entry: MapEntry, why: &str| {
            let key = outline.text(entry.key);
            found.push(
                outline
                    .problem(
                        &RULE,
                        outline.span(entry.key),
                        format!("`{key}` has no effect with `{}`", verb.as_str()),
                    )
                    .also(outline.span(verb_entry.key), "")
                    .help(why),
            );
        };
        for entry in step.entries {
            let key = outline.text(entry.key);
            match (verb, key) {
                (Verb::Put | Verb::Get, "args" | "pass") => {
                    report(*entry, "Only a script takes arguments.")
                }
                (Verb::Put | Verb::Get, "save") => {
                    report(*entry, "Only a script has output to save values from.")
                }
                (Verb::Put, "expect" | "results") => report(
                    *entry,
                    "The service returns no result for `put`: it fails or it does not.",
                ),
                (Verb::Run | Verb::Get, "expect") => {
                    for inner in outline.document.node(entry.value).entries() {
                        let key = outline.text(inner.key);
                        match (verb, key) {
                            (Verb::Get, "exit" | "stdout" | "stderr" | "json") => {
                                report(*inner, "For a collected file, use `size` and `sha256`.")
                            }
                            (Verb::Run, "size" | "sha256") => report(
                                *inner,
                                "For a script, use `exit`, `stdout`, `stderr` and `json`.",
                            ),
                            _ => {}
                        }
                    }
                }
                (Verb::Run, "pass") if outline.key(step, "args").is_none() => {
                    report(*entry, "There are no `args` to pass.");
                }
                _ => {}
            }
        }
    }
}
