//! `unused-var`: a var that is never used.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::Outline;

pub(super) static RULE: Rule = Rule {
    id: "unused-var",
    severity: Severity::Warning,
    title: "var is never used",
    page: r"
A var is meant to be used by a step or by another var. Often the name is misspelled where it
should be used.

Wrong:

```yaml
vars:
  archive: C:\ProgramData\ir\out.zip
steps:
  - get: C:\ProgramData\ir\out.zip
```

Right:

```yaml
vars:
  archive: C:\ProgramData\ir\out.zip
steps:
  - get: ${{ vars.archive }}
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for entry in outline.vars {
        let name = outline.text(entry.key);
        if outline.used_names().has_var(name) {
            continue;
        }
        found.push(
            outline
                .problem(
                    &RULE,
                    outline.span(entry.key),
                    format!("the var `{name}` is never used"),
                )
                .help(format!("Use it as `${{{{ vars.{name} }}}}`, or remove it.")),
        );
    }
}
