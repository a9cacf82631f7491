//! Rules about the shape: what the schema demands.

use crate::diagnostic::code::{Rule, Severity};

const fn error(id: &'static str, title: &'static str, page: &'static str) -> Rule {
    Rule {
        id,
        severity: Severity::Error,
        title,
        page,
    }
}

pub(super) static RULES: &[Rule] = &[
    error(
        "unknown-key",
        "a key that the format does not have",
        "A key that is not known would be skipped in silence by a careless reader, and what it was meant to \
do would not happen. So every map is closed, and a key it does not have is an error. The nearest known \
key is offered where there is one, also for words of other tools (`if` for `when`, `script` for `run`).

Wrong:

```yaml
steps:
  - run: collect.ps1
    argz: -Depth 2
```

Right:

```yaml
steps:
  - run: collect.ps1
    args: -Depth 2
```
",
    ),
    error(
        "missing-key",
        "a key that must be there is not",
        "Some keys have no sensible default: a playbook without `steps` does nothing, and one without \
`playbook` does not say for which version of the format it was written.

Wrong:

```yaml
name: Collect the log
steps:
  - get: /var/log/auth.log
```

Right:

```yaml
playbook: 1
name: Collect the log
steps:
  - get: /var/log/auth.log
```
",
    ),
    error(
        "wrong-type",
        "a value of a type that its key does not take",
        "Each key takes values of certain types. YAML decides by how a value is written: `5` is a number, \
`\"5\"` a text, `[5]` a list, `yes` a text. Where a number, a bool or a choice is wanted, a single \
`${{ }}` expression may stand instead.

Wrong:

```yaml
rollout:
  waves: 1
```

Right:

```yaml
rollout:
  waves: [1]
```
",
    ),
    error(
        "empty-value",
        "a key without a value",
        "A key with nothing behind it is nearly always half an edit: the value was removed, or it is indented \
too little to belong to the key. Guessing a default for it would hide that.

Wrong:

```yaml
steps:
  - run: collect.ps1
    args:
```

Right:

```yaml
steps:
  - run: collect.ps1
```
",
    ),
    error(
        "empty-list",
        "a list that needs items has none",
        "A playbook without steps, an empty list of waves or of device ids says nothing that could be done.

Wrong:

```yaml
playbook: 1
steps: []
```

Right:

```yaml
playbook: 1
steps:
  - get: /var/log/auth.log
```
",
    ),
    error(
        "unknown-choice",
        "a value that is not one of the choices",
        "Some keys take one of a few words. The nearest one is offered.

Wrong:

```yaml
on_fail: contine
```

Right:

```yaml
on_fail: continue
```
",
    ),
    error(
        "out-of-range",
        "a number that is too small or too large",
        "The number is outside of what the key allows.

Wrong:

```yaml
rollout:
  max_active: 0
```

Right:

```yaml
rollout:
  max_active: 1
```
",
    ),
    error(
        "wrong-form",
        "a text that is not written as its key wants it",
        "Lengths of time, shares, sizes, hours, names and hashes have a notation of their own. A length of \
time needs its unit: `30` could be seconds or minutes, and on a fleet the difference is hours. Names \
that are used in `${{ }}` are made of letters, digits and `_`, because `-` would be read as minus.

Wrong:

```yaml
deadline: 8 hours
```

Right:

```yaml
deadline: 8h
```
",
    ),
    error(
        "no-verb",
        "a step without `put`, `run` or `get`",
        "A step is one command of live response: `put` copies a file to the device, `run` runs a script, \
`get` collects a file. A step without one of them does nothing.

Wrong:

```yaml
steps:
  - name: Collect the log
```

Right:

```yaml
steps:
  - name: Collect the log
    get: /var/log/auth.log
```
",
    ),
    error(
        "two-verbs",
        "a step with more than one of `put`, `run` and `get`",
        "A step is one command, with one result that later steps can read and one set of expectations. Two \
commands are two steps; they still travel in one session where the order allows it.

Wrong:

```yaml
steps:
  - put: tool.exe
    run: tool.ps1
```

Right:

```yaml
steps:
  - put: tool.exe
  - run: tool.ps1
```
",
    ),
    error(
        "conflicting-keys",
        "keys that exclude each other",
        "A saved value is found either by its place in JSON or by a regular expression. With both it would be \
unclear which one counts.

Wrong:

```yaml
save:
  version: { json: version, regex: 'Version: (.*)' }
```

Right:

```yaml
save:
  version: { json: version }
```
",
    ),
];
