//! Findings as text for a terminal or as JSON for programs, and the pages of rules.
//!
//! Whatever comes from a source is made visible on its way out: no control character and no escape
//! sequence of a playbook reaches the terminal.

mod excerpt;
mod json;
mod page;
mod text;

pub use json::json;
pub use page::page;
pub use text::{RenderStyle, text};
