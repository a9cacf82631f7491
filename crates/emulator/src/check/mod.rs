//! Checks whether a scenario's values make sense together, which its types can't express.
//!
//! A [`ScenarioProblem`] gives its location as a JSON pointer and does not depend on files and lines,
//! so that a scenario built in memory can be checked too. [`Scenario::problems`] runs all checks.

mod devices;
mod faults;
mod files;
mod names;
mod outcomes;
mod problem;
mod settings;
mod times;

pub use problem::{RelatedLocation, ScenarioProblem, ScenarioProblemKind};

use super::scenario::{Scenario, TimeWindow};

impl Scenario {
    /// Returns everything in the scenario that is wrong or has no effect.
    pub fn problems(&self) -> Vec<ScenarioProblem> {
        let mut problems = Vec::new();
        names::check_apps(self, &mut problems);
        names::check_library(self, &mut problems);
        devices::check_devices(self, &mut problems);
        outcomes::check_outcomes(self, &self.outcomes, "/outcomes", &mut problems);
        faults::check_faults(self, &mut problems);
        for (index, load) in self.background_load.iter().enumerate() {
            let window = TimeWindow {
                from: load.from,
                until: load.until,
            };
            times::check_window(window, &format!("/background_load/{index}"), &mut problems);
        }
        settings::check_settings(&self.settings, &mut problems);
        problems
    }
}
