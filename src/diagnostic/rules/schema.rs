//! Rules about the shape: what the schema demands.

use crate::diagnostic::code::Rule;

pub(super) static RULES: &[Rule] = &[];
