//! What a scenario's types can't say: whether its values make sense together.
//!
//! A [`ScenarioProblem`] names its place by a JSON pointer and knows nothing of files and lines, so that the
//! same look serves a scenario that was built in memory. What the rules' ids mean is told by the
//! caller. Start reading at [`Scenario::problems`](super::Scenario::problems).

mod content;
mod devices;
mod faults;
mod outcomes;
mod problem;
mod settings;
mod times;

pub use problem::ScenarioProblem;
