//! `unfinished-waves`: waves whose end leaves devices out, however many there are.

use crate::diagnostic::Problem;
use crate::playbook::model::CountOrPercent;
use crate::playbook::outline::Outline;

/// A number at the end is compared with the fleet when there is one.
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
                    "unfinished-waves",
                    outline.span(last),
                    format!("the waves end at {text} of the devices"),
                )
                .help("End them with `100%`; to leave devices out, choose fewer under `targets`."),
        );
    }
}
