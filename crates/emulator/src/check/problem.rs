//! One finding, and the row of all looks.

use std::collections::HashMap;

use super::super::scenario::{Scenario, TimeWindow};
use super::content::content;
use super::outcomes::outcomes;
use super::times::windows;
use super::{devices, faults, settings};

/// Something in a scenario that can't be played as written, or does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioProblem {
    /// The rule it breaks: a kebab-case id.
    pub rule: &'static str,
    /// Where, as a JSON pointer.
    pub place: String,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// Another place with what there is to see.
    pub also: Option<(String, &'static str)>,
    /// What to do.
    pub help: Option<String>,
    /// What may have been meant in place of what stands there.
    pub candidates: Vec<String>,
}

impl ScenarioProblem {
    pub(super) fn new(
        rule: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        ScenarioProblem {
            rule,
            place: place.into(),
            message: message.into(),
            also: None,
            help: None,
            candidates: Vec::new(),
        }
    }

    pub(super) fn also(mut self, place: impl Into<String>, words: &'static str) -> Self {
        self.also = Some((place.into(), words));
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Scenario {
    /// Everything that keeps the scenario from being played as written, and everything in it that
    /// does nothing. Empty if there is nothing.
    pub fn problems(&self) -> Vec<ScenarioProblem> {
        let mut problems = Vec::new();
        if self.apps.is_empty() {
            let message = "without an application nobody can sign in";
            problems.push(ScenarioProblem::new("empty-list", "/apps", message));
        }
        let apps = self.apps.iter().map(|app| app.id.to_ascii_lowercase());
        duplicates(apps, "/apps", "id", "an application", &mut problems);
        let library = self.library.iter().map(|item| item.name.clone());
        duplicates(library, "/library", "name", "a library file", &mut problems);
        for (place, item) in self.library.iter().enumerate() {
            let at = format!("/library/{place}");
            content(
                item.text.as_ref(),
                item.base64.as_ref(),
                None,
                &at,
                &mut problems,
            );
        }
        devices::check(self, &mut problems);
        outcomes(self, &self.outcomes, "/outcomes", &mut problems);
        faults::check(self, &mut problems);
        for (place, colleague) in self.background_load.iter().enumerate() {
            let window = TimeWindow {
                from: colleague.from,
                until: colleague.until,
            };
            windows(
                &[window],
                &format!("/background_load/{place}"),
                false,
                &mut problems,
            );
        }
        settings::check(&self.settings, &mut problems);
        problems
    }
}

fn duplicates(
    names: impl Iterator<Item = String>,
    list: &str,
    key: &str,
    what: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (place, name) in names.enumerate() {
        if let Some(first) = seen.get(&name) {
            problems.push(
                ScenarioProblem::new(
                    "duplicate-name",
                    format!("{list}/{place}/{key}"),
                    format!("{what} of this {key} is there already"),
                )
                .also(format!("{list}/{first}/{key}"), "here for the first time"),
            );
        } else {
            seen.insert(name, place);
        }
    }
}
