//! Checks applications and library files.

use std::collections::HashMap;

use super::super::scenario::Scenario;
use super::files::check_content;
use super::problem::{ScenarioProblem, ScenarioProblemKind};

/// Reports a scenario without applications, and two applications with the same id.
pub(super) fn check_apps(scenario: &Scenario, problems: &mut Vec<ScenarioProblem>) {
    if scenario.apps.is_empty() {
        problems.push(ScenarioProblem::new(
            ScenarioProblemKind::EmptyList,
            "/apps",
            "no applications: no client can sign in",
        ));
    }
    let ids = scenario.apps.iter().map(|app| app.id.to_ascii_lowercase());
    check_duplicates(ids, "/apps", "id", "an application", problems);
}

/// Reports two library files with the same name, and files whose content can't be read.
pub(super) fn check_library(scenario: &Scenario, problems: &mut Vec<ScenarioProblem>) {
    let names = scenario.library.iter().map(|item| item.name.clone());
    check_duplicates(names, "/library", "name", "a library file", problems);
    for (index, item) in scenario.library.iter().enumerate() {
        check_content(
            item.text.as_ref(),
            item.base64.as_ref(),
            None,
            &format!("/library/{index}"),
            problems,
        );
    }
}

/// Reports each value of `key` that an earlier entry of the list has. `owner` names an entry in the
/// message, with its article.
fn check_duplicates(
    values: impl Iterator<Item = String>,
    list: &str,
    key: &str,
    owner: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, value) in values.enumerate() {
        if let Some(first) = seen.get(&value) {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::DuplicateName,
                    format!("{list}/{index}/{key}"),
                    format!("duplicate {key} of {owner}"),
                )
                .related(format!("{list}/{first}/{key}"), "first used here"),
            );
        } else {
            seen.insert(value, index);
        }
    }
}
