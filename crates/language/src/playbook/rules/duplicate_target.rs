//! `duplicate-target`: the same device, tag or group listed twice.

use std::collections::HashMap;

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::{Outline, is_template};
use crate::yaml::NodeId;

pub(super) static RULE: Rule = Rule {
    id: "duplicate-target",
    severity: Severity::Warning,
    title: "device, tag or group listed twice",
    page: r"
An entry that is listed twice counts once, so nothing breaks. But often another device was
meant, and that one is missing.

Wrong:

```yaml
targets:
  names: [ws-07.example.org, ws-07.example.org]
```

Right:

```yaml
targets:
  names: [ws-07.example.org, ws-08.example.org]
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let Some(targets) = document.get(document.root(), "targets") else {
        return;
    };
    let places = [Some(targets), document.get(targets, "exclude")];
    for map in places.into_iter().flatten() {
        for key in ["ids", "names", "tag", "group"] {
            if let Some(list) = document.get(map, key) {
                check_list(outline, key, list, found);
            }
        }
    }
}

fn check_list(outline: &Outline<'_>, key: &str, list: NodeId, found: &mut Vec<Problem>) {
    let mut seen = HashMap::new();
    for item in outline.document.node(list).items() {
        let text = outline.text(*item);
        if text.is_empty() || is_template(text) {
            continue;
        }
        // Names and ids of devices are case-insensitive; tags and groups are not.
        let same = if matches!(key, "ids" | "names") {
            text.to_ascii_lowercase()
        } else {
            text.to_owned()
        };
        if let Some(first) = seen.get(&same) {
            found.push(
                outline
                    .problem(
                        &RULE,
                        outline.span(*item),
                        format!("`{text}` is listed twice under `{key}`"),
                    )
                    .also(*first, "first used here")
                    .help("It counts once. Was another entry meant?"),
            );
        } else {
            seen.insert(same, outline.span(*item));
        }
    }
}
