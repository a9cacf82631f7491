//! Rules about what stands inside `${{ }}`.

use crate::diagnostic::code::Rule;

pub(super) static RULES: &[Rule] = &[];
