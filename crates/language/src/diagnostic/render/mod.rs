//! Findings as text for a terminal or as JSON for programs, and the pages of rules.
//!
//! Control characters and escape sequences of a playbook are made visible, so that none of them reaches
//! the terminal.

mod excerpt;
mod json;
mod page;
mod style;
mod text;

pub use json::json;
pub use page::page;
pub use style::RenderStyle;
pub use text::text;
