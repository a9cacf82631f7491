//! What stands inside `${{ }}`, over a whole document.
//!
//! A template is judged by its place: which names it sees, and what value is wanted of it
//! (`place.rs`). What the names are is read off the document (`names.rs`), so a template is checked
//! also where the rest of the playbook is wrong. Start reading at [`check`].

mod check;
mod names;
mod place;
pub(crate) mod rules;
mod used;

pub use check::check;
pub use used::{NamesUsed, names_used};
