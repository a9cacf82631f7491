//! A problem of a scenario, and the list of all checks.

use std::collections::HashMap;

use super::super::scenario::{Scenario, TimeWindow};
use super::content::content;
use super::outcomes::outcomes;
use super::times::windows;
use super::{devices, faults, settings};

/// A problem of a scenario: something that is wrong or has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioProblem {
    /// The kind of the problem.
    pub kind: ScenarioProblemKind,
    /// Place of the problem, as a JSON pointer.
    pub place: String,
    /// Message without a full stop.
    pub message: String,
    /// Another place, with a label.
    pub also: Option<(String, &'static str)>,
    /// Help: a way to solve the problem.
    pub help: Option<String>,
    /// Values that may have been meant instead.
    pub candidates: Vec<String>,
}

/// The kinds of problems a scenario can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScenarioProblemKind {
    /// A key that is needed is missing.
    MissingKey,
    /// Two keys exclude each other.
    ConflictingKeys,
    /// A list that needs an entry is empty.
    EmptyList,
    /// The lower bound of a range is above the upper one.
    EmptyRange,
    /// Two devices can't be distinguished.
    DuplicateDevice,
    /// Two applications or two library files can't be distinguished.
    DuplicateName,
    /// All devices of a fleet have the same name.
    FleetNamePattern,
    /// A time window ends before it begins.
    ReversedWindow,
    /// Two time windows overlap.
    OverlappingWindows,
    /// A fault is for a device that the scenario does not have.
    UnknownDevice,
    /// A fault can never trigger, or a key of it has no effect.
    IneffectiveFault,
    /// An earlier outcome always matches first.
    UnusedOutcome,
    /// A setting has no effect together with the others.
    IneffectiveSetting,
    /// An outcome is for a script that is not in the library.
    UnknownScript,
    /// A limit of zero allows nothing.
    ZeroLimit,
    /// The operating system is not known.
    UnknownOs,
    /// A device can't have a file at that path.
    InvalidDeviceFile,
    /// The content is not base64.
    InvalidBase64,
}

impl ScenarioProblem {
    pub(super) fn new(
        kind: ScenarioProblemKind,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        ScenarioProblem {
            kind,
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
    /// Returns everything in the scenario that is wrong or has no effect.
    pub fn problems(&self) -> Vec<ScenarioProblem> {
        let mut problems = Vec::new();
        if self.apps.is_empty() {
            let message = "no applications: no client can sign in";
            problems.push(ScenarioProblem::new(
                ScenarioProblemKind::EmptyList,
                "/apps",
                message,
            ));
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
        for (place, load) in self.background_load.iter().enumerate() {
            let window = TimeWindow {
                from: load.from,
                until: load.until,
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
                    ScenarioProblemKind::DuplicateName,
                    format!("{list}/{place}/{key}"),
                    format!("duplicate {key} of {what}"),
                )
                .also(format!("{list}/{first}/{key}"), "first used here"),
            );
        } else {
            seen.insert(name, place);
        }
    }
}
