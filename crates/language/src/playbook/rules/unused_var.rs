//! `unused-var`: a var that is never used.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::Outline;
use crate::playbook::templates::NameRoot;

use super::unused_names::unused_names;

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
    found.extend(unused_names(&RULE, outline, NameRoot::Vars));
}
