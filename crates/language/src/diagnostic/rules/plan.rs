//! Rules about evaluated values: what is found when a playbook is compiled for its targets.

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
        "argument-characters",
        "a value brings a character that the service does not take in arguments",
        "The service does not take `;`, `&`, `|`, `!` and `$` in the arguments of a script. Which value \
brings it, and where that value comes from, is in the message: an input from the command line, a line of a \
file, a fact of a device, the result of an earlier step.

`pass: base64url` sends all arguments of the step as one token of letters, digits, `-` and `_`, which the \
script decodes:

```yaml
- run: collect.ps1
  pass: base64url
  args: { Filter: \"${{ inputs.filter }}\" }
```

```powershell
param([string]$Token)
$Text = $Token.Replace('-', '+').Replace('_', '/')
$Text = $Text.PadRight([int][math]::Ceiling($Text.Length / 4) * 4, '=')
$Arguments = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($Text)) | ConvertFrom-Json
```
",
    ),
    error(
        "argument-form",
        "arguments that can't be written on a command line",
        "A list of arguments holds texts, numbers and truth values; a map holds these and lists of them. A \
map inside a map, a list inside a list, or null inside a list has no form on a command line, nor has an \
option whose name is more than letters, digits, `-` and `_`. `pass: base64url` takes any structure.
",
    ),
    error(
        "setting-value",
        "a template gives a value that its setting does not take",
        "A setting such as `timeout` or `on_fail` may be a template. Its value is looked at when the playbook \
is compiled, and must be what would be allowed if it were written out.
",
    ),
    error(
        "planned-name",
        "a template gives no library file name",
        "`put` and `run` name an entry under `library` or a file in the tenant's library. Such names have \
letters, digits, `-`, `_` and `.` only.
",
    ),
    error(
        "planned-path",
        "a template gives no path",
        "`get` wants the full path of one file on the device. The value that came out is empty or has a line \
break in it.
",
    ),
    error(
        "cleanup-one-session",
        "cleanup that would need a second session",
        "Cleanup is owed to a device once something was put or run there, and it is paid with one session, \
which is sent even when all else is given up. So its steps must fit one: first `put`, then `run`, then \
`get`, and nothing that ends a session (`gate`, `retry`, `on_fail: continue`, or reading the result of \
another cleanup step) except at its end.

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
    ),
    error(
        "comment-length",
        "a comment that is too long",
        "The service keeps a comment with every action; svar writes its correlation tag at the end of it, by \
which a lost start is found again. Both together have at most 1,000 characters.
",
    ),
    error(
        "library-file",
        "a library file that can't be used",
        "The file beside the playbook can't be read, or it is not the one that `sha256` pins. A plan rests on \
the bytes of its files, so it is not made without them.
",
    ),
    error(
        "too-many-steps",
        "a playbook with more steps than a plan can hold",
        "A plan holds 65,535 steps, cleanup included. What is that long is better a script, or a list that \
a script reads.
",
    ),
];
