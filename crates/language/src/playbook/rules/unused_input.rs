//! `unused-input`: an input that is never used.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::Outline;
use crate::playbook::templates::NameRoot;

use super::unused_names::unused_names;

pub(super) static RULE: Rule = Rule {
    id: "unused-input",
    severity: Severity::Warning,
    title: "input is never used",
    page: r#"
An input that is never used must still be given, and the person who does so believes that it has
an effect. Often the name is misspelled where the input should be used.

Wrong:

```yaml
inputs:
  days: { type: int }
steps:
  - run: collect.ps1
```

Right:

```yaml
inputs:
  days: { type: int }
steps:
  - run: collect.ps1
    args: { Days: "${{ inputs.days }}" }
```
"#,
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    found.extend(unused_names(&RULE, outline, NameRoot::Inputs));
}
