//! Checks what a scenario's types can't express: whether its values make sense together.
//!
//! A [`ScenarioProblem`] names its place by a JSON pointer and knows nothing of files and lines, so that a
//! scenario built in memory can be checked too. Start reading at [`Scenario::problems`](super::Scenario::problems).

mod content;
mod devices;
mod faults;
mod outcomes;
mod problem;
mod settings;
mod times;

pub use problem::{ScenarioProblem, ScenarioProblemKind};
