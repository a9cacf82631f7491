//! Checks that each scripted outcome can be used.

use super::super::device::fits;
use super::super::scenario::{Scenario, ScriptOutcome};
use super::content::files;
use super::{ScenarioProblem, ScenarioProblemKind};

/// Reports outcomes that are never used, and outcomes whose script is not in the library.
pub(super) fn outcomes(
    scenario: &Scenario,
    outcomes: &[ScriptOutcome],
    at: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    for (place, outcome) in outcomes.iter().enumerate() {
        let at_this = format!("{at}/{place}");
        files(&outcome.files, None, &at_this, problems);
        let earlier = outcomes[..place]
            .iter()
            .position(|earlier| covers(earlier, outcome));
        if let Some(earlier) = earlier {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::UnusedOutcome,
                    format!("{at_this}/script"),
                    "this outcome is never used: an earlier one always matches first",
                )
                .also(format!("{at}/{earlier}/script"), "always matches first")
                .help("The first match is used: put the more specific outcome first."),
            );
        }
        // With an empty library, every script is uploaded and none is known. A pattern may stand
        // for names that are uploaded later.
        let is_known = scenario.library.is_empty()
            || outcome.script.contains('*')
            || scenario
                .library
                .iter()
                .any(|item| fits(&outcome.script, &item.name));
        if !is_known {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::UnknownScript,
                    format!("{at_this}/script"),
                    format!("`{}` is not in the library", outcome.script),
                )
                .help("The outcome is used only if a file of that name is uploaded."),
            );
        }
    }
}

/// Checks whether the earlier outcome matches wherever the later one does. It recognizes only equal
/// patterns and `*`.
fn covers(earlier: &ScriptOutcome, later: &ScriptOutcome) -> bool {
    let wider = |earlier: &str, later: &str| earlier == "*" || earlier.eq_ignore_ascii_case(later);
    wider(&earlier.script, &later.script)
        && wider(&earlier.args, &later.args)
        && wider(&earlier.os, &later.os)
}
