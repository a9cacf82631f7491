//! `small-sample`: a failure percentage that counts from the first device.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::CountOrPercent;
use crate::playbook::outline::Outline;

pub(super) static RULE: Rule = Rule {
    id: "small-sample",
    severity: Severity::Hint,
    title: "failure percentage counts from the first device",
    page: r"
The percentage is based on the devices that have finished so far. If the first one fails, that
is 100%, and the run stops at any threshold. `after` says after how many finished devices the
percentage counts; a percentage `of: targets` does not need it.

Wrong:

```yaml
rollout:
  stop_when: { failed: 5% }
```

Right:

```yaml
rollout:
  stop_when: { failed: 5%, after: 20 }
```
",
};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let rule = document
        .get(document.root(), "rollout")
        .and_then(|rollout| document.get(rollout, "stop_when"));
    let Some(rule) = rule else { return };
    let Some((node, failed)) = outline.text_of(rule, "failed") else {
        return;
    };
    let of_targets = outline
        .text_of(rule, "of")
        .is_some_and(|(_, of)| of != "finished");
    // Invalid values and 0% have findings of their own.
    let counts_at_once = match failed.parse() {
        Ok(CountOrPercent::Percent(share)) => share > 0.0 && share < 100.0,
        Ok(CountOrPercent::Count(_)) | Err(_) => false,
    };
    if !counts_at_once || of_targets || document.get(rule, "after").is_some() {
        return;
    }
    found.push(
        outline
            .problem(
                &RULE,
                outline.span(node),
                format!("a first device that fails is 100% of the finished devices, which reaches {failed}"),
            )
            .help("Set how many devices must have finished before it counts, such as `after: 20`, or use `of: targets`."),
    );
}
