//! `zero-duration`: a time limit of zero.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::Period;
use crate::playbook::outline::Outline;
use crate::yaml::NodeId;

pub(super) static RULE: Rule = Rule {
    id: "zero-duration",
    severity: Severity::Error,
    title: "time limit of zero",
    page: r"
A `deadline`, an `offline.until` or a `timeout` of zero is over before anything has started: no
device would be started, no offline device would be waited for, no command could finish. Leave
`deadline` or `timeout` out to have no limit; `mode: skip` skips offline devices.

Wrong:

```yaml
deadline: 0s
```

Right:

```yaml
deadline: 8h
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let mut limit = |node: NodeId, message: &str, help: &str| {
        let length = outline.text(node).parse();
        if length.is_ok_and(|Period(length)| length.is_zero()) {
            found.push(
                outline
                    .problem(&RULE, outline.span(node), message)
                    .help(help),
            );
        }
    };
    if let Some(node) = document.get(document.root(), "deadline") {
        limit(
            node,
            "the run would end before it starts a device",
            "Set a duration such as `8h`, or remove `deadline`.",
        );
    }
    let offline = document.get(document.root(), "offline");
    if let Some(node) = offline.and_then(|offline| document.get(offline, "until")) {
        limit(
            node,
            "the wait for offline devices would end before it starts",
            "Set a duration such as `8h`, or skip offline devices with `mode: skip`.",
        );
    }
    for step in &outline.steps {
        if let Some(entry) = outline.key(step, "timeout") {
            limit(
                entry.value,
                "the command would time out as soon as it runs",
                "Set a duration such as `10m`, or remove `timeout`.",
            );
        }
    }
}
