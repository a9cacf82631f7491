//! Rules about what a playbook means, which a schema can't say.

use crate::diagnostic::code::Rule;

pub(super) static RULES: &[Rule] = &[];
