//! `invalid-library-name`: a name that the tenant's library does not accept.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::Verb;
use crate::playbook::outline::{Outline, is_template};
use crate::yaml::NodeId;
use svar_wire::LibraryName;

pub(super) static RULE: Rule = Rule {
    id: "invalid-library-name",
    severity: Severity::Error,
    title: "invalid name for a library file",
    page: r"
Names in the tenant's library contain letters, digits, `-`, `_` and `.`. A file whose own name
has other characters can be given another name there.

Wrong:

```yaml
library:
  tool: { path: tools/my tool.exe }
```

Right:

```yaml
library:
  tool: { path: tools/my tool.exe, name: my-tool.exe }
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for entry in outline.library {
        let given = outline.text_of(entry.value, "name");
        let Some((node, _)) = given.or_else(|| outline.text_of(entry.value, "path")) else {
            continue;
        };
        let name = outline.library_name(outline.text(entry.key));
        let help = if given.is_none() && !name.is_empty() {
            Some("Set another library name with `name`.")
        } else {
            None
        };
        found.extend(check_name(outline, node, name, help));
    }
    for step in &outline.steps {
        let Some((Verb::Put | Verb::Run, entry)) = step.verb else {
            continue;
        };
        let name = outline.text(entry.value);
        let is_listed = outline.library_entry(name).is_some();
        // `unlisted-file` reports what looks like a path.
        if is_listed || is_template(name) || name.contains(['/', '\\']) || name.is_empty() {
            continue;
        }
        found.extend(check_name(outline, entry.value, name, None));
    }
}

fn check_name(
    outline: &Outline<'_>,
    node: NodeId,
    name: &str,
    help: Option<&str>,
) -> Option<Problem> {
    if name.is_empty() || LibraryName::parse(name).is_ok() {
        return None;
    }
    let problem = outline.problem(
        &RULE,
        outline.span(node),
        format!("invalid library file name `{name}`"),
    );
    Some(problem.help(format!(
        "Names contain only letters, digits, `-`, `_` and `.`.{}{}",
        if help.is_some() { " " } else { "" },
        help.unwrap_or_default()
    )))
}
