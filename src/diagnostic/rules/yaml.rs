//! Rules about the YAML itself.

use crate::diagnostic::code::Rule;

pub(super) static RULES: &[Rule] = &[];
