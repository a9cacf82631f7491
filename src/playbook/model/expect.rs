//! What must hold for a step to succeed.

use indexmap::IndexMap;

use crate::playbook::templated::{Several, Templated, Written};

use super::SizeCheck;

/// What must hold for a step to succeed; all of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expect {
    /// For `run`: the exit code, a list of codes, or `any`. Absent: `0`.
    pub exit: Option<Exit>,
    /// For `run`: the standard output. A text alone means `contains`.
    pub stdout: Option<TextCheck>,
    /// For `run`: the standard error. A text alone means `contains`.
    pub stderr: Option<TextCheck>,
    /// For `run`: values in the standard output, which must be JSON. Each key says where the value
    /// stands (`status`, `items[0].name`), and its value what must stand there.
    pub json: IndexMap<String, Written>,
    /// For `get`: the size of the file, as in `"> 0"`, `"<= 100MB"` or `512`.
    pub size: Option<Templated<SizeCheck>>,
    /// For `get`: the SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: Option<Templated<String>>,
}

/// Exit codes that mean success.
#[derive(Debug, Clone, PartialEq)]
pub enum Exit {
    /// Every code.
    Any,
    /// These.
    Codes(Vec<Templated<i64>>),
}

/// What must hold for an output; all of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextCheck {
    /// The output has this text somewhere, or all of these.
    pub contains: Several<Templated<String>>,
    /// The output has this text nowhere, nor any of these.
    pub not_contains: Several<Templated<String>>,
    /// The output is this text, white space at both ends aside.
    pub equals: Option<Templated<String>>,
    /// The output has a match for this regular expression, or for all of these.
    pub matches: Several<Templated<String>>,
    /// The output has no match for this regular expression, nor for any of these.
    pub not_matches: Several<Templated<String>>,
}
