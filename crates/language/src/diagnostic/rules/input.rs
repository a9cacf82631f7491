//! Rules about what is handed in from outside: inputs, targets, scenario and settings files.

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
        "unknown-input",
        "a value for an input that the playbook does not have",
        "A value that no input takes would be lost without a word, and the run would use a default instead. \
Environment variables `SVAR_INPUT_…` that no input takes are passed over, since they may be meant for \
another playbook.

```text
svar run collect.yaml --input dayz=3     # the input is called `days`
```
",
    ),
    error(
        "missing-input",
        "an input without a value",
        "An input without `default` must be given a value, unless it says `required: false`. The value is \
taken from the first of these that has one: `--input NAME=VALUE`, the files of `--inputs` (the last one \
first), the environment variable `SVAR_INPUT_NAME`, the playbook's `default`.
",
    ),
    error(
        "given-value",
        "a value that an input does not allow",
        "Each input says what it takes: a type, and perhaps `pattern`, `choices`, `min` and `max`. All values \
are looked at before anything is sent, wherever they come from, defaults included.

| type | written as |
| --- | --- |
| `string` | any text |
| `int`, `number` | `7`, `2.5` |
| `bool` | `true`, `false` |
| `list` | `a,b,c`, or `[\"a\", \"b, with a comma\"]`; in a file a YAML list |
| `path` | an absolute path on the device |
| `host`, `ip` | a name, an IPv4 or IPv6 address |
| `hash` | 32, 40 or 64 hexadecimal digits |
| `duration` | `90s`, `15m`, `8h`, `1h30m`, `2d` |
",
    ),
    error(
        "inputs-file",
        "a file of inputs that is no map",
        "A file for `--inputs` is YAML or JSON: a map from the names of inputs to their values. An empty one \
is refused: whatever should have written it has not.

```yaml
days: 3
hosts: [alpha, beta]
```
",
    ),
];
