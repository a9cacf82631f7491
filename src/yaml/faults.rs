//! Errors of the scanner -> problems at the bytes a person must change.

use granit_parser::ScanError;

use crate::diagnostic::Problem;
use crate::source::{SourceText, Span};

/// What the scanner found, in the author's words.
pub(super) fn problem(source: &SourceText, error: &ScanError) -> Problem {
    let offset = error.marker().byte_offset().unwrap_or(0) as u32;
    Problem::new(
        "yaml-syntax",
        source,
        Span::new(offset, offset),
        error.kind().to_string(),
    )
}
