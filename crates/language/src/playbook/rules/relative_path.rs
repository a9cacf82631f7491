//! `relative-path`: a path to collect that is not absolute.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::input_value::is_windows_path;
use crate::playbook::outline::Outline;
use crate::yaml::NodeId;
use svar_wire::text::one_line;

pub(super) static RULE: Rule = Rule {
    id: "relative-path",
    severity: Severity::Error,
    title: "path to collect is not absolute",
    page: r"
The service needs the full path of a file. It expands neither `%TEMP%` nor `~`, and a device has
no working directory for a relative path.

Wrong:

```yaml
steps:
  - get: '%TEMP%\triage.zip'
```

Right:

```yaml
steps:
  - get: C:\Windows\Temp\triage.zip
```
",
};

/// Checks the path of every `get`.
pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for (_, node, path) in outline.collected_paths() {
        found.extend(check_path(outline, node, path));
    }
}

fn check_path(outline: &Outline<'_>, node: NodeId, path: &str) -> Option<Problem> {
    // A control character comes from an unintended escape, which `escaped-windows-path` reports.
    let is_garbled = path.contains(|c: char| c.is_control());
    if is_windows_path(path) || path.starts_with('/') || path.starts_with("${{") || is_garbled {
        return None;
    }
    let problem = outline.problem(
        &RULE,
        outline.span(node),
        format!("`{}` is not a full path", one_line(path, 60)),
    );
    let has_variable = path.starts_with('%') || path.starts_with('$') || path.starts_with('~');
    Some(problem.help(if has_variable {
        r"The service expands neither variables nor `~`: write the full path, such as `C:\Windows\Temp\a.zip`."
    } else {
        r"Start with a drive (`C:\…`), a share (`\\server\…`) or the root (`/…`): a device has no working directory."
    }))
}
