//! What we tell the author of a text: [`Problem`]s with a code, places, words and help.
//!
//! Every code stands in [`rules`] with its page for `svar explain`. Drawing is the business of
//! `render` alone; whoever finds a problem only says where and what.

mod code;
mod nearest;
mod problem;
pub mod render;
mod rules;

pub use code::{Rule, Severity};
pub use nearest::nearest;
pub use problem::{Edit, Fix, Label, Problem, sort_problems};
pub use rules::{is_about_meaning, rule, rules};
