//! List of all rules of this crate.
//!
//! Each rule is a static in the module that checks it. A rule about the meaning of a playbook has a file of
//! its own in `playbook/rules/`. To add one, write `playbook/rules/<id>.rs` with its `RULE` and `check`,
//! name it in `playbook/rules/mod.rs`, and add the folder `tests/cases/check/<id>/`.

use crate::diagnostic::Rule;

pub use crate::playbook::check::rules::{CONFLICTING_KEYS, EMPTY_LIST, MISSING_KEY};
pub use crate::playbook::rules::empty_range::RULE as EMPTY_RANGE;
pub use crate::playbook::rules::incomplete_waves::RULE as INCOMPLETE_WAVES;
pub use crate::playbook::templates::rules::{TEMPLATE_CYCLE, TEMPLATE_VALUE};
pub use crate::yaml::rules::EMPTY_DOCUMENT;

/// Returns all rules of this crate: those about YAML, the schema, expressions, the meaning of a
/// playbook, and suppressions.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [
        yaml(),
        crate::playbook::check::rules::RULES,
        crate::playbook::templates::rules::RULES,
        crate::playbook::rules::RULES,
        crate::playbook::suppression::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Returns the rules about YAML itself, which hold for every document.
pub fn yaml() -> &'static [&'static Rule] {
    crate::yaml::rules::RULES
}
