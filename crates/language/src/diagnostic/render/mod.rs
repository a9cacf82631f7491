//! Findings -> what a person or a program reads.
//!
//! [`text`] draws for a terminal, [`json`] writes for programs. Whatever comes from a source is
//! cleaned on its way out: no control character and no escape code of a playbook reaches the
//! terminal raw.

mod clean;
mod excerpt;
mod json;
mod text;

pub use clean::clean;
pub use json::json;
pub use text::{Style, text, wrapped};
