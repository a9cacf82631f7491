//! What a scenario's types can't say: whether its values make sense together.
//!
//! A [`Flaw`] names its place by a JSON pointer and knows nothing of files and lines, so that the
//! same look serves a scenario that was built in memory. What the rules' ids mean is told by the
//! caller. Start reading at [`Scenario::flaws`](super::Scenario::flaws).

mod content;
mod devices;
mod faults;
mod flaw;
mod knobs;
mod outcomes;
mod times;

pub use flaw::Flaw;
