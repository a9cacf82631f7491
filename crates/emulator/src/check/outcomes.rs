//! Scripted outcomes: each can have its turn.

use super::super::device::fits;
use super::super::scenario::{Scenario, ScriptOutcome};
use super::content::files;
use super::{ScenarioProblem, ScenarioProblemKind};

/// Outcomes that never have their turn, or whose script is in no library.
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
        // Without a library everything is uploaded, and nothing is known of it; and who writes a pattern
        // means names that are still to come.
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

/// Whether the earlier outcome fits wherever the later one does, as far as patterns without much in
/// them tell.
fn covers(earlier: &ScriptOutcome, later: &ScriptOutcome) -> bool {
    let wider = |earlier: &str, later: &str| earlier == "*" || earlier.eq_ignore_ascii_case(later);
    wider(&earlier.script, &later.script)
        && wider(&earlier.args, &later.args)
        && wider(&earlier.os, &later.os)
}
