//! `incomplete-waves`: a last wave below 100%.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::CountOrPercent;
use crate::playbook::outline::Outline;

/// The waves of a rollout end before all devices.
pub static RULE: Rule = Rule {
    id: "incomplete-waves",
    severity: Severity::Error,
    title: "waves do not include all devices",
    page: r"
A wave says how many devices have been started by its end. All devices under `targets` are part
of the run, so the last wave must include all of them, and the list must say so. If the waves
end earlier nothing is sent: only the author knows whether the other devices were to be left out
or to follow in another wave. A last wave below `100%` is found in the playbook; a number that
is smaller than the number of devices is found once the devices are known.

Wrong:

```yaml
rollout:
  waves: [1, 5%]
```

Right:

```yaml
rollout:
  waves: [1, 5%, 100%]
```
",
};

/// Checks whether the last wave is a percentage below 100. A number is checked when the devices are known.
pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let last = document
        .get(document.root(), "rollout")
        .and_then(|rollout| document.get(rollout, "waves"))
        .and_then(|waves| document.node(waves).items().last().copied());
    let Some(last) = last else { return };
    let text = outline.text(last);
    if let Ok(CountOrPercent::Percent(share)) = text.parse()
        && share < 100.0
    {
        found.push(
            outline
                .problem(
                    &RULE,
                    outline.span(last),
                    format!("the last wave has only {text} of the devices"),
                )
                .help("End with `100%`; to leave devices out, select fewer under `targets`."),
        );
    }
}
