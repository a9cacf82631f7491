//! The list of all rules of all crates, and the rules of the command line itself: about files, runs
//! and scenarios.

use svar_language::diagnostic::{Problem, Rule, Severity};
use svar_language::playbook::{self, Files, Loaded};
use svar_language::source::SourceText;
use svar_language::yaml::Document;

/// Returns all rules: those that `svar explain` lists and that suppression comments may name.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    svar_language::rules::all().chain(later_rules())
}

/// Returns the rules that `svar_language` does not have.
fn later_rules() -> impl Iterator<Item = &'static Rule> {
    svar_plan::RULES.iter().chain(RULES).copied()
}

/// Returns the rule with this id.
pub(crate) fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

/// Loads a playbook whose suppression comments may name any rule.
pub(crate) fn load(source: &SourceText, files: &dyn Files) -> Loaded {
    let later: Vec<&'static Rule> = later_rules().collect();
    playbook::load_with(source, files, &later)
}

/// Removes suppressed findings of a document that is not a playbook.
pub(crate) fn apply_suppressions(document: &Document, problems: &mut Vec<Problem>) {
    let later: Vec<&'static Rule> = later_rules().collect();
    playbook::apply_suppressions(document, &later, problems);
}

/// The rules of this module, in the order of `svar explain`.
static RULES: &[&Rule] = &[
    &UNREADABLE_FILE,
    &NOT_A_PLAYBOOK,
    &REJECTED_FILTER,
    &STEP_FAILED,
    &DUPLICATE_DEVICE,
    &DUPLICATE_NAME,
    &FLEET_NAME_PATTERN,
    &REVERSED_WINDOW,
    &OVERLAPPING_WINDOWS,
    &UNKNOWN_DEVICE,
    &INEFFECTIVE_FAULT,
    &UNUSED_OUTCOME,
    &INEFFECTIVE_SETTING,
    &UNKNOWN_SCRIPT,
    &ZERO_LIMIT,
    &UNKNOWN_OS,
    &INVALID_DEVICE_FILE,
    &INVALID_BASE64,
];

pub(crate) static UNREADABLE_FILE: Rule = Rule {
    id: "unreadable-file",
    severity: Severity::Error,
    title: "file cannot be read",
    page: r"
The file could not be opened, is a folder, or is far too large for a playbook. Its content was
not checked. Check the path and the permissions; a playbook is a text of a few kilobytes.
",
};

pub(crate) static NOT_A_PLAYBOOK: Rule = Rule {
    id: "not-a-playbook",
    severity: Severity::Error,
    title: "file is not a playbook",
    page: r"
The file describes the fleet of an emulator: its top-level keys are those of a scenario. A
scenario is checked like a playbook and given to the emulator, but it cannot be run:

```text
svar check fleet.yaml
svar emulator --scenario fleet.yaml
svar run playbook.yaml --scenario fleet.yaml
```
",
};

pub(crate) static REJECTED_FILTER: Rule = Rule {
    id: "rejected-filter",
    severity: Severity::Error,
    title: "service rejects the filter of `targets`",
    page: r"
Found when the service was asked for the devices; nothing was started. `targets.filter` is sent
to the service unchanged, and the service answered 400: the filter uses a field that the machine
list does not have, a text without quotes, or an unknown operator.

```yaml
targets:
  filter: healthStatus eq 'Active' and riskScore eq 'High'
```
",
};

pub(crate) static STEP_FAILED: Rule = Rule {
    id: "step-failed",
    severity: Severity::Error,
    title: "step failed on a device",
    page: r"
Found by a run, not by a check. The excerpt shows the step with the cause and the devices it
happened on, each cause once.

The results of each device are in the run folder: `results/<device>/` has a record for each
command with exit code, output and errors. `svar show RUN` shows the whole run again.

A device stops at its first failed step; after that only `cleanup` is sent to it. To continue
after a step that may fail, add `on_fail: continue` to that step.
",
};

pub(crate) static DUPLICATE_DEVICE: Rule = Rule {
    id: "duplicate-device",
    severity: Severity::Error,
    title: "duplicate device in a scenario",
    page: r"
The service identifies a device by its id. A device without `id` gets one that is derived from
its name, so two devices with the same name would be the same device. In real tenants several
devices can share a name, after a computer was reinstalled: give each an `id` then.

Wrong:

```yaml
devices:
  - { name: ws-07.example.org, os: Windows11 }
  - { name: ws-07.example.org, os: Windows11, health: Inactive }
```

Right:

```yaml
devices:
  - { name: ws-07.example.org, os: Windows11 }
  - name: ws-07.example.org
    id: 1f0e9d8c7b6a59483726150493827160f1e2d3c4
    os: Windows11
    health: Inactive
```
",
};

pub(crate) static DUPLICATE_NAME: Rule = Rule {
    id: "duplicate-name",
    severity: Severity::Error,
    title: "duplicate application or library file",
    page: r#"
Applications are identified by `id`, library files by `name`. If two are the same, one of them
would be lost.

Wrong:

```yaml
library:
  - { name: hunt.sh, text: "echo one" }
  - { name: hunt.sh, text: "echo two" }
```

Right:

```yaml
library:
  - { name: hunt.sh, text: "echo one" }
  - { name: hunt-2.sh, text: "echo two" }
```
"#,
};

pub(crate) static FLEET_NAME_PATTERN: Rule = Rule {
    id: "fleet-name-pattern",
    severity: Severity::Error,
    title: "fleet name without `{n}`",
    page: r#"
The `name` of a fleet is a pattern: `{n}` is replaced by the number of each device, with leading
zeros, so that all names have the same length. Without it all devices would have the same name.

Wrong:

```yaml
fleets:
  - { count: 500, name: pc.example.org }
```

Right:

```yaml
fleets:
  - { count: 500, name: "pc-{n}.example.org" }
```
"#,
};

pub(crate) static REVERSED_WINDOW: Rule = Rule {
    id: "reversed-window",
    severity: Severity::Error,
    title: "time window ends before it begins",
    page: r"
`from` and `until` are both measured from the emulator's start; neither is a length. Without
`until` the window has no end.

Wrong:

```yaml
devices:
  - { name: web-01.example.org, online: [{ from: 2 h, until: 10 min }] }
```

Right:

```yaml
devices:
  - { name: web-01.example.org, online: [{ from: 2 h, until: 130 min }] }
```
",
};

pub(crate) static OVERLAPPING_WINDOWS: Rule = Rule {
    id: "overlapping-windows",
    severity: Severity::Warning,
    title: "overlapping time windows",
    page: r"
Overlapping windows are the same as one window, so one of them is probably wrong. A device
without `online` is always online.

Wrong:

```yaml
devices:
  - { name: web-01.example.org, online: [{ from: 0 }, { from: 2 h, until: 3 h }] }
```

Right:

```yaml
devices:
  - { name: web-01.example.org, online: [{ until: 1 h }, { from: 2 h, until: 3 h }] }
```
",
};

pub(crate) static UNKNOWN_DEVICE: Rule = Rule {
    id: "unknown-device",
    severity: Severity::Error,
    title: "fault for an unknown device",
    page: r"
A fault can apply to one device, given by its full name or id. If there is no such device the
fault never triggers, and a rehearsal would wrongly show that all is well.

Wrong:

```yaml
devices:
  - { name: web-01.example.org }
faults:
  - { call: start, kind: drop_response, device: web-02.example.org }
```

Right:

```yaml
devices:
  - { name: web-01.example.org }
faults:
  - { call: start, kind: drop_response, device: web-01.example.org }
```
",
};

pub(crate) static INEFFECTIVE_FAULT: Rule = Rule {
    id: "ineffective-fault",
    severity: Severity::Warning,
    title: "fault can never trigger, or a key of it has no effect",
    page: r"
A fault triggers by count (`after`, `times`) or by `probability`. Some happen at certain calls only:
`busy`, `delayed_visibility` and `flapping` at `start`; `library_file_replaced` at `start` and `library_upload`; those
of gzip at `result_download`. `device` is available at `start`, `action_get`, `result_link`, `result_download`, `cancel` and
`machine_get`. `delay` belongs to `throttled`, `throttled_with_date`, `slow`, `delayed_visibility` and
`library_file_replaced`.

Wrong:

```yaml
faults:
  - { call: action_list, kind: delayed_visibility, delay: 2 min }
```

Right:

```yaml
faults:
  - { call: start, kind: delayed_visibility, delay: 2 min }
```
",
};

pub(crate) static UNUSED_OUTCOME: Rule = Rule {
    id: "unused-outcome",
    severity: Severity::Warning,
    title: "outcome is never used",
    page: r#"
The first outcome that matches is used, those of the device before those of the scenario. An
outcome after another one that matches whenever it would is never used.

Wrong:

```yaml
outcomes:
  - { script: "*", stdout: "fine" }
  - { script: hunt.ps1, exit: 3 }
```

Right:

```yaml
outcomes:
  - { script: hunt.ps1, exit: 3 }
  - { script: "*", stdout: "fine" }
```
"#,
};

pub(crate) static INEFFECTIVE_SETTING: Rule = Rule {
    id: "ineffective-setting",
    severity: Severity::Warning,
    title: "setting has no effect",
    page: r"
Together with the other keys the setting has no effect, so something else was probably meant.

Wrong:

```yaml
fleets:
  - { count: 100, back_online: { min: 1 h, max: 8 h } }
```

Right:

```yaml
fleets:
  - { count: 100, offline: 0.1, back_online: { min: 1 h, max: 8 h } }
```
",
};

pub(crate) static UNKNOWN_SCRIPT: Rule = Rule {
    id: "unknown-script",
    severity: Severity::Hint,
    title: "outcome for a script that is not in the library",
    page: r"
The scenario lists the library, and this script is not in it: the outcome is used only if a file
of that name is uploaded, as `svar run --sync-library` does. Scenarios without a library, and
patterns such as `hunt*.ps1`, are not reported.

Wrong:

```yaml
library:
  - { name: hunt.ps1 }
outcomes:
  - { script: hnut.ps1, exit: 3 }
```

Right:

```yaml
library:
  - { name: hunt.ps1 }
outcomes:
  - { script: hunt.ps1, exit: 3 }
```
",
};

pub(crate) static ZERO_LIMIT: Rule = Rule {
    id: "zero-limit",
    severity: Severity::Warning,
    title: "limit of zero",
    page: r"
A limit of 0 allows nothing. Where 0 means no limit, as with `commands_max`, the description of
the setting says so; leave this one out to use the value of the profile. To reject some calls
and not all of them, use `faults`.

Wrong:

```yaml
settings: { slots: 0 }
```

Right:

```yaml
settings: { slots: 1 }
```
",
};

pub(crate) static UNKNOWN_OS: Rule = Rule {
    id: "unknown-os",
    severity: Severity::Warning,
    title: "unknown operating system",
    page: r"
A name that begins with `Windows` has drive letters and PowerShell; everything else is emulated
like Linux, including a misspelled name. `svar check` also knows `Linux` and `macOS`.

Wrong:

```yaml
devices:
  - { name: web-01.example.org, os: Linus }
```

Right:

```yaml
devices:
  - { name: web-01.example.org, os: Linux }
```
",
};

pub(crate) static INVALID_DEVICE_FILE: Rule = Rule {
    id: "invalid-device-file",
    severity: Severity::Error,
    title: "invalid path of a device file",
    page: r#"
A file of a device has a full path in the form of its operating system:
`C:\Users\Public\notes.txt` on Windows, `/var/log/auth.log` elsewhere. The path must not contain
`..` or name another computer.

Wrong:

```yaml
devices:
  - name: ws-07.example.org
    os: Windows11
    files: [{ path: /etc/passwd, text: "x" }]
```

Right:

```yaml
devices:
  - name: ws-07.example.org
    os: Windows11
    files: [{ path: 'C:\Users\Public\notes.txt', text: "x" }]
```
"#,
};

pub(crate) static INVALID_BASE64: Rule = Rule {
    id: "invalid-base64",
    severity: Severity::Error,
    title: "invalid base64 content",
    page: r#"
`base64` contains bytes in the standard alphabet, with `=` at the end where the length requires
it.

Wrong:

```yaml
library:
  - { name: tool.exe, base64: "TVo*" }
```

Right:

```yaml
library:
  - { name: tool.exe, base64: "TVo=" }
```
"#,
};
