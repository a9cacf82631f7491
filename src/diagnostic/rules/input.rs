//! Rules about what is handed in from outside: inputs, targets, scenario and settings files.

use crate::diagnostic::code::Rule;

pub(super) static RULES: &[Rule] = &[];
