//! `zero-failures`: a stop rule with a threshold of zero.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::CountOrPercent;
use crate::playbook::outline::Outline;

pub(super) static RULE: Rule = Rule {
    id: "zero-failures",
    severity: Severity::Warning,
    title: "stop threshold of zero failures",
    page: r"
The run stops when the number of failed devices reaches `failed`. Before the first start no
device has failed either, so `0` and `0%` cannot be meant literally. They count as `1`: the
first failure stops the run.

Wrong:

```yaml
rollout:
  stop_when: { failed: 0 }
```

Right:

```yaml
rollout:
  stop_when: { failed: 1 }
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let rule = document
        .get(document.root(), "rollout")
        .and_then(|rollout| document.get(rollout, "stop_when"));
    let Some((node, failed)) = rule.and_then(|rule| outline.text_of(rule, "failed")) else {
        return;
    };
    let zero = match failed.parse() {
        Ok(CountOrPercent::Count(count)) => count == 0,
        Ok(CountOrPercent::Percent(share)) => share == 0.0,
        Err(_) => false,
    };
    if zero {
        found.push(
            outline
                .problem(
                    &RULE,
                    outline.span(node),
                    "the run stops at the first failed device, not at zero",
                )
                .help("Write `failed: 1`, or the number of failures at which the run stops."),
        );
    }
}
