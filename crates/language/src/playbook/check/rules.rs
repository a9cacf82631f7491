//! Rules about the structure of a document, as its schema requires it.

use crate::diagnostic::{Rule, Severity};

/// All rules of this module, in the order of `svar explain`.
pub(crate) static RULES: &[&Rule] = &[
    &UNKNOWN_KEY,
    &MISSING_KEY,
    &WRONG_TYPE,
    &EMPTY_VALUE,
    &EMPTY_LIST,
    &UNKNOWN_CHOICE,
    &OUT_OF_RANGE,
    &INVALID_FORMAT,
    &MISSING_VERB,
    &MULTIPLE_VERBS,
    &CONFLICTING_KEYS,
];

pub(crate) static UNKNOWN_KEY: Rule = Rule {
    id: "unknown-key",
    severity: Severity::Error,
    title: "unknown key",
    page: r"
If an unknown key were ignored, what it was meant to do would not happen. So every map is
closed, and a key that it does not have is an error. The nearest known key is suggested where
there is one, also for keys of other tools (`if` for `when`, `script` for `run`).

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
};

/// A required key is missing.
pub static MISSING_KEY: Rule = Rule {
    id: "missing-key",
    severity: Severity::Error,
    title: "required key is missing",
    page: r"
Some keys have no sensible default: a playbook without `steps` does nothing, and one without
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
};

pub(crate) static WRONG_TYPE: Rule = Rule {
    id: "wrong-type",
    severity: Severity::Error,
    title: "value of the wrong type",
    page: r#"
Each key takes values of certain types. In YAML the notation decides the type: `5` is a number,
`"5"` a text, `[5]` a list, `yes` a text. Where a number, a bool or a choice is expected, a
single `${{ }}` expression is allowed too.

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
"#,
};

pub(crate) static EMPTY_VALUE: Rule = Rule {
    id: "empty-value",
    severity: Severity::Error,
    title: "key without a value",
    page: r"
A key without a value is nearly always an unfinished edit: the value was removed, or it is not
indented far enough to belong to the key. A default would hide that.

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
};

/// A list that needs an entry is empty.
pub static EMPTY_LIST: Rule = Rule {
    id: "empty-list",
    severity: Severity::Error,
    title: "empty list where items are required",
    page: r"
A playbook without steps, an empty list of waves or an empty list of device ids does nothing.

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
};

pub(crate) static UNKNOWN_CHOICE: Rule = Rule {
    id: "unknown-choice",
    severity: Severity::Error,
    title: "unknown choice",
    page: r"
Some keys take one of a few words. The nearest one is suggested.

Wrong:

```yaml
on_fail: contine
```

Right:

```yaml
on_fail: continue
```
",
};

pub(crate) static OUT_OF_RANGE: Rule = Rule {
    id: "out-of-range",
    severity: Severity::Error,
    title: "number out of range",
    page: r"
The number is outside the range that the key allows.

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
};

pub(crate) static INVALID_FORMAT: Rule = Rule {
    id: "invalid-format",
    severity: Severity::Error,
    title: "value in the wrong format",
    page: r"
Durations, percentages, sizes, hours, names and hashes have a format of their own. A duration
needs a unit: `30` could be seconds or minutes, and on a large fleet the difference is hours.
Names that are used in `${{ }}` contain letters, digits and `_`; a `-` would be a minus sign.

Wrong:

```yaml
deadline: 8 hours
```

Right:

```yaml
deadline: 8h
```
",
};

pub(crate) static MISSING_VERB: Rule = Rule {
    id: "missing-verb",
    severity: Severity::Error,
    title: "step without `put`, `run` or `get`",
    page: r"
A step is one live response command: `put` copies a file to the device, `run` runs a script,
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
};

pub(crate) static MULTIPLE_VERBS: Rule = Rule {
    id: "multiple-verbs",
    severity: Severity::Error,
    title: "step with more than one of `put`, `run` and `get`",
    page: r"
A step is one command, with one result that later steps can read and one set of expectations.
Write two commands as two steps; they still use one session where the order allows it.

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
};

/// Two keys cannot be used together.
pub static CONFLICTING_KEYS: Rule = Rule {
    id: "conflicting-keys",
    severity: Severity::Error,
    title: "keys that cannot be used together",
    page: r"
A saved value is taken from the output either by a JSON path or by a regular expression. With
both it would be unclear which one applies.

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
};
