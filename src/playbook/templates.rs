//! What stands inside `${{ }}`, over a whole document.

use std::collections::HashSet;

use crate::diagnostic::Problem;
use crate::yaml::Document;

/// The names that templates of a document use.
#[derive(Debug, Default)]
pub struct NamesUsed {
    /// Names under `inputs`.
    pub inputs: HashSet<String>,
    /// Names under `vars`.
    pub vars: HashSet<String>,
}

/// Everything that is wrong with the templates of a playbook.
pub fn check(_document: &Document) -> Vec<Problem> {
    Vec::new()
}

/// The names that the templates of a playbook use.
pub fn names_used(_document: &Document) -> NamesUsed {
    NamesUsed::default()
}
