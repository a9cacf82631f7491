//! Rules about inputs and evaluated values, which are checked when a playbook is compiled.

use svar_language::diagnostic::{Rule, Severity};

/// All rules of this crate, in the order of `svar explain`.
pub static RULES: &[&Rule] = &[
    &UNKNOWN_INPUT,
    &MISSING_INPUT,
    &INVALID_INPUT_VALUE,
    &INVALID_INPUTS_FILE,
    &ARGUMENT_CHARACTERS,
    &INVALID_ARGUMENTS,
    &INVALID_SETTING,
    &INVALID_FILE_NAME,
    &INVALID_PATH,
    &MULTI_SESSION_CLEANUP,
    &COMMENT_TOO_LONG,
    &UNUSABLE_LIBRARY_FILE,
    &TOO_MANY_STEPS,
];

pub(crate) static UNKNOWN_INPUT: Rule = Rule {
    id: "unknown-input",
    severity: Severity::Error,
    title: "value for an unknown input",
    page: r"
A value for an input that does not exist would be lost, and the run would use a default instead.
Environment variables `SVAR_INPUT_…` without an input are ignored, since they may belong to
another playbook.

```text
svar run collect.yaml --input dayz=3     # the input is called `days`
```
",
};

pub(crate) static MISSING_INPUT: Rule = Rule {
    id: "missing-input",
    severity: Severity::Error,
    title: "input without a value",
    page: r"
An input without `default` needs a value, unless it has `required: false`. The value is taken
from the first of these that has one: `--input NAME=VALUE`, the files of `--inputs` (the last
one first), the environment variable `SVAR_INPUT_NAME`, the playbook's `default`.
",
};

pub(crate) static INVALID_INPUT_VALUE: Rule = Rule {
    id: "invalid-input-value",
    severity: Severity::Error,
    title: "value that an input does not accept",
    page: r#"
Each input declares what it accepts: a type, and optionally `pattern`, `choices`, `min` and
`max`. All values are checked before anything is sent, wherever they come from, including
defaults.

| type | written as |
| --- | --- |
| `string` | any text |
| `int`, `number` | `7`, `2.5` |
| `bool` | `true`, `false` |
| `list` | `a,b,c`, or `["a", "b, with a comma"]`; in a file a YAML list |
| `path` | an absolute path on the device |
| `host`, `ip` | a name, an IPv4 or IPv6 address |
| `hash` | 32, 40 or 64 hexadecimal digits |
| `duration` | `90s`, `15m`, `8h`, `1h30m`, `2d` |
"#,
};

pub(crate) static INVALID_INPUTS_FILE: Rule = Rule {
    id: "invalid-inputs-file",
    severity: Severity::Error,
    title: "inputs file is not a map",
    page: r"
A file for `--inputs` is YAML or JSON: a map from the names of inputs to their values. An empty
file is an error: whatever should have written it did not.

```yaml
days: 3
hosts: [alpha, beta]
```
",
};

pub(crate) static ARGUMENT_CHARACTERS: Rule = Rule {
    id: "argument-characters",
    severity: Severity::Error,
    title: "argument value with a forbidden character",
    page: r#"
The service does not accept `;`, `&`, `|`, `!` and `$` in the arguments of a script. The message
says which value contains the character and where the value comes from: an input from the
command line, a line of a file, a property of a device, the result of an earlier step.

`pass: base64url` sends all arguments of the step as one token of letters, digits, `-` and `_`,
which the script decodes:

```yaml
- run: collect.ps1
  pass: base64url
  args: { Filter: "${{ inputs.filter }}" }
```

```powershell
param([string]$Token)
$Text = $Token.Replace('-', '+').Replace('_', '/')
$Text = $Text.PadRight([int][math]::Ceiling($Text.Length / 4) * 4, '=')
$Arguments = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($Text)) | ConvertFrom-Json
```
"#,
};

pub(crate) static INVALID_ARGUMENTS: Rule = Rule {
    id: "invalid-arguments",
    severity: Severity::Error,
    title: "arguments that do not fit on a command line",
    page: r"
A list of arguments contains texts, numbers and bools; a map contains these and lists of them. A
map inside a map, a list inside a list, or null inside a list cannot be written on a command
line, and neither can an option name with characters other than letters, digits, `-` and `_`.
`pass: base64url` accepts any structure.
",
};

pub(crate) static INVALID_SETTING: Rule = Rule {
    id: "invalid-setting",
    severity: Severity::Error,
    title: "template value that its setting does not accept",
    page: r"
A setting such as `timeout` or `on_fail` may be a template. Its value is checked when the
playbook is compiled, and must be one that could be written literally.
",
};

pub(crate) static INVALID_FILE_NAME: Rule = Rule {
    id: "invalid-file-name",
    severity: Severity::Error,
    title: "invalid library file name",
    page: r"
`put` and `run` name an entry under `library` or a file in the tenant's library. Such names
contain only letters, digits, `-`, `_` and `.`.
",
};

pub(crate) static INVALID_PATH: Rule = Rule {
    id: "invalid-path",
    severity: Severity::Error,
    title: "invalid path to collect",
    page: r"
`get` needs the full path of one file on the device. The evaluated value is empty or contains a
line break.
",
};

pub(crate) static MULTI_SESSION_CLEANUP: Rule = Rule {
    id: "multi-session-cleanup",
    severity: Severity::Error,
    title: "cleanup needs more than one session",
    page: r"
Once something was put or run on a device, svar must clean up there. It does so in one session,
which is sent even when the rest of the run is given up. So the cleanup steps must fit one
session: first `put`, then `run`, then `get`, and nothing that ends a session (`gate`, `retry`,
`on_fail: continue`, or reading the result of another cleanup step) except at the end.

Wrong:

```yaml
cleanup:
  - run: stop.ps1
  - put: uninstaller
  - run: uninstall.ps1
```

Right:

```yaml
cleanup:
  - put: uninstaller
  - run: stop.ps1
  - run: uninstall.ps1
```
",
};

pub(crate) static COMMENT_TOO_LONG: Rule = Rule {
    id: "comment-too-long",
    severity: Severity::Error,
    title: "evaluated comment is too long",
    page: r"
The service stores a comment with every action. svar appends its correlation tag, by which it
finds a lost start again. Both together have at most 1,000 characters.
",
};

pub(crate) static UNUSABLE_LIBRARY_FILE: Rule = Rule {
    id: "unusable-library-file",
    severity: Severity::Error,
    title: "library file cannot be used",
    page: r"
The file beside the playbook cannot be read, or does not match its `sha256`. A plan depends on
the content of its files, so it cannot be made without them.
",
};

pub(crate) static TOO_MANY_STEPS: Rule = Rule {
    id: "too-many-steps",
    severity: Severity::Error,
    title: "too many steps",
    page: r"
A plan has at most 65,535 steps, including cleanup. For more, use a script, or a list that a
script reads.
",
};
