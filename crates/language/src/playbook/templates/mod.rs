//! Check of all templates of a playbook.
//!
//! The key of a template determines which names it may use and which type its value must have
//! (`context.rs`). The names and their types are read from the document (`names.rs`), so that templates
//! are checked also if other parts of the playbook are wrong. Start reading at [`check()`].

mod check;
mod context;
mod names;
pub(crate) mod rules;
mod used_names;

pub use check::check;
pub use used_names::{NameRoot, UsedNames, used_names};
