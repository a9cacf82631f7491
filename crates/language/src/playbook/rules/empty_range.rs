//! `empty-range`: a `min` above the `max`, and invalid bounds.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::{InputType, Period};
use crate::playbook::outline::{Outline, is_template};
use crate::yaml::NodeId;

/// Bounds that no value can satisfy.
pub static RULE: Rule = Rule {
    id: "empty-range",
    severity: Severity::Error,
    title: "bounds that no value can satisfy",
    page: r"
`min` is greater than `max`, or a bound is not valid for the input's type: a number bounds an
`int`, or the length of a text or list; a duration bounds a `duration`.

Wrong:

```yaml
inputs:
  days: { type: int, min: 30, max: 7 }
```

Right:

```yaml
inputs:
  days: { type: int, min: 7, max: 30 }
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    for entry in outline.inputs {
        let kind = document
            .get(entry.value, "type")
            .map_or(Ok(InputType::String), |node| document.deserialize(node));
        let Ok(kind) = kind else { continue };
        check_pair(outline, entry.value, kind, found);
    }
    let expect = document
        .get(document.root(), "targets")
        .and_then(|targets| document.get(targets, "expect"));
    if let Some(expect) = expect {
        check_pair(outline, expect, InputType::Int, found);
    }
}

fn check_pair(outline: &Outline<'_>, map: NodeId, kind: InputType, found: &mut Vec<Problem>) {
    let bound = |key: &str| {
        outline
            .text_of(map, key)
            .filter(|(_, text)| !is_template(text))
    };
    let (min, max) = (bound("min"), bound("max"));
    for ((node, text), key) in [(min, "min"), (max, "max")]
        .iter()
        .filter_map(|(b, k)| Some(((*b)?, k)))
    {
        let wants = match kind {
            InputType::Bool => "a `bool` has no bounds",
            InputType::Duration => "the bound of a `duration` is a duration such as `15m`",
            _ => "the bound must be a number",
        };
        if measure(kind, text).is_none() {
            let message = format!("invalid `{key}` `{text}`: {wants}");
            found.push(outline.problem(&RULE, outline.span(node), message));
        }
    }
    let (Some((low, from)), Some((high, to))) = (min, max) else {
        return;
    };
    if let (Some(from_value), Some(to_value)) = (measure(kind, from), measure(kind, to))
        && from_value > to_value
    {
        found.push(
            outline
                .problem(
                    &RULE,
                    outline.span(low),
                    format!("`min` ({from}) is greater than `max` ({to})"),
                )
                .also(outline.span(high), "")
                .help("Swap them, or correct one of them."),
        );
    }
}

fn measure(kind: InputType, text: &str) -> Option<f64> {
    match kind {
        InputType::Bool => None,
        InputType::Duration => text
            .parse::<Period>()
            .ok()
            .map(|period| period.0.as_secs_f64()),
        _ => text.parse().ok(),
    }
}
