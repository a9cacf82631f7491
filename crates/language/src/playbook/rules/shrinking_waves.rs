//! `shrinking-waves`: a wave that is not larger than the one before it.

use crate::diagnostic::{Problem, Rule, Severity};
use crate::playbook::model::CountOrPercent;
use crate::playbook::outline::Outline;

pub(super) static RULE: Rule = Rule {
    id: "shrinking-waves",
    severity: Severity::Warning,
    title: "wave that starts no further devices",
    page: r"
A wave says how many devices have been started by its end, including earlier waves. A wave that
is not larger than the previous one only waits.

Wrong:

```yaml
rollout:
  waves: [10, 10, 100%]
```

Right:

```yaml
rollout:
  waves: [10, 20, 100%]
```
",
};

/// Compares each wave with earlier ones of its kind: numbers with numbers, percentages with percentages.
pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let waves = document
        .get(document.root(), "rollout")
        .and_then(|rollout| document.get(rollout, "waves"));
    let Some(waves) = waves else { return };
    let (mut count, mut share) = (0, 0.0);
    for item in document.node(waves).items() {
        let shrinks = match outline.text(*item).parse() {
            Ok(CountOrPercent::Count(next)) => {
                let shrinks = next <= count;
                count = next;
                shrinks
            }
            Ok(CountOrPercent::Percent(next)) => {
                let shrinks = next <= share;
                share = next;
                shrinks
            }
            Err(_) => continue,
        };
        if shrinks {
            found.push(
                outline
                    .problem(
                        &RULE,
                        outline.span(*item),
                        format!("wave `{}` starts no further devices", outline.text(*item)),
                    )
                    .help("Each wave is the number of devices started by its end, including earlier waves."),
            );
        }
    }
}
