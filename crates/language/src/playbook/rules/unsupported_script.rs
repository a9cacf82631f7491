//! `unsupported-script`: a script that the device's operating system cannot run.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::{Os, Verb};
use crate::playbook::outline::{Outline, is_template};

pub(super) static RULE: Rule = Rule {
    id: "unsupported-script",
    severity: Severity::Error,
    title: "script type not supported on the device",
    page: r"
Live response runs PowerShell scripts (`.ps1`) on Windows and bash scripts (`.sh`) on Linux and
macOS. `os`, or the step's `when`, says which operating system the step is for. Other programs
are copied with `put` and started by a script; running one directly is only a warning.

Wrong:

```yaml
os: linux
steps:
  - run: triage.ps1
```

Right:

```yaml
os: linux
steps:
  - run: triage.sh
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for step in &outline.steps {
        let Some((Verb::Run, entry)) = step.verb else {
            continue;
        };
        let written = outline.text(entry.value);
        if is_template(written) {
            continue;
        }
        let script = outline.library_name(written);
        let Some((_, ending)) = script.rsplit_once('.') else {
            continue;
        };
        let ending = ending.to_ascii_lowercase();
        let runs_on: &[Os] = match ending.as_str() {
            "ps1" => &[Os::Windows],
            "sh" | "bash" => &[Os::Linux, Os::Macos],
            "bat" | "cmd" | "exe" | "msi" | "dll" | "vbs" | "js" | "py" | "pl" | "zsh" => &[],
            _ => continue,
        };
        let span = outline.span(entry.value);
        if runs_on.is_empty() {
            let mut problem = outline
                .problem(
                    &RULE,
                    span,
                    format!("live response does not run `.{ending}` files"),
                )
                .help("It runs PowerShell on Windows and bash on Linux and macOS: `put` the file, and `run` a script that starts it.");
            // Not documented as rejected, so it may work in some tenants.
            problem.severity = Severity::Warning;
            found.push(problem);
            continue;
        }
        let Some(systems) = &step.systems else {
            continue;
        };
        if systems.is_empty() || systems.iter().any(|os| runs_on.contains(os)) {
            continue;
        }
        let names: Vec<&str> = systems.iter().map(|os| os.as_str()).collect();
        found.push(
            outline
                .problem(
                    &RULE,
                    span,
                    format!("{} cannot run a `.{ending}` script", names.join(" and ")),
                )
                .help("Windows runs PowerShell (`.ps1`), Linux and macOS run bash (`.sh`). `os` and `when` set the operating system of the step."),
        );
    }
}
