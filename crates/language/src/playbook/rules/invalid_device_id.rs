//! `invalid-device-id`: a text under `ids` that is not a device id.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::outline::{Outline, is_template};
use crate::yaml::NodeId;
use svar_wire::DeviceId;

pub(super) static RULE: Rule = Rule {
    id: "invalid-device-id",
    severity: Severity::Error,
    title: "invalid device id",
    page: r"
The service identifies a device by 40 hexadecimal digits. A shorter or longer text is often a
name, an Entra id, or a copying mistake.

Wrong:

```yaml
targets:
  ids: [ws-07.example.org]
```

Right:

```yaml
targets:
  names: [ws-07.example.org]
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
        let Some(list) = document.get(map, "ids") else {
            continue;
        };
        for item in document.node(list).items() {
            found.extend(check_one(outline, *item));
        }
    }
}

fn check_one(outline: &Outline<'_>, item: NodeId) -> Option<Problem> {
    let text = outline.text(item);
    if text.is_empty() || is_template(text) || DeviceId::parse(text).is_ok() {
        return None;
    }
    let odd = text.char_indices().find(|(_, c)| !c.is_ascii_hexdigit());
    let (span, label) = match odd {
        Some((at, sign)) => (
            outline.document.source_span(item, at..at + sign.len_utf8()),
            "not a hexadecimal digit".to_owned(),
        ),
        None => (outline.span(item), format!("{} digits", text.len())),
    };
    Some(
        outline
            .problem(
                &RULE,
                span,
                "not a device id: expected 40 hexadecimal digits",
            )
            .label(label)
            .help("Copy it from the device's page in the portal or from `DeviceId` in advanced hunting; device names go under `names`."),
    )
}
