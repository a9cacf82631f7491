//! One finding, and the row of all looks.

use std::collections::HashMap;

use super::super::scenario::{Scenario, Window};
use super::content::content;
use super::outcomes::outcomes;
use super::times::windows;
use super::{devices, faults, knobs};

/// Something in a scenario that can't be played as written, or does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
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

impl Flaw {
    pub(super) fn new(
        rule: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Flaw {
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
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if self.apps.is_empty() {
            let message = "without an application nobody can sign in";
            flaws.push(Flaw::new("empty-list", "/apps", message));
        }
        let apps = self.apps.iter().map(|app| app.id.to_ascii_lowercase());
        duplicates(apps, "/apps", "id", "an application", &mut flaws);
        let library = self.library.iter().map(|item| item.name.clone());
        duplicates(library, "/library", "name", "a library file", &mut flaws);
        for (place, item) in self.library.iter().enumerate() {
            let at = format!("/library/{place}");
            content(
                item.text.as_ref(),
                item.base64.as_ref(),
                None,
                &at,
                &mut flaws,
            );
        }
        devices::check(self, &mut flaws);
        outcomes(self, &self.outcomes, "/outcomes", &mut flaws);
        faults::check(self, &mut flaws);
        for (place, colleague) in self.colleagues.iter().enumerate() {
            let window = Window {
                from: colleague.from,
                until: colleague.until,
            };
            windows(
                &[window],
                &format!("/colleagues/{place}"),
                false,
                &mut flaws,
            );
        }
        knobs::check(&self.knobs, &mut flaws);
        flaws
    }
}

fn duplicates(
    names: impl Iterator<Item = String>,
    list: &str,
    key: &str,
    what: &str,
    flaws: &mut Vec<Flaw>,
) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (place, name) in names.enumerate() {
        if let Some(first) = seen.get(&name) {
            flaws.push(
                Flaw::new(
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
