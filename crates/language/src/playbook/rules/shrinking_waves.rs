//! `shrinking-waves`: a wave that is not larger than the one before it.

use crate::diagnostic::Problem;
use crate::playbook::model::CountOrPercent;
use crate::playbook::outline::Outline;

/// Only numbers with numbers and shares with shares can be compared without knowing the fleet.
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
                        "shrinking-waves",
                        outline.span(*item),
                        format!("wave `{}` starts no further device", outline.text(*item)),
                    )
                    .help("Each wave says how many devices have been started by its end, the earlier ones included."),
            );
        }
    }
}
