//! Checks the expressions inside `${{ }}` of a whole document.
//!
//! A template is checked by its key: which names it may use, and which type its value must have
//! (`context.rs`). What the names are is read off the document (`names.rs`), so a template is checked
//! also where the rest of the playbook is wrong. Start reading at [`check`].

mod check;
mod context;
mod names;
pub(crate) mod rules;
mod used_names;

pub use check::check;
pub use used_names::{UsedNames, used_names};
