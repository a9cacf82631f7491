//! `unjudged-exit`: a script whose result is not fetched, so that its exit code is never seen.

use crate::diagnostic::Problem;
use crate::playbook::model::Verb;
use crate::playbook::outline::Outline;

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    for step in &outline.steps {
        let Some((Verb::Run, _)) = step.verb else {
            continue;
        };
        let Some(results) = outline.key(step, "results") else {
            continue;
        };
        let wanted = outline.text(results.value);
        // An expectation fetches the result, and a template may come to `all`.
        if !matches!(wanted, "none" | "failed") || outline.key(step, "expect").is_some() {
            continue;
        }
        found.push(
            outline
                .problem(
                    "unjudged-exit",
                    outline.span(results.value),
                    format!("with `results: {wanted}` nobody sees the script's exit code"),
                )
                .help(
                    "Write `expect: { exit: any }` if it does not matter, or `expect: { exit: 0 }` to \
                     have it fetched and judged.",
                ),
        );
    }
}
