//! Findings about a text: [`Problem`]s with a rule, places, a message and help.
//!
//! A [`Rule`] is a static next to the code that checks it. The check reports where and what the problem
//! is; only [`render`] draws it.

mod nearest;
mod problem;
pub mod render;
mod rule;

pub use nearest::nearest;
pub use problem::{Edit, Fix, Label, Problem, sort_problems};
pub use rule::{Rule, Severity};
