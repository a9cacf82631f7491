//! `wrong-os-path`: a path to collect on another operating system than that of the step.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::input_value::is_windows_path;
use crate::playbook::model::Os;
use crate::playbook::outline::Outline;
use crate::yaml::NodeId;

pub(super) static RULE: Rule = Rule {
    id: "wrong-os-path",
    severity: Severity::Error,
    title: "path for another operating system",
    page: r"
`os`, or the step's `when`, says which operating system the step is for, and the path belongs to
another one. The device would report that the file does not exist.

Wrong:

```yaml
os: linux
steps:
  - get: C:\Windows\Temp\triage.zip
```

Right:

```yaml
os: linux
steps:
  - get: /var/tmp/triage.tar.gz
```
",
};

/// Checks the path of every `get` of a step whose operating systems are known.
pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for (step, node, path) in outline.collected_paths() {
        if let Some(systems) = &step.systems {
            found.extend(check_path(outline, node, path, systems));
        }
    }
}

fn check_path(outline: &Outline<'_>, node: NodeId, path: &str, systems: &[Os]) -> Option<Problem> {
    if path.starts_with("${{") || systems.is_empty() {
        return None;
    }
    let on_windows = is_windows_path(path);
    let on_others = path.starts_with('/');
    let fits = systems.iter().any(|os| {
        if *os == Os::Windows {
            on_windows
        } else {
            on_others
        }
    });
    if fits || !(on_windows || on_others) {
        return None;
    }
    let names: Vec<&str> = systems.iter().map(|os| os.as_str()).collect();
    let kind = if on_windows {
        "a Windows path"
    } else {
        "not a Windows path"
    };
    Some(
        outline
            .problem(
                &RULE,
                outline.span(node),
                format!(
                    "this is {kind}, but the step is for {}",
                    names.join(" and ")
                ),
            )
            .help("Correct the path, or the `os` or `when` that says what the step is for."),
    )
}
