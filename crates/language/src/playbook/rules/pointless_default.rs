//! `pointless-default`: a default of a required or secret input.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::Outline;

pub(super) static RULE: Rule = Rule {
    id: "pointless-default",
    severity: Severity::Warning,
    title: "default that contradicts the input",
    page: r"
An input that is required never uses its default. The default of a secret input is not secret:
it is in the repository, in the digest of every plan and in the run's copy of the playbook.

Wrong:

```yaml
inputs:
  token: { secret: true, default: hunter2 }
```

Right:

```yaml
inputs:
  token: { secret: true }
```
",
};

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
                        &RULE,
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
                        &RULE,
                        outline.span(default.key),
                        format!("`{name}` is secret, but its default is readable here"),
                    )
                    .also(outline.span(secret.key), "")
                    .help("Remove the default and give the value in an environment variable or a file."),
            );
        }
    }
}
