//! Checks that each scripted outcome can be used.

use super::super::device::matches_pattern;
use super::super::scenario::{Scenario, ScriptOutcome};
use super::files::check_files;
use super::problem::{ScenarioProblem, ScenarioProblemKind};

/// Reports outcomes that are never used, and outcomes whose script is not in the library. `list` is the
/// pointer of the list.
pub(super) fn check_outcomes(
    scenario: &Scenario,
    outcomes: &[ScriptOutcome],
    list: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    for (index, outcome) in outcomes.iter().enumerate() {
        let pointer = format!("{list}/{index}");
        check_files(&outcome.files, None, &pointer, problems);
        let earlier = outcomes[..index]
            .iter()
            .position(|earlier| covers(earlier, outcome));
        if let Some(earlier) = earlier {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::UnusedOutcome,
                    format!("{pointer}/script"),
                    "this outcome is never used: an earlier one always matches first",
                )
                .related(format!("{list}/{earlier}/script"), "always matches first")
                .help("The first match is used: put the more specific outcome first."),
            );
        }
        // With an empty library, the client uploads all scripts. A pattern can match the names of
        // files that are uploaded later.
        let is_known = scenario.library.is_empty()
            || outcome.script.contains('*')
            || scenario
                .library
                .iter()
                .any(|item| matches_pattern(&outcome.script, &item.name));
        if !is_known {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::UnknownScript,
                    format!("{pointer}/script"),
                    format!("`{}` is not in the library", outcome.script),
                )
                .help("The outcome is used only if a file of that name is uploaded."),
            );
        }
    }
}

/// Returns whether the earlier outcome matches wherever the later one does. Only equal patterns and `*`
/// are recognized.
fn covers(earlier: &ScriptOutcome, later: &ScriptOutcome) -> bool {
    let wider = |earlier: &str, later: &str| earlier == "*" || earlier.eq_ignore_ascii_case(later);
    wider(&earlier.script, &later.script)
        && wider(&earlier.args, &later.args)
        && wider(&earlier.os, &later.os)
}
