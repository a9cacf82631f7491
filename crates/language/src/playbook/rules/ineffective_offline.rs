//! `ineffective-offline`: settings of the wait for offline devices, which are skipped.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::Outline;

pub(super) static RULE: Rule = Rule {
    id: "ineffective-offline",
    severity: Severity::Warning,
    title: "offline settings without effect",
    page: r"
With `mode: skip` an offline device is skipped: svar does not wait for it, and it uses no
session, so `until` and `max_slots` do not apply to it. They still apply to a device that goes
offline between two of its own sessions.

Wrong:

```yaml
offline: { mode: skip, until: 8h }
```

Right:

```yaml
offline: { mode: hold, until: 8h }
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let Some(offline) = document.get(document.root(), "offline") else {
        return;
    };
    let Some((mode, "skip")) = outline.text_of(offline, "mode") else {
        return;
    };
    for entry in document.node(offline).entries() {
        let key = outline.text(entry.key);
        if matches!(key, "until" | "max_slots") {
            found.push(
                outline
                    .problem(
                        &RULE,
                        outline.span(entry.key),
                        format!("`{key}` has no effect: offline devices are skipped"),
                    )
                    .also(outline.span(mode), "")
                    .help("Remove it, or use `mode: hold` or `mode: queue`."),
            );
        }
    }
}
