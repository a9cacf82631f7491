//! Checks whether a scenario's values make sense together, which its types can't express.
//!
//! A [`ScenarioProblem`] contains its place as a JSON pointer and is independent of files and
//! lines, so that a scenario built in memory can be checked too. The entry point is
//! [`Scenario::problems`](super::Scenario::problems).

mod content;
mod devices;
mod faults;
mod outcomes;
mod problem;
mod settings;
mod times;

pub use problem::{ScenarioProblem, ScenarioProblemKind};
